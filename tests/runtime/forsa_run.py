"""`forsa run` as a user starts it: its own directory, its own server, its own port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-m", "runtime.cli"]


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of Forsa's."""
    ours = ("FORSA_", "DATABASE_URL", "KAFKA_BOOTSTRAP")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)} | {"PYTHONPATH": str(ROOT)}


def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    """Returns as soon as it is so; fails after these seconds."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.02)


class ForsaRun:
    """One `forsa run` in a directory; the data in `directory/var` stays for the next one."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.output = directory / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*CLI, "run", "--port", str(self.port), "--workers", "1", *options],
                cwd=directory, env=clean_environment(), stdout=output, stderr=output,
            )  # fmt: skip

    def get(self, path: str) -> int:
        """Status of a GET; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def said(self) -> str:
        """Everything it printed so far."""
        return self.output.read_text()

    def wait_until_welcome(self) -> None:
        """It is ready and has said so."""

        def welcomed() -> bool:
            assert self.process.poll() is None, self.said()
            return "Ctrl-C ends everything" in self.said() and self.get("/readyz") == 200

        until(welcomed, 60)

    def children(self) -> dict[str, int]:
        """Name → pid of the processes it supervises."""
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and _parent_of(entry) == self.process.pid:
                words = _words_of(entry)
                for command in ("serve", "project", "publish", "receive", "kafka.Kafka"):
                    if command in words:
                        found[command] = int(entry.name)
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def processes_in(directory: Path) -> list[str]:
    """Command lines of processes that work in this directory, or were started with it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            words = _words_of(entry)
            try:
                where = str((entry / "cwd").readlink())
            except OSError:
                where = ""
            if str(directory) in " ".join(words) or (where == str(directory) and words):
                found.append(" ".join(words))
    return found


def _words_of(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def _parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0

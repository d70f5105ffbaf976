"""The partner's program as a process, and the register it leaves."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tests.runtime.forsa_run import ROOT, clean_environment, until


class Program:
    """examples/partner_register.py in a directory of its own; its register stays there for the next one."""

    def __init__(self, directory: Path, *arguments: str, token: str = "", **environ: str) -> None:
        """Started. token: in FEED_TOKEN."""
        directory.mkdir(exist_ok=True)
        self.database, self.log = directory / "register.sqlite", directory / "log"
        environment = {**clean_environment(), "FEED_TOKEN": token, **environ}
        del environment["PYTHONPATH"]  # it needs nothing of ours
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "examples/partner_register.py"), *arguments],
                cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        """Its exit code and what it printed, once it has ended by itself."""
        printed, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, printed

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def said(self) -> str:
        """Every line it wrote so far."""
        return self.log.read_text()

    def rows(self, query: str) -> list[Any]:
        """What a query finds in its file; nothing before it has made its tables."""
        try:
            with closing(sqlite3.connect(self.database, timeout=10)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def held(self) -> dict[str, Any]:
        """Its register."""
        return {each[0]: json.loads(each[1]) for each in self.rows("select diploma, record from register")}

    def inbox(self) -> dict[str, str]:
        """Every id it has read, with the hash of its content."""
        return dict(self.rows("select id, digest from inbox"))

    def buried(self) -> list[tuple[str, str]]:
        """Its dead letters, with the reasons."""
        return self.rows("select id, reason from dead_letters order by rowid")

    def place(self) -> str:
        """How far it has read."""
        found = self.rows("select epoch || '/' || sequence from progress")
        return found[0][0] if found else ""

    def wait_for(self, place: object, seconds: float = 60) -> None:
        """It has read so far."""

        def is_there() -> bool:
            assert self.process.poll() is None, self.said()
            return self.place() == str(place)

        until(is_there, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)
        assert self.process.stdout
        self.process.stdout.close()

"""The services of docker-compose.yml as processes of this machine: their commands, environment and health checks."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
TIED = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []  # ends with us, even by kill -9
HEALTHY_SECONDS = 45  # compose allows each at least 60


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of the compose file with what its image and network give it replaced by what is here.

    places: names that mean something in a container only, and what they are here.
    local: the command line here of a command line in the image.
    ours: environment that the image sets, or that no replaced name can set.
    """

    name: str
    places: Mapping[str, str]
    local: Callable[[list[str]], list[str]]
    ours: Mapping[str, str]
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """The compose file's, each variable at its default, and nothing of this process but PATH."""
        given = {
            name: self._here(re.sub(r"\$\{\w+:?-(.*?)\}", r"\1", value))
            for name, value in SERVICES[self.name].get("environment", {}).items()
        }
        return given | {"PATH": os.environ["PATH"]} | dict(self.ours)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What a command of the image did, ended within half a minute."""
        return subprocess.run(
            self._local(command), env=self.environment, cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    def check(self) -> subprocess.CompletedProcess[str]:
        """What the service's own health check says."""
        kind, *command = SERVICES[self.name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(*command)

    @contextmanager
    def healthy(self, *command: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[bytes]]:
        """The service runs and its health check says so; after the block it has ended, asked by `stop`."""
        assert self.check().returncode != 0, "healthy before it runs"
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [*TIED, *self._local(command)],
                env=self.environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            self._wait_for(process)
            yield process
            process.send_signal(stop)
            process.wait(20)
        finally:
            process.kill()
            process.wait()

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + HEALTHY_SECONDS
        while (last := self.check()).returncode != 0:
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, last.stdout + last.stderr + self.log.read_text()

    def _here(self, words: str) -> str:
        for place, here in self.places.items():
            words = words.replace(place, here)
        return words

    def _local(self, command: tuple[str, ...]) -> list[str]:
        return self.local([self._here(word) for word in command])


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port

"""Forsa as it runs for users: a gunicorn server with its workers and a projector, each started again when it dies."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import psycopg

from bench.prove.world import Copy
from projections import ALL_VIEWS
from runtime.supervisor import Child, end_all

READY_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.005  # between two looks at something that is waited for
WEB: Final = "web"
PROJECTOR: Final = "projector"
FORSA: Final = (sys.executable, "-m", "runtime.cli")
SERVE: Final = ("serve", "--workers")
PROJECT: Final = ("project",)
COMMANDS: Final = {WEB: (*FORSA, *SERVE, "2"), PROJECTOR: (*FORSA, *PROJECT)}
POSITION: Final = (
    "select coalesce(min(position), 0) from views.view_state"
    " join unnest(%s::text[], %s::integer[]) as ours(view, version) using (view, version)"
)


class NotInTime(Exception):
    """What was waited for did not come about."""


class Running:
    """Web server and projector on one copy of the world.

    Use it from the main thread: the kernel ends a child with the thread that started it. What dies is started again by
    whoever waits here (`until`), the way `forsa run` does it.
    """

    def __init__(
        self, copy: Copy, commands: Mapping[str, Sequence[str]] = COMMANDS, variables: Mapping[str, str] | None = None
    ) -> None:
        """commands: what to run as web server, as projector, and beside them. variables: more of them for all."""
        self.copy = copy
        self._more = {"FORSA_PORT": str(free_port()), **(variables or {})}
        self.port = int(self._more["FORSA_PORT"])
        self._commands = commands
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self.children = {name: self._start(name) for name in commands}
        self.deaths: list[str] = []  # of children that nobody here killed

    def _start(self, name: str) -> Child:
        kept = {key: text for key, text in os.environ.items() if not key.startswith("FORSA_") and key != "DATABASE_URL"}
        # Four clients speak for three logins: no limit, since it is not what is proved here.
        more = {"FORSA_LOG_FORMAT": "json", "FORSA_RATE_PER_SECOND": "0", **self._more}
        # The shell only opens the log and becomes the process itself, so its pid is the process's.
        logged = ["sh", "-c", 'exec "$@" >> "$0" 2>&1', str(self.copy.directory / f"{name}.log")]
        return Child(name, [*logged, *self._commands[name]], {**kept, **self.copy.variables, **more})

    def workers(self) -> list[int]:
        """Pids of the web server's workers."""
        return children_of(self.children[WEB].pid)

    def postmaster(self) -> int:
        """Pid of the copy's PostgreSQL server; 0 while there is none. A pid file is no proof: pids are reused."""
        data = self.copy.server.directory / "data"
        with suppress(OSError, ValueError, IndexError):
            pid = int((data / "postmaster.pid").read_text().split()[0])
            if b"\0-D\0%b\0" % bytes(data) in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return 0

    def kill(self, name: str) -> bool:
        """Whether the child ran, was killed, and another one was started at once: no pause, no death by itself."""
        child = self.children[name]
        if child.next_start:  # it has died and was reaped: its pid may be anybody's
            return False
        os.kill(child.pid, signal.SIGKILL)
        child.wait_for_end(time.monotonic() + READY_SECONDS)
        self.children[name] = self._start(name)
        return True

    def until(self, is_so: Callable[[], object], what: str, seconds: float = READY_SECONDS) -> float:
        """It is so, at this moment (time.monotonic); children that died meanwhile were started again. NotInTime."""
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise NotInTime(f"{what}: not within {seconds:g} s")
            for child in self.children.values():
                was_running = child.next_start == 0.0
                child.watch()
                if was_running and child.next_start:
                    self.deaths.append(child.name)
            time.sleep(LOOK_SECONDS)
        return time.monotonic()

    def go_on_for(self, seconds: float) -> None:
        """The processes have worked so long."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "a pause")

    def is_serving(self) -> bool:
        """Somebody listens on the web server's port."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def viewed(self) -> int:
        """The position that every view has reached; -1 where the database does not answer."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self.copy.connect()
            names, versions = [view.name for view in ALL_VIEWS], [view.version for view in ALL_VIEWS]
            row = self._connection.execute(POSITION, (names, versions)).fetchone()
        except psycopg.Error:
            return -1
        return int(str(row[0])) if row else -1

    def stop(self) -> None:
        """All processes were asked to end and have ended."""
        end_all(list(self.children.values()))

    def __enter__(self) -> Self:
        try:
            self.until(self.is_serving, "the web server listens")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._connection is not None:
            self._connection.close()


def children_of(pid: int) -> list[int]:
    """Pids of a process's children that still run; none for pid 0."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [int(entry.name) for entry in entries if pid and _living_child_of(entry) == pid]


def _living_child_of(process: Path) -> int:
    """The parent's pid; 0 for a process that has ended, whether or not its parent has noticed."""
    with suppress(OSError, ValueError, IndexError):
        state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
        return 0 if state == "Z" else int(parent)
    return 0


def free_port() -> int:
    """A port nobody listened on a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

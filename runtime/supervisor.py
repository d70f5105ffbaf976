"""Child processes that are started again when they die, and end with their parent."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

WATCH_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0  # between two starts of a child that keeps dying: or is being killed
SETTLED_SECONDS: Final = 30.0  # after this long a death counts as the first again
ENDING_SECONDS: Final = 15.0  # to finish what is under way; then it is killed

_log = logging.getLogger(__name__)


class Child:
    """One process, started again with growing pauses whenever it ends.

    Use it from one long-lived thread: the kernel ends the process with the thread that started it.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it."""
        self.name, self._command, self._environment = name, list(command), dict(environment)
        self._deaths = 0
        self.pause_seconds = 0.0  # before the start that is due
        self.next_start = 0.0  # on time.monotonic's scale; 0 while it runs
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Of the process as it runs now."""
        return self._process.pid

    def watch(self) -> None:
        """The process runs again if it had died and its pause is over."""
        code = self._process.poll()
        now = time.monotonic()
        if code is None:
            return
        if self.next_start == 0.0:
            self._deaths = 1 if now - self._started_at > SETTLED_SECONDS else self._deaths + 1
            self.pause_seconds = min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** (self._deaths - 1))
            self.next_start = now + self.pause_seconds
            _log.warning("%s ended with code %s; starting it again in %.1f s", self.name, code, self.pause_seconds)
        if now >= self.next_start:
            self.next_start = 0.0
            self._process = self._start()

    def ask_to_end(self) -> None:
        """SIGTERM was sent, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait_for_end(self, until: float) -> None:
        """It has ended; killed where it took longer than that (a time.monotonic moment)."""
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("%s did not end in time and was killed", self.name)
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        tool = shutil.which("setpriv")
        tied = [tool, "--pdeathsig", "TERM", "--"] if tool else []
        self._started_at = time.monotonic()
        # A session of its own: Ctrl-C reaches the parent only, which ends the children in order.
        return subprocess.Popen([*tied, *self._command], env=self._environment, start_new_session=True)


def supervise(children: Sequence[Child], stop: threading.Event) -> None:
    """The children run until `stop` is set, then all of them have ended."""
    try:
        while not stop.wait(WATCH_SECONDS):
            for child in children:
                child.watch()
    finally:
        end_all(children)


def end_all(children: Sequence[Child]) -> None:
    """Every child was asked to end, all at once, and has ended."""
    until = time.monotonic() + ENDING_SECONDS
    for child in children:
        child.ask_to_end()
    for child in children:
        child.wait_for_end(until)

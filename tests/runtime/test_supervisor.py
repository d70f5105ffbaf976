"""Children of `forsa run`: started again when they die, with growing pauses, and ended together."""

import sys
import threading
from pathlib import Path

import pytest

from runtime import supervisor
from runtime.supervisor import Child, end_all, supervise
from tests.runtime.forsa_run import until

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


def test_a_child_that_dies_is_started_again() -> None:
    child = Child("sleeper", SLEEPER, ENVIRONMENT)
    first = child.pid
    child.ask_to_end()

    def runs_again() -> bool:
        child.watch()
        return child.pid != first

    until(runs_again, 5)
    end_all([child])


def test_one_that_keeps_dying_is_started_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.4)
    child = Child("dies", [sys.executable, "-c", "raise SystemExit(3)"], ENVIRONMENT)
    pauses: list[float] = []

    def paused() -> bool:
        child.watch()
        if child.next_start and (not pauses or pauses[-1] != child.pause_seconds):
            pauses.append(child.pause_seconds)
        return pauses[-2:] == [0.2, 0.4]

    until(paused, 10)
    assert pauses == [0.1, 0.2, 0.4]
    end_all([child])


def test_one_that_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ENDING_SECONDS", 0.3)
    stubborn = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    children = [
        Child("stubborn", [sys.executable, "-c", stubborn], ENVIRONMENT),
        Child("sleeper", SLEEPER, ENVIRONMENT),
    ]
    stop = threading.Event()
    stop.set()
    supervise(children, stop)
    assert all(not Path(f"/proc/{child.pid}").exists() for child in children)

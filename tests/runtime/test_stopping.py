"""A process that is asked to end while it looks whether it was asked."""

from __future__ import annotations

import subprocess
import sys

INSIDE_WAIT = """
import signal
from runtime.cli.processes import stopped_by_signals
stop = stopped_by_signals()
with stop._cond:
    signal.raise_signal(signal.SIGTERM)
assert stop.wait(0)
"""


def test_a_signal_in_the_middle_of_a_wait_stops_the_process() -> None:
    """The library's own event hangs here for ever: whoever waits holds the lock that setting it wants."""
    subprocess.run([sys.executable, "-c", INSIDE_WAIT], check=True, timeout=30)

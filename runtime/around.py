"""What runs around something else: a service around a command, and a thread beside a process's own work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.settings import Settings

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_inside(service: AbstractContextManager[Mapping[str, str]], command: Sequence[str]) -> int:
    """The exit code of a command that ran while the service did; 128 + n where signal n ended it.

    service: gives the variables the command finds it by. The command gets SIGTERM when this process is killed, and the
    signals that this process is sent.
    """
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if not children:
            sys.exit(128 + number)
        if number != signal.SIGINT:  # Ctrl-C reaches the command from the terminal already
            children[0].send_signal(number)

    for number in ENDINGS:
        signal.signal(number, pass_on)
    with service as variables:
        tool = shutil.which("setpriv")
        tied = [tool, "--pdeathsig", "TERM", "--"] if tool else []
        children.append(subprocess.Popen([*tied, *command], env=os.environ | dict(variables)))
        code = children[0].wait()
        return code if code >= 0 else 128 - code


@contextmanager
def beside(
    name: str, follow: Callable[[Settings, threading.Event], None], settings: Settings
) -> Iterator[threading.Thread]:
    """While the block runs, so does `follow`, on a thread of that name; it is told to end, and has ended, after it."""
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(settings, stop), name=name, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join()

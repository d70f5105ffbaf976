"""A Kafka broker beside a run of tests: started in the background when one of them needs it, ended with the run.

`python -m tests.brokers DIRECTORY PID` holds a broker until the process PID has ended; what came of it stands in
DIRECTORY/bootstrap or, where it did not start, in DIRECTORY/failed.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from runtime.kafka_jars import NoKafkaError
from runtime.local_kafka import LocalKafka

PLACE = Path(__file__).parents[1] / "var/testkafka"
WAIT_SECONDS = 240  # the very first start fetches the jars
_HOLDERS: list[subprocess.Popen[bytes]] = []  # Python warns of a process that is forgotten while it runs


def begin_broker(owner: int) -> None:
    """A broker for this run of tests is on its way; `owner` is the process whose end is the run's."""
    directory = _place_of(owner)
    directory.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:  # of several test processes one starts it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (directory / "begun").exists():
            return
        _sweep()
        (directory / "begun").touch()
        with (directory / "holder.log").open("w") as log:
            holder = subprocess.Popen(
                [sys.executable, "-m", "tests.brokers", str(directory), str(owner)],
                cwd=PLACE.parents[1], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            _HOLDERS.append(holder)


def wait_for_broker(owner: int) -> str:
    """The address of this run's broker. Raises NoKafkaError with its reason, where it did not start."""
    directory, end = _place_of(owner), time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if (directory / "bootstrap").exists():
            return (directory / "bootstrap").read_text()
        if (directory / "failed").exists():
            raise NoKafkaError((directory / "failed").read_text())
        time.sleep(0.05)
    raise NoKafkaError(f"the broker did not come within {WAIT_SECONDS} s: see {directory}")


def hold_broker(directory: Path, owner: int) -> None:
    """A broker runs until that process has ended; the directory is gone then, unless it failed."""
    broker = LocalKafka(directory / "broker")
    try:
        until = os.pidfd_open(owner)
        _say(directory / "bootstrap", broker.start().bootstrap)
    except (NoKafkaError, OSError) as error:
        _say(directory / "failed", str(error))
        raise
    select.select([until], [], [])
    broker.kill()
    shutil.rmtree(directory, ignore_errors=True)


def _say(path: Path, text: str) -> None:
    half = path.with_suffix(".half")
    half.write_text(text)
    half.rename(path)


def _place_of(owner: int) -> Path:
    """A directory that no other process has, also none of the same number later."""
    started = Path(f"/proc/{owner}/stat").read_text().rsplit(")", 1)[1].split()[19]
    return PLACE / f"{owner}-{started}"


def _sweep() -> None:
    """What runs that ended left behind is gone."""
    for directory in PLACE.glob("*-*"):
        owner = int(directory.name.split("-")[0])
        if not Path(f"/proc/{owner}").exists() or _place_of(owner) != directory:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    hold_broker(Path(sys.argv[1]), int(sys.argv[2]))

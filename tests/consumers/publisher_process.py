"""`forsa publish` as a process of its own on the test's databases, to be killed; and rows that keep coming."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.consumers.feed_table import SECONDS, FeedRows
from tests.runtime.forsa_run import CLI, clean_environment

PER_SECOND = 200


class PublisherProcess:
    """One `forsa publish`; what it says stands in `output`."""

    def __init__(self, bootstrap: str, dsn: str, output: Path, metrics_port: int | None = None) -> None:
        """dsn: as the projector's role."""
        self.output = output
        self.environment = clean_environment() | {
            "FORSA_DATABASE_URL": dsn,
            "FORSA_KAFKA_BOOTSTRAP": bootstrap,
            "FORSA_KAFKA_REPLICATION": "1",
        }
        if metrics_port:
            self.environment["FORSA_METRICS_PORT"] = str(metrics_port)
        with output.open("a") as said:
            self.process = subprocess.Popen([*CLI, "publish"], env=self.environment, stdout=said, stderr=said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def said(self) -> str:
        """Everything it said so far."""
        return self.output.read_text()

    def kill(self) -> None:
        """It is gone without a chance to do anything about it."""
        self.process.kill()
        self.process.wait()

    def end(self) -> float:
        """Seconds from SIGTERM to its end; it ended well."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, self.said()
        return time.monotonic() - began


@contextmanager
def rows_coming(rows: FeedRows) -> Iterator[None]:
    """While the block runs, 200 rows a second are written."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(10 / PER_SECOND):
            rows.write(10)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

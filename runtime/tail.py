"""Following a few events of the log by position: what every process must know at most five seconds late.

Where the log cannot be read for longer than that, what was known is no answer any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import OperationalError
from psycopg.rows import tuple_row

from domain.event import Event
from projections.connections import asked
from runtime.recorder import ForsaDatastore

OLDEST_SECONDS: Final = 5.0  # an older answer is no answer
FRESH_SECONDS: Final = 1.0  # asked again after this: a revocation is known within it
PAUSE_SECONDS: Final = 0.25  # after a failure: every request waiting for a database that is away helps nobody

Row = tuple[int, UUID, bytes]  # position, stream, stored state


class Unreadable(Exception):
    """The log cannot be read at the moment."""


class Tail:
    """Applies the events it follows, in order. Thread-safe: what `apply` writes is read under `known`."""

    def __init__(
        self,
        read: Callable[[int], Iterable[Row]],
        apply: Callable[[UUID, bytes], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """read: rows after a position, raises Unreadable; clock: seconds, for the age of an answer."""
        self._read, self._apply, self._clock = read, apply, clock
        self._lock = threading.Lock()
        self._position = 0
        self._read_at = self._failed_at = float("-inf")

    @contextmanager
    def known(self, at_least: int = 0) -> Iterator[Callable[[], None]]:
        """What was applied may be read, at most a second old if the log is there; the function given asks it now.

        at_least: a position of the log: what was recorded up to there counts already, so that writers read their own.
        Raises Unreadable where nothing was read for five seconds.
        """
        with self._lock:
            self._refresh(0 if at_least > self._position else FRESH_SECONDS)
            if self._clock() - self._read_at > OLDEST_SECONDS:
                raise Unreadable
            yield lambda: self._refresh(0)

    def _refresh(self, older_than: float) -> None:
        asked_at = self._clock()
        if asked_at - self._read_at < older_than or asked_at - self._failed_at < PAUSE_SECONDS:
            return
        try:
            rows = list(self._read(self._position))
        except Unreadable:
            self._failed_at = self._clock()
            return
        for position, stream, state in rows:
            self._apply(stream, state)
            self._position = position
        self._read_at = asked_at


def reader(datastore: ForsaDatastore, query: bytes) -> Callable[[int], Sequence[Row]]:
    """Reads what `query` selects after a position, on a connection of the log's own pool."""

    def read(after: int) -> Sequence[Row]:
        def ask(connection: psycopg.Connection[Any]) -> list[Row]:
            cursor: Any = connection.cursor(binary=True, row_factory=tuple_row)
            return cast("list[Row]", cursor.execute(query, (after,), prepare=True).fetchall())

        try:
            return asked(datastore.pool, ask)
        except (psycopg.Error, OperationalError) as error:
            raise Unreadable from error

    return read


Decode = Callable[[bytes], Event]

"""Who may act in which role today, read from the log's access events and never from a view.

Every process tails those events by position over their partial index. An answer is at most five seconds old; where the
log cannot be read for longer than that, nobody has a role.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import OperationalError
from psycopg.rows import tuple_row

from domain.event import Event
from domain.organisation import AccessGranted
from runtime.recorder import ForsaDatastore

OLDEST_SECONDS: Final = 5.0  # an older answer is no answer
FRESH_SECONDS: Final = 1.0  # asked again after this; a revocation is known within it
PAUSE_SECONDS: Final = 0.25  # after a failure: every request waiting for a database that is away helps nobody
# Word for word the condition of the partial index forsa_events_access_idx, or it is not used.
TAIL: Final = (
    b"select notification_id, originator_id, state from forsa_events where notification_id > %s"
    b" and topic in ('organisation.access-granted', 'organisation.access-revoked') order by notification_id"
)

AccessRow = tuple[int, UUID, bytes]  # position, organisation, stored state


class HeldGrant(NamedTuple):
    """One grant a worker may use today."""

    role: str
    scope: str
    scope_id: str
    org: UUID  # the organisation whose stream granted it: whom the worker acts for


class AccessUnreadable(Exception):
    """The access events cannot be read at the moment."""


class Grants:
    """The grants of every worker. Thread-safe; one a process."""

    def __init__(
        self,
        read: Callable[[int], Iterable[AccessRow]],
        decode: Callable[[bytes], Event],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """read: access events after a position, raises AccessUnreadable; clock: seconds, for the age of an answer."""
        self._read, self._decode, self._clock = read, decode, clock
        self._lock = threading.Lock()
        self._position = 0
        self._read_at = self._failed_at = float("-inf")
        self._by_worker: dict[UUID, dict[UUID, tuple[AccessGranted, UUID]]] = {}  # worker → grant id → event, granter

    def of(self, worker: UUID, today: date) -> list[HeldGrant]:
        """The grants this worker may use today; none where the log has been unreadable for five seconds.

        A worker without any is looked up afresh, so that a first grant works at once.
        """
        with self._lock:
            self._refresh(FRESH_SECONDS)
            found = self._held(worker, today)
            if not found:
                self._refresh(0)
                found = self._held(worker, today)
            return found if self._age() <= OLDEST_SECONDS else []

    def holders(self, today: date) -> list[tuple[str, UUID]]:
        """(role, worker) of every grant usable today, in the order they were granted. Raises AccessUnreadable."""
        with self._lock:
            self._refresh(FRESH_SECONDS)
            if self._age() > OLDEST_SECONDS:
                raise AccessUnreadable
            return [(held.role, worker) for worker in self._by_worker for held in self._held(worker, today)]

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _held(self, worker: UUID, today: date) -> list[HeldGrant]:
        return [
            HeldGrant(grant.role, grant.scope, grant.scope_id, granter)
            for grant, granter in self._by_worker.get(worker, {}).values()
            if grant.valid_from <= today and (grant.valid_to is None or today <= grant.valid_to)
        ]

    def _refresh(self, older_than: float) -> None:
        """What was granted since is known, if the answer is older than that and the log can be read."""
        asked_at = self._clock()
        if self._age() < older_than or asked_at - self._failed_at < PAUSE_SECONDS:
            return
        try:
            rows = list(self._read(self._position))
        except AccessUnreadable:
            self._failed_at = self._clock()
            return
        for position, organisation, state in rows:
            self._apply(self._decode(state), organisation)
            self._position = position
        self._read_at = asked_at

    def _apply(self, event: Event, organisation: UUID) -> None:
        if isinstance(event, AccessGranted):
            self._by_worker.setdefault(event.subject, {})[event.grant] = (event, organisation)


def access_reader(datastore: ForsaDatastore) -> Callable[[int], Sequence[AccessRow]]:
    """Reads access events after a position from the log, on a connection of its own pool."""

    def read(after: int) -> Sequence[AccessRow]:
        try:
            with datastore.pool.connection() as connection:
                cursor: Any = connection.cursor(binary=True, row_factory=tuple_row)
                return cast("list[AccessRow]", cursor.execute(TAIL, (after,), prepare=True).fetchall())
        except (psycopg.Error, OperationalError) as error:
            raise AccessUnreadable from error

    return read

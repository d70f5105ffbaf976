"""Who may act in which role today, read from the log's access events and never from a view.

An answer is at most five seconds old; where the log cannot be read for longer than that, nobody is let in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from domain.access import covers_place
from domain.organisation import AccessGranted, AccessRevoked, EmergencyAccessOpened, Mission
from domain.worker import WorkerLeft
from runtime.tail import Decode, Row, Tail

# Word for word the condition of the partial index forsa_events_who_may_idx, or it is not used.
TAIL: Final = (
    b"select notification_id, originator_id, state from forsa_events where notification_id > %s"
    b" and topic in ('organisation.access-granted', 'organisation.access-revoked',"
    b" 'organisation.emergency-access-opened', 'worker.left') order by notification_id"
)


GrantKey = tuple[UUID, UUID]  # organisation that granted, grant: an id is unique on its organisation's stream only


class HeldGrant(NamedTuple):
    """One grant a worker may use now. An emergency access has the scope `learner`: reading one learner, for hours."""

    role: str
    scope: str
    scope_id: str
    org: UUID  # the organisation whose stream granted it: whom the worker acts for
    mission: Mission | None = None
    emergency: UUID | None = None


class Grants:
    """The grants of every worker. Thread-safe; one a process."""

    def __init__(
        self, read: Callable[[int], Iterable[Row]], decode: Decode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """read: access events after a position, raises Unreadable; clock: seconds, for the age of an answer."""
        self._decode = decode
        self._tail = Tail(read, self._apply, clock)
        self._by_worker: dict[UUID, dict[GrantKey, AccessGranted]] = {}
        self._subject_of: dict[GrantKey, UUID] = {}
        self._emergencies: dict[UUID, list[EmergencyAccessOpened]] = {}  # worker → accesses opened
        self._left: set[UUID] = set()

    def of(self, worker: UUID, now: datetime, today: date, at_least: int = 0) -> list[HeldGrant]:
        """The grants this worker may use now. Raises Unreadable where the log was not read for five seconds.

        now: aware UTC; today: the local day; at_least: a position that must be known. A worker without any is looked up
        afresh: a first grant works at once.
        """
        with self._tail.known(at_least) as ask_now:
            if not (found := list(self._held(worker, now, today))):
                ask_now()
                found = list(self._held(worker, now, today))
            return found

    def holders(self, now: datetime, today: date) -> list[tuple[str, UUID]]:
        """(role, worker) of every grant usable now, in the order they were granted. Raises Unreadable."""
        with self._tail.known():
            return [(held.role, worker) for worker in self._by_worker for held in self._held(worker, now, today)]

    def partners(self, region: str | None, now: datetime, today: date) -> list[UUID]:
        """Workers who may read the feed of this region (None: of the whole country) as partners. Raises Unreadable."""
        with self._tail.known():
            return [
                worker
                for worker in self._by_worker
                if any(
                    held.role == "partner" and covers_place(held, None, region)
                    for held in self._held(worker, now, today)
                )
            ]

    def _held(self, worker: UUID, now: datetime, today: date) -> Iterator[HeldGrant]:
        if worker in self._left:
            return
        parts = set()
        for (granter, _), grant in self._by_worker.get(worker, {}).items():
            if grant.valid_from <= today and (grant.valid_to is None or today <= grant.valid_to):
                parts.add((grant.role, granter))
                yield HeldGrant(grant.role, grant.scope, grant.scope_id, granter, _mission_of(grant))
        for opened in self._emergencies.get(worker, []):
            if now < opened.until and (opened.by.role, opened.by.org) in parts:  # it widens a part still played
                yield HeldGrant(opened.by.role, "learner", str(opened.learner), opened.by.org, None, opened.emergency)

    def _apply(self, stream: UUID, state: bytes) -> None:
        match self._decode(state):
            case AccessGranted() as granted:
                self._by_worker.setdefault(granted.subject, {})[stream, granted.grant] = granted
                self._subject_of[stream, granted.grant] = granted.subject
            case AccessRevoked() as revoked:
                key = (stream, revoked.grant)
                if key in self._subject_of:
                    self._by_worker[self._subject_of[key]].pop(key, None)
            case EmergencyAccessOpened() as opened:
                self._emergencies.setdefault(opened.by.actor, []).append(opened)
            case WorkerLeft():
                self._left.add(stream)


def _mission_of(grant: AccessGranted) -> Mission | None:
    """What an auditor was sent to look at: where nothing says so, the grant's own dates, without names."""
    if grant.role != "auditor" or grant.mission is not None:
        return grant.mission
    return Mission(grant.valid_from, grant.valid_to or date.max, names=False)

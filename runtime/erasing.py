"""Carrying out what was decided: keys destroyed, rows purged, looked for and not found, and that recorded.

Every step may be repeated, and what was done is seen in the databases themselves, so a process that is killed anywhere
in between leaves nothing to repair: whoever comes next begins with the first step again. Source: DESIGN §3 "Erasing".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID, uuid5

import msgspec
import psycopg

from domain.casebook import Append, NewEvent
from domain.errors import StaleVersion
from domain.event import NIL, By, EventRef
from domain.learner.deciding.privacy import carried_out
from domain.learner.privacy import CheckedItem
from domain.parameter import SINGLETONS
from domain.streams import KINDS, fold
from domain.values import today_in_casablanca
from projections import purging
from projections.connections import address
from projections.projector import connect
from runtime.keyring import HELD_SECONDS, Keyring
from runtime.store import EventLog

LOG: Final = logging.getLogger("forsa.erasing")
ERASING_LOCK: Final = 7069  # one process carries out erasures at a time
SYSTEM: Final = uuid5(SINGLETONS, "system:erasing")  # who records that an erasure was carried out
AT_ONCE: Final = 500  # erasures that share one wait
A_MOMENT: Final = 0.05  # seconds: the server's clock says when enough is over
ATTEMPTS: Final = 5  # to record, where somebody else records on the same learner meanwhile

# Streams with a decision that was not carried out, by a small index alone; then the events themselves.
PENDING: Final[LiteralString] = """
with waiting as (
  select originator_id from forsa_events
   where topic in ('learner.erasure-decided', 'learner.personal-data-erased')
   group by originator_id
  having count(*) filter (where topic = 'learner.erasure-decided')
       > count(*) filter (where topic = 'learner.personal-data-erased')
)
select originator_id, originator_version, notification_id, recorded_at, topic, state
  from forsa_events join waiting using (originator_id)
 where topic in ('learner.erasure-decided', 'learner.personal-data-erased')
 order by notification_id
"""
# Of each family the last key there is: earlier ones went with an earlier erasure.
KEYS_LEFT: Final[LiteralString] = """
select count(*) filter (where wrapped is not null), count(distinct family),
       extract(epoch from clock_timestamp() - max(destroyed_at))::float8
  from keys where stream = %s and family = any(%s)
"""
CLAIMS_LEFT: Final = "select count(*) from claims where stream = %s and kind = 'massar'"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that was decided and not carried out yet. Ids, codes and places only."""

    learner: UUID
    erasure: UUID
    version: int  # of the decision, in the learner's stream
    position: int  # of the decision, in the log
    decided_at: datetime
    families: list[str]
    whole: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to. `waiting`: decided, but a view has not passed the decision, or something was left."""

    done: int
    waiting: int


class AnotherIsErasing(Exception):
    """Another process carries out erasures now."""


Report = Callable[[str, UUID], None]  # step (keys, directory, recorded), learner


def nobody_asks(_step: str, _learner: UUID) -> None:
    """For runs whose progress nobody follows."""


class Erasing:
    """Carries out erasures. Not thread-safe: one thread's."""

    def __init__(
        self,
        projector_dsn: str,
        keys_dsn: str,
        event_log: EventLog,
        keyring: Keyring,
        *,
        now: Callable[[], datetime],
        wait: Callable[[float], object] = time.sleep,
        settle_seconds: float = HELD_SECONDS,
    ) -> None:
        """`wait` is how the run waits until no process holds a destroyed key any more: settle_seconds after it died."""
        self._projector_dsn, self._keys_dsn = projector_dsn, keys_dsn
        self._event_log, self._keyring = event_log, keyring
        self._now, self._wait, self.settle_seconds = now, wait, settle_seconds

    def run(self, *, learner: UUID | None = None, report: Report = nobody_asks) -> Result:
        """Every erasure that can be is carried out and recorded, up to AT_ONCE of them; of one learner where given.

        Raises AnotherIsErasing; psycopg's errors when a database is away: the next run goes on.
        """
        with connect(self._projector_dsn) as connection:
            if connection.execute("select pg_try_advisory_lock(%s)", (ERASING_LOCK,)).fetchone() != (True,):
                raise AnotherIsErasing
            asked = [each for each in pending(connection) if learner in (None, each.learner)]
            ready = _passed(connection, asked)[:AT_ONCE]
            with psycopg.connect(address(self._keys_dsn, ""), autocommit=True) as keys:
                self._destroy(keys, ready, report)
                ready = _passed(connection, ready)  # a projector may have begun in between: its pages come first
                _purge(connection, ready, report)
                done = [each for each in ready if self._is_recorded(connection, keys, each, report)]
        return Result(done=len(done), waiting=len(asked) - len(done))

    def _destroy(self, keys: psycopg.Connection[Any], ready: Sequence[Pending], report: Report) -> None:
        """The families' keys are destroyed, and no process holds one of them any more."""
        since = self.settle_seconds
        for each in ready:
            if each.whole:
                self._keyring.destroy_person(each.learner)
            else:
                self._keyring.destroy(each.learner, each.families)
            report("keys", each.learner)
            since = min(since, _keys_left(keys, each)[2])
        if since < self.settle_seconds:
            self._wait(self.settle_seconds - since + A_MOMENT)

    def _is_recorded(
        self, connection: psycopg.Connection[Any], keys: psycopg.Connection[Any], each: Pending, report: Report
    ) -> bool:
        """Nothing is left of the families, and that stands in the log."""
        checklist = self._looked(connection, keys, each)
        places = [item.place for item in checklist if item.left]
        if places or self._is_fresh(keys, each):
            waits = ", ".join(places or ["processes that hold a key"])
            LOG.warning("erasure %s of learner %s waits for %s", each.erasure, each.learner, waits)
            return False
        self._record(each, checklist)
        report("recorded", each.learner)
        return True

    @staticmethod
    def _looked(connection: psycopg.Connection[Any], keys: psycopg.Connection[Any], each: Pending) -> list[CheckedItem]:
        """What a look into each place found."""
        views = purging.reached(connection).views
        open_keys, last_keys, _ = _keys_left(keys, each)
        found = [
            CheckedItem("views", len(views), sum(position < each.position for position in views)),
            CheckedItem("keys", last_keys, open_keys),
        ]
        if "identity" in each.families:
            rows, tables = purging.left(connection, each.learner)
            claims = connection.execute(CLAIMS_LEFT, (each.learner,)).fetchone()
            found.append(CheckedItem("directory", tables, rows))
            found.append(CheckedItem("claims", 1, int(claims[0]) if claims else 0))
        return found

    def _is_fresh(self, keys: psycopg.Connection[Any], each: Pending) -> bool:
        """Whether a key died so lately that a process may hold it still."""
        return _keys_left(keys, each)[2] < self.settle_seconds

    def _record(self, each: Pending, checklist: list[CheckedItem]) -> None:
        """PersonalDataErased stands in the learner's stream, once."""
        by = By(actor=SYSTEM, role="system", org=NIL, src="system", cause=EventRef(each.learner, each.version))
        for attempt in range(ATTEMPTS):
            state = fold(KINDS["learner"], self._event_log.load([each.learner])[each.learner].events)
            event = carried_out(state, each.erasure, checklist, on=today_in_casablanca(self._now()), by=by)
            if event is None:
                return  # an answer that was lost: it is recorded
            try:
                self._event_log.append(Append((NewEvent(each.learner, state.version + 1, event),)))
                return
            except StaleVersion:
                if attempt == ATTEMPTS - 1:
                    raise


def pending(connection: psycopg.Connection[Any]) -> list[Pending]:
    """The erasures that were decided and not carried out, in the order decided."""
    rows = connection.execute(PENDING).fetchall()
    said = [(row, msgspec.json.decode(row[5])) for row in rows]
    done = {(row[0], facts["erasure"]) for row, facts in said if row[4] == "learner.personal-data-erased"}
    return [
        Pending(
            learner=stream,
            erasure=UUID(facts["erasure"]),
            version=version,
            position=position,
            decided_at=decided_at,
            families=facts["families"],
            whole=facts["whole"],
        )
        for (stream, version, position, decided_at, tag, _), facts in said
        if tag == "learner.erasure-decided" and (stream, facts["erasure"]) not in done
    ]


def _passed(connection: psycopg.Connection[Any], asked: Sequence[Pending]) -> list[Pending]:
    """Those whose decision every view that somebody tends has taken in."""
    position = purging.reached(connection).position if asked else 0
    return [each for each in asked if each.position <= position]


def _purge(connection: psycopg.Connection[Any], ready: Sequence[Pending], report: Report) -> None:
    learners = [each.learner for each in ready if "identity" in each.families]
    if learners:
        purging.purge(connection, learners)
    for learner in learners:
        report("directory", learner)


def _keys_left(keys: psycopg.Connection[Any], each: Pending) -> tuple[int, int, float]:
    """Keys of the families that still open something, families with a key, seconds since the last was destroyed."""
    row = keys.execute(KEYS_LEFT, (each.learner, each.families)).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]), int(row[1]), float(row[2] or 0.0)

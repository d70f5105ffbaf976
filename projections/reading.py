"""The one door readers have to the views. Every answer says the position it was given at, and whether it stands still.

Nothing here decides: no command reads a view.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, LiteralString, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from domain.access import Reach
from projections import (
    ALL_VIEWS,
    audit_trail,
    diploma_register,
    group_register,
    learner_directory,
    learner_record,
    timeline,
)
from projections.audit_trail import Trace
from projections.connections import asked
from projections.diploma_register import RegisteredDiploma
from projections.group_register import RegisteredGroup
from projections.learner_directory import Found, SearchPlace
from projections.learner_record import LearnerRecord
from projections.records import parked
from projections.records.parked import Parked
from projections.timeline import Line
from projections.view import View
from projections.within import centres_within, learners_within, parameters_of

T = TypeVar("T")

EVERY: Final = 2**62  # a position after every event
POLL_SECONDS: Final = 0.002
WAIT_SECONDS: Final = 0.25


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What a view says. `position`: every event up to here is in it; `stale`: this stream is parked, its rows old."""

    value: T
    position: int
    stale: bool = False


class NotLive(Exception):
    """This release's version of the view is still being built, or nobody has begun: ask again, half a view is none."""


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a view is behind the log, in events and in seconds since the first event it lacks was recorded."""

    view: str
    version: int
    position: int
    status: str  # building | live | missing
    events: int
    seconds: float


class Views:
    """The views of this release, read through a pool of autocommit connections. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Any], views: Sequence[View] = ALL_VIEWS) -> None:
        """Connects at first use. views: those of this release."""
        self._pool = pool
        self._views = {view.name: view for view in views}
        self._has_likeness: bool | None = None

    # ── learners ──

    def learner_record(self, learner: UUID) -> Answer[LearnerRecord | None]:
        """The learner's record; None where the view has no such learner."""
        rows, position, stale = self._ask(learner_record.VIEW.name, learner_record.ONE, {"stream": learner}, learner)
        return Answer(_record(rows[0]) if rows else None, position, stale)

    def learner_records(
        self,
        reach: Reach,
        *,
        relation: str = "current",
        after: UUID | None = None,
        limit: int = 50,
        centre: UUID | None = None,
        season: int | None = None,
        status: str | None = None,
    ) -> Answer[list[LearnerRecord]]:
        """Records in the order of their ids, after one of them; of one centre, season or status where given.

        All that may be within this reach in this relation: each row's sight is still to be asked.
        """
        query = learners_within(learner_record.LIST, reach, relation)
        parameters = {"after": after, "limit": limit, "centre": centre, "season": season, "status": status}
        parameters.update(parameters_of(reach))
        rows, position, _ = self._ask(learner_record.VIEW.name, query, parameters)
        return Answer([_record(row) for row in rows], position)

    def search(
        self, reach: Reach, text: str, *, limit: int = 20, after: SearchPlace | None = None
    ) -> Answer[list[Found]]:
        """Learners within this reach whose name sounds like this in either script, or whose number this is; best first.

        after: `place` of the last one found before. Personal data: the only query that gives any.
        """
        query = learner_directory.BY_LIKENESS if self._likeness() else learner_directory.BY_PART
        query = learners_within(query, reach)
        parameters = {**learner_directory.search_parameters(text, after, limit), **parameters_of(reach)}
        rows, position, _ = self._ask(learner_directory.VIEW.name, query, parameters)
        names = Found.__struct_fields__
        return Answer([Found(**dict(zip(names, row, strict=True))) for row in rows], position)

    # ── groups ──

    def groups(
        self,
        reach: Reach,
        *,
        after: UUID | None = None,
        limit: int = 50,
        centre: UUID | None = None,
        season: int | None = None,
    ) -> Answer[list[RegisteredGroup]]:
        """Groups within this reach in the order of their ids, after one; of one centre or season where given."""
        query = centres_within(group_register.LIST, reach)
        parameters = {"after": after, "limit": limit, "centre": centre, "season": season, **parameters_of(reach)}
        rows, position, _ = self._ask(group_register.VIEW.name, query, parameters)
        return Answer([group_register.group_of(row) for row in rows], position)

    # ── diplomas ──

    def diploma(self, diploma: UUID) -> Answer[RegisteredDiploma | None]:
        """The diploma as the register has it; None where the view has no such diploma."""
        return self._one_diploma(diploma_register.ONE, {"diploma": diploma})

    def diploma_numbered(
        self, number: str, *, delegation: UUID, kind: str, year: int
    ) -> Answer[RegisteredDiploma | None]:
        """The diploma that has or had this number in this register. number: folded, as it is claimed."""
        register = {"delegation": delegation, "kind": kind, "year": year}
        return self._one_diploma(diploma_register.BY_NUMBER, {"number": number, **register})

    def diploma_register(self, *, after: UUID | None = None, limit: int = 50) -> Answer[list[RegisteredDiploma]]:
        """Every diploma in the order of their ids, after one of them."""
        parameters = {"after": after, "limit": limit}
        rows, position, _ = self._ask(diploma_register.VIEW.name, diploma_register.LIST, parameters)
        return Answer([diploma_register.diploma_of(row) for row in rows], position)

    def _one_diploma(self, query: LiteralString, parameters: Mapping[str, Any]) -> Answer[RegisteredDiploma | None]:
        rows, position, _ = self._ask(diploma_register.VIEW.name, query, parameters)
        return Answer(diploma_register.diploma_of(rows[0]) if rows else None, position)

    # ── what happened ──

    def timeline(self, stream: UUID, *, upto: int | None = None, after: int = 0, limit: int = 50) -> Answer[list[Line]]:
        """The stream's events in order, after a version; as of position `upto` where given."""
        rows, position, stale = self._entries(timeline.QUERY, stream, upto, after, limit)
        return Answer([timeline.line_of(row) for row in rows], position, stale)

    def audit_trail(
        self, stream: UUID, *, upto: int | None = None, after: int = 0, limit: int = 50
    ) -> Answer[list[Trace]]:
        """Events of the stream and events about it, in the order recorded, after a position."""
        rows, position, stale = self._entries(audit_trail.QUERY, stream, upto, after, limit)
        return Answer([audit_trail.trace_of(timeline.line_of(row)) for row in rows], position, stale)

    def _entries(
        self, query: LiteralString, stream: UUID, upto: int | None, after: int, limit: int
    ) -> tuple[list[Any], int, bool]:
        most = EVERY if upto is None else upto
        parameters = {"stream": stream, "upto": most, "after": after, "limit": limit}
        return self._ask("entries", query, parameters, stream)

    # ── positions ──

    def positions(self) -> Mapping[str, int]:
        """The position of each view of this release; 0 for one that no projector has made yet."""
        return {lag.view: lag.position for lag in self.lag()}

    def wait_for(self, position: int, views: Sequence[str] | None = None, *, timeout: float = WAIT_SECONDS) -> bool:
        """Whether these views (all when not given) came to this position within `timeout` seconds."""
        end = time.monotonic() + timeout
        wanted = [view for view in self._views.values() if views is None or view.name in views]
        query = (
            "select count(*) from views.view_state join unnest(%s::text[], %s::integer[]) v(view, version)"
            " using (view, version) where position >= %s"
        )
        parameters = ([view.name for view in wanted], [view.version for view in wanted], position)
        while True:
            try:
                if self._rows(query, parameters)[0][0] == len(wanted):
                    return True
            except psycopg.errors.UndefinedTable:
                pass  # the projector has not started yet
            if time.monotonic() >= end:
                return False
            time.sleep(POLL_SECONDS)

    def require_live(self) -> None:
        """Every view of this release has once been current. Raises NotLive."""
        missing = [lag.view for lag in self.lag() if lag.status != "live"]
        if missing:
            raise NotLive(", ".join(missing))

    def lag(self) -> list[Lag]:
        """How far each view of this release is behind the log; one that a rebuild makes, how much it has folded."""
        query = (
            "select v.view, v.version, coalesce(s.position, 0),"
            " coalesce(s.status, case when b.view is not null then 'building' end, 'missing'),"
            # An earlier release's table of states has no such column until a projector of this one has started.
            " l.last - coalesce(s.position, (to_jsonb(b) ->> 'folded')::bigint, 0),"
            " coalesce(extract(epoch from clock_timestamp() - ("
            "   select recorded_at from forsa_events where notification_id = coalesce(s.position, 0) + 1)), 0)::float8"
            " from unnest(%s::text[], %s::integer[]) with ordinality v(view, version, n)"
            " left join views.view_state s using (view, version)"
            " left join views.view_state b on (b.view, b.version) = (v.view || '_rebuild', v.version)"
            " cross join (select coalesce(max(notification_id), 0) as last from forsa_events) l order by n"
        )
        names, versions = list(self._views), [view.version for view in self._views.values()]
        try:
            rows = self._rows(query, (names, versions))
        except psycopg.errors.UndefinedTable:
            return [
                Lag(view=view.name, version=view.version, position=0, status="missing", events=0, seconds=0.0)
                for view in self._views.values()
            ]
        return [Lag(**dict(zip(Lag.__struct_fields__, row, strict=True))) for row in rows]

    # ── parked streams ──

    def parked(self, *, limit: int = 100) -> list[Parked]:
        """The streams that views could not take in, oldest first."""
        query = (
            "select view, version, stream, position, exception, parked_at from records.parked"
            " order by parked_at, view, stream limit %s"
        )
        return [Parked(*row) for row in self._rows(query, (limit,))]

    def retry_parked(self, *, view: str | None = None, stream: UUID | None = None) -> int:
        """The projector tries these parked streams again at once (all when none is named); returns how many."""
        query = (
            "with wanted as (update records.parked set retry = true where (%s::text is null or view = %s)"
            " and (%s::uuid is null or stream = %s) returning 1) select count(*), pg_notify(%s, '') from wanted"
        )
        rows = self._rows(query, (view, view, stream, stream, parked.CHANNEL))
        return int(rows[0][0])

    # ── asking ──

    def _ask(
        self, view: str, query: LiteralString, parameters: Mapping[str, Any], stream: UUID | None = None
    ) -> tuple[list[Any], int, bool]:
        """Rows, the view's position and whether the stream is parked, all of one moment. Raises NotLive."""
        version = self._views[view].version

        def ask(connection: psycopg.Connection[Any]) -> tuple[list[Any], int, bool]:
            with connection.transaction(), connection.pipeline():
                connection.execute("set transaction isolation level repeatable read read only")
                state = connection.execute(_STATE, {"view": view, "version": version, "stream": stream}, prepare=True)
                found = connection.execute(query, parameters, prepare=True)
                at = state.fetchone()
                if at is None:
                    raise NotLive(view)
                return found.fetchall(), int(at[0]), bool(at[1])

        try:
            return self._with_connection(ask)
        except psycopg.errors.UndefinedTable:
            raise NotLive(view) from None  # nobody has made the views yet

    def _rows(self, query: LiteralString, parameters: Any) -> list[Any]:
        return self._with_connection(lambda connection: connection.execute(query, parameters, prepare=True).fetchall())

    def _with_connection(self, ask: Callable[[psycopg.Connection[Any]], T]) -> T:
        return asked(self._pool, ask)

    def _likeness(self) -> bool:
        """Whether the database has pg_trgm, asked once."""
        if self._has_likeness is None:
            self._has_likeness = bool(self._rows("select from pg_extension where extname = 'pg_trgm'", ()))
        return self._has_likeness


_STATE: Final[LiteralString] = """
select position, exists (
         select from records.parked p where p.view = s.view and p.version = s.version and p.stream = %(stream)s)
  from views.view_state s where view = %(view)s and version = %(version)s and status = 'live'
"""


def _record(row: tuple[Any, ...]) -> LearnerRecord:
    return learner_record.from_json(row[0])

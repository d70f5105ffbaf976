"""The library's application recorder over our append: one round trip, one row a stream, positions without gaps.

Here the library's words (`originator_id`, `notification_id`) end; outside we say stream id and position. The SQL
functions are in `migrations/log`. A read is asked once more on a fresh connection when its own died. An append is not:
it has an unknown outcome then, and only the command's id can tell (see `store.py`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Final, TypeAlias, cast
from uuid import UUID

import msgspec
import psycopg
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.utils import strtobool
from psycopg import Cursor, conninfo
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg_pool import ConnectionPool

from domain.casebook import Appended, Claim, CommandKey
from projections.connections import WAIT_SECONDS, Line, address, is_lost, open_pool

TABLE: Final = "forsa_events"  # also the channel that the stock subscription listens on
PAGE_SIZE: Final = 5_000  # most rows of one page

Guard: TypeAlias = tuple[UUID, int]
Holding: TypeAlias = tuple[Claim, UUID]
PageRow: TypeAlias = tuple[int, UUID, int, str, bytes, datetime]


class AppendRefused(IntegrityError):
    """The append function refused and stored nothing; `detail` says which, in the words of `0002_append.sql`."""

    def __init__(self, message: str, detail: object) -> None:
        """The server's message and the decoded detail."""
        super().__init__(message)
        self.detail: Any = detail


class StaleGuard(AppendRefused):
    """A stream that was read and not written has moved on; detail: the list of stream ids."""


class VersionTaken(AppendRefused):
    """Versions do not follow the last one of their stream; detail: stream, expected, actual."""


class ClaimHeld(AppendRefused):
    """A claim is held by another stream; detail: kind, holder."""


class CommandStored(AppendRefused):
    """The command id was stored before."""


class ClaimNotHeld(AppendRefused):
    """A stream frees a claim that it does not hold; detail: kind."""


class TooManyEvents(AppendRefused):
    """More than 500 events in one append."""


class WrongIsolation(AppendRefused):
    """The transaction is not read committed, so the checks would not see what others committed."""


class NoEvents(AppendRefused):
    """An append without an event."""


REFUSALS: Final[dict[str, type[AppendRefused]]] = {
    "23F01": StaleGuard,
    "23F02": VersionTaken,
    "23F03": ClaimHeld,
    "23F04": CommandStored,
    "23F05": ClaimNotHeld,
    "23F06": TooManyEvents,
    "23F07": WrongIsolation,
    "23F08": NoEvents,
}


FAULTS: Final[tuple[tuple[type[psycopg.Error], type[PersistenceError]], ...]] = (
    (psycopg.IntegrityError, IntegrityError),
    (psycopg.OperationalError, OperationalError),
    (psycopg.InterfaceError, InterfaceError),
    (psycopg.DataError, DataError),
    (psycopg.ProgrammingError, ProgrammingError),
    (psycopg.InternalError, InternalError),
    (psycopg.NotSupportedError, NotSupportedError),
)


class UnknownOutcome(OperationalError):
    """The connection died during the append: it may be stored or not. Only the command id can tell."""


class ConnectionDied(OperationalError):
    """The connection died while a statement was under way."""


class TakesNoWrites(OperationalError):
    """The server was made read-only since the connection was opened: nothing was stored, another server may store."""


class LosesEvents(ProgrammingError):
    """A setting under which acknowledged or read events get lost; the message names it and the fix."""


class MomentInFuture(ValueError):
    """The moment asked for lies after the database's clock: what will be known then is not known."""


class PlainConnection(Line[DictRow]):
    """The library's connection, with one cursor of tuples and binary values that is used again and again."""

    @cached_property
    def plain(self) -> Cursor[tuple[Any, ...]]:
        """A new cursor for each statement would cost a tenth of an append."""
        return self.cursor(binary=True, row_factory=tuple_row)


Pool: TypeAlias = ConnectionPool[PlainConnection]


class ForsaDatastore(PostgresDatastore):
    """The library's datastore over one DSN, with a pool of this process only, opened at first use.

    A pool that was inherited by fork is left alone (its sockets are the parent's) and a new one is opened.
    """

    def __init__(self, dsn: str, *, pool_size: int = 4) -> None:
        """pool_size: most connections of one process. Raises LosesEvents for POSTGRES_ENABLE_DB_FUNCTIONS."""
        self._pools: dict[int, Pool] = {}
        if strtobool(os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS") or "no"):
            raise LosesEvents("POSTGRES_ENABLE_DB_FUNCTIONS inserts without a lock, so readers miss events: unset it")
        self.dsn, self.pool_size = dsn, pool_size
        self._opening = threading.Lock()
        parts = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}
        super().__init__(
            parts.get("dbname", ""), parts.get("host", ""), parts.get("port", ""), parts.get("user", ""), ""
        )

    @property  # type: ignore[override]  # the library's is a variable, of connections without `plain`
    def pool(self) -> Pool:
        """The open pool of this process. Raises LosesEvents when the server's settings would lose events."""
        return self._pools.get(os.getpid()) or self._open()

    @pool.setter
    def pool(self, _: object) -> None:
        """What the library's constructor makes is not used: it belongs to the process that built it."""

    def _open(self) -> Pool:
        if not self._opening.acquire(timeout=WAIT_SECONDS):  # who holds it waits for a server that does not answer
            raise OperationalError("the database does not answer")
        try:
            known = self._pools.get(os.getpid())
            if known is not None:
                return known
            dsn = address(self.dsn)
            _refuse_lossy_server(dsn)
            pool = open_pool(dsn, self.pool_size, PlainConnection, row_factory=dict_row)
            return self._pools.setdefault(os.getpid(), pool)
        finally:
            self._opening.release()

    def register_type_adapters(self) -> None:
        """Nothing: the library's composite type for arrays of events is not used, and asking for it would connect."""

    def pool_stand(self) -> Mapping[str, int]:
        """How the pool of this process stands, in its own words; empty while it is not open."""
        pool = self._pools.get(os.getpid())
        return {} if pool is None else pool.get_stats()

    def close(self) -> None:
        """The pool of this process is closed; the next use opens a new one."""
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()


def _refuse_lossy_server(dsn: str) -> None:
    """Outside the pool, so that a database that cannot be reached says why instead of "timed out"."""
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            setting = connection.execute("select current_setting('synchronous_commit')").fetchone()
    except psycopg.OperationalError as error:
        raise OperationalError(str(error)) from error
    if setting == ("off",):
        raise LosesEvents("synchronous_commit=off loses acknowledged events in a crash: set it on for this database")


class Positions(list[int]):
    """Positions of an append's events, in the order given, and when they were recorded."""

    recorded_at: datetime


class ForsaRecorder(PostgresApplicationRecorder):
    """Stored events of all streams, in one log whose positions are dense and whose times never go backwards."""

    datastore: ForsaDatastore
    APPEND: ClassVar[bytes] = b"select * from forsa_append(%s, %s, %s, %s, %s, %s, %s, %s::smallint, %s::json)"
    STREAMS: ClassVar[bytes] = (
        b"select originator_id, max(originator_version), string_agg(state, '\\x2c'::bytea order by originator_version)"
        b" from forsa_events where originator_id = any(%s) and notification_id <= %s group by originator_id"
    )
    STREAM: ClassVar[bytes] = (
        b"select max(originator_version), string_agg(state, '\\x2c'::bytea order by originator_version)"
        b" from forsa_events where originator_id = %s"
    )
    PAGE: ClassVar[bytes] = (
        b"select notification_id, originator_id, originator_version, topic, state, recorded_at"
        b" from forsa_events where notification_id > %s order by notification_id limit %s"
    )

    def __init__(self, datastore: ForsaDatastore, *, events_table_name: str = TABLE) -> None:
        """The table's name is fixed: the append function writes to it, and its channel bears its name."""
        if events_table_name != TABLE:
            raise ProgrammingError(f"the log's table is {TABLE}")
        super().__init__(datastore, events_table_name=events_table_name)

    def create_table(self) -> None:
        """Nothing: tables are made by migrations, with rights that this process does not have."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Positions:
        """All events are stored at the positions returned, durably, or none is.

        kwargs: guards (stream, version)s; taken, freed (claim, stream)s; command, a CommandKey, and its status;
        receipt, a list that gets the Appended (for callers behind Application.save, which drops our result).
        Raises AppendRefused and its subclasses, UnknownOutcome, OperationalError (nothing was stored).
        """
        first, last, at = self._append(_parameters(stored_events, **kwargs))
        if (receipt := kwargs.get("receipt")) is not None:
            receipt.append(Appended(first, last, at))
        positions = Positions(range(first, last + 1))
        positions.recorded_at = at
        return positions

    def _append(self, parameters: tuple[Any, ...]) -> tuple[int, int, datetime]:
        try:
            rows = self._rows_once(self.APPEND, parameters)
        except TakesNoWrites:
            rows = self._rows_once(self.APPEND, parameters)
        except ConnectionDied as error:
            raise UnknownOutcome(str(error)) from error
        return cast("tuple[int, int, datetime]", rows[0])

    def _rows(self, query: bytes, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """What the query gives; asked once more when its connection died, so for reads only."""
        try:
            return self._rows_once(query, parameters)
        except ConnectionDied:
            return self._rows_once(query, parameters)

    def _rows_once(self, query: bytes, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """One round trip on a pooled connection, prepared and binary. Where that is lost, so are all in the pool."""
        pool = self.datastore.pool
        connection = _taken(pool)
        try:
            return connection.plain.execute(query, parameters, prepare=True).fetchall()
        except psycopg.Error as error:
            if is_lost(connection, error):
                pool.drain()
            raise _fault(error, died=connection.closed) from error
        finally:
            pool.putconn(connection)

    def load(self, stream: UUID, upto: int | None = None) -> tuple[int, bytes]:
        """Version and comma-joined states of one stream, as of position `upto` when given; (0, b"") when unknown."""
        if upto is not None:
            return self.load_many([stream], upto).get(stream, (0, b""))
        version, states = self._rows(self.STREAM, (stream,))[0]
        return (0, b"") if version is None else (version, states)

    def load_many(self, ids: Sequence[UUID], upto: int | None = None) -> dict[UUID, tuple[int, bytes]]:
        """The same for many streams in one query; unknown ones are absent."""
        most = 2**63 - 1 if upto is None else upto
        rows = self._rows(self.STREAMS, (list(ids), most))
        return {stream: (version, states) for stream, version, states in rows}

    def page(self, after: int, limit: int = PAGE_SIZE) -> list[PageRow]:
        """Up to `limit` (≤ 5,000) events after a position: (position, stream, version, tag, state, recorded_at)."""
        return cast("list[PageRow]", self._rows(self.PAGE, (after, min(limit, PAGE_SIZE))))

    def max_position(self) -> int:
        """Position of the last event, 0 for an empty log."""
        return int(self._rows(b"select coalesce(max(notification_id), 0) from forsa_events", ())[0][0])

    def position_at(self, moment: datetime) -> int:
        """The last position recorded at or before this moment (aware), 0 before the first; never inside an append.

        Raises MomentInFuture for a moment after the database's clock.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment needs its offset from UTC")
        position = self._rows(b"select forsa_position_at(%s)", (moment,))[0][0]
        if position is None:
            raise MomentInFuture(moment.isoformat())
        return int(position)

    def recorded_at_of(self, position: int) -> datetime:
        """When the event at this position was recorded. Raises KeyError when there is none."""
        rows = self._rows(b"select recorded_at from forsa_events where notification_id = %s", (position,))
        if not rows:
            raise KeyError(position)
        return cast("datetime", rows[0][0])

    def find_command(self, subject: UUID, command_id: bytes) -> tuple[bytes, int, int, int, datetime] | None:
        """Body, status, first and last position and time of a stored command."""
        query = (
            b"select body, status, first_position, last_position, recorded_at"
            b" from commands where subject = %s and id = %s"
        )
        rows = self._rows(query, (subject, command_id))
        return cast("tuple[bytes, int, int, int, datetime]", rows[0]) if rows else None

    def find_claim(self, claim: Claim) -> UUID | None:
        """The stream that holds this claim."""
        rows = self._rows(b"select stream from claims where kind = %s and digest = %s", (claim.kind, claim.digest))
        return cast("UUID", rows[0][0]) if rows else None


def _taken(pool: Pool) -> PlainConnection:
    """A connection of the pool, within 2 s. Nothing was sent when this raises."""
    try:
        return pool.getconn()
    except psycopg.OperationalError as error:
        raise OperationalError(str(error)) from error


def _parameters(
    events: Sequence[StoredEvent],
    *,
    guards: Sequence[Guard] = (),
    taken: Sequence[Holding] = (),
    freed: Sequence[Holding] = (),
    command: CommandKey | None = None,
    status: int = 201,
    **_: object,
) -> tuple[Any, ...]:
    """The append's parameters: one event as scalars, several as JSON (arrays cost a fifth of the whole append)."""
    more: dict[str, Any] = {}
    if guards:
        more["guards"] = guards
    if taken:
        more["taken"] = [(claim.kind, claim.digest.hex(), stream) for claim, stream in taken]
    if freed:
        more["freed"] = [(claim.kind, claim.digest.hex(), stream) for claim, stream in freed]
    one: tuple[Any, ...] = (None, None, None, None)
    if len(events) == 1:
        one = (events[0].originator_id, events[0].originator_version, events[0].topic, events[0].state)
    else:
        more["events"] = [(e.originator_id, e.originator_version, e.topic, e.state.decode()) for e in events]
    key = (None, None, None) if command is None else (command.subject, command.id, command.body)
    return (*one, *key, status, _json(more).decode() if more else None)


_json: Callable[[object], bytes] = msgspec.json.Encoder().encode


def _fault(error: psycopg.Error, *, died: bool) -> PersistenceError:
    """The library's error for the driver's. A connection that died is never an IntegrityError."""
    if died:
        return ConnectionDied(str(error))
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return TakesNoWrites(str(error))
    refusal = REFUSALS.get(error.sqlstate or "")
    if refusal is not None:
        return refusal(error.diag.message_primary or "", msgspec.json.decode(error.diag.message_detail or "null"))
    return next((ours for theirs, ours in FAULTS if isinstance(error, theirs)), PersistenceError)(str(error))

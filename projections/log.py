"""How projections read the log: pages in order of position, and whole streams as of a position.

Ids and times come as the bytes the server sends (16 and 8): views are written with the same bytes, and a dictionary of
bytes is quicker than one of UUIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast
from uuid import UUID

import psycopg

from domain.event import Event
from domain.sealed import SealedFact

PAGE_SIZE: Final = 5_000
Connection: TypeAlias = psycopg.Connection[Any]
PageRow: TypeAlias = tuple[int, bytes, int, bytes, bytes]  # position, stream, version, state, recorded_at
StreamRow: TypeAlias = tuple[bytes, bytes, bytes]  # stream, states joined by commas, places of 16 bytes


class Mapper(Protocol):
    """What projections need of the mapper."""

    def decode_many(self, joined: bytes) -> list[Event]:
        """The events of stored states joined by commas. Raises TooOld for an unknown tag."""
        ...


class Keyring(Protocol):
    """What projections need of the keys."""

    def open_many(self, facts: Sequence[tuple[UUID, SealedFact[Any]]]) -> list[Any]:
        """The clear value of each, or ERASED."""
        ...

    def forget(self) -> None:
        """No key is held any more."""
        ...

    def close(self) -> None:
        """No key is held and no connection open."""
        ...


class Means(Protocol):
    """What a process needs to project: made anew in each process, since neither survives a fork or a pickle."""

    @property
    def mapper(self) -> Mapper:
        """Stored bytes to events."""
        ...

    @property
    def keyring(self) -> Keyring:
        """Opens what the directory shows."""
        ...


OpenMeans: TypeAlias = Callable[[], Means]

_PAGE: Final = (
    b"select notification_id, uuid_send(originator_id), originator_version, state, timestamptz_send(recorded_at)"
    b" from forsa_events where notification_id > %s and notification_id <= %s order by notification_id limit %s"
)
_STATES: Final = (
    b"select uuid_send(originator_id), string_agg(state, '\\x2c'::bytea order by originator_version)"
    b" from forsa_events where originator_id = any(%s) and notification_id <= %s group by originator_id"
)
_PLACED: Final = (
    b"select uuid_send(originator_id), string_agg(state, '\\x2c'::bytea order by originator_version),"
    b" string_agg(int8send(notification_id) || timestamptz_send(recorded_at), ''::bytea order by originator_version)"
    b" from forsa_events where originator_id = any(%s) and notification_id <= %s group by originator_id"
)
_RANGE: Final = (
    b" from forsa_events where originator_id >= %s and originator_id <= %s and notification_id <= %s"
    b" group by originator_id"
)
_RANGE_PLACED: Final = _PLACED.partition(b" from ")[0] + _RANGE
_RANGE_LAST: Final = (
    b"select uuid_send(originator_id), string_agg(state, '\\x2c'::bytea order by originator_version),"
    b" int8send(max(notification_id)) || int8send(0)"
) + _RANGE
_CUTS: Final = (
    b"select percentile_disc(%s::float8[]) within group (order by originator_id)"
    b" from forsa_events tablesample system (%s) where notification_id <= %s"
)
FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=2**128 - 1)
_SAMPLED: Final = 30_000  # events whose stream ids are looked at to cut the log into even ranges


def page(connection: Connection, after: int, upto: int, limit: int = PAGE_SIZE) -> list[PageRow]:
    """Up to `limit` events after one position and not after another, in order."""
    return cast("list[PageRow]", _fetch(connection, _PAGE, (after, upto, limit)))


def states_of(connection: Connection, streams: Sequence[bytes], upto: int) -> dict[bytes, bytes]:
    """The joined states of these streams (16-byte ids) as of a position; unknown ones are absent."""
    if not streams:
        return {}
    return dict(_fetch(connection, _STATES, ([UUID(bytes=each) for each in streams], upto)))


def streams_of(connection: Connection, streams: Sequence[UUID], upto: int) -> list[StreamRow]:
    """These streams, each with the places of its events."""
    return cast("list[StreamRow]", _fetch(connection, _PLACED, (list(streams), upto)))


def streams_between(connection: Connection, first: UUID, last: UUID, upto: int, *, placed: bool) -> list[StreamRow]:
    """Every stream from one id to another; only the place of its last event unless `placed`."""
    query = _RANGE_PLACED if placed else _RANGE_LAST
    return cast("list[StreamRow]", _fetch(connection, query, (first, last, upto)))


def ranges(connection: Connection, count: int, upto: int) -> list[tuple[UUID, UUID]]:
    """All stream ids, cut into at most `count` ranges with about as many events in each (by a sample)."""
    shares = [nth / count for nth in range(1, count)]
    percent = min(100.0, 100.0 * _SAMPLED / max(upto, 1))
    found = _fetch(connection, _CUTS, (shares, percent, upto))[0][0] if shares else None
    cuts = sorted({cut for cut in found or () if cut != LAST_ID})
    starts = [FIRST_ID, *(UUID(int=cut.int + 1) for cut in cuts)]
    return list(zip(starts, [*cuts, LAST_ID], strict=True))


def last_position(connection: Connection) -> int:
    """Position of the last event, 0 for an empty log."""
    return int(_fetch(connection, b"select coalesce(max(notification_id), 0) from forsa_events", ())[0][0])


def _fetch(connection: Connection, query: bytes, parameters: Sequence[Any]) -> list[Any]:
    return connection.cursor(binary=True).execute(query, parameters, prepare=True).fetchall()

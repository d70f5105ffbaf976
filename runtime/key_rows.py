"""The rows of the keys' database, wrapped keys only. Nothing here can unwrap one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from projections.connections import Line, address, is_lost, refuse_lost

Pair = tuple[UUID, str]  # (stream, family)
R = TypeVar("R")

# A key must be on disk before the event that needs it, also where the server or the role says otherwise.
SESSION = "-c synchronous_commit=on -c statement_timeout=5s -c lock_timeout=2s"

FIND = """
select stream, family, generation, wrapped, whole
from unnest(%s::uuid[], %s::text[]) as wanted(stream, family) join keys using (stream, family)
"""
FIND_SOME = "select stream, family, generation, wrapped, whole from keys where wrapped is not null limit 10"
ADD = """
insert into keys (stream, family, generation, wrapped)
select * from unnest(%s::uuid[], %s::text[], %s::int[], %s::bytea[])
on conflict do nothing
"""
LOCK_STREAM = "select pg_advisory_xact_lock(hashtextextended('forsa.keys.' || %s::uuid, 0))"
CLOSE_UNUSED = """
insert into keys (stream, family, generation, wrapped, destroyed_at)
select %s, family, 1, null, now() from unnest(%s::text[]) as f(family)
on conflict do nothing
"""
DESTROY = """
update keys set wrapped = null, destroyed_at = coalesce(destroyed_at, now()), whole = whole or %s
where stream = %s and family = any(%s::text[]) and (wrapped is not null or whole < %s)
"""
OPEN_NEXT = """
insert into keys (stream, family, generation, wrapped)
select stream, family, generation + 1, %s from keys
where stream = %s and family = %s and generation = %s - 1 and wrapped is null and not whole
on conflict do nothing
"""


class KeyRow(NamedTuple):
    """One key as it is stored; `wrapped` is None once it was destroyed."""

    stream: UUID
    family: str
    generation: int
    wrapped: bytes | None
    whole: bool = False

    @property
    def pair(self) -> Pair:
        """Stream and family."""
        return self.stream, self.family


class KeyRows:
    """One connection to the keys' database, opened on first use. Not thread-safe: the keyring's lock guards it."""

    def __init__(self, dsn: str) -> None:
        """Nothing is connected yet."""
        self._dsn = dsn
        self._connection: psycopg.Connection[Any] | None = None

    def find(self, pairs: Collection[Pair]) -> list[KeyRow]:
        """Every generation of these pairs; pairs without a key give no row."""
        streams, families = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

        def ask(connection: psycopg.Connection[Any]) -> list[KeyRow]:
            cursor = connection.cursor(row_factory=class_row(KeyRow), binary=True)
            return cursor.execute(FIND, (streams, families)).fetchall()

        return self._again_if_lost(ask)

    def find_some(self) -> list[KeyRow]:
        """A few rows that hold a key; none while no key was made."""

        def ask(connection: psycopg.Connection[Any]) -> list[KeyRow]:
            return connection.cursor(row_factory=class_row(KeyRow), binary=True).execute(FIND_SOME).fetchall()

        return self._again_if_lost(ask)

    def add(self, rows: Sequence[KeyRow]) -> None:
        """These rows are stored and committed, but for those that were there already."""
        # Sorted: two processes that add the same rows in another order would wait for each other.
        columns = [list(column) for column in zip(*sorted(row[:4] for row in rows), strict=True)]
        self._again_if_lost(lambda connection: connection.execute(ADD, columns))

    def destroy(self, stream: UUID, families: list[str], *, whole: bool) -> None:
        """No wrapped key of these families is left; each has a destroyed row. `whole` forbids any further one."""

        def act(connection: psycopg.Connection[Any]) -> None:
            with connection.transaction():
                connection.execute(LOCK_STREAM, (stream,))
                connection.execute(CLOSE_UNUSED, (stream, families))  # waits for a key just being made
                connection.execute(DESTROY, (whole, stream, families, whole))

        self._again_if_lost(act)

    def open_next(self, row: KeyRow) -> bool:
        """The row is stored, being the next after a destroyed one; False when it is not, or another was first.

        Not tried again when the connection is lost: the caller cannot tell its own row from another's.
        """
        connection = self._connected()
        with connection.transaction():
            connection.execute(LOCK_STREAM, (row.stream,))
            done = connection.execute(OPEN_NEXT, (row.wrapped, row.stream, row.family, row.generation))
        return done.rowcount == 1

    def close(self) -> None:
        """The connection is closed; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _again_if_lost(self, act: Callable[[psycopg.Connection[Any]], R]) -> R:
        """What `act` gives; once more on a fresh connection when this one was lost. `act` must bear repetition."""
        try:
            return act(self._connected())
        except psycopg.Error as error:
            if self._connection is None or not is_lost(self._connection, error):
                raise
            self.close()
            return act(self._connected())

    def _connected(self) -> psycopg.Connection[Any]:
        """A connection whose server has not hung up since it was used last."""
        if self._connection is not None:
            try:
                refuse_lost(self._connection)
            except psycopg.Error:
                self.close()
        if self._connection is None:
            self._connection = Line.connect(address(self._dsn, SESSION), autocommit=True)
        return self._connection

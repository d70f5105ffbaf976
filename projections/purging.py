"""Taking a learner's readable data out of the views: who still may write it, its rows in every version, what is left.

Readable personal data stands in the directory only, in as many tables as it has versions, and in one more while it is
rebuilt. Once a view has passed the decision to erase, no state it folds holds the erased facts any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from projections import learner_directory, log
from projections.tables import untended
from projections.view import SCHEMA

EVERY: Final = 2**62  # a position after every event
BESIDE: Final = "_rebuild"  # how a view is called while it is built beside the live one
_TABLES: Final[LiteralString] = (
    "select tablename from pg_tables where schemaname = %s and starts_with(tablename, %s) order by 1"
)


class Reached(NamedTuple):
    """How far the views are that somebody projects or builds: the lowest position, and that of each."""

    position: int
    views: tuple[int, ...]


def reached(connection: log.Connection) -> Reached:
    """Where the hindmost view is that somebody tends; at EVERY where nobody does.

    A version that nobody tends is not waited for: its rows are purged, and who tends it again folds from the log.
    """
    if connection.execute("select to_regclass('views.view_state')").fetchone() == (None,):
        return Reached(EVERY, ())
    places = connection.execute("select view, version, position from views.view_state").fetchall()
    idle = set(untended(connection, sorted({id_ for view, version, _ in places for id_ in _ids(view, version)})))
    tended = tuple(position for view, version, position in places if not _ids(view, version) <= idle)
    return Reached(min(tended, default=EVERY), tended)


def _ids(view: str, version: int) -> set[str]:
    """Under which of these somebody may hold the view: its own, and the live one's that it is built for."""
    return {f"{view}_v{version}", f"{view.removesuffix(BESIDE)}_v{version}"}


def purge(connection: log.Connection, learners: Sequence[UUID]) -> None:
    """No version of the directory has a row of these learners. May be repeated."""
    for name in directories(connection):
        connection.execute(sql.SQL("delete from {} where stream = any(%s)").format(name), (list(learners),))


def left(connection: log.Connection, learner: UUID) -> tuple[int, int]:
    """How many rows of the directory still show the learner, and in how many tables that was looked for."""
    tables = directories(connection)
    counts = [
        connection.execute(sql.SQL("select count(*) from {} where stream = %s").format(name), (learner,)).fetchone()
        for name in tables
    ]
    return sum(int(row[0]) for row in counts if row), len(tables)


def directories(connection: log.Connection) -> list[sql.Identifier]:
    """Every table of the directory: of this release's version, of others', and of one being built."""
    rows = connection.execute(_TABLES, (SCHEMA, f"{learner_directory.VIEW.name}_")).fetchall()
    return [sql.Identifier(SCHEMA, name) for (name,) in rows]


def rewrite_idle(connection: log.Connection) -> None:
    """Versions of the directory that nobody tends, and that are not this release's, are written anew in place."""
    ids = [name.as_string(connection).rpartition(".")[2].strip('"') for name in directories(connection)]
    for idle in untended(connection, [each for each in ids if each != learner_directory.VIEW.id]):
        try:
            connection.execute(sql.SQL("vacuum full {}").format(sql.Identifier(SCHEMA, idle)))
        except psycopg.errors.UndefinedTable:
            continue  # retired meanwhile

"""Rows into a view's table: entries are copied in, a stream's rows are replaced as a set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from projections.copying import copy_bytes, read_place, stream_place
from projections.tables import table
from projections.view import EntryView, Row, StreamView, View

FEW_ROWS = 100  # below, one statement a row in a pipeline is quicker than COPY and a staging table


class StreamRows(msgspec.Struct):
    """What a page changes in a stream view: the streams touched, and their rows now, each with its stream."""

    touched: list[bytes]
    streams: list[bytes]
    rows: list[Row]


class Entries(msgspec.Struct):
    """A page's rows of an entry view, each with its place as COPY has it."""

    places: list[bytes]
    rows: list[Row]


@cache
def _copy_statement(view: View, target: str | None) -> bytes:
    name = table(view) if target is None else sql.Identifier(target)
    return sql.SQL("copy {} ({}) from stdin (format binary)").format(name, _names(view)).as_bytes()


@cache
def _insert_statement(view: View) -> bytes:
    values = sql.SQL(", ").join(
        sql.SQL("%s::" + each.type)  # from the view's own definition, not from input
        for each in (*view.place, *view.columns)
    )
    statement = sql.SQL("insert into {} ({}) values ({})").format(table(view), _names(view), values)
    return (statement + _on_conflict(view)).as_bytes()


@cache
def _upsert_statement(view: StreamView) -> bytes:
    names, staging = _names(view), sql.Identifier(_staging(view))
    statement = sql.SQL("insert into {} ({}) select {} from {}").format(table(view), names, names, staging)
    return (statement + _on_conflict(view)).as_bytes()


def _names(view: View) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(each.name) for each in (*view.place, *view.columns))


def _staging(view: View) -> str:
    return f"staging_{view.id}"


def _on_conflict(view: View) -> sql.Composed:
    """Rows of a stream view replace the one of their key; an entry is never there before."""
    if isinstance(view, EntryView):
        return sql.Composed([])
    columns = [sql.Identifier(each.name) for each in view.columns if each.name not in view.key]
    return sql.SQL(" on conflict ({}) do update set {}").format(
        sql.SQL(", ").join(map(sql.Identifier, view.primary_key)),
        sql.SQL(", ").join(sql.SQL("{} = excluded.{}").format(name, name) for name in columns),
    )


def copy_into(
    connection: psycopg.Connection[Any],
    view: View,
    places: Sequence[bytes],
    rows: Sequence[Row],
    *,
    target: str | None = None,
) -> None:
    """These rows are in the view's table, or another one like it, which held none of them."""
    if not rows:
        return
    written = copy_bytes(places, len(view.place), [each.type for each in view.columns], rows)
    with connection.cursor().copy(_copy_statement(view, target)) as copy:
        copy.write(written)


def are_few(entries: Iterable[Entries], changed: Iterable[StreamRows]) -> bool:
    """Whether these rows go one statement a row, so that all of them fit in one pipeline."""
    most = max([*(len(each.rows) for each in entries), *(len(each.rows) for each in changed)], default=0)
    return most <= FEW_ROWS


def add_entries(connection: psycopg.Connection[Any], view: EntryView, entries: Entries) -> None:
    """The entries are in the view's table."""
    if len(entries.rows) > FEW_ROWS:
        copy_into(connection, view, entries.places, entries.rows)
    elif entries.rows:
        rows = [(*read_place(place), *row) for place, row in zip(entries.places, entries.rows, strict=True)]
        connection.cursor().executemany(_insert_statement(view), rows)


def replace_rows(connection: psycopg.Connection[Any], view: StreamView, changed: StreamRows) -> None:
    """The touched streams have these rows and no others."""
    gone = changed.touched if view.key else set(changed.touched).difference(changed.streams)
    if gone:
        statement = sql.SQL("delete from {} where stream = any(%s)").format(table(view))
        connection.execute(statement, ([UUID(bytes=each) for each in gone],))
    if len(changed.rows) > FEW_ROWS:
        _upsert_many(connection, view, changed)
    elif changed.rows:
        rows = [(UUID(bytes=stream), *row) for stream, row in zip(changed.streams, changed.rows, strict=True)]
        connection.cursor().executemany(_insert_statement(view), rows)


def _upsert_many(connection: psycopg.Connection[Any], view: StreamView, changed: StreamRows) -> None:
    staging = _staging(view)
    connection.execute(
        sql.SQL("create temporary table if not exists {} (like {}) on commit delete rows").format(
            sql.Identifier(staging), table(view)
        )
    )
    copy_into(connection, view, [stream_place(each) for each in changed.streams], changed.rows, target=staging)
    connection.execute(_upsert_statement(view))

"""Rows into a view's table: entries are copied in, a stream's rows are replaced as a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from projections.copying import copy_bytes, stream_place
from projections.tables import is_one_row, table
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


def copy_into(
    connection: psycopg.Connection[Any],
    target: sql.Composable,
    view: View,
    places: Sequence[bytes],
    rows: Sequence[Row],
) -> None:
    """These rows are in the table, which held none of them."""
    if not rows:
        return
    names = sql.SQL(", ").join(sql.Identifier(each.name) for each in (*view.place, *view.columns))
    written = copy_bytes(places, len(view.place), [each.type for each in view.columns], rows)
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(target, names)
    with connection.cursor().copy(statement) as copy:
        copy.write(written)


def add_entries(connection: psycopg.Connection[Any], view: EntryView, entries: Entries) -> None:
    """The entries are in the view's table."""
    copy_into(connection, table(view), view, entries.places, entries.rows)


def replace_rows(connection: psycopg.Connection[Any], view: StreamView, changed: StreamRows) -> None:
    """The touched streams have these rows and no others."""
    if is_one_row(view):
        _delete(connection, view, list(set(changed.touched).difference(changed.streams)))
    elif changed.touched:
        _delete(connection, view, changed.touched)
    if len(changed.rows) <= FEW_ROWS:
        _upsert_few(connection, view, changed)
    else:
        _upsert_many(connection, view, changed)


def _delete(connection: psycopg.Connection[Any], view: StreamView, streams: Sequence[bytes]) -> None:
    if streams:
        connection.execute(
            sql.SQL("delete from {} where stream = any(%s)").format(table(view)),
            ([UUID(bytes=each) for each in streams],),
        )


def _upsert_few(connection: psycopg.Connection[Any], view: StreamView, changed: StreamRows) -> None:
    if not changed.rows:
        return
    values = sql.SQL(", ").join(
        sql.SQL("%s::" + each.type)  # from the view's own definition, not from input
        for each in (*view.place, *view.columns)
    )
    statement = sql.SQL("insert into {} values ({}) {}").format(table(view), values, _on_conflict(view))
    connection.cursor().executemany(
        statement, [(UUID(bytes=stream), *row) for stream, row in zip(changed.streams, changed.rows, strict=True)]
    )


def _upsert_many(connection: psycopg.Connection[Any], view: StreamView, changed: StreamRows) -> None:
    staging = sql.Identifier(f"staging_{view.id}")
    connection.execute(
        sql.SQL("create temporary table if not exists {} (like {}) on commit delete rows").format(staging, table(view))
    )
    copy_into(connection, staging, view, [stream_place(each) for each in changed.streams], changed.rows)
    connection.execute(sql.SQL("insert into {} select * from {} {}").format(table(view), staging, _on_conflict(view)))


def _on_conflict(view: StreamView) -> sql.Composed:
    columns = [sql.Identifier(each.name) for each in view.columns if each.name not in view.key]
    return sql.SQL("on conflict ({}) do update set {}").format(
        sql.SQL(", ").join(map(sql.Identifier, view.primary_key)),
        sql.SQL(", ").join(sql.SQL("{} = excluded.{}").format(name, name) for name in columns),
    )

"""The views' tables and where each view stands: made by the projector, which owns the schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from projections.view import SCHEMA, Index, View

DDL_LOCK: Final = 7067  # held while tables are made or switched, and while a projector takes its views
STATE_TABLE: Final[LiteralString] = """
create table if not exists views.view_state (
  view text not null,
  version integer not null,
  position bigint not null default 0,          -- every event up to here is in the rows
  generation integer not null default 0,       -- counts the tables a rebuild put in its place
  status text not null default 'building',     -- building, until it has once been current; then live
  folded bigint not null default 0,            -- while a rebuild makes the rows: how many events are in them
  updated_at timestamptz not null default clock_timestamp(),
  primary key (view, version)
) with (fillfactor = 50)
"""


def table(view: View) -> sql.Identifier:
    """The view's table."""
    return sql.Identifier(SCHEMA, view.id)


def ensure_tables(connection: psycopg.Connection[Any], views: Iterable[View]) -> None:
    """Schema, tables and indexes of these views exist, and each has its row of state. Safe beside running processes."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (DDL_LOCK,))
        connection.execute("set local client_min_messages = warning")
        if connection.execute("select to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
            connection.execute("create schema views")
        connection.execute(STATE_TABLE)
        _add_what_release_1_lacked(connection)
        _grant(connection, sql.Identifier(SCHEMA, "view_state"))
        for view in views:
            _ensure_table(connection, view)


def _add_what_release_1_lacked(connection: psycopg.Connection[Any]) -> None:
    query = "select from pg_attribute where attrelid = 'views.view_state'::regclass and attname = 'folded'"
    if connection.execute(query).fetchone() is None:  # looked at first: to alter waits for every reader
        connection.execute("alter table views.view_state add column folded bigint not null default 0")


def is_made(connection: psycopg.Connection[Any], view: View) -> bool:
    """Whether the view has its table."""
    return connection.execute("select to_regclass(%s)", (f"{SCHEMA}.{view.id}",)).fetchone() != (None,)


# Who projects a view holds its advisory lock for as long as the session lives, and who builds it anew another.
PROJECTING: Final = "forsa.view."
BUILDING: Final = "forsa.building."
_LOCK: Final[LiteralString] = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNTENDED: Final[LiteralString] = """
select id from unnest(%s::text[]) as named(id) where not exists (
  select from pg_locks where locktype = 'advisory' and objsubid = 1 and granted
     and database = (select oid from pg_database where datname = current_database())
     and (classid::bigint << 32 | objid::bigint)
         in (select hashtextextended(purpose || id, 0) from unnest(%s::text[]) as each(purpose)))
"""


def lock_view(connection: psycopg.Connection[Any], view_id: str, purpose: str = PROJECTING) -> bool:
    """Whether the view is this session's to project, or to build, until the session ends."""
    return connection.execute(_LOCK, (purpose + view_id,)).fetchone() == (True,)


def unlock_view(connection: psycopg.Connection[Any], view_id: str, purpose: str = PROJECTING) -> None:
    """The view is no longer this session's."""
    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (purpose + view_id,))


def untended(
    connection: psycopg.Connection[Any], ids: Sequence[str], purposes: Sequence[str] = (PROJECTING, BUILDING)
) -> list[str]:
    """Those of these views (`learner_record_v2`), or of whatever else is locked so, that nobody holds for a purpose."""
    return [str(row[0]) for row in connection.execute(_UNTENDED, (list(ids), list(purposes)))]


def _ensure_table(connection: psycopg.Connection[Any], view: View) -> None:
    if is_made(connection, view):
        return
    create_table(connection, view)
    create_indexes(connection, view)
    connection.execute(
        "insert into views.view_state (view, version) values (%s, %s)"
        " on conflict (view, version) do update"
        " set position = 0, status = 'building', generation = view_state.generation + 1",
        (view.name, view.version),
    )


def create_table(connection: psycopg.Connection[Any], view: View) -> None:
    """The table without any index."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type),  # from the view's own definition, not from input
            sql.SQL(" not null" if column.required else ""),
        )
        for column in (*view.place, *view.columns)
    )
    connection.execute(
        sql.SQL("create table {} ({}) with (fillfactor = {})").format(
            table(view), columns, sql.Literal(view.fillfactor)
        )
    )
    for column in view.columns:
        if column.personal:
            unsampled = sql.SQL("alter table {} alter column {} set statistics 0")
            connection.execute(unsampled.format(table(view), sql.Identifier(column.name)))
    _grant(connection, table(view))


def create_indexes(connection: psycopg.Connection[Any], view: View) -> None:
    """Primary key and secondary indexes; one that needs an extension the server lacks is left out."""
    connection.execute(
        sql.SQL("alter table {} add constraint {} primary key ({})").format(
            table(view),
            sql.Identifier(f"{view.id}_key"),
            sql.SQL(", ").join(map(sql.Identifier, view.primary_key)),
        )
    )
    for index in view.indexes:
        if index.needs is None or has_extension(connection, index.needs):
            connection.execute(
                sql.SQL("create index {} on {} {}").format(
                    sql.Identifier(index_name(view, index)),
                    table(view),
                    sql.SQL(index.on),  # from the view's own definition, not from input
                )
            )


def index_name(view: View, index: Index) -> str:
    """Name of a secondary index: unique in the schema."""
    return f"{view.id}_{index.name}"


def has_extension(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether this database has the extension."""
    return connection.execute("select from pg_extension where extname = %s", (name,)).fetchone() is not None


def _grant(connection: psycopg.Connection[Any], name: sql.Identifier) -> None:
    """The web role may read this table, where there is such a role and the table is this login's."""
    if connection.execute(
        "select from pg_roles, pg_tables where rolname = 'forsa_web' and tableowner = current_user"
        " and schemaname = 'views' and format('%%I.%%I', schemaname, tablename) = %s",
        (name.as_string(connection).replace('"', ""),),
    ).fetchone():
        connection.execute("grant usage on schema views to forsa_web")
        connection.execute(sql.SQL("grant select on {} to forsa_web").format(name))


def switch_table(connection: psycopg.Connection[Any], built: View, live: View) -> None:
    """In this transaction, the table of `built` takes the place of `live`'s, which is dropped."""
    connection.execute(sql.SQL("drop table if exists {}").format(table(live)))
    old, new = table(built), sql.Identifier(live.id)
    connection.execute(sql.SQL("alter table {} rename to {}").format(old, new))
    query = "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass"
    for (index,) in connection.execute(query, (f"{SCHEMA}.{live.id}",)).fetchall():
        name = index.rpartition(".")[2].strip('"')
        connection.execute(
            sql.SQL("alter index {} rename to {}").format(
                sql.Identifier(SCHEMA, name), sql.Identifier(name.replace(built.id, live.id, 1))
            )
        )


def drop_view(connection: psycopg.Connection[Any], name: str, version: int) -> None:
    """A version of a view that no release uses any more is gone, with its state and its parked rows."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (DDL_LOCK,))
        connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(SCHEMA, f"{name}_v{version}")))
        connection.execute("delete from views.view_state where view = %s and version = %s", (name, version))
        connection.execute("delete from records.parked where view = %s and version = %s", (name, version))

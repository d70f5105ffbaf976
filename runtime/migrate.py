"""Forward-only migrations of the log's and the keys' databases, and the roles that protect them.

Numbered SQL files, applied once, in order, each in its own transaction; what was applied is remembered with the file's
SHA-256, so an edited file is found. Views are not made here: the projector owns the schema `views`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, TypeAlias

import msgspec
import psycopg
from psycopg import Connection, conninfo, sql

from projections.connections import address

HERE: Final = Path(__file__).parent / "migrations"
LOG: Final = HERE / "log"
KEYS: Final = HERE / "keys"
ROLES: Final = ("forsa_owner", "forsa_projector", "forsa_web", "forsa_keys")
LOCK: Final = 7065  # advisory lock of one database: two migrations at once wait for one another

_Connection: TypeAlias = Connection[tuple[object, ...]]


class MigrationError(Exception):
    """The files and the database do not belong together; the message names the file and the way out."""


class Migration(msgspec.Struct, frozen=True):
    """One SQL file: `0001_log.sql`."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class MissingProtection(msgspec.Struct, frozen=True):
    """A protection that could not be set up with the rights of this login; `doctor` names it."""

    what: str
    why: str
    fix: str


class Prepared(msgspec.Struct, frozen=True):
    """What `prepare` did: files applied now, and protections that are missing."""

    applied: list[str]
    missing: list[MissingProtection]


def migrations_in(folder: Path) -> list[Migration]:
    """The folder's files in order. Raises MigrationError unless they are numbered 1, 2, 3, … without a gap."""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        named = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", path.name)
        if named is None or int(named[1]) != len(found) + 1:
            raise MigrationError(f"{path.name}: migrations are named {len(found) + 1:04}_what.sql, without gaps")
        found.append(Migration(len(found) + 1, path.name, path.read_text(encoding="utf-8")))
    return found


def migrate(dsn: str, folder: Path, *, owner: str | None = None) -> list[str]:
    """Every file of the folder is applied to this database; returns the names of those applied now.

    owner: role that will own what is made (the login must be a member of it).
    Raises MigrationError for an edited file, or a database that is newer than this release.
    """
    files = migrations_in(folder)
    with psycopg.connect(address(dsn, "", application_name="forsa migrate"), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOCK,))
        if owner is not None:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(owner)))
        known = _applied(connection)
        _check(files, known)
        for migration in files[len(known) :]:
            _apply(connection, migration)
    return [migration.name for migration in files[len(known) :]]


def _applied(connection: _Connection) -> list[tuple[str, str]]:
    connection.execute("set client_min_messages = warning")
    connection.execute(
        "create table if not exists forsa_migrations (number integer primary key, name text not null,"
        " sha256 text not null, applied_at timestamptz not null default clock_timestamp())"
    )
    rows = connection.execute("select name, sha256 from forsa_migrations order by number").fetchall()
    return [(str(name), str(checksum)) for name, checksum in rows]


def _check(files: list[Migration], known: list[tuple[str, str]]) -> None:
    if len(known) > len(files):
        raise MigrationError(f"{known[len(files)][0]} was applied by a newer release: run that release or a later one")
    for migration, (name, checksum) in zip(files, known, strict=False):
        if (migration.name, migration.checksum) != (name, checksum):
            raise MigrationError(
                f"{migration.name} is not what was applied as {name}: restore the file as it was"
                " and put the change into a new migration"
            )


def _apply(connection: _Connection, migration: Migration) -> None:
    with connection.transaction():
        connection.execute(migration.text.encode())
        connection.execute(
            "insert into forsa_migrations (number, name, sha256) values (%s, %s, %s)",
            (migration.number, migration.name, migration.checksum),
        )


def prepare(log_dsn: str, keys_dsn: str, *, passwords: Mapping[str, str] | None = None) -> Prepared:
    """Both databases exist, are migrated, and are protected by roles as far as this login may do so.

    log_dsn, keys_dsn: logins of an owner (superuser, or CREATEROLE and CREATEDB), one database each.
    passwords: role name → password for the roles that shall log in; the others may not.
    Safe to run again, and beside running processes.
    """
    _refuse_one_database(log_dsn, keys_dsn)
    _ensure_database(log_dsn)
    _ensure_database(keys_dsn)
    missing = _ensure_roles(log_dsn, passwords or {})
    protected = not missing
    owner = "forsa_owner" if protected else None
    if protected:
        _run(log_dsn, _BEFORE_LOG)
        _run(keys_dsn, _BEFORE_KEYS)
    applied = migrate(log_dsn, LOG, owner=owner) + migrate(keys_dsn, KEYS, owner=owner)
    _run(log_dsn, _LOG_GRANTS if protected else "create schema if not exists views")
    if protected:
        _run(keys_dsn, _KEYS_GRANTS)
    return Prepared(applied, missing)


def missing_protections(web_dsn: str) -> list[MissingProtection]:
    """What does not protect the log from this login and this server; empty when all is well. Changes nothing."""
    with psycopg.connect(address(web_dsn, "", application_name="forsa doctor")) as connection:
        connection.execute("set transaction read only")
        login = connection.info.user
        found = [
            MissingProtection(what=f"table {name}", why=f"login {login} may alter or delete its rows", fix=_USE_ROLES)
            for (name,) in connection.execute(_WRITABLE).fetchall()
        ]
        for name, wanted, why in _SETTINGS:
            if connection.execute("select current_setting(%s)", (name,)).fetchone() not in [(each,) for each in wanted]:
                fix = f"set {name} = {wanted[0]} in postgresql.conf and reload"
                found.append(MissingProtection(what=f"setting {name}", why=why, fix=fix))
    return found


_USE_ROLES: Final = "run `forsa migrate` with a login that may create roles, then serve as forsa_web"
_WRITABLE: Final = """
select tablename from (values
    ('public', 'forsa_events', 'insert'), ('public', 'claims', 'insert'), ('public', 'commands', 'insert'),
    ('records', 'disclosures', 'update'), ('records', 'feeds', 'insert'), ('records', 'feed_epochs', 'insert'),
    ('records', 'feed_rows', 'insert'), ('records', 'feed_published', 'insert'), ('records', 'receipts', 'update'))
    guarded (schemaname, tablename, first)
  join pg_tables using (schemaname, tablename)
 where has_table_privilege(format('%I.%I', schemaname, tablename), first || ', update, delete, truncate') order by 1
"""
_SETTINGS: Final = (
    ("log_min_error_statement", ("panic",), "a failing statement is written to the server's log with personal data"),
    ("log_error_verbosity", ("terse",), "details of errors, with values of rows, are written to the server's log"),
    ("synchronous_commit", ("on", "remote_apply"), "acknowledged events are lost in a crash"),
    ("fsync", ("on",), "the log may be corrupt after a crash"),
    ("full_page_writes", ("on",), "the log may be corrupt after a crash"),
)


def _run(dsn: str, text: LiteralString) -> None:
    """The statements are executed in one transaction; {database} stands for the connected database."""
    with psycopg.connect(address(dsn, "", application_name="forsa migrate")) as connection:
        connection.execute("set client_min_messages = warning")
        # Grants on one object from two sessions at once fail with "tuple concurrently updated".
        connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL(text).format(database=database))


def _ensure_database(dsn: str) -> None:
    name = str(conninfo.conninfo_to_dict(dsn)["dbname"])
    try:
        psycopg.connect(address(dsn, "", application_name="forsa migrate")).close()
    except psycopg.OperationalError as refused:  # libpq tells the reason in words only, in any language
        with _maintenance(dsn) as connection:
            if connection.execute("select from pg_database where datname = %s", (name,)).fetchone():
                raise
            _create_database(connection, name, refused)


def _create_database(connection: _Connection, name: str, refused: psycopg.OperationalError) -> None:
    statement = sql.SQL("create database {} template template0 encoding 'UTF8'").format(sql.Identifier(name))
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        fix = f"create it (encoding UTF8) or use a login with CREATEDB: {refused}"
        raise MigrationError(f"database {name} does not exist and this login may not create it: {fix}") from None


@contextmanager
def _maintenance(dsn: str) -> Iterator[_Connection]:
    """Roles and databases belong to the whole server, so the lock must be had in a database that all share."""
    with psycopg.connect(address(conninfo.make_conninfo(dsn, dbname="postgres"), ""), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOCK,))
        yield connection


def _ensure_roles(dsn: str, passwords: Mapping[str, str]) -> list[MissingProtection]:
    with _maintenance(dsn) as connection:
        try:
            for role in ROLES:
                _ensure_role(connection, role, passwords.get(role))
        except psycopg.errors.InsufficientPrivilege:
            return [] if _is_member(connection) else [_no_roles(connection.info.user)]
    return []


def _is_member(connection: _Connection) -> bool:
    """All roles were made by someone else, and this login may act as the two that own things."""
    known = connection.execute("select from pg_roles where rolname = any(%s)", (list(ROLES),)).fetchall()
    query = (
        "select from pg_roles where rolname in ('forsa_owner', 'forsa_projector') and pg_has_role(rolname, 'member')"
    )
    return len(known) == len(ROLES) and len(connection.execute(query).fetchall()) == 2


def _ensure_role(connection: _Connection, role: str, password: str | None) -> None:
    name = sql.Identifier(role)
    connection.execute(
        sql.SQL(
            "do $$ begin create role {}; exception when duplicate_object or unique_violation then null; end $$"
        ).format(name)
    )
    if password is not None:
        connection.execute(sql.SQL("alter role {} login password {}").format(name, sql.Literal(password)))
    if role in ("forsa_owner", "forsa_projector"):
        connection.execute(sql.SQL("grant {} to current_user").format(name))


def _no_roles(login: str) -> MissingProtection:
    return MissingProtection(
        what="roles",
        why=f"login {login} may not create roles, so every process works as the owner of the log and could alter it",
        fix="run `forsa migrate` once with FORSA_OWNER_DATABASE_URL of a login with CREATEROLE",
    )


def _refuse_one_database(log_dsn: str, keys_dsn: str) -> None:
    """Keys beside the log in one database die and return with its backups, so they must not stand there."""
    log, keys = (conninfo.conninfo_to_dict(dsn) for dsn in (log_dsn, keys_dsn))
    place = ("host", "port", "dbname")
    if [log.get(part) for part in place] == [keys.get(part) for part in place]:
        raise MigrationError("the keys need a database of their own: set FORSA_KEYS_DATABASE_URL to another one")


_BEFORE_LOG: Final = """
grant connect, create, temporary on database {database} to forsa_owner, forsa_projector;
grant usage, create on schema public to forsa_owner;
"""

_LOG_GRANTS: Final = """
revoke all on database {database} from public;
grant connect on database {database} to forsa_web;
grant connect, temporary on database {database} to forsa_projector;
revoke create on schema public from public;
grant usage on schema public to forsa_web, forsa_projector;

revoke all on forsa_events, claims, commands from public, forsa_web, forsa_projector;
grant select on forsa_events, claims, commands to forsa_web, forsa_projector;
revoke all on function forsa_append from public;
grant execute on function forsa_append to forsa_web;

create schema if not exists views authorization forsa_projector;
grant usage on schema views to forsa_web;
grant select on all tables in schema views to forsa_web;
alter default privileges for role forsa_projector in schema views grant select on tables to forsa_web;

grant usage on schema records to forsa_web, forsa_projector;
grant select, insert, update, delete on all tables in schema records to forsa_web;
grant usage on all sequences in schema records to forsa_web;
alter default privileges for role forsa_owner in schema records
  grant select, insert, update, delete on tables to forsa_web;
alter default privileges for role forsa_owner in schema records grant usage on sequences to forsa_web;
revoke all on records.disclosures from forsa_web;
grant select, insert (request, reader, role, org, what, as_of_position, subjects, levels, named, emergencies)
  on records.disclosures to forsa_web;
-- What partners are told is written by the projector's process, what was published by the publisher's.
revoke all on records.feeds, records.feed_epochs, records.feed_rows, records.feed_published, records.receipts,
  records.parked_receipts, records.consumed from forsa_web;
grant select on records.feeds, records.feed_epochs, records.feed_rows, records.feed_published, records.receipts,
  records.parked_receipts, records.consumed to forsa_web;
grant insert on records.receipts to forsa_web;
"""

_BEFORE_KEYS: Final = """
grant connect, create, temporary on database {database} to forsa_owner;
grant usage, create on schema public to forsa_owner;
"""

_KEYS_GRANTS: Final = """
revoke all on database {database} from public;
grant connect on database {database} to forsa_keys;
revoke create on schema public from public;
grant usage on schema public to forsa_keys;
grant select, insert, update on all tables in schema public to forsa_keys;
revoke all on forsa_migrations from forsa_keys;
"""

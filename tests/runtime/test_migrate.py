"""Migrations apply once and in order; roles keep every process to its own tables."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, sql

from runtime.migrate import KEYS, LOG, MigrationError, migrate, migrations_in, missing_protections, prepare
from tests.conftest import PASSWORDS

DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"forsa_empty_{uuid4().hex}"
    yield conninfo.make_conninfo(_created(server_dsn, name), dbname=name)
    _dropped(server_dsn, name)


def _created(server_dsn: str, name: str) -> str:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return server_dsn


def _dropped(server_dsn: str, *names: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def folder(at: Path, **files: str) -> Path:
    """Migration files by stem; a keyword may not start with a digit, so the `m` is dropped."""
    for stem, text in files.items():
        (at / f"{stem[1:]}.sql").write_text(text)
    return at


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")}


def test_files_are_applied_in_order_and_once(empty_dsn: str, tmp_path: Path) -> None:
    at = folder(tmp_path, m0001_one="create table one ()", m0002_two="alter table one add two integer")
    assert migrate(empty_dsn, at) == ["0001_one.sql", "0002_two.sql"]
    assert migrate(empty_dsn, at) == []
    folder(at, m0003_three="create table three ()")
    assert migrate(empty_dsn, at) == ["0003_three.sql"]


def test_an_edited_file_is_named_with_the_way_out(empty_dsn: str, tmp_path: Path) -> None:
    migrate(empty_dsn, folder(tmp_path, m0001_one="create table one ()"))
    folder(tmp_path, m0001_one="create table one (id integer)", m0002_two="create table two ()")
    with pytest.raises(MigrationError, match=r"0001_one\.sql .* restore the file .* new migration"):
        migrate(empty_dsn, tmp_path)
    assert "two" not in tables(empty_dsn)


def test_a_database_of_a_newer_release_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    migrate(empty_dsn, folder(tmp_path, m0001_one="create table one ()", m0002_two="create table two ()"))
    (tmp_path / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match=r"0002_two\.sql was applied by a newer release"):
        migrate(empty_dsn, tmp_path)


def test_a_failing_file_leaves_nothing_of_itself(empty_dsn: str, tmp_path: Path) -> None:
    at = folder(tmp_path, m0001_one="create table one ()", m0002_two="create table two (); select 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_dsn, at)
    assert tables(empty_dsn) == {"one", "forsa_migrations"}
    folder(at, m0002_two="create table two ()")
    assert migrate(empty_dsn, at) == ["0002_two.sql"]


def test_two_at_once_apply_each_file_once(empty_dsn: str) -> None:
    with ThreadPoolExecutor(2) as both:
        applied = list(both.map(lambda _: migrate(empty_dsn, LOG), range(2)))
    assert sorted(len(names) for names in applied) == [0, len(migrations_in(LOG))]


@pytest.mark.parametrize("stem", ["m0002_first", "m1_short", "m0001_Upper"])
def test_names_are_numbered_without_gaps(tmp_path: Path, stem: str) -> None:
    with pytest.raises(MigrationError, match=r"0001_what\.sql"):
        migrations_in(folder(tmp_path, **{stem: "select 1"}))


def test_preparing_makes_both_databases_and_may_run_again(server_dsn: str) -> None:
    names = [f"forsa_new_{part}_{uuid4().hex}" for part in ("log", "keys")]
    log, keys = (conninfo.make_conninfo(server_dsn, dbname=name) for name in names)
    try:
        first = prepare(log, keys, passwords=PASSWORDS)
        assert first.applied == [each.name for each in (*migrations_in(LOG), *migrations_in(KEYS))]
        again = prepare(log, keys, passwords=PASSWORDS)
        assert (again.applied, again.missing) == ([], [])
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(conninfo.make_conninfo(keys, user="forsa_web", password="test"))
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(conninfo.make_conninfo(log, user="forsa_keys", password="test"))
        web_dsn = conninfo.make_conninfo(log, user="forsa_web", password="test")
        with psycopg.connect(web_dsn) as web, pytest.raises(DENIED):
            web.execute("create temporary table t ()")
    finally:
        _dropped(server_dsn, *names)


def test_several_installations_of_one_server_prepare_at_once(server_dsn: str) -> None:
    """Roles belong to the server: altering one from two sessions at once is an error of PostgreSQL."""
    names = [f"forsa_many_{uuid4().hex}" for _ in range(6)]
    dsns = [conninfo.make_conninfo(server_dsn, dbname=name) for name in names]
    try:
        with ThreadPoolExecutor(3) as threads:
            prepared = list(threads.map(lambda n: prepare(dsns[n], dsns[n + 1], passwords=PASSWORDS), (0, 2, 4)))
        assert [each.missing for each in prepared] == [[], [], []]
    finally:
        _dropped(server_dsn, *names)


def test_keys_beside_the_log_in_one_database_are_refused(server_dsn: str) -> None:
    with pytest.raises(MigrationError, match="FORSA_KEYS_DATABASE_URL"):
        prepare(server_dsn, server_dsn)


def test_a_login_that_may_not_create_roles_is_told_what_is_missing(server_dsn: str) -> None:
    login, names = f"forsa_plain_{uuid4().hex}", [f"forsa_plain_{uuid4().hex}" for _ in range(2)]
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login createdb password 'test'").format(sql.Identifier(login)))
    dsns = [conninfo.make_conninfo(server_dsn, dbname=name, user=login, password="test") for name in names]
    try:
        prepared = prepare(dsns[0], dsns[1])
        assert [each.what for each in prepared.missing] == ["roles"]
        assert login in prepared.missing[0].why
        assert "FORSA_OWNER_DATABASE_URL" in prepared.missing[0].fix
        assert {"forsa_events", "claims", "commands"} <= tables(dsns[0])
    finally:
        _dropped(server_dsn, *names)
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(login)))


@pytest.mark.parametrize(("table", "column"), [("forsa_events", "topic"), ("claims", "kind"), ("commands", "status")])
@pytest.mark.parametrize("act", ["insert into {0} default values", "update {0} set {1} = {1}", "delete from {0}"])
def test_the_web_role_may_not_touch_the_log(web_dsn: str, table: str, column: str, act: str) -> None:
    with psycopg.connect(web_dsn) as connection, pytest.raises(DENIED):
        connection.execute(act.format(table, column).encode())


@pytest.mark.parametrize("table", ["forsa_events", "claims", "commands"])
def test_the_web_role_may_not_empty_the_log(web_dsn: str, table: str) -> None:
    with psycopg.connect(web_dsn) as connection, pytest.raises(DENIED):
        connection.execute(f"truncate {table}".encode())


@pytest.mark.parametrize(
    "statement",
    [b"create table public.mine ()", b"create table views.mine ()", b"create table records.mine ()"],
)
def test_the_web_role_makes_nothing(web_dsn: str, statement: bytes) -> None:
    with psycopg.connect(web_dsn) as connection, pytest.raises(DENIED):
        connection.execute(statement)


def test_the_web_role_reads_views_and_writes_records(log_dsn: str, web_dsn: str, projector_dsn: str) -> None:
    with psycopg.connect(projector_dsn) as projector:
        projector.execute("create table views.caseload_v1 as select 1 as learner")
    with psycopg.connect(log_dsn) as owner:
        owner.execute("set role forsa_owner")
        owner.execute("create table records.noted (id bigserial)")
    try:
        with psycopg.connect(web_dsn) as web:
            assert web.execute("select learner from views.caseload_v1").fetchall() == [(1,)]
            web.execute("insert into records.noted default values")
            web.execute("delete from records.noted")
            with pytest.raises(DENIED):
                web.execute("delete from views.caseload_v1")
    finally:
        with psycopg.connect(log_dsn) as owner:
            owner.execute("drop table records.noted")


@pytest.mark.parametrize("table", ["feeds", "feed_epochs", "feed_rows", "feed_published", "consumed"])
@pytest.mark.parametrize("act", ["insert into {0} default values", "update {0} set {1} = {1}", "delete from {0}"])
def test_the_web_role_tells_partners_nothing(web_dsn: str, table: str, act: str) -> None:
    column = "topic" if table == "consumed" else "feed"
    with psycopg.connect(web_dsn) as connection:
        connection.execute(f"select from records.{table}".encode())
        with pytest.raises(DENIED):
            connection.execute(act.format(f"records.{table}", column).encode())


def test_the_projector_reads_the_log_and_does_not_append(projector_dsn: str) -> None:
    append = "select forsa_append(gen_random_uuid(), 1, 'x', '', null, null, null, 0::smallint)"
    for statement in (append, "insert into forsa_events default values", "delete from claims"):
        with psycopg.connect(projector_dsn) as connection:
            assert connection.execute("select count(*) from forsa_events").fetchone() == (0,)
            with pytest.raises(DENIED):
                connection.execute(statement.encode())


def test_the_keys_role_makes_and_destroys_keys_and_deletes_none(keys_role_dsn: str) -> None:
    with psycopg.connect(keys_role_dsn) as connection:
        connection.execute(
            "insert into keys (stream, family, generation, wrapped) values (gen_random_uuid(), 'a', 1, '')"
        )
        connection.execute("update keys set wrapped = null, destroyed_at = now()")
        with pytest.raises(DENIED):
            connection.execute("delete from keys")


def test_a_login_that_may_alter_the_log_is_named(log_dsn: str, web_dsn: str) -> None:
    def tables_of(dsn: str) -> list[str]:
        return [each.what for each in missing_protections(dsn) if each.what.startswith("table")]

    log, records = ("claims", "commands", "forsa_events"), ("disclosures", "receipts")
    feeds = ("feed_epochs", "feed_published", "feed_rows", "feeds")
    assert tables_of(log_dsn) == [f"table {name}" for name in sorted((*log, *records, *feeds))]
    assert tables_of(web_dsn) == []


def test_a_server_that_logs_or_loses_too_much_is_named(log_dsn: str) -> None:
    careless = "-c log_min_error_statement=error -c log_error_verbosity=default -c synchronous_commit=off"
    missing = missing_protections(conninfo.make_conninfo(log_dsn, options=careless))
    what = {each.what: each.fix for each in missing}
    assert what["setting log_min_error_statement"].startswith("set log_min_error_statement = panic")
    assert {"setting log_error_verbosity", "setting synchronous_commit"} <= set(what)
    careful = "-c log_min_error_statement=panic -c log_error_verbosity=terse -c synchronous_commit=on"
    left = {each.what for each in missing_protections(conninfo.make_conninfo(log_dsn, options=careful))}
    assert left.isdisjoint(
        {"setting log_min_error_statement", "setting log_error_verbosity", "setting synchronous_commit"}
    )

"""Databases for every test: real PostgreSQL, migrated once, one copy a test process, emptied before each test."""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import conninfo, sql

from domain.event import Event
from runtime.kafka_jars import NoKafkaError, find_lack
from runtime.keyring import Keyring
from runtime.local_kafka import WHEEL_LACKS, LocalKafka
from runtime.mapper import ForsaMapper
from runtime.master_key import secrets_from
from runtime.migrate import HERE, prepare
from runtime.recorder import ForsaDatastore, ForsaRecorder
from runtime.store import EventLog
from tests.brokers import begin_broker, wait_for_broker

SECRETS = secrets_from(bytes(32))
PASSWORDS = dict.fromkeys(("forsa_projector", "forsa_web", "forsa_keys"), "test")


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """A process that a test ran in here leaves no handler that writes to the stream of that test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if root.handlers != handlers:
        structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """DSN of a superuser on the test server."""
    dsn = os.environ.get("DATABASE_URL")
    if not dsn:
        pytest.fail("these tests need a PostgreSQL server: run `make test`, or set DATABASE_URL to a superuser's DSN")
    return dsn


def _fingerprint() -> str:
    """Changes with every migration and with the grants, so that a template of older code is never used."""
    files = [*sorted(HERE.rglob("*.sql")), HERE.parent / "migrate.py", Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:10]


def _run(dsn: str, *statements: sql.Composed | bytes) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _exists(connection: psycopg.Connection[tuple[object, ...]], database: str) -> bool:
    return connection.execute("select from pg_database where datname = %s", (database,)).fetchone() is not None


@pytest.fixture(scope="session")
def templates(server_dsn: str) -> tuple[str, str]:
    """Names of a migrated log and keys database; made by the first process that asks, kept for later runs."""
    log, keys = f"forsa_template_{_fingerprint()}", f"forsa_template_keys_{_fingerprint()}"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(7064)")
        if not _exists(connection, log):
            half = f"{log}_half"  # a run that is killed here leaves no template that looks finished
            for name in (half, keys):
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            dsns = [conninfo.make_conninfo(server_dsn, dbname=name) for name in (half, keys)]
            assert prepare(dsns[0], dsns[1], passwords=PASSWORDS).missing == []
            rename = sql.SQL("alter database {} rename to {}")
            connection.execute(rename.format(sql.Identifier(half), sql.Identifier(log)))
    return log, keys


def _copy(server_dsn: str, template: str, name: str) -> Iterator[str]:
    database = sql.Identifier(name)
    drop = sql.SQL("drop database if exists {} with (force)").format(database)
    _run(
        server_dsn,
        drop,
        sql.SQL("create database {} template {}").format(database, sql.Identifier(template)),
        # `--fast` servers may have it off; our store refuses to start there.
        sql.SQL("alter database {} set synchronous_commit = on").format(database),
    )
    yield conninfo.make_conninfo(server_dsn, dbname=name)
    _run(server_dsn, drop)


@pytest.fixture(scope="session")
def _log_database(server_dsn: str, templates: tuple[str, str]) -> Iterator[str]:
    yield from _copy(server_dsn, templates[0], f"forsa_test_{os.getpid()}")


@pytest.fixture(scope="session")
def _keys_database(server_dsn: str, templates: tuple[str, str]) -> Iterator[str]:
    yield from _copy(server_dsn, templates[1], f"forsa_test_keys_{os.getpid()}")


EMPTY = b"""
do $$ declare tables text; name text; begin
  set local session_replication_role = replica;  -- the keys' own triggers refuse a truncate
  select string_agg(format('%I.%I', schemaname, tablename), ', ') into tables from pg_tables
    where schemaname in ('public', 'records') and tablename <> 'forsa_migrations';
  if tables is not null then execute 'truncate ' || tables || ' restart identity'; end if;
  if to_regclass('records.feeds') is not null then  -- as the migration left it
    insert into records.feeds (feed, topic) values ('entraide-nationale', 'forsa.diploma.events.v1');
  end if;
  for name in select tablename from pg_tables where schemaname = 'views' loop
    execute format('drop table views.%I cascade', name);
  end loop;
end $$
"""


@pytest.fixture
def log_dsn(_log_database: str) -> str:
    """A superuser's DSN of an empty, migrated log: no events, no views."""
    _run(_log_database, EMPTY)
    return _log_database


@pytest.fixture
def keys_dsn(_keys_database: str) -> str:
    """A superuser's DSN of an empty, migrated keys database."""
    _run(_keys_database, EMPTY)
    return _keys_database


@pytest.fixture
def web_dsn(log_dsn: str) -> str:
    """The log as the web process sees it."""
    return conninfo.make_conninfo(log_dsn, user="forsa_web", password=PASSWORDS["forsa_web"])


@pytest.fixture
def projector_dsn(log_dsn: str) -> str:
    """The log as the projector sees it."""
    return conninfo.make_conninfo(log_dsn, user="forsa_projector", password=PASSWORDS["forsa_projector"])


@pytest.fixture
def keys_role_dsn(keys_dsn: str) -> str:
    """The keys as the processes see them."""
    return conninfo.make_conninfo(keys_dsn, user="forsa_keys", password=PASSWORDS["forsa_keys"])


@pytest.fixture
def keyring(keys_role_dsn: str) -> Iterator[Keyring]:
    """A keyring over empty keys, under a master key of zeros."""
    keyring = Keyring(keys_role_dsn, SECRETS)
    yield keyring
    keyring.close()


@pytest.fixture
def tags() -> Mapping[str, type[Event]]:
    """The closed table of tags; a test module may set its own."""
    from domain.streams import EVENTS

    return EVENTS


@pytest.fixture
def event_log(web_dsn: str, keyring: Keyring, tags: Mapping[str, type[Event]]) -> Iterator[EventLog]:
    """The store as the web process has it, empty."""
    log = EventLog(web_dsn, ForsaMapper(tags, keyring), SECRETS.claim)
    yield log
    log.close()


@pytest.fixture
def recorder(web_dsn: str) -> Iterator[ForsaRecorder]:
    """A recorder over an empty log, with the web process's rights."""
    datastore = ForsaDatastore(web_dsn, pool_size=10)
    yield ForsaRecorder(datastore)
    datastore.close()


# ---------------------------------------------------------------- Kafka

CI = os.environ.get("CI") == "true"
RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()  # the process that ends with the run


def pytest_collection_finish(session: pytest.Session) -> None:
    """The broker starts beside the tests, where one of them will ask for it."""
    if not os.environ.get("KAFKA_BOOTSTRAP") and any("kafka" in _fixtures(item) for item in session.items):
        begin_broker(RUN)


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def kafka() -> str:
    """The address of a broker that all tests share, KAFKA_BOOTSTRAP's or ours; each has topics of its own (`topic`)."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        return given
    try:
        return wait_for_broker(RUN)
    except NoKafkaError as error:
        (pytest.fail if CI else pytest.skip)(str(error))


@pytest.fixture
def apache_kafka(kafka: str) -> str:
    """The shared broker, for what only Apache Kafka does."""
    if not os.environ.get("KAFKA_BOOTSTRAP") and (lack := find_lack()):
        (pytest.fail if CI else pytest.skip)(f"{WHEEL_LACKS}; {lack}")
    return kafka


@pytest.fixture
def topic() -> str:
    """A topic's name that no other test has; the topic is not made."""
    return f"test.{uuid.uuid4()}"


@pytest.fixture(scope="session")
def _own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"))
    if broker.lack:
        (pytest.fail if CI else pytest.skip)(f"{WHEEL_LACKS}; {broker.lack}")
    yield broker
    broker.kill()


@pytest.fixture
def own_kafka(_own_kafka: LocalKafka) -> LocalKafka:
    """A running broker that no other test uses now, to stop, kill and pause: Apache Kafka, its port and data kept."""
    _own_kafka.resume()
    return _own_kafka if _own_kafka.is_running else _own_kafka.start()

"""A durable server of our own with a small world on it, and copies of that world: one for each thing to be proved."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import psycopg
from psycopg import sql

from runtime.databases import PROCESS_NEEDS, prepare_databases
from runtime.demo.setting import CENTRE, CONVENTION, tell_setting
from runtime.demo.telling import Teller
from runtime.development import development_settings
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.settings import Settings, read_settings
from runtime.tokens import development_issuer
from runtime.wiring import compose

TEMPLATE: Final = "prove_world"
MARK: Final = "of-make-prove"  # a directory that bears it may be emptied
ROLES: Final = ("caseworker", "coordinator", "educator", "partner")
CENTRE_ID: Final[UUID] = CENTRE
CONVENTION_ID: Final[UUID] = CONVENTION


class Copy:
    """One copy of the world: the settings of its processes, tokens, and where its log begins to be ours."""

    def __init__(self, world: World, name: str) -> None:
        """The databases are there already."""
        self.server, self.name = world.server, name
        self.directory = world.directory / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.variables = world.variables(name)
        self.settings: Settings = read_settings(self.variables, PROCESS_NEEDS)
        issuer, now = development_issuer(self.settings), int(time.time())
        self.tokens = {role: issuer.issue(f"demo-{role}", now) for role in ROLES}
        self.told = world.told  # position of the last event of the world

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's session on the copy's log."""
        return psycopg.connect(self.server.url(self.name), autocommit=True, connect_timeout=2)


class World:
    """The server and the template of its copies. It runs until it is closed; the kills restart it."""

    def __init__(self, directory: Path) -> None:
        """Whatever an earlier run left in the directory is gone; organisations, workers and a centre are there.

        Raises SystemExit for a directory that is another's, or in which a run is under way.
        """
        self._lock = _emptied(directory)
        self.directory = directory
        self.server = EmbeddedPostgres(directory / "postgres").start()  # durable: fsync and full_page_writes on
        try:
            self.told = self._tell()
        except BaseException:
            self.server.stop()
            raise

    def variables(self, name: str) -> Mapping[str, str]:
        """The FORSA_* variables of processes on this copy."""
        return development_settings(self.directory, {}, self.server.url(name))

    def _tell(self) -> int:
        settings = read_settings(self.variables(TEMPLATE), PROCESS_NEEDS)
        missing = prepare_databases(settings).missing
        if missing:
            raise SystemExit(f"the server lacks protections: {missing}")
        with closing(compose(settings, now=lambda: datetime.now(UTC))) as forsa:
            tell_setting(Teller(forsa))
            return forsa.event_log.max_position()

    @contextmanager
    def copy(self, name: str) -> Iterator[Copy]:
        """A log and its keys, as the world was told, dropped afterwards."""
        self._run(_create(name, TEMPLATE), _create(f"{name}_keys", f"{TEMPLATE}_keys"))
        try:
            yield Copy(self, name)
        finally:
            self._run(*(_drop(each) for each in (name, f"{name}_keys")))

    @contextmanager
    def backup(self, copy: Copy) -> Iterator[Callable[[], None]]:
        """The copy's databases are kept as they are now; called, it restores them. Nobody may be connected to them."""
        kept = {each: f"{each}_kept" for each in (copy.name, f"{copy.name}_keys")}
        self._run(*(_create(there, here) for here, there in kept.items()))
        try:
            yield lambda: self._run(
                *(step for here, there in kept.items() for step in (_drop(here), _create(here, there)))
            )
        finally:
            self._run(*map(_drop, kept.values()))

    def _run(self, *statements: sql.Composed) -> None:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def close(self) -> None:
        """The server has ended; its data and the logs of the processes stay."""
        self.server.stop()
        self._lock.close()


def _emptied(directory: Path) -> IO[str]:
    """The directory holds nothing but our mark, which is locked while the file is open."""
    mark = directory / MARK
    if not mark.exists() and directory.exists() and any(directory.iterdir()):
        raise SystemExit(f"{directory} holds something else than an earlier run: name another --directory")
    directory.mkdir(parents=True, exist_ok=True)
    lock = mark.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"a run is under way in {directory}: wait for it, or name another --directory") from None
    for each in directory.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        elif each != mark:
            each.unlink()
    return lock


def _create(name: str, template: str) -> sql.Composed:
    return sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))


def _drop(name: str) -> sql.Composed:
    return sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))

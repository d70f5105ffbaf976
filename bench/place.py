"""Where a bench runs: fresh databases on the server of DATABASE_URL, and the parts of Forsa over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import psycopg
from psycopg import conninfo, sql

from domain.streams import EVENTS
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.master_key import secrets_from
from runtime.migrate import prepare
from runtime.store import EventLog

SECRETS = secrets_from(bytes(32))
ROLES = dict.fromkeys(("forsa_projector", "forsa_web", "forsa_keys"), "bench")


class Place(msgspec.Struct, frozen=True):
    """DSNs of a migrated log and of its keys, as the server's owner."""

    log: str
    keys: str

    def keyring(self) -> Keyring:
        """A keyring of this process."""
        return Keyring(self.keys, SECRETS)

    def mapper(self) -> ForsaMapper:
        """A mapper of this process."""
        return ForsaMapper(EVENTS, self.keyring())

    def event_log(self, pool_size: int = 2) -> EventLog:
        """The log, opened by this process."""
        return EventLog(self.log, self.mapper(), SECRETS.claim, pool_size=pool_size)


@contextmanager
def place() -> Iterator[Place]:
    """A migrated log and keys database that are dropped afterwards. The server must be durable (fsync on)."""
    server = os.environ["DATABASE_URL"]
    name = f"bench_{uuid4().hex[:8]}"
    here = Place(conninfo.make_conninfo(server, dbname=name), conninfo.make_conninfo(server, dbname=f"{name}_keys"))
    prepare(here.log, here.keys, passwords=ROLES)
    try:
        yield here
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            for database in (name, f"{name}_keys"):
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))


def refuse_lossy_server() -> None:
    """A figure from a server that loses acknowledged writes is no figure."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            value = connection.execute(f"show {setting}").fetchone()
            if value is None or value[0] == "off":
                raise SystemExit(f"{setting} is off on this server: the bench measures durable appends only")

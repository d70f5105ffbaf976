"""Servers that tests stop, start and hand over; the way to one that can be cut; and Forsa on them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import conninfo

from projections.projector import Projector
from runtime.embedded_postgres import EmbeddedPostgres, binaries
from runtime.migrate import prepare
from runtime.settings import read_settings
from runtime.wiring import Forsa, compose, open_means

PASSWORDS = dict.fromkeys(("forsa_projector", "forsa_web", "forsa_keys"), "test")


def prepared(directory: Path) -> EmbeddedPostgres:
    """A running, durable server with an empty log, its views, and keys."""
    server = EmbeddedPostgres(directory).start()
    assert prepare(server.url("log"), server.url("keys"), passwords=PASSWORDS).missing == []
    settings = read_settings(environment_of(server))
    means = open_means(settings)
    projector = Projector(settings.projector_database_url, means.mapper, means.keyring)
    projector.catch_up()
    projector.close()
    return server


def port_of(server: EmbeddedPostgres) -> int:
    """Where it listens on this machine."""
    return int(str(conninfo.conninfo_to_dict(server.url())["port"]))


def environment_of(*servers: EmbeddedPostgres, keys: str = "", **parts: Any) -> dict[str, str]:
    """The variables of a process on these servers, the first that takes writes; parts: of every address but `keys`."""
    ports = ",".join(str(port_of(server)) for server in servers)
    place = {"host": ",".join("127.0.0.1" for _ in servers), "port": ports} | parts

    def at(role: str, database: str) -> str:
        return conninfo.make_conninfo(user=role, password="test", dbname=database, **place)

    return {
        "FORSA_DATABASE_URL": at("forsa_web", "log"),
        "FORSA_PROJECTOR_DATABASE_URL": at("forsa_projector", "log"),
        "FORSA_KEYS_DATABASE_URL": keys or at("forsa_keys", "keys"),
        "FORSA_MASTER_KEY": "00" * 32,
        "FORSA_TOKEN_KEY_FILE": "unused",
    }


@contextmanager
def forsa_on(*servers: EmbeddedPostgres, **parts: Any) -> Iterator[Forsa]:
    """Forsa as a web process composes it."""
    forsa = compose(read_settings(environment_of(*servers, **parts)))
    try:
        yield forsa
    finally:
        forsa.close()


def standby_of(primary: EmbeddedPostgres, directory: Path) -> EmbeddedPostgres:
    """A running copy that follows the primary until it is promoted."""
    directory.mkdir()
    shutil.copy(primary.directory / "password", directory / "password")
    copy = [str(binaries() / "pg_basebackup"), "-D", str(directory / "data"), "-R", "-X", "stream", "-c", "fast"]
    subprocess.run([*copy, "-d", primary.url()], check=True, capture_output=True)
    owner = (primary.directory / "data").stat()
    for path in (directory / "data", *(directory / "data").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return EmbeddedPostgres(directory).start()


def ask(url: str, statement: str) -> Any:
    """The first value a statement gives, as the server's superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


class Way:
    """A way to a server that can be cut: what was sent has arrived, no answer comes back."""

    def __init__(self, port: int) -> None:
        """port: where the server listens on this machine."""
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_open = True
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, function: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=function, args=sockets))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client = self._listener.accept()[0]
                if not self.is_open:
                    client.close()
                    continue
                server = socket.create_connection(self._to)
                self._ends += [client, server]
                self._run(self._carry, client, server)
                self._run(self._carry, server, client)

    def _carry(self, come: socket.socket, go: socket.socket) -> None:
        with suppress(OSError):
            while data := come.recv(65536):
                go.sendall(data)
            go.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Every connection is broken for both its ends; new ones may be made where it is open."""
        for each in [*self._ends]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (*self._ends, self._listener):
            each.close()

"""Connections to a server that may restart, hand over to another, or hang: what each asks for, and pools of them.

A connection whose server has hung up while it lay idle is never handed out: the end stands in its socket, where a look
without a round trip finds it. So a restart that is over is seen by nobody; what was under way in it is seen here.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection, conninfo
from psycopg.abc import PQGen
from psycopg.rows import Row
from psycopg_pool import ConnectionPool

T = TypeVar("T")
C = TypeVar("C", bound=Connection[Any])

WAIT_SECONDS: Final = 2.0  # most that a caller waits for a connection
SILENCE_SECONDS: Final = 12.0  # a server that lives has ended any statement of SESSION's by then
AGAIN_SECONDS: Final = 0.25  # between attempts to reach a server that is away
ENDED: Final = select.POLLIN | select.POLLRDHUP
READ_ONLY: Final = (b"default_transaction_read_only", b"in_hot_standby")  # the server reports them unasked, since 14
SESSION: Final = (  # milliseconds
    "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=5000 -c timezone=UTC"
)
# Of several hosts the first that is a primary, found again by itself when the roles change; a host that vanished
# without a word is given up after seconds, not after the kernel's quarter of an hour.
ASKED: Final[dict[str, Any]] = {
    "connect_timeout": 2,
    "target_session_attrs": "read-write",
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "forsa",
}


class Line(Connection[Row]):
    """A connection that is given up where the server has not answered long after its own time-outs were due.

    Else a server that hangs, its disk or its host, would hold every thread that asks it, also those of /livez.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg waits, but never for ever. Raises OperationalError; the connection is closed then.

        A timeout that is given is the caller's own, who waits for notices: nothing was asked that is under way.
        """
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, SILENCE_SECONDS)
        except psycopg.OperationalError:
            if time.monotonic() - began >= SILENCE_SECONDS:
                self.close()  # what it asked may still be under way in the server
            raise


def address(dsn: str, options: str = SESSION, **asked: Any) -> str:
    """The DSN with what every session of ours asks for; what the DSN says itself stays. asked: instead of ASKED's."""
    given = conninfo.conninfo_to_dict(dsn)
    merged = " ".join(str(each) for each in (options, given.pop("options", None)) if each)  # the later one counts
    return conninfo.make_conninfo(**{**ASKED, **asked, **given, "options": merged})


def refuse_lost(connection: Connection[Any]) -> None:
    """The connection is good for another statement. Raises OperationalError: hung up, or no longer a primary's."""
    poll = select.poll()
    poll.register(connection.fileno(), ENDED)
    if poll.poll(0):  # the end, or something unasked: a round trip tells
        connection.execute("")
    if any(connection.pgconn.parameter_status(each) == b"on" for each in READ_ONLY):
        raise psycopg.OperationalError("the server takes no writes")


def is_lost(connection: Connection[Any], error: Exception) -> bool:
    """Whether another connection may do what this one failed at with this error."""
    return connection.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction)


def open_pool(dsn: str, size: int, of: type[C], **settings: Any) -> ConnectionPool[C]:
    """An open pool of up to `size` autocommit connections; the first is made in the background.

    A caller waits at most two seconds, then PoolTimeout. Where one is found lost all are dropped at once, and while
    the server is away it is tried four times a second: psycopg's own pauses double, and would outlast the outage.
    """

    def check(connection: C) -> None:
        try:
            refuse_lost(connection)
        except psycopg.Error:
            pool.drain()
            raise

    pool = ConnectionPool(
        dsn,
        connection_class=of,
        kwargs={"autocommit": True, **settings},
        min_size=1,
        max_size=size,
        timeout=WAIT_SECONDS,
        check=check,
        reconnect_timeout=AGAIN_SECONDS,
        reconnect_failed=ConnectionPool.check,  # begins another attempt
        open=True,
    )
    return pool


def asked(pool: ConnectionPool[C], act: Callable[[C], T]) -> T:
    """What `act` gives on a connection of the pool; once more on a fresh one when the first was lost under it.

    For acts that bear repetition, so not for appends.
    """
    with pool.connection() as connection:
        try:
            return act(connection)
        except psycopg.Error as error:
            if not is_lost(connection, error):
                raise
    pool.drain()
    with pool.connection() as connection:
        return act(connection)

"""The invented centre in a test's databases: told once a test process, then copied in."""

from __future__ import annotations

import psycopg

from runtime.demo import load_demo
from runtime.wiring import Forsa

LOG_TABLES = ("forsa_events", "claims", "commands")
_told: dict[str, bytes] = {}  # table → its rows as COPY gives them


def seed(forsa: Forsa, log_dsn: str, keys_dsn: str) -> None:
    """The demo is in these empty databases. The dsns are a superuser's."""
    if _told:
        _copy(log_dsn, LOG_TABLES, into=True)
        _copy(keys_dsn, ("keys",), into=True)
        return
    load_demo(forsa)
    _copy(log_dsn, LOG_TABLES, into=False)
    _copy(keys_dsn, ("keys",), into=False)


def _copy(dsn: str, tables: tuple[str, ...], *, into: bool) -> None:
    with psycopg.connect(dsn) as connection:
        for table in tables:
            if into:
                with connection.cursor().copy(f"copy {table} from stdin (format binary)".encode()) as copy:
                    copy.write(_told[table])
            else:
                with connection.cursor().copy(f"copy {table} to stdout (format binary)".encode()) as copy:
                    _told[table] = b"".join(bytes(block) for block in copy)

"""Logs of the invented examples: stored through the real store, in the order of the acts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from domain.casebook import Append, NewEvent
from domain.event import Event
from domain.sealed import clear
from domain.streams import EVENTS, KIND_OF
from projections import ALL_VIEWS
from projections.tables import drop_view, table
from projections.view import View
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.master_key import secrets_from
from runtime.store import EventLog
from tests.examples.commands import COMMANDS
from tests.examples.path import AMINA, ARABIC, FIRST_IDENTITY, INSERTED, LEARNER_IDENTIFIED
from tests.examples.people import id_of
from tests.examples.places import History

# Every kind of event once, and in between everything that stands before it.
EVERY_EVENT: Final[History] = tuple(line for example in COMMANDS for line in example.then)
PATH: Final[History] = INSERTED
ANOTHER: Final = id_of("learner/another")


def learner(number: int) -> UUID:
    """The stream of another learner."""
    return id_of(f"learner/{number}")


def identified(number: int, given: str = "ياسين", family: str = "العلوي") -> tuple[UUID, Event]:
    """Another learner, identified under an Arabic name."""
    identity = msgspec.structs.replace(
        FIRST_IDENTITY, names=[msgspec.structs.replace(ARABIC, given=given, family=family)]
    )
    event = msgspec.structs.replace(LEARNER_IDENTIFIED, file_number=f"2025-CAS-{number:06}-0", identity=clear(identity))
    return learner(number), event


def paths(count: int) -> History:
    """So many learners, each with Amina's path up to its outcome."""
    own = [event for stream, event in PATH if stream == AMINA][1:]
    return tuple(
        line for number in range(count) for line in (identified(number), *((learner(number), event) for event in own))
    )


def store(log: EventLog, history: Iterable[tuple[UUID, Event]], *, at_once: int = 100) -> int:
    """These events are stored, their versions following the log's; returns the last position."""
    lines = list(history)
    versions = {stream: log.load([stream])[stream].version for stream, _ in lines}
    events = []
    for stream, event in lines:
        versions[stream] += 1
        events.append(NewEvent(stream, versions[stream], event))
    last = 0
    for start in range(0, len(events), at_once):
        last = log.append(Append(tuple(events[start : start + at_once]))).last_position
    return last


def rows(dsn: str, view: View, *, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Every row of the view in the order of its key, without some columns."""
    names = [each.name for each in (*view.place, *view.columns) if each.name not in without]
    query = sql.SQL("select {} from {} order by {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        table(view),
        sql.SQL(", ").join(map(sql.Identifier, view.primary_key)),
    )
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


class OpenedMeans(msgspec.Struct):
    """Mapper and keyring of one process."""

    mapper: ForsaMapper
    keyring: Keyring


def open_means(keys_dsn: str) -> OpenedMeans:
    """What a rebuild's process works with; a module's function, so that another process can call it."""
    keyring = Keyring(keys_dsn, secrets_from(bytes(32)))
    return OpenedMeans(ForsaMapper(EVENTS, keyring), keyring)


def stream_of(view: View) -> UUID:
    """A stream that the view has rows of: a learner where it is of learners."""
    if "learner" in view.kinds:
        return learner(1)
    return next(stream for stream, event in EVERY_EVENT if KIND_OF[type(event)].name in view.kinds)


def all_rows(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every view."""
    return {view.id: rows(dsn, view) for view in ALL_VIEWS}


def execute(dsn: str, *statements: str) -> None:
    """Each statement is executed and committed."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def drop_views(dsn: str) -> None:
    """No view has a table or a position."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for view in ALL_VIEWS:
            drop_view(connection, view.name, view.version)


def picky(view: Any, refused: UUID) -> Any:
    """The view as it is, but it cannot take in one stream while `healed` is not set."""

    def rows_of(stream: UUID, *rest: Any) -> Any:
        if stream == refused and not healed.is_set():
            raise ZeroDivisionError("a message with somebody's name")
        return own(stream, *rest)

    healed = threading.Event()
    own = view.rows_of if hasattr(view, "rows_of") else view.entries_of
    field = "rows_of" if hasattr(view, "rows_of") else "entries_of"
    return msgspec.structs.replace(view, **{field: rows_of}), healed

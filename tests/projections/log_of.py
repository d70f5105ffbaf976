"""Logs of the invented examples: stored through the real store, in the order of the acts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from psycopg import conninfo, sql

from domain.casebook import Append, NewEvent
from domain.event import Event
from domain.sealed import clear
from domain.streams import EVENTS
from projections.tables import table
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


def as_superuser(dsn: str, superuser: str) -> str:
    """The same database with the superuser's login."""
    given = conninfo.conninfo_to_dict(superuser)
    return conninfo.make_conninfo(dsn, user=given["user"], password=given.get("password"))

"""Who was shown which learner: one row a request, durable before the answer leaves. Ids only; it survives erasure.

Not a view: no event tells what was read, so these rows are never rebuilt. Rows can be added and read, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, LiteralString, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from projections.connections import asked

T = TypeVar("T")


class NotDisclosed(psycopg.OperationalError):
    """The row could not be stored or read: whatever the reason, nothing is shown."""


class Shown(msgspec.Struct, frozen=True):
    """One learner that a request shows, and how much of them."""

    learner: UUID
    level: str  # full | episode | summary | diploma: one of theirs | mentioned: by id, in a record that is not theirs
    named: bool = False  # whether the reader may know who it is
    emergency: UUID | None = None  # what opened it, where no standing grant did


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """One request that shows learners: at least one, each once."""

    request: UUID
    reader: UUID  # stream id of the worker
    role: str
    org: UUID
    what: str  # name of the route
    as_of_position: int | None = None
    shown: tuple[Shown, ...]


class Disclosed(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a learner, as it was written down."""

    number: int  # in the order written
    at: datetime
    request: UUID
    reader: UUID
    role: str
    org: UUID
    what: str
    level: str
    named: bool
    emergency: UUID | None
    as_of_position: int | None


class DisclosureLog:
    """The disclosure log, on a pool of autocommit connections. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        """Connects at first use."""
        self._pool = pool

    def write(self, disclosure: Disclosure) -> None:
        """The row is stored and survives a crash of the server. Raises NotDisclosed.

        A connection lost under it is tried once more on a fresh one: the row may then stand twice, never not at all.
        """
        row = msgspec.structs.asdict(disclosure) | {
            "subjects": [each.learner for each in disclosure.shown],
            "levels": [each.level for each in disclosure.shown],
            "named": [each.named for each in disclosure.shown],
            "emergencies": [each.emergency for each in disclosure.shown],
        }
        self._asked(lambda connection: connection.execute(_WRITE, row, prepare=True))

    def of_learner(self, learner: UUID, *, before: int | None = None, limit: int = 50) -> list[Disclosed]:
        """Who was shown this learner, newest first, before one of the rows where given. Raises NotDisclosed."""
        which = {"learner": learner, "before": before, "limit": limit}
        rows = self._asked(lambda connection: connection.execute(_OF_LEARNER, which, prepare=True).fetchall())
        return [Disclosed(**dict(zip(Disclosed.__struct_fields__, row, strict=True))) for row in rows]

    def _asked(self, act: Callable[[psycopg.Connection[Any]], T]) -> T:
        try:
            return asked(self._pool, act)
        except psycopg.Error as error:  # also a right that is missing, or the table
            raise NotDisclosed(type(error).__name__) from error


_WRITE: Final[LiteralString] = """
insert into records.disclosures
  (request, reader, role, org, what, as_of_position, subjects, levels, named, emergencies)
values (%(request)s, %(reader)s, %(role)s, %(org)s, %(what)s, %(as_of_position)s,
  %(subjects)s, %(levels)s, %(named)s, %(emergencies)s::uuid[])
"""
# Materialized, or the planner may walk all rows backwards in the hope of meeting the learner soon.
_OF_LEARNER: Final[LiteralString] = """
with looks as materialized (select * from records.disclosures where subjects @> array[%(learner)s::uuid])
select id, at, request, reader, role, org, what, levels[place], named[place], emergencies[place], as_of_position
  from looks, array_position(subjects, %(learner)s::uuid) place
 where %(before)s::bigint is null or id < %(before)s order by id desc limit %(limit)s
"""

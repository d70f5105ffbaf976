"""Receipts on their way from a topic into the records: applied or parked, and the offset moved, in one transaction.

All of it on one session, which holds the topic's lock: when the session is lost so is the lock, and nothing can be
written on it. The offset moves by compare-and-set, so a record is taken once, whoever reads it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from domain.partner_receipts import REASONS, Receipt
from projections.connections import Line, address
from projections.records.receipts import KAFKA, Grants, add, judge
from projections.tables import lock_view, untended

READING: Final = "forsa.topic."  # the purpose of the lock
KEPT_OF_KEY, KEPT_OF_BODY = 200, 4096  # bytes of what is parked
KEPT_DAYS: Final = 90  # what was sent of a parked record; that it was parked, and why, stays


class Away(Exception):
    """The database is not reached, or this session does not read the topic any more: enter again."""


class Unstorable(Exception):
    """The database does not take one of these records."""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the topic, read: the receipt it holds, or the reason why it holds none."""

    offset: int
    told: Receipt | str
    key: bytes | None  # its beginning
    body: bytes  # its beginning
    size: int


class Taken(msgspec.Struct, frozen=True):
    """What became of some records. `parked`: how many, by reason."""

    applied: int
    parked: Counter[str]


class ParkedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was set aside."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    size: int
    at: datetime
    key: bytes | None
    body: bytes | None  # None: forgotten


class Inbox:
    """The records of one topic. Not thread-safe: it belongs to the thread that reads the topic."""

    def __init__(self, dsn: str, topic: str) -> None:
        """Connects when entered."""
        self._dsn, self._topic = dsn, topic
        self._connection: Line[Any] | None = None
        self._next: dict[int, int] = {}

    def enter(self) -> bool:
        """Whether the topic is this session's to read, until it is closed or lost. Raises Away."""
        with self._away():
            if self._connection is None:
                self._connection = Line.connect(address(self._dsn), autocommit=True)
            if not lock_view(self._connection, self._topic, READING):
                return False
            query = "select partition, next_offset from records.consumed where topic = %s"
            self._next = dict(self._connection.execute(query, (self._topic,)).fetchall())
            return True

    def next_offset(self, partition: int) -> int:
        """Of the first record that was not taken yet."""
        return self._next.get(partition, 0)

    def take(self, partition: int, arrived: Sequence[Arrived], grants: Grants) -> Taken:
        """Each of these records is applied or parked, and none of them comes again. In the partition's order.

        Raises Away, then none is taken; Unstorable, then none is, and at least one of them never will be.
        """
        upto = arrived[-1].offset + 1
        with self._away():
            if self._connection is None:
                raise Away
            with self._connection.transaction():
                self._move(self._connection, partition, upto)
                taken = self._take(self._connection, partition, arrived, grants)
        self._next[partition] = upto
        return taken

    def forget_old(self) -> None:
        """What was sent in records parked 90 days ago is kept no longer: who knows whom it names. Raises Away."""
        with self._away():
            if self._connection is not None:
                self._connection.execute(_FORGET, (KEPT_DAYS,))

    def close(self) -> None:
        """No session, and no lock, is held."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._next = None, {}

    def _move(self, connection: Line[Any], partition: int, upto: int) -> None:
        where = {"topic": self._topic, "partition": partition, "upto": upto, "known": self._next.get(partition)}
        if connection.execute(_MOVE, where).rowcount != 1:
            raise Away  # another has read on

    def _take(self, connection: Line[Any], partition: int, arrived: Sequence[Arrived], grants: Grants) -> Taken:
        told = [each.told for each in arrived if isinstance(each.told, Receipt)]
        reasons = judge(connection, told, grants)
        add(connection, [each for each, reason in zip(told, reasons, strict=True) if reason is None], KAFKA)
        judged = iter(reasons)
        parked = [
            (each, reason)
            for each in arrived
            if (reason := next(judged) if isinstance(each.told, Receipt) else each.told) is not None
        ]
        rows = [
            (self._topic, partition, each.offset, each.key, each.body, each.size, reason, REASONS[reason])
            for each, reason in parked
        ]
        connection.cursor().executemany(_PARK, rows)
        return Taken(len(arrived) - len(parked), Counter(reason for _, reason in parked))

    @contextmanager
    def _away(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError) as refused:
            raise Unstorable(type(refused).__name__) from None
        except (Away, psycopg.OperationalError, psycopg.InterfaceError) as away:
            self.close()
            raise Away(type(away).__name__) from None


def is_read(connection: psycopg.Connection[Any], topic: str) -> bool:
    """Whether some process reads this topic, or waits for its broker."""
    return not untended(connection, [topic], (READING,))


def parked_receipts(connection: psycopg.Connection[Any], reason: str | None, limit: int) -> list[ParkedReceipt]:
    """Up to `limit` records that were set aside, the latest first; for this reason where one is given."""
    rows = connection.execute(_PARKED, {"reason": reason, "limit": limit}).fetchall()
    return [ParkedReceipt(**dict(zip(ParkedReceipt.__struct_fields__, row, strict=True))) for row in rows]


# known: null where the partition has no row yet; a row that is there then was written by another.
_MOVE: Final[LiteralString] = """
insert into records.consumed as c (topic, partition, next_offset) values (%(topic)s, %(partition)s, %(upto)s)
on conflict (topic, partition) do update set next_offset = excluded.next_offset
 where c.next_offset = %(known)s::bigint
"""
_PARK: Final[LiteralString] = """
insert into records.parked_receipts (topic, partition, record_offset, key, body, size, reason, detail)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_FORGET: Final[LiteralString] = """
update records.parked_receipts set key = null, body = null
 where at < now() - make_interval(days => %s) and (key is not null or body is not null)
"""
_PARKED: Final[LiteralString] = """
select topic, partition, record_offset, reason, detail, size, at, key, body from records.parked_receipts
 where %(reason)s::text is null or reason = %(reason)s order by id desc limit %(limit)s
"""

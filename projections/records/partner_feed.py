"""The rows of the partner feeds as they are read: by publishers, over HTTP, and for a snapshot to start from.

Not a view: rows are written once by the step in `projections/feed_writer.py` and stand for ever. What was told in an
epoch after the place where it was closed stands no longer and is not read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, LiteralString, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from domain.partner_feed import Place
from projections.connections import asked

T = TypeVar("T")
Connection = psycopg.Connection[Any]

CHANNEL: Final[LiteralString] = "forsa_feed"  # notified with the feed's name when rows were written


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as it stands. `stopped_by`: class of what keeps its writer from telling the event at `stopped_at`."""

    feed: str
    region: str | None  # None: the whole country
    topic: str
    epoch: int
    sequence: int
    position: int  # of the log: every event up to it has its rows
    opened_at: datetime
    stopped_at: int | None
    stopped_by: str | None

    @property
    def last(self) -> Place:
        """Of its last row."""
        return Place(self.epoch, self.sequence)


class Feeds:
    """The feeds, on a pool of autocommit connections. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        """Connects at first use."""
        self._pool = pool

    def all(self) -> list[Feed]:
        """Every feed, by name."""
        return self._asked(feeds)

    def of(self, feed: str) -> Feed | None:
        """The feed of that name."""
        return next((each for each in self.all() if each.feed == feed), None)

    def after(self, feed: str, place: Place, limit: int) -> list[bytes]:
        """Up to `limit` messages after a place, in the feed's order."""
        return self._asked(lambda connection: rows_after(connection, feed, place, limit))

    def snapshot(self, feed: str, place: Place, after: UUID | None, limit: int) -> list[bytes]:
        """Up to `limit` messages: the last one of each diploma at a place, by the diploma's id, after one of them."""
        which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence, "after": after, "limit": limit}
        return self._asked(lambda connection: [row[0] for row in connection.execute(_SNAPSHOT, which).fetchall()])

    def telling_of(self, diploma: UUID) -> list[str]:
        """The feeds this diploma stands on, by name."""
        return self._asked(
            lambda connection: [row[0] for row in connection.execute(_TELLING, {"diploma": diploma}).fetchall()]
        )

    def _asked(self, act: Callable[[Connection], T]) -> T:
        return asked(self._pool, act)


def feeds(connection: Connection) -> list[Feed]:
    """Every feed, by name."""
    rows = connection.execute(_FEEDS, prepare=True).fetchall()
    return [Feed(**dict(zip(Feed.__struct_fields__, row, strict=True))) for row in rows]


def rows_after(connection: Connection, feed: str, place: Place, limit: int) -> list[bytes]:
    """Up to `limit` messages of a feed after a place, in its order: those that stand."""
    which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence, "limit": limit}
    return [row[0] for row in connection.execute(_AFTER, which, prepare=True).fetchall()]


_FEEDS: Final[LiteralString] = """
select feed, region, topic, epoch, sequence, position, opened_at, stopped_at, stopped_by from records.feeds
 order by feed
"""
_AFTER: Final[LiteralString] = """
select event from records.feed_rows left join records.feed_epochs over using (feed, epoch)
 where feed = %(feed)s and (feed_rows.epoch, sequence) > (%(epoch)s, %(sequence)s)
   and (over.stands_until is null or sequence <= over.stands_until)
 order by feed_rows.epoch, sequence limit %(limit)s
"""
_SNAPSHOT: Final[LiteralString] = """
select distinct on (diploma) event from records.feed_rows left join records.feed_epochs over using (feed, epoch)
 where feed = %(feed)s and (feed_rows.epoch, sequence) <= (%(epoch)s, %(sequence)s)
   and (over.stands_until is null or sequence <= over.stands_until)
   and diploma is not null and (%(after)s::uuid is null or diploma > %(after)s)
 order by diploma, feed_rows.epoch desc, sequence desc limit %(limit)s
"""
_TELLING: Final[LiteralString] = """
select feed from records.feeds where exists (
  select from records.feed_rows left join records.feed_epochs over using (feed, epoch)
   where feed = feeds.feed and diploma = %(diploma)s
     and (over.stands_until is null or sequence <= over.stands_until)) order by feed
"""

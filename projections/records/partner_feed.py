"""The rows of the partner feeds as they are read: by publishers, over HTTP, and for a snapshot to start from.

Not a view: rows are written once by the step in `projections/feed_writer.py` and stand for ever. What was told in an
epoch after the place where it was closed stands no longer and is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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

# Word for word the condition of the partial index forsa_events_diplomas_idx, or it is not used.
PUBLIC_EVENTS: Final[LiteralString] = """topic in
  ('learner.diploma-annulled', 'learner.diploma-awarded', 'learner.diploma-corrected',
   'learner.diploma-duplicate-issued', 'learner.diploma-handed-over', 'learner.diploma-minutes-rectified')"""


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

    def stands(self, feed: str, place: Place) -> bool:
        """Whether what the feed says up to this place is what it says now: not beyond its last row, nor cut off."""
        which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence}
        return self._asked(lambda connection: connection.execute(_STANDS, which).fetchone()) is not None

    def snapshot(self, feed: str, place: Place, after: UUID | None, limit: int) -> list[bytes]:
        """Up to `limit` messages: the last one of each diploma at a place, by the diploma's id, after one of them."""
        which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence, "after": after, "limit": limit}
        return self._asked(lambda connection: [row[0] for row in _fetched(connection, _SNAPSHOT, which)])

    def telling_of(self, diploma: UUID) -> list[str]:
        """The feeds this diploma stands on, by name."""
        return self._asked(
            lambda connection: [row[0] for row in connection.execute(_TELLING, {"diploma": diploma}).fetchall()]
        )

    def told_of(self, diplomas: Collection[UUID]) -> list[tuple[datetime, bytes]]:
        """Every message there ever was about these diplomas, and when it was written: by feed, in the feed's order."""
        which = {"diplomas": list(diplomas)}
        return self._asked(lambda connection: _fetched(connection, _TOLD, which)) if diplomas else []

    def _asked(self, act: Callable[[Connection], T]) -> T:
        return asked(self._pool, act)


def feeds(connection: Connection) -> list[Feed]:
    """Every feed, by name."""
    rows = connection.execute(_FEEDS, prepare=True).fetchall()
    return [Feed(**dict(zip(Feed.__struct_fields__, row, strict=True))) for row in rows]


def last_told(connection: Connection, feed: str, diplomas: Iterable[UUID]) -> dict[UUID, bytes]:
    """The last message that stands of each of these diplomas in a feed; those it has not told of are absent."""
    which = {"feed": feed, "diplomas": list(diplomas)}
    return dict(_fetched(connection, _LAST, which))


def rows_after(connection: Connection, feed: str, place: Place, limit: int) -> list[bytes]:
    """Up to `limit` messages of a feed after a place, in its order: those that stand."""
    which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence, "limit": limit}
    return [row[0] for row in _fetched(connection, _AFTER, which)]


def _fetched(connection: Connection, query: LiteralString, which: Mapping[str, Any]) -> list[Any]:
    """Messages as the bytes they are: twice as quick as their hexadecimal text."""
    return connection.cursor(binary=True).execute(query, which, prepare=True).fetchall()


_FEEDS: Final[LiteralString] = """
select feed, region, topic, epoch, sequence, position, opened_at, stopped_at, stopped_by from records.feeds
 order by feed
"""
# By epoch, since rows that stand no longer may be many: none of them is looked at.
_AFTER: Final[LiteralString] = """
select event from (
  select epoch, stands_until from records.feed_epochs where feed = %(feed)s
  union all select epoch, 9223372036854775807 from records.feeds where feed = %(feed)s) as told (epoch, upto),
 lateral (
  select sequence, event from records.feed_rows
   where feed = %(feed)s and epoch = told.epoch and sequence <= upto
     and sequence > case when told.epoch = %(epoch)s then %(sequence)s else 0 end
   order by sequence limit %(limit)s) as row
 where told.epoch >= %(epoch)s
 order by told.epoch, sequence limit %(limit)s
"""
_LAST: Final[LiteralString] = """
select told.diploma, event from unnest(%(diplomas)s::uuid[]) as told (diploma), lateral (
  select event from records.feed_rows left join records.feed_epochs over using (feed, epoch)
   where feed = %(feed)s and feed_rows.diploma = told.diploma
     and (over.stands_until is null or sequence <= over.stands_until)
   order by feed_rows.epoch desc, sequence desc limit 1) as row
"""
# Sequences are gapless, so the ends of the epochs say it.
_STANDS: Final[LiteralString] = """
select from records.feeds left join records.feed_epochs over on over.feed = feeds.feed and over.epoch = %(epoch)s
 where feeds.feed = %(feed)s and %(epoch)s <= feeds.epoch
   and %(sequence)s <= coalesce(over.stands_until, feeds.sequence)
"""
_SNAPSHOT: Final[LiteralString] = """
select distinct on (diploma) event from records.feed_rows left join records.feed_epochs over using (feed, epoch)
 where feed = %(feed)s and (feed_rows.epoch, sequence) <= (%(epoch)s, %(sequence)s)
   and (over.stands_until is null or sequence <= over.stands_until)
   and diploma > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')  -- one bound, for any plan
 order by diploma, feed_rows.epoch desc, sequence desc limit %(limit)s
"""
# Those that stand no longer too: they were sent.
_TOLD: Final[LiteralString] = """
select written_at, event from records.feeds join records.feed_rows using (feed) where diploma = any(%(diplomas)s)
 order by feed, feed_rows.epoch, feed_rows.sequence
"""
_TELLING: Final[LiteralString] = """
select feed from records.feeds where exists (
  select from records.feed_rows left join records.feed_epochs over using (feed, epoch)
   where feed = feeds.feed and diploma = %(diploma)s
     and (over.stands_until is null or sequence <= over.stands_until)) order by feed
"""

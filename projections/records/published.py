"""How far each feed's topic is known to have it, and the one session that may publish a feed.

The session holds the feed's advisory lock on the primary; rows are read and progress is moved on it, so whoever has
lost the lock can do neither. Progress moves by compare-and-set and need not reach the disk at once: what a crash takes
back is published again, under the same ids.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from domain.partner_feed import START, Place
from projections.connections import Line, address
from projections.records.partner_feed import CHANNEL, feeds, rows_after
from projections.tables import lock_view, untended

Connection = psycopg.Connection[Any]
PUBLISHING: Final = "forsa.publish."  # the purpose of the lock
SLICE_SECONDS: Final = 0.25  # how soon a wait notices that it is to end
# A host that vanished frees the lock within seconds, not after the kernel's two hours.
SESSION: Final = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c timezone=UTC -c synchronous_commit=off"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
)


class Away(Exception):
    """The database is away, or is no primary any more: the session is lost, and with it the lock."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feed's topic is known to have it. `refused`: `code: what to do`, where nothing is sent to it."""

    feed: str
    topic: str
    epoch: int
    sequence: int
    refused: str | None
    lag_events: int
    lag_seconds: float  # since the first message that is not there was written

    @property
    def place(self) -> Place:
        """Of the last message that was acknowledged."""
        return Place(self.epoch, self.sequence)


def published(connection: Connection) -> list[Published]:
    """Every feed, by name; one that nothing was published of stands at `1/0`."""
    rows = connection.execute(_PUBLISHED).fetchall()
    return [Published(**dict(zip(Published.__struct_fields__, row, strict=True))) for row in rows]


def unpublished_feeds(connection: Connection) -> list[str]:
    """The feeds that no publisher works on."""
    return untended(connection, [each.feed for each in feeds(connection)], (PUBLISHING,))


class FeedTable:
    """What a feed's table says now of places and messages."""

    def __init__(self, connection: Connection, feed: str) -> None:
        """connection: autocommit."""
        self._connection, self.feed = connection, feed

    def epoch(self) -> int:
        """The feed's current epoch."""
        row = self._connection.execute("select epoch from records.feeds where feed = %s", (self.feed,)).fetchone()
        return int(row[0]) if row else 0

    def end_of(self, epoch: int) -> int | None:
        """Sequence of the last message of this epoch that stands; None for an epoch the feed has not had."""
        row = self._connection.execute(_END, {"feed": self.feed, "epoch": epoch}).fetchone()
        return None if row is None else int(row[0])

    def message(self, place: Place) -> bytes | None:
        """The message at this place, whether or not it still stands."""
        return self.messages([place]).get(place)

    def messages(self, places: Collection[Place]) -> dict[Place, bytes]:
        """The messages at these places, those that there are; in one query."""
        epochs, sequences = [each.epoch for each in places], [each.sequence for each in places]
        rows = self._connection.execute(_MESSAGES, (epochs, sequences, self.feed)).fetchall()
        return {Place(epoch, sequence): bytes(event) for epoch, sequence, event in rows}


class PublishingSession:
    """The session one publisher has for one feed. Not to be shared between threads. Every method raises Away."""

    def __init__(self, dsn: str, feed: str) -> None:
        """dsn: as the projector's role, of the primary. Connects when opened."""
        self._dsn, self.feed = dsn, feed
        self._open: Connection | None = None

    def open(self) -> bool:
        """Whether the feed is this session's to publish; while it is another's, asked again at each call."""
        if self._open is None:
            with _away():
                self._open = Line.connect(
                    address(self._dsn, SESSION, application_name="forsa publisher"), autocommit=True
                )
                self._open.prepare_threshold = 2
        with self._asked() as connection:
            if not lock_view(connection, self.feed, PUBLISHING):
                return False
            connection.execute(_LISTEN)
            connection.execute(_BEGIN, {"feed": self.feed})
            return True

    def close(self) -> None:
        """The lock is free."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def progress(self) -> Place:
        """Of the last message that was acknowledged."""
        with self._asked() as connection:
            query = "select epoch, sequence from records.feed_published where feed = %s"
            row = connection.execute(query, (self.feed,)).fetchone()
        return Place(*row) if row else START

    def after(self, place: Place, limit: int) -> list[bytes]:
        """Up to `limit` messages after a place: those that stand."""
        with self._asked() as connection:
            return rows_after(connection, self.feed, place, limit)

    def move(self, before: Place, after: Place) -> bool:
        """Whether progress stood at `before`, and so stands at `after` now."""
        with self._asked() as connection:
            return connection.execute(_MOVE, (*after, self.feed, *before), prepare=True).rowcount == 1

    def refuse(self, reason: str | None) -> None:
        """It is written down why nothing is published, or that nothing is in the way."""
        with self._asked() as connection:
            connection.execute(_REFUSE, {"feed": self.feed, "reason": reason})

    @contextmanager
    def table(self) -> Iterator[FeedTable]:
        """What the table says, for a comparison with the topic."""
        with self._asked() as connection:
            yield FeedTable(connection, self.feed)

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Returns when rows were written, when `stop` is set, or after these seconds."""
        for _ in range(max(1, round(seconds / SLICE_SECONDS))):
            with self._asked() as connection:
                if stop.is_set() or any(connection.notifies(timeout=SLICE_SECONDS, stop_after=1)):
                    return

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        assert self._open is not None, "opened before"
        with _away():
            yield self._open


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as lost:
        raise Away(type(lost).__name__) from lost


_LISTEN: Final[LiteralString] = f"listen {CHANNEL}"
_BEGIN: Final[LiteralString] = """
insert into records.feed_published (feed, epoch, sequence) values (%(feed)s, 1, 0) on conflict (feed) do nothing
"""
_MOVE: Final[LiteralString] = """
update records.feed_published set epoch = %s, sequence = %s, at = clock_timestamp()
 where feed = %s and epoch = %s and sequence = %s
"""
_REFUSE: Final[LiteralString] = """
update records.feed_published set refused = %(reason)s where feed = %(feed)s and refused is distinct from %(reason)s
"""
_END: Final[LiteralString] = """
select sequence from records.feeds where feed = %(feed)s and epoch = %(epoch)s
union all select stands_until from records.feed_epochs where feed = %(feed)s and epoch = %(epoch)s
"""
_MESSAGES: Final[LiteralString] = """
select epoch, sequence, event from unnest(%s::integer[], %s::bigint[]) asked (epoch, sequence)
  join records.feed_rows using (epoch, sequence) where feed = %s
"""
_PUBLISHED: Final[LiteralString] = """
select feed, topic, done.epoch, done.sequence, done.refused,
    (select coalesce(
         sum(greatest(last - case when each.epoch = done.epoch then done.sequence else 0 end, 0)), 0)::bigint
       from (select epoch, stands_until as last from records.feed_epochs where feed = feeds.feed
             union all select feeds.epoch, feeds.sequence) each
      where each.epoch >= done.epoch),
    coalesce(extract(epoch from clock_timestamp() - waiting.written_at), 0)::float
  from records.feeds left join records.feed_published using (feed)
  cross join lateral (
    select coalesce(feed_published.epoch, 1) as epoch, coalesce(feed_published.sequence, 0) as sequence, refused) done
  left join lateral (
    select written_at from records.feed_rows r left join records.feed_epochs over using (feed, epoch)
     where r.feed = feeds.feed and (r.epoch, r.sequence) > (done.epoch, done.sequence)
       and (over.stands_until is null or r.sequence <= over.stands_until)
     order by r.epoch, r.sequence limit 1) waiting on true
 order by feed
"""

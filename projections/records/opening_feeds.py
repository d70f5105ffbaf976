"""What an operator does to feeds: one more is opened for a region, or one goes on in its next epoch.

Safe beside the writer: it moves a feed by compare-and-set, and begins anew where somebody else has moved it.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg

from domain.partner_feed import EpochOpenedV1, Place, epoch_message, feed_name, topic_of
from projections.records.partner_feed import CHANNEL, Feed, feeds

Connection = psycopg.Connection[Any]


class UnknownFeed(Exception):
    """There is no feed of that name."""


class NotInEpoch(Exception):
    """The feed's epoch has no such message to stand until; `last` is the place of its last one."""

    def __init__(self, last: Place) -> None:
        """last: place of the feed's last row."""
        super().__init__(f"the last message is {last}")
        self.last = last


def open_feed(connection: Connection, region: str) -> tuple[Feed, bool]:
    """The feed of a region (a code), told from the log's beginning, and whether it was opened now."""
    feed = feed_name(region)
    opened = connection.execute(_OPEN, (feed, region, topic_of(feed))).rowcount == 1
    return _found(connection, feed), opened


def open_epoch(connection: Connection, feed: str, stands_until: int, reason: str) -> Feed:
    """The feed goes on in its next epoch; of this one what stands ends with a sequence. Returns the feed as it is now.

    What the log has after that row is told again, under new ids. stands_until: 0 for nothing at all. reason: a code of
    epoch_reason. Raises UnknownFeed, NotInEpoch.
    """
    with connection.transaction():
        connection.execute(_LOCK, (feed,))  # a writer's page waits for us, or we for it
        before = _found(connection, feed)
        if not 0 <= stands_until <= before.sequence:
            raise NotInEpoch(before.last)
        which = {"feed": feed, "epoch": before.epoch, "stands_until": stands_until, "reason": reason}
        row = connection.execute(_CLOSE, which).fetchone()
        assert row is not None, "an insert of one row returns it"
        position, closed_at = row
        told = EpochOpenedV1(previous_epoch=before.epoch, stands_until=stands_until, reason=reason)
        message = epoch_message(feed, before.epoch + 1, told, closed_at)
        connection.execute(_FIRST, (feed, before.epoch + 1, position, message))
        connection.execute(_MOVE, (before.epoch + 1, position, feed))
        connection.execute("select pg_notify(%s, %s)", (CHANNEL, feed))
    return _found(connection, feed)


def _found(connection: Connection, feed: str) -> Feed:
    found = next((each for each in feeds(connection) if each.feed == feed), None)
    if found is None:
        raise UnknownFeed(feed)
    return found


_OPEN: Final[LiteralString] = """
insert into records.feeds (feed, region, topic) values (%s, %s, %s) on conflict (feed) do nothing
"""
_LOCK: Final[LiteralString] = "select from records.feeds where feed = %s for update"
# The next epoch begins where the last row that stands left the log, or where this epoch began.
_CLOSE: Final[LiteralString] = """
insert into records.feed_epochs (feed, epoch, stands_until, reason, position)
select %(feed)s, %(epoch)s, %(stands_until)s, %(reason)s, coalesce(
  (select position from records.feed_rows where (feed, epoch, sequence) = (%(feed)s, %(epoch)s, %(stands_until)s)),
  (select position from records.feed_epochs where (feed, epoch) = (%(feed)s, %(epoch)s - 1)),
  0)
returning position, closed_at
"""
_FIRST: Final[LiteralString] = """
insert into records.feed_rows (feed, epoch, sequence, position, event) values (%s, %s, 1, %s, %s)
"""
_MOVE: Final[LiteralString] = """
update records.feeds set epoch = %s, sequence = 1, position = %s, stopped_at = null, stopped_by = null where feed = %s
"""

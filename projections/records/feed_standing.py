"""How far each feed is: what its writer has yet to tell, and what its publisher has yet to send."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import msgspec
import psycopg

from domain.partner_feed import START, Place, read_place
from projections.records.partner_feed import PUBLIC_EVENTS, feeds
from projections.records.published import published

MOST: Final = 1_000  # events counted, not more


class FeedStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A feed, and how far behind its writer and its publisher are, in events and in seconds since the first of them."""

    feed: str
    region: str | None  # of the centres whose diplomas it tells of; None: the whole country
    topic: str
    place: str  # of its last message, `1/42`
    position: int  # of the log: every event up to it has its messages
    events: int  # public ones of the log that it has yet to look at, counted up to 1,000
    seconds: float
    stopped_at: int | None  # position of an event its writer cannot tell
    stopped_by: str | None  # class of the exception
    published: str | None  # place of the last message its topic is known to have; None: nobody publishes it
    unpublished_events: int
    unpublished_seconds: float
    refused: str | None  # why nothing is sent to its topic, and what to do

    @property
    def last(self) -> Place:
        """Of its last message."""
        return read_place(self.place) or START


def standings(connection: psycopg.Connection[Any]) -> list[FeedStanding]:
    """Every feed, by name."""
    waiting = {feed: (events, seconds) for feed, events, seconds in connection.execute(_WAITING, (MOST,)).fetchall()}
    begun = {row[0] for row in connection.execute("select feed from records.feed_published").fetchall()}
    sent = {each.feed: each for each in published(connection) if each.feed in begun}
    return [
        FeedStanding(
            feed=each.feed,
            region=each.region,
            topic=each.topic,
            place=str(each.last),
            position=each.position,
            events=waiting.get(each.feed, (0, 0.0))[0],
            seconds=waiting.get(each.feed, (0, 0.0))[1],
            stopped_at=each.stopped_at,
            stopped_by=each.stopped_by,
            published=str(sent[each.feed].place) if each.feed in sent else None,
            unpublished_events=sent[each.feed].lag_events if each.feed in sent else 0,
            unpublished_seconds=sent[each.feed].lag_seconds if each.feed in sent else 0.0,
            refused=sent[each.feed].refused if each.feed in sent else None,
        )
        for each in feeds(connection)
    ]


_WAITING: Final[LiteralString] = f"""
select feed, events, seconds from records.feeds, lateral (
  select count(*) as events, coalesce(extract(epoch from clock_timestamp() - min(recorded_at)), 0)::float as seconds
    from (select recorded_at from forsa_events where notification_id > feeds.position and {PUBLIC_EVENTS}
           order by notification_id limit %s) public) as waiting
"""

"""The writer of the partner feeds: every public event of a diploma is a row of each feed that tells of it, for ever.

Not a view: a row is written once, and what a partner was sent never changes. So nothing is parked and nothing skipped:
an event that cannot be told stops its feed there, and no other. A page is one transaction, in which the feed's place
moves from where it was left (compare-and-set) and then the rows are written, on the session that holds the feed's lock.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple, TypeAlias, cast
from uuid import UUID

import msgspec

from domain.event import Event
from domain.learner.diploma import DiplomaAwarded
from domain.partner_feed import Place, PublicDiploma, diploma_after, diploma_told, message_of
from domain.reference import region_of
from projections import log
from projections.folding import PLACE, after, new_state
from projections.projector import Overtaken, connect
from projections.records.partner_feed import CHANNEL, PUBLIC_EVENTS, Feed, feeds, last_told
from projections.tables import lock_view

LOG: Final = logging.getLogger("forsa.feeds")
PAGE_SIZE: Final = 1_000  # events
RETRY_SECONDS: Final = 3.0  # between attempts at an event that could not be told
LOOK_SECONDS: Final = 1.0  # between looks for feeds that nobody writes, and moves past events that are not public
WRITING: Final = "forsa.feed."  # purpose of the lock

# One snapshot: the log has no gaps, so where fewer rows come than asked for, nothing public is left up to `last`.
_PAGE: Final[LiteralString] = f"""
select log.last, public.* from (select coalesce(max(notification_id), 0) as last from forsa_events) log
  left join lateral (
    select notification_id, state, recorded_at from forsa_events where notification_id > %s and {PUBLIC_EVENTS}
     order by notification_id limit %s) public on true
 order by notification_id
"""
# No feed that stands where it was left is an error of the statement itself, a division by zero: see the projector's.
_MOVE: Final[LiteralString] = """
with moved as (
  update records.feeds set sequence = %s, position = %s, stopped_at = %s, stopped_by = %s
   where (feed, epoch, sequence, position) = (%s, %s, %s, %s) returning 1
)
select 1 / count(*) from moved
"""
_WRITE: Final[LiteralString] = """
insert into records.feed_rows (feed, epoch, sequence, position, diploma, event)
select %s, %s, * from unnest(%b::bigint[], %b::bigint[], %b::uuid[], %b::bytea[])
"""

PublicRow: TypeAlias = tuple[int, bytes, datetime]  # position, state, recorded_at


class Row(NamedTuple):
    """A row to be written."""

    sequence: int
    position: int
    diploma: UUID
    event: bytes


class Fault(NamedTuple):
    """An event that could not be told, and the class of the exception: its message may hold personal data."""

    position: int
    exception: str


class Told(NamedTuple):
    """A page as one feed tells it, up to the fault where there is one."""

    rows: list[Row]
    fault: Fault | None


class FeedWriter:
    """One process's writer of the feeds nobody else writes. Not thread-safe: it belongs to the thread that steps it."""

    def __init__(
        self, dsn: str, mapper: log.Mapper, *, page_size: int = PAGE_SIZE, look_seconds: float = LOOK_SECONDS
    ) -> None:
        """Connects at the first step."""
        self._dsn, self._mapper, self._page_size, self._look_seconds = dsn, mapper, page_size, look_seconds
        self._connection: log.Connection | None = None
        self._locked: set[str] = set()
        self._ours: dict[str, Feed] = {}  # as they stand in the table
        self._looked_at = float("-inf")
        self._retry_at: dict[str, float] = {}
        self._moved_at: dict[str, float] = {}

    @property
    def feeds(self) -> list[Feed]:
        """The feeds this writer writes, as it left them; empty while it stands by for another one."""
        return list(self._ours.values())

    def step(self) -> int:
        """The next page of each feed is written; returns how many public events were told or passed, 0 when current.

        Raises OperationalError when the database went away: nothing is half done, and the next step connects anew.
        """
        try:
            connection = self._connected()
            self._take_feeds(connection)
            return sum([self._advance(connection, feed) for feed in self.feeds])
        except Overtaken:
            LOG.info("a feed no longer stands where it was left: beginning anew")
            self._looked_at = float("-inf")
            return self.step()
        except BaseException:
            self.close()
            raise

    def catch_up(self) -> int:
        """Every public event there is has been told or passed, but for those behind a fault; returns how many."""
        total = 0
        while taken := self.step():
            total += taken
        return total

    def close(self) -> None:
        """No connection and no lock is held; the next step begins anew."""
        connection, self._connection = self._connection, None
        self._locked, self._ours, self._looked_at, self._retry_at = set(), {}, float("-inf"), {}
        if connection is not None:
            connection.close()

    def _connected(self) -> log.Connection:
        if self._connection is None:
            self._connection = connect(self._dsn)
        return self._connection

    def _take_feeds(self, connection: log.Connection) -> None:
        """The feeds nobody else writes are ours until the session ends, as they stand once the lock is had."""
        now = time.monotonic()
        if now - self._looked_at < self._look_seconds:
            return
        self._looked_at = now
        free = [each.feed for each in feeds(connection) if each.feed not in self._locked]
        self._locked.update(feed for feed in free if lock_view(connection, feed, WRITING))
        # Read when the locks are had, and again: an operator opens feeds and epochs meanwhile.
        self._ours = {each.feed: each for each in feeds(connection) if each.feed in self._locked}

    def _advance(self, connection: log.Connection, feed: Feed) -> int:
        if time.monotonic() < self._retry_at.get(feed.feed, 0.0):
            return 0
        last, public = _page_after(connection, feed.position, self._page_size)
        if not public and feed.stopped_at is None and not self._is_time_to_move(feed, last):
            return 0
        told = _told(connection, self._mapper, feed, public)
        if told.fault is not None:
            position = told.fault.position - 1
        else:
            position = last if len(public) < self._page_size else public[-1][0]
        self._ours[feed.feed] = self._write(connection, feed, position, told)
        if told.fault is not None:  # written, so it is none of an epoch opened between our looks
            self._retry_at[feed.feed] = time.monotonic() + RETRY_SECONDS
        return sum(at <= position for at, _, _ in public)

    def _is_time_to_move(self, feed: Feed, last: int) -> bool:
        """Past what is not public the place moves seldom: a row's version each time, and nobody waits for it."""
        now = time.monotonic()
        if last == feed.position or now - self._moved_at.get(feed.feed, float("-inf")) < self._look_seconds:
            return False
        self._moved_at[feed.feed] = now
        return True

    def _write(self, connection: log.Connection, feed: Feed, position: int, told: Told) -> Feed:
        stopped_at, stopped_by = told.fault or (None, None)
        sequence = feed.sequence + len(told.rows)
        now = msgspec.structs.replace(
            feed, sequence=sequence, position=position, stopped_at=stopped_at, stopped_by=stopped_by
        )
        if now == feed:
            return feed
        moved = (sequence, position, stopped_at, stopped_by, feed.feed, feed.epoch, feed.sequence, feed.position)
        with connection.pipeline(), connection.transaction():
            connection.execute(_MOVE, moved, prepare=True)
            if told.rows:
                columns = (list(column) for column in zip(*told.rows, strict=True))
                connection.execute(_WRITE, (feed.feed, feed.epoch, *columns), prepare=True)
        if told.rows:  # apart: a notice holds up every other one until its transaction is on the disk
            connection.execute("select pg_notify(%s, %s)", (CHANNEL, feed.feed), prepare=True)
        _say(feed, now)
        return now


def _say(before: Feed, now: Feed) -> None:
    """An operator sees when a feed stops and when it goes on."""
    if now.stopped_at is not None and now.stopped_at != before.stopped_at:
        LOG.error("feed %s stopped: the event at %d cannot be told, %s", now.feed, now.stopped_at, now.stopped_by)
    elif now.stopped_at is None and before.stopped_at is not None:
        LOG.info("feed %s goes on", now.feed)


def _page_after(connection: log.Connection, position: int, limit: int) -> tuple[int, list[PublicRow]]:
    """The log's last position, and up to `limit` public events after a position, in order."""
    rows = connection.cursor(binary=True).execute(_PAGE, (position, limit), prepare=True).fetchall()
    return rows[0][0], [cast("PublicRow", row[1:]) for row in rows if row[1] is not None]


def _told(connection: log.Connection, mapper: log.Mapper, feed: Feed, public: Sequence[PublicRow]) -> Told:
    """The rows of these events in this feed: those that stand for every event before the first that cannot be told."""
    events, fault = _decoded(mapper, public)
    before = Before(connection, feed, [event for _, event, _ in events])
    awards = [(at, event.centre) for at, event, _ in events if isinstance(event, DiplomaAwarded) and feed.region]
    regions = Regions(connection, mapper, awards)
    rows: list[Row] = []
    for position, event, recorded_at in events:
        try:
            if not _is_told(feed, regions, before, event, position):
                continue
            diploma = diploma_after(before.of(event.diploma), event)
            sequence = feed.sequence + len(rows) + 1
            message = message_of(feed.feed, Place(feed.epoch, sequence), event, diploma, recorded_at)
        except Exception as exception:  # noqa: BLE001  # whatever it is: what follows must not be told before it
            return Told(rows, Fault(position, type(exception).__name__))
        before.is_now(diploma)
        rows.append(Row(sequence, position, diploma.id, message))
    return Told(rows, fault)


def _decoded(mapper: log.Mapper, public: Sequence[PublicRow]) -> tuple[list[tuple[int, Any, datetime]], Fault | None]:
    """Position, event and time of each, up to the first that cannot be read."""
    events = []
    for position, state, recorded_at in public:
        try:
            events.append((position, mapper.decode_many(state)[0], recorded_at))
        except Exception as exception:  # noqa: BLE001  # as above
            return events, Fault(position, type(exception).__name__)
    return events, None


def _is_told(feed: Feed, regions: Regions, before: Before, event: Any, position: int) -> bool:
    """Whether this feed tells of the diploma: for good what held of its centre at its award, wherever that is later."""
    if feed.region is None:
        return True
    if isinstance(event, DiplomaAwarded):
        return regions.at(event.centre, position) == feed.region
    return before.of(event.diploma) is not None


class Before:
    """Diplomas as a feed told them last."""

    def __init__(self, connection: log.Connection, feed: Feed, events: Iterable[Any]) -> None:
        """One query, none where all of these events are awards."""
        self._diplomas: dict[UUID, PublicDiploma] = {}
        earlier = {event.diploma for event in events if not isinstance(event, DiplomaAwarded)}
        self._stored = last_told(connection, feed.feed, earlier) if earlier else {}

    def of(self, diploma: UUID) -> PublicDiploma | None:
        """The diploma; None where the feed has not told of it."""
        if diploma not in self._diplomas and diploma in self._stored:
            self._diplomas[diploma] = diploma_told(self._stored[diploma])
        return self._diplomas.get(diploma)

    def is_now(self, diploma: PublicDiploma) -> None:
        """It is told so from here on."""
        self._diplomas[diploma.id] = diploma


class Regions:
    """The regions of centres as of the positions of these awards."""

    def __init__(self, connection: log.Connection, mapper: log.Mapper, awards: Sequence[tuple[int, UUID]]) -> None:
        """awards: position and centre, in order. One query, none for no award."""
        self._mapper = mapper
        found = log.streams_of(connection, list({centre for _, centre in awards}), awards[-1][0]) if awards else []
        self._streams = {UUID(bytes=stream): (joined, places) for stream, joined, places in found}
        self._events: dict[UUID, list[Event]] = {}

    def at(self, centre: UUID, position: int) -> str:
        """Region of the centre as of a position. KeyError for a centre that was not open then."""
        joined, places = self._streams[centre]
        if centre not in self._events:
            self._events[centre] = self._mapper.decode_many(joined)
        events = self._events[centre]
        count = bisect_right([at for at, _ in PLACE.iter_unpack(places)], position)
        return region_of(after(new_state(centre.bytes, events[0]), events[:count]).province)

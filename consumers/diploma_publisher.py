"""The publisher: what a feed's table holds goes to the feed's topic, at least once, in order.

One thread a feed, so that a topic which is refused stops that feed alone; one publisher a feed, by a lock of the
database. Progress moves after the acknowledgement of a whole batch, by compare-and-set: who finds it moved by another
sends no more. A few batches may be under way at once. After a missed acknowledgement everything begins anew: a fresh
producer, the topic's end compared with the table, the rows after our progress. Source: DESIGN §6.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from typing import Final, NamedTuple

from consumers.binary_mode import read_attributes, record_of
from consumers.brokers import UNREACHED, Broker
from consumers.producers import Missed, OneTopicProducer, Sent
from consumers.topic_ends import agreed_end
from consumers.topics import TopicRefused, ensure_topic
from domain.partner_feed import START, Place
from projections.records.published import Away, PublishingSession

LOG: Final = logging.getLogger("forsa.publisher")
BATCH: Final = 500  # messages
BATCHES_UNDER_WAY: Final = 4
POLL_SECONDS: Final = 1.0  # between looks at the table when no notice comes
STANDBY_SECONDS: Final = 0.5  # between attempts to take over
AGAIN_SECONDS: Final = 0.2  # after a missed acknowledgement
REFUSED_SECONDS: Final = 3.0  # between looks at a topic that is refused


class Overtaken(Exception):
    """Progress was moved by another: nothing may be sent before everything is looked at again."""


class Figures:
    """What a feed's publisher has met since it began."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.missed = 0  # batches without their acknowledgement in time
        self.producers = 0
        self.acknowledged = 0  # messages


class Batch(NamedTuple):
    """Messages that are under way."""

    sent: Sent
    last: Place
    size: int


class FeedPublisher:
    """Publishes one feed on a thread of its own."""

    def __init__(self, dsn: str, broker: Broker, feed: str, topic: str) -> None:
        """dsn: as the projector's role. Connects when run."""
        self._session = PublishingSession(dsn, feed)
        self._broker, self._feed, self._topic = broker, feed, topic
        self.figures = Figures()
        self._said = ""
        self._place = START  # of the last message acknowledged
        self._offset = -1  # of the last record known to be in the topic

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """The topic follows the table until `stop` is set; `once`: or until the topic has what the table holds.

        Waits for a database, a broker, a topic that is mended, another publisher to end.
        """
        with closing(self._session):
            while not stop.is_set():
                try:
                    if not self._session.open():
                        self._say("stands by")
                        stop.wait(STANDBY_SECONDS)
                    elif self._published(stop, once=once):
                        return
                except Away as lost:
                    self._say("the database is away", reason=str(lost))
                    self._session.close()
                    stop.wait(AGAIN_SECONDS)
                except Overtaken:
                    self._say("another publisher is active")
                    self._session.close()
                    stop.wait(STANDBY_SECONDS)

    def _published(self, stop: threading.Event, *, once: bool) -> bool:
        """Whether all was published; else what was in the way is said, and it is time to try again."""
        try:
            ensure_topic(self._broker, self._topic)
            self._compare()
            self._session.refuse(None)
            with closing(OneTopicProducer(self._broker, self._topic)) as producer:
                self.figures.producers += 1
                self._say("publishing", place=str(self._place))
                self._follow(producer, stop, once=once)
                return True
        except TopicRefused as refused:
            self._refuse(str(refused), refused.code)
            stop.wait(REFUSED_SECONDS)
        except Missed as missed:
            self.figures.missed += 1
            self._say("acknowledgement missed", reason=str(missed))
            stop.wait(AGAIN_SECONDS)
        except UNREACHED as error:
            self._say("no broker answers", reason=type(error).__name__)
            stop.wait(AGAIN_SECONDS)
        except (Away, Overtaken):
            raise
        except Exception as fault:  # noqa: BLE001  # the other feeds go on; operators see it where they see refusals
            self._refuse(f"fault: {type(fault).__name__}", "fault")
            stop.wait(REFUSED_SECONDS)
        return False

    def _compare(self) -> None:
        """Progress stands where the topic's end and the table allow. Raises TopicRefused."""
        with self._session.table() as table:
            end = agreed_end(self._broker, self._topic, table)
        self._offset, self._place = end.offset - 1, self._session.progress()
        if end.place < self._place:
            LOG.warning("the topic is behind: filled again", extra={"feed": self._feed, "place": str(end.place)})
            self._move(end.place)

    def _follow(self, producer: OneTopicProducer, stop: threading.Event, *, once: bool) -> None:
        """Sends until `stop` is set, then waits for what is under way."""
        under_way: deque[Batch] = deque()
        read = self._place
        while not stop.is_set():
            rows = self._session.after(read, BATCH) if len(under_way) < BATCHES_UNDER_WAY else []
            if rows:
                under_way.append(self._send(producer, rows))
                read = under_way[-1].last
            elif under_way:
                self._settle(under_way.popleft())
            elif once:
                return
            else:
                self._session.wait(stop, POLL_SECONDS)
        for batch in under_way:
            self._settle(batch)

    def _send(self, producer: OneTopicProducer, rows: Iterable[bytes]) -> Batch:
        messages = [read_attributes(row) for row in rows]
        return Batch(producer.send(map(record_of, messages)), messages[-1].place, len(messages))

    def _settle(self, batch: Batch) -> None:
        """The batch was acknowledged, and progress stands behind it. Raises Missed, Overtaken."""
        first, last = batch.sent.acknowledged()
        if first <= self._offset:  # the topic was made anew, or lost its end: what else it lost is not known
            self._move(START)
            raise Missed("OffsetFell")
        self._move(batch.last)
        self.figures.acknowledged += batch.size
        if last - self._offset != batch.size:  # a late copy of ours, or a stranger's: the topic is looked at
            raise Missed("OffsetsBetween")
        self._offset = last

    def _move(self, place: Place) -> None:
        if not self._session.move(self._place, place):
            raise Overtaken
        self._place = place

    def _refuse(self, reason: str, code: str) -> None:
        self._session.refuse(reason)
        self._say(f"refused: {reason}", code=code)

    def _say(self, what: str, **fields: str) -> None:
        """Logged when it is another thing than the last time."""
        if what == self._said:
            return
        self._said = what
        level = logging.INFO if what in ("publishing", "stands by") else logging.WARNING
        LOG.log(level, what, extra={"feed": self._feed, **fields})


def publish_waiting(dsn: str, broker: Broker, feed: str, topic: str) -> int:
    """How many messages were sent until the topic had all that the table held; then it ends."""
    publisher = FeedPublisher(dsn, broker, feed, topic)
    publisher.run(threading.Event(), once=True)
    return publisher.figures.acknowledged


class PublisherEnded(Exception):
    """A feed's publisher ended by itself: the process must begin anew."""


class Publishers:
    """A publisher for each feed, also for one that is opened while they run."""

    def __init__(self, dsn: str, broker: Broker, topics: Callable[[], Mapping[str, str]]) -> None:
        """topics: of every feed, by the feed's name, as of now; what it raises of a database that is away is Away."""
        self._open = partial(FeedPublisher, dsn, broker)
        self._topics = topics
        self.of: dict[str, FeedPublisher] = {}  # by feed
        self._threads: list[threading.Thread] = []

    def run(self, stop: threading.Event) -> None:
        """Every feed is published until `stop` is set; what is under way then is waited for. Raises PublisherEnded."""
        try:
            while not stop.is_set():
                self._begin_new(stop)
                stop.wait(POLL_SECONDS)
                if not all(thread.is_alive() for thread in self._threads) and not stop.is_set():
                    raise PublisherEnded
        finally:
            stop.set()
            for thread in self._threads:
                thread.join()

    def _begin_new(self, stop: threading.Event) -> None:
        try:
            topics = self._topics()
        except Away:
            return  # each feed's own publisher says so
        for feed, topic in topics.items():
            if feed not in self.of:
                publisher = self.of[feed] = self._open(feed, topic)
                self._threads.append(threading.Thread(target=publisher.run, args=(stop,), name=f"publisher of {feed}"))
                self._threads[-1].start()

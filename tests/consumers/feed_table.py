"""A feed's rows as its writer leaves them, its topic as a consumer finds it, and a publisher between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaConsumer, TopicPartition

from consumers.binary_mode import stored_form
from consumers.brokers import Broker
from consumers.diploma_publisher import FeedPublisher
from domain.partner_feed import EpochOpenedV1, Place, diploma_after, epoch_message, message_of
from projections.records.published import Published, published
from tests.examples.diplomas import awarded

MOMENT = datetime(2026, 6, 21, 9, 30, 15, 250_000, tzinfo=UTC)
SECONDS = 60.0  # most a test waits for what takes far less


def development(bootstrap: str) -> Broker:
    """The cluster of one broker."""
    return Broker(bootstrap=bootstrap, replication=1)


def until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Returns when the condition holds; the test fails where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        threading.Event().wait(0.01)


class FeedRows:
    """A feed of the test's own, its rows written as the writer of feeds writes them: with the notice, in order."""

    def __init__(self, dsn: str, topic: str) -> None:
        """dsn: as the owner."""
        self.dsn, self.feed, self.topic = dsn, f"feed-{uuid4().hex[:12]}", topic
        self.epoch, self.sequence, self.all = 1, 0, list[bytes]()
        with self._connect() as connection:
            connection.execute("insert into records.feeds (feed, topic) values (%s, %s)", (self.feed, topic))

    def write(self, count: int, moment: datetime = MOMENT) -> list[bytes]:
        """So many awards more; the messages of them."""
        rows = []
        for sequence in range(self.sequence + 1, self.sequence + count + 1):
            event = awarded(sequence)[1]
            told = diploma_after(None, event)
            rows.append((sequence, told.id, message_of(self.feed, Place(self.epoch, sequence), event, told, moment)))
        self._insert(rows)
        return [row[2] for row in rows]

    def open_epoch(self, stands_until: int) -> bytes:
        """The next epoch is open; its first message."""
        opened = EpochOpenedV1(previous_epoch=self.epoch, stands_until=stands_until, reason="restore")
        with self._connect() as connection:
            connection.execute(
                "insert into records.feed_epochs (feed, epoch, stands_until, position, reason)"
                " values (%s, %s, %s, 0, 'restore')",
                (self.feed, self.epoch, stands_until),
            )
        self.epoch, self.sequence = self.epoch + 1, 0
        message = epoch_message(self.feed, self.epoch, opened, MOMENT)
        self._insert([(1, None, message)])
        return message

    def restore(self, sequence: int) -> None:
        """The table is as it was when this message was its last."""
        with self._connect() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(
                "delete from records.feed_rows where feed = %s and (epoch, sequence) > (1, %s)", (self.feed, sequence)
            )
            connection.execute(
                "update records.feeds set epoch = 1, sequence = %s where feed = %s", (sequence, self.feed)
            )
            connection.execute(
                "update records.feed_published set epoch = 1, sequence = least(sequence, %s) where feed = %s",
                (sequence, self.feed),
            )
        self.epoch, self.sequence, self.all = 1, sequence, self.all[:sequence]

    def progress(self) -> Published:
        """How far it is published."""
        with self._connect() as connection:
            return next(each for each in published(connection) if each.feed == self.feed)

    def is_published(self) -> bool:
        """Whether the topic is known to have all of it."""
        return self.progress().lag_events == 0

    def is_refused(self, code: str) -> bool:
        """Whether nothing is published for this reason."""
        return (self.progress().refused or "").startswith(f"{code}:")

    def _insert(self, rows: list[tuple[int, Any, bytes]]) -> None:
        with self._connect() as connection, connection.transaction():
            connection.cursor().executemany(
                "insert into records.feed_rows (feed, epoch, sequence, position, diploma, event)"
                " values (%s, %s, %s, 0, %s, %s)",
                [(self.feed, self.epoch, *row) for row in rows],
            )
            self.sequence = rows[-1][0]
            connection.execute(
                "update records.feeds set epoch = %s, sequence = %s where feed = %s",
                (self.epoch, self.sequence, self.feed),
            )
            connection.execute("select pg_notify('forsa_feed', %s)", (self.feed,))
        self.all += [row[2] for row in rows]

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, autocommit=True)


def records_in(bootstrap: str, topic: str) -> list[Any]:
    """Every record of the topic, by an independent consumer."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end, found = consumer.end_offsets([partition])[partition], list[Any]()
        while consumer.position(partition) < end:
            for records in consumer.poll(timeout_ms=200).values():
                found += records
        return found


def stored_in(bootstrap: str, topic: str) -> list[bytes | None]:
    """What the topic's records were made of."""
    return [stored_form(record.headers, record.value) for record in records_in(bootstrap, topic)]


def first_seen(messages: list[Any]) -> list[Any]:
    """Each once, in the order in which it was first there."""
    return list(dict.fromkeys(messages))


@contextmanager
def publishing(dsn: str, broker: Broker, rows: FeedRows) -> Iterator[FeedPublisher]:
    """A publisher of this feed runs on a thread."""
    publisher, stop = FeedPublisher(dsn, broker, rows.feed, rows.topic), threading.Event()
    thread = threading.Thread(target=publisher.run, args=(stop,))
    thread.start()
    try:
        yield publisher
    finally:
        stop.set()
        thread.join(SECONDS)
        assert not thread.is_alive(), "it ends within seconds"

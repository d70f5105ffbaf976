"""What a feed's topic holds, compared with the feed's table: the topic's end counts.

A topic behind our progress is filled again; one that says what the table does not is left alone until a person decides.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from consumers.binary_mode import Attributes, read_attributes, stored_form
from consumers.brokers import Broker
from consumers.topics import DELETE, TopicRefused
from domain.partner_feed import SOURCE, START, Place

TAIL: Final = 500  # records at a topic's end that are looked at: more than a producer that was given up can still add
READ_SECONDS: Final = 5.0


class Table(Protocol):
    """What a feed's table says of places and messages (`projections.records.published.FeedTable`)."""

    feed: str

    def epoch(self) -> int:
        """The feed's current epoch."""

    def end_of(self, epoch: int) -> int | None:
        """Sequence of the last message of this epoch that stands; None for an epoch the feed has not had."""

    def message(self, place: Place) -> bytes | None:
        """The message at this place."""

    def messages(self, places: Collection[Place]) -> Mapping[Place, bytes]:
        """The messages at these places, those that there are."""


class End(NamedTuple):
    """A topic's end as far as it agrees with the table: the highest place, and the offset after its last record."""

    place: Place
    offset: int


class Reader:
    """Reads a one-partition topic from its end."""

    def __init__(self, consumer: Any, topic: str) -> None:
        """consumer: kafka-python's, of no group."""
        self._consumer, self._partition = consumer, TopicPartition(topic, 0)
        consumer.assign([self._partition])
        self.first: int = consumer.beginning_offsets([self._partition])[self._partition]
        self.end: int = consumer.end_offsets([self._partition])[self._partition]

    def between(self, first: int, end: int) -> list[Any]:
        """The records of these offsets, in order. Raises KafkaTimeoutError."""
        self._consumer.seek(self._partition, first)
        found: list[Any] = []
        until = time.monotonic() + READ_SECONDS
        while self._consumer.position(self._partition) < end:
            if time.monotonic() > until:
                raise KafkaTimeoutError("the topic's end was not read")
            for records in self._consumer.poll(timeout_ms=200).values():
                found += [record for record in records if record.offset < end]
        return found

    def backwards(self) -> Iterator[list[Any]]:
        """Every record, in chunks from the end; a chunk's own are in order."""
        end = self.end
        while end > self.first:
            start = max(self.first, end - TAIL)
            yield self.between(start, end)
            end = start


@contextmanager
def reading(broker: Broker, topic: str) -> Iterator[Reader]:
    """The topic from its end. Raises KafkaError."""
    given = {"allow_auto_create_topics": False, "enable_auto_commit": False, "max_partition_fetch_bytes": 4_194_304}
    with closing(broker.open(KafkaConsumer, **given)) as consumer:
        yield Reader(consumer, topic)


def agreed_end(broker: Broker, topic: str, table: Table) -> End:
    """Where the topic ends, which the table says too; `1/0` of an empty one. Raises TopicRefused, KafkaError."""
    with reading(broker, topic) as reader:
        chunks = reader.backwards()
        tail = [_told(record, table.feed, topic) for record in next(chunks, [])]
        if not tail:
            return End(START, reader.end)
        stored, last = max(tail, key=lambda each: each[1].place)
        stands = table.end_of(last.place.epoch)
        if stands is not None and last.place.sequence > stands and last.place.epoch < table.epoch():
            # What follows `stands` was taken back, as the next epoch's first message will say.
            _refuse_other(Place(last.place.epoch, stands), tail, chunks, table, topic)
        elif stands is None or last.place.sequence > stands:
            raise _ahead(topic, table, last.place)
        elif table.message(last.place) != stored:
            raise _diverged(topic, table, last.place)
        _refuse_forged(tail, table, topic)
        return End(last.place, reader.end)


def agreed_until(broker: Broker, topic: str, table: Table) -> int:
    """Sequence of the last message of the feed's current epoch that topic and table both have, byte for byte; else 0.

    Raises KafkaError.
    """
    epoch = table.epoch()
    last = table.end_of(epoch) or 0
    with reading(broker, topic) as reader:
        for records in reader.backwards():
            told = list(_ours(reversed(records), table.feed))
            for stored, message in told:
                known = message.place.epoch == epoch and message.place.sequence <= last
                if known and table.message(message.place) == stored:
                    return message.place.sequence
            if told and all(message.place.epoch < epoch for _, message in told):
                return 0
    return 0


Told = tuple[bytes, Attributes]


def _told(record: Any, feed: str, topic: str) -> Told:
    """A record's message. Raises TopicRefused for one that is not of this feed."""
    for told in _ours([record], feed):
        return told
    raise _foreign(topic, f"at offset {record.offset} a message that is not of feed {feed}")


def _refuse_forged(tail: list[Told], table: Table, topic: str) -> None:
    """What came before the last message is as the table has it too. Raises TopicRefused.

    No restore leaves it otherwise: ids are told anew from some place on, up to the last.
    """
    ends = {epoch: table.end_of(epoch) or 0 for epoch in {message.place.epoch for _, message in tail}}
    known = table.messages({message.place for _, message in tail})
    for stored, message in tail:
        if message.place.sequence <= ends[message.place.epoch] and known.get(message.place) != stored:
            raise _foreign(topic, f"another message than the table's under the id {message.place}")


def _ours(records: Iterable[Any], feed: str) -> Iterator[Told]:
    for record in records:
        stored = stored_form(record.headers, record.value)
        if stored is None:
            continue
        message = read_attributes(stored)
        if message.source == SOURCE + feed and message.id == f"{feed}/{message.place}":
            yield stored, message


def _refuse_other(place: Place, tail: list[Told], chunks: Iterator[list[Any]], table: Table, topic: str) -> None:
    """The topic has the message at this place as the table has it. Raises TopicRefused."""
    told = iter(tail)
    while place.sequence:
        for stored, message in told:
            if message.place == place:
                if table.message(place) != stored:
                    raise _diverged(topic, table, place)
                return
        if (records := next(chunks, None)) is None:
            return  # it begins after this place: behind, filled again
        told = _ours(records, table.feed)


def _foreign(topic: str, what: str) -> TopicRefused:
    said = f"topic {topic} holds {what}: nobody else may write to it"
    return TopicRefused(
        "foreign-message", f"{said}. Next: `{DELETE} --topic {topic}`; it is made anew and all is sent again"
    )


def _ahead(topic: str, table: Table, place: Place) -> TopicRefused:
    epoch = table.epoch()
    said = f"topic {topic} ends with {place}, the table with {Place(epoch, table.end_of(epoch) or 0)}"
    return TopicRefused("topic-ahead", f"{said}: {_restored(table.feed)}")


def _diverged(topic: str, table: Table, place: Place) -> TopicRefused:
    said = f"topic {topic} and the table differ in message {place}"
    return TopicRefused("topic-diverged", f"{said}: {_restored(table.feed)}")


def _restored(feed: str) -> str:
    return f"was the database restored? Next: `forsa feeds new-epoch {feed} --reason restore`"

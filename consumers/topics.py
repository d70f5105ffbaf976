"""A feed's topic: made as it must be, refused when it is otherwise, and compared with the feed's table.

What the topic's end says counts. A topic behind our progress is filled again; one that says what the table does not is
left alone until a person decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, Protocol

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from consumers.binary_mode import Attributes, read_attributes, stored_form
from consumers.brokers import Broker
from domain.partner_feed import SOURCE, START, Place

TAIL: Final = 500  # records at a topic's end that are looked at: more than a producer that was given up can still add
READ_SECONDS: Final = 5.0
ALTER: Final = "kafka-configs.sh --bootstrap-server $FORSA_KAFKA_BOOTSTRAP --alter --entity-type topics"
DELETE: Final = "kafka-topics.sh --bootstrap-server $FORSA_KAFKA_BOOTSTRAP --delete"


class TopicRefused(Exception):
    """Nothing is sent to this topic. `code` is of a closed set; the text names the next act."""

    def __init__(self, code: str, said: str) -> None:
        """said: without anything secret; operators read it."""
        super().__init__(f"{code}: {said}")
        self.code = code


class Table(Protocol):
    """What a feed's table says of places and messages (`projections.records.published.FeedTable`)."""

    feed: str

    def epoch(self) -> int:
        """The feed's current epoch."""

    def end_of(self, epoch: int) -> int | None:
        """Sequence of the last message of this epoch that stands; None for an epoch the feed has not had."""

    def message(self, place: Place) -> bytes | None:
        """The message at this place."""


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rule(NamedTuple):
    """A setting a topic of ours must have. `everywhere`: without it there is no order, so not in development either."""

    setting: str
    code: str
    wanted: Callable[[Broker], str]
    is_met: Callable[[str, str], bool]
    everywhere: bool = False


def _same(found: str, wanted: str) -> bool:
    return found == wanted


def _at_least(found: str, wanted: str) -> bool:
    return int(found) >= int(wanted)


RULES: Final = (
    Rule(
        "cleanup.policy",
        "compacted-topic",
        lambda _: "delete",
        lambda found, _: "compact" not in found,
        everywhere=True,
    ),
    Rule("min.insync.replicas", "min-insync", lambda broker: "1" if broker.is_development else "2", _at_least),
    Rule("retention.ms", "finite-retention", lambda _: "-1", _same),
    Rule("retention.bytes", "finite-retention", lambda _: "-1", _same),
    Rule("unclean.leader.election.enable", "unclean-election", lambda _: "false", _same),
)


def ensure_topic(broker: Broker, topic: str) -> None:
    """The topic is there, one partition, kept for ever. Raises TopicRefused; KafkaError while no broker answers."""
    with closing(broker.open(KafkaAdminClient)) as admin:
        found = _described(admin, topic) or _made(admin, broker, topic)
        _refuse_shape(found, broker, topic)
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        described = admin.describe_configs([resource], config_filter="all")["topic"][topic]
        _refuse_settings({name: str(each["value"]) for name, each in described.items()}, broker, topic)


def create_when_missing(broker: Broker, topic: str, settings: Mapping[str, str]) -> None:
    """The topic is there; made now with one partition and these settings, or as it was. Raises KafkaError."""
    with closing(broker.open(KafkaAdminClient)) as admin:
        if _described(admin, topic) is None:
            _create(admin, broker, topic, settings)


def _described(admin: Any, topic: str) -> dict[str, Any] | None:
    found: dict[str, Any] = admin.describe_topics([topic])[0]
    error = for_code(found["error_code"])
    if error is UnknownTopicOrPartitionError:
        return None
    if found["error_code"]:
        raise error
    return found


def _made(admin: Any, broker: Broker, topic: str) -> dict[str, Any]:
    _create(admin, broker, topic, {rule.setting: rule.wanted(broker) for rule in RULES})
    found = _described(admin, topic)
    if found is None:
        raise UnknownTopicOrPartitionError(topic)
    return found


def _create(admin: Any, broker: Broker, topic: str, settings: Mapping[str, str]) -> None:
    one = {"num_partitions": 1, "replication_factor": broker.replication, "configs": dict(settings)}
    try:
        admin.create_topics({topic: one}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # another was first
    except PolicyViolationError as refused:
        raise TopicRefused(
            "topic-not-made", f"the cluster's policy refuses topic {topic}: make it by hand"
        ) from refused
    except KafkaError as error:
        if error.retriable:
            raise
        name = type(error).__name__
        said = f"topic {topic} cannot be made with {broker.replication} replicas ({name}): FORSA_KAFKA_REPLICATION"
        raise TopicRefused("topic-not-made", f"{said} is more than there are brokers, or a right is missing") from error


def _refuse_shape(found: Mapping[str, Any], broker: Broker, topic: str) -> None:
    partitions = found["partitions"]
    if len(partitions) != 1:
        said = f"topic {topic} has {len(partitions)} partitions, wanted 1: order would be lost. Next: `{DELETE}"
        raise TopicRefused("partitions", f"{said} --topic {topic}`; it is made anew and all is sent again")
    copies = len(partitions[0]["replica_nodes"])
    if copies < broker.replication:
        said = f"topic {topic} has replication factor {copies}, wanted {broker.replication}. Next: add replicas with"
        raise TopicRefused("replication", f"{said} `kafka-reassign-partitions.sh`")


def _refuse_settings(found: Mapping[str, str], broker: Broker, topic: str) -> None:
    for rule in RULES:
        if rule.setting not in found or (broker.is_development and not rule.everywhere):
            continue
        has, wanted = found[rule.setting], rule.wanted(broker)
        if not rule.is_met(has, wanted):
            said = f"topic {topic} has {rule.setting}={has}, wanted {wanted}. Next:"
            raise TopicRefused(
                rule.code, f"{said} `{ALTER} --entity-name {topic} --add-config {rule.setting}={wanted}`"
            )


# ── what it holds ────────────────────────────────────────────────────────────────────────────────────────────────────


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
    said = f"topic {topic} holds at offset {record.offset} a message that is not of feed {feed}: nobody else may write"
    raise TopicRefused(
        "foreign-message", f"{said} to it. Next: `{DELETE} --topic {topic}`; it is made anew and all is sent again"
    )


def _ours(records: Sequence[Any] | Iterator[Any], feed: str) -> Iterator[Told]:
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


def _ahead(topic: str, table: Table, place: Place) -> TopicRefused:
    epoch = table.epoch()
    said = f"topic {topic} ends with {place}, the table with {Place(epoch, table.end_of(epoch) or 0)}"
    return TopicRefused("topic-ahead", f"{said}: {_restored(table.feed)}")


def _diverged(topic: str, table: Table, place: Place) -> TopicRefused:
    said = f"topic {topic} and the table differ in message {place}"
    return TopicRefused("topic-diverged", f"{said}: {_restored(table.feed)}")


def _restored(feed: str) -> str:
    return f"was the database restored? Next: `forsa feeds new-epoch {feed} --reason restore`"

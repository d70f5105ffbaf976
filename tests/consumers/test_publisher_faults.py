"""Brokers and publishers that die under load: nothing is lost, nothing is first seen out of order."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from consumers.diploma_publisher import Batch, FeedPublisher
from runtime.local_kafka import LocalKafka
from tests.consumers.feed_table import FeedRows, development, first_seen, publishing, stored_in, until
from tests.consumers.publisher_process import PublisherProcess, rows_coming
from tests.runtime.forsa_run import CLI, clean_environment
from tests.runtime.served import free_port, value_of

# From when the broker's port is there again to the next acknowledgement. Alone on a machine it is 5, as `make prove`
# holds; among other tests the broker itself may need as long to warm up.
BACK_SECONDS = 10.0
PAUSED_SECONDS = 4.0  # longer than an acknowledgement may take


def strike(broker: LocalKafka, how: str) -> None:
    """The broker is killed, stopped or paused, and there again when this returns."""
    if how == "pause":
        broker.pause()
        time.sleep(PAUSED_SECONDS)  # what is tested is a broker that is silent for so long
        broker.resume()
    else:
        (broker.kill if how == "kill" else broker.stop)()
        broker.start()


def assert_all_arrived(broker: LocalKafka, rows: FeedRows) -> None:
    """Nothing lost, nothing first seen out of order; what is there twice is there with the same bytes."""
    assert first_seen(stored_in(broker.bootstrap, rows.topic)) == rows.all


def test_a_broker_that_dies_under_load_costs_nothing(
    own_kafka: LocalKafka, topic: str, log_dsn: str, projector_dsn: str
) -> None:
    rows, before = FeedRows(log_dsn, topic), {*threading.enumerate()}
    with publishing(projector_dsn, development(own_kafka.bootstrap), rows):
        with rows_coming(rows):
            for how in ("kill", "stop", "pause"):
                until(lambda: rows.progress().lag_events < 100 < len(rows.all), "a publisher that keeps up")
                strike(own_kafka, how)
                done = rows.progress().sequence
                until(lambda done=done: rows.progress().sequence > done, f"{how}: an acknowledgement", BACK_SECONDS)  # type: ignore[misc]
        until(rows.is_published, "the rest")
    assert_all_arrived(own_kafka, rows)
    until(lambda: not {*threading.enumerate()} - before, "the end of the old producers' threads")


@pytest.fixture
def alone(log_dsn: str, topic: str) -> FeedRows:
    """The only feed of the database, so that `forsa publish` publishes no other."""
    with psycopg.connect(log_dsn) as connection:
        connection.execute("delete from records.feeds")
    return FeedRows(log_dsn, topic)


def test_a_publisher_that_is_killed_under_load_costs_nothing(
    kafka: str, alone: FeedRows, projector_dsn: str, tmp_path: Path
) -> None:
    with rows_coming(alone):
        for _ in range(3):
            done = alone.progress().sequence
            with PublisherProcess(kafka, projector_dsn, tmp_path / "said"):
                until(lambda done=done: alone.progress().sequence > done + 50, "progress")  # type: ignore[misc]
    with PublisherProcess(kafka, projector_dsn, tmp_path / "said") as publisher:
        until(alone.is_published, "the rest")
        assert publisher.end() < 10
    assert first_seen(stored_in(kafka, alone.topic)) == alone.all


def test_a_second_publisher_stands_by_and_takes_over(
    kafka: str, alone: FeedRows, projector_dsn: str, tmp_path: Path
) -> None:
    alone.write(1)
    with PublisherProcess(kafka, projector_dsn, tmp_path / "first") as first:
        until(alone.is_published, "the first publisher")
        with PublisherProcess(kafka, projector_dsn, tmp_path / "second") as second:
            until(lambda: "stands by" in second.said(), "the second one")
            first.kill()
            alone.write(1)
            until(alone.is_published, "the take-over", seconds=10)
    assert stored_in(kafka, alone.topic) == alone.all


@pytest.mark.usefixtures("apache_kafka")
def test_whoever_finds_progress_moved_by_another_begins_anew(
    kafka: str, topic: str, log_dsn: str, projector_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = FeedRows(log_dsn, topic)
    send, met = FeedPublisher._send, list[Batch]()

    def overtaken_once(self: FeedPublisher, *given: object) -> Batch:
        if not met:
            with psycopg.connect(log_dsn, autocommit=True) as other:
                other.execute("update records.feed_published set sequence = 3 where feed = %s", (rows.feed,))
        met.append(send(self, *given))  # type: ignore[arg-type]
        return met[-1]

    monkeypatch.setattr(FeedPublisher, "_send", overtaken_once)
    rows.write(5)
    with publishing(projector_dsn, development(kafka), rows):
        until(rows.is_published, "all of it")
    assert stored_in(kafka, topic) == [*rows.all, *rows.all[3:]]


@pytest.mark.usefixtures("apache_kafka")
def test_a_lost_session_is_opened_again(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> None:
    rows = FeedRows(log_dsn, topic)
    with publishing(projector_dsn, development(kafka), rows):
        with rows_coming(rows):
            for _ in range(3):
                done = len(rows.all)
                until(lambda done=done: rows.progress().sequence > done, "progress")  # type: ignore[misc]
                with psycopg.connect(log_dsn, autocommit=True) as other:
                    other.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity"
                        " where application_name = 'forsa publisher' and datname = current_database()"
                    )
        until(rows.is_published, "the rest")
    assert first_seen(stored_in(kafka, topic)) == rows.all


def test_a_broker_that_is_away_at_the_start_is_said_once_and_waited_for(
    own_kafka: LocalKafka, topic: str, log_dsn: str, projector_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = FeedRows(log_dsn, topic)
    rows.write(3)
    own_kafka.stop()
    caplog.set_level(logging.INFO, "forsa.publisher")

    def said() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == "forsa.publisher"]

    with publishing(projector_dsn, development(own_kafka.bootstrap), rows):
        until(said, "a word about it")
        own_kafka.start()
        until(rows.is_published, "the rows", BACK_SECONDS)
    assert said() == ["no broker answers", "publishing"]


def move_before_the_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is stored when a batch is sent."""
    send = FeedPublisher._send

    def send_and_move(self: FeedPublisher, *given: object) -> Batch:
        batch = send(self, *given)  # type: ignore[arg-type]
        self._move(batch.last)
        return batch

    monkeypatch.setattr(FeedPublisher, "_send", send_and_move)
    monkeypatch.setattr(FeedPublisher, "_settle", lambda _, batch: batch.sent.acknowledged())


def believe_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic's end is not compared with the table."""

    def only_read(self: FeedPublisher) -> None:
        self._place = self._session.progress()

    monkeypatch.setattr(FeedPublisher, "_compare", only_read)


@pytest.mark.parametrize("compared", [True, False])
def test_control_progress_before_the_acknowledgement_loses_messages_but_for_the_look_at_the_topic(
    own_kafka: LocalKafka,
    topic: str,
    log_dsn: str,
    projector_dsn: str,
    compared: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move_before_the_acknowledgement(monkeypatch)
    if not compared:
        believe_progress(monkeypatch)
    rows = FeedRows(log_dsn, topic)
    with publishing(projector_dsn, development(own_kafka.bootstrap), rows) as publisher:
        with rows_coming(rows):
            until(lambda: rows.progress().sequence > 100, "progress")
            strike(own_kafka, "kill")
            until(lambda: publisher.figures.producers > 1, "a fresh producer")
        until(rows.is_published, "the rest")
    found = first_seen(stored_in(own_kafka.bootstrap, topic))
    assert (found == rows.all) is compared, "the check that nothing is lost goes red"


def test_what_prometheus_and_health_are_told(kafka: str, alone: FeedRows, projector_dsn: str, tmp_path: Path) -> None:
    port = free_port()
    alone.write(3)
    with PublisherProcess(kafka, projector_dsn, tmp_path / "said", port) as publisher:
        until(alone.is_published, "publishing")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert health(publisher) == 0
        publisher.end()
        assert health(publisher) == 3
    assert value_of(text, "forsa_feed_published_sequence", feed=alone.feed) == 3
    assert value_of(text, "forsa_feed_publish_lag_events", feed=alone.feed) == 0
    assert value_of(text, "forsa_feed_acknowledged_total", feed=alone.feed) == 3
    assert value_of(text, "forsa_feed_acks_missed_total", feed=alone.feed) == 0
    assert value_of(text, "forsa_feed_fresh_producers_total", feed=alone.feed) == 1


def health(publisher: PublisherProcess) -> int:
    return subprocess.run([*CLI, "health", "publisher"], env=publisher.environment, check=False).returncode


def test_a_feed_that_is_opened_while_it_runs_is_published(
    kafka: str, alone: FeedRows, log_dsn: str, projector_dsn: str, tmp_path: Path
) -> None:
    alone.write(1)
    with PublisherProcess(kafka, projector_dsn, tmp_path / "said"):
        until(alone.is_published, "the first feed")
        other = FeedRows(log_dsn, f"{alone.topic}.other")
        other.write(2)
        until(other.is_published, "the other feed")
    assert stored_in(kafka, other.topic) == other.all


def test_publishing_names_the_setting_it_lacks(projector_dsn: str) -> None:
    environment = clean_environment() | {"FORSA_DATABASE_URL": projector_dsn}
    ended = subprocess.run([*CLI, "publish"], env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "FORSA_KAFKA_BOOTSTRAP is not set" in ended.stderr

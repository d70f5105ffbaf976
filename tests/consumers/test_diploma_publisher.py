"""The publisher on a real broker: everything once and in order; stops, takes over, and is refused what is unsafe."""

from __future__ import annotations

import time

import psycopg

from consumers.diploma_publisher import POLL_SECONDS, publish_waiting
from tests.consumers.feed_table import FeedRows, development, publishing, records_in, stored_in, until


def test_every_row_arrives_once_and_in_order(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> None:
    rows = FeedRows(log_dsn, topic)
    rows.write(1_200)
    assert publish_waiting(projector_dsn, development(kafka), rows.feed, topic) == 1_200
    assert stored_in(kafka, topic) == rows.all
    assert (rows.progress().place, rows.progress().lag_events) == ((1, 1_200), 0)


def test_a_record_is_the_stored_message_in_binary_mode(
    kafka: str, topic: str, log_dsn: str, projector_dsn: str
) -> None:
    rows = FeedRows(log_dsn, topic)
    stored = rows.write(1)[0]
    publish_waiting(projector_dsn, development(kafka), rows.feed, topic)
    record = records_in(kafka, topic)[0]
    assert stored.endswith(b'"data":' + record.value + b"}")
    headers = dict(record.headers)
    assert headers["content-type"] == b"application/json"
    assert headers["ce_id"] == f"{rows.feed}/1/1".encode()
    assert record.key == headers["ce_subject"]
    assert len(headers) == 11


def test_rows_written_while_it_runs_are_published_at_once(
    kafka: str, topic: str, log_dsn: str, projector_dsn: str
) -> None:
    rows = FeedRows(log_dsn, topic)
    with publishing(projector_dsn, development(kafka), rows) as publisher:
        until(lambda: publisher.figures.producers, "publishing")
        for _ in range(20):
            rows.write(1)
            until(rows.is_published, "the row", seconds=5)
    assert stored_in(kafka, topic) == rows.all


def test_a_stop_waits_for_what_is_under_way(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> None:
    rows = FeedRows(log_dsn, topic)
    rows.write(3_000)
    with publishing(projector_dsn, development(kafka), rows) as publisher:
        until(lambda: publisher.figures.acknowledged, "the first batch")
    assert rows.progress().sequence == len(stored_in(kafka, topic))


def test_an_idle_publisher_keeps_its_session(kafka: str, topic: str, log_dsn: str, projector_dsn: str) -> None:
    rows = FeedRows(log_dsn, topic)

    def held_by() -> list[tuple[int]]:
        with psycopg.connect(log_dsn) as connection:
            return connection.execute(
                "select pid from pg_locks join pg_database on pg_database.oid = pg_locks.database"
                " where locktype = 'advisory' and datname = current_database()"
            ).fetchall()

    with publishing(projector_dsn, development(kafka), rows) as publisher:
        until(lambda: publisher.figures.producers, "publishing")
        before, began = held_by(), time.monotonic()
        until(lambda: time.monotonic() - began > 2 * POLL_SECONDS, "idle looks")
        assert (held_by(), publisher.figures.producers) == (before, 1)

"""Receipts from a real topic: each applied once or parked with its reason, whatever happens to reader and broker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
import pytest
from kafka import KafkaAdminClient

from domain.partner_receipts import REASONS
from runtime.kafka_jars import find_lack, java
from runtime.local_kafka import LocalKafka
from tests.consumers.receipts_sent import (
    POISON,
    Sent,
    binary,
    event_of,
    ident,
    make_large_topic,
    mixed,
    outcomes,
    reader_of,
    reading,
    send,
    set_feed,
    structured,
    wait_until_taken,
)
from tests.runtime.forsa_run import until

PARTNER = ident("partner")
MANY = [ident(f"partner {number}") for number in range(20)]


def expected(records: Sequence[Sent]) -> tuple[int, dict[int, str]]:
    """How many are applied, and the reason by offset of the others: as they were made."""
    parked = {offset: each.reason for offset, each in enumerate(records) if each.reason is not None}
    return len(records) - len(parked), parked


def test_a_receipt_in_either_mode_is_applied(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    """The topic is made where there is none."""
    set_feed(log_dsn, 9)
    with reading(projector_dsn, kafka, topic):
        sent = [structured(PARTNER, event_of(PARTNER, "a", 3)), binary(PARTNER, event_of(PARTNER, "b", 9))]
        send(kafka, topic, sent)
        wait_until_taken(log_dsn, topic, 2)
    assert outcomes(log_dsn) == ([(PARTNER, "a", 3), (PARTNER, "b", 9)], {})


def test_what_says_nothing_new_is_applied_as_a_sign_of_life(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    set_feed(log_dsn, 9)
    send_made(kafka, topic, [binary(PARTNER, event_of(PARTNER, each, 9)) for each in ("a", "b")])
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, 2)
    assert outcomes(log_dsn) == ([(PARTNER, "a", 9), (PARTNER, "b", 9)], {})


@pytest.mark.parametrize("mode", [structured, binary])
def test_each_reason_parks_the_record_and_the_next_one_is_read(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str, mode: type[Sent]
) -> None:
    """Every reason there is, in both modes, of the records that a partner sends."""
    assert {*POISON, "unstorable"} == set(REASONS)
    set_feed(log_dsn, 9)
    first, last = (binary(PARTNER, event_of(PARTNER, name, place)) for name, place in (("a", 2), ("z", 3)))
    event = event_of(PARTNER, "x", 2)
    wrong = [make(mode, PARTNER, event, "a", 5 * 1024 * 1024) for make in POISON.values()]
    send_made(kafka, topic, [first, *wrong, last])
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, len(wrong) + 2)
    applied, parked = outcomes(log_dsn)
    assert applied == [(PARTNER, "a", 2), (PARTNER, "z", 3)]
    assert list(parked.values()) == list(POISON)


def test_of_what_is_parked_the_beginning_is_kept(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    body = b"x" * (5 * 1024 * 1024)
    send_made(kafka, topic, [Sent(b"k" * 1000, body, [], "too-large"), Sent(b"k", None, [], "truncated")])
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, 2)
    with psycopg.connect(log_dsn) as connection:
        query = "select reason, detail, size, length(body), length(key) from records.parked_receipts order by id"
        rows = connection.execute(query).fetchall()
    assert rows == [("too-large", REASONS["too-large"], len(body), 4096, 200),
                    ("truncated", REASONS["truncated"], 0, 0, 1)]  # fmt: skip


def test_what_was_sent_of_a_parked_record_is_forgotten_after_ninety_days(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    sent = [Sent(b"k", b"not json", [], "unreadable-json"), Sent(b"k", b"not json", [], "unreadable-json")]
    send_made(kafka, topic, sent)
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, 2)
    with psycopg.connect(log_dsn) as connection:
        connection.execute("update records.parked_receipts set at = at - interval '91 days' where record_offset = 0")
    with reading(projector_dsn, kafka, topic), psycopg.connect(log_dsn, autocommit=True) as connection:
        query = "select reason, key, body from records.parked_receipts order by id"
        until(lambda: connection.execute(query).fetchone() == ("unreadable-json", None, None))
        assert connection.execute(query).fetchall()[1] == ("unreadable-json", b"k", b"not json")


def test_what_the_database_does_not_take_is_parked_alone(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    set_feed(log_dsn, 9)
    send_made(kafka, topic, [binary(PARTNER, event_of(PARTNER, each, 9)) for each in ("a", "strange", "b")])
    with refusing(log_dsn, "strange"), reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, 3)
    assert outcomes(log_dsn) == ([(PARTNER, "a", 9), (PARTNER, "b", 9)], {1: "unstorable"})


def test_a_thousand_wrong_ones_among_ten_thousand(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    """Nine thousand are applied, a thousand are parked with their cause, and the reader is killed in the middle."""
    records = mixed(seed=5, good=9_000, poison=1_000, partners=MANY)
    assert {each.reason for each in records} == {None, *POISON}
    assert max(len(each.value or b"") for each in records) == 5 * 1024 * 1024
    set_feed(log_dsn, 1_000)
    make_large_topic(kafka, topic)
    with killed(projector_dsn, kafka, topic) as reader:
        send(kafka, topic, records[:6_000])
        wait_until_some_are_taken(log_dsn)
        reader.kill()
    with reading(projector_dsn, kafka, topic):
        send(kafka, topic, records[6_000:])
        wait_until_taken(log_dsn, topic, len(records))
    applied, parked = outcomes(log_dsn)
    assert (len(applied), parked) == expected(records) == (9_000, parked)
    assert Counter(parked.values()).total() == 1_000
    assert {name for _, name, _ in applied} == {f"r{n}" for n, each in enumerate(records) if each.reason is None}


def test_killed_again_and_again_each_is_taken_once(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    records = mixed(seed=6, good=1_500, poison=200, partners=MANY)
    set_feed(log_dsn, 1_000)
    send_made(kafka, topic, records)
    for _ in range(3):
        with killed(projector_dsn, kafka, topic) as reader:
            wait_until_some_are_taken(log_dsn)
            reader.kill()
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, len(records))
    applied, parked = outcomes(log_dsn)
    assert (len(applied), parked) == expected(records)


def test_of_two_readers_one_reads_and_the_other_takes_over(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    records = mixed(seed=7, good=300, poison=60, partners=MANY)
    set_feed(log_dsn, 1_000)
    make_large_topic(kafka, topic)
    with killed(projector_dsn, kafka, topic) as first, reading(projector_dsn, kafka, topic):
        send(kafka, topic, records[:200])
        wait_until_taken(log_dsn, topic, 200)
        first.kill()
        send(kafka, topic, records[200:])
        wait_until_taken(log_dsn, topic, len(records))
    applied, parked = outcomes(log_dsn)
    assert (len(applied), parked) == expected(records)


def test_a_reader_that_lost_the_topic_writes_nothing(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    """Two sessions that both think they read: the offset moves by compare-and-set, so one of them is refused."""
    set_feed(log_dsn, 9)
    send_made(kafka, topic, [binary(PARTNER, event_of(PARTNER, "a", 1))])
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("insert into records.consumed values (%s, 0, 0)", (topic,))
        with reading(projector_dsn, kafka, topic):
            wait_until_taken(log_dsn, topic, 1)
            connection.execute("update records.consumed set next_offset = 0 where topic = %s", (topic,))
            send(kafka, topic, [binary(PARTNER, event_of(PARTNER, "b", 2))])
            wait_until_taken(log_dsn, topic, 2)
    applied, parked = outcomes(log_dsn)
    assert applied == [(PARTNER, "a", 1), (PARTNER, "b", 2)]
    assert parked == {0: "replayed"}  # read again from where the row was put back to, and known


def test_lost_sessions_and_a_database_that_hangs_up_are_survived(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    records = mixed(seed=8, good=400, poison=50, partners=MANY)
    set_feed(log_dsn, 1_000)
    make_large_topic(kafka, topic)
    with reading(projector_dsn, kafka, topic):
        for begin in range(0, 450, 150):
            send(kafka, topic, records[begin : begin + 150])
            hang_up(log_dsn)
        wait_until_taken(log_dsn, topic, len(records))
    applied, parked = outcomes(log_dsn)
    assert (len(applied), parked) == expected(records)


def test_a_broker_that_is_killed_stopped_and_paused_is_survived(
    log_dsn: str, projector_dsn: str, own_kafka: LocalKafka, topic: str
) -> None:
    """Also one that is away when the reader starts; what comes after it is back is read within seconds."""
    bootstrap = own_kafka.bootstrap
    records = mixed(seed=9, good=400, poison=40, partners=MANY)
    set_feed(log_dsn, 1_000)
    make_large_topic(bootstrap, topic)
    own_kafka.stop()
    with reading(projector_dsn, bootstrap, topic):
        own_kafka.start()
        send(bootstrap, topic, records[:150])
        wait_until_taken(log_dsn, topic, 150)
        own_kafka.kill()
        own_kafka.start()
        send(bootstrap, topic, records[150:300])
        wait_until_taken(log_dsn, topic, 300)
        own_kafka.pause()
        threading.Timer(4, own_kafka.resume).start()
        send(bootstrap, topic, records[300:])
        began = time.monotonic()
        wait_until_taken(log_dsn, topic, len(records))
        assert time.monotonic() - began < 10
    applied, parked = outcomes(log_dsn)
    assert (len(applied), parked) == expected(records)


def test_what_a_client_packed_as_ours_cannot_unpack_is_read(
    log_dsn: str, projector_dsn: str, kafka: str, topic: str
) -> None:
    """The broker unpacks it, as the reader has made the topic: else one such record would stop it for ever."""
    if lack := find_lack():
        pytest.skip(f"a client that packs by zstd is Apache Kafka's own: {lack}")
    set_feed(log_dsn, 9)
    with reading(projector_dsn, kafka, topic):
        until(lambda: is_made(kafka, topic))
        packing = ["--bootstrap-server", kafka, "--topic", topic, "--compression-codec", "zstd"]
        keyed = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=|"]
        sent = structured(PARTNER, event_of(PARTNER, "a", 3))
        client = java("org.apache.kafka.tools.ConsoleProducer", *packing, *keyed)
        subprocess.run(client, input=b"%s|%s" % (sent.key, sent.value), capture_output=True, check=True)
        wait_until_taken(log_dsn, topic, 1)
    assert outcomes(log_dsn) == ([(PARTNER, "a", 3)], {})


@pytest.mark.usefixtures("apache_kafka")
def test_a_topic_made_anew_is_read_from_its_beginning(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    set_feed(log_dsn, 9)
    send_made(kafka, topic, [binary(PARTNER, event_of(PARTNER, str(each), 9)) for each in range(5)])
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, 5)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics())
    send_made(kafka, topic, [binary(PARTNER, event_of(PARTNER, "new", 9)), Sent(None, b"{", [], "truncated")])
    admin.close()
    with reading(projector_dsn, kafka, topic):
        until(lambda: len(outcomes(log_dsn)[1]) == 1)
    applied, parked = outcomes(log_dsn)
    assert [name for _, name, _ in applied] == ["0", "1", "2", "3", "4", "new"]
    assert parked == {1: "truncated"}


def send_made(bootstrap: str, topic: str, records: Sequence[Sent]) -> None:
    """A topic that takes large records, with these in it."""
    make_large_topic(bootstrap, topic)
    send(bootstrap, topic, records)


@contextmanager
def killed(dsn: str, bootstrap: str, topic: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads the topic, for the block to kill."""
    command = [sys.executable, "-m", "tests.consumers.receipts_sent", dsn, bootstrap, topic]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def refusing(log_dsn: str, receipt: str) -> Iterator[None]:
    """While the block runs the table does not take a receipt of this id."""
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute(f"alter table records.receipts add constraint strange check (receipt <> '{receipt}')")
        try:
            yield
        finally:
            connection.execute("alter table records.receipts drop constraint strange")


def hang_up(log_dsn: str) -> None:
    """Whatever session reads receipts is ended by the server."""
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'forsa_projector'")


def is_made(bootstrap: str, topic: str) -> bool:
    """Whether the topic is there."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        return topic in admin.list_topics()


def wait_until_some_are_taken(log_dsn: str) -> None:
    """More receipts were applied than when it was asked: a moment at which an offset kept apart would lag behind."""
    begun = applied_count(log_dsn)
    until(lambda: applied_count(log_dsn) > begun)


def applied_count(log_dsn: str) -> int:
    """How many receipts were applied."""
    with psycopg.connect(log_dsn) as connection:
        return int((connection.execute("select count(*) from records.receipts").fetchone() or (0,))[0])


def test_a_reader_of_nothing_ends_when_it_is_asked(projector_dsn: str, topic: str) -> None:
    """Where no broker answers at all."""
    stop = threading.Event()
    thread = threading.Thread(target=reader_of(projector_dsn, "127.0.0.1:1", topic).run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()

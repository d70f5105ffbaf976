"""The partner's program as a process, against the real web server and a real broker; it ends and dies as those do."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from consumers.binary_mode import read_attributes, record_of
from consumers.brokers import Broker
from consumers.diploma_publisher import FeedPublisher, publish_waiting
from consumers.topics import create_when_missing
from domain.partner_feed import NATIONAL
from domain.partner_feed import Place as FeedPlace
from domain.partner_receipts import RECEIPTS_TOPIC, Receipt, read_receipt
from runtime.local_kafka import LocalKafka
from tests.consumers.feed_table import records_in
from tests.consumers.receipts_sent import Latin
from tests.examples_partner.conftest import Start
from tests.examples_partner.program import Program
from tests.feed_rows import FeedRows, lives, register_of
from tests.runtime.forsa_run import until
from tests.runtime.served import Served, free_port

Publish = Callable[[], int]


def read_once(program: Program) -> Program:
    assert program.ended() == (0, ""), program.said()
    return program


def test_over_http_it_reads_to_the_end_from_the_start_and_from_the_snapshot(
    start: Start, rows: FeedRows, served: Served, token: str
) -> None:
    rows.tell(lives(Random(1), 1_200))
    whole = read_once(start("whole", "--once", "--from", "start"))
    short = read_once(start("short", "--once"))
    assert whole.held() == short.held() == register_of(rows.all_rows())
    assert whole.place() == short.place() == "1/1200"
    assert (len(whole.inbox()), short.inbox()) == (1_200, {})
    rows.tell(lives(Random(2), 30))
    for each in (whole, short):
        read_once(start(each.database.parent.name, "--once"))
        assert each.held() == register_of(rows.all_rows())
        assert each.buried() == []
        assert "no receipt" not in each.said()
    (partner,) = served.get(f"/v1/feeds/{NATIONAL}/receipts", token).json()["items"]
    assert (partner["place"], partner["lag_events"]) == ("1/1230", 0)


def test_kafka_and_http_give_the_same_ids_contents_and_register(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    rows.tell(lives(Random(3), 300))
    publish()
    by_kafka = read_once(start("kafka", "--kafka", kafka, "--topic", topic, "--from", "start", "--once"))
    by_http = read_once(start("http", "--from", "start", "--once"))
    assert by_kafka.held() == by_http.held() == register_of(rows.all_rows())
    assert by_kafka.inbox() == by_http.inbox()
    assert len(by_http.inbox()) == 300


def test_the_switch_may_be_turned_at_any_time(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    for turn in range(4):
        rows.tell(lives(Random(turn), 40))
        publish()
        way = ("--kafka", kafka, "--topic", topic) if turn % 2 else ()
        read_once(start("both", *way, "--once", "--from", "start"))
    program = read_once(start("both", "--once"))
    assert program.held() == register_of(rows.all_rows())
    assert (program.place(), program.buried()) == ("1/160", [])
    assert "this is needed" not in program.said()


def follows(program: Program, tell: Callable[[], object]) -> float:
    """Seconds from when a message was told to when it was kept; then the program is asked to end, and ends well."""
    program.wait_for("1/5")
    tell()
    began = time.monotonic()
    program.wait_for("1/6")
    took = time.monotonic() - began
    began = time.monotonic()
    assert program.end() == 0, program.said()
    assert time.monotonic() - began < 2
    return took


def test_over_http_it_waits_for_what_comes_and_ends_when_asked(start: Start, rows: FeedRows) -> None:
    rows.tell(lives(Random(4), 5))
    assert follows(start("one"), lambda: rows.tell(lives(Random(5), 1))) < 5


def test_over_kafka_it_waits_for_what_comes_and_ends_when_asked(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    rows.tell(lives(Random(4), 5))
    publish()

    def tell() -> None:
        rows.tell(lives(Random(5), 1))
        publish()

    assert follows(start("one", "--kafka", kafka, "--topic", topic), tell) < 5


def test_over_kafka_a_record_that_its_client_cannot_read_is_passed_over_by_http(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    rows.tell(lives(Random(4), 5))
    publish()
    with closing(KafkaProducer(bootstrap_servers=kafka)) as stranger:
        stranger.send(topic, b"{}", headers=[(Latin("\xff"), b"")]).get(10)
    program = start("one", "--kafka", kafka, "--topic", topic, "--from", "start")
    program.wait_for("1/5")
    rows.tell(lives(Random(5), 1))
    program.wait_for("1/6")
    assert program.held() == register_of(rows.all_rows())
    until(lambda: "CorruptRecordError; what follows came over HTTP" in program.said())
    assert program.end() == 0


def has_moved(program: Program, before: str) -> bool:
    return program.place() not in (before, "", "0/0", "1/0")


def is_killed_while_messages_come(start: Start, rows: FeedRows, *way: str) -> None:
    """Each time in the middle of its reading; at the end its register is the feed's."""
    chance, done, events = Random(6), threading.Event(), lives(Random(7), 100_000)

    def tell() -> None:
        while not done.wait(0.02):
            rows.tell(itertools.islice(events, chance.randint(1, 9)))

    telling = threading.Thread(target=tell)
    telling.start()
    for _ in range(6):
        program = start("killed", *way, "--from", "start")
        until(partial(has_moved, program, program.place()))
        done.wait(chance.uniform(0, 0.1))
        assert program.end(signal.SIGKILL) == -signal.SIGKILL, program.said()
    done.set()
    telling.join()
    messages = rows.all_rows()
    with start("killed", *way) as program:
        program.wait_for(f"1/{len(messages)}")
        assert program.held() == register_of(messages)
        assert (len(program.inbox()), program.buried()) == (len(messages), [])


def test_over_http_it_may_be_killed_at_any_moment(start: Start, rows: FeedRows) -> None:
    is_killed_while_messages_come(start, rows)


def test_over_kafka_it_may_be_killed_at_any_moment(
    start: Start, rows: FeedRows, kafka: str, topic: str, log_dsn: str
) -> None:
    stop, broker = threading.Event(), Broker(bootstrap=kafka, replication=1)
    publisher = threading.Thread(target=FeedPublisher(log_dsn, broker, NATIONAL, topic).run, args=(stop,))
    publisher.start()
    is_killed_while_messages_come(start, rows, "--kafka", kafka, "--topic", topic)
    stop.set()
    publisher.join()


def test_after_a_restore_the_new_epoch_is_read_without_loss(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    """Readers over Kafka and over HTTP had read beyond what stands; another had read less, and one is new."""
    ways: dict[str, tuple[str, ...]] = {"by kafka": ("--kafka", kafka, "--topic", topic), "by http": ()}
    rows.tell(lives(Random(8), 20))
    publish()
    read_once(start("less", *ways["by kafka"], "--once", "--from", "start"))
    rows.tell(lives(Random(9), 30))
    publish()
    for name, way in ways.items():
        assert read_once(start(name, *way, "--once", "--from", "start")).place() == "1/50"
    rows.open_epoch(37)
    rows.tell(lives(Random(10), 15))
    publish()
    for name, way in {**ways, "less": ways["by kafka"], "new": ways["by kafka"]}.items():
        program = read_once(start(name, *way, "--once", "--from", "start"))
        assert program.held() == register_of(rows.all_rows()), name
        assert (program.place(), program.buried()) == ("2/16", []), name


def test_a_forsa_that_has_less_than_was_read_is_read_anew(start: Start, rows: FeedRows) -> None:
    rows.tell(lives(Random(11), 20))
    program = read_once(start("ahead", "--once", "--from", "start"))
    with sqlite3.connect(program.database) as db:
        db.execute("update progress set sequence = 25")
        db.execute("update register set status = 'annulled'")
    again = read_once(start("ahead", "--once"))
    assert (again.held(), again.place()) == (register_of(rows.all_rows()), "1/20")
    assert "feed-behind-reader" in again.said()


Send = Callable[..., None]


@pytest.fixture
def send(kafka: str, topic: str) -> Iterator[Send]:
    """Sends a record to the test's topic that Forsa would not send: a message with other content."""
    producer = KafkaProducer(bootstrap_servers=kafka)

    def send_one(message: bytes, value: bytes | None = None, **attributes: str) -> None:
        record = record_of(read_attributes(message))
        headers = {**dict(record.headers), **{f"ce_{name}": text.encode() for name, text in attributes.items()}}
        sent = producer.send(topic, value or record.value, record.key, headers=[*headers.items()])
        sent.get(timeout=10)

    yield send_one
    producer.close()


def test_a_message_changed_under_a_known_id_ends_it_until_a_person_has_looked(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish, send: Send
) -> None:
    told = rows.tell(lives(Random(11), 10))
    publish()
    send(told[4], type="ma.forsa.diploma.annulled.v1")
    way = ("--kafka", kafka, "--topic", topic, "--once", "--from", "start")
    assert start("one", *way).ended() == (3, "")
    program = start("one", *way)  # again: it does not go on by itself
    assert program.ended() == (3, "")
    assert program.buried() == [(f"{NATIONAL}/1/5", "changed-content")]
    assert program.held() == register_of(told)
    assert f"dead letter {NATIONAL}/1/5: changed-content" in program.said()
    assert "a person who looks at the last dead letter; then: reload" in program.said()
    assert start("one", "reload").ended() == (0, "")
    rows.tell(lives(Random(12), 5))
    read_once(start("one", *way))
    read_once(start("one", "--once"))  # the topic is refused now: what came since is read over HTTP
    assert program.held() == register_of(rows.all_rows())


def test_what_is_broken_in_the_topic_is_set_aside_and_fetched_over_http(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish, send: Send
) -> None:
    (told,) = rows.tell(lives(Random(13), 1))
    publish()
    send(told, b"{", feedsequence="2", id=f"{NATIONAL}/1/2")
    send(told, b"null", feedsequence="x")
    send(told, feed="another")
    rows.tell(lives(Random(14), 30))
    program = read_once(start("one", "--kafka", kafka, "--topic", topic, "--once", "--from", "start"))
    assert program.held() == register_of(rows.all_rows())
    assert [reason for _, reason in program.buried()] == ["unreadable"] * 3


def test_what_it_has_not_learned_is_set_aside_and_said(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish, send: Send
) -> None:
    told = rows.tell(lives(Random(15), 3))
    publish()
    send(told[2], type="ma.forsa.diploma.lent.v1", id=f"{NATIONAL}/1/4", feedsequence="4")
    program = read_once(start("one", "--kafka", kafka, "--topic", topic, "--once", "--from", "start"))
    assert program.buried() == [(f"{NATIONAL}/1/4", "unknown-type")]
    assert program.place() == "1/3"  # it went on, and found over HTTP that Forsa tells of no such message: the snapshot
    assert "unknown-type (ma.forsa.diploma.lent.v1)" in program.said()


def test_while_forsa_is_away_it_waits_and_a_new_token_is_taken_up(
    served: Served, rows: FeedRows, token: str, tmp_path: Path
) -> None:
    rows.tell(lives(Random(16), 5))
    (tmp_path / "token").write_text("old")
    url = ("--url", f"http://127.0.0.1:{served.port}", "--token-file", str(tmp_path / "token"))
    with Program(tmp_path / "one", *url) as program:
        until(lambda: "401: the token is not accepted: put a fresh one" in program.said())
        (tmp_path / "token").write_text(f"{token}\n")
        program.wait_for("1/5")
        assert program.held() == register_of(rows.all_rows())
    once = Program(tmp_path / "two", "--url", f"http://127.0.0.1:{free_port()}", "--once")
    assert once.ended()[0] == 1
    assert "Connection refused" in once.said()


def test_the_broker_is_killed_paused_and_stopped_and_nothing_is_missed(
    start: Start, rows: FeedRows, own_kafka: LocalKafka, log_dsn: str, topic: str
) -> None:
    broker = Broker(bootstrap=own_kafka.bootstrap, replication=1)
    outages: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (own_kafka.kill, own_kafka.start),
        (own_kafka.pause, own_kafka.resume),
        (own_kafka.stop, own_kafka.start),
    ]
    rows.tell(lives(Random(17), 20))
    publish_waiting(log_dsn, broker, NATIONAL, topic)
    program = start("one", "--kafka", own_kafka.bootstrap, "--topic", topic, "--from", "start")
    program.wait_for("1/20")
    for turn, (away, back) in enumerate(outages, 1):
        away()
        rows.tell(lives(Random(17 + turn), 20))
        back()
        publish_waiting(log_dsn, broker, NATIONAL, topic)
        began = time.monotonic()
        program.wait_for(f"1/{20 + 20 * turn}")
        print(f"read {time.monotonic() - began:.2f} s after the topic had it")
    assert program.held() == register_of(rows.all_rows())
    assert (len(program.inbox()), program.buried()) == (80, [])


def test_its_receipts_over_kafka_are_receipts(
    start: Start, rows: FeedRows, kafka: str, topic: str, publish: Publish
) -> None:
    create_when_missing(Broker(bootstrap=kafka, replication=1), RECEIPTS_TOPIC, {})
    partner = uuid4()
    rows.tell(lives(Random(22), 7))
    publish()
    for _ in range(2):  # one place is one receipt
        read_once(start("one", "--kafka", kafka, "--topic", topic, "--partner", str(partner), "--once"))
    sent = [
        read_receipt(each.value, each.headers, each.key)
        for each in records_in(kafka, RECEIPTS_TOPIC)
        if each.key == str(partner).encode()
    ]
    assert sent == [Receipt(partner=partner, receipt=f"{NATIONAL}/1/7", feed=NATIONAL, place=FeedPlace(1, 7))]


def test_what_it_holds_can_be_printed(start: Start, rows: FeedRows) -> None:
    rows.tell(lives(Random(21), 40))
    read_once(start("one", "--once"))
    code, printed = start("one", "register").ended()
    lines = [line.split("\t") for line in printed.splitlines()]
    assert code == 0
    assert {line[4]: line[0] for line in lines} == {
        name: each["number"] for name, each in register_of(rows.all_rows()).items()
    }
    assert {line[3] for line in lines} == {"in_force", "annulled"}
    assert start("one", "dead-letters").ended() == (0, "")

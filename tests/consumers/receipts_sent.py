"""Receipts as partners send them, right and wrong in every way, and a reader of them as a thread or a process."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec
import psycopg
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from consumers.brokers import Broker
from consumers.receipts import ReceiptReader
from domain.partner_feed import NATIONAL
from domain.partner_receipts import LARGEST_BYTES, PARTNER_SOURCE, SEEN_V1
from projections.records.receipt_inbox import Inbox
from runtime.grants import HeldGrant

SPACE: Final = UUID("1f3b0a52-6a4e-4a59-9c1c-3f9f6f2f1d10")
MEGABYTE: Final = 1024 * 1024
WAIT_SECONDS: Final = 60


def ident(name: str) -> UUID:
    """A fixed id for a name."""
    return uuid5(SPACE, name)


def partner_grant(region: str = "") -> HeldGrant:
    """A partner's grant: of a region, or national."""
    return HeldGrant("partner", "region" if region else "national", region, ident("delegation"))


class Sent(NamedTuple):
    """A record to send, and what is to come of it: None when it is applied, else the reason."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    reason: str | None


class Latin(str):
    """A header's name that is sent as these bytes."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return str.encode(self, "latin-1")


def event_of(partner: UUID, receipt: str, sequence: int, epoch: int = 1, **other: Any) -> dict[str, Any]:
    """A receipt as a structured CloudEvent; `other` attributes and `feed` in place of these."""
    feed = other.pop("feed", NATIONAL)
    event = {"specversion": "1.0", "id": receipt, "source": f"{PARTNER_SOURCE}{partner}", "type": SEEN_V1}
    return {**event, "data": {"feed": feed, "epoch": epoch, "sequence": sequence}, **other}


def structured(partner: UUID, event: dict[str, Any], reason: str | None = None) -> Sent:
    """The event as the value of a record with the partner's key."""
    headers = [("content-type", b"application/cloudevents+json")]
    return Sent(str(partner).encode(), msgspec.json.encode(event), headers, reason)


def binary(partner: UUID, event: dict[str, Any], reason: str | None = None) -> Sent:
    """The event in binary mode."""
    headers = [(f"ce_{name}", str(text).encode()) for name, text in event.items() if name != "data"]
    value = msgspec.json.encode(event["data"])
    return Sent(str(partner).encode(), value, [*headers, ("content-type", b"application/json")], reason)


def make_large_topic(bootstrap: str, topic: str, partitions: int = 1) -> None:
    """The topic takes records of six megabytes."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    configs = {"max.message.bytes": str(6 * MEGABYTE)}
    admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
    admin.close()


def send(bootstrap: str, topic: str, records: Sequence[Sent]) -> None:
    """The topic has these records, in this order."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=6 * MEGABYTE, linger_ms=20)
    futures = [producer.send(topic, key=each.key, value=each.value, headers=each.headers) for each in records]
    for future in futures:
        future.get(timeout=WAIT_SECONDS)
    producer.close()


def mixed(seed: int, good: int, poison: int, partners: Sequence[UUID]) -> list[Sent]:
    """So many good receipts, each partner's in its order, and so many that are to be parked, anywhere among them."""
    chance, sequences, used = random.Random(seed), dict.fromkeys(partners, 0), dict.fromkeys(partners, 0)
    kinds = [True] * good + [False] * poison
    chance.shuffle(kinds)
    records, large = [], 0
    for number, is_good in enumerate(kinds):
        partner = chance.choice(partners)
        sequences[partner] += is_good
        event = event_of(partner, f"r{number}", max(sequences[partner], 1))
        mode = chance.choice([structured, binary])
        if is_good:
            used[partner] = number
            records.append(mode(partner, event))
            continue
        choices = list(POISON) if sequences[partner] > 1 else [each for each in POISON if each not in NEED_A_PAST]
        reason = chance.choice(choices)
        large += reason == "too-large"
        size = 5 * MEGABYTE if reason == "too-large" and large <= 4 else LARGEST_BYTES + 1
        records.append(POISON[reason](mode, partner, event, f"r{used[partner]}", size))
    return records


Mode = Callable[..., Sent]
NEED_A_PAST: Final = ("replayed", "out-of-order")


def _cut(sent: Sent, reason: str, value: bytes) -> Sent:
    return sent._replace(value=value, reason=reason)


def _with(mode: Mode, partner: UUID, event: dict[str, Any], reason: str, **other: Any) -> Sent:
    return mode(partner, {**event, **other}, reason)


def _placed(mode: Mode, partner: UUID, event: dict[str, Any], reason: str, **place: Any) -> Sent:
    return mode(partner, {**event, "data": {**event["data"], **place}}, reason)


POISON: Final[dict[str, Callable[[Mode, UUID, dict[str, Any], str, int], Sent]]] = {
    "too-large": lambda mode, who, event, _, size: _cut(mode(who, event), "too-large", b"x" * size),
    "truncated": lambda mode, who, event, *_: _cut(
        sent := mode(who, event), "truncated", (sent.value or b"")[: len(sent.value or b"") // 2]
    ),
    "unreadable-json": lambda mode, who, event, *_: _cut(mode(who, event), "unreadable-json", b"[[" * 9_000),
    "not-a-cloudevent": lambda _, who, event, *__: structured(who, {"id": event["id"]}, "not-a-cloudevent"),
    "unknown-version": lambda mode, who, event, *_: _with(
        mode, who, event, "unknown-version", type="ma.forsa.receipt.seen.v2"
    ),
    "unknown-type": lambda mode, who, event, *_: _with(mode, who, event, "unknown-type", type="ma.example.order.v1"),
    "unknown-partner": lambda mode, _, event, *__: _with(
        mode, ident("stranger"), event, "unknown-partner", source=f"{PARTNER_SOURCE}{ident('stranger')}"
    ),
    "wrong-key": lambda mode, _, event, *__: mode(ident("another"), event, "wrong-key"),
    "not-a-receipt": lambda mode, who, event, *_: _placed(mode, who, event, "not-a-receipt", sequence="three"),
    "unknown-feed": lambda mode, who, event, *_: _placed(mode, who, event, "unknown-feed", feed="no-such-feed"),
    "not-your-feed": lambda mode, _, event, *__: _with(
        mode, ident("regional"), event, "not-your-feed", source=f"{PARTNER_SOURCE}{ident('regional')}"
    ),
    "replayed": lambda mode, who, event, used, _: _with(mode, who, event, "replayed", id=used),
    "unknown-epoch": lambda mode, who, event, *_: _placed(mode, who, event, "unknown-epoch", epoch=7),
    "ahead-of-feed": lambda mode, who, event, *_: _placed(mode, who, event, "ahead-of-feed", sequence=2**40),
    "out-of-order": lambda mode, who, event, *_: _placed(
        mode, who, event, "out-of-order", sequence=event["data"]["sequence"] - 1
    ),
}


def grants_of(partner: UUID) -> list[HeldGrant]:
    """Every partner of the tests is national, but for one of a region and a stranger."""
    if partner == ident("stranger"):
        return []
    return [partner_grant("MA-06" if partner == ident("regional") else "")]


def set_feed(log_dsn: str, last: int, feed: str = NATIONAL) -> None:
    """The feed has come to this sequence of its first epoch."""
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("update records.feeds set sequence = %s where feed = %s", (last, feed))


def reader_of(dsn: str, bootstrap: str, topic: str) -> ReceiptReader:
    """A reader of this topic, for the partners of the tests."""
    return ReceiptReader(Inbox(dsn, topic), topic, Broker(bootstrap=bootstrap, replication=1), grants_of)


@contextmanager
def reading(dsn: str, bootstrap: str, topic: str) -> Iterator[threading.Thread]:
    """While the block runs, a thread reads the topic."""
    stop = threading.Event()
    thread = threading.Thread(target=reader_of(dsn, bootstrap, topic).run, args=(stop,))
    thread.start()
    yield thread
    stop.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def wait_until_taken(log_dsn: str, topic: str, count: int) -> None:
    """So many records of the topic were taken. Fails after WAIT_SECONDS without it."""
    end = time.monotonic() + WAIT_SECONDS
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        while time.monotonic() < end:
            row = connection.execute("select sum(next_offset) from records.consumed where topic = %s", (topic,))
            if (taken := (row.fetchone() or (0,))[0] or 0) >= count:
                assert taken == count
                return
            time.sleep(0.02)
    raise AssertionError(f"{count} records were not taken in {WAIT_SECONDS} s")


def outcomes(log_dsn: str) -> tuple[list[tuple[UUID, str, int]], dict[int, str]]:
    """(partner, receipt, sequence) of what was applied, and the reason by offset of what was parked."""
    with psycopg.connect(log_dsn) as connection:
        applied = connection.execute("select partner, receipt, sequence from records.receipts order by at").fetchall()
        parked = connection.execute("select record_offset, reason from records.parked_receipts").fetchall()
    assert len(parked) == len(dict(parked)), "a record was parked twice"
    return applied, dict(parked)


if __name__ == "__main__":  # a process to be killed: DSN BOOTSTRAP TOPIC
    reader_of(*sys.argv[1:4]).run(threading.Event())

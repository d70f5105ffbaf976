"""publish_ratio: the publisher against the Kafka client alone, the same records on the same broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

import psycopg
from kafka import KafkaProducer

from bench.diplomas import AGENT, OFFICE
from bench.feeds import WAIT_SECONDS, broker
from bench.log import SPACE, START
from bench.place import Place
from bench.report import Figure, median
from consumers.binary_mode import Record, read_attributes, record_of
from consumers.brokers import Broker
from consumers.diploma_publisher import publish_waiting
from consumers.producers import BATCH_BYTES, LINGER_MS
from consumers.topics import ensure_topic
from domain import partner_feed
from domain.event import EventRef
from domain.learner.diploma import DiplomaAwarded, DiplomaHandedOver, PrintedName, Register
from domain.partner_feed import NATIONAL, diploma_after, message_of
from domain.sealed import clear

MESSAGES: Final = 20_000
TURNS: Final = 5


def measure(place: Place) -> dict[str, Figure]:
    """Everything a feed holds, to a topic: the publisher, and a loop over the same records; turns alternate."""
    with broker(place) as found:
        if found is None:
            return {}
        cluster, _ = found
        records = _fill(place)
        kinds: dict[str, Callable[[str], None]] = {
            "plain": lambda topic: _send(cluster, topic, records),
            "ours": lambda topic: _publish(place, cluster, topic),
        }
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(TURNS + 1):  # the first warms everything up
            for kind, what in kinds.items():
                topic = f"bench.{kind}.{turn}"
                ensure_topic(cluster, topic)
                began = time.perf_counter()
                what(topic)
                rates[kind].append(MESSAGES / (time.perf_counter() - began))
    plain, ours = (rates[kind][1:] for kind in ("plain", "ours"))
    note = f"{median(ours):,.0f} messages/s of {median(plain):,.0f} by the client alone"
    value = median([mine / limit for mine, limit in zip(ours, plain, strict=True)])  # a turn's two share one mood
    return {"publish_ratio": Figure(value=value, unit="× plain", target=0.7, note=note)}


def _publish(place: Place, cluster: Broker, topic: str) -> None:
    with psycopg.connect(place.log) as connection:
        connection.execute("update records.feeds set topic = %s", (topic,))
        connection.execute("delete from records.feed_published")
    sent = publish_waiting(place.log, cluster, NATIONAL, topic)
    if sent != MESSAGES:
        raise SystemExit(f"the publisher sent {sent:,} of {MESSAGES:,} messages")


def _send(cluster: Broker, topic: str, records: list[Record]) -> None:
    """The client as it comes, set up as the publisher's: all sent, then all acknowledged."""
    producer = KafkaProducer(
        **cluster.options(),
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        batch_size=BATCH_BYTES,
        metrics_enabled=False,
    )
    futures = [producer.send(topic, key=each.key, value=each.value, headers=each.headers) for each in records]
    for future in futures:
        future.get(timeout=WAIT_SECONDS)
    producer.close()


def _fill(place: Place) -> list[Record]:
    """The national feed has its messages: awards and as many originals handed over. What each is sent as."""
    rows = list(_messages())
    with psycopg.connect(place.log) as connection:
        copy = "copy records.feed_rows (feed, epoch, sequence, position, diploma, event) from stdin"
        with connection.cursor().copy(copy) as copied:
            for sequence, (diploma, message) in enumerate(rows, 1):
                copied.write_row((NATIONAL, 1, sequence, sequence, diploma, message))
        connection.execute("update records.feeds set sequence = %s, position = %s", (MESSAGES, MESSAGES))
    return [record_of(read_attributes(message)) for _, message in rows]


def _messages() -> Iterator[tuple[UUID, bytes]]:
    moment, register = datetime(2026, 7, 1, tzinfo=UTC), Register(OFFICE, "qualification", 2026)
    for number in range(MESSAGES // 2):
        diploma, enrolment = (uuid5(SPACE, f"{what} {number}") for what in ("diploma", "enrolment"))
        award = DiplomaAwarded(
            on=START, by=AGENT, diploma=diploma, enrolment=enrolment, centre=OFFICE, convention=OFFICE,
            register=register, number=f"{number:06d}/26", title="qualification", trade="ELB", level="level_2",
            minutes=EventRef(OFFICE, 4), awarded_on=START, partner_reference=enrolment, printed=clear(PrintedName()),
        )  # fmt: skip
        given = DiplomaHandedOver(
            on=START, by=AGENT, diploma=diploma, enrolment=enrolment, copy=0, recipient="holder", receipt=None
        )
        told = None
        for event, sequence in ((award, 2 * number + 1), (given, 2 * number + 2)):
            told = diploma_after(told, event)
            yield diploma, message_of(NATIONAL, partner_feed.Place(1, sequence), event, told, moment)

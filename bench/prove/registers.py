"""One register of diplomas, as four sides have it: our view, the partner, the feed over HTTP, the feed's topic."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from kafka import KafkaConsumer, TopicPartition

from consumers.binary_mode import read_attributes, stored_form
from domain.partner_feed import NATIONAL, START, TOPIC, Place, PublicDiploma, PublicRegister
from projections.diploma_register import RegisteredDiploma
from projections.reading import Views

Register: TypeAlias = Mapping[str, Mapping[str, Any]]  # what is public of each diploma, by its id
PAGE: Final = 1_000
SECONDS: Final = 30.0


def of_views(views: Views) -> Register:
    """Our own register: the view, which knows of no revisions."""
    return {str(each.diploma): msgspec.to_builtins(_public(each)) for each in _registered(views)}


def _registered(views: Views) -> Iterator[RegisteredDiploma]:
    after = None
    while page := views.diploma_register(after=after, limit=PAGE).value:
        yield from page
        after = page[-1].diploma


def _public(kept: RegisteredDiploma) -> PublicDiploma:
    same = {each: getattr(kept, each) for each in PublicDiploma.__struct_fields__ if hasattr(kept, each)}
    register = PublicRegister(kept.delegation, kept.diploma_kind, kept.year)
    return PublicDiploma(**same, id=kept.diploma, revision=0, register=register)


def of_partner(database: Path) -> Register:
    """What the partner's program holds."""
    with closing(sqlite3.connect(database)) as held:
        return {diploma: json.loads(record) for diploma, record in held.execute("select diploma, record from register")}


def of_feed(messages: Sequence[Mapping[str, Any]]) -> Register:
    """What the last message of each diploma says."""
    told = (each["data"] for each in messages if "diploma" in each["data"])
    return {each["diploma"]["id"]: each["diploma"] for each in told}


def over_http(port: int, token: str) -> list[dict[str, Any]]:
    """Every message of the national feed, page by page."""
    found, place = list[dict[str, Any]](), START
    while True:
        url = f"http://127.0.0.1:{port}/v1/feeds/{NATIONAL}?after={place}&limit={PAGE}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 our own server
            page = json.load(answer)
        if not page:
            return found
        found += page
        place = Place(page[-1]["feedepoch"], page[-1]["feedsequence"])


def differing(one: Register, other: Register) -> int:
    """Diplomas that the two do not have alike. Revisions count where both have them."""
    return sum(_differ(one.get(each), other.get(each)) for each in one.keys() | other.keys())


def _differ(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if one is None or other is None:
        return True
    whole = one["revision"] and other["revision"]
    return {**one, "revision": whole and one["revision"]} != {**other, "revision": whole and other["revision"]}


class TopicFound(msgspec.Struct, frozen=True, kw_only=True):
    """A topic from its first record to its last, against the messages that stand in the table."""

    records: int
    twice: int  # with an id that was there before, and the same bytes
    lost: int  # messages that are not there, or not with their bytes
    out_of_order: int  # first seen after a later one
    other_bytes: int  # an id that was there before, with other bytes
    strangers: int  # no message of a feed


def topic_found(bootstrap: str, standing: Sequence[bytes]) -> TopicFound:
    """What an independent reader finds in the national feed's topic. standing: the table's messages."""
    return found_in((stored_form(each.headers, each.value) for each in _records(bootstrap)), standing)


def found_in(topic: Iterable[bytes | None], standing: Sequence[bytes]) -> TopicFound:
    """The same of a topic's records, each as the message that it was made of; None for one that is none."""
    seen, last = dict[Place, bytes](), START
    records = twice = out_of_order = other_bytes = strangers = 0
    for records, stored in enumerate(topic, 1):  # noqa: B007  # their number at the end
        if stored is None:
            strangers += 1
            continue
        place = read_attributes(stored).place
        twice += seen.get(place) == stored
        other_bytes += seen.get(place, stored) != stored
        out_of_order += place not in seen and place < last
        seen.setdefault(place, stored)
        last = max(last, place)
    return TopicFound(
        records=records,
        twice=twice,
        lost=sum(seen.get(read_attributes(each).place) != each for each in standing),
        out_of_order=out_of_order,
        other_bytes=other_bytes,
        strangers=strangers,
    )


def _records(bootstrap: str) -> Iterator[Any]:
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, allow_auto_create_topics=False)) as consumer:
        one = TopicPartition(TOPIC, 0)
        consumer.assign([one])
        consumer.seek_to_beginning(one)
        end = consumer.end_offsets([one])[one]
        while consumer.position(one) < end:
            yield from consumer.poll(timeout_ms=500).get(one, [])

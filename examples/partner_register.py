"""Keeps a partner's own register of diplomas up to date from a feed of Forsa. Copy it; it is one file.

    FEED_TOKEN=… python partner_register.py --url https://forsa.example            # reads over HTTP
    FEED_TOKEN=… python partner_register.py --url https://forsa.example --kafka broker:9092
    python partner_register.py register | dead-letters                             # what it holds
    python partner_register.py reload …                                            # begins again from the snapshot

Python >= 3.11 alone reads HTTP; Kafka needs `pip install kafka-python crc32c`. Both give the same messages in the same
order, so the switch may be turned at any time. HTTP is asked in both: for the snapshot and for what Kafka lacks.

All of it is kept in one SQLite file: `inbox` (the id and a hash of every message read), `register` (the public record
of each diploma), `progress` (the place read up to), `dead_letters`. What a message does to them is one transaction, so
the program may be killed at any moment and started again. The rules, for each message:

1. At or before our place, same id and content: read already, skipped. Kafka may send a message twice.
2. Same id, another content: dead letter `changed-content`, and the program ends (exit code 3). Forsa never changes a
   message; somebody has to find out who did. Then `reload`.
3. The next one (same epoch, sequence + 1): applied. The diploma in it is the whole record as it now stands.
4. Not the next one: what lies between is fetched over HTTP first. Should it be missing there too, the register is
   loaded anew from the snapshot.
5. Of a type unknown here: dead letter `unknown-type`; the place moves on. A newer Forsa says something this program has
   not learned. The next message of that diploma has its whole record again; `reload` brings it at once.
6. Not readable, or without what its type promises: dead letter `unreadable`. From Kafka, it is fetched over HTTP. Over
   HTTP, the place moves on where the message has one; the program ends (exit code 3) where it has none.
7. `feed.epoch-opened`: Forsa's database was restored; what the last epoch said after `stands_until` is no longer so.
   We had read just so far: on we go. Less: the rest is fetched first. More: the register is loaded from the snapshot.
   It is taken over HTTP only: one that somebody else wrote to the topic would have us pass over what follows.
8. Forsa answers that it has less than we read (409 `feed-behind-reader`): restored too, and no epoch opened yet. The
   register is loaded from the snapshot.
9. Fields not known here are kept as they came: within a major version Forsa adds optional ones.
10. A topic is as safe as the rights to write to it; over HTTP nobody answers but Forsa. So with Kafka, before each
   receipt, the last message read is asked for over HTTP too: another content is rule 2, none at all as rule 8.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import re
import signal
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

PAGE, WAIT_SECONDS = 500, 20  # messages asked for at once; how long Forsa holds a request back while there are none
RECEIPT_SECONDS, NO_RECEIPT_SECONDS = 5, 60  # between two receipts, at least; after one that did not arrive
PAUSES: Final = (0.25, 0.5, 1, 2)  # seconds between tries while Forsa or the broker is away; the last one from then on
NATIONAL: Final = "entraide-nationale"
RECEIPTS_TOPIC: Final = "forsa.diploma.receipts.v1"
EPOCH_OPENED: Final = "ma.forsa.feed.epoch-opened.v1"
ABOUT_DIPLOMAS: Final = {
    f"ma.forsa.diploma.{name}.v1"
    for name in ("awarded", "corrected", "handed-over", "duplicate-issued", "minutes-rectified", "annulled")
}
# What this program itself reads of a message. All of it is promised for every message of these types.
ATTRIBUTES: Final = {"id": str, "type": str, "subject": str, "feed": str, "feedepoch": int, "feedsequence": int}
DIPLOMA: Final = {"id": str, "revision": int, "status": str, "number": str, "title": str, "awarded_on": str}
EPOCH: Final = {"previous_epoch": int, "stands_until": int}
TODO: Final = {
    401: "the token is not accepted: put a fresh one in the token's file, which is read again at each try",
    403: "this login may not read feeds: ask Forsa's operator for a grant with the role `partner`",
    404: "no such feed, or not one of yours: GET /v1/feeds names yours",
}


class Away(Exception):
    """Forsa or the broker cannot be read now; it is tried again."""


class Behind(Away):
    """Forsa no longer has the place we read up to: its database was restored."""


class Stop(Exception):
    """A person has to look; the program ends."""


class Need(Enum):
    """What has to happen before the next message can be taken."""

    REST = "what lies between, over HTTP"
    SNAPSHOT = "the register anew, from the snapshot"
    PERSON = "a person who looks at the last dead letter; then: reload"


class Place(NamedTuple):
    """A place in a feed: everything up to this message. `0/0` is nowhere yet."""

    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}/{self.sequence}"


class Message(NamedTuple):
    """A message, or what came in the place of one: then `fault` says what is wrong."""

    id: str
    type: str
    place: Place | None  # None: not readable
    data: dict[str, Any]
    content: str  # all of it, the same text over Kafka and over HTTP
    fault: str = ""
    offset: int | None = None  # in the topic

    @property
    def digest(self) -> str:
        """A hash of all it says."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def message_of(feed: str, event: Any, otherwise: str) -> Message:
    """The message that a CloudEvent in JSON is. otherwise: its id where it says none."""
    content = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if has_no_number(event):
        return Message(otherwise, "", None, {}, content, "a number that is none")
    if any("\ud800" <= each <= "\udfff" for each in content):
        return Message(otherwise, "", None, {}, ascii(content), "half a character")
    fault = lacks(event, ATTRIBUTES)
    if not fault and (event["feed"] != feed or event["id"] != f"{feed}/{event['feedepoch']}/{event['feedsequence']}"):
        fault = f"not a message of {feed}"
    if fault:
        said = event.get("id") if isinstance(event, dict) else None
        return Message(said if isinstance(said, str) else otherwise, "", None, {}, content, fault)
    data, kind = event.get("data"), event["type"]
    fault = "data: no object" if not isinstance(data, dict) else lacks(data, EPOCH) if kind == EPOCH_OPENED else ""
    if not fault and kind in ABOUT_DIPLOMAS:
        fault = lacks(data.get("diploma"), DIPLOMA)
        fault = fault or ("" if data["diploma"]["id"] == event["subject"] else "subject: another diploma")
    place = Place(event["feedepoch"], event["feedsequence"])
    return Message(event["id"], kind, place, {} if fault else data, content, fault)


def lacks(found: Any, promised: Mapping[str, type]) -> str:
    """What is missing or of a wrong type; empty where nothing is."""
    if not isinstance(found, dict):
        return "no object"
    return ", ".join(name for name, kind in promised.items() if type(found.get(name)) is not kind)


def has_no_number(event: Any) -> bool:
    """Whether NaN, or a number beyond all bounds, stands in it: Python reads and writes them, JSON has none."""
    try:
        json.dumps(event, allow_nan=False)
    except ValueError:
        return True
    return False


def message_of_record(feed: str, record: Any) -> Message:
    """The same message from a record of a topic (CloudEvents 1.0, binary mode: attributes are headers)."""
    otherwise, headers = f"{record.topic}@{record.offset}", record.headers
    try:
        event: dict[str, Any] = {name[3:]: text.decode() for name, text in headers if name.startswith("ce_")}
        event |= {"feedepoch": int(event["feedepoch"]), "feedsequence": int(event["feedsequence"])}
        event |= {"datacontenttype": dict(headers)["content-type"].decode(), "data": json.loads(record.value)}
        return message_of(feed, event, otherwise)._replace(offset=record.offset)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as wrong:
        content = f"{headers} {record.value!r}"[:65536]
        return Message(otherwise, "", None, {}, content, type(wrong).__name__, record.offset)


class Register:
    """The register of diplomas and how far the feed was read, in a file of SQLite."""

    def __init__(self, path: Path, feed: str) -> None:
        self.feed = feed
        self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.db.executescript(TABLES)
        self.db.execute("insert or ignore into progress (one, feed) values (1, ?)", (feed,))
        if (held := self.progress("feed")) != feed:
            raise Stop(f"{path} holds the feed {held}: name another file for {feed}")

    @property
    def place(self) -> Place:
        """Everything up to here is in the register."""
        return Place(self.progress("epoch"), self.progress("sequence"))

    def progress(self, column: str) -> Any:
        """What stands in a column of `progress`."""
        return self.db.execute(f"select {column} from progress").fetchone()[0]

    def move(self, **columns: Any) -> None:
        """These columns of `progress` have these values."""
        names = ", ".join(f"{name} = :{name}" for name in columns)
        self.db.execute(f"update progress set {names}", columns)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("begin immediate")
        with self.db:  # commits; takes all of it back where it fails
            yield

    def take(self, messages: Sequence[Message], *, over_http: bool) -> tuple[int, Need | None]:
        """As many as are in order are in the register, in one transaction; how many, and what the next one needs."""
        with self._transaction():
            for taken, message in enumerate(messages):
                if message.place is None or (message.fault and not over_http):
                    self._bury(message, "unreadable", message.fault)
                    self._pass(message)
                    return taken + 1, Need.PERSON if over_http else Need.REST
                if need := self._need(message, message.place, over_http=over_http):
                    return taken, need
                self._pass(message)
        return len(messages), None

    def _need(self, message: Message, place: Place, *, over_http: bool) -> Need | None:
        """What the message needs first; None: it is applied, or was before."""
        here = self.place
        if place <= here:
            return self._again(message)
        if message.type == EPOCH_OPENED and not over_http:
            return Need.REST
        if message.type == EPOCH_OPENED and not message.fault:
            previous, until = message.data["previous_epoch"], message.data["stands_until"]
            if previous != here.epoch or until < here.sequence:
                return Need.SNAPSHOT
            if until > here.sequence:
                return Need.REST
        elif place != (here.epoch, here.sequence + 1):
            return Need.REST
        self._apply(message, place)
        return None

    def _again(self, message: Message) -> Need | None:
        known = self.db.execute("select digest from inbox where id = ?", (message.id,)).fetchone()
        if known in (None, (message.digest,)):  # None: from before our snapshot, nobody knows what it said
            return None
        self._bury(message, "changed-content", "this id was read before, with another content")
        return Need.PERSON

    def _apply(self, message: Message, place: Place) -> None:
        if message.fault:
            self._bury(message, "unreadable", message.fault)
        elif message.type in ABOUT_DIPLOMAS:
            self._write(message.data["diploma"], place)
        elif message.type != EPOCH_OPENED:
            self._bury(message, "unknown-type", message.type)
        self.db.execute("insert into inbox values (?, ?)", (message.id, message.digest))
        self.move(epoch=place.epoch, sequence=place.sequence)

    def _pass(self, message: Message) -> None:
        if message.offset is not None:
            self.move(next_offset=message.offset + 1)

    def _write(self, diploma: Mapping[str, Any], place: Place) -> None:
        record = json.dumps(diploma, sort_keys=True, ensure_ascii=False)
        row = (diploma["id"], diploma["number"], diploma["status"], str(place), record)
        self.db.execute("insert or replace into register values (?, ?, ?, ?, ?)", row)

    def _bury(self, message: Message, reason: str, detail: str) -> None:
        say(f"dead letter {message.id}: {reason} ({detail})")
        row = (message.id, reason, detail, message.content, datetime.now(UTC).isoformat(timespec="seconds"))
        self.db.execute("insert or ignore into dead_letters values (?, ?, ?, ?, ?)", row)

    def load(self, pages: Iterator[tuple[Place, list[dict[str, Any]]]]) -> None:
        """The register is what these pages of a snapshot say, all or nothing; reading goes on after their place."""
        with self._transaction():
            self.db.execute("delete from register")
            self.db.execute("delete from inbox")
            for place, diplomas in pages:
                for diploma in diplomas:
                    self._write(diploma, place)
                self.move(epoch=place.epoch, sequence=place.sequence)
        say(f"register loaded from the snapshot, up to {self.place}")


TABLES: Final = """
pragma journal_mode = wal;
pragma synchronous = full;
create table if not exists inbox (id text primary key, digest text not null) without rowid;
create table if not exists register (diploma text primary key, number text, status text, place text, record text);
create table if not exists dead_letters (
  id text, reason text, detail text, content text, at text, primary key (id, reason));
create table if not exists progress (
  one integer primary key check (one = 1), feed text not null, epoch integer not null default 0,
  sequence integer not null default 0, next_offset integer, confirmed text not null default '');
"""
PRINTED: Final = {
    "register": "select number, json_extract(record, '$.title'), json_extract(record, '$.awarded_on'), status, diploma"
    " from register order by number",
    "dead-letters": "select id, reason, detail, at, substr(content, 1, 80) from dead_letters order by at, id",
}


class Forsa:
    """A feed over HTTP. Every method raises Away."""

    def __init__(self, url: str, feed: str, token: Callable[[], str]) -> None:
        self.feed, self._url, self._token = feed, f"{url.rstrip('/')}/v1/feeds/{feed}", token

    def page(self, after: Place, wait: int = 0, seconds: int = 30) -> list[Message]:
        """The messages after a place; where there are none, Forsa waits for one (wait, in seconds)."""
        began = time.monotonic()
        events, headers = self._asked(f"{self._url}?after={after}&limit={PAGE}&wait={wait}", seconds=wait + seconds)
        if not isinstance(events, list):
            raise Away("the feed's answer is no list")
        if wait and not events:  # where too many wait, Forsa answers at once and says when to come again
            time.sleep(max(float(headers.get("Retry-After") or 0), 1 - (time.monotonic() - began), 0))
        return [message_of(self.feed, event, f"{self.feed} after {after}, {n}") for n, event in enumerate(events)]

    def snapshot(self) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
        """Every diploma of the feed, page by page, and the place they are of."""
        url = f"{self._url}/snapshot?limit=1000"
        while url:
            found, headers = self._asked(url)
            if lacks(found, {"place": str, "items": list}) or any(lacks(each, DIPLOMA) for each in found["items"]):
                raise Away("the snapshot is not what this program knows")
            epoch, sequence = found["place"].split("/")
            yield Place(int(epoch), int(sequence)), found["items"]
            following = re.search(r'<([^>]+)>; rel="next"', headers.get("Link") or "")
            url = urllib.parse.urljoin(url, following[1]) if following else ""

    def receipt(self, place: Place) -> None:
        """Forsa knows that we keep everything up to this place; told twice, it knows it once."""
        self._asked(f"{self._url}/receipts", place._asdict(), key=f"{self.feed}/{place}", seconds=5)

    def _asked(self, url: str, body: Any = None, key: str = "", seconds: int = 30) -> tuple[Any, Mapping[str, str]]:
        headers = {"Authorization": f"Bearer {self._token()}", "Accept-Language": "en"}
        if body:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)  # noqa: S310 the same
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 the address we were given
                return json.load(answer), answer.headers
        except urllib.error.HTTPError as refused:
            said = TODO.get(refused.code) or said_by(refused)
            kind = Behind if said.startswith("feed-behind-reader:") else Away
            raise kind(f"{url.partition('?')[0]}: {refused.code}: {said}") from None
        except (OSError, ValueError) as away:
            raise Away(f"{url.partition('?')[0]}: {away}") from None


def said_by(refused: urllib.error.HTTPError) -> str:
    """What Forsa says about it: its refusals are problem+json (RFC 9457)."""
    try:
        problem = json.load(refused)
        return f"{problem['code']}: {problem.get('detail') or problem['title']}"
    except (OSError, ValueError, KeyError, TypeError):
        return str(refused.reason)


class Reader:
    """Brings a register to the end of its feed, and keeps it there."""

    def __init__(self, register: Register, forsa: Forsa, receipt: Callable[[Place], None], *, start: str) -> None:
        """start: with the `snapshot`, or with the first message (`start`)."""
        self._register, self._forsa, self._receipt, self._start = register, forsa, receipt, start
        self._next_receipt = 0.0

    def begin(self) -> None:
        """The register stands somewhere in the feed. Raises Away."""
        if self._register.place == Place(0, 0) and self._start == "start":
            self._register.move(epoch=1, sequence=0)
        elif self._register.place == Place(0, 0):
            self._register.load(self._forsa.snapshot())

    def over_http(self, *, once: bool) -> None:
        """Follows the feed; once: to its end as it is now. Raises Away, Stop."""
        self.begin()
        epoch, sequence = self._register.place
        # The last message is asked for once more: did Forsa tell it otherwise now, its content would say so.
        page = self._page(Place(epoch, max(sequence - 1, 0)))
        say(f"reading {self._forsa.feed} over HTTP after {self._register.place}")
        while page or not once:
            self.take(page, over_http=True)
            self._confirm(at_once=once)
            page = self._page(self._register.place, 0 if once else WAIT_SECONDS)

    def _page(self, after: Place, wait: int = 0, seconds: int = 30) -> list[Message]:
        """The messages after our place, which is the snapshot's then where Forsa has less than we read."""
        try:
            return self._forsa.page(after, wait, seconds)
        except Behind as behind:
            say(f"{behind}; after {self._register.place} this is needed: {Need.SNAPSHOT.value}")
            self._register.load(self._forsa.snapshot())
            return self._forsa.page(self._register.place)

    def over_kafka(self, topic: str, settings: Mapping[str, Any], *, once: bool) -> None:
        """Follows the topic; once: to its end as it is now. Raises Away, Stop."""
        from kafka import KafkaConsumer, TopicPartition
        from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

        self.begin()
        consumer = None
        try:  # no consumer group: how far we are stands in our own register, and nowhere else
            consumer = KafkaConsumer(group_id=None, auto_offset_reset="earliest", max_poll_records=PAGE, **settings)
            if (found := consumer.partitions_for_topic(topic)) != {0}:
                raise Away(f"{topic}: {len(found or ())} partitions; a feed's topic has one")
            consumer.assign([one := TopicPartition(topic, 0)])
            consumer.seek(one, self._register.progress("next_offset") or 0)
            end, idle = consumer.end_offsets([one])[one], 0
            say(f"reading {topic} after {self._register.place}")
            while not once or consumer.position(one) < end:
                records = consumer.poll(timeout_ms=500).get(one, [])
                idle = 0 if records else idle + 1
                if idle % 20 == 19:  # a broker that is away is silent too: ask it something
                    consumer.end_offsets([one])
                self.take([message_of_record(self._forsa.feed, each) for each in records], over_http=False)
                self._confirm(at_once=once, compare=True)
        except (CorruptRecordError, UnsupportedCodecError) as unread:  # a stranger's: this client reads no further here
            self.over_http(once=True)
            raise Away(f"{topic}: {type(unread).__name__}; what follows came over HTTP") from None
        except KafkaError as away:
            raise Away(f"{topic}: {type(away).__name__}: {away}") from None
        finally:
            if consumer:
                consumer.close()

    def take(self, messages: Sequence[Message], *, over_http: bool) -> None:
        """All of these messages are in the register, and what they need before. Raises Away, Stop."""
        before = None
        while messages:
            taken, need = self._register.take(messages, over_http=over_http)
            messages = messages[taken:]
            if need:
                say(f"after {self._register.place} this is needed: {need.value}")
            if need is Need.PERSON:
                raise Stop(need.value)
            if need and need is before and not taken:
                raise Away(f"what comes before {messages[0].id} cannot be had yet")
            if need is Need.REST and not over_http:
                while page := self._page(self._register.place):
                    self.take(page, over_http=True)
            elif need:
                self._register.load(self._forsa.snapshot())
            before = need

    def _compare(self) -> None:
        """Over HTTP the last message says what we read. Raises Away; Stop, where it says something else."""
        epoch, sequence = here = self._register.place
        page = self._page(Place(epoch, sequence - 1), seconds=5) if sequence else []
        if sequence and not page and self._register.place == here:
            say(f"Forsa does not know of {here}, which we have read; this is needed: {Need.SNAPSHOT.value}")
            self._register.load(self._forsa.snapshot())
        self.take(page, over_http=True)

    def _confirm(self, *, at_once: bool, compare: bool = False) -> None:
        """Forsa has a receipt for our place, or had one a moment ago. One that does not arrive stops nothing."""
        place, now = self._register.place, time.monotonic()
        known = place.sequence == 0 or self._register.progress("confirmed") == str(place)
        if known or (now < self._next_receipt and not at_once):
            return
        self._next_receipt = now + RECEIPT_SECONDS
        try:
            if compare:
                self._compare()
            place = self._register.place
            self._receipt(place)
            self._register.move(confirmed=str(place))
        except Away as away:
            self._next_receipt = now + NO_RECEIPT_SECONDS
            say(f"no receipt: {away}")


def receipt_by_kafka(feed: str, partner: str, settings: Mapping[str, Any], place: Place) -> None:
    """Forsa's topic has it that we keep everything up to this place. Raises Away."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    event = {"specversion": "1.0", "type": "ma.forsa.receipt.seen.v1", "id": f"{feed}/{place}",
             "source": f"urn:forsa:partner:{partner}", "time": datetime.now(UTC).isoformat()}  # fmt: skip
    headers = [("content-type", b"application/json"), *((f"ce_{name}", event[name].encode()) for name in event)]
    data, producer = json.dumps({"feed": feed, **place._asdict()}).encode(), None
    try:  # a new producer each time: one whose broker went away does not always come back by itself
        producer = KafkaProducer(**settings)
        producer.send(RECEIPTS_TOPIC, data, partner.encode(), headers=headers).get(timeout=3)
    except KafkaError as away:
        raise Away(f"{RECEIPTS_TOPIC}: {type(away).__name__}") from None
    finally:
        if producer:
            threading.Thread(target=producer.close, daemon=True).start()


def kafka_settings(bootstrap: str) -> dict[str, Any]:
    """Of a consumer or a producer. KAFKA_CA_FILE in the environment: TLS; KAFKA_USER, KAFKA_PASSWORD: SCRAM too."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # this program says itself what is away
    settings: dict[str, Any] = {"bootstrap_servers": bootstrap.split(","), "reconnect_backoff_max_ms": 500}
    settings |= {"request_timeout_ms": 3_000, "bootstrap_timeout_ms": 2_000}
    settings |= {"allow_auto_create_topics": False}  # Forsa makes its topics, of one partition
    authority, user = os.environ.get("KAFKA_CA_FILE"), os.environ.get("KAFKA_USER")
    if authority:
        settings |= {"security_protocol": "SASL_SSL" if user else "SSL", "ssl_cafile": authority}
    if user:
        settings |= {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": user}
        settings |= {"sasl_plain_password": os.environ["KAFKA_PASSWORD"]}
    return settings


def follow(read: Callable[[], None], *, once: bool) -> None:
    """Reads for ever, over every outage. once: to the end, and an outage raises Away."""
    tries, said = 0, ""
    while True:
        began = time.monotonic()
        try:
            return read()
        except Away as away:
            if once:
                raise
            if time.monotonic() - began > 10:  # it had been well
                tries, said = 0, ""
            if str(away) != said:
                say(f"{away}; trying again")
            tries, said = tries + 1, str(away)
        time.sleep(PAUSES[min(tries, len(PAUSES)) - 1])


def say(text: str) -> None:
    """A line for whoever runs this."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {printable(text)}", file=sys.stderr, flush=True)


def printable(text: Any) -> str:
    """As it may stand on a terminal: what was sent may hold signs that steer one."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(text))


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What this program was asked to do."""
    environ = os.environ.get
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("act", nargs="?", default="read", choices=["read", "reload", *PRINTED])
    asked.add_argument("--url", default=environ("FEED_URL", "http://127.0.0.1:8000"), help="of Forsa; or FEED_URL")
    asked.add_argument("--token-file", type=Path, default=environ("FEED_TOKEN_FILE"),
                       help="read at each request; or FEED_TOKEN_FILE, or the token in FEED_TOKEN")  # fmt: skip
    asked.add_argument("--feed", default=environ("FEED_NAME", NATIONAL), help="or FEED_NAME")
    asked.add_argument("--database", type=Path, default=Path(environ("FEED_DATABASE", "register.sqlite")))
    asked.add_argument("--from", dest="start", default="snapshot", choices=["snapshot", "start"], help="the first time")
    asked.add_argument("--once", action="store_true", help="read what there is, and end")
    way = asked.add_mutually_exclusive_group()
    way.add_argument("--http", action="store_true", help="read over HTTP, as it does where nothing is said")
    way.add_argument("--kafka", metavar="HOST:PORT", help="read the feed's topic there")
    asked.add_argument("--topic", help="else by the feed's name")
    asked.add_argument("--partner", default=environ("FEED_PARTNER"), help="our id at Forsa: receipts go by Kafka too")
    return asked.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """The register is read, loaded anew, or shown. Raises Away, Stop."""
    register = Register(options.database, options.feed)
    if options.act in PRINTED:
        show(register, PRINTED[options.act])
        return
    forsa = Forsa(options.url, options.feed, lambda: token_of(options.token_file))
    if options.act == "reload":
        register.load(forsa.snapshot())
    elif options.kafka:
        settings = kafka_settings(options.kafka)
        by_kafka = partial(receipt_by_kafka, options.feed, options.partner, settings)
        topic = options.topic or "forsa.diploma.events.v1" + options.feed.removeprefix(NATIONAL).replace("-", ".", 1)
        reader = Reader(register, forsa, by_kafka if options.partner else forsa.receipt, start=options.start)
        follow(lambda: reader.over_kafka(topic, settings, once=options.once), once=options.once)
    else:
        reader = Reader(register, forsa, forsa.receipt, start=options.start)
        follow(lambda: reader.over_http(once=options.once), once=options.once)
    say(f"read up to {register.place}")


def show(register: Register, query: str) -> None:
    """The rows of this query are printed, or as many as their reader wants."""
    try:
        for row in register.db.execute(query):
            print(*map(printable, row), sep="\t")
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def token_of(file: Path | None) -> str:
    """The token as it is now: a file may be renewed while this runs."""
    return (file.read_text() if file else os.environ.get("FEED_TOKEN", "")).strip()


def main() -> int:
    """The exit code: 0 ended as asked; 1 Forsa or the broker is away (--once, reload); 3 a person has to look."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # at any moment: what is not committed is read again
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        run(options_of())
    except (Away, Stop) as ended:
        say(f"ended: {ended}")
        return 3 if isinstance(ended, Stop) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Records that no well-behaved client sends: each is parked or applied once, and the next one is read."""

from __future__ import annotations

from typing import Final

import pytest
from kafka import KafkaProducer

from tests.consumers.receipts_sent import (
    Latin,
    Sent,
    binary,
    event_of,
    ident,
    make_large_topic,
    outcomes,
    reading,
    send,
    set_feed,
    structured,
    wait_until_taken,
)

PARTNER: Final = ident("partner")
EVENT: Final = event_of(PARTNER, "x", 3)
BINARY, STRUCTURED = binary(PARTNER, EVENT), structured(PARTNER, EVENT)
DATA, BODY = BINARY.value or b"", STRUCTURED.value or b""
HEADERS: Final = BINARY.headers


def said(old: bytes, new: bytes) -> Sent:
    """The receipt in binary mode, something else in its data."""
    assert old in DATA
    return BINARY._replace(value=DATA.replace(old, new))


def padded(size: int) -> Sent:
    """The receipt with so many bytes."""
    return STRUCTURED._replace(value=BODY[:-1] + b" " * (size - len(BODY)) + b"}")


APPLIED: Final = "applied"
HOSTILE: Final[dict[str, tuple[str, Sent]]] = {
    "a header's name is no text": (APPLIED, BINARY._replace(headers=[*HEADERS, (Latin("\xff\xfe"), b"x")])),
    "a header's name is no text, and no receipt": ("truncated", Sent(b"k", b"", [(Latin("\xe9"), b"")], None)),
    "20,000 headers": ("replayed", BINARY._replace(headers=[*HEADERS, *[("h", b"x")] * 20_000])),
    "an empty id": ("not-a-cloudevent", BINARY._replace(headers=[*HEADERS, ("ce_id", b"")])),
    "a key that is no text": ("wrong-key", BINARY._replace(key=b"\xff\xfe")),
    "a key of a megabyte": ("wrong-key", BINARY._replace(key=b"k" * 1_000_000)),
    "no value": ("truncated", BINARY._replace(value=None)),
    "the largest": ("replayed", padded(65_536)),
    "a byte more": ("too-large", padded(65_537)),
    "an infinite number": ("unreadable-json", said(b":3", b":1e400")),
    "a number of 6,000 digits": ("unreadable-json", said(b":3", b":" + b"9" * 6_000)),
    "no number": ("unreadable-json", said(b":3", b":NaN")),
    "a fraction": ("not-a-receipt", said(b":3", b":3.0")),
    "a truth": ("not-a-receipt", said(b":3", b":true")),
    "NUL in the feed's name": ("unstorable", said(b"entraide", b"\\u0000")),
    "half a character": ("unreadable-json", said(b"entraide", b"\\ud800")),
    "deep": ("unreadable-json", said(b"{", b'{"z":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b",")),
    "UTF-16": ("unreadable-json", STRUCTURED._replace(value=BODY.decode().encode("utf-16"))),
    "a batch": ("not-a-cloudevent", STRUCTURED._replace(value=b"[" + BODY + b"]")),
    "both modes at once": ("not-a-receipt", STRUCTURED._replace(headers=HEADERS)),
    "base64": ("not-a-cloudevent", STRUCTURED._replace(value=BODY.replace(b'"data"', b'"data_base64"'))),
    "braces around the partner": ("unknown-partner", binary(PARTNER, {**EVENT, "source": f"{{{PARTNER}}}"})),
}


def test_whatever_comes_the_next_one_is_read(log_dsn: str, projector_dsn: str, kafka: str, topic: str) -> None:
    set_feed(log_dsn, 9)
    make_large_topic(kafka, topic)
    last = binary(PARTNER, event_of(PARTNER, "last", 4))
    send(kafka, topic, [*(sent for _, sent in HOSTILE.values()), last])
    with reading(projector_dsn, kafka, topic):
        wait_until_taken(log_dsn, topic, len(HOSTILE) + 1)
    applied, parked = outcomes(log_dsn)
    assert applied == [(PARTNER, "x", 3), (PARTNER, "last", 4)]
    found = {name: parked.get(offset, APPLIED) for offset, name in enumerate(HOSTILE)}
    assert found == {name: reason for name, (reason, _) in HOSTILE.items()}


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_transaction_is_read_when_it_ends(
    log_dsn: str, projector_dsn: str, apache_kafka: str, topic: str, *, taken_back: bool
) -> None:
    """What was taken back was never said; the marks of a transaction's end are no records."""
    set_feed(log_dsn, 9)
    make_large_topic(apache_kafka, topic)
    producer = KafkaProducer(bootstrap_servers=apache_kafka, transactional_id=topic)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, key=BINARY.key, value=BINARY.value, headers=BINARY.headers).get(timeout=10)
    (producer.abort_transaction if taken_back else producer.commit_transaction)()
    producer.close()
    send(apache_kafka, topic, [binary(PARTNER, event_of(PARTNER, "b", 4))])
    with reading(projector_dsn, apache_kafka, topic):
        wait_until_taken(log_dsn, topic, 3)
    within = [] if taken_back else [(PARTNER, "x", 3)]
    assert outcomes(log_dsn) == ([*within, (PARTNER, "b", 4)], {})

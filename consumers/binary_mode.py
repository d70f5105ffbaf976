"""CloudEvents in Kafka's binary mode: attributes are headers, the value is the very bytes of the stored `data`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from domain.partner_feed import Place

Header = tuple[str, bytes]
CONTENT_TYPE: Final = "content-type"


class Record(NamedTuple):
    """What is sent: the key is the message's subject, so a diploma's messages stay together whoever reads."""

    key: bytes
    value: bytes
    headers: list[Header]


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message, its attributes as they were written: the form of `domain.partner_feed.Message`."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    dataschema: str
    feed: str
    feedepoch: int
    feedsequence: int
    data: msgspec.Raw

    @property
    def place(self) -> Place:
        """Where it stands in its feed."""
        return Place(self.feedepoch, self.feedsequence)


NAMES: Final = tuple(each for each in Attributes.__struct_fields__ if each != "data")
_HEADER: Final = {name: CONTENT_TYPE if name == "datacontenttype" else f"ce_{name}" for name in NAMES}
_NUMBERS: Final = ("feedepoch", "feedsequence")
_DECODE: Final = msgspec.json.Decoder(Attributes).decode


def read_attributes(stored: bytes) -> Attributes:
    """The attributes of a stored message."""
    return _DECODE(stored)


def record_of(message: Attributes) -> Record:
    """What is sent of a stored message."""
    subject = message.subject.encode()
    headers = [
        ("ce_specversion", message.specversion.encode()),
        ("ce_id", message.id.encode()),
        ("ce_source", message.source.encode()),
        ("ce_type", message.type.encode()),
        ("ce_subject", subject),
        ("ce_time", message.time.encode()),
        (CONTENT_TYPE, message.datacontenttype.encode()),
        ("ce_dataschema", message.dataschema.encode()),
        ("ce_feed", message.feed.encode()),
        ("ce_feedepoch", b"%d" % message.feedepoch),
        ("ce_feedsequence", b"%d" % message.feedsequence),
    ]
    return Record(subject, bytes(message.data), headers)


def stored_form(headers: Iterable[Header], value: bytes | None) -> bytes | None:
    """The stored bytes that a record was made of; None for one that is no message of a feed."""
    given = dict(headers)
    try:
        texts = {name: given[_HEADER[name]].decode() for name in NAMES}
        numbers = {name: int(texts[name]) for name in _NUMBERS}
        data = msgspec.Raw(value or b"")
        msgspec.json.decode(data)
        return msgspec.json.encode(Attributes(**{**texts, **numbers, "data": data}))  # type: ignore[arg-type]  # numbers too
    except (KeyError, ValueError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return None

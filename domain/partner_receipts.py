"""What a partner says back: seen, and kept, up to a place of a feed. Its form, and every reason to set one aside.

⚓ A receipt is a CloudEvent 1.0 on RECEIPTS_TOPIC, binary or structured, its key the partner's id: the stream of its
worker. It comes from outside, so nothing of it is believed: what cannot be read, or says what cannot be, has a reason
of REASONS and is parked; nothing here raises. The broker tells us no sender: the key and the source must name the same
partner, and who may write to the topic is the broker's to say (docs/how-to/partner.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from domain.access import Held, covers_place
from domain.partner_feed import Place

RECEIPTS_TOPIC: Final = "forsa.diploma.receipts.v1"
SEEN: Final = "ma.forsa.receipt.seen"
SEEN_V1: Final = f"{SEEN}.v1"
PARTNER_SOURCE: Final = "urn:forsa:partner:"
ROLE: Final = "partner"
LARGEST_BYTES: Final = 64 * 1024  # of a record's value; a receipt has some 200

# ⚓ Why a receipt is set aside, and what was expected instead. Checked in this order; the first that holds is said.
REASONS: Final[Mapping[str, str]] = {
    "too-large": f"at most {LARGEST_BYTES} bytes",
    "truncated": "JSON to its end",
    "unreadable-json": "JSON in UTF-8",
    "not-a-cloudevent": "the attributes specversion, id (1 to 100 printable ASCII characters), source, type, and data",
    "unknown-version": "CloudEvents 1.0, and version 1 of the type",
    "unknown-type": SEEN_V1,
    "unknown-partner": f"the source {PARTNER_SOURCE}<id of a worker who holds the role {ROLE} today>",
    "wrong-key": "the key of the record: the id that the source names, as text",
    "not-a-receipt": "data with feed, epoch and sequence, both of them at least 1",
    "unknown-feed": "the name of a feed",
    "not-your-feed": "a feed that the partner's grants of today cover",
    "replayed": "an id that the partner has not used before",
    "unknown-epoch": "an epoch that the feed has opened",
    "ahead-of-feed": "a place the feed has come to, in what stands of that epoch",
    "out-of-order": "a place not before the one the partner has confirmed",
    "unstorable": "what the database takes",
}


class SeenV1(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a receipt: everything of the feed up to this place was seen and kept."""

    feed: Annotated[str, Meta(min_length=1, max_length=60)]
    epoch: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    sequence: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that could be read: this partner has seen this feed up to this place."""

    partner: UUID
    receipt: str  # the partner's own id of it
    feed: str
    place: Place


class FeedStand(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feed has come. `closed`: of each epoch that is over, the last sequence that stands."""

    region: str | None
    last: Place
    closed: Mapping[int, int] = {}

    def behind(self, place: Place) -> int:
        """How many of the messages that stand come after a place."""
        ends = {**self.closed, self.last.epoch: self.last.sequence}
        past = {epoch: place.sequence if epoch == place.epoch else 0 for epoch in ends if epoch >= place.epoch}
        return sum(max(ends[epoch] - read, 0) for epoch, read in past.items())


Headers = Iterable[tuple[str, bytes | None]]


def read_receipt(value: bytes | None, headers: Headers, key: bytes | None) -> Receipt | str:
    """The receipt a record of the topic holds, else the reason why it is none."""
    body = value or b""
    if wrong := _unreadable(body):
        return wrong
    event = _event(body, headers)
    if event is None or not _ID.fullmatch(event.id):
        return "not-a-cloudevent"
    if wrong := _unknown(event):
        return wrong
    partner = _partner_of(event.source)
    if partner is None:
        return "unknown-partner"
    if key is None or key.lower() != str(partner).encode():
        return "wrong-key"
    try:
        seen = _SEEN.decode(event.data)
    except msgspec.ValidationError:
        return "not-a-receipt"
    return Receipt(partner=partner, receipt=event.id, feed=seen.feed, place=Place(seen.epoch, seen.sequence))


def refusal_of(
    receipt: Receipt,
    grants: Sequence[Held],
    feed: FeedStand | None,
    *,
    known: bool = False,
    confirmed: Place | None = None,
) -> str | None:
    """The reason why this receipt is not applied; None: it is.

    grants: of the partner, as of now. known: whether it has used this id. confirmed: how far it has confirmed this
    feed.
    """
    own = [each for each in grants if each.role == ROLE]
    if not own:
        return "unknown-partner"
    if feed is None:
        return "unknown-feed"
    if not any(covers_place(each, None, feed.region) for each in own):
        return "not-your-feed"
    if known:
        return "replayed"
    return _misplaced(receipt.place, feed, confirmed)


def _misplaced(place: Place, feed: FeedStand, confirmed: Place | None) -> str | None:
    ends = {**feed.closed, feed.last.epoch: feed.last.sequence}
    if place.epoch not in ends:
        return "unknown-epoch"
    if place.sequence > ends[place.epoch]:
        return "ahead-of-feed"
    return "out-of-order" if confirmed is not None and place < confirmed else None


class _Event(msgspec.Struct):
    """What of a CloudEvent is looked at; other attributes are the sender's affair."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw


_EVENT: Final = msgspec.json.Decoder(_Event)
_SEEN: Final = msgspec.json.Decoder(SeenV1)
_ANY: Final = msgspec.json.Decoder()
_CUT_SHORT: Final = "Input data was truncated"  # msgspec says so in no other way
_ID: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,99}")


def _unreadable(body: bytes) -> str | None:
    """Why this is no JSON; all of it is read, since a decoder may pass over what it does not ask for."""
    if len(body) > LARGEST_BYTES:
        return "too-large"
    try:
        _ANY.decode(body)
    except (ValueError, RecursionError) as wrong:  # brackets by the thousand
        return "truncated" if str(wrong) == _CUT_SHORT else "unreadable-json"
    return None


def _event(body: bytes, headers: Headers) -> _Event | None:
    """The event of a JSON body: from the headers where it is in binary mode, else from the body alone."""
    try:
        said = {name.lower(): (text or b"").decode() for name, text in headers if name.lower().startswith("ce_")}
        if "ce_specversion" not in said:
            return _EVENT.decode(body)
        attributes = {name: said[f"ce_{name}"] for name in ("specversion", "id", "source", "type")}
        return _Event(**attributes, data=msgspec.Raw(body))
    except (ValueError, KeyError):  # other JSON, no UTF-8 in a header; an attribute that is missing
        return None


def _unknown(event: _Event) -> str | None:
    if event.specversion != "1.0":
        return "unknown-version"
    if event.type == SEEN_V1:
        return None
    return "unknown-version" if re.fullmatch(re.escape(SEEN) + r"\.v[0-9]+", event.type) else "unknown-type"


def _partner_of(source: str) -> UUID | None:
    text = source.removeprefix(PARTNER_SOURCE).lower()
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if source.startswith(PARTNER_SOURCE) and str(found) == text else None

"""What partners have read of a feed: a partner says so, and everybody who runs or answers for the feed sees how far."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from flask import Response

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint
from api.feeds import feed_of
from api.forms import Form, Whole
from api.parts import Parts
from api.permissions import sender
from api.preconditions import key_text
from api.problems import RULE, Finding, Problem
from domain.partner_feed import Place
from domain.partner_receipts import Receipt
from projections.records.receipts import Confirmed, PartnerStand


class ReceiptForm(Form):
    """A place of the feed: everything up to it was seen and kept."""

    epoch = Whole(required=True, within=range(1, 2**31))
    sequence = Whole(required=True, within=range(1, 2**63))


class ReceiptShown(msgspec.Struct, frozen=True):
    """A receipt as it was applied."""

    feed: str
    place: str
    receipt: str  # the Idempotency-Key it was sent with
    at: datetime


class PartnerShown(msgspec.Struct, frozen=True):
    """How far a partner is. `1/0`: it has confirmed nothing yet."""

    partner: UUID  # the worker's stream
    place: str
    heard_at: datetime | None  # when it last spoke of this feed, over Kafka or here
    lag_events: int  # that it has not confirmed
    lag_seconds: float  # since the first of them was written


class PartnerList(msgspec.Struct, frozen=True):
    """The feed's last place, and its partners by id: every one that may read it or has spoken of it."""

    feed: str
    place: str
    items: list[PartnerShown]


SEES_ALL: Final = ("en_agent", "operator")


def register_receipts(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes of receipts."""
    rule = "/v1/feeds/<feed>/receipts"
    add_read(blueprint, rule, "list-feed-receipts", partial(list_receipts, parts), PartnerList)

    @blueprint.body(ReceiptForm, {"epoch": 1, "sequence": 42})
    def confirm(sent: dict[str, Any], feed: str) -> Response:
        """Say up to where you have seen and kept the feed. The same key again gets the same answer."""
        return confirm_receipt(parts, feed, Place(sent["epoch"], sent["sequence"]))

    add_read(blueprint, rule, "confirm-feed", confirm, ReceiptShown, method="POST", statuses=(RULE,), keyed=True)


def list_receipts(parts: Parts, feed: str) -> Response:
    """How far each partner has confirmed the feed, and how much it has not. A partner is shown itself alone."""
    found, who = feed_of(parts, feed), sender()
    if all(each.role not in SEES_ALL for each in who.acting):
        stands = [each for each in parts.receipts.of_feed(feed, [who.worker]) if each.partner == who.worker]
    else:
        stands = parts.receipts.of_feed(feed, parts.partners(found.region))
    return answer(PartnerList(feed, str(found.last), [_shown(each) for each in stands]))


def confirm_receipt(parts: Parts, feed: str, place: Place) -> Response:
    """The receipt is applied, or was before."""
    found, who = feed_of(parts, feed), sender()
    receipt = Receipt(partner=who.worker, receipt=key_text(), feed=feed, place=place)
    applied = parts.receipts.confirm(receipt, who.acting)
    if isinstance(applied, Confirmed):
        return answer(ReceiptShown(applied.feed, str(applied.place), applied.receipt, applied.at))
    match applied:
        case "replayed":
            raise Problem("idempotency-key-reused")
        case "unknown-epoch":
            raise _misplaced("feed-behind-reader", "/epoch", place, found.last)
        case "ahead-of-feed":
            raise _misplaced("feed-behind-reader", "/sequence", place, found.last)
        case "out-of-order":
            raise _misplaced("receipt-out-of-order", "/sequence", place, _confirmed(parts, receipt))
    raise Problem("not-found")  # taken away since the sender was let in


def _confirmed(parts: Parts, receipt: Receipt) -> Place:
    stands = parts.receipts.of_feed(receipt.feed)
    return next(each.place for each in stands if each.partner == receipt.partner)


def _misplaced(code: str, pointer: str, asked: Place, last: Place) -> Problem:
    params = {"asked": str(asked), "last": str(last)}
    finding = Finding(code, pointer, params=params)
    return Problem(code, findings=[finding], params=params, more={"place": str(last)})


def _shown(stand: PartnerStand) -> PartnerShown:
    return PartnerShown(stand.partner, str(stand.place), stand.heard_at, stand.events, round(stand.seconds, 3))

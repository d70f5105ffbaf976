"""The partner feeds over HTTP: which there are, their messages in order, and a snapshot to start from.

The same stored bytes that go to Kafka, under the same ids. Full pages and the pages of a snapshot never change, so they
may be kept by whoever was shown them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint
from api.feed_waiting import FeedWaits
from api.forms import read_uuid
from api.parts import Parts
from api.permissions import ask_again, roles_of, sender
from api.problems import NOT_MODIFIED, OK, RETRY_SECONDS, RULE, Finding, Problem, bad_parameter
from api.reference import MOST_MESSAGES, MOST_WAIT_SECONDS, USUAL_MESSAGES
from domain.access import covers_place
from domain.partner_feed import (
    ANNULLED,
    IN_FORCE,
    START,
    Message,
    Place,
    PublicDiploma,
    diploma_told,
    read_message,
    read_place,
)
from domain.reference import label
from domain.texts import LANGUAGES, text
from domain.values import today_in_casablanca
from projections.records.partner_feed import Feed

BATCH: Final = "application/cloudevents-batch+json"
KEPT: Final = {"Cache-Control": "private, max-age=31536000, immutable"}  # it is read with a token, so by nobody else
READ: Final = {  # of each feed
    "feed": ("feeds.get-feed", ""),
    "snapshot": ("feeds.get-feed-snapshot", "/snapshot"),
    "receipts": ("feeds.list-feed-receipts", "/receipts"),
}
STATUSES: Final = (IN_FORCE, ANNULLED)


class FeedShown(msgspec.Struct, frozen=True):
    """A feed: of a region (None: the whole country), its topic, and the place of its last message."""

    feed: str
    region: str | None
    audience: dict[str, str]  # in ar, fr and en
    topic: str
    place: str
    links: dict[str, str]


class FeedList(msgspec.Struct, frozen=True):
    """The feeds the sender may know of, by name."""

    items: list[FeedShown]


class Snapshot(msgspec.Struct, frozen=True):
    """A page of the diplomas of a feed as of a place, by id: annulled ones too, unless narrowed."""

    feed: str
    place: str  # go on reading the feed after it, once the last page was read
    items: list[PublicDiploma]
    links: dict[str, str]


def register_feeds(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes of the feeds."""
    add_read(blueprint, "/v1/feeds", "list-feeds", partial(list_feeds, parts), FeedList)
    one, may = "/v1/feeds/<feed>", (NOT_MODIFIED, RULE)
    messages, page = partial(get_feed, parts, FeedWaits(parts)), ("feed-after", "feed-limit", "feed-wait")
    add_read(blueprint, one, "get-feed", messages, list[Message], *page, media=BATCH, statuses=may)
    snapshot, cut = partial(get_snapshot, parts), ("snapshot-at", "snapshot-after", "snapshot-limit", "snapshot-status")
    add_read(blueprint, f"{one}/snapshot", "get-feed-snapshot", snapshot, Snapshot, *cut, statuses=may)


def list_feeds(parts: Parts) -> Response:
    """The feeds you may read, and how far each is."""
    today = today_in_casablanca(parts.now())
    return answer(FeedList([_shown(each, today) for each in parts.feeds.all() if _is_yours(each)]))


def get_feed(parts: Parts, waits: FeedWaits, feed: str) -> Response:
    """Messages of a feed after a place, in order: a CloudEvents batch. The `Link` header leads on, also from its end.

    A full page never changes and may be kept. With `wait` the request stays open until the first message is there.
    """
    after, limit = _asked_place("after") or START, _asked_number("limit", USUAL_MESSAGES, 1, MOST_MESSAGES)
    seconds = _asked_number("wait", 0, 0, MOST_WAIT_SECONDS)
    last = feed_of(parts, feed).last
    if after > last:
        raise _behind("after", after, last)
    found = waits.messages(sender().worker, feed, after, limit, seconds)
    if seconds:  # half a minute may have passed
        ask_again(parts)
        feed_of(parts, feed)
    rows = found or []
    place = read_message(rows[-1]).place if rows else after
    response = Response(b"[" + b",".join(rows) + b"]", OK, mimetype=BATCH)
    response.headers["Link"] = _next(after=place, limit=request.args.get("limit"), wait=request.args.get("wait"))
    if found is None:
        response.headers["Retry-After"] = RETRY_SECONDS
    return _kept(response) if len(rows) == limit else response


def get_snapshot(parts: Parts, feed: str) -> Response:
    """Every diploma of a feed as of a place, page by page: then go on reading the feed after that place."""
    at, after, status = _asked_place("at"), _asked_diploma(), _asked_status()
    limit = _asked_number("limit", MOST_MESSAGES, 1, MOST_MESSAGES)
    if after and at is None:
        raise bad_parameter("at", expected="1/42")  # of which place the page before was
    last = feed_of(parts, feed).last
    if at is not None and not parts.feeds.stands(feed, at):
        raise _behind("at", at, last)
    place = at or last
    told = [diploma_told(each) for each in parts.feeds.snapshot(feed, place, after, limit)]
    items = [each for each in told if status in (None, each.status)]
    shown = Snapshot(feed, str(place), items, {"feed": f"/v1/feeds/{feed}?{_query(after=place)}"})
    response = answer(shown)
    if len(told) == limit:
        kept = {"limit": request.args.get("limit"), "status": status}
        response.headers["Link"] = _next(at=place, after=told[-1].id, **kept)
    return _kept(response) if at else response


def feed_of(parts: Parts, feed: str) -> Feed:
    """The feed of that name, where a grant's scope has all of it. Raises Problem not-found, whichever of the two."""
    found = parts.feeds.of(feed)
    if found is None or not _is_yours(found):
        raise Problem("not-found")
    return found


def _is_yours(feed: Feed) -> bool:
    return any(covers_place(held, None, feed.region) for held in sender().acting)


def _shown(feed: Feed, today: date) -> FeedShown:
    audience = {each: _audience(feed.region, each, today) for each in LANGUAGES}
    return FeedShown(feed.feed, feed.region, audience, feed.topic, str(feed.last), _links(feed.feed))


def _links(feed: str) -> dict[str, str]:
    """What the sender may read of it."""
    roles = {each.role for each in sender().acting}
    return {name: f"/v1/feeds/{feed}{end}" for name, (endpoint, end) in READ.items() if roles & {*roles_of(endpoint)}}


def _audience(region: str | None, language: str, today: date) -> str:
    return label("region", region, language, today) if region else text("audience.national", language)


def _kept(response: Response) -> Response:
    """Its reader may keep it for ever; it is not sent again to who has it."""
    response.headers.update(KEPT)
    response.add_etag()
    response.make_conditional(request)
    return response


def _behind(name: str, asked: Place, last: Place) -> Problem:
    params = {"asked": str(asked), "last": str(last)}
    found = Finding("feed-behind-reader", parameter=name, params=params)
    return Problem("feed-behind-reader", findings=[found], params=params, more={"place": str(last)})


def _next(**query: Place | UUID | str | None) -> str:
    return f'<{request.path}?{_query(**query)}>; rel="next"'


def _query(**query: Place | UUID | str | None) -> str:
    given: Mapping[str, str] = {name: str(value) for name, value in query.items() if value is not None}
    return urlencode(given, safe="/")


def _asked_place(name: str) -> Place | None:
    asked = request.args.get(name)
    place = read_place(asked or "")
    if asked is not None and place is None:
        raise bad_parameter(name, expected="1/42")
    return place


def _asked_number(name: str, usual: int, least: int, most: int) -> int:
    asked = request.args.get(name)
    if asked is None:
        return usual
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= len(str(most)) and least <= int(asked) <= most):
        raise bad_parameter(name, expected=f"{least}–{most}")
    return int(asked)


def _asked_diploma() -> UUID | None:
    asked = request.args.get("after")
    diploma = read_uuid(asked or "")
    if asked is not None and diploma is None:
        raise bad_parameter("after", expected="UUID")
    return diploma


def _asked_status() -> str | None:
    asked = request.args.get("status")
    if asked not in (None, *STATUSES):
        raise bad_parameter("status", expected=", ".join(STATUSES))
    return asked

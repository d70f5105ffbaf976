"""What happened to a stream: its timeline in sentences, and its audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import MOMENT, add_read, answer, wait_for_views
from api.blueprint import ForsaBlueprint
from api.cursors import asked_after, asked_limit, next_page
from api.disclosing import disclose, shown_of
from api.languages import say
from api.links import self_link
from api.parts import Parts
from api.preconditions import asked_position
from api.seeing import admitted, facts_seen, facts_shown, unknown
from domain.access import Sight
from domain.casebook import Stream
from domain.kind import Kind
from domain.organisation import LocalName
from domain.streams import KINDS, fold
from projections.audit_trail import Trace
from projections.timeline import Line

T = TypeVar("T")
MOST_READ: Final = 200  # rows at once, where those before were not shown
Names = Mapping[str, LocalName | str]  # id → what it is called
NAMED: Final = ("centre", "group")  # fields of events that name a stream, by its kind


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One event in a sentence of the language asked for, and where its raw form is."""

    position: int
    version: int
    tag: str
    sentence: str
    occurred_on: date
    recorded_at: datetime
    actor: UUID
    role: str
    src: str
    why: str | None  # code of the reason
    raw: str


class Timeline(msgspec.Struct, frozen=True):
    """A page of the timeline, in the order recorded."""

    items: list[TimelineItem]
    position: int
    stale: bool


class TrailItem(msgspec.Struct, frozen=True, kw_only=True):
    """Who recorded what, when, about which day, what it changed, and why."""

    position: int
    stream: UUID
    version: int
    what: str  # the event's tag
    sentence: str
    actor: UUID
    role: str
    org: UUID
    src: str
    recorded_at: datetime
    occurred_on: date
    before: dict[str, Any]
    after: dict[str, Any]
    why: str | None
    raw: str


class AuditTrail(msgspec.Struct, frozen=True):
    """A page of the audit trail: the stream's events and those about it on other streams, in the order recorded."""

    items: list[TrailItem]
    position: int
    stale: bool


def register_history(parts: Parts, blueprints: Mapping[str, ForsaBlueprint]) -> None:
    """The same two reads for every kind of stream."""
    asks = ("limit", "cursor", *MOMENT)
    for kind in KINDS.values():
        blueprint, rule, name = blueprints[kind.plural], f"/v1/{kind.plural}/<uuid:stream>", f"get-{kind.name}"
        told, traced = partial(get_timeline, parts, kind), partial(get_audit_trail, parts, kind)
        add_read(blueprint, f"{rule}/timeline", f"{name}-timeline", told, Timeline, *asks)
        add_read(blueprint, f"{rule}/audit-trail", f"{name}-audit-trail", traced, AuditTrail, *asks)


def get_timeline(parts: Parts, kind: Kind, stream: UUID) -> Response:
    """What happened, in sentences, in the order it was recorded."""
    limit, after, upto = asked_limit(), _after(parts, stream), asked_position(parts)
    wait_for_views(parts, "entries", upto=upto)
    found = parts.views.timeline(stream, upto=upto, after=after, limit=limit + 1)
    position = found.position if upto is None else upto
    sight = _admitted(parts, kind, stream, position, found.value)

    def seen(lines: Sequence[Line]) -> list[bool]:
        return facts_seen(parts, sight, [(line.version, line.facts) for line in lines])

    def on_from(line: Line) -> list[Line]:
        return parts.views.timeline(stream, upto=position, after=line.version, limit=MOST_READ).value

    told, is_last = _page(found.value, limit, seen, on_from)
    names = _names_in(parts, [line.facts for line in told])
    items = [_told(line, facts_shown(sight, line.facts), names) for line in told]
    more = None if is_last else told[-1].version
    disclose(parts, shown_of(kind, stream, sight, items), position=position)
    return answer(Timeline(items, position, found.stale), headers=_next(parts, stream, more))


def get_audit_trail(parts: Parts, kind: Kind, stream: UUID) -> Response:
    """Who did what, when it was recorded and when it occurred, before and after, and why."""
    limit, after, upto = asked_limit(), _after(parts, stream), asked_position(parts)
    wait_for_views(parts, "entries", upto=upto)
    found = parts.views.audit_trail(stream, upto=upto, after=after, limit=limit + 1)
    position = found.position if upto is None else upto
    sight = _admitted(parts, kind, stream, position, found.value)

    def seen(traces: Sequence[Trace]) -> list[bool]:
        places = [(trace.version if trace.stream == stream else None, trace.after) for trace in traces]
        return facts_seen(parts, sight, places)

    def on_from(trace: Trace) -> list[Trace]:
        return parts.views.audit_trail(stream, upto=position, after=trace.position, limit=MOST_READ).value

    traced, is_last = _page(found.value, limit, seen, on_from)
    names = _names_in(parts, [trace.after for trace in traced])
    items = [_traced(trace, sight, names) for trace in traced]
    more = None if is_last else traced[-1].position
    disclose(parts, shown_of(kind, stream, sight, items), position=position)
    return answer(AuditTrail(items, position, found.stale), headers=_next(parts, stream, more))


def _admitted(parts: Parts, kind: Kind, stream: UUID, position: int, rows: Sequence[Line | Trace]) -> Sight | None:
    """The reader's sight. Raises Refused: another kind's stream, one out of scope or not there yet is not found.

    rows: what was read as of this position; where there are any, the stream was there.
    """
    sight = admitted(parts, parts.casebook.load(kind.name, stream))
    if not rows:
        parts.casebook.load(kind.name, stream, position)
    if sight is not None and sight.level == "summary":
        raise unknown(kind.name, stream)
    return sight


def _page(
    rows: list[T], limit: int, seen: Callable[[Sequence[T]], list[bool]], on_from: Callable[[T], list[T]]
) -> tuple[list[T], bool]:
    """A full page of what is shown, and whether it is the last: what is hidden is not told, not even by its place.

    rows: the first, one more than the page if there are; on_from: the next MOST_READ after one of them.
    """
    shown: list[T] = []
    asked = limit + 1
    while True:
        shown += [each for each, is_seen in zip(rows, seen(rows), strict=True) if is_seen]
        if len(shown) > limit or len(rows) < asked:
            return shown[:limit], len(shown) <= limit
        rows, asked = on_from(rows[-1]), MOST_READ


def _told(line: Line, facts: Mapping[str, Any], names: Names) -> TimelineItem:
    return TimelineItem(
        position=line.position,
        version=line.version,
        tag=line.tag,
        sentence=_sentence(line.tag, line.on, line.why, facts, names),
        occurred_on=line.on,
        recorded_at=line.recorded_at,
        actor=line.actor,
        role=line.role,
        src=line.src,
        why=line.why,
        raw=_raw(line.tag, line.stream, line.version),
    )


def _traced(trace: Trace, sight: Sight | None, names: Names) -> TrailItem:
    after = facts_shown(sight, trace.after)
    return TrailItem(
        position=trace.position,
        stream=trace.stream,
        version=trace.version,
        what=trace.what,
        sentence=_sentence(trace.what, trace.on, trace.why, after, names),
        actor=trace.actor,
        role=trace.role,
        org=trace.org,
        src=trace.src,
        recorded_at=trace.recorded_at,
        occurred_on=trace.on,
        before=facts_shown(sight, trace.before),
        after=after,
        why=trace.why,
        raw=_raw(trace.what, trace.stream, trace.version),
    )


def _after(parts: Parts, stream: UUID) -> int:
    after: int = asked_after(parts, f"{request.endpoint} {stream}", int) or 0
    return after


def _next(parts: Parts, stream: UUID, more: int | None) -> Mapping[str, str]:
    kept = {name: request.args[name] for name in ("limit", "as_of") if name in request.args}
    return next_page(parts, f"{request.endpoint} {stream}", more, **kept)


def _raw(tag: str, stream: UUID, version: int) -> str:
    return f"{self_link(tag.partition('.')[0], stream)}/events/{version}"


def _names_in(parts: Parts, facts: Iterable[Mapping[str, Any]]) -> Names:
    """What the centres and groups that these events speak of are called: a sentence shows no ids."""
    called = {UUID(each[kind]): kind for each in facts for kind in NAMED if isinstance(each.get(kind), str)}
    streams = parts.casebook.streams.load(list(called)) if called else {}
    return {str(key): _name_of(called[key], stream) for key, stream in streams.items() if stream.events}


def _name_of(kind: str, stream: Stream) -> LocalName | str:
    """A centre's name; of a group, which has none, what is taught in it."""
    state = fold(KINDS[kind], stream.events)
    return (
        state.name
        if kind == "centre"
        else say("word.group", group_kind=state.group_kind, trade=state.trade, level=state.level)
    )


def _sentence(tag: str, on: date, why: str | None, facts: Mapping[str, Any], names: Names) -> str:
    named = {kind: names[facts[kind]] for kind in NAMED if facts.get(kind) in names}
    return say(f"event.{tag}", **{**facts, **named, "on": on, "why": why})

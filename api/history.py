"""What happened to a stream and what may happen next: timeline, audit trail, raw events, possible commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import MOMENT, answer, read_route, seen, wait_for_views
from api.blueprint import ForsaBlueprint
from api.cursors import asked_limit, next_page, read_cursor
from api.languages import say
from api.links import links_of, self_link
from api.parts import Parts
from api.permissions import sender
from api.preconditions import asked_position
from api.problems import Problem
from domain.kind import Kind
from domain.organisation import LocalName
from domain.sealed import tag_of
from domain.streams import COMMANDS, KINDS, fold


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


class EventShown(msgspec.Struct, frozen=True):
    """One event as it is stored; what is sealed stays sealed."""

    stream: UUID
    version: int
    position: int
    recorded_at: datetime
    tag: str
    event: dict[str, Any]


class ReasonShown(msgspec.Struct, frozen=True):
    """Why a command is not allowed now, and the way out."""

    code: str
    detail: str
    way_out: str
    params: dict[str, Any]


class CommandShown(msgspec.Struct, frozen=True):
    """A command on this stream: allowed to you now, or why not and what would allow it."""

    command: str
    title: str
    method: str
    href: str
    allowed: bool
    if_match: bool  # asked, because it replaces what you saw
    reasons: list[ReasonShown]


class PossibleCommands(msgspec.Struct, frozen=True):
    """Every command of the stream's kind, as its status and your roles allow them."""

    id: UUID
    version: int
    position: int
    status: str
    status_text: str
    roles: list[str]
    commands: list[CommandShown]
    links: dict[str, str]


def register_history(parts: Parts, blueprints: Mapping[str, ForsaBlueprint]) -> None:
    """The same four reads for every kind of stream."""
    for kind in KINDS.values():
        _register_entries(parts, blueprints[kind.plural], kind)
        _register_now(parts, blueprints[kind.plural], kind)


def _register_entries(parts: Parts, blueprint: ForsaBlueprint, kind: Kind) -> None:
    rule, asks = f"/v1/{kind.plural}/<uuid:stream>", ("limit", "cursor", *MOMENT)

    @read_route(blueprint, f"{rule}/timeline", f"get-{kind.name}-timeline", Timeline, *asks)
    def get_timeline(stream: UUID) -> Response:
        """What happened, in sentences, in the order it was recorded."""
        limit, after, upto = asked_limit(), _after(parts, stream), asked_position(parts)
        wait_for_views(parts, "entries")
        found = parts.views.timeline(stream, upto=upto, after=after, limit=limit + 1)
        _check_kind(parts, kind, stream, found.position if upto is None else upto)
        lines = found.value[:limit]
        names = _centre_names(parts, [line.facts for line in lines])
        items = [
            TimelineItem(
                position=line.position,
                version=line.version,
                tag=line.tag,
                sentence=_sentence(line.tag, line.on, line.why, line.facts, names),
                occurred_on=line.on,
                recorded_at=line.recorded_at,
                actor=line.actor,
                role=line.role,
                src=line.src,
                why=line.why,
                raw=_raw(line.tag, line.stream, line.version),
            )
            for line in lines
        ]
        more = lines[-1].version if len(found.value) > limit else None
        shown = Timeline(items, found.position if upto is None else upto, found.stale)
        return answer(shown, headers=_next(parts, stream, more))

    @read_route(blueprint, f"{rule}/audit-trail", f"get-{kind.name}-audit-trail", AuditTrail, *asks)
    def get_audit_trail(stream: UUID) -> Response:
        """Who did what, when it was recorded and when it occurred, before and after, and why."""
        limit, after, upto = asked_limit(), _after(parts, stream), asked_position(parts)
        wait_for_views(parts, "entries")
        found = parts.views.audit_trail(stream, upto=upto, after=after, limit=limit + 1)
        _check_kind(parts, kind, stream, found.position if upto is None else upto)
        traces = found.value[:limit]
        names = _centre_names(parts, [trace.after for trace in traces])
        items = [
            TrailItem(
                position=trace.position,
                stream=trace.stream,
                version=trace.version,
                what=trace.what,
                sentence=_sentence(trace.what, trace.on, trace.why, trace.after, names),
                actor=trace.actor,
                role=trace.role,
                org=trace.org,
                src=trace.src,
                recorded_at=trace.recorded_at,
                occurred_on=trace.on,
                before=trace.before,
                after=trace.after,
                why=trace.why,
                raw=_raw(trace.what, trace.stream, trace.version),
            )
            for trace in traces
        ]
        more = traces[-1].position if len(found.value) > limit else None
        shown = AuditTrail(items, found.position if upto is None else upto, found.stale)
        return answer(shown, headers=_next(parts, stream, more))


def _register_now(parts: Parts, blueprint: ForsaBlueprint, kind: Kind) -> None:
    rule = f"/v1/{kind.plural}/<uuid:stream>"

    @read_route(blueprint, f"{rule}/events/<int:version>", f"get-{kind.name}-event", EventShown, "at_least")
    def get_event(stream: UUID, version: int) -> Response:
        """One event as it is stored."""
        loaded, _ = seen(parts, kind.name, stream)
        if not 1 <= version <= loaded.stream.version:
            raise Problem("not-found")
        event = loaded.stream.events[version - 1]
        place = parts.log.places_of(stream, version - 1)[0]
        raw = msgspec.to_builtins(event, str_keys=True)
        return answer(EventShown(stream, version, place.position, place.recorded_at, tag_of(type(event)), raw))

    name = f"get-{kind.name}-possible-commands"

    @read_route(blueprint, f"{rule}/possible-commands", name, PossibleCommands, "at_least")
    def get_possible_commands(stream: UUID) -> Response:
        """What may be done now, and what would allow the rest."""
        loaded, position = seen(parts, kind.name, stream)
        status = loaded.kind.status_of(loaded.state)
        roles = sorted({grant.role for grant in sender().grants})
        version = loaded.state.version
        shown = PossibleCommands(
            stream,
            version,
            position,
            status,
            say(f"status.{status}"),
            roles,
            possible_commands(kind, stream, status, roles),
            links_of(kind.name, stream),
        )
        return answer(shown, version=version)


def possible_commands(kind: Kind, stream: UUID, status: str, roles: Sequence[str]) -> list[CommandShown]:
    """Every command on a stream of this kind in this status, for someone who holds these roles."""
    allowed = kind.life_cycle[status]
    shown = []
    for spec in COMMANDS:
        if spec.kind != kind.name or spec.opens_stream:
            continue
        reasons = []
        if spec.name not in allowed:
            # the texts say what the status allows; `in_status` says which statuses allow this command
            when = sorted(each for each, names in kind.life_cycle.items() if spec.name in names)
            reasons.append(
                _reason("refusal", "not-allowed-now", status=status, allowed=sorted(allowed), in_status=when)
            )
        if not set(spec.roles) & set(roles):
            reasons.append(_reason("problem", "not-your-role", roles=list(spec.roles)))
        href = f"{self_link(kind.name, stream)}/{spec.noun}"
        title = say(f"command.{spec.name}")
        shown.append(CommandShown(spec.name, title, "POST", href, not reasons, spec.replaces, reasons))
    return shown


def _reason(family: str, code: str, **params: Any) -> ReasonShown:
    return ReasonShown(code, say(f"{family}.{code}", **params), say(f"{family}.{code}.way-out", **params), params)


def _check_kind(parts: Parts, kind: Kind, stream: UUID, position: int) -> None:
    """Raises Refused(UnknownStream) for a stream that is of another kind, or was not there yet."""
    parts.casebook.load(kind.name, stream, position)


def _after(parts: Parts, stream: UUID) -> int:
    text = request.args.get("cursor")
    after: int = 0 if text is None else read_cursor(parts, f"{request.endpoint} {stream}", text, int)
    return after


def _next(parts: Parts, stream: UUID, more: int | None) -> Mapping[str, str]:
    kept = {name: request.args[name] for name in ("limit", "as_of") if name in request.args}
    return next_page(parts, f"{request.endpoint} {stream}", more, **kept)


def _raw(tag: str, stream: UUID, version: int) -> str:
    return f"{self_link(tag.partition('.')[0], stream)}/events/{version}"


def _centre_names(parts: Parts, facts: Iterable[Mapping[str, Any]]) -> dict[str, LocalName]:
    """The names of the centres these events speak of: a sentence shows no ids."""
    ids = list(dict.fromkeys(UUID(each["centre"]) for each in facts if isinstance(each.get("centre"), str)))
    streams = parts.casebook.streams.load(ids) if ids else {}
    return {str(key): fold(KINDS["centre"], stream.events).name for key, stream in streams.items()}


def _sentence(
    tag: str, on: date, why: str | None, facts: Mapping[str, Any], centre_names: Mapping[str, LocalName]
) -> str:
    centre = {"centre": centre_names[facts["centre"]]} if facts.get("centre") in centre_names else {}
    return say(f"event.{tag}", **{**facts, **centre, "on": on, "why": why})

"""What stands on a stream and what may be done with it now: its raw events, and every command with why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from flask import Response

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint
from api.disclosing import disclose, shown_of
from api.languages import say
from api.links import links_of, self_link
from api.parts import Parts
from api.permissions import sender
from api.problems import Problem
from api.remedies import Remedy, remedies_of
from api.scopes import is_actable
from api.seeing import facts_seen, facts_shown, seen
from domain.access import Sight
from domain.casebook import Loaded
from domain.kind import CommandSpec, Kind
from domain.sealed import tag_of
from domain.streams import COMMANDS, KINDS


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
    acts: list[Remedy]  # what makes it right; empty where no command does


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


def register_possible(parts: Parts, blueprints: Mapping[str, ForsaBlueprint]) -> None:
    """The same two reads for every kind of stream."""
    for kind in KINDS.values():
        blueprint, rule, name = blueprints[kind.plural], f"/v1/{kind.plural}/<uuid:stream>", f"get-{kind.name}"
        raw, possible = partial(get_event, parts, kind), partial(get_possible_commands, parts, kind)
        add_read(blueprint, f"{rule}/events/<int:version>", f"{name}-event", raw, EventShown, "at_least")
        path, name = f"{rule}/possible-commands", f"{name}-possible-commands"
        add_read(blueprint, path, name, possible, PossibleCommands, "at_least")


def get_event(parts: Parts, kind: Kind, stream: UUID, version: int) -> Response:
    """One event as it is stored."""
    loaded, position, sight = seen(parts, kind.name, stream)
    if not 1 <= version <= loaded.stream.version:
        raise Problem("not-found")
    event = loaded.stream.events[version - 1]
    stored = msgspec.to_builtins(event, str_keys=True)
    if not all(facts_seen(parts, sight, [(version, stored)])):
        raise Problem("not-found")
    place = parts.log.places_of(stream, version - 1)[0]
    raw = facts_shown(sight, stored)
    disclose(parts, shown_of(kind, stream, sight, stored), position=position)
    return answer(EventShown(stream, version, place.position, place.recorded_at, tag_of(type(event)), raw))


def get_possible_commands(parts: Parts, kind: Kind, stream: UUID) -> Response:
    """What may be done now, and what would allow the rest."""
    loaded, position, sight = seen(parts, kind.name, stream)
    status, version = loaded.kind.status_of(loaded.state), loaded.state.version
    roles = sorted({grant.role for grant in sender().grants})
    shown = PossibleCommands(
        id=stream,
        version=version,
        position=position,
        status=status,
        status_text=say(f"status.{status}"),
        roles=roles,
        commands=possible_commands(parts, _whole(parts, loaded, sight), status),
        links=links_of(kind.name, stream),
    )
    disclose(parts, shown_of(kind, stream, sight), position=position)
    return answer(shown, version=version)


def _whole(parts: Parts, loaded: Loaded, sight: Sight | None) -> Loaded:
    """The whole stream: whose it is now is asked of it, also where a former centre is shown its own episode alone."""
    return loaded if sight is None or sight.upto is None else parts.casebook.load(loaded.kind.name, loaded.stream.id)


def possible_commands(parts: Parts, loaded: Loaded, status: str) -> list[CommandShown]:
    """Every command on this stream in this status, for the sender."""
    kind, stream = loaded.kind, loaded.stream.id
    shown = []
    for spec in COMMANDS:
        if spec.kind != kind.name or spec.opens_stream:
            continue
        reasons = _against(parts, spec, loaded, status)
        href = f"{self_link(kind.name, stream)}/{spec.noun}"
        title = say(f"command.{spec.name}")
        shown.append(CommandShown(spec.name, title, "POST", href, not reasons, spec.replaces, reasons))
    return shown


def _against(parts: Parts, spec: CommandSpec, loaded: Loaded, status: str) -> list[ReasonShown]:
    """Why the sender may not do it now: the status, the role, the scope."""
    life_cycle = loaded.kind.life_cycle
    allowed = life_cycle[status]
    reasons = []
    if spec.name not in allowed:
        # the texts say what the status allows; `in_status` says which statuses allow this command
        when = sorted(each for each, names in life_cycle.items() if spec.name in names)
        reasons.append(
            _reason(spec, loaded, "refusal.not-allowed-now", status=status, allowed=sorted(allowed), in_status=when)
        )
    grants = [each for each in sender().grants if each.role in spec.roles and each.scope != "learner"]
    if not grants:
        reasons.append(_reason(spec, loaded, "problem.not-your-role", roles=list(spec.roles)))
    elif not is_actable(parts, grants, loaded, spec.name):
        reasons.append(_reason(spec, loaded, "problem.not-in-your-scope"))
    return reasons


def _reason(spec: CommandSpec, loaded: Loaded, key: str, **params: Any) -> ReasonShown:
    code = key.partition(".")[2]
    acts = remedies_of(code, params, spec.name, {spec.stream: loaded.stream.id})
    way_out = say(f"{key}.way-out", **params, acts=[each.command for each in acts])
    return ReasonShown(code, say(key, **params), way_out, params, acts)

"""Reads of learners."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from flask import Response
from flask_smorest import Blueprint

from api.answers import MOMENT, answer, read_route, seen
from api.languages import say
from api.links import links_of
from api.parts import Parts
from api.permissions import sender
from api.problems import Problem
from domain.kind import Kind
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


class CommandShown(msgspec.Struct, frozen=True):
    """A command on this stream: allowed to you now, or why not and what would allow it."""

    command: str
    title: str
    method: str
    href: str
    allowed: bool
    if_match: bool  # asked, because it replaces what you saw
    reasons: list[ReasonShown]


class ReasonShown(msgspec.Struct, frozen=True):
    """Why a command is not allowed now, and the way out."""

    code: str
    detail: str
    way_out: str


class PossibleCommands(msgspec.Struct, frozen=True):
    """Every command of the stream's kind, as its status and your role allow them."""

    id: UUID
    version: int
    position: int
    status: str
    status_text: str
    roles: list[str]
    commands: list[CommandShown]
    links: dict[str, str]


def register_learners(parts: Parts, blueprint: Blueprint) -> None:
    """The routes of reading learners."""
    _later(parts, blueprint)

    @read_route(
        blueprint, "/v1/learners/<uuid:learner>/events/<int:version>", "get-event", EventShown, "at_least"
    )
    def get_event(learner: UUID, version: int) -> Response:
        """One event as it is stored."""
        loaded, _ = seen(parts, "learner", learner)
        if not 1 <= version <= loaded.stream.version:
            raise Problem("not-found")
        event = loaded.stream.events[version - 1]
        place = parts.log.places_of(learner, version - 1)[0]
        raw = msgspec.to_builtins(event, builtin_types=(UUID,), str_keys=True)
        return answer(EventShown(learner, version, place.position, place.recorded_at, tag_of(type(event)), raw))

    @read_route(
        blueprint, "/v1/learners/<uuid:learner>/possible-commands", "get-possible-commands", PossibleCommands, "at_least"
    )
    def get_possible_commands(learner: UUID) -> Response:
        """What may be done now, and what would allow the rest."""
        loaded, position = seen(parts, "learner", learner)
        status = loaded.kind.status_of(loaded.state)
        roles = sorted({grant.role for grant in sender().grants})
        commands = possible_commands(loaded.kind, learner, status, roles)
        version = loaded.state.version
        shown = PossibleCommands(learner, version, position, status, say(f"status.{status}"), roles, commands,
                                 links_of("learner", learner))  # fmt: skip
        return answer(shown, version=version)


def possible_commands(kind: Kind, stream: UUID, status: str, roles: list[str]) -> list[CommandShown]:
    """Every command on a stream of this kind in this status for someone who holds these roles."""
    shown = []
    for spec in COMMANDS:
        if spec.kind != kind.name or spec.opens_stream:
            continue
        reasons = []
        if spec.name not in kind.life_cycle[status]:
            statuses = [each for each, allowed in kind.life_cycle.items() if spec.name in allowed]
            reasons.append(_reason("not-allowed-now", "refusal", status=status, allowed=sorted(kind.life_cycle[status])))
        if not set(spec.roles) & set(roles):
            reasons.append(_reason("not-your-role", "problem", roles=list(spec.roles)))
        href = f"/v1/{kind.plural}/{stream}/{spec.noun}"
        shown.append(CommandShown(spec.name, say(f"command.{spec.name}"), "POST", href, not reasons, spec.replaces, reasons))
    return shown


def _reason(code: str, family: str, **params: Any) -> ReasonShown:
    key = f"{family}.{code}"
    return ReasonShown(code, say(key, **params), say(f"{key}.way-out", **params))


def _later(parts: Parts, blueprint: Blueprint) -> None:
    for rule, name, method in (
        ("/v1/learners", "list-learners", "GET"),
        ("/v1/learners/<uuid:learner>", "get-learner", "GET"),
        ("/v1/learners/<uuid:learner>/timeline", "get-timeline", "GET"),
        ("/v1/learners/<uuid:learner>/audit-trail", "get-audit-trail", "GET"),
        ("/v1/learner-searches", "search-learners", "POST"),
    ):
        @read_route(blueprint, rule, name, PossibleCommands, method=method)
        def view(**_: Any) -> Response:
            """Later."""
            raise Problem("unavailable")

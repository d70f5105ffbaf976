"""The routes of commands: one POST a row of `domain.streams.COMMANDS`, and nothing a command has to add here.

Authenticate → authorise → look the command id up → If-Match → decide → append. The answer is rendered from places in
the log alone, so a retry gets the very answer that was lost.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from flask import Response, g

from api.blueprint import ForsaBlueprint
from api.bodies import ids_in
from api.disclosing import disclose
from api.examples import EXAMPLES
from api.links import links_of, self_link
from api.parts import Parts
from api.permissions import sender
from api.preconditions import command_key, correlation, expected_version
from api.problems import CREATED, UNCHANGED, Problem
from api.remedies import remember_ids
from api.schema_of import NEW_ID, command_of, schema_of
from api.scopes import OutOfScope, in_scope
from api.seeing import sight_on
from domain.casebook import Answer, CommandKey, CommandRow
from domain.errors import CommandKnown, Conflict, OtherBody, Refused, RuleBroken, StaleVersion, UnknownStream
from domain.event import By
from domain.kind import Command, CommandSpec
from domain.learner.standing import standing_of
from domain.parameter import NATIONAL
from domain.sealed import tag_of
from domain.streams import COMMANDS, KINDS, fold, kind_of_stream


class Recorded(msgspec.Struct, frozen=True):
    """One event that a command recorded."""

    stream: UUID
    kind: str
    version: int
    tag: str


class CommandAnswer(msgspec.Struct, frozen=True):
    """What a command did: nothing when `events` is empty. Reads with `at_least` = position see it."""

    position: int | None
    ids: dict[str, UUID]  # of the stream, and of what was made on it
    events: list[Recorded]
    links: dict[str, str]


def register_commands(parts: Parts, blueprints: Mapping[str, ForsaBlueprint]) -> None:
    """Every command has its route, on the blueprint of its kind's plural."""
    for spec in COMMANDS:
        _register(parts, blueprints[KINDS[spec.kind].plural], spec)


def rule_of(spec: CommandSpec) -> str:
    """The command's URL: what is posted, under its stream."""
    plural = KINDS[spec.kind].plural
    return f"/v1/{plural}" if spec.opens_stream else f"/v1/{plural}/<uuid:{spec.stream}>/{spec.noun}"


def _register(parts: Parts, blueprint: ForsaBlueprint, spec: CommandSpec) -> None:
    @blueprint.body(schema_of(spec), EXAMPLES[spec.command.__name__])
    def decided(sent: dict[str, Any], key: CommandKey, **path: UUID) -> Response:
        return _execute(parts, spec, sent, path, key)

    @functools.wraps(decided)
    def posted(**path: UUID) -> Response:
        key = command_key(parts, sender().worker)
        if row := _known(parts, key):
            return _answer_again(parts, spec, row, path)
        expected_version(must=spec.replaces)
        return decided(key=key, **path)

    posted.__doc__ = spec.command.__doc__
    said = {"x-answer": CommandAnswer, "x-command": spec.replaces}
    blueprint.add(posted, rule_of(spec), "POST", spec.name, **said)


def _execute(
    parts: Parts, spec: CommandSpec, sent: Mapping[str, Any], path: Mapping[str, UUID], key: CommandKey
) -> Response:
    if spec.kind == "parameter" and path[spec.stream] != NATIONAL:
        raise Problem("not-found")  # any id would do for a kind that exists before its first event
    remember_ids({**sent, **path})
    command = command_of(spec, sent, {**_made_ids(parts, spec, sent), **path})
    expected = expected_version(must=spec.replaces)
    try:
        answer = _in_some_role(parts, command, key, expected)
    except Refused as refused:
        raise Refused(*(_where_it_stands(broken, sent) for broken in refused.broken)) from None
    except CommandKnown as known:
        return _answer_again(parts, spec, _row_of(parts, known, key), path)
    except OtherBody:
        raise Problem("idempotency-key-reused") from None
    except StaleVersion as stale:
        if expected is None:
            raise Problem("unavailable") from None  # three attempts, each overtaken
        raise _missed(parts, spec, stale) from None
    except Conflict:
        raise Problem("unavailable") from None
    return _answered(parts, spec, answer, command)


def _in_some_role(parts: Parts, command: Command, key: CommandKey, expected: int | None) -> Answer:
    """The command done in the first of the sender's roles whose scope covers it."""
    who = sender()
    refused: Exception | None = None
    for role, org, grants in who.parts_to_play():
        by = By(actor=who.worker, role=role, org=org, src="api", corr=correlation())
        try:
            return parts.casebook.execute(
                command, by, key=key, expected_version=expected, check=in_scope(parts, grants)
            )
        except OutOfScope as outside:
            refused = refused or outside.said
    raise refused or Problem("not-in-your-scope")  # an emergency access alone: it is for reading


def _where_it_stands(broken: RuleBroken, sent: Mapping[str, Any]) -> RuleBroken:
    """An unknown id points at its place in the body, where the domain named it by what it reads (`/learners/3`)."""
    if not isinstance(broken, UnknownStream) or not broken.pointer or broken.pointer.split("/")[1] in sent:
        return broken
    place = next((pointer for pointer, value in ids_in(sent) if value == broken.id), broken.pointer)
    return msgspec.structs.replace(broken, pointer=place)


def _made_ids(parts: Parts, spec: CommandSpec, sent: Mapping[str, Any]) -> dict[str, UUID]:
    """Ids of new things that the client left to us."""
    names = [NEW_ID[spec.command]] if spec.command in NEW_ID else []
    names += [spec.stream] if spec.opens_stream else []
    return {name: sent.get(name) or parts.new_id() for name in names}


def _known(parts: Parts, key: CommandKey) -> CommandRow | None:
    row = parts.casebook.streams.find_command(key.subject, key.id)
    if row is not None and row.key.body != key.body:
        raise Problem("idempotency-key-reused")
    return row


def _row_of(parts: Parts, known: CommandKnown, key: CommandKey) -> CommandRow:
    row: CommandRow | None = known.args[0] if known.args else _known(parts, key)
    if row is None:
        raise Problem("unavailable")
    return row


def _answered(parts: Parts, spec: CommandSpec, answer: Answer, command: Command) -> Response:
    stream: UUID = getattr(command, spec.stream)
    ids = {spec.stream: stream}
    if spec.command in NEW_ID:
        ids[NEW_ID[spec.command]] = getattr(command, NEW_ID[spec.command])
    events = [_recorded(each.stream, each.version, tag_of(type(each.event))) for each in answer.events]
    version = None
    if not events:  # the version it left as it was; never asked again from a stored row
        version = parts.casebook.streams.load([stream])[stream].version
    return _rendered(spec, stream, answer.position, events, ids, version)


def _answer_again(parts: Parts, spec: CommandSpec, row: CommandRow, path: Mapping[str, UUID]) -> Response:
    """The first answer, from the places of the events it stored."""
    places = parts.log.places_between(row.first_position, row.last_position)
    stream = path.get(spec.stream) or places[0].stream  # the first event of an opening command opens the stream
    ids = {spec.stream: stream}
    if spec.command in NEW_ID:
        version = next(each.version for each in places if each.stream == stream)
        event = parts.casebook.streams.load([stream])[stream].events[version - 1]
        ids[NEW_ID[spec.command]] = getattr(event, NEW_ID[spec.command])
    events = [_recorded(each.stream, each.version, each.tag) for each in places]
    return _rendered(spec, stream, row.last_position, events, ids, None)


def _recorded(stream: UUID, version: int, tag: str) -> Recorded:
    return Recorded(stream, tag.partition(".")[0], version, tag)


def _rendered(
    spec: CommandSpec,
    stream: UUID,
    position: int | None,
    events: Sequence[Recorded],
    ids: dict[str, UUID],
    version: int | None,
) -> Response:
    answer = CommandAnswer(position, ids, list(events), links_of(spec.kind, stream))
    g.position = position  # for the line of this request: by it the log and the projector are found
    response = Response(msgspec.json.encode(answer), CREATED if events else UNCHANGED, mimetype="application/json")
    reached = max((each.version for each in events if each.stream == stream), default=version)
    if reached is not None:
        response.set_etag(str(reached))
    if events:
        response.headers["Location"] = self_link(spec.kind, stream)
    return response


def _missed(parts: Parts, spec: CommandSpec, stale: StaleVersion) -> Problem:
    """What happened to the stream since the sender saw it: who recorded what, when. A look at a learner, if it is."""
    stream = parts.casebook.streams.load([stale.stream])[stale.stream]
    if stream.events and (kind := kind_of_stream(stream.events[0])).name == "learner":
        disclose(parts, {stream.id: sight_on(parts, stream.id, standing_of(fold(kind, stream.events)))})
    recorded_at = {each.version: each.recorded_at for each in parts.log.places_of(stale.stream, stale.expected)}
    missed = [
        {"version": version, "tag": tag_of(type(event)), "actor": event.by.actor, "role": event.by.role,
         "occurred_on": event.on, "recorded_at": recorded_at.get(version)}
        for version, event in enumerate(stream.events, 1)
        if version > stale.expected
    ]  # fmt: skip
    return Problem(
        "stale-version",
        params={"expected": stale.expected, "actual": stale.actual},
        more={"current_version": stale.actual, "missed": missed, "links": links_of(spec.kind, stale.stream)},
        headers={"ETag": f'"{stale.actual}"'},
    )

"""Reads of the small kinds of streams, straight from the log, as far as their reader may see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from flask import Response

from api.answers import MOMENT, add_read, answer
from api.blueprint import ForsaBlueprint
from api.disclosing import disclose, learners_in, mentioned
from api.links import links_of
from api.parts import Parts
from api.permissions import WRITES, sender
from api.problems import Problem
from api.scopes import is_actable
from api.seeing import knows_names, names_shown, seats_shown, seen
from api.states import SHOWN, DiplomaSessionShown, GroupShown, OrganisationShown
from domain.casebook import Loaded
from domain.parameter import NATIONAL
from domain.streams import KINDS

T = TypeVar("T")
REVIEWERS: Final = WRITES["organisations.review-emergency-access"]


class StreamAnswer(msgspec.Struct, Generic[T], frozen=True):
    """A stream's state as of `position`."""

    id: UUID
    version: int
    position: int
    status: str
    state: T
    links: dict[str, str]


def _within_sight(parts: Parts, loaded: Loaded, state: Any) -> Any:
    """A session without the candidates of centres that are not the sender's, unless they are the authority's agent.

    A group without the learners that an auditor's mission is not about, an organisation without the emergency accesses
    that are not the sender's to review.
    """
    if isinstance(state, OrganisationShown):
        reviewing = [each for each in sender().grants if each.role in REVIEWERS and each.scope != "learner"]
        is_theirs = bool(reviewing) and is_actable(parts, reviewing, loaded, "review-emergency-access")
        return state if is_theirs else msgspec.structs.replace(state, emergencies=[])
    if isinstance(state, GroupShown):
        shows = seats_shown(parts, state.centre, {each.learner for each in state.seats})
        return msgspec.structs.replace(
            state, seats=[each for each in state.seats if shows(each.learner, each.enrolment)]
        )
    if not isinstance(state, DiplomaSessionShown) or any(
        each.org == state.authority and each.role == "en_agent" for each in sender().acting
    ):
        return state
    if not knows_names():  # a candidate's number stands on their papers
        return msgspec.structs.replace(state, candidates=[])
    shows = names_shown(parts, {each.learner for each in state.candidates})
    mine = [each for each in state.candidates if shows(each.learner, each.enrolment)]
    return msgspec.structs.replace(state, candidates=mine)


def _answer_of(shown: Any) -> Any:
    return StreamAnswer[shown]  # a type made at run time, for the document alone


def register_kinds(parts: Parts, blueprints: Mapping[str, ForsaBlueprint]) -> None:
    """Every kind but the learner answers GET with its state."""
    for name in SHOWN:
        _register(parts, blueprints[KINDS[name].plural], name)


def _register(parts: Parts, blueprint: ForsaBlueprint, name: str) -> None:
    of, shown = SHOWN[name]

    def get(stream: UUID) -> Response:
        if name == "parameter" and stream != NATIONAL:
            raise Problem("not-found")  # any id would do for a kind that exists before its first event
        loaded, position, _ = seen(parts, name, stream)
        status, version = loaded.kind.status_of(loaded.state), loaded.state.version
        body = StreamAnswer(
            stream, version, position, status, _within_sight(parts, loaded, shown(loaded.state)), links_of(name, stream)
        )
        disclose(parts, mentioned(learners_in(body.state)), position=position)
        return answer(body, version=version)

    get.__doc__ = of.__doc__
    add_read(blueprint, f"/v1/{KINDS[name].plural}/<uuid:stream>", f"get-{name}", get, _answer_of(of), *MOMENT)

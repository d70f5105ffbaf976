"""The two closed tables: kinds of streams with their events, and commands. Adding either is a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain import centre, convention, diploma_session, granting, group, organisation, parameter, worker
from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command, CommandSpec, Kind
from domain.learner import state as learner
from domain.learner.deciding import (
    admission,
    diploma,
    identification,
    leaving,
    minutes,
    privacy,
    register,
    review,
    training,
    transfer,
)
from domain.learner.register import RegisterNumberInUse
from domain.sealed import tag_of

KINDS: Final[Mapping[str, Kind]] = {
    module.KIND.name: module.KIND
    for module in (organisation, worker, parameter, convention, centre, group, learner, diploma_session)
}

# ⚓ every tag ever stored; a class may be retired from deciding, its line here never goes
EVENTS: Final[Mapping[str, type[Event]]] = {tag_of(each): each for kind in KINDS.values() for each in kind.events}

KIND_OF: Final[Mapping[type[Event], Kind]] = {each: kind for kind in KINDS.values() for each in kind.events}

COMMANDS: Final[tuple[CommandSpec, ...]] = tuple(
    spec
    for module in (
        organisation,
        granting,
        worker,
        parameter,
        convention,
        centre,
        group,
        identification,
        admission,
        training,
        diploma_session,
        diploma,
        minutes,
        register,
        leaving,
        transfer,
        privacy,
        review,
    )
    for spec in module.COMMANDS
)

_BY_CLASS: Final[Mapping[type[Command], CommandSpec]] = {spec.command: spec for spec in COMMANDS}


def spec_of(command: Command) -> CommandSpec:
    """The command's table row."""
    return _BY_CLASS[type(command)]


def kind_of_stream(first: Event) -> Kind:
    """The kind of a stream, decided by its first event."""
    return KIND_OF[type(first)]


def fold(kind: Kind, events: Iterable[Event]) -> Any:
    """What these events of one stream add up to, from the kind's empty state."""
    state: Any = kind.empty
    for version, event in enumerate(events, 1):
        state = kind.evolve(state, event, version)
    return state


class MassarInUse(RuleBroken, frozen=True, kw_only=True):
    """Another learner holds this Massar code: perhaps the same person. Who it is, is not said here."""

    RULE = 4


class LoginInUse(RuleBroken, frozen=True, kw_only=True):
    """Another worker is bound to this login."""


class FileNumberInUse(RuleBroken, frozen=True, kw_only=True):
    """No free file number was drawn; sent again, another is drawn."""


REDRAWN: Final = frozenset({"file-number"})  # claims whose value the casebook draws anew

_CLAIM_REFUSALS: Final[Mapping[str, type[RuleBroken]]] = {
    "massar": MassarInUse,
    "register-number": RegisterNumberInUse,
    "login": LoginInUse,
    "file-number": FileNumberInUse,
}


def claim_refusal(kind: str) -> RuleBroken:
    """The refusal that says a claim of this kind is held by another stream."""
    return _CLAIM_REFUSALS[kind]()

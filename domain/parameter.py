"""The parameter stream of a scope: what an authority set, from when. The national one is a singleton."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid5

import msgspec

from domain.codes import Texts
from domain.errors import RuleBroken, UnknownCode, UnknownStream, refuse_if
from domain.event import Event
from domain.kind import Act, Changes, Command, CommandSpec, Kind, State, evolve_by
from domain.parameters import DEFINITIONS, BadParameter, Parameters, Setting, read_value

# ⚓ the fixed namespace of every singleton stream
SINGLETONS = UUID("5f0b9c1e-6a53-4f0e-9d6b-0a6f6f727361")


def parameter_stream(scope: str) -> UUID:
    """The stream of a scope's parameters: `national`, or a region's or convention's own key."""
    return uuid5(SINGLETONS, f"parameter:{scope}")


NATIONAL = parameter_stream("national")


class ParameterSet(Event, frozen=True, kw_only=True, tag="parameter.set"):
    """An authority set a parameter from a day on."""

    name: str
    scope: str
    value: str  # read by its definition's type
    valid_from: date
    authority: str  # reference of the deciding act


class Parameter(State, frozen=True, kw_only=True):
    """The settings of one scope, by name, in the order they were made."""

    values: Parameters = Parameters()


def _set(state: Parameter, event: ParameterSet, version: int) -> Parameter:
    made = (*state.values.settings.get(event.name, ()), Setting(event.valid_from, event.value, version))
    return msgspec.structs.replace(state, values=Parameters({**state.values.settings, event.name: made}, version))


class SetParameter(Command, frozen=True, kw_only=True):
    """Set a parameter from a day on."""

    parameter: UUID = NATIONAL
    name: str
    value: str
    valid_from: date
    authority: str

    def earliest_date(self) -> date | None:
        """The day the value holds from."""
        return self.valid_from


class NotAParameterValue(RuleBroken, frozen=True, kw_only=True):
    """The text is not a value of this parameter."""

    name: str
    value: str
    expected: str


def set_parameter(command: SetParameter, act: Act, *, parameter: Parameter) -> Changes:
    """The parameter holds from that day on. Refuses UnknownStream, UnknownCode, NotAParameterValue, TextUnreadable."""
    texts = Texts()
    authority = texts.read(command.authority, "/authority")
    refuse_if(*texts.broken)
    if command.parameter != NATIONAL:
        refuse_if(UnknownStream(kind="parameter", id=command.parameter))
    if command.name not in DEFINITIONS:
        refuse_if(UnknownCode(pointer="/name", list="parameter", value=command.name))
    try:
        read_value(command.name, command.value)
    except BadParameter as bad:
        refuse_if(NotAParameterValue(pointer="/value", name=command.name, value=command.value, expected=bad.expected))
    last = parameter.values.settings.get(command.name, ())[-1:]
    if [(each.valid_from, each.value) for each in last] == [(command.valid_from, command.value)]:
        return []
    event = act.event(ParameterSet, command, scope="national", authority=authority)
    return [(command.parameter, event)]


KIND = Kind(
    name="parameter",
    plural="parameters",
    empty=Parameter(),
    first=ParameterSet,
    evolve=evolve_by({ParameterSet: _set}),
    events=(ParameterSet,),
    singleton=True,
    status_of=lambda _state: "open",
    life_cycle={"open": frozenset({"set-parameter"})},
)

COMMANDS = (
    CommandSpec(
        command=SetParameter,
        decide=set_parameter,
        kind="parameter",
        stream="parameter",
        noun="settings",
        roles=("ministry", "operator"),
    ),
)

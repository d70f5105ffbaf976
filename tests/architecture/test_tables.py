"""The closed tables hold together: events, kinds, commands, life cycles."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, get_type_hints

import msgspec
import pytest

from domain.event import By
from domain.kind import Command, CommandSpec, Kind
from domain.learner.state import EVOLVE
from domain.reference import code_list
from domain.sealed import tag_of
from domain.streams import COMMANDS, EVENTS, KINDS
from tests.architecture.refusals import REFUSALS, modules_of_domain
from tests.contracts.golden import EVENTS_DIR, file_of
from tests.runtime.test_stored_form import stored_classes, wrong_in

TAG = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
each_command = pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_class_stands_in_the_table_under_the_tag_it_states_itself() -> None:
    modules_of_domain()
    assert {tag_of(each): each for each in stored_classes()} == dict(EVENTS)
    for tag, event_class in EVENTS.items():
        assert TAG.fullmatch(tag), tag
        assert f'tag="{tag}"' in inspect.getsource(event_class), "a tag is written out, never derived from a class name"


def test_nothing_is_stored_that_a_later_release_could_not_read() -> None:
    assert {tag: wrong for tag, each in EVENTS.items() if (wrong := wrong_in(each))} == {}


def test_every_tag_has_a_golden_file() -> None:
    assert [tag for tag in EVENTS if not file_of(EVENTS_DIR, tag).exists()] == []


def test_a_tag_belongs_to_one_kind_and_starts_with_its_name() -> None:
    for kind in KINDS.values():
        for event_class in kind.events:
            assert tag_of(event_class).split(".")[0] == kind.name
    assert [
        tag for tag, count in Counter(tag_of(e) for k in KINDS.values() for e in k.events).items() if count > 1
    ] == []


@each_kind
def test_every_event_of_a_kind_has_its_place_in_the_evolve_table(kind: Kind) -> None:
    assert set(evolve_table(kind)) == set(kind.events)
    assert kind.first in kind.events


def evolve_table(kind: Kind) -> dict[Any, Any]:
    """The table behind a kind's evolve function: the one it closes over, or the learner's."""
    if kind.name == "learner":
        return dict(EVOLVE)
    return dict(inspect.getclosurevars(kind.evolve).nonlocals["table"])


# Not None, and always stored since the first release that had the field: what is absent cannot read as them.
DEFAULTS_THAT_ARE_STORED = {("Identity", "birth_certainty"), ("Identity", "identifiers"), ("Evidence", "witnesses")}


def test_a_default_that_is_not_stored_is_none() -> None:
    """An absent field means *not recorded then*; any other default would be an answer nobody gave."""
    for struct in stored_structs():
        for field in msgspec.structs.fields(struct):
            has_default = field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
            if has_default and field.default is not None and field.default is not msgspec.UNSET:
                assert (struct.__name__, field.name) in DEFAULTS_THAT_ARE_STORED
                assert not struct.__struct_config__.omit_defaults
    assert By.__struct_config__.omit_defaults


def stored_structs() -> set[type[msgspec.Struct]]:
    """Every struct that stands in an event, or inside a sealed field of one."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = list(EVENTS.values())
    while waiting:
        part = waiting.pop()
        waiting += getattr(part, "__args__", ())
        if isinstance(part, type) and issubclass(part, msgspec.Struct) and part not in found:
            found.add(part)
            waiting += get_type_hints(part).values()
    return found


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_command_has_one_row() -> None:
    modules_of_domain()
    classes = [each for each in Command.__subclasses__() if each.__module__.startswith("domain.")]
    assert Counter(spec.command for spec in COMMANDS) == Counter(classes)


def test_a_noun_is_posted_under_one_kind_once() -> None:
    assert [at for at, count in Counter((spec.kind, spec.noun) for spec in COMMANDS).items() if count > 1] == []
    assert [kind.name for kind in KINDS.values() if kind.plural == kind.name] == []


@each_command
def test_a_command_is_allowed_in_at_least_one_status_of_its_kind_and_of_no_other(spec: CommandSpec) -> None:
    allowing = {kind.name for kind in KINDS.values() for names in kind.life_cycle.values() if spec.name in names}
    assert allowing == {spec.kind}


@each_command
def test_a_command_that_opens_a_stream_is_allowed_before_its_first_event_and_no_other_is(spec: CommandSpec) -> None:
    kind = KINDS[spec.kind]
    before = kind.life_cycle[kind.status_of(kind.empty)]
    assert (spec.name in before) == (spec.opens_stream or kind.singleton)


@each_command
def test_the_stream_of_a_command_is_one_of_its_fields(spec: CommandSpec) -> None:
    assert spec.stream in spec.command.__struct_fields__
    assert spec.stream == spec.kind.replace("-", "_")


@each_command
def test_decide_is_given_what_it_names(spec: CommandSpec) -> None:
    """Its own state, what `reads` loads, and what `opens` opens: nothing else reaches decide."""
    command, act, *wanted = inspect.signature(spec.decide).parameters.values()
    assert (command.name, act.name) == ("command", "act")
    assert {each.kind for each in wanted} <= {inspect.Parameter.KEYWORD_ONLY}
    known = {spec.stream, *spec.opens, *names_in(spec.reads)}
    assert {each.name for each in wanted} <= known


def names_in(function: Callable[..., Any]) -> set[str]:
    """Every text in a function's code, and in the functions of its module it calls."""
    found, waiting, seen = set[str](), [function], set[Any]()
    while waiting:
        each = waiting.pop()
        if each in seen or not inspect.isfunction(each):
            continue
        seen.add(each)
        found |= set(texts_in(each.__code__.co_consts))
        waiting += [each.__globals__[name] for name in each.__code__.co_names if name in each.__globals__]
    return found


def texts_in(constants: tuple[Any, ...]) -> Iterator[str]:
    """The texts among constants, those of tuples and nested functions too."""
    for each in constants:
        if isinstance(each, str):
            yield each
        elif isinstance(each, tuple):
            yield from texts_in(each)
        elif isinstance(each, CodeType):
            yield from texts_in(each.co_consts)


@each_command
def test_who_may_is_said_in_roles_of_the_role_list(spec: CommandSpec) -> None:
    assert spec.roles
    assert set(spec.roles) <= set(code_list("role").codes)


# ── life cycles ──────────────────────────────────────────────────────────────────────────────────────────────────────


@each_kind
def test_a_life_cycle_is_total_over_the_statuses_its_kind_may_have(kind: Kind) -> None:
    """And has no status that cannot be: the texts in the code of `status_of` are its answers."""
    answers = set(texts_in(kind.status_of.__code__.co_consts)) - {kind.status_of.__doc__}
    assert answers == set(kind.life_cycle)


@each_kind
def test_a_life_cycle_names_commands_only(kind: Kind) -> None:
    named = set().union(*kind.life_cycle.values())
    assert named <= {spec.name for spec in COMMANDS}


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_refusal_has_a_code_of_its_own_and_a_rule_of_the_list() -> None:
    names = [each.__name__ for each in REFUSALS]
    assert sorted(names) == sorted(set(names)), "a code is made of the class name"
    assert [each.__name__ for each in REFUSALS if not 0 <= each.RULE <= 49] == []


def test_a_refusal_holds_ids_codes_dates_and_numbers_only() -> None:
    allowed = {"str", "int", "UUID", "list[str]", "list[int]"}
    for refusal in REFUSALS:
        hints = {name: hint for name, hint in refusal.__annotations__.items() if name not in ("pointer", "RULE")}
        assert set(hints.values()) <= allowed, refusal

"""The life cycle: which acts each status allows, and that long walks through it keep what the rules promise.

`FORSA_WALKS` is the number of walks (2,000 unless set).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as over
from hypothesis import strategies as st

from domain.casebook import NewEvent
from domain.errors import NotAllowedNow
from domain.event import Event
from domain.kind import command_name
from domain.learner.deciding.privacy import carried_out
from domain.learner.diploma import DiplomaAwarded, values_of
from domain.learner.state import LIFE_CYCLE, Learner, status_of
from domain.sealed import Clear, Sealed, sealed_at, sealed_fields, tag_of
from domain.streams import COMMANDS, EVENTS, KINDS, fold, kind_of_stream
from domain.values import month_of
from tests.examples import commands, path
from tests.examples.path import AMINA
from tests.examples.people import OPERATOR
from tests.examples.places import SESSION, SESSION_OPENED, WORLD, History
from tests.examples.walks import MOVES, SHARED, STEPS, Step, Walk, World
from tests.scenario import Outcome, Scenario, given, replaced_at

# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────

STATES: dict[str, History] = {
    "unknown": WORLD,
    "identified": path.VERIFIED,
    "assessed": path.ASSESSED,
    "oriented": path.ORIENTED,
    "enrolled": path.ATTENDING,
    "candidate": path.CANDIDATE,
    "graduated": path.GRADUATED,
    "left": path.LEFT,
    "placed": path.PLACED,
    "inserted": path.INSERTED,
}
OF_A_LEARNER = [
    each
    for each in commands.COMMANDS
    if next(spec for spec in COMMANDS if spec.command is type(each.command)).kind == "learner"
]


def test_the_life_cycles_name_real_commands_of_their_kind() -> None:
    for kind in KINDS.values():
        named = set().union(*kind.life_cycle.values())
        assert named == {spec.name for spec in COMMANDS if spec.kind == kind.name}


def test_every_status_of_a_learner_has_an_example() -> None:
    assert set(STATES) == set(LIFE_CYCLE)


@pytest.mark.parametrize("status", STATES)
def test_the_named_states_have_their_status(status: str) -> None:
    events = [event for stream, event in STATES[status] if stream == AMINA]
    assert status_of(fold(KINDS["learner"], events)) == status


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("example", OF_A_LEARNER, ids=lambda each: command_name(type(each.command)))
def test_an_act_the_status_does_not_allow_is_refused_with_those_it_does(status: str, example: commands.Example) -> None:
    opened = () if (SESSION, SESSION_OPENED) in STATES[status] else ((SESSION, SESSION_OPENED),)
    outcome = given(*STATES[status], *opened).when(example.command, by=example.by)
    name = command_name(type(example.command))
    if status == "unknown" and name != "identify-learner":
        assert [each.code for each in outcome.broken] == ["unknown-stream"]
    elif name in LIFE_CYCLE[status]:
        assert NotAllowedNow not in {type(each) for each in outcome.broken}
    else:
        outcome.refused(NotAllowedNow(status=status, allowed=sorted(LIFE_CYCLE[status])))


# ── walks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Cells = dict[tuple[UUID, UUID, date, str, date], tuple[str, int | None]]


class Tried:
    """A walk in memory, checked after each step."""

    def __init__(self, number: int = 0, *, graduated: bool = False) -> None:
        self.world = World(number, graduated=graduated)
        self.scenario = given(*SHARED, *self.world.history)
        self.scenario.nonces = self.world.nonces()
        self.walk = Walk(self.world, self._state)
        self.locked: Cells = {}

    def _state(self, kind: str, stream: UUID) -> Any:
        return fold(KINDS[kind], self.scenario.streams.events.get(stream, ()))

    def learners(self) -> Iterator[Learner]:
        """The three, as they stand."""
        return (self._state("learner", stream) for stream in self.world.learners)

    def step(self, step: Step) -> Outcome | None:
        """One command, or a day that passes. `Scenario.when` proves that a refusal stored nothing."""
        self._carry_out_erasures()
        sent = self.walk.command(step)
        if sent is None:
            return None
        outcome = self.scenario.when(sent[0], by=sent[1], today=self.walk.today)
        self._check_not_allowed_now(outcome)
        if outcome.answer.events:
            self._check_seats()
            self._check_locked_cells()
            assert all(len(_active(learner)) <= 1 for learner in self.learners()), "rule 3"
        return outcome

    def _carry_out_erasures(self) -> None:
        """What was decided is done; no command does it."""
        for stream in self.world.learners:
            learner = self._state("learner", stream)
            for erasure in learner.privacy.pending:
                done = carried_out(learner, erasure, [], on=self.walk.today, by=OPERATOR)
                assert done is not None
                self.scenario.streams.record([NewEvent(stream, learner.version + 1, done)])
                break  # of several, one a step

    def _check_not_allowed_now(self, outcome: Outcome) -> None:
        for broken in outcome.broken:
            if isinstance(broken, NotAllowedNow):
                tables = [kind.life_cycle for kind in KINDS.values() if broken.status in kind.life_cycle]
                assert broken.allowed in [sorted(table[broken.status]) for table in tables]

    def _check_seats(self) -> None:
        for group in (self.world.workshop, self.world.class_):
            state = self._state("group", group)
            assert len(state.seats) <= state.capacity, "rule 11"

    def _check_locked_cells(self) -> None:
        """Rule 15: what stood when a month was locked stands."""
        locked = {group: self._state("group", group).locked for group in (self.world.workshop, self.world.class_)}
        cells = {key: cell for key, cell in _cells(self.learners()).items() if month_of(key[4]) in locked[key[1]]}
        assert {key: cells.get(key) for key in self.locked} == self.locked
        months = sum(map(len, locked.values()))
        if cells != self.locked:
            assert months > getattr(self, "months", 0), "cells of a locked month were added"
        self.months, self.locked = months, cells


def _active(learner: Learner) -> list[UUID]:
    return [key for key, each in learner.admission.enrolments.items() if each.ended_on is None]


def _cells(learners: Iterator[Learner]) -> Cells:
    return {
        (*key, day.date): (day.status, day.minutes)
        for learner in learners
        for key, week in learner.training.weeks.items()
        for day in week.days
    }


def _check_diplomas(scenario: Scenario) -> None:
    """Rule 19: each rests on signed minutes; a number stands for one diploma in its register, corrected or not."""
    awards = [new.event for new in scenario.streams.log if isinstance(new.event, DiplomaAwarded)]
    for award in awards:
        minutes = scenario.streams.events[award.minutes.stream][award.minutes.version - 1]
        assert tag_of(type(minutes)) == "diploma-session.minutes-signed"
    states = [fold(kind_of_stream(events[0]), events) for events in scenario.streams.events.values()]
    held = [each for state in states if isinstance(state, Learner) for each in state.diploma.diplomas.values()]
    assert len(held) == len(awards)
    numbers = Counter(value for each in held for value in set(values_of(each)))
    assert set(numbers.values()) <= {1}


def _check_states(scenario: Scenario) -> None:
    """Folding twice gives the same; a state holds facts, no event."""
    for events in scenario.streams.events.values():
        kind = kind_of_stream(events[0])
        state = fold(kind, events)
        assert fold(kind, events) == state
        assert not any(isinstance(each, Event) for each in _parts(state))
        assert kind.status_of(state) in kind.life_cycle


def _parts(value: Any) -> Iterator[Any]:
    """The value and everything inside it."""
    yield value
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | frozenset):
        for each in value:
            yield from _parts(each)


DECODERS = {each: msgspec.json.Decoder(each) for each in EVENTS.values()}


def _check_round_trip(scenario: Scenario) -> None:
    """What is stored comes back as it was."""
    for new in scenario.streams.log:
        event = _as_stored(new.event)
        assert DECODERS[type(event)].decode(msgspec.json.encode(event)) == event


def _as_stored(event: Event) -> Event:
    """The event with its clear values sealed, as far as JSON can tell."""
    for field in sealed_fields(type(event)):
        value: Any = sealed_at(event, field)
        if isinstance(value, Clear):
            event = replaced_at(event, field.path, Sealed(f"{field.of.FAMILY}.1", "h", "c"))
    return event


@settings(
    max_examples=int(os.environ.get("FORSA_WALKS", "2000")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@over(STEPS, st.booleans())
def test_no_walk_breaks_what_the_rules_promise(steps: list[Step], graduated: bool) -> None:  # drawn
    tried = Tried(graduated=graduated)
    for step in steps:
        tried.step(step)
    _check_diplomas(tried.scenario)
    _check_states(tried.scenario)
    _check_round_trip(tried.scenario)


def test_walks_reach_every_status_and_every_event_of_the_path() -> None:
    """Else the walks would promise nothing."""
    random = Random(7)  # chosen, so that the reach is the same in every run
    statuses: set[str] = set()
    recorded: Counter[str] = Counter()
    for at in range(150):
        tried = Tried(graduated=at % 5 == 0)
        for _ in range(60):
            tried.step((random.randrange(len(MOVES)), random.randrange(3), random.randrange(256)))
            statuses.update(map(status_of, tried.learners()))
        recorded.update(tag_of(type(new.event)) for new in tried.scenario.streams.log)
    assert statuses == set(LIFE_CYCLE)
    assert {tag for tag in EVENTS if tag.startswith(("learner.", "diploma-session."))} <= set(recorded)

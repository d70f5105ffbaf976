"""A diploma's whole life, any acts in any order: the learner's state and what partners are told say the same of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given as over
from hypothesis import strategies as st
from msgspec.structs import replace as but

from domain.event import By
from domain.kind import Command, ReasonGiven
from domain.learner.diploma import Award, find_in_force
from domain.partner_feed import (
    ANNULLED,
    NATIONAL,
    PUBLIC,
    Place,
    PublicDiploma,
    diploma_after,
    diploma_told,
    message_of,
    read_message,
)
from domain.sealed import sealed_fields
from tests.examples.commands import (
    ANNUL_DIPLOMA,
    CORRECT_DIPLOMA,
    HAND_OVER,
    ISSUE_DUPLICATE,
    RECORD_IDENTITY,
    RECTIFY_MINUTES,
    VERIFY_IDENTITY,
)
from tests.examples.path import AMINA, DIPLOMA, GRADUATED, RECTIFIED_MARK
from tests.examples.people import CASEWORKER, COORDINATOR, EN_AGENT
from tests.scenario import Scenario, given

FIRST_DAY = date(2026, 6, 15)  # it was awarded on
WHY = ReasonGiven("entry_error")
Act = tuple[Command, By]


def act(what: int, choice: int, on: date) -> Act:
    """One of the acts on a diploma, with its choices; many are refused."""
    match what:
        case 0:
            facts: dict[str, Any] = (
                {"number": f"EN-2026-{choice}"},
                {"level": ("level_2", "level_3")[choice % 2]},
                {"awarded_on": FIRST_DAY + timedelta(choice)},
                {"names": True},
            )[choice % 4]
            return but(CORRECT_DIPLOMA, on=on, **{"number": None, **facts}), EN_AGENT
        case 1:
            return but(HAND_OVER, on=on, copy=choice % 3), COORDINATOR
        case 2:
            return but(ISSUE_DUPLICATE, on=on), EN_AGENT
        case 3:
            return but(RECTIFY_MINUTES, on=on, marks=[but(RECTIFIED_MARK, written=1000 + choice)]), EN_AGENT
        case 4:
            given_name = ("Amina", "Aminah")[choice % 2]
            names = [RECORD_IDENTITY.names[0], but(RECORD_IDENTITY.names[1], given=given_name)]
            return but(RECORD_IDENTITY, on=on, names=names, why=WHY), CASEWORKER
        case 5:
            return but(VERIFY_IDENTITY, on=on, why=WHY), CASEWORKER
    return but(ANNUL_DIPLOMA, on=on), EN_AGENT


ACTS = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6]), st.integers(0, 11)), max_size=25)


def told(scenario: Scenario) -> list[PublicDiploma]:
    """The diploma after each public event, read from the messages that tell of it."""
    told: list[PublicDiploma] = []
    for event in scenario.streams.events[AMINA]:
        if type(event) in PUBLIC:
            diploma = diploma_after(told[-1] if told else None, event)
            place = Place(1, len(told) + 1)
            stored = message_of(NATIONAL, place, event, diploma, datetime(2026, 6, 30, 9, tzinfo=UTC))
            assert diploma_told(stored) == diploma
            assert read_message(stored).place == place
            told.append(diploma)
    return told


def check_same(award: Award, public: PublicDiploma) -> None:
    """The learner's own state of the diploma and the public one agree in all that both know."""
    for name in ("number", "title", "trade", "level", "centre", "convention", "awarded_on", "status"):
        assert getattr(award, name) == getattr(public, name), name
    assert public.learner_reference == award.partner_reference
    assert (public.minutes_rectified_on, public.annulled_on) == (award.minutes_rectified_on, award.annulled_on)
    assert (public.handed_over_on, public.duplicates) == (award.handed_over.get(0), len(award.duplicates))


@over(ACTS)
def test_whatever_happens_to_a_diploma_partners_are_told_what_the_learners_record_says(
    acts: list[tuple[int, int]],
) -> None:
    scenario = given(*GRADUATED)
    for at, (what, choice) in enumerate(acts):
        on = FIRST_DAY + timedelta(days=at // 2)
        command, by = act(what, choice, on)
        before = told(scenario)
        outcome = scenario.when(command, by=by, today=date(2026, 7, 10))
        after = told(scenario)
        assert len(after) - len(before) == sum(type(new.event) in PUBLIC for new in outcome.answer.events)
        if before[-1].status == ANNULLED:
            assert after == before, "an annulled diploma stays as it is"
        stage = scenario.casebook.load("learner", AMINA).state.diploma
        check_same(stage.diplomas[DIPLOMA], after[-1])
        assert (find_in_force(stage, stage.diplomas[DIPLOMA].enrolment) is None) == (after[-1].status == ANNULLED)
    assert [each.revision for each in told(scenario)] == list(range(1, len(told(scenario)) + 1))


def test_nothing_sealed_and_nothing_of_the_learners_record_is_public() -> None:
    for event_class, row in PUBLIC.items():
        sealed = {field.path[0] for field in sealed_fields(event_class)}
        told = {*row.data.__struct_fields__, *PublicDiploma.__struct_fields__}
        assert not told & (sealed | {"learner", "enrolment", "receipt", "recipient", "act_reference", "why"})

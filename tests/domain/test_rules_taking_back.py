"""FactWithdrawn: every kind of fact that may be taken back, and those that may not (DOMAIN §4)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace as but

from domain.event import By, Event
from domain.kind import ReasonGiven
from domain.learner.review import NotWithdrawable, NotYoursToWithdraw, WithdrawFact
from domain.learner.state import Learner, withdrawable
from domain.sealed import tag_of
from tests.examples.path import (
    AMINA,
    COMPETENCE_ASSESSED,
    DEROGATION_GRANTED,
    ELIGIBILITY_ASSESSED,
    FACT_WITHDRAWN,
    FLAGGED,
    INSERTED,
    LEARNER_ORIENTED,
    OUTCOME_VERIFIED,
)
from tests.examples.people import CASEWORKER, COORDINATOR, DIRECTORATE, EN_AGENT
from tests.examples.places import History
from tests.scenario import given

WHOLE_PATH: History = (*INSERTED, (AMINA, DEROGATION_GRANTED))
EVENTS = [event for stream, event in WHOLE_PATH if stream == AMINA]

TAKEN_BACK = {
    "learner.identity-recorded",
    "learner.identity-verified",
    "learner.eligibility-assessed",
    "learner.derogation-granted",
    "learner.oriented",
    "learner.attendance-recorded",
    "learner.competence-assessed",
    "learner.outcome-verified",
}


def taking_back(version: int) -> WithdrawFact:
    return WithdrawFact(learner=AMINA, version=version, why=ReasonGiven("entry_error"))


def who_may(event: Event) -> By:
    """Who takes this fact back."""
    if event is DEROGATION_GRANTED:
        return DIRECTORATE
    return EN_AGENT if event is OUTCOME_VERIFIED else COORDINATOR


def facts_of(learner: Learner) -> list[Any]:
    """Everything but what only counts versions and withdrawals."""
    return [learner.identification, learner.admission, learner.training, learner.outcomes, learner.diploma]


@pytest.mark.parametrize(("version", "event"), list(enumerate(EVENTS, 1)), ids=[tag_of(type(each)) for each in EVENTS])
def test_each_fact_is_withdrawn_or_refused_by_its_kind(version: int, event: Event) -> None:
    outcome = given(*WHOLE_PATH).when(taking_back(version), by=who_may(event))
    if tag_of(type(event)) in TAKEN_BACK:
        learner = outcome.accepted().state("learner", AMINA)
        assert version not in withdrawable(learner)
        assert version in learner.review.withdrawn
    else:
        outcome.refused(NotWithdrawable)


def test_an_outcome_not_yet_verified_is_withdrawable() -> None:
    given(*INSERTED[:-1]).when(taking_back(14), by=COORDINATOR).accepted()
    assert INSERTED[-1][1] is OUTCOME_VERIFIED


def test_the_refusal_names_what_may_be_taken_back() -> None:
    refusal = NotWithdrawable(pointer="/version", version=6, withdrawable=[2, 3, 4, 5, 8, 9, 15, 16])
    given(*WHOLE_PATH).when(taking_back(6), by=COORDINATOR).refused(refusal)


@pytest.mark.parametrize("version", [0, -1, 99])
def test_a_version_nobody_wrote_is_refused(version: int) -> None:
    given(*WHOLE_PATH).when(taking_back(version), by=COORDINATOR).refused(NotWithdrawable)


def test_what_others_recorded_is_taken_back_by_the_centre_alone() -> None:
    refusal = NotYoursToWithdraw(pointer="/version", version=8, roles=["caseworker", "coordinator"])
    given(*WHOLE_PATH).when(taking_back(8), by=EN_AGENT).refused(refusal)


def test_a_derogation_is_taken_back_by_the_directorate_alone() -> None:
    version = len(EVENTS)
    assert EVENTS[-1] is DEROGATION_GRANTED
    refusal = NotYoursToWithdraw(pointer="/version", version=version, roles=["provincial_directorate"])
    for centre in (CASEWORKER, COORDINATOR):
        given(*WHOLE_PATH).when(taking_back(version), by=centre).refused(refusal)


@pytest.mark.parametrize("event", [ELIGIBILITY_ASSESSED, LEARNER_ORIENTED, COMPETENCE_ASSESSED, DEROGATION_GRANTED])
def test_taking_the_second_of_a_kind_back_brings_the_first_back(event: Event) -> None:
    first = next(at for at, each in enumerate(EVENTS, 1) if each is event)
    history: History = (*WHOLE_PATH, (AMINA, event))
    twice = given(*history).when(taking_back(len(EVENTS) + 1), by=who_may(event)).accepted().state("learner", AMINA)
    once = given(*WHOLE_PATH).casebook.load("learner", AMINA).state
    assert facts_of(twice) == facts_of(once)
    assert first in withdrawable(twice)


def test_flags_of_the_assessment_that_is_in_force_again_are_open_again() -> None:
    doubtful = but(ELIGIBILITY_ASSESSED, flags=["age-uncertain"])
    history: History = (*WHOLE_PATH, (AMINA, doubtful), (AMINA, but(ELIGIBILITY_ASSESSED, replaces=17)))
    assert given(*history).casebook.load("learner", AMINA).state.review.open == frozenset()
    back = given(*history).when(taking_back(18), by=COORDINATOR).accepted()
    assert back.state("learner", AMINA).review.open == {(17, "age-uncertain", None)}


def test_taking_back_twice_changes_nothing() -> None:
    outcome = given(*WHOLE_PATH).when(taking_back(8), by=COORDINATOR).accepted()
    outcome.when(taking_back(8), by=COORDINATOR).nothing()


def test_a_fact_that_was_replaced_is_not_taken_back() -> None:
    oriented_again: History = (*FLAGGED, (AMINA, but(LEARNER_ORIENTED, trades=["ELB"])))
    given(*oriented_again).when(taking_back(5), by=COORDINATOR).refused(NotWithdrawable)


@pytest.mark.parametrize("version", range(1, len(EVENTS) + 1))
def test_evolve_takes_any_withdrawal_without_refusing(version: int) -> None:
    """A log may hold what a later release would refuse: evolve never does."""
    history = (*WHOLE_PATH, (AMINA, but(FACT_WITHDRAWN, version=version)))
    assert facts_of(given(*history).casebook.load("learner", AMINA).state)

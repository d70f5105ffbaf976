"""Rule 46: business dates may be back-dated, never forward; beyond the days of a parameter a reason is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace as but

from domain.errors import OccurredInFuture, ReasonNeeded, UnknownCode
from domain.event import By, ReasonText, Why
from domain.kind import Command, ReasonGiven
from domain.sealed import clear
from tests.examples.commands import (
    AWARD_DIPLOMAS,
    DECLARE_OUTCOME,
    END_ENROLMENT,
    ENROL,
    GRANT_ACCESS,
    IDENTIFY,
    ORIENT,
    RECORD_ATTENDANCE,
    RECORD_SESSIONS,
    SET_PARAMETER,
    SET_TIMETABLE,
    WITHDRAW_FACT,
)
from tests.examples.path import (
    ADMITTED,
    AMINA,
    ASSESSED,
    ATTENDING,
    FACT_WITHDRAWN,
    FLAGGED,
    LEARNER_IDENTIFIED,
    LEARNER_ORIENTED,
    LEFT,
    ORIENTED,
    SEATED,
)
from tests.examples.people import CASEWORKER, COORDINATOR, EDUCATOR, EN_AGENT, MINISTRY, OPERATOR
from tests.examples.places import WORLD, History, parameter
from tests.scenario import given

LATE = ReasonGiven("paper_arrived_late")


def test_thirty_days_back_need_no_reason_and_thirty_one_do() -> None:
    given(*WORLD).when(IDENTIFY, by=CASEWORKER, today=date(2025, 10, 22)).then((AMINA, LEARNER_IDENTIFIED))
    given(*WORLD).when(IDENTIFY, by=CASEWORKER, today=date(2025, 10, 23)).refused(ReasonNeeded(pointer="/why", days=30))
    given(*WORLD).when(but(IDENTIFY, why=LATE), by=CASEWORKER, today=date(2025, 10, 23)).then(
        (AMINA, but(LEARNER_IDENTIFIED, why=Why("paper_arrived_late")))
    )


def test_the_days_are_a_parameter() -> None:
    week = parameter("back_dating_days", "7")
    given(*WORLD, week).when(IDENTIFY, by=CASEWORKER, today=date(2025, 9, 29)).accepted()
    given(*WORLD, week).when(IDENTIFY, by=CASEWORKER, today=date(2025, 9, 30)).refused(
        ReasonNeeded(pointer="/why", days=7)
    )


MAY = date(2026, 5, 1)  # long after every day these commands state


@pytest.mark.parametrize(
    ("history", "command", "by"),
    [
        (ORIENTED, but(ENROL, on=MAY, starts_on=date(2025, 10, 1)), CASEWORKER),
        (SEATED, but(RECORD_ATTENDANCE, on=MAY), EDUCATOR),
        (SEATED, but(RECORD_SESSIONS, on=MAY, sessions=RECORD_SESSIONS.sessions[:1], correct=True), EDUCATOR),
        (SEATED, but(SET_TIMETABLE, on=MAY), COORDINATOR),
        (ATTENDING, but(END_ENROLMENT, on=MAY, ended_on=date(2026, 3, 1)), CASEWORKER),
        (WORLD, but(GRANT_ACCESS, on=MAY), OPERATOR),
        (WORLD, but(SET_PARAMETER, on=MAY), MINISTRY),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Command) else "",
)
def test_what_a_command_states_of_long_ago_asks_a_reason_whatever_its_own_date(
    history: History, command: Command, by: By
) -> None:
    given(*history).when(command, by=by, today=MAY).refused(ReasonNeeded(pointer="/why", days=30))
    given(*history).when(but(command, why=LATE), by=by, today=MAY).accepted()


def test_a_diploma_and_an_outcome_of_long_ago_ask_a_reason() -> None:
    september = date(2026, 9, 1)
    for history, command, by in (
        (ADMITTED, but(AWARD_DIPLOMAS, on=september), EN_AGENT),
        (LEFT, but(DECLARE_OUTCOME, on=september), CASEWORKER),
    ):
        given(*history).when(command, by=by, today=september).refused(ReasonNeeded(pointer="/why", days=30))


def test_tomorrow_is_refused() -> None:
    given(*WORLD).when(IDENTIFY, by=CASEWORKER, today=date(2025, 9, 21)).refused(
        OccurredInFuture(pointer="/on", on="2025-09-22", today="2025-09-21")
    )


def test_without_a_date_it_happened_today() -> None:
    given(*ASSESSED).when(but(ORIENT, on=None), by=CASEWORKER, today=date(2025, 10, 3)).then(
        (AMINA, but(LEARNER_ORIENTED, on=date(2025, 10, 3)))
    )


def test_what_the_command_itself_dates_is_its_business_date() -> None:
    sheet = given(*SEATED).when(RECORD_ATTENDANCE, by=EDUCATOR, today=date(2025, 11, 7)).refused(ReasonNeeded)
    sheet.when(but(RECORD_ATTENDANCE, why=LATE), by=EDUCATOR).accepted()


def test_a_reason_is_a_code_of_its_list() -> None:
    given(*WORLD).when(but(IDENTIFY, why=ReasonGiven("because")), by=CASEWORKER).refused(
        UnknownCode(pointer="/why/code", list="reason", value="because")
    )


def test_a_reason_in_own_words_is_sealed() -> None:
    why = ReasonGiven("other", "the family came on Sunday")
    given(*WORLD).when(but(IDENTIFY, why=why), by=CASEWORKER).then(
        (AMINA, but(LEARNER_IDENTIFIED, why=Why("other", clear(ReasonText("the family came on Sunday")))))
    )


def test_taking_back_always_asks_a_reason() -> None:
    given(*ATTENDING).when(but(WITHDRAW_FACT, why=None), by=COORDINATOR).refused(ReasonNeeded)
    given(*ATTENDING).when(WITHDRAW_FACT, by=COORDINATOR).then((AMINA, FACT_WITHDRAWN))


def test_the_rules_of_the_act_and_of_the_command_are_said_together_in_rule_order() -> None:
    command = but(ENROL, school_status="in_formal_school", trade="MEN")
    broken = given(*ORIENTED).when(command, by=CASEWORKER, today=date(2026, 3, 1)).broken
    assert [each.RULE for each in broken] == [2, 13, 46]


@pytest.mark.parametrize("version", [8, 1, 99])
def test_what_changes_nothing_needs_no_reason(version: int) -> None:
    again = given(*FLAGGED, (AMINA, but(FACT_WITHDRAWN, version=version))).when(
        but(WITHDRAW_FACT, version=version, why=None), by=COORDINATOR
    )
    again.nothing()


def test_the_day_is_casablancas_not_utcs() -> None:
    scenario = given(*ASSESSED)
    scenario.casebook.now = lambda: datetime(2025, 9, 30, 23, 30, tzinfo=UTC)  # half past midnight in Morocco
    scenario.when(but(ORIENT, on=None), by=CASEWORKER).then((AMINA, but(LEARNER_ORIENTED, on=date(2025, 10, 1))))

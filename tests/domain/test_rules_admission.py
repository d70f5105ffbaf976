"""Rules 3, 10, 11, 13: oriented, enrolled once, seated where there is room."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace as but

from domain.centre import NotPositive, TradeNotApproved
from domain.convention import CentreNotCovered, SeasonNotCovered
from domain.errors import NotAllowedNow, UnknownCode, UnknownStream
from domain.group import GroupIsFull, HeldSession, SeatTaken, TradeMissing
from domain.kind import ReasonGiven
from domain.learner.admission import (
    EnrolmentOver,
    GroupOfAnotherCentre,
    GroupOfAnotherTrade,
    InSchoolNow,
    Missing,
    NoSuchEnrolment,
    StartsBeforeLastEnded,
    StartsOutsideConvention,
    StartsOutsideSeason,
    StepMissing,
)
from domain.learner.leaving import EndEnrolment, EnrolmentEnded
from tests.examples.commands import END_ENROLMENT, ENROL, JOIN_GROUP, LEAVE_GROUP, OPEN_GROUP, ORIENT
from tests.examples.path import (
    AMINA,
    ASSESSED,
    CLASS_JOINED,
    ELIGIBILITY_ASSESSED,
    ENROLLED,
    ENROLMENT,
    FACT_WITHDRAWN,
    GROUP_JOINED,
    GROUP_LEFT,
    IDENTIFIED,
    LEARNER_ENROLLED,
    LEARNER_IDENTIFIED,
    LEARNER_ORIENTED,
    LEFT,
    ORIENTED,
    PROFILE,
    SEAT_LEFT,
    SEAT_TAKEN,
    SEATED,
    VERIFIED,
)
from tests.examples.people import CASEWORKER, COORDINATOR, id_of
from tests.examples.places import (
    CENTRE,
    CLASS,
    CONVENTION,
    CONVENTION_SIGNED,
    GROUP_OPENED,
    OPEN_CENTRE,
    SEASON,
    SESSIONS_HELD,
    WORKSHOP,
    History,
)
from tests.scenario import Outcome, given

OMAR = id_of("learner/omar")
OMARS = id_of("enrolment/omar-2025")
OMAR_ENROLLED: History = (
    (OMAR, but(LEARNER_IDENTIFIED, file_number="2025-CAS-000001-X")),
    (OMAR, but(LEARNER_ENROLLED, enrolment=OMARS)),
)
ELSEWHERE = id_of("centre/elsewhere")


# ── rule 10: what enrolment needs ────────────────────────────────────────────────────────────────────────────────────

ASSESSMENT = StepMissing(pointer="/without", step="assessment")
ORIENTATION = StepMissing(pointer="/without", step="orientation")


@pytest.mark.parametrize(
    ("history", "missing"),
    [
        (IDENTIFIED, [ASSESSMENT, ORIENTATION]),
        (ASSESSED, [ORIENTATION]),
        ((*VERIFIED, (AMINA, LEARNER_ORIENTED)), [ASSESSMENT]),
    ],
    ids=["neither", "not oriented", "not assessed"],
)
def test_enrolment_needs_assessment_and_orientation(history: History, missing: list[StepMissing]) -> None:
    given(*history).when(ENROL, by=CASEWORKER).refused(*missing)


def test_a_step_left_out_for_a_recorded_reason_is_no_breach() -> None:
    without = [Missing("assessment", "urgent_intake"), Missing("orientation", "done_elsewhere")]
    given(*VERIFIED).when(but(ENROL, without=without), by=CASEWORKER).then(
        (AMINA, but(LEARNER_ENROLLED, without=without, assessment=None))
    )


def test_a_reason_for_one_step_does_not_excuse_the_other() -> None:
    without = [Missing("assessment", "urgent_intake")]
    given(*VERIFIED).when(but(ENROL, without=without), by=CASEWORKER).refused(ORIENTATION)


def test_steps_and_reasons_are_codes() -> None:
    command = but(ENROL, without=[Missing("blessing", "none")])
    given(*ORIENTED).when(command, by=CASEWORKER).refused(
        UnknownCode(pointer="/without/0/step", list="enrolment_step", value="blessing"),
        UnknownCode(pointer="/without/0/why", list="missing_step_reason", value="none"),
    )


def test_steps_of_another_season_do_not_count() -> None:
    last_year = ((AMINA, but(ELIGIBILITY_ASSESSED, season=2024)), (AMINA, but(LEARNER_ORIENTED, season=2024)))
    given(*VERIFIED, *last_year).when(ENROL, by=CASEWORKER).refused(ASSESSMENT, ORIENTATION)


def test_an_orientation_taken_back_does_not_count() -> None:
    history = (*ORIENTED, (AMINA, but(FACT_WITHDRAWN, version=5)))
    given(*history).when(ENROL, by=CASEWORKER).refused(ORIENTATION)


def test_entry_in_any_month_is_allowed() -> None:
    march = date(2026, 3, 2)
    given(*ORIENTED).when(but(ENROL, on=march), by=CASEWORKER).then(
        (AMINA, but(LEARNER_ENROLLED, on=march, starts_on=march))
    )


def test_the_convention_covers_centre_season_and_first_day() -> None:
    narrow = but(CONVENTION_SIGNED, centres=[ELSEWHERE], seasons=[], ends_on=date(2025, 9, 30))
    history = tuple((stream, narrow if event is CONVENTION_SIGNED else event) for stream, event in ORIENTED)
    given(*history).when(ENROL, by=CASEWORKER).refused(
        CentreNotCovered(pointer="/centre", convention="12/2025"),
        SeasonNotCovered(pointer="/season", season=SEASON, covered=[]),
        StartsOutsideConvention(pointer="/starts_on", starts_on="2025-10-01", first="2025-09-01", last="2025-09-30"),
    )


@pytest.mark.parametrize("day", [date(2025, 9, 1), date(2026, 8, 31)])
def test_the_first_and_the_last_day_of_the_convention_are_inside(day: date) -> None:
    given(*ORIENTED).when(but(ENROL, starts_on=day), by=CASEWORKER).accepted()


def test_centre_and_convention_must_exist_and_be_what_they_are_named_as() -> None:
    given(*ORIENTED).when(but(ENROL, centre=ELSEWHERE), by=CASEWORKER).refused(
        UnknownStream(pointer="/centre", kind="centre", id=ELSEWHERE)
    )
    given(*ORIENTED).when(but(ENROL, convention=WORKSHOP), by=CASEWORKER).refused(
        UnknownStream(pointer="/convention", kind="convention", id=WORKSHOP)
    )


# ── rule 3: one active enrolment ─────────────────────────────────────────────────────────────────────────────────────


def test_while_enrolled_nobody_is_enrolled_again() -> None:
    second = but(ENROL, enrolment=id_of("enrolment/second"))
    given(*ENROLLED).when(second, by=CASEWORKER).refused(NotAllowedNow)


@pytest.mark.parametrize(("day", "is_refused"), [("2026-06-25", True), ("2026-06-26", False)])
def test_an_enrolment_starts_after_an_earlier_one_ended(day: str, is_refused: bool) -> None:
    again = but(ENROL, on=date(2026, 6, 26), starts_on=date.fromisoformat(day), enrolment=id_of("enrolment/again"))
    outcome = given(*LEFT).when(but(again, season=SEASON), by=CASEWORKER)
    if is_refused:
        outcome.refused(StartsBeforeLastEnded(pointer="/starts_on", starts_on=day, ended_on="2026-06-25"))
    else:
        outcome.accepted()


@pytest.mark.parametrize("day", ["2025-08-31", "2026-09-01"])
def test_an_enrolment_starts_within_its_season(day: str) -> None:
    command = but(ENROL, season=SEASON, starts_on=date.fromisoformat(day), why=ReasonGiven("wrong_date"))
    given(*ORIENTED).when(command, by=CASEWORKER).refused(
        StartsOutsideSeason(pointer="/starts_on", starts_on=day, first="2025-09-01", last="2026-08-31"),
        StartsOutsideConvention,
    )


def test_who_was_found_in_school_is_assessed_anew_before_enrolling() -> None:
    in_school = (AMINA, but(ELIGIBILITY_ASSESSED, school_status="in_formal_school", result="not_eligible", replaces=4))
    given(*ORIENTED, in_school).when(ENROL, by=CASEWORKER).refused(
        InSchoolNow(pointer="/school_status", school_status="in_formal_school")
    )
    anew = (AMINA, but(ELIGIBILITY_ASSESSED, replaces=6))
    given(*ORIENTED, in_school, anew).when(ENROL, by=CASEWORKER).accepted()


def test_a_further_season_is_a_new_enrolment_and_returning() -> None:
    next_year = id_of("enrolment/amina-2026")
    october = date(2026, 10, 1)
    longer = but(
        CONVENTION_SIGNED, seasons=[*CONVENTION_SIGNED.seasons, but(CONVENTION_SIGNED.seasons[0], season=2026)]
    )
    signed = but(longer, ends_on=date(2027, 8, 31))
    history = tuple((stream, signed if event is CONVENTION_SIGNED else event) for stream, event in LEFT)
    without = [Missing("assessment", "done_elsewhere"), Missing("orientation", "done_elsewhere")]
    command = but(ENROL, on=october, enrolment=next_year, season=2026, trade=None, without=without)
    given(*history).when(command, by=CASEWORKER).then(
        (
            AMINA,
            but(
                LEARNER_ENROLLED,
                on=october,
                starts_on=october,
                enrolment=next_year,
                season=2026,
                trade=None,
                without=without,
                age_low=17,
                age_high=17,
                reference_date=date(2026, 12, 31),
                assessment=None,
                profile=but(PROFILE, age=17, standing="returning"),
            ),
        )
    )


def test_an_ended_enrolment_never_opens_again_under_its_id() -> None:
    refusal = EnrolmentOver(pointer="/enrolment", ended_on="2026-06-25")
    given(*LEFT).when(but(ENROL, on=date(2026, 6, 26)), by=CASEWORKER).refused(refusal)


# ── rule 13: trades ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_trade_is_one_approved_for_the_centre_and_season() -> None:
    refusal = TradeNotApproved(pointer="/trade", trade="MEN", season=SEASON, approved=["COU", "ELB"])
    given(*ORIENTED).when(but(ENROL, trade="MEN"), by=CASEWORKER).refused(refusal)
    given(*OPEN_CENTRE).when(but(OPEN_GROUP, trade="MEN"), by=COORDINATOR).refused(refusal)


def test_approval_of_another_season_does_not_count() -> None:
    given(*OPEN_CENTRE).when(but(OPEN_GROUP, season=2026), by=COORDINATOR).refused(
        TradeNotApproved(pointer="/trade", trade="COU", season=2026, approved=[])
    )


def test_an_enrolment_without_a_trade_needs_no_approval() -> None:
    given(*ORIENTED).when(but(ENROL, trade=None), by=CASEWORKER).then((AMINA, but(LEARNER_ENROLLED, trade=None)))


def test_a_workshop_teaches_a_trade_and_has_seats() -> None:
    given(*OPEN_CENTRE).when(but(OPEN_GROUP, trade=None, capacity=0), by=COORDINATOR).refused(
        NotPositive(pointer="/capacity", value=0), TradeMissing(pointer="/trade")
    )
    given(*OPEN_CENTRE).when(but(OPEN_GROUP, trade=None, group_kind="class"), by=COORDINATOR).accepted()


def test_a_workshop_of_another_trade_is_refused() -> None:
    history = (*ENROLLED, (WORKSHOP, but(GROUP_OPENED, trade="ELB")))
    given(*history).when(JOIN_GROUP, by=CASEWORKER).refused(
        GroupOfAnotherTrade(pointer="/group", trade="ELB", enrolled_for="COU")
    )


def test_orientation_takes_known_levels_trades_and_rationales() -> None:
    command = but(ORIENT, level="level_9", trades=["COU", "XXX"], rationale="luck")
    given(*ASSESSED).when(command, by=CASEWORKER).refused(UnknownCode, UnknownCode, UnknownCode)


# ── rule 11: seats ───────────────────────────────────────────────────────────────────────────────────────────────────


def of_capacity(capacity: int) -> History:
    """Amina and Omar are enrolled; the workshop has this many seats."""
    smaller = but(GROUP_OPENED, capacity=capacity)
    enrolled = tuple((stream, smaller if event is GROUP_OPENED else event) for stream, event in ENROLLED)
    return (*enrolled, *OMAR_ENROLLED)


OMAR_SITS = but(JOIN_GROUP, learner=OMAR, enrolment=OMARS)
OMAR_SAT: History = (
    (OMAR, but(GROUP_JOINED, enrolment=OMARS)),
    (WORKSHOP, but(SEAT_TAKEN, enrolment=OMARS, learner=OMAR)),
)


def test_the_last_seat_is_given_and_no_more() -> None:
    last = given(*of_capacity(2), *OMAR_SAT).when(JOIN_GROUP, by=CASEWORKER)
    last.then((AMINA, GROUP_JOINED), (WORKSHOP, SEAT_TAKEN))
    given(*of_capacity(1), *OMAR_SAT).when(JOIN_GROUP, by=CASEWORKER).refused(GroupIsFull(pointer="/group", capacity=1))


def test_who_sits_already_is_not_told_the_group_is_full() -> None:
    given(*of_capacity(1), *OMAR_SAT).when(OMAR_SITS, by=CASEWORKER).nothing()


def test_an_ended_enrolment_frees_its_seat() -> None:
    leaves = EndEnrolment(learner=OMAR, enrolment=OMARS, exit="moved", ended_on=date(2025, 10, 2))
    freed = given(*of_capacity(1), *OMAR_SAT).when(leaves, by=CASEWORKER).accepted()
    freed.when(JOIN_GROUP, by=CASEWORKER).accepted()


def test_a_learner_sits_in_a_class_and_a_workshop_and_leaves_both() -> None:
    history = (*SEATED, (AMINA, CLASS_JOINED), (CLASS, SEAT_TAKEN))
    outcome = given(*history).when(END_ENROLMENT, by=CASEWORKER).accepted()
    assert outcome.state("group", WORKSHOP).seats == {}
    assert outcome.state("group", CLASS).seats == {}


def test_a_group_of_another_centre_or_season_is_refused() -> None:
    elsewhere = but(GROUP_OPENED, centre=ELSEWHERE)
    given(*ENROLLED, (WORKSHOP, elsewhere)).when(JOIN_GROUP, by=CASEWORKER).refused(
        GroupOfAnotherCentre(pointer="/group", season=SEASON)
    )
    given(*ENROLLED, (WORKSHOP, but(GROUP_OPENED, season=2026))).when(JOIN_GROUP, by=CASEWORKER).refused(
        GroupOfAnotherCentre(pointer="/group", season=2026)
    )


def test_a_seat_needs_an_enrolment_of_the_learners_own() -> None:
    unknown = id_of("enrolment/unknown")
    given(*ENROLLED).when(but(JOIN_GROUP, enrolment=unknown), by=CASEWORKER).refused(
        NoSuchEnrolment(pointer="/enrolment", enrolment=unknown)
    )


def test_an_enrolment_id_that_sits_for_another_learner_takes_no_seat() -> None:
    colliding: History = (
        (OMAR, but(LEARNER_IDENTIFIED, file_number="2025-CAS-000001-X")),
        (OMAR, LEARNER_ENROLLED),
    )
    given(*SEATED, *colliding).when(but(JOIN_GROUP, learner=OMAR), by=CASEWORKER).refused(
        NoSuchEnrolment(pointer="/enrolment", enrolment=ENROLMENT)
    )


def test_a_seat_and_the_learners_own_event_stand_in_one_append() -> None:
    scenario = given(*ENROLLED)
    scenario.when(JOIN_GROUP, by=CASEWORKER).accepted()
    assert [type(new.event) for new in scenario.streams.appends[-1].events] == [type(GROUP_JOINED), SeatTaken]


def test_centre_and_convention_are_guarded_when_enrolling() -> None:
    scenario = given(*ORIENTED)
    scenario.when(ENROL, by=CASEWORKER).accepted()
    guards = dict(scenario.streams.appends[-1].guards)
    assert guards[CENTRE] == 2
    assert guards[CONVENTION] == 1


# ── leaving a group ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_seat_that_is_left_is_free_for_another() -> None:
    """Rule 11: the group's stream decides, so the seat comes back in the same append."""
    left = given(*SEATED).when(LEAVE_GROUP, by=CASEWORKER).then((AMINA, GROUP_LEFT), (WORKSHOP, SEAT_LEFT))
    assert left.state("group", WORKSHOP).seats == {}


def test_leaving_a_group_one_does_not_sit_in_changes_nothing() -> None:
    given(*ENROLLED).when(LEAVE_GROUP, by=CASEWORKER).nothing()
    given(*SEATED).when(LEAVE_GROUP, by=CASEWORKER).accepted().when(LEAVE_GROUP, by=CASEWORKER).nothing()


def test_a_learner_may_come_back_to_a_group() -> None:
    again = but(JOIN_GROUP, on=date(2025, 12, 8))
    back = given(*SEATED).when(LEAVE_GROUP, by=CASEWORKER).accepted().when(again, by=CASEWORKER).accepted()
    enrolment = back.state("learner", AMINA).admission.enrolments[ENROLMENT]
    assert (enrolment.groups, enrolment.left) == ({WORKSHOP: date(2025, 12, 8)}, {})


def test_sessions_after_a_group_was_left_are_not_held_against_the_learner() -> None:
    """Hours held count while the learner sat there."""
    later = but(SESSIONS_HELD, week=date(2025, 12, 8), sessions=[HeldSession(date(2025, 12, 9), "workshop", 240)])
    stayed = given(*SEATED, (WORKSHOP, later)).when(END_ENROLMENT, by=CASEWORKER).accepted()
    left = given(*SEATED, (AMINA, GROUP_LEFT), (WORKSHOP, SEAT_LEFT), (WORKSHOP, later))
    ended = left.when(END_ENROLMENT, by=CASEWORKER).accepted()
    assert _minutes_held(stayed) - _minutes_held(ended) == 240


def _minutes_held(outcome: Outcome) -> int:
    return next(event.minutes_held for event in outcome.events() if isinstance(event, EnrolmentEnded))

"""Transfers: asked for by one, answered by another; an active enrolment goes on elsewhere in one append.

DOMAIN §4 Learner, rules 1, 3, 10, 13, §5 "Who decides".
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.centre import TradeNotApproved
from domain.convention import CentreNotCovered
from domain.errors import IdInUse, NotAllowedNow, ReasonNeeded, UnknownStream
from domain.event import Event, Why
from domain.group import SeatFreed
from domain.kind import Command, ReasonGiven
from domain.learner.admission import AgeOutsideBand, LearnerEnrolled
from domain.learner.leaving import EndsBeforeEnrolment, EnrolmentEnded
from domain.learner.standing import standing_of
from domain.learner.transfer import (
    AnsweredByRequester,
    ConventionMissing,
    NoSuchTransfer,
    NothingToEnrol,
    TransferAnswered,
    TransferPending,
    TransferToSameCentre,
)
from tests.examples.commands import (
    ACCEPT_TRANSFER,
    LEAVE_GROUP,
    RECORD_ATTENDANCE,
    REJECT_TRANSFER,
    REQUEST_TRANSFER,
    WITHDRAW_TRANSFER,
)
from tests.examples.path import (
    AMINA,
    ASSESSED,
    ATTENDANCE_RECORDED,
    ATTENDING,
    ENROLLED,
    ENROLMENT,
    GROUP_LEFT,
    LEARNER_ENROLLED,
    LEFT,
    SEAT_LEFT,
    SEATED,
)
from tests.examples.people import CASEWORKER, EDUCATOR, id_of
from tests.examples.places import (
    CENTRE,
    CONVENTION,
    CONVENTION_SIGNED,
    OTHER_CENTRE,
    OTHER_CONVENTION,
    TRADES_APPROVED,
    WORKSHOP,
    History,
)
from tests.examples.transfer import (
    ACCEPTED,
    ENDED_THERE,
    ENROLLED_HERE,
    ENROLMENT_THERE,
    OTHER_COORDINATOR,
    REQUESTED,
    SEAT_FREED_THERE,
    TRANSFER,
    TRANSFER_ACCEPTED,
    TRANSFER_REJECTED,
    TRANSFER_REQUESTED,
    TRANSFER_WITHDRAWN,
    TRANSFERRED,
)
from tests.scenario import Outcome, given

ANOTHER = id_of("transfer/another")
OVER_REQUESTED: History = (*LEFT, (AMINA, but(TRANSFER_REQUESTED, on=date(2026, 7, 1), enrolment=None)))
ACCEPT_OVER = but(ACCEPT_TRANSFER, on=date(2026, 7, 2), convention=None)
WHOLLY_ACCEPTED = but(TRANSFER_ACCEPTED, on=date(2026, 7, 2), enrolment=None)

# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_needs_a_reason_and_a_centre() -> None:
    given(*ATTENDING).when(but(REQUEST_TRANSFER, why=None), by=CASEWORKER).refused(ReasonNeeded)
    given(*ATTENDING).when(but(REQUEST_TRANSFER, to_centre=CONVENTION), by=CASEWORKER).refused(
        UnknownStream(pointer="/to_centre", kind="centre", id=CONVENTION)
    )


def test_the_centre_responsible_is_not_asked() -> None:
    given(*ATTENDING).when(but(REQUEST_TRANSFER, to_centre=CENTRE), by=CASEWORKER).refused(
        TransferToSameCentre(pointer="/to_centre", centre=CENTRE)
    )


def test_one_request_waits_at_a_time_and_a_withdrawn_one_makes_room() -> None:
    again = but(REQUEST_TRANSFER, transfer=ANOTHER)
    waiting = given(*REQUESTED).when(again, by=CASEWORKER)
    waiting.refused(TransferPending(pointer="/transfer", transfer=TRANSFER))
    given(*REQUESTED, (AMINA, TRANSFER_WITHDRAWN)).when(again, by=CASEWORKER).accepted()
    given(*REQUESTED, (AMINA, TRANSFER_REJECTED)).when(again, by=CASEWORKER).accepted()


@pytest.mark.parametrize("answered", [(), (TRANSFER_WITHDRAWN,), (TRANSFER_REJECTED,)])
def test_the_same_request_again_changes_nothing_and_another_under_its_id_is_refused(answered: tuple[Event]) -> None:
    scenario = given(*REQUESTED, *((AMINA, each) for each in answered))
    scenario.when(REQUEST_TRANSFER, by=CASEWORKER).nothing()
    scenario.when(but(REQUEST_TRANSFER, effective_on=date(2026, 3, 2)), by=CASEWORKER).refused(
        IdInUse(pointer="/transfer", id=TRANSFER)
    )


def test_nobody_leaves_before_the_enrolment_started() -> None:
    given(*ATTENDING).when(but(REQUEST_TRANSFER, effective_on=LEARNER_ENROLLED.starts_on), by=CASEWORKER).refused(
        EndsBeforeEnrolment(pointer="/effective_on", starts_on="2025-10-01", ended_on="2025-09-30")
    )


def test_a_learner_who_was_never_enrolled_is_enrolled_and_not_transferred() -> None:
    given(*ASSESSED).when(REQUEST_TRANSFER, by=CASEWORKER).refused(NotAllowedNow)


def test_while_it_waits_the_present_centre_goes_on_recording() -> None:
    history: History = (*SEATED, (AMINA, TRANSFER_REQUESTED))
    given(*history).when(but(RECORD_ATTENDANCE, why=REQUEST_TRANSFER.why), by=EDUCATOR).accepted()
    given(*REQUESTED).when(but(LEAVE_GROUP, on=date(2026, 1, 12)), by=CASEWORKER).accepted()


# ── answering ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [ACCEPT_TRANSFER, REJECT_TRANSFER])
def test_who_requested_does_not_answer(command: Command) -> None:
    requester = but(OTHER_COORDINATOR, actor=CASEWORKER.actor)
    given(*REQUESTED).when(command, by=requester).refused(AnsweredByRequester(pointer="/transfer"))


@pytest.mark.parametrize("command", [ACCEPT_TRANSFER, REJECT_TRANSFER, WITHDRAW_TRANSFER])
def test_a_request_nobody_made_is_not_answered(command: Command) -> None:
    given(*ATTENDING).when(command, by=OTHER_COORDINATOR).refused(
        NoSuchTransfer(pointer="/transfer", transfer=TRANSFER)
    )


@pytest.mark.parametrize("command", [ACCEPT_TRANSFER, REJECT_TRANSFER, WITHDRAW_TRANSFER])
@pytest.mark.parametrize(
    ("answered", "answer"),
    [
        (((AMINA, TRANSFER_WITHDRAWN),), "withdrawn"),
        (((AMINA, TRANSFER_REJECTED),), "rejected"),
        (ACCEPTED, "accepted"),
    ],
)
def test_a_request_is_answered_once_and_the_same_answer_again_changes_nothing(
    command: Command, answered: History, answer: str
) -> None:
    same = {"withdrawn": WITHDRAW_TRANSFER, "rejected": REJECT_TRANSFER, "accepted": ACCEPT_TRANSFER}[answer]
    sent = given(*REQUESTED, *answered).when(command, by=OTHER_COORDINATOR)
    sent.nothing() if command is same else sent.refused(TransferAnswered(pointer="/transfer", answer=answer))


def test_an_acceptance_into_another_enrolment_or_convention_is_not_the_same() -> None:
    for other in (but(ACCEPT_TRANSFER, enrolment=ANOTHER), but(ACCEPT_TRANSFER, convention=CONVENTION)):
        given(*TRANSFERRED).when(other, by=OTHER_COORDINATOR).refused(TransferAnswered)


# ── accepting a learner who is enrolled ──────────────────────────────────────────────────────────────────────────────


def accept(*more: tuple[UUID, Event], on: date = TRANSFER_ACCEPTED.on, **changes: object) -> Outcome:
    """The transfer is accepted on that day, after what else happened since it was requested."""
    return given(*REQUESTED, *more).when(but(ACCEPT_TRANSFER, on=on, **changes), by=OTHER_COORDINATOR)


def days(outcome: Outcome) -> tuple[date, date]:
    """The last day there and the first day here."""
    _, ended, *_, enrolled = outcome.events()
    assert isinstance(ended, EnrolmentEnded)
    assert isinstance(enrolled, LearnerEnrolled)
    return ended.ended_on, enrolled.starts_on


def test_an_active_enrolment_ends_there_and_goes_on_here_in_one_append() -> None:
    outcome = accept().then(*ACCEPTED)
    assert len(outcome.scenario.streams.appends) == 1
    learner = outcome.state("learner", AMINA)
    assert learner.admission.active == ENROLMENT_THERE
    assert learner.admission.enrolments[ENROLMENT].exit == "moved"
    assert outcome.state("group", WORKSHOP).seats == {}


def test_the_last_day_there_is_the_one_before_the_first_here() -> None:
    on_time, late = date(2026, 2, 2), date(2026, 2, 16)
    assert days(accept(on=on_time)) == (date(2026, 2, 1), date(2026, 2, 2))
    assert days(accept(on=late)) == (date(2026, 2, 1), date(2026, 2, 2))


def test_no_day_of_a_sheet_lies_after_the_last_day() -> None:
    """The present centre goes on recording while the request waits."""
    week = date(2026, 2, 2)
    marks = [but(mark, date=date(2026, 2, 2 + at)) for at, mark in enumerate(ATTENDANCE_RECORDED.days)]
    sheet = but(ATTENDANCE_RECORDED, on=date(2026, 2, 3), entered_on=date(2026, 2, 3), week=week, days=marks)
    assert days(accept((AMINA, sheet), on=date(2026, 2, 4))) == (date(2026, 2, 3), date(2026, 2, 4))


def test_a_seat_left_before_is_not_freed_again() -> None:
    left = ((AMINA, but(GROUP_LEFT, on=date(2026, 1, 20))), (WORKSHOP, but(SEAT_LEFT, on=date(2026, 1, 20))))
    accept(*left).then((AMINA, TRANSFER_ACCEPTED), (AMINA, ENDED_THERE), (AMINA, ENROLLED_HERE))


def test_level_trade_and_profile_stay_as_they_were_unless_said() -> None:
    def enrolled(outcome: Outcome) -> Event:
        return outcome.events()[-1]

    assert enrolled(accept(level="level_1", trade="ELB")) == but(ENROLLED_HERE, level="level_1", trade="ELB")
    assert enrolled(accept()) == ENROLLED_HERE
    returning = but(LEARNER_ENROLLED.profile, standing="returning", residence="rural")
    history: History = tuple(
        (stream, but(event, profile=returning) if isinstance(event, LearnerEnrolled) else event)
        for stream, event in REQUESTED
    )
    kept = given(*history).when(ACCEPT_TRANSFER, by=OTHER_COORDINATOR)
    assert enrolled(kept) == but(ENROLLED_HERE, profile=returning)


def test_the_convention_is_named() -> None:
    accept(convention=None).refused(ConventionMissing(pointer="/convention"))


def test_the_rules_of_enrolling_hold_here_too() -> None:
    accept(convention=CONVENTION).refused(CentreNotCovered(pointer="/convention", convention="12/2025"))
    elsewhere = (OTHER_CENTRE, but(TRADES_APPROVED, trades=["ELB"]))
    accept(elsewhere).refused(TradeNotApproved(pointer="/trade", trade="COU", season=2025, approved=["ELB"]))
    young = id_of("convention/young")
    signed = (young, but(CONVENTION_SIGNED, centres=[OTHER_CENTRE], age_min=13, age_max=15))
    accept(signed, convention=young).refused(AgeOutsideBand)


def test_what_is_read_to_accept_may_not_move() -> None:
    """The centre asked and the convention are guarded; the group is written."""
    guards = dict(accept().scenario.streams.appends[0].guards)
    assert {OTHER_CENTRE, OTHER_CONVENTION} <= guards.keys()


def test_the_id_of_the_ended_enrolment_is_not_used_again() -> None:
    codes = [each.code for each in accept(enrolment=ENROLMENT).broken]
    assert codes == ["enrolment-over"]


# ── accepting a learner who is enrolled nowhere ──────────────────────────────────────────────────────────────────────


def test_without_an_active_enrolment_only_the_responsibility_moves() -> None:
    moved = given(*OVER_REQUESTED).when(ACCEPT_OVER, by=OTHER_COORDINATOR).then((AMINA, WHOLLY_ACCEPTED))
    standing = standing_of(moved.state("learner", AMINA))
    assert (standing.custody, standing.asked) == (OTHER_CENTRE, None)
    assert standing.former == {CENTRE}
    moved.when(but(ACCEPT_OVER, enrolment=ANOTHER), by=OTHER_COORDINATOR).nothing()


def test_a_convention_is_not_named_where_nothing_goes_on() -> None:
    """As when the enrolment ended while the request waited."""
    given(*OVER_REQUESTED).when(but(ACCEPT_OVER, convention=OTHER_CONVENTION), by=OTHER_COORDINATOR).refused(
        NothingToEnrol(pointer="/convention")
    )


def test_who_accepted_may_be_asked_again() -> None:
    back = but(REQUEST_TRANSFER, transfer=ANOTHER, on=date(2026, 7, 3), to_centre=CENTRE)
    given(*OVER_REQUESTED, (AMINA, WHOLLY_ACCEPTED)).when(back, by=OTHER_COORDINATOR).then(
        (
            AMINA,
            but(
                TRANSFER_REQUESTED,
                on=back.on,
                by=OTHER_COORDINATOR,
                transfer=ANOTHER,
                enrolment=None,
                from_centre=OTHER_CENTRE,
                to_centre=CENTRE,
            ),
        )
    )


# ── whose learner it is ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("history", "custody", "asked"),
    [
        (ASSESSED, None, None),
        (ENROLLED, CENTRE, None),
        (REQUESTED, CENTRE, OTHER_CENTRE),
        ((*REQUESTED, (AMINA, TRANSFER_REJECTED)), CENTRE, None),
        ((*REQUESTED, (AMINA, TRANSFER_WITHDRAWN)), CENTRE, None),
        (TRANSFERRED, OTHER_CENTRE, None),
        (OVER_REQUESTED, CENTRE, OTHER_CENTRE),
        ((*OVER_REQUESTED, (AMINA, WHOLLY_ACCEPTED)), OTHER_CENTRE, None),
    ],
)
def test_the_centre_responsible_and_the_one_asked(history: History, custody: UUID | None, asked: UUID | None) -> None:
    standing = standing_of(given(*history).casebook.load("learner", AMINA).state)
    assert (standing.custody, standing.asked) == (custody, asked)


def test_an_enrolment_settles_who_is_responsible_whoever_was_asked() -> None:
    there = but(LEARNER_ENROLLED, enrolment=ANOTHER, season=2026, starts_on=date(2026, 9, 7))
    for history in (OVER_REQUESTED, (*OVER_REQUESTED, (AMINA, WHOLLY_ACCEPTED))):
        learner = given(*history, (AMINA, there)).casebook.load("learner", AMINA).state
        standing = standing_of(learner)
        assert (standing.custody, standing.asked, learner.transfers.moved_to) == (CENTRE, None, None)


def test_a_request_that_an_enrolment_settled_is_answered() -> None:
    history: History = (*OVER_REQUESTED, (AMINA, but(LEARNER_ENROLLED, enrolment=ANOTHER)))
    given(*history).when(ACCEPT_OVER, by=OTHER_COORDINATOR).refused(
        TransferAnswered(pointer="/transfer", answer="superseded")
    )


def test_the_seat_is_freed_without_the_reasons_words() -> None:
    """Rule 42: they may speak of the learner, and the group's stream is not theirs."""
    events = accept(why=ReasonGiven("family_moved", "to her aunt")).events()
    assert {event.why != Why("family_moved") for event in events if not isinstance(event, SeatFreed)} == {True}
    assert but(SEAT_FREED_THERE, why=Why("family_moved")) in events

"""Leaving, and rules 10 and 24: where the learner went, and who outside the association saw it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.errors import OccurredInFuture, Refused, UnknownCode, UnknownStream
from domain.event import NIL, By
from domain.kind import Act, ReasonGiven
from domain.learner.admission import EnrolmentOver, NoSuchEnrolment
from domain.learner.deciding.leaving import VERIFIERS, declare_outcome
from domain.learner.leaving import EndsBeforeEnrolment
from domain.learner.outcome import (
    AuthorityDoesNotFit,
    AuthorityOfAnother,
    EnrolmentNotEnded,
    EvidenceMissing,
    NoSuchOutcome,
    NotOutside,
    OutcomeAlreadyVerified,
    WrongAuthority,
)
from domain.learner.review import NotWithdrawable, NotYoursToWithdraw, WithdrawFact
from domain.learner.state import status_of
from domain.parameters import Parameters
from domain.reference import code_list
from tests.examples.commands import DECLARE_OUTCOME, END_ENROLMENT, VERIFY_OUTCOME
from tests.examples.path import (
    AMINA,
    ATTENDING,
    ENROLMENT,
    ENROLMENT_ENDED,
    INSERTED,
    LEARNER_ENROLLED,
    LEFT,
    OUTCOME,
    OUTCOME_DECLARED,
    PLACED,
)
from tests.examples.people import (
    AREF,
    AREF_OFFICE,
    ASSOCIATION,
    CASEWORKER,
    DIRECTORATE,
    EN_AGENT,
    MINISTRY_OFFICE,
    id_of,
)
from tests.examples.places import History
from tests.scenario import given

TODAY = date(2026, 7, 6)
OFFICES = {"provincial_directorate": DIRECTORATE, "en_agent": EN_AGENT, "aref": AREF}


def placed(kind: str, document: UUID | None = None) -> History:
    """The learner left and this outcome was declared."""
    return (*LEFT, (AMINA, but(OUTCOME_DECLARED, kind=kind, document=document)))


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_enrolment_ends_no_day_before_it_started_nor_after_today() -> None:
    given(*ATTENDING).when(but(END_ENROLMENT, ended_on=date(2025, 9, 30)), by=CASEWORKER).refused(
        EndsBeforeEnrolment(pointer="/ended_on", starts_on="2025-10-01", ended_on="2025-09-30")
    )
    given(*ATTENDING).when(END_ENROLMENT, by=CASEWORKER, today=date(2026, 6, 24)).refused(
        OccurredInFuture(pointer="/ended_on", on="2026-06-25", today="2026-06-24")
    )
    given(*ATTENDING).when(but(END_ENROLMENT, ended_on=LEARNER_ENROLLED.starts_on), by=CASEWORKER).accepted()


def test_an_enrolment_ends_once_and_for_a_known_reason() -> None:
    given(*ATTENDING).when(but(END_ENROLMENT, exit="bored", enrolment=UUID(int=1)), by=CASEWORKER).refused(
        UnknownCode(pointer="/exit", list="exit", value="bored"),
        NoSuchEnrolment(pointer="/enrolment", enrolment=UUID(int=1)),
    )
    again = id_of("enrolment/again")
    twice: History = (*LEFT, (AMINA, but(LEARNER_ENROLLED, enrolment=again)))
    given(*twice).when(END_ENROLMENT, by=CASEWORKER).refused(EnrolmentOver(pointer="/enrolment", ended_on="2026-06-25"))


# ── rule 10: an outcome needs an ended enrolment, not a certificate ──────────────────────────────────────────────────


def test_an_outcome_needs_no_diploma() -> None:
    history: History = (*ATTENDING, (AMINA, but(ENROLMENT_ENDED, exit="dropped_out")))
    given(*history).when(DECLARE_OUTCOME, by=CASEWORKER).then((AMINA, OUTCOME_DECLARED))


def test_an_outcome_of_a_running_enrolment_is_refused() -> None:
    learner = given(*ATTENDING).casebook.load("learner", AMINA).state
    noon = datetime.combine(TODAY, time(12), UTC)
    act = Act(by=CASEWORKER, on=TODAY, today=TODAY, now=noon, parameters=Parameters(), nonce=UUID(int=1))
    with pytest.raises(Refused) as refused:
        declare_outcome(DECLARE_OUTCOME, act, learner=learner)
    assert refused.value.broken == (EnrolmentNotEnded(pointer="/enrolment"),)


def test_an_outcome_of_an_enrolment_nobody_made_is_refused() -> None:
    unknown = but(DECLARE_OUTCOME, enrolment=UUID(int=2))
    given(*LEFT).when(unknown, by=CASEWORKER).refused(NoSuchEnrolment(pointer="/enrolment", enrolment=UUID(int=2)))


def test_an_outcome_that_starts_before_the_exit_is_flagged() -> None:
    command = but(DECLARE_OUTCOME, starts_on=date(2026, 6, 24))
    flagged = but(OUTCOME_DECLARED, starts_on=date(2026, 6, 24), flags=["starts-before-exit"])
    given(*LEFT).when(command, by=CASEWORKER).then((AMINA, flagged))
    on_the_day = but(DECLARE_OUTCOME, starts_on=date(2026, 6, 25))
    given(*LEFT).when(on_the_day, by=CASEWORKER).then((AMINA, but(OUTCOME_DECLARED, starts_on=date(2026, 6, 25))))


def test_an_outcome_declared_again_changes_nothing() -> None:
    given(*PLACED).when(DECLARE_OUTCOME, by=CASEWORKER).nothing()


def test_kind_province_and_sector_are_codes() -> None:
    command = but(DECLARE_OUTCOME, kind="luck", province="XXX", sector="magic")
    given(*LEFT).when(command, by=CASEWORKER).refused(UnknownCode, UnknownCode, UnknownCode)


# ── rule 24: verified by whom, on what ───────────────────────────────────────────────────────────────────────────────


def test_every_kind_of_outcome_has_its_verifiers() -> None:
    assert set(VERIFIERS) == set(code_list("outcome_kind").codes)


@pytest.mark.parametrize("kind", sorted(VERIFIERS))
@pytest.mark.parametrize("role", sorted(OFFICES))
def test_each_kind_is_verified_by_its_authority_and_no_other(kind: str, role: str) -> None:
    office = OFFICES[role]
    outcome = given(*placed(kind)).when(but(VERIFY_OUTCOME, authority=office.org), by=office)
    if role in VERIFIERS[kind]:
        assert status_of(outcome.accepted().state("learner", AMINA)) == "inserted"
    else:
        outcome.refused(WrongAuthority(kind=kind, verified_by=list(VERIFIERS[kind])), AuthorityDoesNotFit)


def test_who_verifies_does_so_for_their_own_organisation_and_one_that_is_an_authority() -> None:
    given(*PLACED).when(but(VERIFY_OUTCOME, authority=AREF_OFFICE), by=EN_AGENT).refused(
        AuthorityOfAnother(pointer="/authority")
    )
    given(*PLACED).when(but(VERIFY_OUTCOME, authority=MINISTRY_OFFICE), by=but(EN_AGENT, org=MINISTRY_OFFICE)).refused(
        AuthorityDoesNotFit(
            pointer="/authority", kind="ministry", fitting=["en_delegation", "en_regional_coordination", "aref"]
        )
    )
    given(*PLACED).when(VERIFY_OUTCOME, by=but(EN_AGENT, org=NIL)).accepted()


def test_an_outcome_is_verified_while_a_later_enrolment_runs() -> None:
    again: History = (*PLACED, (AMINA, but(LEARNER_ENROLLED, enrolment=UUID(int=8))))
    verified = given(*again).when(VERIFY_OUTCOME, by=EN_AGENT).accepted().state("learner", AMINA)
    assert verified.outcomes.declared[OUTCOME].verified_version == 16
    given(*ATTENDING).when(VERIFY_OUTCOME, by=EN_AGENT).refused(NoSuchOutcome(pointer="/outcome", outcome=OUTCOME))


def test_school_is_the_directorates_and_work_entraide_nationales_else_the_academys() -> None:
    assert VERIFIERS["formal_school"] == ("provincial_directorate",)
    assert VERIFIERS["employment"] == VERIFIERS["apprenticeship"] == ("en_agent", "aref")


@pytest.mark.parametrize(
    "by",
    [
        but(EN_AGENT, actor=CASEWORKER.actor),
        but(EN_AGENT, org=ASSOCIATION),
    ],
    ids=["who declared it", "of the same organisation"],
)
def test_who_declared_it_or_works_where_it_was_declared_cannot_verify_it(by: By) -> None:
    assert NotOutside(pointer="/authority") in given(*PLACED).when(VERIFY_OUTCOME, by=by).broken


def test_an_association_is_no_authority() -> None:
    given(*PLACED).when(but(VERIFY_OUTCOME, authority=ASSOCIATION), by=EN_AGENT).refused(
        NotOutside(pointer="/authority"), AuthorityOfAnother(pointer="/authority")
    )
    given(*PLACED).when(but(VERIFY_OUTCOME, authority=UUID(int=3)), by=EN_AGENT).refused(
        UnknownStream(pointer="/authority", kind="organisation", id=UUID(int=3))
    )


DOCUMENT = UUID(int=9)


@pytest.mark.parametrize("method", ["document", "phone", "witness_attestation"])
def test_a_method_that_is_no_evidence_in_itself_needs_a_document(method: str) -> None:
    command = but(VERIFY_OUTCOME, method=method)
    given(*PLACED).when(command, by=EN_AGENT).refused(EvidenceMissing(pointer="/document"))
    given(*PLACED).when(but(command, document=DOCUMENT), by=EN_AGENT).accepted()
    given(*placed("employment", DOCUMENT)).when(command, by=EN_AGENT).accepted()


@pytest.mark.parametrize("method", ["site_visit", "authority_record", "class_council"])
def test_what_the_authority_saw_itself_needs_none(method: str) -> None:
    given(*PLACED).when(but(VERIFY_OUTCOME, method=method), by=EN_AGENT).accepted()


def test_everything_that_is_missing_is_said_at_once() -> None:
    by = but(CASEWORKER, role="provincial_directorate")
    command = but(VERIFY_OUTCOME, method="phone", authority=ASSOCIATION)
    given(*PLACED).when(command, by=by).refused(WrongAuthority, NotOutside, EvidenceMissing)


def test_an_outcome_is_verified_once() -> None:
    given(*INSERTED).when(VERIFY_OUTCOME, by=EN_AGENT).refused(OutcomeAlreadyVerified(pointer="/outcome"))


def test_an_unknown_outcome_is_not_verified() -> None:
    given(*PLACED).when(but(VERIFY_OUTCOME, outcome=UUID(int=4)), by=EN_AGENT).refused(
        NoSuchOutcome(pointer="/outcome", outcome=UUID(int=4))
    )


# ── rule 26 and taking back ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_latest_starting_outcome_is_in_force() -> None:
    later = but(DECLARE_OUTCOME, outcome=UUID(int=5), kind="formal_school", starts_on=date(2026, 9, 1))
    placed_again = given(*INSERTED).when(but(later, on=date(2026, 9, 1)), by=CASEWORKER).accepted()
    learner = placed_again.state("learner", AMINA)
    assert learner.outcomes.in_force.kind == "formal_school"
    assert status_of(learner) == "placed"


def test_a_verified_outcome_is_taken_back_after_its_verification() -> None:
    why = ReasonGiven("wrong_person")
    scenario = given(*INSERTED)
    scenario.when(WithdrawFact(learner=AMINA, version=14, why=why), by=CASEWORKER).refused(NotWithdrawable)
    take_back = WithdrawFact(learner=AMINA, version=15, why=why)
    for inside in (CASEWORKER, DIRECTORATE):
        scenario.when(take_back, by=inside).refused(
            NotYoursToWithdraw(pointer="/version", version=15, roles=["en_agent", "aref"])
        )
    unverified = scenario.when(take_back, by=AREF).accepted()
    assert status_of(unverified.state("learner", AMINA)) == "placed"
    gone = unverified.when(WithdrawFact(learner=AMINA, version=14, why=why), by=CASEWORKER).accepted()
    assert status_of(gone.state("learner", AMINA)) == "left"
    assert ENROLMENT in gone.state("learner", AMINA).admission.enrolments
    assert OUTCOME not in gone.state("learner", AMINA).outcomes.declared

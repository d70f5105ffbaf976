"""Rules 1, 2, 6, 47, 48 and the identity: recorded, verified, corrected, taken back."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace as but

from domain.errors import TextUnreadable, UnknownCode, UnknownStream
from domain.kind import ReasonGiven
from domain.learner.admission import AgeOutsideBand, IdentityErased, InSchoolNow, LearnerEnrolled
from domain.learner.identification import (
    AttestationNotAccepted,
    BornInFuture,
    CnieNotAuthorised,
    Contacts,
    EligibilityAssessed,
    Evidence,
    GrantDerogation,
    Identifier,
    IdentifierUnreadable,
    Identity,
    IdentityVerified,
    NameGiven,
    NamesMissing,
    NameUnreadable,
    NothingVerifies,
    PersonName,
    RuleNotDerogable,
    VerifyIdentity,
    Witness,
    WitnessGiven,
)
from domain.learner.review import WithdrawFact
from domain.sealed import clear
from tests.examples.commands import (
    ASSESS_ELIGIBILITY,
    ENROL,
    GRANT_DEROGATION,
    IDENTIFY,
    RECORD_IDENTITY,
    VERIFY_IDENTITY,
)
from tests.examples.path import (
    AMINA,
    ARABIC,
    BORN,
    DEROGATION_GRANTED,
    ELIGIBILITY_ASSESSED,
    FIRST_IDENTITY,
    IDENTIFIED,
    IDENTITY,
    IDENTITY_RECORDED,
    IDENTITY_VERIFIED,
    LEARNER_ENROLLED,
    LEARNER_IDENTIFIED,
    ORIENTED,
    PROFILE,
    VERIFIED,
)
from tests.examples.people import CASEWORKER, DIRECTORATE, id_of
from tests.examples.places import CENTRE, CONVENTION_SIGNED, SEASON, WORLD, History, parameter
from tests.scenario import Outcome, given

TAKE_BACK = ReasonGiven("entry_error")


def born(day: date | None, certainty: str = "exact", path: History = ORIENTED) -> History:
    """The history with this birth date on file instead."""
    recorded = but(IDENTITY_RECORDED, identity=clear(but(IDENTITY, birth_date=day, birth_certainty=certainty)))
    return tuple((stream, recorded if event is IDENTITY_RECORDED else event) for stream, event in path)


def enrolled(outcome: Outcome) -> LearnerEnrolled:
    event = outcome.accepted().events()[0]
    assert isinstance(event, LearnerEnrolled)
    return event


# ── rule 1: the age band at the reference date ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("birth_date", [date(2012, 12, 31), date(2005, 1, 1)])
def test_thirteen_and_twenty_on_31_december_are_inside_the_band(birth_date: date) -> None:
    assert enrolled(given(*born(birth_date)).when(ENROL, by=CASEWORKER)).flags == []


@pytest.mark.parametrize(("birth_date", "age"), [(date(2013, 1, 1), 12), (date(2004, 12, 31), 21)])
def test_a_day_younger_or_older_is_refused_with_band_and_date(birth_date: date, age: int) -> None:
    refusal = AgeOutsideBand(age=age, age_min=13, age_max=20, reference_date="2025-12-31")
    given(*born(birth_date)).when(ENROL, by=CASEWORKER).refused(refusal)


def test_the_conventions_band_stands_over_the_parameters() -> None:
    signed = but(CONVENTION_SIGNED, age_min=15, age_max=16)
    history = tuple((stream, signed if event is CONVENTION_SIGNED else event) for stream, event in ORIENTED)
    given(*history).when(ENROL, by=CASEWORKER).accepted()
    seventeen = born(date(2008, 6, 1), path=history)
    refusal = AgeOutsideBand(age=17, age_min=15, age_max=16, reference_date="2025-12-31")
    given(*seventeen).when(ENROL, by=CASEWORKER).refused(refusal)


def test_a_parameter_moves_the_band_and_the_reference_date() -> None:
    moved = (parameter("age_max", "15"), parameter("age_reference_month", "5"))
    given(*ORIENTED, *moved, parameter("age_reference_day", "13")).when(ENROL, by=CASEWORKER).accepted()
    refusal = AgeOutsideBand(age=16, age_min=13, age_max=15, reference_date="2025-05-14")
    given(*ORIENTED, *moved, parameter("age_reference_day", "14")).when(ENROL, by=CASEWORKER).refused(refusal)


def test_a_reference_day_the_month_lacks_is_its_last_day() -> None:
    parameters = (parameter("age_reference_month", "6"),)
    outcome = given(*VERIFIED, *parameters).when(ASSESS_ELIGIBILITY, by=CASEWORKER)
    outcome.then((AMINA, but(ELIGIBILITY_ASSESSED, reference_date=date(2025, 6, 30), parameters=1)))


def test_a_parameter_holds_from_its_day_on() -> None:
    later = parameter("age_max", "15", valid_from=date(2025, 10, 2))
    given(*ORIENTED, later).when(ENROL, by=CASEWORKER).accepted()
    given(*ORIENTED, later).when(but(ENROL, on=date(2025, 10, 2)), by=CASEWORKER).refused(AgeOutsideBand)


@pytest.mark.parametrize("birth_date", [date(2012, 7, 1), date(2013, 7, 1)])
def test_an_uncertain_birth_date_takes_the_reading_that_admits_and_is_flagged(birth_date: date) -> None:
    event = enrolled(given(*born(birth_date, "estimated")).when(ENROL, by=CASEWORKER))
    assert event.flags == ["age-uncertain"]
    assert event.profile.age == 13


def test_an_uncertain_birth_date_wholly_inside_the_band_is_not_flagged() -> None:
    assert enrolled(given(*born(date(2009, 7, 1), "estimated")).when(ENROL, by=CASEWORKER)).flags == []


def test_an_uncertain_birth_date_wholly_outside_the_band_is_refused() -> None:
    given(*born(date(2015, 7, 1), "estimated")).when(ENROL, by=CASEWORKER).refused(AgeOutsideBand)


def test_a_year_only_counts_any_day_of_that_year() -> None:
    event = enrolled(given(*born(date(2012, 1, 1), "year_only")).when(ENROL, by=CASEWORKER))
    assert (event.flags, event.profile.age) == ([], 13)
    given(*born(date(2013, 1, 1), "year_only")).when(ENROL, by=CASEWORKER).refused(AgeOutsideBand)


def test_an_unknown_birth_date_is_admitted_and_flagged() -> None:
    event = enrolled(given(*born(None)).when(ENROL, by=CASEWORKER))
    assert (event.flags, event.profile.age) == (["age-unknown"], None)


def test_a_derogation_of_the_season_admits_who_is_outside_the_band() -> None:
    history = (*born(date(2004, 6, 1)), (AMINA, DEROGATION_GRANTED))
    assert enrolled(given(*history).when(ENROL, by=CASEWORKER)).profile.age == 21


@pytest.mark.parametrize("granted", [but(DEROGATION_GRANTED, season=SEASON - 1), but(DEROGATION_GRANTED, rule=2)])
def test_a_derogation_of_another_season_or_rule_does_not(granted: object) -> None:
    given(*born(date(2004, 6, 1)), (AMINA, granted)).when(ENROL, by=CASEWORKER).refused(AgeOutsideBand)  # type: ignore[arg-type]


def test_a_derogation_taken_back_admits_no_longer() -> None:
    history = (*born(date(2004, 6, 1)), (AMINA, DEROGATION_GRANTED))
    taken_back = given(*history).when(WithdrawFact(learner=AMINA, version=6, why=TAKE_BACK), by=DIRECTORATE)
    taken_back.accepted().when(ENROL, by=CASEWORKER).refused(AgeOutsideBand)


def test_derogations_exist_from_rule_1_only() -> None:
    derogation = but(GRANT_DEROGATION, rule=3)
    given(*VERIFIED).when(derogation, by=DIRECTORATE).refused(RuleNotDerogable(pointer="/rule", rule=3, derogable=[1]))


def test_a_derogation_names_its_reason_and_authority_by_code() -> None:
    derogation = GrantDerogation(learner=AMINA, reason="because", authority="mayor", act_reference="1")
    given(*VERIFIED).when(derogation, by=DIRECTORATE).refused(UnknownCode, UnknownCode)


# ── rule 2 and the assessment ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["in_formal_school", "in_vocational_training"])
def test_who_is_in_school_now_is_not_enrolled(status: str) -> None:
    refusal = InSchoolNow(pointer="/school_status", school_status=status)
    given(*ORIENTED).when(but(ENROL, school_status=status), by=CASEWORKER).refused(refusal)


def test_an_unknown_school_status_is_flagged_not_refused() -> None:
    event = enrolled(given(*ORIENTED).when(but(ENROL, school_status="unknown"), by=CASEWORKER))
    assert event.flags == ["school-status-unknown"]


@pytest.mark.parametrize(
    ("birth_date", "status", "result", "flags"),
    [
        (BORN, "dropped_out", "eligible", []),
        (BORN, "in_formal_school", "not_eligible", []),
        (BORN, "unknown", "eligible", ["school-status-unknown"]),
        (date(2014, 1, 1), "never_schooled", "not_eligible", []),
        (None, "never_schooled", "eligible", ["age-unknown"]),
    ],
)
def test_an_assessment_is_recorded_whatever_its_result(
    birth_date: date | None, status: str, result: str, flags: list[str]
) -> None:
    assess = but(ASSESS_ELIGIBILITY, school_status=status)
    event = given(*born(birth_date, path=VERIFIED)).when(assess, by=CASEWORKER).accepted().events()[0]
    assert isinstance(event, EligibilityAssessed)
    assert (event.result, event.flags) == (result, flags)


def test_an_assessment_without_a_convention_takes_the_parameters_band() -> None:
    history = (*VERIFIED, parameter("age_min", "15"), parameter("age_max", "18"))
    expected = but(ELIGIBILITY_ASSESSED, convention=None, age_min=15, age_max=18, parameters=2)
    given(*history).when(but(ASSESS_ELIGIBILITY, convention=None), by=CASEWORKER).then((AMINA, expected))


def test_an_assessment_under_an_unknown_convention_is_refused() -> None:
    nowhere = id_of("convention/nowhere")
    given(*VERIFIED).when(but(ASSESS_ELIGIBILITY, convention=nowhere), by=CASEWORKER).refused(
        UnknownStream(pointer="/convention", kind="convention", id=nowhere)
    )


@pytest.mark.parametrize("season", [-1, 12, 1999, 2101, 99_999])
def test_a_season_nobody_means_is_refused_not_computed_with(season: int) -> None:
    refusal = UnknownCode(pointer="/season", list="season", value=str(season))
    given(*ORIENTED).when(but(ENROL, season=season), by=CASEWORKER).refused(refusal)
    given(*ORIENTED).when(but(ASSESS_ELIGIBILITY, season=season), by=CASEWORKER).refused(refusal)
    given(*WORLD).when(but(IDENTIFY, season=season), by=CASEWORKER).refused(refusal)


# ── rule 48: names ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "script"),
    [
        (NameGiven("ياسين", "بناني"), "arabic"),
        (NameGiven("Yassine"), "latin"),
        (NameGiven("ⵢⴰⵙⵉⵏ"), "other"),
        (NameGiven("Yassine", "بناني"), "other"),
    ],
)
def test_one_name_in_any_script_suffices(name: NameGiven, script: str) -> None:
    identity = but(FIRST_IDENTITY, names=[PersonName(name.given, name.family, script)])
    given(*WORLD).when(but(IDENTIFY, names=[name]), by=CASEWORKER).then(
        (AMINA, but(LEARNER_IDENTIFIED, identity=clear(identity)))
    )


def test_no_name_at_all_is_refused() -> None:
    given(*WORLD).when(but(IDENTIFY, names=[]), by=CASEWORKER).refused(NamesMissing(pointer="/names"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (NameGiven(" "), "empty-text"),
        (NameGiven("1234"), "no-letter"),
        (NameGiven("Ami\u202ena"), "bidi-override"),
        (NameGiven("Ami\x00na"), "control-character"),
        (NameGiven("Amina", "x" * 201), "text-too-long"),
    ],
)
def test_an_unreadable_name_is_refused_at_its_place(name: NameGiven, problem: str) -> None:
    command = but(IDENTIFY, names=[NameGiven("أمينة"), name])
    given(*WORLD).when(command, by=CASEWORKER).refused(NameUnreadable(pointer="/names/1", problem=problem))


def test_names_are_cleaned_before_they_are_sealed() -> None:
    command = but(IDENTIFY, names=[NameGiven("  أمينة ", "بن\u200f  سالم")])
    identity = but(FIRST_IDENTITY, names=[PersonName("أمينة", "بن سالم", "arabic")])
    given(*WORLD).when(command, by=CASEWORKER).then((AMINA, but(LEARNER_IDENTIFIED, identity=clear(identity))))


# ── rules 6 and 47: identifiers ──────────────────────────────────────────────────────────────────────────────────────


def test_a_massar_code_of_another_form_is_no_refusal() -> None:
    command = but(IDENTIFY, identifiers=[Identifier("massar", "K1")])
    given(*WORLD).when(command, by=CASEWORKER).accepted()


@pytest.mark.parametrize(
    ("value", "problem"), [("  - ", "empty-text"), ("", "empty-text"), ("A\x00", "control-character")]
)
def test_an_identifier_that_is_none_is_refused(value: str, problem: str) -> None:
    command = but(IDENTIFY, identifiers=[Identifier("massar", value)])
    refusal = IdentifierUnreadable(pointer="/identifiers/0/value", problem=problem)
    given(*WORLD).when(command, by=CASEWORKER).refused(refusal)


def test_the_cnie_stays_off_until_an_authorisation_is_set() -> None:
    command = but(IDENTIFY, identifiers=[Identifier("cnie", "BK123456")])
    refusal = CnieNotAuthorised(pointer="/identifiers/0/type", parameter="cnie_authorisation")
    given(*WORLD).when(command, by=CASEWORKER).refused(refusal)
    given(*WORLD, parameter("cnie_authorisation", "CNDP D-114/2025")).when(command, by=CASEWORKER).accepted()


def test_every_breach_of_an_identity_is_said_at_once_in_rule_order() -> None:
    command = but(
        IDENTIFY, names=[], sex="x", birth_date=date(2030, 1, 1), identifiers=[Identifier("cnie", "")], source="rumour"
    )
    given(*WORLD).when(command, by=CASEWORKER).refused(
        UnknownCode, BornInFuture, UnknownCode, IdentifierUnreadable, CnieNotAuthorised, NamesMissing
    )


# ── the identity: recorded, corrected, verified, taken back ──────────────────────────────────────────────────────────


def test_the_same_identity_again_changes_nothing() -> None:
    given(*VERIFIED).when(RECORD_IDENTITY, by=CASEWORKER).nothing()
    given(*VERIFIED).when(but(RECORD_IDENTITY, phone=None), by=CASEWORKER).nothing()


def test_a_new_phone_alone_is_recorded() -> None:
    outcome = given(*VERIFIED).when(but(RECORD_IDENTITY, phone="+212600000009"), by=CASEWORKER)
    contacts = clear(Contacts("+212600000009"))
    outcome.then((AMINA, but(IDENTITY_RECORDED, contacts=contacts, replaces=2)))


def test_a_corrected_identity_is_no_longer_verified() -> None:
    corrected = given(*VERIFIED).when(but(RECORD_IDENTITY, birth_date=date(2009, 5, 15)), by=CASEWORKER)
    stage = corrected.accepted().state("learner", AMINA).identification
    assert stage.identity.version == 4
    assert stage.verification is None


def test_a_withdrawn_correction_brings_back_the_earlier_identity_its_verification_and_its_contacts() -> None:
    corrected = given(*VERIFIED).when(
        but(RECORD_IDENTITY, birth_date=date(2009, 5, 15), phone="+212600000009"), by=CASEWORKER
    )
    back = corrected.accepted().when(WithdrawFact(learner=AMINA, version=4, why=TAKE_BACK), by=CASEWORKER)
    stage = back.accepted().state("learner", AMINA).identification
    assert stage.identity.sealed == clear(IDENTITY)
    assert stage.verification.version == 3
    assert stage.contacts.sealed == clear(Contacts("+212612345678"))


def test_a_verification_taken_back_leaves_the_identity_unverified() -> None:
    back = given(*VERIFIED).when(WithdrawFact(learner=AMINA, version=3, why=TAKE_BACK), by=CASEWORKER)
    assert back.accepted().state("learner", AMINA).identification.verification is None


def test_a_verification_is_of_the_identity_in_force() -> None:
    given(*IDENTIFIED).when(VERIFY_IDENTITY, by=CASEWORKER).then((AMINA, but(IDENTITY_VERIFIED, verifies=1)))


WITNESSES = [WitnessGiven("فاطمة بنسالم", "aunt", "family booklet"), WitnessGiven("Hassan Rami", "neighbour")]
ATTEST = VerifyIdentity(learner=AMINA, witnesses=WITNESSES, centre=CENTRE)
ACCEPTED = parameter("witness_attestation_accepted", "yes")


def test_a_verification_names_a_document_or_two_adults_and_a_centre() -> None:
    twice = [WITNESSES[1], but(WITNESSES[1], name="HASSAN  RAMI")]
    for witnesses, pointer in (([], "/document_type"), (WITNESSES[:1], "/witnesses"), (twice, "/witnesses")):
        command = but(ATTEST, witnesses=witnesses)
        given(*IDENTIFIED, ACCEPTED).when(command, by=CASEWORKER).refused(NothingVerifies(pointer=pointer))
    alone = but(ATTEST, centre=None)
    given(*IDENTIFIED, ACCEPTED).when(alone, by=CASEWORKER).refused(NothingVerifies(pointer="/centre"))


def test_two_adults_and_a_centre_suffice_where_the_exam_authority_accepts_it() -> None:
    given(*IDENTIFIED).when(ATTEST, by=CASEWORKER).refused(
        AttestationNotAccepted(pointer="/witnesses", parameter="witness_attestation_accepted")
    )
    outcome = given(*IDENTIFIED, ACCEPTED).when(ATTEST, by=CASEWORKER).accepted()
    (event,) = outcome.events()
    assert isinstance(event, IdentityVerified)
    assert (event.by_document, event.centre, event.verifies) == (False, CENTRE, 1)
    kept = [Witness("فاطمة بنسالم", "aunt", "family booklet"), Witness("Hassan Rami", "neighbour")]
    assert event.evidence == clear(Evidence(witnesses=kept))
    assert outcome.state("learner", AMINA).identification.verification.by_document is False


def test_a_centre_that_stands_by_an_attestation_is_a_centre_and_is_guarded() -> None:
    nowhere = but(ATTEST, centre=AMINA)
    given(*IDENTIFIED, ACCEPTED).when(nowhere, by=CASEWORKER).refused(
        UnknownStream(pointer="/centre", kind="centre", id=AMINA)
    )
    outcome = given(*IDENTIFIED, ACCEPTED).when(ATTEST, by=CASEWORKER).accepted()
    assert CENTRE in dict(outcome.scenario.streams.appends[-1].guards)


def test_the_number_of_a_paper_is_sealed_and_that_of_a_cnie_needs_an_authorisation() -> None:
    command = but(VERIFY_IDENTITY, document_type="cnie", document_number="BK 123456")
    given(*IDENTIFIED).when(command, by=CASEWORKER).refused(
        CnieNotAuthorised(pointer="/document_number", parameter="cnie_authorisation")
    )
    authorised = given(*IDENTIFIED, parameter("cnie_authorisation", "D-1")).when(command, by=CASEWORKER)
    (event,) = authorised.accepted().events()
    assert isinstance(event, IdentityVerified)
    assert event.evidence == clear(Evidence("cnie", "BK 123456"))


def test_what_witnesses_say_is_cleaned_and_read() -> None:
    command = but(ATTEST, witnesses=[WitnessGiven("12", "aunt"), WitnessGiven("Hassan", "a\nb", "")])
    given(*IDENTIFIED, ACCEPTED).when(command, by=CASEWORKER).refused(
        TextUnreadable(pointer="/witnesses/1/relation", problem="control-character"),
        TextUnreadable(pointer="/witnesses/1/document", problem="empty-text"),
        NameUnreadable(pointer="/witnesses/0/name", problem="no-letter"),
    )


def test_the_commune_is_sealed_with_the_identity_and_cleaned() -> None:
    identified = given(*WORLD).when(but(IDENTIFY, commune=" Sidi   Moumen"), by=CASEWORKER)
    known = but(FIRST_IDENTITY, commune="Sidi Moumen")
    identified.then((AMINA, but(LEARNER_IDENTIFIED, identity=clear(known))))
    for command, history in ((IDENTIFY, WORLD), (RECORD_IDENTITY, IDENTIFIED)):
        given(*history).when(but(command, commune="a\u202eb"), by=CASEWORKER).refused(
            TextUnreadable(pointer="/commune", problem="bidi-override")
        )


def test_why_a_derogation_was_granted_is_sealed_and_its_act_is_read() -> None:
    given(*VERIFIED).when(GRANT_DEROGATION, by=DIRECTORATE).then((AMINA, DEROGATION_GRANTED))
    given(*VERIFIED).when(but(GRANT_DEROGATION, act_reference=" "), by=DIRECTORATE).refused(
        TextUnreadable(pointer="/act_reference", problem="empty-text")
    )


def test_a_second_assessment_of_a_season_names_the_first() -> None:
    again = given(*ORIENTED).when(but(ASSESS_ELIGIBILITY, on=date(2025, 9, 26)), by=CASEWORKER)
    again.then((AMINA, but(ELIGIBILITY_ASSESSED, on=date(2025, 9, 26), replaces=4)))


def test_an_enrolment_keeps_what_it_was_decided_with() -> None:
    history = (*born(date(2004, 5, 14)), (AMINA, DEROGATION_GRANTED))
    event = enrolled(given(*history).when(ENROL, by=CASEWORKER))
    assert (event.age_low, event.age_high, event.age_min, event.age_max) == (21, 21, 13, 20)
    assert (event.assessment, event.derogation) == (4, 6)
    assert enrolled(given(*ORIENTED, (AMINA, DEROGATION_GRANTED)).when(ENROL, by=CASEWORKER)).derogation is None


def test_no_personal_fact_is_added_to_an_erased_identity() -> None:
    erased = given(*VERIFIED).erased(AMINA, "identity")
    erased.when(but(RECORD_IDENTITY, sex="m"), by=CASEWORKER).refused(IdentityErased)
    given(*ORIENTED).erased(AMINA, "identity").when(ENROL, by=CASEWORKER).refused(IdentityErased)


def test_sex_and_age_of_the_profile_come_from_the_identity_in_force() -> None:
    recorded = Identity([ARABIC], "m", date(2008, 1, 1))
    history = (*ORIENTED, (AMINA, but(IDENTITY_RECORDED, identity=clear(recorded))))
    given(*history).when(ENROL, by=CASEWORKER).then(
        (AMINA, but(LEARNER_ENROLLED, age_low=17, age_high=17, profile=but(PROFILE, sex="m", age=17)))
    )

"""How far each of the demo's forty learners came: one line a learner, and the acts that take one there."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from domain.learner.admission import EnrolLearner, JoinGroup, Missing, OrientLearner
from domain.learner.identification import (
    AssessEligibility,
    GrantDerogation,
    Identifier,
    IdentifyLearner,
    NameGiven,
    RecordIdentity,
    VerifyIdentity,
)
from domain.learner.leaving import EndEnrolment
from domain.learner.outcome import DeclareOutcome, VerifyOutcome
from domain.values import season_days
from runtime.demo.people import LEARNERS, Person
from runtime.demo.setting import CENTRE, CLASS, CONVENTION, PROVINCE, TRADE, WORKSHOP
from runtime.demo.telling import Teller, id_of, told

# Stages in the order of the path. "over": the exit code the enrolment ended with.
IDENTIFIED, VERIFIED, ASSESSED, ORIENTED, ENROLLED, SEATED, CANDIDATE, GRADUATED = range(8)


class Path(NamedTuple):
    """How far a learner came: the last stage before leaving, then the exit and the outcome where there are any."""

    stage: int
    over: str = ""  # exit code
    outcome: str = ""  # outcome_kind
    verifier: str = ""  # role that verified it
    decision: str = "admitted"  # of the jury, for candidates
    source: str = "association"
    school_status: str = "dropped_out"
    certainty: str = "exact"
    scripts: str = "both"  # of the name on file: both | arabic | latin
    recent: bool = False  # this season's intake: nothing of it lies in the past season


# The n-th line is the n-th learner of people.py.
PATHS: Final = (
    Path(GRADUATED, "completed", "employment", "en_agent"),
    Path(GRADUATED, "completed", "apprenticeship", "en_agent"),
    Path(GRADUATED, "completed", "vocational_training"),
    Path(GRADUATED, "completed"),
    Path(GRADUATED, scripts="latin"),
    Path(GRADUATED),
    Path(CANDIDATE, decision="resit"),
    Path(CANDIDATE, decision="refused"),
    Path(CANDIDATE, decision="absent"),
    Path(SEATED, "reintegrated_early", "formal_school", "provincial_directorate", source="school_principal"),
    Path(SEATED, "completed", "vocational_training", "aref"),
    Path(SEATED, "completed", "formal_school"),
    Path(SEATED, "employed_early", "employment"),
    Path(SEATED, "dropped_out"),
    Path(SEATED, "moved"),
    Path(SEATED, "dropped_out", school_status="excluded"),
    Path(SEATED, source="early_warning_cell"),
    Path(SEATED, source="guidance_counsellor"),
    Path(SEATED),
    Path(SEATED, source="family"),
    Path(SEATED, certainty="year_only"),
    Path(SEATED, school_status="unknown"),
    Path(SEATED, source="en_centre"),
    Path(SEATED),
    Path(SEATED, source="local_authority"),
    Path(ENROLLED, recent=True),
    Path(ENROLLED, recent=True, source="caravan"),
    Path(ENROLLED, recent=True),
    Path(ORIENTED, recent=True),
    Path(ORIENTED, recent=True, source="self"),
    Path(ORIENTED, recent=True),
    Path(ASSESSED, recent=True),
    Path(ASSESSED, recent=True, source="school_principal", school_status="in_formal_school"),  # ineligible
    Path(VERIFIED, recent=True),
    Path(IDENTIFIED, recent=True, source="child_to_child", scripts="arabic"),
    Path(SEATED, school_status="never_schooled"),  # 21: enrolled by derogation
    Path(ASSESSED, recent=True),  # 23: ineligible
    Path(IDENTIFIED, recent=True, certainty="estimated"),
    Path(IDENTIFIED, recent=True, source="family"),
    Path(VERIFIED, recent=True),
)


class Told(NamedTuple):
    """One learner while the story is told."""

    number: int
    person: Person
    path: Path
    learner: UUID
    enrolment: UUID


TOLD: Final = tuple(
    Told(number, person, path, id_of("learner", number), id_of("enrolment", number))
    for number, (person, path) in enumerate(zip(LEARNERS, PATHS, strict=True))
)


def season_of_path(teller: Teller, path: Path) -> int:
    """The season of the learner's enrolment."""
    return teller.season + path.recent


def tell_arrival(teller: Teller, each: Told) -> None:
    """The learner came as far as a seat, or as far as the path says."""
    on = _first_day(teller, each)
    path, name = each.path, f"learner {each.number}"
    season = season_of_path(teller, path)
    teller.does("caseworker", f"{name} identified", told(teller, _identify(teller, each, season), on))
    if path.stage >= VERIFIED:
        document = "family_booklet" if each.number % 3 else "birth_certificate"
        verify = VerifyIdentity(learner=each.learner, document_type=document)
        teller.does("caseworker", f"{name} verified", told(teller, verify, on))
    if path.stage >= ASSESSED:
        assess = AssessEligibility(
            learner=each.learner, season=season, convention=CONVENTION, school_status=path.school_status
        )
        teller.does("caseworker", f"{name} assessed", told(teller, assess, on + timedelta(2)))
    if path.stage >= ORIENTED:
        _tell_admission(teller, each, season, on)


def _tell_admission(teller: Teller, each: Told, season: int, on: date) -> None:
    path, name = each.path, f"learner {each.number}"
    if each.person.age > 20:
        derogation = GrantDerogation(
            learner=each.learner, season=season, reason="social_emergency", act_reference=f"EX-{season}-17"
        )
        teller.does("provincial_directorate", f"{name} derogated", told(teller, derogation, on + timedelta(3)))
    oriented = OrientLearner(learner=each.learner, season=season, level="level_2", trades=[TRADE, "PAT"])
    if each.number != LATE_ORIENTATION:
        teller.does("caseworker", f"{name} oriented", told(teller, oriented, on + timedelta(3)))
    if path.stage >= ENROLLED:
        enrol = EnrolLearner(
            learner=each.learner,
            enrolment=each.enrolment,
            season=season,
            centre=CENTRE,
            convention=CONVENTION,
            level="level_2",
            trade=TRADE,
            starts_on=max(on + timedelta(4), season_days(season)[0]),
            without=[Missing("orientation", "urgent_intake")] if each.number == LATE_ORIENTATION else [],
            residence="rural" if each.number % 4 == 0 else "urban",
            last_level=("6P", "1AC", "2AC", "5P")[each.number % 4],
            school_status=path.school_status,
        )
        teller.does("caseworker", f"{name} enrolled", told(teller, enrol, on + timedelta(4)))
    if path.stage >= SEATED:
        for group in groups_of(each):
            join = JoinGroup(learner=each.learner, enrolment=each.enrolment, group=group)
            teller.does("coordinator", f"{name} joined {group}", told(teller, join, on + timedelta(5)))


LATE_ORIENTATION: Final = 18  # enrolled at once, without orientation, for a recorded reason (rule 10)


def groups_of(each: Told) -> list[UUID]:
    """All sit in the class; the candidates and every second of the others also in the workshop, which has 16 seats."""
    return [CLASS, WORKSHOP] if each.path.stage >= CANDIDATE or each.number % 3 == 0 else [CLASS]


def _first_day(teller: Teller, each: Told) -> date:
    """In autumn of the past season; for this season's intake in the last four weeks."""
    if each.path.recent:
        return teller.today - timedelta(28 - each.number % 20)
    return teller.day(9, 15) + timedelta(each.number % 10)


def _identify(teller: Teller, each: Told, season: int) -> IdentifyLearner:
    person, path = each.person, each.path
    names = {"arabic": NameGiven(person.given_ar, person.family_ar), "latin": NameGiven(person.given, person.family)}
    born = date(teller.season - person.age, 1 + each.number % 12, 1 + each.number * 7 % 28)
    return IdentifyLearner(
        learner=each.learner,
        season=season,
        province=PROVINCE,
        commune="Sidi Moumen",
        source=path.source,
        names=[name for script, name in names.items() if path.scripts in ("both", script)],
        sex=person.sex,
        birth_date=born,
        birth_certainty=path.certainty,
        identifiers=[Identifier("massar", f"J1300{each.number:05}")] if each.number % 2 else [],
    )


def tell_correction(teller: Teller) -> None:
    """One identity was corrected; another correction was taken back, being of the wrong person."""
    corrected, mistaken = TOLD[1], TOLD[16]
    for each, given, on in (
        (corrected, "Yassine", teller.day(11, 10)),
        (mistaken, "Nora", teller.day(11, 12)),
    ):
        person = each.person
        command = RecordIdentity(
            learner=each.learner,
            names=[NameGiven(person.given_ar, person.family_ar), NameGiven(given, person.family)],
            sex=person.sex,
            birth_date=date(teller.season - person.age, 3, 14),
            birth_place="Casablanca",
            commune="Sidi Moumen",
            nationality="MA",
            identifiers=[Identifier("massar", f"J1300{each.number:05}")] if each.number % 2 else [],
            phone="+212600000000",
        )
        teller.does("caseworker", f"learner {each.number} corrected", told(teller, command, on))
    verify = VerifyIdentity(learner=corrected.learner, document_type="birth_certificate")
    teller.does("caseworker", "learner 1 verified again", told(teller, verify, teller.day(11, 10)))


def tell_departure(teller: Teller, each: Told) -> None:
    """The learner left, and what became of it is declared and verified, as far as the path says."""
    path, name = each.path, f"learner {each.number}"
    if not path.over:
        return
    ended_on = teller.day(6, 30) if path.over == "completed" else teller.day(2, 2) + timedelta(each.number)
    end = EndEnrolment(learner=each.learner, enrolment=each.enrolment, exit=path.over, ended_on=ended_on)
    teller.does("coordinator", f"{name} ended", told(teller, end, ended_on))
    if not path.outcome:
        return
    outcome = id_of("outcome", each.number)
    starts_on = ended_on + timedelta(20)
    declare = DeclareOutcome(
        learner=each.learner,
        outcome=outcome,
        enrolment=each.enrolment,
        kind=path.outcome,
        organisation="Établissement d'exemple",
        sector="hospitality" if path.outcome in ("employment", "apprenticeship") else None,
        province=PROVINCE,
        starts_on=starts_on,
    )
    teller.does("caseworker", f"{name} declared", told(teller, declare, starts_on))
    if path.verifier:
        authority = {"en_agent": "delegation", "aref": "aref"}.get(path.verifier, "directorate")
        verify = VerifyOutcome(
            learner=each.learner,
            outcome=outcome,
            method="site_visit" if path.verifier == "en_agent" else "authority_record",
            authority=id_of("organisation", authority),
        )
        teller.does(path.verifier, f"{name} outcome verified", told(teller, verify, starts_on + timedelta(10)))

"""Deciding on identification: identify, record and verify identity, assess eligibility, derogate."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from domain.arabic import fold
from domain.codes import Texts, refuse_unknown
from domain.convention import Convention
from domain.errors import RuleBroken, UnknownCode, refuse_if
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.learner.admission import IdentityErased
from domain.learner.identification import (
    AssessEligibility,
    AttestationNotAccepted,
    BornInFuture,
    CnieNotAuthorised,
    Contacts,
    DerogationGranted,
    DerogationGround,
    EligibilityAssessed,
    Evidence,
    GrantDerogation,
    Identifier,
    IdentifierUnreadable,
    IdentifyLearner,
    Identity,
    IdentityRecorded,
    IdentityVerified,
    LearnerIdentified,
    NameGiven,
    NamesMissing,
    NameUnreadable,
    NothingVerifies,
    PersonName,
    RecordIdentity,
    Referral,
    RuleNotDerogable,
    VerifyIdentity,
    Witness,
)
from domain.learner.state import Learner
from domain.parameters import Parameters
from domain.sealed import Erased, SealedFact, clear
from domain.values import BadText, age_range, clean_identifier, clean_name, file_number, script_of, season_of

DEROGABLE = (1,)
DEROGATORS = ("provincial_directorate",)  # who grants a derogation, and may take it back
COMMUNE = 100  # characters


def opens_identity(command: Any, seen: Mapping[str, Any]) -> dict[UUID, SealedFact[Any]]:
    """The identity in force of the command's learner."""
    fact = seen["learner"].identification.identity
    return {} if fact is None else {command.learner: fact}


def _clean(names: list[NameGiven]) -> tuple[list[PersonName], list[RuleBroken | None]]:
    cleaned: list[PersonName] = []
    broken: list[RuleBroken | None] = []
    for at, name in enumerate(names):
        try:
            given, family = clean_name(name.given), clean_name(name.family) if name.family else ""
            cleaned.append(PersonName(given, family, script_of(given + family)))
        except BadText as bad:
            broken.append(NameUnreadable(pointer=f"/names/{at}", problem=bad.code))
    return cleaned, broken


def _bad_identity(command: IdentifyLearner | RecordIdentity, act: Act) -> list[RuleBroken | None]:
    born = command.birth_date
    return [
        None if command.names else NamesMissing(pointer="/names"),
        refuse_unknown("sex", command.sex, "/sex", act.on),
        refuse_unknown("birth_certainty", command.birth_certainty, "/birth_certainty", act.on),
        BornInFuture(pointer="/birth_date", born_on=str(born)) if born and born > act.on else None,
        *(
            refuse_unknown("identifier_type", each.type, f"/identifiers/{at}/type", act.on)
            for at, each in enumerate(command.identifiers)
        ),
        *(_cnie_refused(each, at, act) for at, each in enumerate(command.identifiers)),
        *(_unreadable(each, at) for at, each in enumerate(command.identifiers)),
    ]


def _unreadable(identifier: Identifier, at: int) -> IdentifierUnreadable | None:
    pointer = f"/identifiers/{at}/value"
    try:
        return (
            None if clean_identifier(identifier.value) else IdentifierUnreadable(pointer=pointer, problem="empty-text")
        )
    except BadText as bad:
        return IdentifierUnreadable(pointer=pointer, problem=bad.code)


def _cnie_refused(identifier: Identifier, at: int, act: Act) -> CnieNotAuthorised | None:
    allowed = identifier.type != "cnie" or act.parameters.text("cnie_authorisation", act.on)
    return None if allowed else CnieNotAuthorised(pointer=f"/identifiers/{at}/type", parameter="cnie_authorisation")


def identify_learner(command: IdentifyLearner, act: Act) -> Changes:
    """The young person has a record and a file number (redrawn when another holds it). Source: DOMAIN §4, rule 48."""
    names, unreadable = _clean(command.names)
    texts = Texts()
    commune = texts.read_any(command.commune, "/commune", COMMUNE)
    refuse_if(
        *texts.broken,
        *unreadable,
        *_bad_identity(command, act),
        refuse_unknown("province", command.province, "/province", act.on),
        unknown_season(command.season),
        refuse_unknown("referral_source", command.source, "/source", act.on),
    )
    season = command.season or season_of(act.on)
    identity = Identity(
        names,
        command.sex,
        command.birth_date,
        command.birth_certainty,
        identifiers=command.identifiers,
        commune=commune,
    )
    event = act.event(
        LearnerIdentified,
        command,
        file_number=file_number(season, command.province, act.six_digits),
        season=season,
        referral=clear(Referral(command.source, command.source_organisation)),
        identity=clear(identity),
    )
    return [(command.learner, event)]


def opens_contacts(command: Any, seen: Mapping[str, Any]) -> dict[UUID, SealedFact[Any]]:
    """The contacts in force of the command's learner."""
    fact = seen["learner"].identification.contacts
    return {} if fact is None else {command.learner: fact}


def record_identity(
    command: RecordIdentity,
    act: Act,
    *,
    learner: Learner,
    identities: Mapping[UUID, Identity | Erased],
    contacts: Mapping[UUID, Contacts | Erased],
) -> Changes:
    """This identity is in force; it names the version it replaces. The same identity and contacts change nothing."""
    sent = Contacts(command.phone, command.address) if command.phone or command.address else None
    held_contacts = contacts.get(command.learner)
    names, unreadable = _clean(command.names)
    texts = Texts()
    commune = texts.read_any(command.commune, "/commune", COMMUNE)
    refuse_if(
        *texts.broken,
        *unreadable,
        *_bad_identity(command, act),
        IdentityErased()
        if isinstance(identities.get(command.learner), Erased) or (sent and isinstance(held_contacts, Erased))
        else None,
    )
    identity = Identity(
        names,
        command.sex,
        command.birth_date,
        command.birth_certainty,
        command.birth_place,
        command.nationality,
        command.identifiers,
        commune,
    )
    if identities.get(command.learner) == identity and sent in (None, held_contacts):
        return []
    held = learner.identification.identity
    event = act.event(
        IdentityRecorded,
        identity=clear(identity),
        contacts=clear(sent) if sent else None,
        replaces=held.version if held else None,
    )
    return [(command.learner, event)]


def _evidence(command: VerifyIdentity) -> tuple[Evidence, list[RuleBroken | None]]:
    texts = Texts()
    broken: list[RuleBroken | None] = []
    witnesses: list[Witness] = []
    for at, each in enumerate(command.witnesses):
        here = f"/witnesses/{at}"
        relation = texts.read(each.relation, f"{here}/relation", 100)
        document = texts.read_any(each.document, f"{here}/document", 100)
        try:
            witnesses.append(Witness(clean_name(each.name), relation, document))
        except BadText as bad:
            broken.append(NameUnreadable(pointer=f"{here}/name", problem=bad.code))
    number = texts.read_any(command.document_number, "/document_number", 60)
    return Evidence(command.document_type, number, witnesses), [*broken, *texts.broken]


def _not_attested(command: VerifyIdentity, evidence: Evidence, act: Act) -> RuleBroken | None:
    """Rule 18, where no document verifies."""
    if len({fold(each.name) for each in evidence.witnesses}) < 2:
        return NothingVerifies(pointer="/witnesses" if command.witnesses else "/document_type")
    if command.centre is None:
        return NothingVerifies(pointer="/centre")
    if act.parameters.is_yes("witness_attestation_accepted", act.on):
        return None
    return AttestationNotAccepted(pointer="/witnesses", parameter="witness_attestation_accepted")


def verify_identity(command: VerifyIdentity, act: Act, *, learner: Learner) -> Changes:
    """The identity in force is verified (rule 18): by a document, or by two adults where a parameter accepts it.

    Two names that differ in spelling only are one witness. Refuses NothingVerifies, AttestationNotAccepted and others.
    """
    evidence, unreadable = _evidence(command)
    by_document = command.document_type is not None
    identity = learner.identification.identity
    refuse_if(
        None if identity else IdentityErased(),
        *unreadable,
        refuse_unknown("identity_document_type", command.document_type, "/document_type", act.on),
        None if by_document or unreadable else _not_attested(command, evidence, act),
        _cnie_number_refused(command, act),
    )
    assert identity is not None, "an erased identity was refused"
    verified = act.event(
        IdentityVerified, command, verifies=identity.version, by_document=by_document, evidence=clear(evidence)
    )
    return [(command.learner, verified)]


def _cnie_number_refused(command: VerifyIdentity, act: Act) -> CnieNotAuthorised | None:
    """Rule 47: that the card was shown may be said; its number is kept only where an authorisation is set."""
    is_kept = command.document_type == "cnie" and command.document_number is not None
    if not is_kept or act.parameters.text("cnie_authorisation", act.on):
        return None
    return CnieNotAuthorised(pointer="/document_number", parameter="cnie_authorisation")


def _centre_of(command: VerifyIdentity, _seen: Mapping[str, Any]) -> Reads:
    return {} if command.centre is None else {"centre": ("centre", command.centre)}


def reference_date(parameters: Parameters, season: int, on: date) -> date:
    """The day ages are taken at for a season: 31 December of its start unless a parameter says otherwise.

    Month and day are two parameters: a day the month does not have is its last one.
    """
    month = parameters.number("age_reference_month", on)
    day = min(parameters.number("age_reference_day", on), calendar.monthrange(season, month)[1])
    return date(season, month, day)


def age_band(convention: Convention | None, parameters: Parameters, on: date) -> tuple[int, int]:
    """The least and greatest age: the convention's, else the parameters'."""
    least = convention.age_min if convention else None
    greatest = convention.age_max if convention else None
    return (
        parameters.number("age_min", on) if least is None else least,
        parameters.number("age_max", on) if greatest is None else greatest,
    )


def ages_of(identity: Identity | Erased | None, day: date) -> tuple[int, int] | None:
    """The least and greatest age the birth date allows at that day; None where it is unknown."""
    if not isinstance(identity, Identity) or identity.birth_date is None:
        return None
    return age_range(identity.birth_date, identity.birth_certainty, day)


def age_flags(ages: tuple[int, int] | None, band: tuple[int, int]) -> list[str]:
    """Rule 1: the reading that admits is taken, and flagged."""
    if ages is None:
        return ["age-unknown"]
    return ["age-uncertain"] if admits(ages, band) and not band[0] <= ages[0] <= ages[1] <= band[1] else []


def admits(ages: tuple[int, int] | None, band: tuple[int, int]) -> bool:
    """Rule 1: whether some reading of the age lies in the band; an unknown age is admitted and flagged."""
    return ages is None or (ages[0] <= band[1] and ages[1] >= band[0])


def age_read(ages: tuple[int, int] | None, band: tuple[int, int]) -> int | None:
    """Rule 1: the age that counts in figures: the least the birth date allows, or the least that admits."""
    if ages is None:
        return None
    return max(ages[0], band[0]) if admits(ages, band) else ages[0]


def unknown_season(season: int | None) -> UnknownCode | None:
    """A season is named by its start year; None stands for the one of the business date."""
    if season is None or 2000 <= season <= 2100:
        return None
    return UnknownCode(pointer="/season", list="season", value=str(season))


STATUS_FLAGS = {"unknown": ["school-status-unknown"]}
IN_SCHOOL = frozenset({"in_formal_school", "in_vocational_training"})


def assess_eligibility(
    command: AssessEligibility,
    act: Act,
    *,
    learner: Learner,
    identities: Mapping[UUID, Identity | Erased],
    convention: Convention | None = None,
) -> Changes:
    """The season's assessment is recorded, eligible or not: it is a fact; enrolment refuses (rule 1)."""
    refuse_if(
        refuse_unknown("school_status", command.school_status, "/school_status", act.on),
        unknown_season(command.season),
    )
    season = command.season or season_of(act.on)
    day = reference_date(act.parameters, season, act.on)
    band = age_band(convention, act.parameters, act.on)
    ages = ages_of(identities.get(command.learner), day)
    eligible = admits(ages, band) and command.school_status not in IN_SCHOOL
    replaced = learner.identification.assessments.get(season)
    event = act.event(
        EligibilityAssessed,
        command,
        season=season,
        age_low=ages[0] if ages else None,
        age_high=ages[1] if ages else None,
        age_min=band[0],
        age_max=band[1],
        reference_date=day,
        result="eligible" if eligible else "not_eligible",
        parameters=act.parameters.version,
        replaces=replaced.version if replaced else None,
        flags=age_flags(ages, band) + STATUS_FLAGS.get(command.school_status, []),
    )
    return [(command.learner, event)]


def grant_derogation(command: GrantDerogation, act: Act) -> Changes:
    """The learner may pass that rule in that season. Asked by the coordinator, decided by the authority."""
    texts = Texts()
    ground = DerogationGround(command.reason, texts.read(command.act_reference, "/act_reference", 100))
    refuse_if(
        *texts.broken,
        None
        if command.rule in DEROGABLE
        else RuleNotDerogable(pointer="/rule", rule=command.rule, derogable=list(DEROGABLE)),
        refuse_unknown("derogation_authority", command.authority, "/authority", act.on),
        refuse_unknown("derogation_reason", command.reason, "/reason", act.on),
        unknown_season(command.season),
    )
    season = command.season or season_of(act.on)
    return [(command.learner, act.event(DerogationGranted, command, season=season, ground=clear(ground)))]


def _convention_of(command: AssessEligibility, _seen: Mapping[str, Any]) -> Reads:
    return {} if command.convention is None else {"convention": ("convention", command.convention)}


COMMANDS = (
    CommandSpec(
        command=IdentifyLearner,
        decide=identify_learner,
        kind="learner",
        stream="learner",
        roles=("caseworker", "coordinator", "educator"),
    ),
    CommandSpec(
        command=RecordIdentity,
        decide=record_identity,
        kind="learner",
        stream="learner",
        noun="identities",
        roles=("caseworker", "coordinator"),
        opens={"identities": opens_identity, "contacts": opens_contacts},
        replaces=True,
    ),
    CommandSpec(
        command=VerifyIdentity,
        decide=verify_identity,
        kind="learner",
        stream="learner",
        noun="identity-verifications",
        roles=("caseworker", "coordinator"),
        reads=_centre_of,
    ),
    CommandSpec(
        command=AssessEligibility,
        decide=assess_eligibility,
        kind="learner",
        stream="learner",
        noun="eligibility-assessments",
        roles=("caseworker", "coordinator"),
        reads=_convention_of,
        opens={"identities": opens_identity},
    ),
    CommandSpec(
        command=GrantDerogation,
        decide=grant_derogation,
        kind="learner",
        stream="learner",
        noun="derogations",
        roles=DEROGATORS,
    ),
)

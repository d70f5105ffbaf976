"""Identification: who a learner is, as far as known; verified; eligible or not; derogations."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import NIL, Event
from domain.kind import ClaimSource, Command
from domain.sealed import Personal, Sealed, SealedFact, fact_of
from domain.values import clean_identifier


class PersonName(msgspec.Struct, frozen=True):
    """A name in one script: arabic, latin or other. One in any script suffices (rule 48)."""

    given: str
    family: str
    script: str


class NameGiven(msgspec.Struct, frozen=True):
    """A name as a client gives it; its script is read off its letters."""

    given: str
    family: str = ""


class Identifier(msgspec.Struct, frozen=True):
    """A number someone gave the person: type of the identifier_type list, value, who issued it."""

    type: str
    value: str
    issuer: str | None = None


class Identity(Personal, frozen=True):
    """Who a person is, as far as known. Family `identity`."""

    FAMILY: ClassVar[str] = "identity"
    names: list[PersonName]
    sex: str  # f | m
    birth_date: date | None = None
    birth_certainty: str = "exact"  # birth_certainty
    birth_place: str | None = None
    nationality: str | None = None  # ISO 3166-1 alpha-2
    identifiers: list[Identifier] = []
    commune: str | None = None  # of residence


class Contacts(Personal, frozen=True):
    """How a person is reached. Family `contacts`."""

    FAMILY: ClassVar[str] = "contacts"
    phone: str | None = None
    address: str | None = None


class Referral(Personal, frozen=True):
    """Who pointed the learner out: source code and, where known, the organisation. Family `sensitive`."""

    FAMILY: ClassVar[str] = "sensitive"
    source: str
    organisation: str | None = None


class Witness(msgspec.Struct, frozen=True):
    """An adult who attests an identity: name, relation to the learner, and the paper they showed of their own."""

    name: str
    relation: str
    document: str | None = None


class Evidence(Personal, frozen=True):
    """What an identity was verified by. Family `identity`: it says as much of the person as the identity does."""

    FAMILY: ClassVar[str] = "identity"
    document_type: str | None = None  # identity_document_type
    document_number: str | None = None
    witnesses: list[Witness] = []


class DerogationGround(Personal, frozen=True):
    """Why a derogation was granted, and the act that says so. Family `sensitive`: a reason may be a disability."""

    FAMILY: ClassVar[str] = "sensitive"
    reason: str  # derogation_reason
    act_reference: str


class LearnerIdentified(Event, frozen=True, kw_only=True, tag="learner.identified"):
    """A young person was identified. The file number is claimed, never reused, and printed on every paper."""

    file_number: str
    season: int
    province: str
    referral: Sealed[Referral]
    identity: Sealed[Identity]


class IdentityRecorded(Event, frozen=True, kw_only=True, tag="learner.identity-recorded"):
    """The identity as now known; the whole of it, so that a correction is one fact. `replaces`: version corrected."""

    identity: Sealed[Identity]
    contacts: Sealed[Contacts] | None
    replaces: int | None


class IdentityVerified(Event, frozen=True, kw_only=True, tag="learner.identity-verified"):
    """The identity of version `verifies` was checked against a document, or attested by two named adults."""

    verifies: int
    by_document: bool
    document: UUID | None  # stream of its copy
    centre: UUID | None  # that stands by the attestation
    evidence: Sealed[Evidence]


class EligibilityAssessed(Event, frozen=True, kw_only=True, tag="learner.eligibility-assessed"):
    """Whether the learner may enrol (rules 1, 2), with the band and the reference date it was decided with.

    `parameters`: version of the national parameters decided with. `replaces`: the season's earlier assessment.
    """

    season: int
    convention: UUID | None
    age_low: int | None  # years at the reference date; low and high differ where the birth date is uncertain
    age_high: int | None
    age_min: int
    age_max: int
    reference_date: date
    school_status: str
    result: str  # eligibility_result
    parameters: int
    replaces: int | None
    flags: list[str]


class DerogationGranted(Event, frozen=True, kw_only=True, tag="learner.derogation-granted"):
    """An authority allowed this learner to pass a rule in a season."""

    rule: int
    season: int
    authority: str  # derogation_authority
    ground: Sealed[DerogationGround]


class Assessment(msgspec.Struct, frozen=True):
    """The last assessment of eligibility of a season."""

    version: int
    result: str
    school_status: str


class Verification(msgspec.Struct, frozen=True):
    """The verification in force: its own version and the identity's it verifies."""

    version: int
    verifies: int
    by_document: bool


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    """What identification has established. Every fact not withdrawn is kept: the last of its kind is in force."""

    file_number: str = ""
    season: int = 0
    province: str = ""
    identified_for: UUID = NIL  # the organisation acted for
    identities: tuple[SealedFact[Identity], ...] = ()
    contact_facts: tuple[SealedFact[Contacts], ...] = ()
    verifications: tuple[Verification, ...] = ()
    assessed: tuple[tuple[int, Assessment], ...] = ()  # (season, assessment)
    derogated: tuple[tuple[tuple[int, int], int], ...] = ()  # ((rule, season), version)

    @property
    def assessments(self) -> dict[int, Assessment]:
        """Season → the assessment in force."""
        return dict(self.assessed)

    @property
    def derogations(self) -> dict[tuple[int, int], int]:
        """(rule, season) → version of the derogation in force."""
        return dict(self.derogated)

    @property
    def identity(self) -> SealedFact[Identity] | None:
        """The identity in force."""
        return self.identities[-1] if self.identities else None

    @property
    def contacts(self) -> SealedFact[Contacts] | None:
        """The contacts in force."""
        return self.contact_facts[-1] if self.contact_facts else None

    @property
    def verification(self) -> Verification | None:
        """The verification of the identity in force, if it was verified."""
        version = self.identity.version if self.identity else 0
        return next((each for each in reversed(self.verifications) if each.verifies == version), None)


def on_identified(stage: Identification, event: LearnerIdentified, version: int) -> Identification:
    """The stage after: identified."""
    return msgspec.structs.replace(
        stage,
        file_number=event.file_number,
        season=event.season,
        province=event.province,
        identified_for=event.by.org,
        identities=(fact_of(event, "identity", version),),
    )


def on_identity_recorded(stage: Identification, event: IdentityRecorded, version: int) -> Identification:
    """The stage after: identity recorded."""
    contacts = fact_of(event, "contacts", version)
    return msgspec.structs.replace(
        stage,
        identities=(*stage.identities, fact_of(event, "identity", version)),
        contact_facts=(*stage.contact_facts, contacts) if contacts else stage.contact_facts,
    )


def on_identity_verified(stage: Identification, event: IdentityVerified, version: int) -> Identification:
    """The stage after: identity verified."""
    verification = Verification(version, event.verifies, event.by_document)
    return msgspec.structs.replace(stage, verifications=(*stage.verifications, verification))


def on_eligibility_assessed(stage: Identification, event: EligibilityAssessed, version: int) -> Identification:
    """The stage after: eligibility assessed."""
    assessment = Assessment(version, event.result, event.school_status)
    return msgspec.structs.replace(stage, assessed=(*stage.assessed, (event.season, assessment)))


def on_derogation_granted(stage: Identification, event: DerogationGranted, version: int) -> Identification:
    """The stage after: derogation granted."""
    return msgspec.structs.replace(stage, derogated=(*stage.derogated, ((event.rule, event.season), version)))


def forgotten(stage: Identification, families: Collection[str]) -> Identification:
    """Nothing of these families is in force: what was recorded of them is neither opened nor claimed any more."""
    return msgspec.structs.replace(
        stage,
        identities=() if "identity" in families else stage.identities,
        contact_facts=() if "contacts" in families else stage.contact_facts,
    )


def withdrawn(stage: Identification, version: int) -> Identification:
    """The facts of that version no longer hold; an earlier one of the same kind is in force again."""
    return msgspec.structs.replace(
        stage,
        identities=tuple(each for each in stage.identities if each.version != version),
        contact_facts=tuple(each for each in stage.contact_facts if each.version != version),
        verifications=tuple(each for each in stage.verifications if each.version != version),
        assessed=tuple(each for each in stage.assessed if each[1].version != version),
        derogated=tuple(each for each in stage.derogated if each[1] != version),
    )


def withdrawable(stage: Identification) -> set[int]:
    """Versions of the facts of this stage that may be taken back: all but the first identity."""
    return (
        {each.version for each in stage.identities[1:]}
        | {each.version for each in stage.verifications}
        | {each.version for each in stage.assessments.values()}
        | set(stage.derogations.values())
    )


def massar_codes(identity: Identity) -> list[str]:
    """The Massar codes of an identity, as they are claimed: however they were typed, one code is one value."""
    return [clean_identifier(each.value) for each in identity.identifiers if each.type == "massar"]


def claims_of(stage: Identification) -> list[ClaimSource]:
    """The file number, and the Massar code of the identity in force."""
    claims = [ClaimSource(kind="file-number", value=stage.file_number)] if stage.file_number else []
    if stage.identity is not None:
        claims.append(ClaimSource(kind="massar", fact=stage.identity, values_in=massar_codes))
    return claims


class IdentifyLearner(Command, frozen=True, kw_only=True):
    """Identify a young person: one name in any script and the sex suffice."""

    learner: UUID
    season: int | None = None
    province: str
    commune: str | None = None
    source: str
    source_organisation: str | None = None
    names: list[NameGiven]
    sex: str
    birth_date: date | None = None
    birth_certainty: str = "exact"
    identifiers: list[Identifier] = []


class RecordIdentity(Command, frozen=True, kw_only=True):
    """Record the identity as now known, or correct it; the whole of it."""

    learner: UUID
    names: list[NameGiven]
    sex: str
    birth_date: date | None = None
    birth_certainty: str = "exact"
    birth_place: str | None = None
    nationality: str | None = None
    identifiers: list[Identifier] = []
    commune: str | None = None
    phone: str | None = None
    address: str | None = None


class WitnessGiven(msgspec.Struct, frozen=True):
    """An adult who attests the identity; `document`: what they proved their own by."""

    name: str
    relation: str
    document: str | None = None


class VerifyIdentity(Command, frozen=True, kw_only=True):
    """Say what the identity in force was checked against: a document, or two adults and a centre that backs them."""

    learner: UUID
    document_type: str | None = None
    document_number: str | None = None
    document: UUID | None = None
    witnesses: list[WitnessGiven] = []
    centre: UUID | None = None


class AssessEligibility(Command, frozen=True, kw_only=True):
    """Assess whether the learner may enrol for a season, under a convention's age band or the national one."""

    learner: UUID
    season: int | None = None
    convention: UUID | None = None
    school_status: str


class GrantDerogation(Command, frozen=True, kw_only=True):
    """Allow this learner to pass a rule in a season."""

    learner: UUID
    rule: int = 1
    season: int | None = None
    reason: str
    authority: str = "provincial_directorate"
    act_reference: str


class NamesMissing(RuleBroken, frozen=True, kw_only=True):
    """Rule 48: at least one name, in any script."""

    RULE = 48


class NameUnreadable(RuleBroken, frozen=True, kw_only=True):
    """The name holds characters no name has; `problem` is the code of what is wrong."""

    RULE = 48
    problem: str


class IdentifierUnreadable(RuleBroken, frozen=True, kw_only=True):
    """The identifier is empty or holds characters no number has; `problem` is the code of what is wrong."""

    RULE = 6
    problem: str


class BornInFuture(RuleBroken, frozen=True, kw_only=True):
    """The birth date lies after the business date."""

    born_on: str


class NothingVerifies(RuleBroken, frozen=True, kw_only=True):
    """Rule 18: a verification names a document, or two adults who attest and the centre that stands by them."""

    RULE = 18


class AttestationNotAccepted(RuleBroken, frozen=True, kw_only=True):
    """Rule 18: attestation by witnesses is not accepted by the exam authority (parameter)."""

    RULE = 18
    parameter: str


class RuleNotDerogable(RuleBroken, frozen=True, kw_only=True):
    """No derogation exists from this rule."""

    rule: int
    derogable: list[int]


class CnieNotAuthorised(RuleBroken, frozen=True, kw_only=True):
    """Rule 47: the CNIE stays off until an authorisation reference is set (parameter)."""

    RULE = 47
    parameter: str

"""Reintegration or placement: declared, then verified by the authority outside the association."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import NIL, Event
from domain.kind import Command
from domain.sealed import Personal, Sealed


class OutcomePlace(Personal, frozen=True):
    """Where the learner went: the school's or employer's name. Family `contacts`."""

    FAMILY: ClassVar[str] = "contacts"
    organisation: str


class OutcomeDeclared(Event, frozen=True, kw_only=True, tag="learner.outcome-declared"):
    """The association declared where the learner went."""

    outcome: UUID
    enrolment: UUID
    kind: str  # outcome_kind
    place: Sealed[OutcomePlace]
    sector: str | None
    province: str
    starts_on: date
    document: UUID | None
    flags: list[str]


class OutcomeVerified(Event, frozen=True, kw_only=True, tag="learner.outcome-verified"):
    """The authority outside the association checked the evidence (rule 24)."""

    outcome: UUID
    method: str  # verification_method
    authority: UUID
    document: UUID | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome and whether it was verified."""

    version: int
    enrolment: UUID
    kind: str
    starts_on: date
    declared_by: UUID  # worker
    declared_for: UUID  # organisation
    document: UUID | None
    verified_version: int | None = None
    authority: UUID = NIL


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes by id, in the order they were declared."""

    declared: dict[UUID, Outcome] = {}

    @property
    def in_force(self) -> Outcome | None:
        """The latest-starting outcome (rule 26); the later declared of two that start on one day."""
        return max(self.declared.values(), key=lambda each: (each.starts_on, each.version), default=None)


def on_outcome_declared(stage: Outcomes, event: OutcomeDeclared, version: int) -> Outcomes:
    """The stage after: outcome declared."""
    outcome = Outcome(
        version=version,
        enrolment=event.enrolment,
        kind=event.kind,
        starts_on=event.starts_on,
        declared_by=event.by.actor,
        declared_for=event.by.org,
        document=event.document,
    )
    return Outcomes(declared={**stage.declared, event.outcome: outcome})


def on_outcome_verified(stage: Outcomes, event: OutcomeVerified, version: int) -> Outcomes:
    """The stage after: outcome verified."""
    if event.outcome not in stage.declared:
        return stage
    verified = msgspec.structs.replace(
        stage.declared[event.outcome], verified_version=version, authority=event.authority
    )
    return Outcomes(declared={**stage.declared, event.outcome: verified})


def withdrawn(stage: Outcomes, version: int) -> Outcomes:
    """The outcome, or the verification, of that version no longer holds."""
    kept = {key: each for key, each in stage.declared.items() if each.version != version}
    return Outcomes(
        declared={
            key: msgspec.structs.replace(each, verified_version=None, authority=NIL)
            if each.verified_version == version
            else each
            for key, each in kept.items()
        }
    )


def withdrawable(stage: Outcomes) -> set[int]:
    """Versions of the outcomes and verifications in force."""
    declared = {each.version for each in stage.declared.values() if each.verified_version is None}
    return declared | {each.verified_version for each in stage.declared.values() if each.verified_version}


class DeclareOutcome(Command, frozen=True, kw_only=True):
    """Declare where the learner went."""

    learner: UUID
    outcome: UUID
    enrolment: UUID
    kind: str
    organisation: str
    sector: str | None = None
    province: str
    starts_on: date
    document: UUID | None = None

    def earliest_date(self) -> date | None:
        """The day it starts."""
        return self.starts_on


class VerifyOutcome(Command, frozen=True, kw_only=True):
    """Verify a declared outcome on evidence, as the authority outside the association."""

    learner: UUID
    outcome: UUID
    method: str
    authority: UUID
    document: UUID | None = None


class EnrolmentNotEnded(RuleBroken, frozen=True, kw_only=True):
    """Rule 10: an outcome needs an ended enrolment."""

    RULE = 10


class NoSuchOutcome(RuleBroken, frozen=True, kw_only=True):
    """No outcome in force has this id."""

    RULE = 24
    outcome: UUID


class WrongAuthority(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: this kind of outcome is verified by another authority."""

    RULE = 24
    kind: str
    verified_by: list[str]


class AuthorityDoesNotFit(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: an organisation of this kind is no authority for the outcome; `fitting` names the kinds that are."""

    RULE = 24
    kind: str
    fitting: list[str]


class AuthorityOfAnother(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: who verifies does so for the organisation they act for, and for no other."""

    RULE = 24


class NotOutside(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: who declared an outcome, or works for the association, cannot verify it."""

    RULE = 24


class EvidenceMissing(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: verified needs evidence: a document, or a method that is evidence in itself."""

    RULE = 24


class OutcomeAlreadyVerified(RuleBroken, frozen=True, kw_only=True):
    """The outcome is verified already."""

    RULE = 24

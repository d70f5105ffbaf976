"""Deciding on leaving and on what comes after: end an enrolment, declare and verify an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain.codes import refuse_unknown
from domain.errors import RuleBroken, in_future, refuse_if
from domain.event import NIL
from domain.group import Group, SeatFreed
from domain.kind import Act, Changes, CommandSpec
from domain.learner.deciding.admission import enrolment_of
from domain.learner.leaving import EndEnrolment, EndsBeforeEnrolment, EnrolmentEnded
from domain.learner.outcome import (
    AuthorityDoesNotFit,
    AuthorityOfAnother,
    DeclareOutcome,
    EnrolmentNotEnded,
    EvidenceMissing,
    NoSuchOutcome,
    NotOutside,
    Outcome,
    OutcomeAlreadyVerified,
    OutcomeDeclared,
    OutcomePlace,
    OutcomeVerified,
    VerifyOutcome,
    WrongAuthority,
)
from domain.learner.state import Learner
from domain.organisation import Organisation
from domain.sealed import clear

# Rule 24: who verifies what. Training, work and apprenticeship: Entraide Nationale, else the academy.
_EN_OR_AREF = ("en_agent", "aref")
VERIFIERS: Mapping[str, tuple[str, ...]] = {
    "formal_school": ("provincial_directorate",),
    "vocational_training": _EN_OR_AREF,
    "apprenticeship": _EN_OR_AREF,
    "employment": _EN_OR_AREF,
    "self_employment": _EN_OR_AREF,
    "cooperative": _EN_OR_AREF,
}
# What kinds of organisation they verify for.
EN_OR_ACADEMY = ("en_delegation", "en_regional_coordination", "aref")
AUTHORITIES: Mapping[str, tuple[str, ...]] = {"formal_school": ("provincial_directorate", "ministry")}
# Methods that are evidence in themselves: the authority saw the fact, not a paper about it.
SEEN = frozenset({"site_visit", "authority_record", "class_council"})


def end_enrolment(command: EndEnrolment, act: Act, *, learner: Learner, groups: Mapping[UUID, Group]) -> Changes:
    """The enrolment is over and its seats are free; hours attended and held are counted from sheets and sessions."""
    ended_on = command.ended_on or act.on
    held, broken = enrolment_of(learner, command.enrolment)
    refuse_if(refuse_unknown("exit", command.exit, "/exit", act.on), broken)
    assert held is not None, "an unknown or ended enrolment was refused"
    refuse_if(
        in_future(ended_on, "/ended_on", act.today),
        EndsBeforeEnrolment(pointer="/ended_on", starts_on=str(held.starts_on), ended_on=str(ended_on))
        if ended_on < held.starts_on
        else None,
    )
    minutes_held = sum(
        groups[group].minutes_held_between(max(joined, held.starts_on), held.left.get(group, ended_on))
        for group, joined in held.groups.items()
    )
    ended = act.event(
        EnrolmentEnded,
        command,
        ended_on=ended_on,
        minutes_attended=learner.training.minutes_attended(command.enrolment),
        minutes_held=minutes_held,
    )
    freed = [
        (group, act.event(SeatFreed, command)) for group in held.groups if command.enrolment in groups[group].seats
    ]
    return [(command.learner, ended), *freed]


def declare_outcome(command: DeclareOutcome, act: Act, *, learner: Learner) -> Changes:
    """The outcome is declared; verified only once the authority checked it. Source: DOMAIN rules 10, 24."""
    held, broken = enrolment_of(learner, command.enrolment, active=False)
    refuse_if(
        refuse_unknown("outcome_kind", command.kind, "/kind", act.on),
        refuse_unknown("province", command.province, "/province", act.on),
        refuse_unknown("sector", command.sector, "/sector", act.on),
        broken,
        EnrolmentNotEnded(pointer="/enrolment") if held is not None and held.ended_on is None else None,
    )
    if command.outcome in learner.outcomes.declared:
        return []
    flags = ["starts-before-exit"] if held and held.ended_on and command.starts_on < held.ended_on else []
    place = clear(OutcomePlace(command.organisation))
    return [(command.learner, act.event(OutcomeDeclared, command, place=place, flags=flags))]


def _not_verifiable(
    command: VerifyOutcome, act: Act, outcome: Outcome, authority: Organisation
) -> list[RuleBroken | None]:
    verifiers = VERIFIERS[outcome.kind]
    inside = (
        act.by.actor == outcome.declared_by or act.by.org == outcome.declared_for or authority.kind == "association"
    )
    fitting = AUTHORITIES.get(outcome.kind, EN_OR_ACADEMY)
    unseen = command.document is None and outcome.document is None and command.method not in SEEN
    return [
        WrongAuthority(kind=outcome.kind, verified_by=list(verifiers)) if act.by.role not in verifiers else None,
        NotOutside(pointer="/authority") if inside else None,
        None
        if authority.kind in (*fitting, "association")
        else AuthorityDoesNotFit(pointer="/authority", kind=authority.kind, fitting=list(fitting)),
        None if act.by.org in (command.authority, NIL) else AuthorityOfAnother(pointer="/authority"),
        EvidenceMissing(pointer="/document") if unseen else None,
        OutcomeAlreadyVerified(pointer="/outcome") if outcome.verified_version is not None else None,
    ]


def verify_outcome(command: VerifyOutcome, act: Act, *, learner: Learner, authority: Organisation) -> Changes:
    """The outcome is verified on evidence checked outside the association. Source: DOMAIN rule 24."""
    outcome = learner.outcomes.declared.get(command.outcome)
    refuse_if(
        refuse_unknown("verification_method", command.method, "/method", act.on),
        NoSuchOutcome(pointer="/outcome", outcome=command.outcome) if outcome is None else None,
        *(_not_verifiable(command, act, outcome, authority) if outcome is not None else ()),
    )
    return [(command.learner, act.event(OutcomeVerified, command))]


def _groups_of(command: EndEnrolment, seen: Mapping[str, Any]) -> dict[str, Any]:
    held = seen["learner"].admission.enrolments.get(command.enrolment)
    return {"groups": ("group", list(held.groups) if held else [])}


COMMANDS = (
    CommandSpec(
        command=EndEnrolment,
        decide=end_enrolment,
        kind="learner",
        stream="learner",
        noun="enrolment-ends",
        roles=("caseworker", "coordinator"),
        reads=_groups_of,
    ),
    CommandSpec(
        command=DeclareOutcome,
        decide=declare_outcome,
        kind="learner",
        stream="learner",
        noun="outcomes",
        roles=("caseworker", "coordinator"),
    ),
    CommandSpec(
        command=VerifyOutcome,
        decide=verify_outcome,
        kind="learner",
        stream="learner",
        noun="outcome-verifications",
        roles=("provincial_directorate", "en_agent", "aref"),
        reads=lambda command, _seen: {"authority": ("organisation", command.authority)},
    ),
)

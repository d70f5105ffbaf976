"""Deciding on access: grant and revoke it, open it in an emergency, review that. The organisation's stream holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from domain.codes import refuse_unknown
from domain.errors import IdInUse, RuleBroken, refuse_if
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.organisation import (
    AccessGranted,
    AccessRevoked,
    Emergency,
    EmergencyAccessOpened,
    EmergencyAccessReviewed,
    EmergencyAlreadyReviewed,
    EndsBeforeStart,
    GrantAccess,
    GrantRevoked,
    GrantToSelf,
    MissionMisplaced,
    NoSuchEmergency,
    NoSuchGrant,
    NotActingForIt,
    OpenEmergencyAccess,
    Organisation,
    ReviewedByOpener,
    ReviewEmergencyAccess,
    ReviewerNotSuperior,
    RevokeAccess,
    ScopeDoesNotFitRole,
    ScopeIdDoesNotFit,
    WorkerHasLeft,
    grant_of,
)
from domain.worker import Worker

EMERGENCY_LASTS: Final = timedelta(hours=3)  # DOMAIN §5 "Who decides"
# Who reviews an emergency access: a superior of the role it was opened in.
_OVER_ALL: Final = ("aref", "data_protection_officer")
_OVER_CENTRES: Final = ("provincial_directorate", *_OVER_ALL)
_OVER_STAFF: Final = ("coordinator", *_OVER_CENTRES)
SUPERIORS: Final[Mapping[str, tuple[str, ...]]] = {
    "caseworker": _OVER_STAFF,
    "educator": _OVER_STAFF,
    "counsellor": _OVER_STAFF,
    "coordinator": _OVER_CENTRES,
    "provincial_directorate": _OVER_ALL,
    "aref": ("data_protection_officer",),
}
# A feed is of the whole country or of a region: so is the access of a partner's system.
SCOPES_OF: Final[Mapping[str, tuple[str, ...]]] = {"partner": ("national", "region")}
STREAM_SCOPES: Final = frozenset({"organisation", "centre", "convention"})  # as their kinds of stream are named


def grant_access(command: GrantAccess, act: Act, *, organisation: Organisation, subject: Worker) -> Changes:
    """The worker may act in that role and scope; the same grant again changes nothing.

    Refuses UnknownCode, ScopeIdDoesNotFit, ScopeDoesNotFitRole, MissionMisplaced, EndsBeforeStart, GrantToSelf,
    WorkerHasLeft, GrantRevoked, and IdInUse where the id is another grant's.
    """
    held = organisation.grants.get(command.grant)
    starts_on = command.valid_from or (held.valid_from if held else act.on)
    stream = _stream_of(command)
    event = act.event(
        AccessGranted, command, valid_from=starts_on, scope_id=str(stream) if stream else command.scope_id
    )
    if held is not None and held == grant_of(event):
        return []
    refuse_if(
        *_bad_codes(command, act.on),
        _bad_scope_id(command, act.on),
        _bad_scope(command, act.on),
        MissionMisplaced(pointer="/mission", role=command.role)
        if command.mission and not _is_auditor(command)
        else None,
        _ends_before(command.valid_to, starts_on, "/valid_to"),
        _ends_before(command.mission.until, command.mission.since, "/mission/until") if command.mission else None,
        GrantToSelf(pointer="/subject") if command.subject == act.by.actor else None,
        WorkerHasLeft(pointer="/subject", left_on=str(subject.left_on)) if subject.left_on else None,
        _id_in_use(command, organisation),
    )
    return [(command.organisation, event)]


def _bad_codes(command: GrantAccess, on: date) -> list[RuleBroken | None]:
    return [
        refuse_unknown("role", command.role, "/role", on),
        refuse_unknown("grant_scope", command.scope, "/scope", on),
        refuse_unknown("grant_purpose", command.purpose, "/purpose", on),
    ]


def _bad_scope(command: GrantAccess, on: date) -> ScopeDoesNotFitRole | None:
    fitting = SCOPES_OF.get(command.role, (command.scope,))
    if command.scope in fitting or refuse_unknown("grant_scope", command.scope, "/scope", on):
        return None
    return ScopeDoesNotFitRole(pointer="/scope", role=command.role, scopes=list(fitting))


def _is_auditor(command: GrantAccess) -> bool:
    return command.role == "auditor"


def _ends_before(end: date | None, start: date, pointer: str) -> EndsBeforeStart | None:
    if end is None or end >= start:
        return None
    return EndsBeforeStart(pointer=pointer, starts_on=str(start), ends_on=str(end))


def _stream_of(command: GrantAccess) -> UUID | None:
    """The stream the scope is of; None where it is of none, or the text is no id as we write them."""
    if command.scope not in STREAM_SCOPES:
        return None
    try:
        stream = UUID(command.scope_id)
    except ValueError:
        return None
    return stream if str(stream) == command.scope_id.lower() else None


def _bad_scope_id(command: GrantAccess, on: date) -> RuleBroken | None:
    """Whether there is such a stream is read beside; here, whether the text can name what the scope is of."""
    match command.scope:
        case "national":
            fits = not command.scope_id
        case "region" | "province":
            return refuse_unknown(command.scope, command.scope_id, "/scope_id", on)
        case "organisation" | "centre" | "convention":
            fits = _stream_of(command) is not None
        case _:
            return None
    return None if fits else ScopeIdDoesNotFit(pointer="/scope_id", scope=command.scope)


def _id_in_use(command: GrantAccess, organisation: Organisation) -> RuleBroken | None:
    held = organisation.grants.get(command.grant)
    if held is None:
        return None
    if held.revoked_on:
        return GrantRevoked(pointer="/grant", revoked_on=str(held.revoked_on))
    return IdInUse(pointer="/grant", id=command.grant)


def revoke_access(command: RevokeAccess, act: Act, *, organisation: Organisation) -> Changes:
    """The grant holds no longer, from now on. Refuses NoSuchGrant, GrantRevoked."""
    held = organisation.grants.get(command.grant)
    refuse_if(
        NoSuchGrant(pointer="/grant", grant=command.grant) if held is None else None,
        GrantRevoked(pointer="/grant", revoked_on=str(held.revoked_on)) if held and held.revoked_on else None,
    )
    return [(command.organisation, act.event(AccessRevoked, command))]


def open_emergency_access(command: OpenEmergencyAccess, act: Act, *, organisation: Organisation) -> Changes:
    """Who asks may read that learner's record for three hours from now; the same again prolongs nothing.

    Refuses NotActingForIt, and IdInUse where the id is another access's. Source: DOMAIN §5 "Who decides".
    """
    held = organisation.emergencies.get(command.emergency)
    if held is not None and (held.learner, held.opened_by) == (command.learner, act.by.actor):
        return []
    refuse_if(
        None if act.by.org == command.organisation else NotActingForIt(organisation=act.by.org),
        IdInUse(pointer="/emergency", id=command.emergency) if held else None,
    )
    return [(command.organisation, act.event(EmergencyAccessOpened, command, until=act.now + EMERGENCY_LASTS))]


def review_emergency_access(command: ReviewEmergencyAccess, act: Act, *, organisation: Organisation) -> Changes:
    """The emergency access is reviewed, by another than who opened it; the same finding again changes nothing.

    Refuses UnknownCode, NoSuchEmergency, ReviewedByOpener, ReviewerNotSuperior, EmergencyAlreadyReviewed.
    """
    held = organisation.emergencies.get(command.emergency)
    if held is not None and held.finding == command.finding:
        return []
    refuse_if(
        refuse_unknown("emergency_finding", command.finding, "/finding", act.on),
        NoSuchEmergency(pointer="/emergency", emergency=command.emergency) if held is None else None,
        ReviewedByOpener(pointer="/emergency") if held and held.opened_by == act.by.actor else None,
        _not_superior(held, act.by.role) if held else None,
        EmergencyAlreadyReviewed(pointer="/emergency", finding=held.finding) if held and held.finding else None,
    )
    return [(command.organisation, act.event(EmergencyAccessReviewed, command))]


def _not_superior(held: Emergency, role: str) -> ReviewerNotSuperior | None:
    superiors = SUPERIORS.get(held.role, _OVER_ALL)
    return None if role in superiors else ReviewerNotSuperior(pointer="/emergency", roles=list(superiors))


def _read_to_grant(command: GrantAccess, _seen: Mapping[str, Any]) -> Reads:
    subject: Reads = {"subject": ("worker", command.subject)}
    stream = _stream_of(command)
    return {**subject, "scope_id": (command.scope, stream)} if stream else subject


COMMANDS = (
    CommandSpec(
        command=GrantAccess,
        decide=grant_access,
        kind="organisation",
        stream="organisation",
        noun="grants",
        roles=("ministry", "operator"),
        reads=_read_to_grant,
    ),
    CommandSpec(
        command=RevokeAccess,
        decide=revoke_access,
        kind="organisation",
        stream="organisation",
        noun="revocations",
        roles=("ministry", "operator"),
        asks_reason=True,
    ),
    CommandSpec(
        command=OpenEmergencyAccess,
        decide=open_emergency_access,
        kind="organisation",
        stream="organisation",
        noun="emergency-accesses",
        roles=("caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref"),
        reads=lambda command, _seen: {"learner": ("learner", command.learner)},
        asks_reason=True,
    ),
    CommandSpec(
        command=ReviewEmergencyAccess,
        decide=review_emergency_access,
        kind="organisation",
        stream="organisation",
        noun="emergency-reviews",
        roles=("coordinator", "provincial_directorate", "aref", "data_protection_officer"),
    ),
)

"""Organisations: associations, academies, directorates, delegations, partners; and the access they grant."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from domain.codes import Texts, refuse_unknown
from domain.errors import RuleBroken, refuse_if
from domain.event import Event
from domain.kind import Act, Changes, Command, CommandSpec, Evolve, Kind, State, evolve_by


class LocalName(msgspec.Struct, frozen=True):
    """A name of an organisation or a place, in at least one of the two scripts. Public."""

    ar: str | None = None
    fr: str | None = None


class OrganisationRegistered(Event, frozen=True, kw_only=True, tag="organisation.registered"):
    """An organisation became known to the product. Public."""

    kind: str  # organisation_kind
    name: LocalName
    region: str | None = None
    province: str | None = None


class Mission(msgspec.Struct, frozen=True):
    """What an auditor was sent to look at: enrolments of these dates, with names or without."""

    since: date
    until: date
    names: bool


class AccessGranted(Event, frozen=True, kw_only=True, tag="organisation.access-granted"):
    """A worker may act in a role within a scope, from a day on. Ends only by AccessRevoked or its last day."""

    grant: UUID
    subject: UUID  # stream id of the Worker
    role: str
    scope: str  # national | region | province | organisation | centre | convention
    scope_id: str  # code or stream id; empty for national
    purpose: str  # why it is needed, a code of the grant_purpose list
    valid_from: date
    valid_to: date | None = None
    mission: Mission | None = None  # of an auditor; without one the grant's own dates, and no names


class AccessRevoked(Event, frozen=True, kw_only=True, tag="organisation.access-revoked"):
    """The grant holds no longer; `why` says why. It never holds again: access anew is another grant."""

    grant: UUID


class EmergencyAccessOpened(Event, frozen=True, kw_only=True, tag="organisation.emergency-access-opened"):
    """Who did it may read one learner's record for hours, acting for this organisation; `why` says why."""

    emergency: UUID
    learner: UUID
    until: datetime  # UTC


class EmergencyAccessReviewed(Event, frozen=True, kw_only=True, tag="organisation.emergency-access-reviewed"):
    """A superior looked into an emergency access, whether it was justified."""

    emergency: UUID
    finding: str  # emergency_finding


class Grant(msgspec.Struct, frozen=True):
    """One grant of access, as it stands."""

    subject: UUID
    role: str
    scope: str
    scope_id: str
    valid_from: date
    valid_to: date | None
    mission: Mission | None = None
    revoked_on: date | None = None


class Emergency(msgspec.Struct, frozen=True):
    """One emergency access, as it stands."""

    learner: UUID
    opened_by: UUID  # the worker
    role: str  # that it was opened in
    reason: str  # code
    until: datetime
    finding: str | None = None  # None until it was reviewed


class Organisation(State, frozen=True, kw_only=True):
    """An organisation, the grants it gave and the emergency accesses opened for it, by their ids."""

    kind: str = ""
    name: LocalName = LocalName()
    region: str | None = None
    province: str | None = None
    grants: dict[UUID, Grant] = {}
    emergencies: dict[UUID, Emergency] = {}


def _registered(state: Organisation, event: OrganisationRegistered, _version: int) -> Organisation:
    return msgspec.structs.replace(
        state, kind=event.kind, name=event.name, region=event.region, province=event.province
    )


def _granted(state: Organisation, event: AccessGranted, _version: int) -> Organisation:
    return msgspec.structs.replace(state, grants={**state.grants, event.grant: grant_of(event)})


def grant_of(event: AccessGranted) -> Grant:
    """The grant an event gives."""
    return Grant(
        event.subject, event.role, event.scope, event.scope_id, event.valid_from, event.valid_to, event.mission
    )


def _revoked(state: Organisation, event: AccessRevoked, _version: int) -> Organisation:
    held = state.grants.get(event.grant)
    if held is None:
        return state
    ended = msgspec.structs.replace(held, revoked_on=event.on)
    return msgspec.structs.replace(state, grants={**state.grants, event.grant: ended})


def _emergency_opened(state: Organisation, event: EmergencyAccessOpened, _version: int) -> Organisation:
    reason = "" if event.why is msgspec.UNSET else event.why.code
    opened = Emergency(event.learner, event.by.actor, event.by.role, reason, event.until)
    return msgspec.structs.replace(state, emergencies={**state.emergencies, event.emergency: opened})


def _emergency_reviewed(state: Organisation, event: EmergencyAccessReviewed, _version: int) -> Organisation:
    held = state.emergencies.get(event.emergency)
    if held is None:
        return state
    reviewed = msgspec.structs.replace(held, finding=event.finding)
    return msgspec.structs.replace(state, emergencies={**state.emergencies, event.emergency: reviewed})


class RegisterOrganisation(Command, frozen=True, kw_only=True):
    """Make an organisation known."""

    organisation: UUID
    kind: str
    name: LocalName
    region: str | None = None
    province: str | None = None


class GrantAccess(Command, frozen=True, kw_only=True):
    """Let a worker act in a role within a scope."""

    organisation: UUID
    grant: UUID
    subject: UUID
    role: str
    scope: str
    scope_id: str = ""
    purpose: str = "duty"
    valid_from: date | None = None
    valid_to: date | None = None
    mission: Mission | None = None

    def earliest_date(self) -> date | None:
        """The day the access starts."""
        return self.valid_from or self.on


class RevokeAccess(Command, frozen=True, kw_only=True):
    """End a grant of access, with a reason."""

    organisation: UUID
    grant: UUID


class OpenEmergencyAccess(Command, frozen=True, kw_only=True):
    """Read one learner's record for three hours, with a reason; a superior reviews it."""

    organisation: UUID
    emergency: UUID
    learner: UUID


class ReviewEmergencyAccess(Command, frozen=True, kw_only=True):
    """Say of an emergency access whether it was justified."""

    organisation: UUID
    emergency: UUID
    finding: str


class NameMissing(RuleBroken, frozen=True, kw_only=True):
    """A name is needed in at least one script."""


class EndsBeforeStart(RuleBroken, frozen=True, kw_only=True):
    """A period ends before it starts."""

    starts_on: str
    ends_on: str


class ScopeIdDoesNotFit(RuleBroken, frozen=True, kw_only=True):
    """What the scope is of: nothing for national, else the code or the id of one thing of that kind."""

    scope: str


class MissionMisplaced(RuleBroken, frozen=True, kw_only=True):
    """Only an auditor is sent on a mission."""

    role: str


class ScopeDoesNotFitRole(RuleBroken, frozen=True, kw_only=True):
    """The role is granted in some scopes only; `scopes` are those."""

    role: str
    scopes: list[str]


class GrantToSelf(RuleBroken, frozen=True, kw_only=True):
    """Nobody grants access to themselves."""


class WorkerHasLeft(RuleBroken, frozen=True, kw_only=True):
    """The worker left: no access is granted to them any more."""

    left_on: str


class NoSuchGrant(RuleBroken, frozen=True, kw_only=True):
    """The organisation gave no grant with this id."""

    grant: UUID


class GrantRevoked(RuleBroken, frozen=True, kw_only=True):
    """The grant was revoked before, and never holds again."""

    revoked_on: str


class NotActingForIt(RuleBroken, frozen=True, kw_only=True):
    """An emergency access is opened at the organisation one acts for."""

    organisation: UUID


class NoSuchEmergency(RuleBroken, frozen=True, kw_only=True):
    """No emergency access with this id was opened for the organisation."""

    emergency: UUID


class ReviewedByOpener(RuleBroken, frozen=True, kw_only=True):
    """Who opened an emergency access does not review it."""


class ReviewerNotSuperior(RuleBroken, frozen=True, kw_only=True):
    """An emergency access is reviewed by a superior of who opened it."""

    roles: list[str]  # that may


class EmergencyAlreadyReviewed(RuleBroken, frozen=True, kw_only=True):
    """An emergency access is reviewed once."""

    finding: str


def read_name(name: LocalName, texts: Texts) -> LocalName:
    """The name cleaned, an empty form left out."""
    return LocalName(
        texts.read_any(name.ar or None, "/name/ar"),
        texts.read_any(name.fr or None, "/name/fr"),
    )


def name_missing(name: LocalName) -> NameMissing | None:
    """A name in neither script is no name."""
    return None if name.ar or name.fr else NameMissing(pointer="/name")


def register_organisation(command: RegisterOrganisation, act: Act) -> Changes:
    """The organisation is known. Refuses UnknownCode, NameMissing, TextUnreadable."""
    texts = Texts()
    name = read_name(command.name, texts)
    refuse_if(
        *texts.broken,
        refuse_unknown("organisation_kind", command.kind, "/kind", act.on),
        refuse_unknown("region", command.region, "/region", act.on),
        refuse_unknown("province", command.province, "/province", act.on),
        name_missing(command.name),
    )
    event = act.event(OrganisationRegistered, command, name=name)
    return [(command.organisation, event)]


EVOLVE: dict[type[Event], Evolve] = {
    OrganisationRegistered: _registered,
    AccessGranted: _granted,
    AccessRevoked: _revoked,
    EmergencyAccessOpened: _emergency_opened,
    EmergencyAccessReviewed: _emergency_reviewed,
}

KIND = Kind(
    name="organisation",
    plural="organisations",
    empty=Organisation(),
    first=OrganisationRegistered,
    evolve=evolve_by(EVOLVE),
    events=tuple(EVOLVE),
    status_of=lambda state: "registered" if state.version else "unknown",
    life_cycle={
        "unknown": frozenset({"register-organisation"}),
        "registered": frozenset({"grant-access", "revoke-access", "open-emergency-access", "review-emergency-access"}),
    },
)

COMMANDS = (
    CommandSpec(
        command=RegisterOrganisation,
        decide=register_organisation,
        kind="organisation",
        stream="organisation",
        roles=("ministry", "operator"),
    ),
)

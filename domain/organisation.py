"""Organisations: associations, academies, directorates, delegations, partners; and the access they grant."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.codes import Texts, refuse_unknown
from domain.errors import RuleBroken, refuse_if
from domain.event import Event
from domain.kind import Act, Changes, Command, CommandSpec, Kind, State, evolve_by


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


class Grant(msgspec.Struct, frozen=True):
    """One grant of access, as it stands."""

    subject: UUID
    role: str
    scope: str
    scope_id: str
    valid_from: date
    valid_to: date | None


class Organisation(State, frozen=True, kw_only=True):
    """An organisation and the grants it gave, by grant id."""

    kind: str = ""
    name: LocalName = LocalName()
    region: str | None = None
    province: str | None = None
    grants: dict[UUID, Grant] = {}


def _registered(state: Organisation, event: OrganisationRegistered, _version: int) -> Organisation:
    return msgspec.structs.replace(
        state, kind=event.kind, name=event.name, region=event.region, province=event.province
    )


def _granted(state: Organisation, event: AccessGranted, _version: int) -> Organisation:
    grant = Grant(event.subject, event.role, event.scope, event.scope_id, event.valid_from, event.valid_to)
    return msgspec.structs.replace(state, grants={**state.grants, event.grant: grant})


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

    def earliest_date(self) -> date | None:
        """The day the access starts."""
        return self.valid_from or self.on


class NameMissing(RuleBroken, frozen=True, kw_only=True):
    """A name is needed in at least one script."""


class EndsBeforeStart(RuleBroken, frozen=True, kw_only=True):
    """A period ends before it starts."""

    starts_on: str
    ends_on: str


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


def grant_access(command: GrantAccess, act: Act, *, organisation: Organisation) -> Changes:
    """The worker may act in that role and scope. Refuses UnknownCode, EndsBeforeStart."""
    starts_on = command.valid_from or act.on
    refuse_if(
        refuse_unknown("role", command.role, "/role", act.on),
        refuse_unknown("grant_scope", command.scope, "/scope", act.on),
        refuse_unknown("grant_purpose", command.purpose, "/purpose", act.on),
        EndsBeforeStart(pointer="/valid_to", starts_on=str(starts_on), ends_on=str(command.valid_to))
        if command.valid_to and command.valid_to < starts_on
        else None,
    )
    if command.grant in organisation.grants:
        return []
    event = act.event(AccessGranted, command, valid_from=starts_on)
    return [(command.organisation, event)]


KIND = Kind(
    name="organisation",
    plural="organisations",
    empty=Organisation(),
    first=OrganisationRegistered,
    evolve=evolve_by({OrganisationRegistered: _registered, AccessGranted: _granted}),
    events=(OrganisationRegistered, AccessGranted),
    status_of=lambda state: "registered" if state.version else "unknown",
    life_cycle={"unknown": frozenset({"register-organisation"}), "registered": frozenset({"grant-access"})},
)

COMMANDS = (
    CommandSpec(
        command=RegisterOrganisation,
        decide=register_organisation,
        kind="organisation",
        stream="organisation",
        roles=("ministry", "operator"),
    ),
    CommandSpec(
        command=GrantAccess,
        decide=grant_access,
        kind="organisation",
        stream="organisation",
        noun="grants",
        roles=("ministry", "operator"),
        reads=lambda command, _seen: {"subject": ("worker", command.subject)},
    ),
)

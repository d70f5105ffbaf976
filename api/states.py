"""What is shown of the small kinds of streams: their states as answers, nothing personal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.forms import CURRENCY
from domain.centre import Centre
from domain.convention import Convention
from domain.diploma_session import DiplomaSession, Mark
from domain.group import Group
from domain.organisation import LocalName, Organisation
from domain.parameter import Parameter
from domain.parameters import DEFINITIONS
from domain.values import format_amount
from domain.worker import Worker


class AmountShown(msgspec.Struct, frozen=True):
    """Money as a decimal string with its currency."""

    value: str
    currency: str = CURRENCY


class CentreShown(msgspec.Struct, frozen=True):
    """A centre and its approved trades by season."""

    name: LocalName
    operator: UUID
    places: int
    province: str
    commune: str
    trades: dict[int, list[str]]


class TargetShown(msgspec.Struct, frozen=True):
    """What a convention aims at in a season."""

    season: int
    learners: int | None
    amount: AmountShown | None


class ConventionShown(msgspec.Struct, frozen=True):
    """A convention as signed."""

    kind: str
    number: str
    centres: list[UUID]
    seasons: list[TargetShown]
    age_min: int | None
    age_max: int | None
    starts_on: date
    ends_on: date


class GrantShown(msgspec.Struct, frozen=True):
    """One grant of access."""

    grant: UUID
    subject: UUID
    role: str
    scope: str
    scope_id: str
    valid_from: date
    valid_to: date | None


class EmergencyShown(msgspec.Struct, frozen=True):
    """One emergency access, for who may review it: whose record, opened by whom in which role and why, until when."""

    emergency: UUID
    learner: UUID
    opened_by: UUID
    role: str
    reason: str
    until: datetime
    finding: str | None  # None until it was reviewed


class OrganisationShown(msgspec.Struct, frozen=True):
    """An organisation and the grants it gave."""

    kind: str
    name: LocalName
    region: str | None
    province: str | None
    grants: list[GrantShown]
    emergencies: list[EmergencyShown]  # empty for whoever may not review them


class WorkerShown(msgspec.Struct, frozen=True):
    """A worker without the person: for whom, in which function, by which issuers known."""

    organisation: UUID
    function: str
    issuers: list[str]


class CandidateShown(msgspec.Struct, frozen=True):
    """One line of the list of candidates."""

    candidate_number: str
    learner: UUID
    enrolment: UUID
    mark: Mark | None


class DiplomaSessionShown(msgspec.Struct, frozen=True):
    """A session of Entraide Nationale with its candidates."""

    authority: UUID
    held_from: date
    held_to: date
    centres: list[UUID]
    trades: list[str]
    diploma_kind: str
    year: int
    candidates: list[CandidateShown]


class SettingShown(msgspec.Struct, frozen=True):
    """One value of a parameter and since when; version 0 is the default, in force until an authority sets another."""

    name: str
    value: str
    unit: str
    valid_from: date | None
    version: int


class ParametersShown(msgspec.Struct, frozen=True):
    """Every parameter: its default and what authorities set."""

    settings: list[SettingShown]


class SeatShown(msgspec.Struct, frozen=True):
    """One seat that is taken."""

    enrolment: UUID
    learner: UUID


class GroupShown(msgspec.Struct, frozen=True):
    """A group: what it is, who sits in it, which months are locked."""

    centre: UUID
    season: int
    group_kind: str
    level: str | None
    trade: str | None
    session_type: str
    capacity: int
    seats: list[SeatShown]
    locked_months: list[date]


def _centre(state: Centre) -> CentreShown:
    trades = {season: sorted(codes) for season, codes in state.trades.items()}
    return CentreShown(state.name, state.operator, state.places, state.province, state.commune, trades)


def _convention(state: Convention) -> ConventionShown:
    targets = [
        TargetShown(
            each.season, each.learners, None if each.amount is None else AmountShown(format_amount(each.amount))
        )
        for each in state.seasons.values()
    ]
    return ConventionShown(state.kind, state.number, sorted(state.centres), targets, state.age_min, state.age_max,
                           state.starts_on, state.ends_on)  # fmt: skip


def _organisation(state: Organisation) -> OrganisationShown:
    grants = [
        GrantShown(key, each.subject, each.role, each.scope, each.scope_id, each.valid_from, each.valid_to)
        for key, each in state.grants.items()
    ]
    opened = [
        EmergencyShown(key, each.learner, each.opened_by, each.role, each.reason, each.until, each.finding)
        for key, each in state.emergencies.items()
    ]
    return OrganisationShown(state.kind, state.name, state.region, state.province, grants, opened)


def _worker(state: Worker) -> WorkerShown:
    return WorkerShown(state.organisation, state.function, sorted(state.logins))


def _diploma_session(state: DiplomaSession) -> DiplomaSessionShown:
    candidates = [
        CandidateShown(number, each.learner, each.enrolment, each.mark) for number, each in state.candidates.items()
    ]
    return DiplomaSessionShown(state.authority, state.held_from, state.held_to, sorted(state.centres),
                               sorted(state.trades), state.diploma_kind, state.year, candidates)  # fmt: skip


def _parameter(state: Parameter) -> ParametersShown:
    shown = [SettingShown(name, each.default, each.unit, None, 0) for name, each in DEFINITIONS.items()]
    shown += [
        SettingShown(name, each.value, DEFINITIONS[name].unit, each.valid_from, each.version)
        for name, settings in state.values.settings.items()
        for each in settings
    ]
    return ParametersShown(sorted(shown, key=lambda each: (each.name, each.version)))


def _group(state: Group) -> GroupShown:
    seats = [SeatShown(enrolment, learner) for enrolment, learner in state.seats.items()]
    return GroupShown(state.centre, state.season, state.group_kind, state.level, state.trade, state.session_type,
                      state.capacity, seats, sorted(state.locked))  # fmt: skip


SHOWN: Final[Mapping[str, tuple[Any, Callable[[Any], Any]]]] = {
    "centre": (CentreShown, _centre),
    "convention": (ConventionShown, _convention),
    "diploma-session": (DiplomaSessionShown, _diploma_session),
    "group": (GroupShown, _group),
    "organisation": (OrganisationShown, _organisation),
    "parameter": (ParametersShown, _parameter),
    "worker": (WorkerShown, _worker),
}

"""Admission: oriented to a level and a trade, enrolled for a season, seated in groups."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command


class Missing(msgspec.Struct, frozen=True):
    """A step enrolment went without, and the code of the reason (rule 10)."""

    step: str  # assessment | orientation
    why: str


class Profile(msgspec.Struct, frozen=True):
    """The coarse profile figures need, in the clear on purpose: it survives an erasure."""

    sex: str
    age: int | None  # years at the reference date
    province: str
    residence: str  # rural | urban
    last_level: str
    school_status: str
    standing: str  # new | returning


class LearnerOriented(Event, frozen=True, kw_only=True, tag="learner.oriented"):
    """The learner was oriented to a level and trades of choice, in order. `replaces`: the season's earlier one."""

    season: int
    level: str
    trades: list[str]
    rationale: str | None  # code
    replaces: int | None


class LearnerEnrolled(Event, frozen=True, kw_only=True, tag="learner.enrolled"):
    """The learner is enrolled in a centre for a season under a convention, with what that was decided with.

    `assessment`, `derogation`: versions of the facts relied on, where there were any and where one was needed.
    """

    enrolment: UUID
    season: int
    centre: UUID
    convention: UUID
    level: str
    trade: str | None
    session_type: str
    starts_on: date
    without: list[Missing]
    age_low: int | None  # years at the reference date; low and high differ where the birth date is uncertain
    age_high: int | None
    age_min: int
    age_max: int
    reference_date: date
    assessment: int | None
    derogation: int | None
    profile: Profile
    flags: list[str]


class GroupJoined(Event, frozen=True, kw_only=True, tag="learner.group-joined"):
    """The learner sits in a group. Same append as the group's SeatTaken."""

    enrolment: UUID
    group: UUID


class GroupLeft(Event, frozen=True, kw_only=True, tag="learner.group-left"):
    """The learner left a group while enrolled. Same append as the group's SeatFreed."""

    enrolment: UUID
    group: UUID


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment, from its start to its end."""

    version: int
    season: int
    centre: UUID
    convention: UUID
    level: str
    trade: str | None
    session_type: str
    starts_on: date
    profile: Profile | None = None
    without: tuple[Missing, ...] = ()
    groups: dict[UUID, date] = {}  # group → joined on
    left: dict[UUID, date] = {}  # group → left on, for those not sat in any more
    ended_on: date | None = None
    ended_version: int | None = None  # of the event that ended it
    exit: str | None = None


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """Every orientation not withdrawn and every enrolment, in the order they were made."""

    oriented: tuple[tuple[int, int], ...] = ()  # (season, version)
    enrolments: dict[UUID, Enrolment] = {}

    @property
    def orientations(self) -> dict[int, int]:
        """Season → version of the orientation in force."""
        return dict(self.oriented)

    @property
    def active(self) -> UUID | None:
        """The enrolment that has not ended (rule 3: at most one)."""
        return next((key for key, each in self.enrolments.items() if each.ended_on is None), None)

    @property
    def last(self) -> UUID | None:
        """The enrolment made last, ended or not."""
        return next(reversed(self.enrolments), None)


def on_oriented(stage: Admission, event: LearnerOriented, version: int) -> Admission:
    """The stage after: oriented."""
    return msgspec.structs.replace(stage, oriented=(*stage.oriented, (event.season, version)))


def on_enrolled(stage: Admission, event: LearnerEnrolled, version: int) -> Admission:
    """The stage after: enrolled."""
    enrolment = Enrolment(
        version=version,
        season=event.season,
        centre=event.centre,
        convention=event.convention,
        level=event.level,
        trade=event.trade,
        session_type=event.session_type,
        starts_on=event.starts_on,
        profile=event.profile,
        without=tuple(event.without),
    )
    return msgspec.structs.replace(stage, enrolments={**stage.enrolments, event.enrolment: enrolment})


def with_enrolment(stage: Admission, key: UUID, **changes: object) -> Admission:
    """The stage with this enrolment changed; unchanged when it has no such enrolment."""
    if key not in stage.enrolments:
        return stage
    changed = msgspec.structs.replace(stage.enrolments[key], **changes)
    return msgspec.structs.replace(stage, enrolments={**stage.enrolments, key: changed})


def on_group_joined(stage: Admission, event: GroupJoined, _version: int) -> Admission:
    """The stage after: group joined."""
    held = stage.enrolments.get(event.enrolment)
    groups = {**(held.groups if held else {}), event.group: event.on}
    left = {group: day for group, day in held.left.items() if group != event.group} if held else {}
    return with_enrolment(stage, event.enrolment, groups=groups, left=left)


def on_group_left(stage: Admission, event: GroupLeft, _version: int) -> Admission:
    """The stage after: group left."""
    held = stage.enrolments.get(event.enrolment)
    return with_enrolment(stage, event.enrolment, left={**(held.left if held else {}), event.group: event.on})


def withdrawn(stage: Admission, version: int) -> Admission:
    """An orientation of that version no longer holds, its season's earlier one does. Enrolments are voided instead."""
    return msgspec.structs.replace(stage, oriented=tuple(each for each in stage.oriented if each[1] != version))


def withdrawable(stage: Admission) -> set[int]:
    """Versions of the orientations."""
    return set(stage.orientations.values())


class OrientLearner(Command, frozen=True, kw_only=True):
    """Orient the learner to a level and trades of choice, in order."""

    learner: UUID
    season: int | None = None
    level: str
    trades: list[str]
    rationale: str | None = None


class EnrolLearner(Command, frozen=True, kw_only=True):
    """Enrol the learner in a centre for a season under a convention. Sex and age come from the identity on file."""

    learner: UUID
    enrolment: UUID
    season: int | None = None
    centre: UUID
    convention: UUID
    level: str
    trade: str | None = None
    session_type: str = "regular"
    starts_on: date | None = None
    without: list[Missing] = []
    residence: str
    last_level: str
    school_status: str

    def earliest_date(self) -> date | None:
        """The day it starts."""
        return self.starts_on or self.on


class JoinGroup(Command, frozen=True, kw_only=True):
    """Seat the enrolled learner in a group."""

    learner: UUID
    enrolment: UUID
    group: UUID


class LeaveGroup(Command, frozen=True, kw_only=True):
    """The enrolled learner leaves a group, for another one or for good; the seat is free."""

    learner: UUID
    enrolment: UUID
    group: UUID


class AgeOutsideBand(RuleBroken, frozen=True, kw_only=True):
    """Rule 1: the age at the reference date lies outside the convention's band and no derogation is on file."""

    RULE = 1
    age: int
    age_min: int
    age_max: int
    reference_date: str


class InSchoolNow(RuleBroken, frozen=True, kw_only=True):
    """Rule 2: enrolled in formal school or vocational training now."""

    RULE = 2
    school_status: str


class AlreadyEnrolled(RuleBroken, frozen=True, kw_only=True):
    """Rule 3: one active enrolment per learner, across all centres and funders."""

    RULE = 3
    season: int
    since: str


class StepMissing(RuleBroken, frozen=True, kw_only=True):
    """Rule 10: enrolment needs this step first, or a recorded reason for going without."""

    RULE = 10
    step: str


class IdentityErased(RuleBroken, frozen=True, kw_only=True):
    """The learner's identity was erased: no further personal facts without a new ground."""

    RULE = 42


class NoSuchEnrolment(RuleBroken, frozen=True, kw_only=True):
    """The learner has no enrolment with this id."""

    RULE = 10
    enrolment: UUID


class EnrolmentOver(RuleBroken, frozen=True, kw_only=True):
    """The enrolment has ended."""

    RULE = 10
    ended_on: str


class GroupOfAnotherCentre(RuleBroken, frozen=True, kw_only=True):
    """The group is not one of the enrolment's centre and season."""

    RULE = 11
    season: int


class GroupOfAnotherTrade(RuleBroken, frozen=True, kw_only=True):
    """The workshop teaches another trade than the one enrolled for."""

    RULE = 13
    trade: str
    enrolled_for: str


class StartsOutsideSeason(RuleBroken, frozen=True, kw_only=True):
    """The enrolment starts on no day of its season."""

    RULE = 10
    starts_on: str
    first: str
    last: str


class StartsBeforeLastEnded(RuleBroken, frozen=True, kw_only=True):
    """Rule 3: the enrolment starts no later than an earlier one ended; both would hold that day."""

    RULE = 3
    starts_on: str
    ended_on: str


class StartsOutsideConvention(RuleBroken, frozen=True, kw_only=True):
    """The enrolment starts outside the convention's dates."""

    RULE = 10
    starts_on: str
    first: str
    last: str

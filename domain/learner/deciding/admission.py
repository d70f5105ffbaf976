"""Deciding on admission: orient, enrol, seat in a group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from domain.centre import Centre, trade_not_approved
from domain.codes import refuse_unknown
from domain.convention import Convention, covers
from domain.errors import RuleBroken, refuse_if
from domain.group import Group, SeatFreed, SeatTaken, group_is_full
from domain.kind import Act, Changes, CommandSpec
from domain.learner.admission import (
    Admission,
    AgeOutsideBand,
    AlreadyEnrolled,
    EnrolLearner,
    Enrolment,
    EnrolmentOver,
    GroupJoined,
    GroupLeft,
    GroupOfAnotherCentre,
    GroupOfAnotherTrade,
    IdentityErased,
    InSchoolNow,
    JoinGroup,
    LearnerEnrolled,
    LearnerOriented,
    LeaveGroup,
    NoSuchEnrolment,
    OrientLearner,
    Profile,
    StartsBeforeLastEnded,
    StartsOutsideConvention,
    StartsOutsideSeason,
    StepMissing,
)
from domain.learner.deciding.identification import (
    IN_SCHOOL,
    STATUS_FLAGS,
    admits,
    age_band,
    age_flags,
    age_read,
    ages_of,
    opens_identity,
    reference_date,
    unknown_season,
)
from domain.learner.identification import Assessment, Identity
from domain.learner.state import Learner
from domain.sealed import Erased
from domain.values import season_days, season_of


def orient_learner(command: OrientLearner, act: Act, *, learner: Learner) -> Changes:
    """The learner is oriented for the season. Refuses UnknownCode."""
    refuse_if(
        refuse_unknown("programme_level", command.level, "/level", act.on),
        *(refuse_unknown("trade", code, f"/trades/{at}", act.on) for at, code in enumerate(command.trades)),
        refuse_unknown("orientation_rationale", command.rationale, "/rationale", act.on),
        unknown_season(command.season),
    )
    season = command.season or season_of(act.on)
    replaces = learner.admission.orientations.get(season)
    return [(command.learner, act.event(LearnerOriented, command, season=season, replaces=replaces))]


def _bad_codes(command: EnrolLearner, on: date) -> list[RuleBroken | None]:
    return [
        refuse_unknown("programme_level", command.level, "/level", on),
        refuse_unknown("trade", command.trade, "/trade", on),
        refuse_unknown("session_type", command.session_type, "/session_type", on),
        refuse_unknown("residence", command.residence, "/residence", on),
        refuse_unknown("last_level", command.last_level, "/last_level", on),
        refuse_unknown("school_status", command.school_status, "/school_status", on),
        *(
            refuse_unknown("enrolment_step", each.step, f"/without/{at}/step", on)
            for at, each in enumerate(command.without)
        ),
        *(
            refuse_unknown("missing_step_reason", each.why, f"/without/{at}/why", on)
            for at, each in enumerate(command.without)
        ),
    ]


def already_enrolled(admission: Admission) -> AlreadyEnrolled | None:
    """Rule 3."""
    if admission.active is None:
        return None
    held = admission.enrolments[admission.active]
    return AlreadyEnrolled(season=held.season, since=str(held.starts_on))


def _id_in_use(admission: Admission, enrolment: UUID) -> EnrolmentOver | None:
    """A further season is another enrolment: an ended one never opens again under its id."""
    held = admission.enrolments.get(enrolment)
    over = held is not None and held.ended_on is not None
    return EnrolmentOver(pointer="/enrolment", ended_on=str(held.ended_on)) if held and over else None


def _steps_missing(learner: Learner, command: EnrolLearner, season: int) -> list[RuleBroken | None]:
    """Rule 10: assessment and orientation of the season, or a recorded reason for going without."""
    excused = {missing.step for missing in command.without}
    done = {
        "assessment": season in learner.identification.assessments,
        "orientation": season in learner.admission.orientations,
    }
    return [
        StepMissing(pointer="/without", step=step)
        for step, is_done in done.items()
        if not is_done and step not in excused
    ]


def _bad_start(convention: Convention, admission: Admission, season: int, starts_on: date) -> list[RuleBroken | None]:
    """Rules 3, 10: within the season and the convention, after every earlier enrolment."""
    pointer, day = "/starts_on", str(starts_on)
    (first, last), ends = season_days(season), [each.ended_on for each in admission.enrolments.values()]
    ended_on = max((each for each in ends if each), default=None)
    signed = (convention.starts_on, convention.ends_on)
    return [
        StartsBeforeLastEnded(pointer=pointer, starts_on=day, ended_on=str(ended_on))
        if ended_on and starts_on <= ended_on
        else None,
        None
        if first <= starts_on <= last
        else StartsOutsideSeason(pointer=pointer, starts_on=day, first=str(first), last=str(last)),
        None
        if signed[0] <= starts_on <= signed[1]
        else StartsOutsideConvention(pointer=pointer, starts_on=day, first=str(signed[0]), last=str(signed[1])),
    ]


def _in_school(command: EnrolLearner, assessment: Assessment | None) -> InSchoolNow | None:
    """Rule 2: in school by what is said now, or by the season's assessment: that is assessed anew, not talked over."""
    said = [command.school_status, *([assessment.school_status] if assessment else [])]
    found = next((status for status in said if status in IN_SCHOOL), None)
    return InSchoolNow(pointer="/school_status", school_status=found) if found else None


def enrol_learner(
    command: EnrolLearner,
    act: Act,
    *,
    learner: Learner,
    centre: Centre,
    convention: Convention,
    identities: Mapping[UUID, Identity | Erased],
) -> Changes:
    """The learner is enrolled; sex and age come from the identity. Source: DOMAIN rules 1, 2, 3, 10, 13."""
    refuse_if(unknown_season(command.season))
    season = command.season or season_of(act.on)
    starts_on = command.starts_on or act.on
    identity = identities.get(command.learner)
    day = reference_date(act.parameters, season, act.on)
    band = age_band(convention, act.parameters, act.on)
    ages = ages_of(identity, day)
    derogation = None if admits(ages, band) else learner.identification.derogations.get((1, season))
    assessment = learner.identification.assessments.get(season)
    refuse_if(
        *_bad_codes(command, act.on),
        None
        if derogation is not None or admits(ages, band) or ages is None
        else AgeOutsideBand(age=ages[0], age_min=band[0], age_max=band[1], reference_date=str(day)),
        _in_school(command, assessment),
        already_enrolled(learner.admission),
        _id_in_use(learner.admission, command.enrolment),
        *_steps_missing(learner, command, season),
        *covers(convention, command.centre, season),
        *_bad_start(convention, learner.admission, season, starts_on),
        trade_not_approved(centre, command.trade, season),
        None if isinstance(identity, Identity) else IdentityErased(),
    )
    assert isinstance(identity, Identity), "an erased identity was refused"
    profile = Profile(
        sex=identity.sex,
        age=age_read(ages, band),
        province=learner.identification.province,
        residence=command.residence,
        last_level=command.last_level,
        school_status=command.school_status,
        standing="returning" if learner.admission.enrolments else "new",
    )
    flags = age_flags(ages, band) + STATUS_FLAGS.get(command.school_status, [])
    event = act.event(
        LearnerEnrolled,
        command,
        season=season,
        starts_on=starts_on,
        age_low=ages[0] if ages else None,
        age_high=ages[1] if ages else None,
        age_min=band[0],
        age_max=band[1],
        reference_date=day,
        assessment=assessment.version if assessment else None,
        derogation=derogation,
        profile=profile,
        flags=flags,
    )
    return [(command.learner, event)]


def enrolment_of(
    learner: Learner, enrolment: UUID, *, active: bool = True
) -> tuple[Enrolment | None, RuleBroken | None]:
    """The enrolment, or why it will not do: unknown, or over where an active one is asked."""
    held = learner.admission.enrolments.get(enrolment)
    if held is None:
        return None, NoSuchEnrolment(pointer="/enrolment", enrolment=enrolment)
    if active and held.ended_on is not None:
        return None, EnrolmentOver(pointer="/enrolment", ended_on=str(held.ended_on))
    return held, None


def _wrong_group(held: Enrolment, group: Group) -> list[RuleBroken | None]:
    elsewhere = (group.centre, group.season) != (held.centre, held.season)
    other_trade = group.trade is not None and held.trade is not None and group.trade != held.trade
    return [
        GroupOfAnotherCentre(pointer="/group", season=group.season) if elsewhere else None,
        GroupOfAnotherTrade(pointer="/group", trade=group.trade or "", enrolled_for=held.trade or "")
        if other_trade
        else None,
    ]


def _seat_of_another(command: JoinGroup, group: Group) -> NoSuchEnrolment | None:
    """Ids of enrolments come from outside: one that sits here for another learner would take that learner's seat."""
    taken = command.enrolment in group.seats
    return NoSuchEnrolment(pointer="/enrolment", enrolment=command.enrolment) if taken else None


def join_group(command: JoinGroup, act: Act, *, learner: Learner, group: Group) -> Changes:
    """The learner holds a seat; the group's stream decides (rule 11). Joining again changes nothing."""
    held, broken = enrolment_of(learner, command.enrolment)
    if held is None:
        refuse_if(broken)
        raise AssertionError("no enrolment is always a refusal")
    if group.seats.get(command.enrolment) == command.learner:
        return []
    refuse_if(*_wrong_group(held, group), group_is_full(group), _seat_of_another(command, group))
    return [
        (command.learner, act.event(GroupJoined, command)),
        (command.group, act.event(SeatTaken, command)),
    ]


def leave_group(command: LeaveGroup, act: Act, *, learner: Learner, group: Group) -> Changes:
    """The seat is free; sheets of the days before stay. Leaving a group one does not sit in changes nothing."""
    refuse_if(enrolment_of(learner, command.enrolment)[1])
    if group.seats.get(command.enrolment) != command.learner:
        return []
    return [
        (command.learner, act.event(GroupLeft, command)),
        (command.group, act.event(SeatFreed, command)),
    ]


def _centre_and_convention(command: EnrolLearner, _seen: Mapping[str, Any]) -> dict[str, tuple[str, UUID]]:
    return {"centre": ("centre", command.centre), "convention": ("convention", command.convention)}


COMMANDS = (
    CommandSpec(
        command=OrientLearner,
        decide=orient_learner,
        kind="learner",
        stream="learner",
        noun="orientations",
        roles=("caseworker", "coordinator"),
    ),
    CommandSpec(
        command=EnrolLearner,
        decide=enrol_learner,
        kind="learner",
        stream="learner",
        noun="enrolments",
        roles=("caseworker", "coordinator"),
        reads=_centre_and_convention,
        opens={"identities": opens_identity},
    ),
    CommandSpec(
        command=JoinGroup,
        decide=join_group,
        kind="learner",
        stream="learner",
        noun="group-memberships",
        roles=("caseworker", "coordinator"),
        reads=lambda command, _seen: {"group": ("group", command.group)},
    ),
    CommandSpec(
        command=LeaveGroup,
        decide=leave_group,
        kind="learner",
        stream="learner",
        noun="group-departures",
        roles=("caseworker", "coordinator"),
        reads=lambda command, _seen: {"group": ("group", command.group)},
    ),
)

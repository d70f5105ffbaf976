"""Deciding on review: settle a flag, take a fact back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain.codes import refuse_unknown
from domain.errors import refuse_if
from domain.group import Group, MonthLocked, month_locked
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.learner.deciding.identification import DEROGATORS
from domain.learner.deciding.leaving import VERIFIERS
from domain.learner.review import (
    FactWithdrawn,
    FlagSettled,
    NoSuchFlag,
    NotWithdrawable,
    NotYoursToWithdraw,
    SettledByRecorder,
    SettleFlag,
    WithdrawFact,
)
from domain.learner.state import Learner, withdrawable
from domain.learner.training import week_of


def settle_flag(command: SettleFlag, act: Act, *, learner: Learner, groups: Mapping[UUID, Group]) -> Changes:
    """The flag is settled with that finding, by another than who recorded it; the same again changes nothing.

    Refuses NoSuchFlag, SettledByRecorder, and MonthLocked for a day of a locked month. Source: DOMAIN rules 14, 15.
    """
    key = (command.version, command.code, command.day)
    if learner.review.settled.get(key) == command.finding:
        return []
    known = sorted(":".join(str(part) for part in each if part is not None) for each in learner.review.open)
    another_day = any(each[:2] == key[:2] for each in learner.review.open)
    refuse_if(
        refuse_unknown("flag_finding", command.finding, "/finding", act.on),
        None if key in learner.review.open else NoSuchFlag(pointer="/day" if another_day else "/code", open=known),
        SettledByRecorder(pointer="/version")
        if learner.review.raised_by.get(command.version) == act.by.actor
        else None,
        *(month_locked(group, command.day, "/day") for group in groups.values() if command.day),
    )
    return [(command.learner, act.event(FlagSettled, command))]


def withdraw_fact(command: WithdrawFact, act: Act, *, learner: Learner, groups: Mapping[UUID, Group]) -> Changes:
    """The fact no longer holds; what it had replaced is in force again, but for a sheet.

    Enrolments are voided and diplomas annulled, never withdrawn. Refuses NotWithdrawable, ReasonNeeded, MonthLocked for
    attendance of a locked month (rule 15), and NotYoursToWithdraw for what an authority recorded (rule 24).
    """
    if command.version in learner.review.withdrawn:
        return []
    facts = withdrawable(learner)
    roles = _roles(learner, command.version)
    refuse_if(
        None
        if command.version in facts
        else NotWithdrawable(pointer="/version", version=command.version, withdrawable=sorted(facts)),
        None if act.by.role in roles else NotYoursToWithdraw(pointer="/version", version=command.version, roles=roles),
        *_locked(learner, command.version, groups),
    )
    return [(command.learner, act.event(FactWithdrawn, command))]


def _roles(learner: Learner, version: int) -> list[str]:
    """Who may take the fact back: what an authority recorded, who may record it; all else, the centre."""
    if version in learner.identification.derogations.values():
        return list(DEROGATORS)
    verified = (each for each in learner.outcomes.declared.values() if each.verified_version == version)
    return next((list(VERIFIERS.get(each.kind, ())) for each in verified), ["caseworker", "coordinator"])


def _locked(learner: Learner, version: int, groups: Mapping[UUID, Group]) -> list[MonthLocked]:
    found = week_of(learner.training, version)
    if found is None:
        return []
    (_, group, _, _), week = found
    locked = {each.month: each for day in week.days if (each := month_locked(groups[group], day.date, "/version"))}
    return list(locked.values())


def _group_of(command: WithdrawFact | SettleFlag, seen: Mapping[str, Any]) -> Reads:
    found = week_of(seen["learner"].training, command.version)
    return {"groups": ("group", [found[0][1]] if found else [])}


COMMANDS = (
    CommandSpec(
        command=SettleFlag,
        decide=settle_flag,
        kind="learner",
        stream="learner",
        noun="flag-settlements",
        roles=("coordinator", "provincial_directorate", "en_agent"),
        reads=_group_of,
        asks_reason=True,
    ),
    CommandSpec(
        command=WithdrawFact,
        decide=withdraw_fact,
        kind="learner",
        stream="learner",
        noun="withdrawals",
        roles=("caseworker", "coordinator", "provincial_directorate", "en_agent", "aref"),
        reads=_group_of,
        asks_reason=True,
    ),
)

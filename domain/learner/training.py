"""Remedial training and workshop: attendance by week and component, competences."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command

PRESENT = frozenset({"present", "late"})  # late counts as present (DOMAIN E5)


class DayMark(msgspec.Struct, frozen=True, array_like=True):
    """One day of a sheet: status and minutes present. Stored as [date, status, minutes].

    No minutes: present, but the sheet gives no length and no session is held yet; it counts as 0 until one is.
    """

    date: date
    status: str
    minutes: int | None


class FlaggedDay(msgspec.Struct, frozen=True, array_like=True):
    """A day of the sheet that is recorded but not counted until settled (rule 14)."""

    date: date
    code: str


class AttendanceRecorded(Event, frozen=True, kw_only=True, tag="learner.attendance-recorded"):
    """A learner's week in one group and component, as on the sheet. `replaces`: the version it corrects.

    `on` is the sheet's last day, `entered_on` the day it was typed: the state cannot see recorded_at, and rule 15 asks
    a reason for a correction after that first day.
    """

    enrolment: UUID
    group: UUID
    week: date
    component: str
    days: list[DayMark]
    sheet: UUID | None
    entered_on: date
    replaces: int | None
    flags: list[FlaggedDay]


class CompetenceAssessed(Event, frozen=True, kw_only=True, tag="learner.competence-assessed"):
    """A module's competence was assessed. `replaces`: the version of that module's earlier assessment."""

    enrolment: UUID
    module: str
    result: str  # competence_result
    replaces: int | None


FlagKey = tuple[int, str, date | None]  # version of the event that raised it, code, day where it is a day's


class Week(msgspec.Struct, frozen=True):
    """A week's attendance in force: the version it was recorded with, its days, and what keeps some from counting."""

    version: int
    entered_on: date
    days: tuple[DayMark, ...]
    flags: tuple[FlaggedDay, ...] = ()
    explained: frozenset[FlaggedDay] = frozenset()  # settled so that they no longer stand in the way
    entered_before: dict[date, date] = {}  # day → first entered on, for days of an earlier version of the week
    authors: frozenset[UUID] = frozenset()  # who typed it, in this version or an earlier one

    @property
    def flagged(self) -> frozenset[date]:
        """The days that do not count."""
        return frozenset(flag.date for flag in self.flags if flag not in self.explained)

    def first_entered_on(self, day: date) -> date:
        """The day this day's cell was first typed."""
        return self.entered_before.get(day, self.entered_on)

    def minutes_present(self) -> int:
        """Minutes present on days that are not flagged."""
        flagged = self.flagged
        return sum(day.minutes or 0 for day in self.days if day.status in PRESENT and day.date not in flagged)


WeekKey = tuple[UUID, UUID, date, str]  # enrolment, group, week, component


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """Attendance by enrolment, group, week and component; competences by enrolment and module."""

    weeks: dict[WeekKey, Week] = {}
    assessed: tuple[tuple[tuple[UUID, str], int], ...] = ()  # ((enrolment, module), version)

    @property
    def competences(self) -> dict[tuple[UUID, str], int]:
        """(enrolment, module) → version of the assessment in force."""
        return dict(self.assessed)

    def minutes_attended(self, enrolment: UUID) -> int:
        """Minutes present over the enrolment's sheets, flagged days apart."""
        return sum(week.minutes_present() for key, week in self.weeks.items() if key[0] == enrolment)


def on_attendance_recorded(stage: Training, event: AttendanceRecorded, version: int) -> Training:
    """The stage after: attendance recorded. What was explained of a day stays so while its cell is the same."""
    key = (event.enrolment, event.group, event.week, event.component)
    authors = frozenset((event.by.actor,))
    week = Week(version, event.entered_on, tuple(event.days), tuple(event.flags), authors=authors)
    weeks = stage.weeks.copy()
    held = weeks.setdefault(key, week)  # one look where there was none: four events in five pass here
    if held is not week:
        weeks[key] = _over(held, week)
    return Training(weeks=weeks, assessed=stage.assessed)


def _over(held: Week, week: Week) -> Week:
    """The later version of a week, with what the earlier one still has to say of it."""
    unchanged = {day.date for day in set(held.days).intersection(week.days)} if held.explained else set()
    return msgspec.structs.replace(
        week,
        explained=frozenset(flag for flag in week.flags if flag in held.explained and flag.date in unchanged),
        entered_before={day.date: held.first_entered_on(day.date) for day in held.days},
        authors=held.authors | week.authors,
    )


def on_competence_assessed(stage: Training, event: CompetenceAssessed, version: int) -> Training:
    """The stage after: competence assessed."""
    made = ((event.enrolment, event.module), version)
    return msgspec.structs.replace(stage, assessed=(*stage.assessed, made))


def with_flag_settled(stage: Training, flag: FlagKey, finding: str) -> Training:
    """The flagged day counts when it was explained, unless another flag stands on it."""
    found = week_of(stage, flag[0]) if finding == "explained" else None
    if found is None:
        return stage
    key, week = found
    explained = week.explained | {FlaggedDay(flag[2], flag[1])} if flag[2] else week.explained
    return Training(
        weeks={**stage.weeks, key: msgspec.structs.replace(week, explained=explained)}, assessed=stage.assessed
    )


def withdrawn(stage: Training, version: int) -> Training:
    """The week of that version no longer holds; nor the assessment, and an earlier one of its module is in force."""
    return Training(
        weeks={key: week for key, week in stage.weeks.items() if week.version != version},
        assessed=tuple(each for each in stage.assessed if each[1] != version),
    )


def week_of(stage: Training, version: int) -> tuple[WeekKey, Week] | None:
    """The week in force that was recorded with this version."""
    return next(((key, week) for key, week in stage.weeks.items() if week.version == version), None)


def withdrawable(stage: Training) -> set[int]:
    """Versions of the weeks and assessments in force."""
    return {week.version for week in stage.weeks.values()} | set(stage.competences.values())


class DayGiven(msgspec.Struct, frozen=True):
    """One cell of a sheet."""

    date: date
    status: str
    minutes: int | None = None


class AttendanceRow(msgspec.Struct, frozen=True):
    """One learner's row of a sheet: a status a day; minutes only where they differ from the session held."""

    learner: UUID
    days: list[DayGiven]


class RecordAttendance(Command, frozen=True, kw_only=True):
    """A group's week of attendance in one component: one row a learner.

    The same cells again change nothing. A cell that differs from what is stored is refused, unless `correct` is true;
    a correction after the first day asks a reason.
    """

    group: UUID
    week: date
    component: str
    rows: list[AttendanceRow]
    sheet: UUID | None = None
    correct: bool = False

    def occurred_on(self) -> date | None:
        """The sheet's last day, unless another business date is given."""
        return self.on or max((cell.date for row in self.rows for cell in row.days), default=None)

    def earliest_date(self) -> date | None:
        """The sheet's first day."""
        return min((cell.date for row in self.rows for cell in row.days), default=self.on)


class AssessCompetence(Command, frozen=True, kw_only=True):
    """Assess a module's competence."""

    learner: UUID
    enrolment: UUID
    module: str
    result: str


class NotInGroup(RuleBroken, frozen=True, kw_only=True):
    """The learner holds no seat in this group."""

    RULE = 14
    learner: UUID


class AttendanceDiffers(RuleBroken, frozen=True, kw_only=True):
    """Another status or length is stored for this learner and day; both values are given."""

    RULE = 15
    learner: UUID
    day: str
    stored: str
    sent: str


class NotYoursToCorrect(RuleBroken, frozen=True, kw_only=True):
    """Rule 15: who typed a sheet corrects it, or the coordinator."""

    RULE = 15
    learner: UUID


class SameLearnerTwice(RuleBroken, frozen=True, kw_only=True):
    """A sheet has one row a learner."""

    learner: UUID


class SameDayTwice(RuleBroken, frozen=True, kw_only=True):
    """A row has one cell a day."""

    day: str


class SheetEmpty(RuleBroken, frozen=True, kw_only=True):
    """A sheet has at least one row, and each row at least one day."""

"""Deciding on training: a group's sheet of attendance, competences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from domain.codes import not_a_code, refuse_unknown
from domain.errors import ReasonNeeded, RuleBroken, refuse_if
from domain.event import Event
from domain.group import BadTime, Group, OutsideWeek, month_locked, not_a_monday
from domain.kind import Act, Changes, CommandSpec
from domain.learner.admission import Enrolment
from domain.learner.deciding.admission import enrolment_of
from domain.learner.state import Learner
from domain.learner.training import (
    PRESENT,
    AssessCompetence,
    AttendanceDiffers,
    AttendanceRecorded,
    AttendanceRow,
    CompetenceAssessed,
    DayGiven,
    DayMark,
    FlaggedDay,
    NotInGroup,
    NotYoursToCorrect,
    RecordAttendance,
    SameDayTwice,
    SameLearnerTwice,
    SheetEmpty,
    Week,
)
from domain.values import monday_of


def _minutes(cell: DayGiven, held: int) -> int | None:
    """Absent is 0; present is what the sheet says, else the length of the sessions held, None where none is yet."""
    if cell.status not in PRESENT:
        return 0
    return (held or None) if cell.minutes is None else cell.minutes


def _flags(mark: DayMark, held: int, enrolment: Enrolment, act: Act) -> Iterator[FlaggedDay]:
    """Rule 14: what is recorded and flagged: the first thing wrong with the day, a length, a day of no enrolment."""
    day = mark.date
    if day > act.today:
        yield FlaggedDay(day, "in-future")
    elif day in act.parameters.days("closed_days", day):
        yield FlaggedDay(day, "on-closed-day")
    elif not held:
        yield FlaggedDay(day, "without-held-session")
    if held and (mark.minutes or 0) > held:
        yield FlaggedDay(day, "longer-than-held")
    if day < enrolment.starts_on or (enrolment.ended_on and day > enrolment.ended_on):
        yield FlaggedDay(day, "outside-enrolment")


def _bad_cells(command: RecordAttendance, row: AttendanceRow, at: int, act: Act) -> Iterator[RuleBroken | None]:
    twice = [day for day, count in Counter(cell.date for cell in row.days).items() if count > 1]
    yield from (SameDayTwice(pointer=f"/rows/{at}/days", day=str(day)) for day in twice)
    yield None if row.days else SheetEmpty(pointer=f"/rows/{at}/days")
    for index, cell in enumerate(row.days):
        pointer = f"/rows/{at}/days/{index}"
        outside = monday_of(cell.date) != command.week
        yield OutsideWeek(pointer=f"{pointer}/date", day=str(cell.date), week=str(command.week)) if outside else None
        yield refuse_unknown("attendance_status", cell.status, f"{pointer}/status", act.on)
        if cell.minutes is not None and not 0 <= cell.minutes <= 720:
            yield BadTime(pointer=f"{pointer}/minutes", value=cell.minutes, what="minutes")


def _merged(held: Week | None, marks: list[DayMark]) -> list[DayMark]:
    """The sheet's cells over those stored for other days of the week."""
    sent = {mark.date: mark for mark in marks}
    kept = {day.date: day for day in held.days} if held else {}
    return sorted({**kept, **sent}.values(), key=lambda mark: mark.date)


def _differing(row: AttendanceRow, held: Week | None, marks: list[DayMark], at: int) -> list[AttendanceDiffers]:
    stored = {day.date: day for day in held.days} if held else {}
    return [
        AttendanceDiffers(
            pointer=f"/rows/{at}/days/{index}",
            learner=row.learner,
            day=str(mark.date),
            stored=_said(stored[mark.date]),
            sent=_said(mark),
        )
        for index, mark in enumerate(marks)
        if mark.date in stored and not _agrees(stored[mark.date], mark)
    ]


def _said(mark: DayMark) -> str:
    return mark.status if mark.minutes is None else f"{mark.status} {mark.minutes}"


def _agrees(stored: DayMark, sent: DayMark) -> bool:
    """The same cell, or the length that was not known when it was typed: that is filled in, not corrected."""
    return stored == sent or (stored.status == sent.status and stored.minutes is None)


def _bad_sheet(command: RecordAttendance, act: Act) -> list[RuleBroken | None]:
    twice = [learner for learner, count in Counter(row.learner for row in command.rows).items() if count > 1]
    return [
        not_a_monday(command.week),
        refuse_unknown("component", command.component, "/component", act.on),
        None if command.rows else SheetEmpty(pointer="/rows"),
        *(SameLearnerTwice(pointer="/rows", learner=learner) for learner in twice),
        *(bad for at, row in enumerate(command.rows) for bad in _bad_cells(command, row, at, act)),
    ]


def _enrolment_of(row: AttendanceRow, group: UUID, learner: Learner) -> UUID | None:
    """The enrolment the row is of: the last that joined the group by its last day, else the first that ever did."""
    last = max(cell.date for cell in row.days)
    joined = {key: each.groups[group] for key, each in learner.admission.enrolments.items() if group in each.groups}
    by_then = [key for key, day in joined.items() if day <= last]
    return by_then[-1] if by_then else next(iter(joined), None)


def _marks(command: RecordAttendance, row: AttendanceRow, group: Group, held: Week | None) -> list[DayMark]:
    """The row's cells with their minutes. A cell typed again as it stands keeps the length it was recorded with."""
    known_days = [day for day in held.days if day.minutes is not None] if held and not command.correct else []
    stored = {(day.date, day.status): day for day in known_days}
    typed_again = [stored.get((cell.date, cell.status)) if cell.minutes is None else None for cell in row.days]
    return [
        known or DayMark(cell.date, cell.status, _minutes(cell, group.minutes_held(cell.date, command.component)))
        for cell, known in zip(row.days, typed_again, strict=True)
    ]


def _row_change(
    command: RecordAttendance, act: Act, group: Group, learner: Learner, at: int
) -> tuple[Event | None, list[RuleBroken | None]]:
    """The event of one row, None where nothing changed; or what forbids it."""
    row = command.rows[at]
    enrolment = _enrolment_of(row, command.group, learner)
    if enrolment is None:
        return None, [NotInGroup(pointer=f"/rows/{at}/learner", learner=row.learner)]
    held = learner.training.weeks.get((enrolment, command.group, command.week, command.component))
    marks = _marks(command, row, group, held)
    differing = _differing(row, held, marks, at)
    days = _merged(held, marks)
    if held is not None and days == list(held.days):
        return None, []
    changed = [mark for mark in marks if held is None or mark not in held.days]
    stored = {day.date: day for day in held.days} if held else {}
    corrected = [mark for mark in changed if mark.date in stored and not _agrees(stored[mark.date], mark)]
    broken: list[RuleBroken | None] = [month_locked(group, mark.date, f"/rows/{at}") for mark in changed]
    broken += differing if not command.correct else []
    is_authors = act.by.role == "coordinator" or held is None or act.by.actor in held.authors
    broken += (
        [NotYoursToCorrect(pointer=f"/rows/{at}/learner", learner=row.learner)] if corrected and not is_authors else []
    )
    late = held is not None and any(held.first_entered_on(each.date) < act.today for each in corrected)
    broken.append(ReasonNeeded(pointer="/why", days=1) if late and command.why is None else None)
    enrolled = learner.admission.enrolments[enrolment]
    lengths = {mark.date: group.minutes_held(mark.date, command.component) for mark in days}
    flags = [flag for mark in days for flag in _flags(mark, lengths[mark.date], enrolled, act)]
    return act.event(
        AttendanceRecorded,
        command,
        enrolment=enrolment,
        days=days,
        entered_on=act.today,
        replaces=held.version if held else None,
        flags=flags,
    ), broken


def record_attendance(
    command: RecordAttendance, act: Act, *, group: Group, learners: Mapping[UUID, Learner]
) -> Changes:
    """The sheet's rows are recorded, one event a learner whose week changed.

    The same cells again change nothing. Refuses AttendanceDiffers (both values), MonthLocked (rule 15), NotInGroup;
    flags days without a held session (rule 14). Source: DOMAIN rules 14, 15.
    """
    refuse_if(*_bad_sheet(command, act))
    rows = [
        (row.learner, *_row_change(command, act, group, learners[row.learner], at))
        for at, row in enumerate(command.rows)
    ]
    refuse_if(*(each for _, _, broken in rows for each in broken))
    return [(learner, event) for learner, event, _ in rows if event is not None]


def assess_competence(command: AssessCompetence, act: Act, *, learner: Learner) -> Changes:
    """The competence's result is recorded; it replaces the module's earlier one. Refuses UnknownCode, NotACode."""
    refuse_if(
        not_a_code(command.module, "/module"),
        refuse_unknown("competence_result", command.result, "/result", act.on),
        enrolment_of(learner, command.enrolment)[1],
    )
    replaces = learner.training.competences.get((command.enrolment, command.module))
    return [(command.learner, act.event(CompetenceAssessed, command, replaces=replaces))]


def _learners_of(command: RecordAttendance, _seen: Mapping[str, Any]) -> dict[str, Any]:
    return {"learners": ("learner", [row.learner for row in command.rows])}


COMMANDS = (
    CommandSpec(
        command=RecordAttendance,
        decide=record_attendance,
        kind="group",
        stream="group",
        noun="attendance",
        roles=("educator", "coordinator"),
        reads=_learners_of,
    ),
    CommandSpec(
        command=AssessCompetence,
        decide=assess_competence,
        kind="learner",
        stream="learner",
        noun="competences",
        roles=("educator", "coordinator"),
    ),
)

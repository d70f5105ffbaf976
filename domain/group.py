"""Groups: a class or workshop of a centre in a season. The group stream decides capacity and the attendance lock."""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

import msgspec

from domain.centre import Centre, not_positive, trade_not_approved
from domain.codes import Texts, refuse_unknown
from domain.errors import RuleBroken, in_future, refuse_if
from domain.event import NIL, Event
from domain.kind import Act, Changes, Command, CommandSpec, Evolve, Kind, State, evolve_by
from domain.values import is_monday, monday_of, month_of


class Slot(msgspec.Struct, frozen=True):
    """One weekly slot: weekday 1 = Monday … 7, start in minutes of the day, length in minutes."""

    weekday: int
    starts: int
    minutes: int
    component: str


class HeldSession(msgspec.Struct, frozen=True):
    """A session that was held: day, component, length in minutes, who held it, its start in minutes of the day."""

    date: date
    component: str
    minutes: int
    educator: UUID | None = None
    starts: int | None = None


class GroupOpened(Event, frozen=True, kw_only=True, tag="group.opened"):
    """A class or workshop opened for a season."""

    centre: UUID
    season: int
    group_kind: str  # class | workshop
    level: str | None
    trade: str | None
    programme: str | None  # version of the programme taught
    session_type: str  # regular | additional
    capacity: int
    educator: UUID | None
    place: str | None  # room or workshop, as the centre names it


class TimetableSet(Event, frozen=True, kw_only=True, tag="group.timetable-set"):
    """The weekly timetable from a day on; replaces an earlier one from that day."""

    slots: list[Slot]
    starts_on: date


class SessionsHeld(Event, frozen=True, kw_only=True, tag="group.sessions-held"):
    """The sessions held in a week: the whole week's list. `replaces`: the version of that week's earlier one."""

    week: date
    sessions: list[HeldSession]
    replaces: int | None


class SeatTaken(Event, frozen=True, kw_only=True, tag="group.seat-taken"):
    """A learner took a seat. Same append as the learner's GroupJoined; these events decide capacity."""

    enrolment: UUID
    learner: UUID


class SeatFreed(Event, frozen=True, kw_only=True, tag="group.seat-freed"):
    """A seat is free again. Same append as the learner's event that freed it."""

    enrolment: UUID
    learner: UUID


class AttendanceLocked(Event, frozen=True, kw_only=True, tag="group.attendance-locked"):
    """The month's attendance is stated: from here on it changes by request and approval only (rule 15)."""

    month: date


class Group(State, frozen=True, kw_only=True):
    """A group: what it is, who sits in it, what was held, which months are locked."""

    centre: UUID = NIL
    season: int = 0
    group_kind: str = ""
    level: str | None = None
    trade: str | None = None
    session_type: str = "regular"
    capacity: int = 0
    seats: dict[UUID, UUID] = {}  # enrolment → learner
    weeks: dict[date, tuple[HeldSession, ...]] = {}
    week_versions: dict[date, int] = {}  # week → version of the event its sessions stand in
    locked: frozenset[date] = frozenset()

    def minutes_held(self, day: date, component: str) -> int:
        """Minutes of this component held on that day, 0 where none was."""
        week = self.weeks.get(monday_of(day), ())
        return sum(held.minutes for held in week if held.date == day and held.component == component)

    def minutes_held_between(self, first: date, last: date) -> int:
        """Minutes of all components held from the first to the last day, both included."""
        return sum(held.minutes for week in self.weeks.values() for held in week if first <= held.date <= last)


def _opened(state: Group, event: GroupOpened, _version: int) -> Group:
    return msgspec.structs.replace(
        state,
        centre=event.centre,
        season=event.season,
        group_kind=event.group_kind,
        level=event.level,
        trade=event.trade,
        session_type=event.session_type,
        capacity=event.capacity,
    )


def _timetable_set(state: Group, _event: TimetableSet, _version: int) -> Group:
    return state


def _held(state: Group, event: SessionsHeld, version: int) -> Group:
    return msgspec.structs.replace(
        state,
        weeks={**state.weeks, event.week: tuple(event.sessions)},
        week_versions={**state.week_versions, event.week: version},
    )


def _seat_taken(state: Group, event: SeatTaken, _version: int) -> Group:
    return msgspec.structs.replace(state, seats={**state.seats, event.enrolment: event.learner})


def _seat_freed(state: Group, event: SeatFreed, _version: int) -> Group:
    return msgspec.structs.replace(
        state, seats={key: learner for key, learner in state.seats.items() if key != event.enrolment}
    )


def _locked(state: Group, event: AttendanceLocked, _version: int) -> Group:
    return msgspec.structs.replace(state, locked=state.locked | {event.month})


class OpenGroup(Command, frozen=True, kw_only=True):
    """Open a class or workshop."""

    group: UUID
    centre: UUID
    season: int
    group_kind: str
    level: str | None = None
    trade: str | None = None
    programme: str | None = None
    session_type: str = "regular"
    capacity: int
    educator: UUID | None = None
    place: str | None = None


class SetTimetable(Command, frozen=True, kw_only=True):
    """Set a group's weekly timetable from a day on."""

    group: UUID
    slots: list[Slot]
    starts_on: date

    def earliest_date(self) -> date | None:
        """The day it holds from."""
        return self.starts_on


class RecordSessions(Command, frozen=True, kw_only=True):
    """Say which sessions were held in a week."""

    group: UUID
    week: date
    sessions: list[HeldSession]
    correct: bool = False  # sessions stored for the week may be changed or taken away, not only added to

    def occurred_on(self) -> date | None:
        """The last session's day, unless another business date is given."""
        return self.on or max((held.date for held in self.sessions), default=None)

    def earliest_date(self) -> date | None:
        """The first session's day."""
        return min((held.date for held in self.sessions), default=self.on)


class LockAttendance(Command, frozen=True, kw_only=True):
    """State a month's attendance and lock it."""

    group: UUID
    month: date


class TradeMissing(RuleBroken, frozen=True, kw_only=True):
    """A workshop teaches a trade."""


class NotAMonday(RuleBroken, frozen=True, kw_only=True):
    """A week is named by its Monday; `monday` is that of the day given."""

    week: str
    monday: str


class NotAFirstDay(RuleBroken, frozen=True, kw_only=True):
    """A month is named by its first day; `first` is that of the day given."""

    month: str
    first: str


class OutsideWeek(RuleBroken, frozen=True, kw_only=True):
    """The day does not lie in the week it is recorded under."""

    day: str
    week: str


class BadTime(RuleBroken, frozen=True, kw_only=True):
    """A weekday is 1 to 7, a start 0 to 1439 minutes, a length 1 to 720 minutes; `what` says which of them it is."""

    value: int
    what: str  # weekday | starts | minutes


class MonthLocked(RuleBroken, frozen=True, kw_only=True):
    """Rule 15: the month's attendance is locked; a correction is requested by one and approved by another."""

    RULE = 15
    month: str


class MonthNotOver(RuleBroken, frozen=True, kw_only=True):
    """Rule 15: a month is stated once it is over."""

    RULE = 15
    month: str
    over_on: str


class SessionsDiffer(RuleBroken, frozen=True, kw_only=True):
    """Other sessions are stored for the week and would be lost: send them too, or say that it is a correction."""

    RULE = 14
    week: str
    stored: list[str]


class GroupIsFull(RuleBroken, frozen=True, kw_only=True):
    """Rule 11: every seat is taken; the learner goes to the waiting list."""

    RULE = 11
    capacity: int


def not_a_monday(week: date, pointer: str = "/week") -> NotAMonday | None:
    """A week is named by its Monday."""
    return None if is_monday(week) else NotAMonday(pointer=pointer, week=str(week), monday=str(monday_of(week)))


def month_locked(group: Group, day: date, pointer: str) -> MonthLocked | None:
    """Rule 15, for one day."""
    month = month_of(day)
    return MonthLocked(pointer=pointer, month=str(month)) if month in group.locked else None


def group_is_full(group: Group) -> GroupIsFull | None:
    """Rule 11."""
    return GroupIsFull(pointer="/group", capacity=group.capacity) if len(group.seats) >= group.capacity else None


def open_group(command: OpenGroup, act: Act, *, centre: Centre) -> Changes:
    """The group takes learners. Refuses UnknownCode, NotPositive, TradeMissing, TradeNotApproved (rule 13)."""
    texts = Texts()
    place, programme = texts.read_any(command.place, "/place", 100), texts.read_any(command.programme, "/programme", 40)
    refuse_if(
        *texts.broken,
        refuse_unknown("group_kind", command.group_kind, "/group_kind", act.on),
        refuse_unknown("programme_level", command.level, "/level", act.on),
        refuse_unknown("trade", command.trade, "/trade", act.on),
        refuse_unknown("session_type", command.session_type, "/session_type", act.on),
        not_positive(command.capacity, "/capacity"),
        TradeMissing(pointer="/trade") if command.group_kind == "workshop" and not command.trade else None,
        trade_not_approved(centre, command.trade, command.season),
    )
    return [(command.group, act.event(GroupOpened, command, place=place, programme=programme))]


def _bad_slot(slot: Slot, at: int, on: date) -> list[RuleBroken | None]:
    return [
        None if 1 <= slot.weekday <= 7 else BadTime(pointer=f"/slots/{at}/weekday", value=slot.weekday, what="weekday"),
        None if 0 <= slot.starts < 1440 else BadTime(pointer=f"/slots/{at}/starts", value=slot.starts, what="starts"),
        None
        if 0 < slot.minutes <= 720
        else BadTime(pointer=f"/slots/{at}/minutes", value=slot.minutes, what="minutes"),
        refuse_unknown("component", slot.component, f"/slots/{at}/component", on),
    ]


def set_timetable(command: SetTimetable, act: Act) -> Changes:
    """The timetable holds from that day on. Refuses BadTime, UnknownCode."""
    refuse_if(*(bad for at, slot in enumerate(command.slots) for bad in _bad_slot(slot, at, act.on)))
    return [(command.group, act.event(TimetableSet, command))]


def _bad_session(command: RecordSessions, act: Act, at: int, held: HeldSession) -> list[RuleBroken | None]:
    day = f"/sessions/{at}/date"
    outside = monday_of(held.date) != command.week
    return [
        OutsideWeek(pointer=day, day=str(held.date), week=str(command.week)) if outside else None,
        None
        if 0 < held.minutes <= 720
        else BadTime(pointer=f"/sessions/{at}/minutes", value=held.minutes, what="minutes"),
        None
        if held.starts is None or 0 <= held.starts < 1440
        else BadTime(pointer=f"/sessions/{at}/starts", value=held.starts, what="starts"),
        refuse_unknown("component", held.component, f"/sessions/{at}/component", act.on),
        in_future(held.date, day, act.today),
    ]


def _locked_days(command: RecordSessions, group: Group) -> list[MonthLocked | None]:
    """Rule 15, for days whose sessions differ: a week may reach into a month that is still open."""
    old, new = Counter(group.weeks.get(command.week, ())), Counter(command.sessions)
    changed = sorted({held.date for held in [*(old - new), *(new - old)]})
    places = {held.date: f"/sessions/{at}/date" for at, held in enumerate(command.sessions)}
    return [month_locked(group, day, places.get(day, "/week")) for day in changed]


def _sessions_differ(command: RecordSessions, group: Group) -> SessionsDiffer | None:
    """Adding to a week is no correction; changing or taking away what someone else may have typed is."""
    gone = [held for held in group.weeks.get(command.week, ()) if held not in command.sessions]
    if command.correct or not gone:
        return None
    stored = [f"{held.date} {held.component} {held.minutes}" for held in gone]
    return SessionsDiffer(pointer="/sessions", week=str(command.week), stored=stored)


def record_sessions(command: RecordSessions, act: Act, *, group: Group) -> Changes:
    """The week's held sessions are these.

    Refuses SessionsDiffer (with what is stored), NotAMonday, OutsideWeek, BadTime, OccurredInFuture, MonthLocked.
    """
    refuse_if(
        not_a_monday(command.week),
        *(bad for at, held in enumerate(command.sessions) for bad in _bad_session(command, act, at, held)),
        *_locked_days(command, group),
        _sessions_differ(command, group),
    )
    if group.weeks.get(command.week) == tuple(command.sessions):
        return []
    return [(command.group, act.event(SessionsHeld, command, replaces=group.week_versions.get(command.week)))]


def lock_attendance(command: LockAttendance, act: Act, *, group: Group) -> Changes:
    """The month's attendance is locked (rule 15). A second lock changes nothing. Refuses NotAFirstDay, MonthNotOver."""
    first = month_of(command.month)
    over_on = month_of(date.fromordinal(min(first.toordinal() + 31, date.max.toordinal())))
    refuse_if(
        None if command.month == first else NotAFirstDay(pointer="/month", month=str(command.month), first=str(first)),
        MonthNotOver(pointer="/month", month=str(first), over_on=str(over_on)) if act.on < over_on else None,
    )
    return [] if first in group.locked else [(command.group, act.event(AttendanceLocked, command))]


EVOLVE: dict[type[Event], Evolve] = {
    GroupOpened: _opened,
    TimetableSet: _timetable_set,
    SessionsHeld: _held,
    SeatTaken: _seat_taken,
    SeatFreed: _seat_freed,
    AttendanceLocked: _locked,
}

KIND = Kind(
    name="group",
    plural="groups",
    empty=Group(),
    first=GroupOpened,
    evolve=evolve_by(EVOLVE),
    events=tuple(EVOLVE),
    status_of=lambda state: "open" if state.version else "unknown",
    life_cycle={
        "unknown": frozenset({"open-group"}),
        "open": frozenset({"set-timetable", "record-sessions", "record-attendance", "lock-attendance"}),
    },
)

COMMANDS = (
    CommandSpec(
        command=OpenGroup,
        decide=open_group,
        kind="group",
        stream="group",
        roles=("coordinator",),
        reads=lambda command, _seen: {"centre": ("centre", command.centre)},
    ),
    CommandSpec(
        command=SetTimetable,
        decide=set_timetable,
        kind="group",
        stream="group",
        noun="timetables",
        roles=("coordinator",),
        replaces=True,
    ),
    CommandSpec(
        command=RecordSessions,
        decide=record_sessions,
        kind="group",
        stream="group",
        noun="held-sessions",
        roles=("educator", "coordinator"),
    ),
    CommandSpec(
        command=LockAttendance,
        decide=lock_attendance,
        kind="group",
        stream="group",
        noun="attendance-locks",
        roles=("coordinator",),
    ),
)

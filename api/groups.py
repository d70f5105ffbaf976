"""A group's week of attendance in one answer: who was seated, each day's mark, the sessions held, what is locked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import MOMENT, add_read, answer, wait_for_views
from api.blueprint import ForsaBlueprint
from api.cursors import asked_after, asked_limit, next_page
from api.disclosing import disclose, mentioned
from api.filters import asked_centre, asked_season
from api.forms import read_day
from api.links import links_of
from api.parts import Parts
from api.problems import bad_parameter
from api.seeing import reach, seats_shown, seen
from domain.casebook import Stream
from domain.event import Event
from domain.group import Group, HeldSession, SeatFreed, SeatTaken
from domain.learner.state import Learner
from domain.learner.training import Week
from domain.reference import code_list
from domain.streams import KINDS, fold
from domain.values import is_monday, month_of
from projections.group_register import RegisteredGroup

DAYS: Final = 7


class DayShown(msgspec.Struct, frozen=True):
    """One cell: the mark in force, None where nothing was recorded."""

    date: date
    status: str | None = None
    minutes: int | None = None
    is_flagged: bool = False  # recorded, not counted until settled


class RowShown(msgspec.Struct, frozen=True):
    """One seated learner's week."""

    learner: UUID
    enrolment: UUID
    version: int | None  # of the event in force, to be withdrawn or settled by; None: nothing recorded
    days: list[DayShown]


class WeekShown(msgspec.Struct, frozen=True):
    """A group's week in one component."""

    group: UUID
    version: int
    position: int
    week: date
    component: str
    sessions: list[HeldSession]
    locked_months: list[date]
    rows: list[RowShown]
    links: dict[str, str]


class GroupList(msgspec.Struct, frozen=True):
    """A page of the register of groups."""

    items: list[RegisteredGroup]
    position: int


def register_groups(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes of the week and of the register."""
    register, narrowed = partial(list_groups, parts), ("centre", "season", "limit", "cursor", "at_least")
    add_read(blueprint, "/v1/groups", "list-groups", register, GroupList, *narrowed)
    rule, asks = "/v1/groups/<uuid:group>/attendance", ("week", "component", *MOMENT)
    add_read(blueprint, rule, "get-attendance", partial(get_attendance, parts), WeekShown, *asks)


def list_groups(parts: Parts) -> Response:
    """Groups in a fixed order, of one centre or season where asked: how full they are and what was held last."""
    limit, after = asked_limit(), asked_after(parts, "list-groups", UUID)
    wait_for_views(parts, "group_register")
    found = parts.views.groups(reach(parts), after=after, limit=limit + 1, centre=asked_centre(), season=asked_season())
    more = found.value[limit - 1].group if len(found.value) > limit else None
    kept = {name: request.args[name] for name in ("centre", "season", "limit") if name in request.args}
    return answer(GroupList(found.value[:limit], found.position), headers=next_page(parts, "list-groups", more, **kept))


def get_attendance(parts: Parts, group: UUID) -> Response:
    """A group's week of attendance in one component: each learner seated in that week, each day.

    It has no ETag: the marks stand on the learners' streams, so the group's version does not tell them apart.
    """
    week, component = _asked_week(), _asked_component()
    loaded, position, _ = seen(parts, "group", group)
    state: Group = loaded.state
    held = seated_in(loaded.stream.events, week)
    shows = seats_shown(parts, state.centre, set(held.values()))
    seats = {enrolment: learner for enrolment, learner in held.items() if shows(learner, enrolment)}
    streams = parts.casebook.streams.load(list(dict.fromkeys(seats.values())), position)
    rows = [_row(streams[learner], enrolment, group, week, component) for enrolment, learner in seats.items()]
    shown = WeekShown(
        group=group,
        version=state.version,
        position=position,
        week=week,
        component=component,
        sessions=[each for each in state.weeks.get(week, ()) if each.component == component],
        locked_months=sorted({month_of(day) for day in _days(week)} & state.locked),
        rows=rows,
        links=links_of("group", group),
    )
    disclose(parts, mentioned(each.learner for each in rows), position=position)
    return answer(shown)


def seated_in(events: Iterable[Event], week: date) -> dict[UUID, UUID]:
    """Enrolment → learner of every seat held on some day of the week, in the order the seats were taken."""
    seats: dict[UUID, UUID] = {}
    for event in events:
        if isinstance(event, SeatTaken) and event.on < week + timedelta(days=DAYS):
            seats[event.enrolment] = event.learner
        elif isinstance(event, SeatFreed) and event.on < week:
            seats.pop(event.enrolment, None)
    return seats


def _row(stream: Stream, enrolment: UUID, group: UUID, week: date, component: str) -> RowShown:
    learner: Learner = fold(KINDS["learner"], stream.events)
    held = learner.training.weeks.get((enrolment, group, week, component))
    return RowShown(stream.id, enrolment, held.version if held else None, [_cell(held, day) for day in _days(week)])


def _cell(held: Week | None, day: date) -> DayShown:
    mark = next((each for each in held.days if each.date == day), None) if held else None
    if held is None or mark is None:
        return DayShown(day)
    return DayShown(day, mark.status, mark.minutes, day in held.flagged)


def _days(week: date) -> list[date]:
    return [week + timedelta(days=each) for each in range(DAYS)]


def _asked_week() -> date:
    day = read_day(request.args.get("week", ""))
    if day is None or not is_monday(day):
        raise bad_parameter("week", expected="2026-11-16")
    return day


def _asked_component() -> str:
    component = request.args.get("component", "")
    codes = code_list("component").codes
    if component not in codes:
        raise bad_parameter("component", expected=", ".join(codes))
    return component

"""The register of groups: which classes and workshops a centre has in a season, how full, what was held last."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from domain.group import Group
from projections.view import Column, Index, Opened, Row, StreamView


class RegisteredGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group: what it is, its seats, the last session held and the last month locked."""

    group: UUID
    centre: UUID
    season: int
    group_kind: str
    level: str | None
    trade: str | None
    session_type: str
    capacity: int
    seats_taken: int
    weeks_held: int
    last_session_on: date | None
    locked_until: date | None  # first day of the last month locked


def rows_of(_stream: UUID, state: Any, _opened: Opened) -> list[Row]:
    """One row a group."""
    group: Group = state
    held = [session.date for week in group.weeks.values() for session in week]
    return [
        (
            group.centre,
            group.season,
            group.group_kind,
            group.level,
            group.trade,
            group.session_type,
            group.capacity,
            len(group.seats),
            len(group.weeks),
            max(held, default=None),
            max(group.locked, default=None),
        )
    ]


VIEW: Final = StreamView(
    name="group_register",
    version=1,
    kinds=frozenset({"group"}),
    columns=(
        Column("centre", "uuid", required=True),
        Column("season", "integer", required=True),
        Column("group_kind", "text", required=True),
        Column("level", "text"),
        Column("trade", "text"),
        Column("session_type", "text", required=True),
        Column("capacity", "integer", required=True),
        Column("seats_taken", "integer", required=True),
        Column("weeks_held", "integer", required=True),
        Column("last_session_on", "date"),
        Column("locked_until", "date"),
    ),
    indexes=(Index("centre", "(centre, season, stream)"),),
    rows_of=rows_of,
)


# ── queries ──

LIST: Final[LiteralString] = """
select stream, centre, season, group_kind, level, trade, session_type, capacity, seats_taken, weeks_held,
       last_session_on, locked_until
  from views.group_register_v1
 where (%(after)s::uuid is null or stream > %(after)s)
   and (%(centre)s::uuid is null or centre = %(centre)s)
   and (%(season)s::integer is null or season = %(season)s)
   and REACH
 order by stream limit %(limit)s
"""


def group_of(row: tuple[Any, ...]) -> RegisteredGroup:
    """The group of a row of LIST."""
    return RegisteredGroup(**dict(zip(RegisteredGroup.__struct_fields__, row, strict=True)))

"""The register of diplomas: each diploma as it says now, annulled ones too (rule 20). No name stands here.

Names as printed are opened at read time from the learner's stream. The columns are those a partner is told
(`domain/partner_feed.py`), so that a register kept from the feed can be compared with this one row by row.
"""

from __future__ import annotations

from datetime import date
from operator import attrgetter
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from domain.learner.state import Learner
from domain.values import clean_register_number
from projections.view import Column, Index, Opened, Row, StreamView


class RegisteredDiploma(msgspec.Struct, frozen=True, kw_only=True):
    """One diploma of the register."""

    learner: UUID
    diploma: UUID
    version: int  # of the award, on the learner's stream
    enrolment: UUID
    centre: UUID  # that prepared for it
    convention: UUID
    delegation: UUID  # this and the next two: the register
    diploma_kind: str
    year: int
    number: str
    earlier_numbers: list[str]  # it had before it was corrected, oldest first
    title: str
    trade: str | None
    level: str
    session: UUID
    learner_reference: UUID  # what partners know the learner by
    awarded_on: date
    status: str  # in_force | annulled
    handed_over_on: date | None  # the original
    duplicates: int  # issued so far
    minutes_rectified_on: date | None
    annulled_on: date | None


def rows_of(_stream: UUID, state: Any, _opened: Opened) -> list[Row]:
    """One row a diploma of the learner."""
    learner: Learner = state
    return [
        (
            key,
            each.version,
            each.enrolment,
            each.centre,
            each.convention,
            each.register.delegation,
            each.register.kind,
            each.register.year,
            each.number,
            list(each.earlier_numbers),
            [clean_register_number(number) for number in (*each.earlier_numbers, each.number)],
            each.title,
            each.trade,
            each.level,
            each.minutes.stream,
            each.partner_reference,
            each.awarded_on,
            each.status,
            each.handed_over.get(0),
            len(each.duplicates),
            each.minutes_rectified_on,
            each.annulled_on,
        )
        for key, each in learner.diploma.diplomas.items()
    ]


VIEW: Final = StreamView(
    name="diploma_register",
    version=1,
    kinds=frozenset({"learner"}),
    key=("diploma",),
    columns=(
        Column("diploma", "uuid", required=True),
        Column("version", "integer", required=True),
        Column("enrolment", "uuid", required=True),
        Column("centre", "uuid", required=True),
        Column("convention", "uuid", required=True),
        Column("delegation", "uuid", required=True),
        Column("diploma_kind", "text", required=True),
        Column("year", "integer", required=True),
        Column("number", "text", required=True),
        Column("earlier_numbers", "text[]", required=True),
        Column("numbers", "text[]", required=True),  # folded as they are claimed: it is found by an earlier one too
        Column("title", "text", required=True),
        Column("trade", "text"),
        Column("level", "text", required=True),
        Column("session", "uuid", required=True),
        Column("learner_reference", "uuid", required=True),
        Column("awarded_on", "date", required=True),
        Column("status", "text", required=True),
        Column("handed_over_on", "date"),
        Column("duplicates", "integer", required=True),
        Column("minutes_rectified_on", "date"),
        Column("annulled_on", "date"),
    ),
    indexes=(
        Index("diploma", "(diploma)"),
        Index("numbers", "using gin (numbers) with (fastupdate = off)"),
    ),
    rows_of=rows_of,
    part_of=attrgetter("diploma.diplomas"),
)


# ── queries ──

_COLUMNS: Final[LiteralString] = (
    "stream, diploma, version, enrolment, centre, convention, delegation, diploma_kind, year, number, earlier_numbers,"
    " title, trade, level, session, learner_reference, awarded_on, status, handed_over_on, duplicates,"
    " minutes_rectified_on, annulled_on"
)
ONE: Final[LiteralString] = f"""
select {_COLUMNS}
  from views.diploma_register_v1 where diploma = %(diploma)s
"""
BY_NUMBER: Final[LiteralString] = f"""
select {_COLUMNS}
  from views.diploma_register_v1
 where numbers @> array[%(number)s] and delegation = %(delegation)s and diploma_kind = %(kind)s and year = %(year)s
"""
LIST: Final[LiteralString] = f"""
select {_COLUMNS}
  from views.diploma_register_v1
 where %(after)s::uuid is null or diploma > %(after)s
 order by diploma limit %(limit)s
"""


def diploma_of(row: tuple[Any, ...]) -> RegisteredDiploma:
    """The diploma of a row of these queries."""
    return RegisteredDiploma(**dict(zip(RegisteredDiploma.__struct_fields__, row, strict=True)))

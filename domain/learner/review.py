"""Review: flags raised by acts and settled by people, and facts taken back."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command
from domain.learner.training import DayMark, FlagKey


class FlagSettled(Event, frozen=True, kw_only=True, tag="learner.flag-settled"):
    """A person looked into a flag of the event of that version: confirmed, explained or dismissed. `why` says why."""

    version: int
    code: str
    day: date | None  # of the sheet, where the flag is a day's
    finding: str  # flag_finding


class FactWithdrawn(Event, frozen=True, kw_only=True, tag="learner.fact-withdrawn"):
    """The fact recorded by the event of that version is taken back; `why` says why."""

    version: int


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Flags still open, findings of the settled ones, versions taken back."""

    open: frozenset[FlagKey] = frozenset()
    settled: dict[FlagKey, str] = {}
    withdrawn: frozenset[int] = frozenset()
    raised_by: dict[int, UUID] = {}  # version that raised flags → who recorded it
    cells: dict[FlagKey, DayMark | None] = {}  # a day's flag → the cell it was raised on
    closed: dict[int, frozenset[FlagKey]] = {}  # version → flags of the fact it replaced, open until then


def on_flags(stage: Review, event: Any, version: int) -> Review:
    """The event's flags, codes or days with a code each, are open; those of the fact it replaces no longer are.

    What was found of a day's flag stands for the sheet that replaces it, as long as the day's cell is the same.
    """
    replaced = getattr(event, "replaces", None)
    if not event.flags and replaced is None:
        return stage
    days = {mark.date: mark for mark in getattr(event, "days", ())}
    cells = {_key(version, flag): None if isinstance(flag, str) else days.get(flag.date) for flag in event.flags}
    gone = frozenset(key for key in stage.open if key[0] == replaced)
    carried: dict[FlagKey, str] = {}
    for key, cell in cells.items():
        before = (replaced or 0, *key[1:])
        if before in stage.settled and stage.cells.get(before) == cell:
            carried[key] = stage.settled[before]
    return msgspec.structs.replace(
        stage,
        open=(stage.open - gone) | (cells.keys() - carried.keys()),
        settled={**stage.settled, **carried},
        raised_by={**stage.raised_by, version: event.by.actor} if cells else stage.raised_by,
        cells={**stage.cells, **cells},
        closed={**stage.closed, version: gone} if gone else stage.closed,
    )


def _key(version: int, flag: Any) -> FlagKey:
    return (version, flag, None) if isinstance(flag, str) else (version, flag.code, flag.date)


def on_flag_settled(stage: Review, event: FlagSettled, _version: int) -> Review:
    """The stage after: flag settled."""
    key = (event.version, event.code, event.day)
    return msgspec.structs.replace(stage, open=stage.open - {key}, settled={**stage.settled, key: event.finding})


def on_fact_withdrawn(stage: Review, event: FactWithdrawn, _version: int) -> Review:
    """The stage after: fact withdrawn. Flags of the fact that is in force again are open again; a sheet never is."""
    taken_back = stage.withdrawn | {event.version}
    kept = frozenset(key for key in stage.open if key[0] != event.version)
    again = {key for key in stage.closed.get(event.version, ()) if key[2] is None and key[0] not in taken_back}
    return msgspec.structs.replace(stage, open=kept | again, withdrawn=taken_back)


class SettleFlag(Command, frozen=True, kw_only=True):
    """Settle a flag: say what was found. `day` where it is a day's of a sheet."""

    learner: UUID
    version: int
    code: str
    day: date | None = None
    finding: str


class WithdrawFact(Command, frozen=True, kw_only=True):
    """Take back a recorded fact, with a reason."""

    learner: UUID
    version: int


class NoSuchFlag(RuleBroken, frozen=True, kw_only=True):
    """No open flag has this version, code and day; `open` lists those that are."""

    RULE = 14
    open: list[str]


class SettledByRecorder(RuleBroken, frozen=True, kw_only=True):
    """Rule 14: who recorded what was flagged does not settle it."""

    RULE = 14


class NotYoursToWithdraw(RuleBroken, frozen=True, kw_only=True):
    """Rule 24: a fact is taken back in a role that may record it; `roles` names them."""

    RULE = 24
    version: int
    roles: list[str]


class NotWithdrawable(RuleBroken, frozen=True, kw_only=True):
    """The event of this version is not a fact in force that may be taken back; `withdrawable` lists those that are."""

    version: int
    withdrawable: list[int]

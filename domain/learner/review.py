"""Review: flags raised by acts and settled by people, and facts taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command


class FlagSettled(Event, frozen=True, kw_only=True, tag="learner.flag-settled"):
    """A person looked into a flag of the event of that version: confirmed, explained or dismissed."""

    version: int
    code: str
    finding: str  # flag_finding


class FactWithdrawn(Event, frozen=True, kw_only=True, tag="learner.fact-withdrawn"):
    """The fact recorded by the event of that version is taken back; `why` says why."""

    version: int


FlagKey = tuple[int, str]  # version of the event that raised it, code


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Flags still open, findings of the settled ones, versions taken back."""

    open: frozenset[FlagKey] = frozenset()
    settled: dict[FlagKey, str] = {}
    withdrawn: frozenset[int] = frozenset()


def on_flags(stage: Review, event: Any, version: int) -> Review:
    """The event's flags, codes or days with a code each, are open; those of the fact it replaces no longer are."""
    replaced = getattr(event, "replaces", None)
    if not event.flags and replaced is None:
        return stage
    codes = {flag if isinstance(flag, str) else flag.code for flag in event.flags}
    kept = frozenset(key for key in stage.open if key[0] != replaced)
    return msgspec.structs.replace(stage, open=kept | {(version, code) for code in codes})


def on_flag_settled(stage: Review, event: FlagSettled, _version: int) -> Review:
    """The stage after: flag settled."""
    key = (event.version, event.code)
    return msgspec.structs.replace(stage, open=stage.open - {key}, settled={**stage.settled, key: event.finding})


def on_fact_withdrawn(stage: Review, event: FactWithdrawn, _version: int) -> Review:
    """The stage after: fact withdrawn."""
    return msgspec.structs.replace(
        stage,
        open=frozenset(key for key in stage.open if key[0] != event.version),
        withdrawn=stage.withdrawn | {event.version},
    )


class SettleFlag(Command, frozen=True, kw_only=True):
    """Settle a flag: say what was found."""

    learner: UUID
    version: int
    code: str
    finding: str


class WithdrawFact(Command, frozen=True, kw_only=True):
    """Take back a recorded fact, with a reason."""

    learner: UUID
    version: int


class NoSuchFlag(RuleBroken, frozen=True, kw_only=True):
    """No open flag has this version and code; `open` lists those that are."""

    RULE = 14
    open: list[str]


class NotWithdrawable(RuleBroken, frozen=True, kw_only=True):
    """The event of this version is not a fact in force that may be taken back; `withdrawable` lists those that are."""

    version: int
    withdrawable: list[int]

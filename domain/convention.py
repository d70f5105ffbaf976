"""Conventions: the signed agreement under which a centre enrols and spends. Money comes later."""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

import msgspec

from domain.centre import not_positive
from domain.codes import Texts, not_a_code, refuse_unknown
from domain.errors import RuleBroken, refuse_if
from domain.event import Event
from domain.kind import Act, Changes, Command, CommandSpec, Kind, State, evolve_by
from domain.organisation import EndsBeforeStart


class Party(msgspec.Struct, frozen=True):
    """One party of a convention and the part it has in it."""

    organisation: UUID
    role: str  # party_role


class SeasonTarget(msgspec.Struct, frozen=True):
    """What a convention aims at in a season; `amount` in centimes, absent where it grants none."""

    season: int
    learners: int | None
    amount: int | None


class Tranche(msgspec.Struct, frozen=True):
    """One tranche of the schedule; `amount` in centimes, `conditions` in the convention's own words."""

    number: int
    amount: int
    conditions: list[str]
    due_on: date | None = None


class BudgetLine(msgspec.Struct, frozen=True):
    """An expense category and its ceiling in centimes."""

    category: str
    ceiling: int


class ReportDue(msgspec.Struct, frozen=True):
    """One report the convention asks for; `kind` is a code of the convention itself."""

    kind: str
    due_on: date


class ConventionSigned(Event, frozen=True, kw_only=True, tag="convention.signed"):
    """The parties signed. Amount and targets bind funding conventions only. Public but for its documents."""

    kind: str  # funding | cooperation | network
    number: str
    level: str  # convention_level
    parties: list[Party]
    centres: list[UUID]
    seasons: list[SeasonTarget]
    unit_rate: int | None  # centimes per learner
    age_min: int | None  # years at the reference date; the parameter where absent
    age_max: int | None
    trades: list[str]
    starts_on: date
    ends_on: date
    tranches: list[Tranche]
    budget: list[BudgetLine]
    bank_account: str | None  # of the association, for this convention
    reports: list[ReportDue]
    signature: str  # signature_level
    documents: list[UUID]


class Convention(State, frozen=True, kw_only=True):
    """A convention as signed."""

    kind: str = ""
    number: str = ""
    centres: frozenset[UUID] = frozenset()
    seasons: dict[int, SeasonTarget] = {}
    age_min: int | None = None
    age_max: int | None = None
    starts_on: date = date.min
    ends_on: date = date.min


def _signed(state: Convention, event: ConventionSigned, _version: int) -> Convention:
    return msgspec.structs.replace(
        state,
        kind=event.kind,
        number=event.number,
        centres=frozenset(event.centres),
        seasons={target.season: target for target in event.seasons},
        age_min=event.age_min,
        age_max=event.age_max,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
    )


class SignConvention(Command, frozen=True, kw_only=True):
    """Record a convention that was signed."""

    convention: UUID
    kind: str
    number: str
    level: str
    parties: list[Party]
    centres: list[UUID]
    seasons: list[SeasonTarget]
    unit_rate: int | None = None
    age_min: int | None = None
    age_max: int | None = None
    trades: list[str] = []
    starts_on: date
    ends_on: date
    tranches: list[Tranche] = []
    budget: list[BudgetLine] = []
    bank_account: str | None = None
    reports: list[ReportDue] = []
    signature: str = "paper"
    documents: list[UUID] = []


class FundingIncomplete(RuleBroken, frozen=True, kw_only=True):
    """Rule 31: a funding convention has at least two parties, an amount and a target for each season."""

    RULE = 31
    missing: list[str]


class AmountNegative(RuleBroken, frozen=True, kw_only=True):
    """An amount is not below zero; centimes."""

    value: int


class SeasonTwice(RuleBroken, frozen=True, kw_only=True):
    """A convention has one target a season."""

    season: int


class AgeBandReversed(RuleBroken, frozen=True, kw_only=True):
    """The least age is above the greatest."""

    age_min: int
    age_max: int


class CentreNotCovered(RuleBroken, frozen=True, kw_only=True):
    """The convention does not name this centre."""

    RULE = 10
    convention: str


class SeasonNotCovered(RuleBroken, frozen=True, kw_only=True):
    """The convention names no target for this season."""

    RULE = 10
    season: int
    covered: list[int]


def _funding_incomplete(command: SignConvention) -> FundingIncomplete | None:
    if command.kind != "funding":
        return None
    missing = [
        word
        for word, absent in (
            ("parties", len({party.organisation for party in command.parties}) < 2),
            ("amount", any(not target.amount for target in command.seasons) or not command.seasons),
            ("learners", any(not target.learners for target in command.seasons) or not command.seasons),
        )
        if absent
    ]
    return FundingIncomplete(pointer="/seasons", missing=missing) if missing else None


def covers(convention: Convention, centre: UUID, season: int) -> tuple[RuleBroken | None, RuleBroken | None]:
    """Whether the convention names this centre and this season; the breach of each where not."""
    return (
        None if centre in convention.centres else CentreNotCovered(pointer="/centre", convention=convention.number),
        None
        if season in convention.seasons
        else SeasonNotCovered(pointer="/season", season=season, covered=sorted(convention.seasons)),
    )


def _bad_amounts(command: SignConvention) -> list[RuleBroken | None]:
    amounts = [
        ("/unit_rate", command.unit_rate),
        *((f"/seasons/{at}/amount", target.amount) for at, target in enumerate(command.seasons)),
        *((f"/budget/{at}/ceiling", line.ceiling) for at, line in enumerate(command.budget)),
    ]
    negative = [AmountNegative(pointer=at, value=value) for at, value in amounts if value is not None and value < 0]
    return [
        *negative,
        *(not_positive(tranche.amount, f"/tranches/{at}/amount") for at, tranche in enumerate(command.tranches)),
    ]


def _bad_codes(command: SignConvention, on: date) -> list[RuleBroken | None]:
    return [
        refuse_unknown("convention_kind", command.kind, "/kind", on),
        refuse_unknown("convention_level", command.level, "/level", on),
        refuse_unknown("signature_level", command.signature, "/signature", on),
        *(
            refuse_unknown("party_role", party.role, f"/parties/{at}/role", on)
            for at, party in enumerate(command.parties)
        ),
        *(refuse_unknown("trade", code, f"/trades/{at}", on) for at, code in enumerate(command.trades)),
        *(
            refuse_unknown("expense_category", line.category, f"/budget/{at}/category", on)
            for at, line in enumerate(command.budget)
        ),
        *(not_a_code(report.kind, f"/reports/{at}/kind") for at, report in enumerate(command.reports)),
    ]


def _read_tranche(tranche: Tranche, at: int, texts: Texts) -> Tranche:
    conditions = [texts.read(each, f"/tranches/{at}/conditions/{n}") for n, each in enumerate(tranche.conditions)]
    return msgspec.structs.replace(tranche, conditions=conditions)


def sign_convention(command: SignConvention, act: Act) -> Changes:
    """The convention is in force for its dates. Refuses UnknownCode, FundingIncomplete, EndsBeforeStart and others."""
    texts = Texts()
    number, bank_account = (
        texts.read(command.number, "/number", 60),
        texts.read_any(command.bank_account, "/bank_account", 60),
    )
    tranches = [_read_tranche(tranche, at, texts) for at, tranche in enumerate(command.tranches)]
    seasons = Counter(target.season for target in command.seasons)
    refuse_if(
        *texts.broken,
        *_bad_codes(command, act.on),
        *_bad_amounts(command),
        *(SeasonTwice(pointer="/seasons", season=season) for season, count in seasons.items() if count > 1),
        _funding_incomplete(command),
        EndsBeforeStart(pointer="/ends_on", starts_on=str(command.starts_on), ends_on=str(command.ends_on))
        if command.ends_on < command.starts_on
        else None,
        AgeBandReversed(pointer="/age_max", age_min=command.age_min, age_max=command.age_max)
        if command.age_min is not None and command.age_max is not None and command.age_min > command.age_max
        else None,
    )
    signed = act.event(ConventionSigned, command, number=number, bank_account=bank_account, tranches=tranches)
    return [(command.convention, signed)]


KIND = Kind(
    name="convention",
    plural="conventions",
    empty=Convention(),
    first=ConventionSigned,
    evolve=evolve_by({ConventionSigned: _signed}),
    events=(ConventionSigned,),
    status_of=lambda state: "signed" if state.version else "unknown",
    life_cycle={"unknown": frozenset({"sign-convention"}), "signed": frozenset()},
)

COMMANDS = (
    CommandSpec(
        command=SignConvention,
        decide=sign_convention,
        kind="convention",
        stream="convention",
        roles=("aref", "ministry"),
        reads=lambda command, _seen: {"centres": ("centre", command.centres)},
    ),
)

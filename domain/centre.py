"""Centres: where an association runs a second chance school, and the trades approved there for a season."""

from __future__ import annotations

from uuid import UUID

import msgspec

from domain.codes import Texts, refuse_unknown
from domain.errors import RuleBroken, refuse_if
from domain.event import NIL, Event
from domain.kind import Act, Changes, Command, CommandSpec, Kind, State, evolve_by
from domain.organisation import LocalName, name_missing, read_name


class CentreOpened(Event, frozen=True, kw_only=True, tag="centre.opened"):
    """A centre opened its doors. Public."""

    name: LocalName
    operator: UUID  # the operating association
    host: str | None  # name of the school or building it is in
    places: int
    commune: str
    province: str
    directorate: UUID | None  # the ministry's provincial directorate: not always a province


class TradesApproved(Event, frozen=True, kw_only=True, tag="centre.trades-approved"):
    """The trades a centre may teach in a season: the whole list, replacing an earlier one of that season."""

    season: int
    trades: list[str]


class Centre(State, frozen=True, kw_only=True):
    """A centre and its approved trades by season."""

    name: LocalName = LocalName()
    operator: UUID = NIL
    places: int = 0
    province: str = ""
    commune: str = ""
    trades: dict[int, frozenset[str]] = {}


def _opened(state: Centre, event: CentreOpened, _version: int) -> Centre:
    return msgspec.structs.replace(
        state,
        name=event.name,
        operator=event.operator,
        places=event.places,
        province=event.province,
        commune=event.commune,
    )


def _approved(state: Centre, event: TradesApproved, _version: int) -> Centre:
    return msgspec.structs.replace(state, trades={**state.trades, event.season: frozenset(event.trades)})


class OpenCentre(Command, frozen=True, kw_only=True):
    """Open a centre."""

    centre: UUID
    name: LocalName
    operator: UUID
    host: str | None = None
    places: int
    commune: str
    province: str
    directorate: UUID | None = None


class ApproveTrades(Command, frozen=True, kw_only=True):
    """Say which trades a centre may teach in a season."""

    centre: UUID
    season: int
    trades: list[str]


class NotPositive(RuleBroken, frozen=True, kw_only=True):
    """The number must be at least 1."""

    value: int


class TradeNotApproved(RuleBroken, frozen=True, kw_only=True):
    """Rule 13: the trade is not in the centre's approved list for that season."""

    RULE = 13
    trade: str
    season: int
    approved: list[str]


def not_positive(value: int, pointer: str) -> NotPositive | None:
    """A count of places, seats or hours is at least 1."""
    return None if value > 0 else NotPositive(pointer=pointer, value=value)


def trade_not_approved(centre: Centre, trade: str | None, season: int) -> TradeNotApproved | None:
    """Rule 13. No trade is no breach."""
    approved = centre.trades.get(season, frozenset())
    if trade is None or trade in approved:
        return None
    return TradeNotApproved(pointer="/trade", trade=trade, season=season, approved=sorted(approved))


def open_centre(command: OpenCentre, act: Act) -> Changes:
    """The centre is open. Refuses UnknownCode, NameMissing, NotPositive, TextUnreadable."""
    texts = Texts()
    name, host = read_name(command.name, texts), texts.read_any(command.host, "/host")
    commune = texts.read(command.commune, "/commune", 100)
    refuse_if(
        *texts.broken,
        name_missing(command.name),
        not_positive(command.places, "/places"),
        refuse_unknown("province", command.province, "/province", act.on),
    )
    event = act.event(CentreOpened, command, name=name, host=host, commune=commune)
    return [(command.centre, event)]


def approve_trades(command: ApproveTrades, act: Act, *, centre: Centre) -> Changes:
    """These trades, and no others, are approved for the season. Refuses UnknownCode."""
    refuse_if(*(refuse_unknown("trade", code, f"/trades/{at}", act.on) for at, code in enumerate(command.trades)))
    if centre.trades.get(command.season) == frozenset(command.trades):
        return []
    event = act.event(TradesApproved, command, trades=sorted(set(command.trades)))
    return [(command.centre, event)]


KIND = Kind(
    name="centre",
    plural="centres",
    empty=Centre(),
    first=CentreOpened,
    evolve=evolve_by({CentreOpened: _opened, TradesApproved: _approved}),
    events=(CentreOpened, TradesApproved),
    status_of=lambda state: "open" if state.version else "unknown",
    life_cycle={"unknown": frozenset({"open-centre"}), "open": frozenset({"approve-trades"})},
)

COMMANDS = (
    CommandSpec(
        command=OpenCentre,
        decide=open_centre,
        kind="centre",
        stream="centre",
        roles=("provincial_directorate", "aref", "ministry"),
        reads=lambda command, _seen: {"operator": ("organisation", command.operator)},
    ),
    CommandSpec(
        command=ApproveTrades,
        decide=approve_trades,
        kind="centre",
        stream="centre",
        noun="approved-trades",
        roles=("provincial_directorate", "aref"),
        replaces=True,
    ),
)

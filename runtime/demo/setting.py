"""Where the demo takes place: organisations, workers and their access, a convention, a centre, two groups."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from domain.centre import ApproveTrades, OpenCentre
from domain.convention import Party, SeasonTarget, SignConvention
from domain.group import OpenGroup, SetTimetable, Slot
from domain.organisation import GrantAccess, LocalName, RegisterOrganisation
from domain.parameter import SetParameter
from domain.worker import BindLogin, RecordWorker
from runtime.demo.people import CENTRE_NAME, COLLEAGUES, ORGANISATIONS, Colleague
from runtime.demo.telling import Teller, id_of, told
from runtime.settings import DEVELOPMENT_ISSUER

PROVINCE: Final = "CAS"
REGION: Final = "MA-06"
TRADES: Final = ("CUI", "PAT", "ELB", "COI-F")
TRADE: Final = "CUI"  # what the demo's workshop teaches
CENTRE: Final = id_of("centre")
CONVENTION: Final = id_of("convention")
CLASS: Final = id_of("group", "class")
WORKSHOP: Final = id_of("group", "workshop")
NATIONAL: Final = ("ministry", "partner")  # kinds of organisations that are of no region
OF_PLACES: Final = ("centre", "convention")  # scopes that are granted once there is such a place
SYSTEM: Final = Colleague("operator", "Forsa", "ministry", "system", "national")


def tell_setting(teller: Teller) -> None:
    """Everything a learner's path needs is there."""
    start = teller.day(9, 1)
    _tell_organisations(teller, start)
    for colleague in (SYSTEM, *COLLEAGUES):
        _tell_worker(teller, colleague, start)
    for colleague in (SYSTEM, *COLLEAGUES):
        if colleague.scope not in OF_PLACES:
            _tell_grant(teller, colleague, start)
    closed = " ".join(map(str, closed_days(teller)))
    command = SetParameter(name="closed_days", value=closed, valid_from=start, authority="invented circular 1")
    teller.does("ministry", "closed days", told(teller, command, start))
    _tell_centre(teller, start)
    for colleague in COLLEAGUES:
        if colleague.scope in OF_PLACES:
            _tell_grant(teller, colleague, start)
    _tell_groups(teller)


def closed_days(teller: Teller) -> list[date]:
    """Days without school in the weeks the demo tells of."""
    return [teller.day(month, day) for month, day in ((11, 6), (11, 18), (1, 11), (5, 1))]


def _tell_organisations(teller: Teller, start: date) -> None:
    for name, (kind, arabic, french) in ORGANISATIONS.items():
        command = RegisterOrganisation(
            organisation=id_of("organisation", name),
            kind=kind,
            name=LocalName(arabic, french),
            region=None if kind in NATIONAL else REGION,
            province=None if kind in (*NATIONAL, "aref") else PROVINCE,
        )
        teller.does("operator", f"organisation {name}", told(teller, command, start))


def _tell_worker(teller: Teller, who: Colleague, start: date) -> None:
    worker, organisation = id_of("worker", who.role), id_of("organisation", who.organisation)
    record = RecordWorker(worker=worker, name=who.name, organisation=organisation, function=who.function)
    teller.does("operator", f"worker {who.role}", told(teller, record, start))
    login = BindLogin(worker=worker, issuer=DEVELOPMENT_ISSUER, subject=f"demo-{who.role}")
    teller.does("operator", f"login {who.role}", told(teller, login, start))


def _tell_grant(teller: Teller, who: Colleague, start: date) -> None:
    """The colleague may act. The operator grants everybody's access but its own."""
    organisation = id_of("organisation", who.organisation)
    grant = GrantAccess(
        organisation=organisation,
        grant=id_of("grant", who.role),
        subject=id_of("worker", who.role),
        role=who.role,
        scope=who.scope,
        scope_id=_scope_id(who, organisation),
        valid_from=start,
    )
    granter = "ministry" if who is SYSTEM else "operator"
    teller.does(granter, f"grant {who.role}", told(teller, grant, start))


def _scope_id(who: Colleague, organisation: UUID) -> str:
    reach = {
        "region": REGION,
        "province": PROVINCE,
        "organisation": str(organisation),
        "centre": str(CENTRE),
        "convention": str(CONVENTION),
    }
    return reach.get(who.scope, "")


def _tell_centre(teller: Teller, start: date) -> None:
    centre = OpenCentre(
        centre=CENTRE,
        name=LocalName(*CENTRE_NAME),
        operator=id_of("organisation", "association"),
        places=60,
        commune="Sidi Moumen",
        province=PROVINCE,
        directorate=id_of("organisation", "directorate"),
    )
    teller.does("provincial_directorate", "centre", told(teller, centre, start))
    for season in (teller.season, teller.season + 1):
        trades = ApproveTrades(centre=CENTRE, season=season, trades=list(TRADES))
        on = min(date(season, 9, 1), teller.today)
        teller.does("provincial_directorate", f"trades {season}", told(teller, trades, on))
    convention = SignConvention(
        convention=CONVENTION,
        kind="funding",
        number=f"EX-{teller.season}-001",
        level="provincial",
        parties=[
            Party(id_of("organisation", "aref"), "funder"),
            Party(id_of("organisation", "association"), "operator"),
        ],
        centres=[CENTRE],
        seasons=[SeasonTarget(season, 40, 25_000_000) for season in (teller.season, teller.season + 1)],
        age_min=13,
        age_max=20,
        trades=list(TRADES),
        starts_on=start,
        ends_on=date(teller.season + 2, 8, 31),
    )
    teller.does("aref", "convention", told(teller, convention, start))


def _tell_groups(teller: Teller) -> None:
    """A class and a workshop, with their timetables: mornings in class, two afternoons in the workshop."""
    opened_on = teller.day(9, 7)
    for group, kind, capacity, place in ((CLASS, "class", 30, "1"), (WORKSHOP, "workshop", 16, "Cuisine")):
        command = OpenGroup(
            group=group,
            centre=CENTRE,
            season=teller.season,
            group_kind=kind,
            level="level_2" if kind == "class" else "vocational",
            trade=TRADE if kind == "workshop" else None,
            capacity=capacity,
            educator=id_of("worker", "educator"),
            place=place,
        )
        teller.does("coordinator", f"group {kind}", told(teller, command, opened_on))
        starts, minutes, days = (510, 180, range(1, 6)) if kind == "class" else (840, 180, (2, 4))
        timetable = SetTimetable(
            group=group, slots=[Slot(day, starts, minutes, kind) for day in days], starts_on=opened_on
        )
        teller.does("coordinator", f"timetable {kind}", told(teller, timetable, opened_on))

"""What stands around the learners: organisations, workers, parameters, a centre, a convention, groups, an exam.

`WORLD` is all of it before the first learner comes: pairs of stream id and event, in the order they happened.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.centre import CentreOpened, TradesApproved
from domain.convention import ConventionSigned, Party, SeasonTarget
from domain.diploma_session import CandidateListClosed, Mark, MarksRecorded, MinutesSigned, Result, SessionOpened
from domain.event import Event, Why
from domain.group import AttendanceLocked, GroupOpened, HeldSession, SessionsHeld, Slot, TimetableSet
from domain.organisation import (
    AccessGranted,
    AccessRevoked,
    LocalName,
    OrganisationRegistered,
)
from domain.parameter import NATIONAL, ParameterSet
from domain.sealed import clear
from domain.worker import Login, LoginBound, WorkerLeft, WorkerPerson, WorkerRecorded
from tests.examples.people import (
    AREF,
    AREF_OFFICE,
    ASSOCIATION,
    COORDINATOR,
    DELEGATION,
    DIRECTORATE,
    DIRECTORATE_OFFICE,
    EDUCATOR,
    EN_AGENT,
    MINISTRY,
    MINISTRY_OFFICE,
    OPERATOR,
    id_of,
)

History = tuple[tuple[UUID, Event], ...]

SEASON = 2025
START = date(2025, 9, 1)

CENTRE = id_of("centre/al-amal")
CONVENTION = id_of("convention/12-2025")
OTHER_CENTRE = id_of("centre/al-wifaq")
OTHER_CONVENTION = id_of("convention/13-2025")
GRANT = id_of("grant/caseworker")
WORKER = id_of("worker/caseworker")
JURY_MEMBER = id_of("worker/jury-member")
WORKSHOP = id_of("group/sewing")
CLASS = id_of("group/class")
SESSION = id_of("diploma-session/2026")

# ── organisations and workers ────────────────────────────────────────────────────────────────────────────────────────

ORGANISATION_REGISTERED = OrganisationRegistered(
    on=START,
    by=OPERATOR,
    kind="association",
    name=LocalName(ar="جمعية الأمل", fr="Association Al Amal"),
    region="MA-06",
    province="CAS",
)


def registered(organisation: UUID, kind: str) -> tuple[UUID, OrganisationRegistered]:
    """Another organisation, of this kind."""
    name = LocalName(fr=kind)
    return organisation, OrganisationRegistered(on=START, by=OPERATOR, kind=kind, name=name, region="MA-06")


ORGANISATIONS: History = (
    (ASSOCIATION, ORGANISATION_REGISTERED),
    registered(AREF_OFFICE, "aref"),
    registered(DIRECTORATE_OFFICE, "provincial_directorate"),
    registered(MINISTRY_OFFICE, "ministry"),
    registered(DELEGATION, "en_delegation"),
)

WORKER_RECORDED = WorkerRecorded(
    on=START,
    by=COORDINATOR,
    person=clear(WorkerPerson("Karim Alaoui", phone="+212600000001")),
    organisation=ASSOCIATION,
    function="caseworker",
)
JURY_MEMBER_RECORDED = WorkerRecorded(
    on=START,
    by=MINISTRY,
    person=clear(WorkerPerson("Samira Idrissi")),
    organisation=DELEGATION,
    function="jury_member",
)
LOGIN_BOUND = LoginBound(on=START, by=OPERATOR, issuer="dev", login=clear(Login("dev", "karim@example.org")))
ACCESS_GRANTED = AccessGranted(
    on=START,
    by=OPERATOR,
    grant=GRANT,
    subject=WORKER,
    role="caseworker",
    scope="centre",
    scope_id=str(CENTRE),
    purpose="duty",
    valid_from=START,
)
ACCESS_REVOKED = AccessRevoked(on=date(2026, 6, 30), by=OPERATOR, why=Why("post_left"), grant=GRANT)
WORKER_LEFT = WorkerLeft(on=date(2026, 6, 30), by=COORDINATOR, left_on=date(2026, 6, 30))
WORKERS: History = ((WORKER, WORKER_RECORDED), (JURY_MEMBER, JURY_MEMBER_RECORDED))

# ── parameter, centre, convention ────────────────────────────────────────────────────────────────────────────────────

PARAMETER_SET = ParameterSet(
    on=START, by=MINISTRY, name="age_max", scope="national", value="18", valid_from=START, authority="Circular 12/25"
)


def parameter(name: str, value: str, valid_from: date = START) -> tuple[UUID, ParameterSet]:
    """This parameter holds, nationally, from a day on."""
    return NATIONAL, ParameterSet(
        on=START, by=MINISTRY, name=name, scope="national", value=value, valid_from=valid_from, authority="Circular"
    )


CENTRE_OPENED = CentreOpened(
    on=START,
    by=DIRECTORATE,
    name=LocalName(ar="مركز الأمل", fr="Centre Al Amal"),
    operator=ASSOCIATION,
    host="Collège Ibn Rochd",
    places=80,
    commune="Anfa",
    province="CAS",
    directorate=DIRECTORATE_OFFICE,
)
TRADES_APPROVED = TradesApproved(on=START, by=DIRECTORATE, season=SEASON, trades=["COU", "ELB"])
CONVENTION_SIGNED = ConventionSigned(
    on=date(2025, 9, 5),
    by=AREF,
    kind="funding",
    number="12/2025",
    level="regional",
    parties=[Party(ASSOCIATION, "operator"), Party(AREF_OFFICE, "funder")],
    centres=[CENTRE],
    seasons=[SeasonTarget(SEASON, 80, 40_000_000)],
    unit_rate=500_000,
    age_min=None,
    age_max=None,
    trades=["COU", "ELB"],
    starts_on=START,
    ends_on=date(2026, 8, 31),
    tranches=[],
    budget=[],
    bank_account=None,
    reports=[],
    signature="paper",
    documents=[],
)
ELSEWHERE: History = (
    (OTHER_CENTRE, msgspec.structs.replace(CENTRE_OPENED, name=LocalName(ar="مركز الوفاق", fr="Centre Al Wifaq"))),
    (OTHER_CENTRE, TRADES_APPROVED),
    (OTHER_CONVENTION, msgspec.structs.replace(CONVENTION_SIGNED, number="13/2025", centres=[OTHER_CENTRE])),
)
OPEN_CENTRE: History = (
    *ORGANISATIONS,
    *WORKERS,
    (CENTRE, CENTRE_OPENED),
    (CENTRE, TRADES_APPROVED),
    (CONVENTION, CONVENTION_SIGNED),
)

# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────

WEEK = date(2025, 10, 6)  # a Monday
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2025, 10, day) for day in (6, 7, 8, 9))
OCTOBER = date(2025, 10, 1)

GROUP_OPENED = GroupOpened(
    on=date(2025, 9, 29),
    by=COORDINATOR,
    centre=CENTRE,
    season=SEASON,
    group_kind="workshop",
    level=None,
    trade="COU",
    programme=None,
    session_type="regular",
    capacity=20,
    educator=None,
    place="Atelier 2",
)
CLASS_OPENED = GroupOpened(
    on=date(2025, 9, 29),
    by=COORDINATOR,
    centre=CENTRE,
    season=SEASON,
    group_kind="class",
    level="level_2",
    trade=None,
    programme=None,
    session_type="regular",
    capacity=20,
    educator=None,
    place=None,
)
TIMETABLE_SET = TimetableSet(
    on=date(2025, 9, 29), by=COORDINATOR, slots=[Slot(1, 510, 180, "workshop")], starts_on=date(2025, 10, 1)
)
SESSIONS_HELD = SessionsHeld(
    on=TUESDAY,
    by=EDUCATOR,
    week=WEEK,
    sessions=[HeldSession(MONDAY, "workshop", 180), HeldSession(TUESDAY, "workshop", 120)],
    replaces=None,
)
ATTENDANCE_LOCKED = AttendanceLocked(on=date(2025, 11, 5), by=COORDINATOR, month=OCTOBER)

WORLD: History = (*OPEN_CENTRE, *ELSEWHERE, (WORKSHOP, GROUP_OPENED), (CLASS, CLASS_OPENED))

# ── exam session ─────────────────────────────────────────────────────────────────────────────────────────────────────

SESSION_OPENED = SessionOpened(
    on=date(2026, 5, 20),
    by=EN_AGENT,
    authority=DELEGATION,
    held_from=date(2026, 6, 10),
    held_to=date(2026, 6, 12),
    centres=[CENTRE],
    trades=["COU"],
    diploma_kind="vocational_diploma",
    year=2026,
)
LIST_CLOSED = CandidateListClosed(on=date(2026, 5, 29), by=EN_AGENT)
MARK = Mark("0001", 1, "present", 1450, 1500, "admitted")
MARKS_RECORDED = MarksRecorded(on=date(2026, 6, 12), by=EN_AGENT, marks=[MARK])
MINUTES_SIGNED = MinutesSigned(
    on=date(2026, 6, 15),
    by=EN_AGENT,
    members=[JURY_MEMBER],
    results=[Result("0001", "admitted")],
    document=None,
    signature="paper",
)

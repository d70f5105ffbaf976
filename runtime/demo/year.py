"""The demo's year of training: sessions held, attendance, competences, the exam session and its diplomas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from domain.diploma_session import CloseCandidateList, Mark, OpenDiplomaSession, SignMinutes
from domain.group import HeldSession, LockAttendance, RecordSessions
from domain.kind import ReasonGiven
from domain.learner.admission import LeaveGroup
from domain.learner.diploma import AwardDiplomas, AwardLine, ListCandidate, RecordMarks
from domain.learner.review import SettleFlag, WithdrawFact
from domain.learner.training import AssessCompetence, AttendanceRow, DayGiven, RecordAttendance
from domain.values import monday_of
from runtime.demo.paths import CANDIDATE, GRADUATED, SEATED, TOLD, Told, groups_of
from runtime.demo.setting import CENTRE, CLASS, TRADES, WORKSHOP, closed_days
from runtime.demo.telling import RECOVERED, Teller, id_of, told
from runtime.wiring import Forsa

SESSION = id_of("diploma-session")
MINUTES_A_DAY = 180
UNNOTED = (19, 20, 21)  # whose sheet has the day whose session nobody noted
WEEKS = ((10, 5), (10, 12), (10, 19), (11, 2), (11, 9), (11, 16))  # month and day in the weeks that were typed in


def tell_training(teller: Teller) -> None:
    """Six weeks of class and workshop were held and attended; October is locked."""
    for named in WEEKS:
        week = monday_of(teller.day(*named))
        for group, component, weekdays in ((CLASS, "class", range(5)), (WORKSHOP, "workshop", (1, 3))):
            closed = closed_days(teller)
            days = [day for weekday in weekdays if (day := week + timedelta(weekday)) not in closed]
            seated = [each for each in TOLD if each.path.stage >= SEATED and group in groups_of(each)]
            _tell_week(teller, group, component, week, days, seated)
    lock_on = teller.day(11, 5)
    for group in (CLASS, WORKSHOP):
        lock = LockAttendance(group=group, month=teller.day(10, 1))
        teller.does("coordinator", f"lock {group}", told(teller, lock, lock_on))


def _tell_week(
    teller: Teller, group: UUID, component: str, week: date, days: list[date], seated: Sequence[Told]
) -> None:
    """A week's sessions and sheet. In the last week one session was not noted: three learners' day is flagged."""
    noted = days[:-1] if week == monday_of(teller.day(*WEEKS[-1])) and component == "class" else days
    sessions = [HeldSession(day, component, MINUTES_A_DAY, id_of("worker", "educator")) for day in noted]
    held = RecordSessions(group=group, week=week, sessions=sessions)
    name = f"{component} {week.isocalendar().week}"
    teller.does("educator", f"sessions {name}", told(teller, held, days[-1]))
    rows = [
        AttendanceRow(
            each.learner, [DayGiven(day, _status(each, day)) for day in (days if each.number in UNNOTED else noted)]
        )
        for each in seated
    ]
    sheet = RecordAttendance(group=group, week=week, component=component, rows=rows)
    teller.does("educator", f"attendance {name}", told(teller, sheet, days[-1]))


def _status(each: Told, day: date) -> str:
    """Nearly always present; the same for the same learner and day."""
    return {0: "absent", 1: "late", 2: "justified"}.get((each.number * 31 + day.toordinal() * 17) % 23, "present")


def tell_review(teller: Teller, forsa: Forsa) -> None:
    """A sheet was corrected, two flags settled, a workshop left, a wrong identity taken back.

    Versions are read, not known.
    """
    corrected = TOLD[17]
    week = monday_of(teller.day(*WEEKS[4]))
    cell = DayGiven(week, "absent" if _status(corrected, week) == "present" else "present")
    correction = RecordAttendance(
        group=CLASS,
        week=week,
        component="class",
        rows=[AttendanceRow(corrected.learner, [cell])],
        correct=True,
        why=ReasonGiven("sheet_reread"),
    )
    teller.does("educator", "sheet corrected", told(teller, correction, week + timedelta(7)))
    for each, finding in ((TOLD[19], "explained"), (TOLD[20], "confirmed")):
        _settle(teller, forsa, each, "without-held-session", finding, teller.day(12, 1))
    leaver = next(each for each in TOLD if each.path.stage == SEATED and WORKSHOP in groups_of(each))
    leave = LeaveGroup(learner=leaver.learner, enrolment=leaver.enrolment, group=WORKSHOP)
    teller.does("coordinator", "workshop left", told(teller, leave, teller.day(11, 27)))
    identity = forsa.casebook.load("learner", TOLD[16].learner).state.identification.identity
    if identity.version > 1:
        withdraw = WithdrawFact(learner=TOLD[16].learner, version=identity.version, why=ReasonGiven("wrong_person"))
        teller.does("caseworker", "identity taken back", told(teller, withdraw, teller.day(11, 13)))


def tell_competences(teller: Teller) -> None:
    """The candidates' workshop modules were assessed."""
    for each in TOLD:
        if each.path.stage >= CANDIDATE:
            result = "acquired" if each.path.stage == GRADUATED else "in_progress"
            assess = AssessCompetence(learner=each.learner, enrolment=each.enrolment, module="M1", result=result)
            teller.does("educator", f"competence {each.number}", told(teller, assess, teller.day(5, 18)))


def _settle(teller: Teller, forsa: Forsa, each: Told, code: str, finding: str, on: date) -> None:
    """The learner's open flags of this code were settled: what stands in the file is read, not known."""
    learner = forsa.casebook.load("learner", each.learner).state
    for version, flag, day in sorted(key for key in learner.review.open if key[1] == code):
        settle = SettleFlag(
            learner=each.learner,
            version=version,
            code=flag,
            day=day,
            finding=finding,
            why=ReasonGiven("sheet_reread" if day else "new_document"),
        )
        teller.does("coordinator", f"flag of {each.number}", told(teller, settle, on))


def tell_exam(teller: Teller, forsa: Forsa) -> None:
    """The session was opened, its list closed, its marks recorded, its minutes signed, its diplomas awarded."""
    listed = [each for each in TOLD if each.path.stage >= CANDIDATE]
    numbers = {each.number: f"{at:04}" for at, each in enumerate(listed, 1)}
    opened = OpenDiplomaSession(
        diploma_session=SESSION,
        authority=id_of("organisation", "delegation"),
        held_from=teller.day(6, 8),
        held_to=teller.day(6, 12),
        centres=[CENTRE],
        trades=list(TRADES),
        year=teller.season + 1,
    )
    teller.does("en_agent", "exam opened", told(teller, opened, teller.day(4, 20)))
    for each in listed:
        listing = ListCandidate(learner=each.learner, enrolment=each.enrolment, session=SESSION)
        teller.does("en_agent", f"candidate {each.number}", told(teller, listing, teller.day(5, 4)))
        for script in ("arabic", "latin"):
            _settle(teller, forsa, each, f"missing-{script}-name", "explained", teller.day(5, 11))
    teller.does("en_agent", "list closed", told(teller, CloseCandidateList(diploma_session=SESSION), teller.day(5, 25)))
    marks = RecordMarks(diploma_session=SESSION, marks=[_mark(each, numbers[each.number]) for each in listed])
    teller.does("en_agent", "marks", told(teller, marks, teller.day(6, 15)))
    minutes = SignMinutes(diploma_session=SESSION, members=[id_of("worker", "en_agent")])
    teller.does("en_agent", "minutes", told(teller, minutes, teller.day(6, 18)))
    awards = AwardDiplomas(
        diploma_session=SESSION,
        awarded_on=teller.day(6, 18),
        awards=[
            AwardLine(numbers[each.number], f"EX-{teller.season + 1}-{at:04}")
            for at, each in enumerate((each for each in listed if each.path.stage == GRADUATED), 101)
        ],
        why=RECOVERED,
    )
    teller.does("en_agent", "awards", told(teller, awards, teller.day(6, 19)))


def _mark(each: Told, number: str) -> Mark:
    decision = each.path.decision
    if decision == "absent":
        return Mark(number, 1, "absent", None, None, "absent")
    written, practical = {"admitted": (1250, 1475), "resit": (975, 1150)}.get(decision, (625, 700))
    return Mark(number, 1, "present", written + each.number * 25, practical + each.number * 10, decision)

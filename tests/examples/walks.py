"""Walks: long, mostly sensible sequences of commands in a small world, told by numbers a test draws.

A walk's world is a centre with two groups, two conventions, two exam sessions and three learners, and another centre
that takes learners over. Each step is (move, who, what): the move picks a command, `who` a learner, `what` its variant.
Many commands are refused on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from msgspec.structs import replace as but

from domain.diploma_session import CloseCandidateList, Mark, OpenDiplomaSession, RectifyMinutes, SignMinutes
from domain.event import By, EventRef
from domain.group import HeldSession, LockAttendance, RecordSessions
from domain.kind import Command, ReasonGiven
from domain.learner.admission import EnrolLearner, JoinGroup, LeaveGroup, Missing, OrientLearner
from domain.learner.diploma import AwardDiplomas, AwardLine, ListCandidate, RecordMarks
from domain.learner.identification import (
    AssessEligibility,
    GrantDerogation,
    Identifier,
    IdentifyLearner,
    NameGiven,
    RecordIdentity,
    VerifyIdentity,
)
from domain.learner.leaving import EndEnrolment
from domain.learner.outcome import DeclareOutcome, VerifyOutcome
from domain.learner.privacy import (
    LEARNERS_FAMILIES,
    DecideErasure,
    LiftHold,
    PlaceHold,
    RefuseErasure,
    RequestErasure,
    StateNewGround,
)
from domain.learner.register import AnnulDiploma, CorrectDiploma, HandOverDiploma, IssueDuplicate
from domain.learner.review import SettleFlag, WithdrawFact
from domain.learner.state import Learner, status_of, withdrawable
from domain.learner.training import AssessCompetence, AttendanceRow, DayGiven, RecordAttendance
from domain.learner.transfer import AcceptTransfer, RejectTransfer, RequestTransfer, WithdrawTransfer
from domain.sealed import clear
from domain.values import monday_of, month_of
from tests.examples import path
from tests.examples.people import (
    CASEWORKER,
    COORDINATOR,
    DELEGATION,
    DIRECTORATE,
    EDUCATOR,
    EN_AGENT,
    id_of,
)
from tests.examples.places import (
    CENTRE_OPENED,
    CLASS_OPENED,
    CONVENTION_SIGNED,
    GROUP_OPENED,
    JURY_MEMBER,
    LIST_CLOSED,
    MARKS_RECORDED,
    MINUTES_SIGNED,
    ORGANISATIONS,
    SESSION_OPENED,
    TRADES_APPROVED,
    WORKER,
    WORKERS,
    History,
)
from tests.examples.privacy import OFFICER
from tests.examples.transfer import OTHER_COORDINATOR

SHARED: History = (*ORGANISATIONS, *WORKERS)
"""What every walk's world stands on; stored once where several walks meet in one log."""

Step = tuple[int, int, int]
Act = tuple[Command, By]
LEARNERS = 3
START = date(2025, 9, 22)
STATUSES = ("present", "absent", "late", "justified", "not_expected")
WHY = ReasonGiven("entry_error", "seen on the sheet")


class World:
    """Ids and history of one walk; worlds of other numbers share nothing but organisations and workers.

    graduated: the first learner holds a diploma when the walk starts, which few walks would come to.
    """

    def __init__(self, number: int, *, graduated: bool = False) -> None:
        self.number, self.graduated = number, graduated
        self.centre, self.workshop, self.class_ = (self.id(name) for name in ("centre", "workshop", "class"))
        self.conventions = [self.id("convention/wide"), self.id("convention/narrow")]
        self.elsewhere, self.convention_elsewhere = self.id("centre/elsewhere"), self.id("convention/elsewhere")
        self.sessions = [self.id("session/1"), self.id("session/2")]
        self.learners = [self.id(f"learner/{at}") for at in range(LEARNERS)]

    def id(self, name: str) -> UUID:
        """An id of this world."""
        return id_of(f"{self.number}/{name}")

    def nonces(self) -> Iterator[UUID]:
        """What the casebook draws: ids and file numbers of this world alone."""
        return (self.id(f"nonce/{at}") for at in count())

    @property
    def history(self) -> History:
        """The world before the first learner comes, without what is shared."""
        wide = but(CONVENTION_SIGNED, centres=[self.centre], number=f"{self.number}/2025")
        return (
            (self.centre, CENTRE_OPENED),
            (self.centre, TRADES_APPROVED),
            (self.conventions[0], wide),
            (self.conventions[1], but(wide, age_min=15, age_max=17)),
            (self.elsewhere, CENTRE_OPENED),
            (self.elsewhere, TRADES_APPROVED),
            (self.convention_elsewhere, but(wide, centres=[self.elsewhere])),
            (self.workshop, but(GROUP_OPENED, on=START, centre=self.centre, capacity=2)),
            (self.class_, but(CLASS_OPENED, on=START, centre=self.centre, capacity=1)),
            *(self._graduation() if self.graduated else ()),
        )

    @property
    def starts_on(self) -> date:
        """The day of the first step."""
        return path.DIPLOMA_AWARDED.on if self.graduated else START

    def _graduation(self) -> History:
        learner, session, enrolment = self.learners[0], self.sessions[0], self.id("enrolment/graduate")
        award = {"diploma": self.id("diploma"), "partner_reference": self.id("reference"), "centre": self.centre}
        return (
            (session, but(SESSION_OPENED, centres=[self.centre])),
            (learner, but(path.LEARNER_IDENTIFIED, file_number=f"2025-CAS-{self.number:06}-X")),
            (learner, but(path.IDENTITY_RECORDED, identity=clear(but(path.IDENTITY, identifiers=[])))),
            (learner, path.IDENTITY_VERIFIED),
            (
                learner,
                but(path.LEARNER_ENROLLED, enrolment=enrolment, centre=self.centre, convention=self.conventions[0]),
            ),
            (session, but(path.CANDIDATE_ENTERED, learner=learner, enrolment=enrolment)),
            (learner, but(path.CANDIDATE_LISTED, enrolment=enrolment, session=session)),
            (session, LIST_CLOSED),
            (session, MARKS_RECORDED),
            (learner, but(path.EXAM_MARKED, enrolment=enrolment, session=session)),
            (session, MINUTES_SIGNED),
            (
                learner,
                but(
                    path.DIPLOMA_AWARDED,
                    **award,
                    enrolment=enrolment,
                    convention=self.conventions[0],
                    number=f"EN-{self.number}-9",
                    minutes=EventRef(session, 5),
                ),
            ),
        )


class Walk:
    """One walk under way. `load` answers a stream's state; `today` is the day of the next command."""

    def __init__(self, world: World, load: Callable[[str, UUID], Any]) -> None:
        self.world, self._load = world, load
        self.today = world.starts_on

    def state(self, kind: str, stream: UUID) -> Any:
        """The stream's state; the kind's empty one before its first event."""
        return self._load(kind, stream)

    def command(self, step: Step) -> Act | None:
        """The next command and who sends it; None where only time passes."""
        move, who, what = step
        who %= LEARNERS
        is_known = self.learner(who)[1].version or what % 8 == 7
        return MOVES[move % len(MOVES)](self, who, what) if is_known else _identify(self, who, what)

    def learner(self, who: int) -> tuple[UUID, Learner]:
        """One of the three, as they stand."""
        stream = self.world.learners[who]
        return stream, self.state("learner", stream)

    def enrolment(self, learner: UUID, state: Learner, what: int) -> UUID:
        """Mostly the enrolment made last; sometimes one nobody made."""
        return (state.admission.last if what % 7 else None) or self.world.id(f"enrolment/{learner}/none")

    def session(self, what: int) -> UUID:
        """Mostly the first exam session, sometimes the second."""
        return self.world.sessions[what % 5 == 4]


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _days_pass(walk: Walk, _who: int, what: int) -> None:
    walk.today += timedelta(days=(1, 3, 7, 21, 35)[what % 5])


NAMES = (
    [NameGiven("أمينة", "بنسالم"), NameGiven("Amina", "Bensalem")],
    [NameGiven("Yassine"), NameGiven("ياسين")],
    [NameGiven("1")],
    [NameGiven("سلمى")],
)


def _identity(who: int, what: int) -> dict[str, Any]:
    return {
        "names": NAMES[(who + what // 3) % 4] if what % 6 == 5 else NAMES[who % 2],
        "sex": "fm"[who % 2],
        "birth_date": (*(date(2009, 5, 14),) * 4, date(2005, 12, 31), date(2014, 1, 1), None)[(who + what // 5) % 7],
        "birth_certainty": ("exact", "year_only", "estimated")[what % 3],
        "identifiers": [Identifier("massar", f"R{what % 4}")] if what % 2 else [],
    }


def _identify(walk: Walk, who: int, what: int) -> Act:
    learner, _ = walk.learner(who)
    command = IdentifyLearner(learner=learner, province="CAS", source="family", **_identity(who, what))
    return command, CASEWORKER


def _record_identity(walk: Walk, who: int, what: int) -> Act:
    phone = "+212600000001" if what % 3 == 0 else None
    return RecordIdentity(learner=walk.learner(who)[0], phone=phone, **_identity(who, what)), CASEWORKER


def _verify_identity(walk: Walk, who: int, what: int) -> Act:
    document = None if what % 5 == 4 else "birth_certificate"
    return VerifyIdentity(learner=walk.learner(who)[0], document_type=document), CASEWORKER


def _assess(walk: Walk, who: int, what: int) -> Act:
    status = ("dropped_out", "unknown", "in_formal_school")[what % 3]
    convention = walk.world.conventions[what % 2]
    return AssessEligibility(learner=walk.learner(who)[0], convention=convention, school_status=status), CASEWORKER


def _derogate(walk: Walk, who: int, what: int) -> Act:
    command = GrantDerogation(
        learner=walk.learner(who)[0], rule=1 + what % 5 // 4, reason="social_emergency", act_reference="1/25"
    )
    return command, DIRECTORATE


def _orient(walk: Walk, who: int, what: int) -> Act:
    trades = ["COU"] if what % 4 else ["XXX"]
    return OrientLearner(learner=walk.learner(who)[0], level="level_2", trades=trades), CASEWORKER


def _enrol(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    made = len(state.admission.enrolments) - (what % 11 == 10)
    without = [Missing(step, "urgent_intake") for step in ("assessment", "orientation")] if what % 3 else []
    command = EnrolLearner(
        learner=learner,
        enrolment=walk.world.id(f"enrolment/{learner}/{made}"),
        season=2025,
        centre=walk.world.centre,
        convention=walk.world.conventions[what % 4 == 3],
        level="level_2",
        trade=("COU", None, "COU", "MEN")[what % 4],
        residence="rural",
        last_level="2AC",
        school_status="in_formal_school" if what % 13 == 12 else "dropped_out",
        without=without,
    )
    return command, CASEWORKER


def _join(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    group = walk.world.class_ if what % 3 == 2 else walk.world.workshop
    return JoinGroup(learner=learner, enrolment=walk.enrolment(learner, state, what), group=group), CASEWORKER


def _leave(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    group = walk.world.class_ if what % 3 == 2 else walk.world.workshop
    return LeaveGroup(learner=learner, enrolment=walk.enrolment(learner, state, what), group=group), CASEWORKER


def _sessions(walk: Walk, _who: int, what: int) -> Act:
    week = monday_of(walk.today - timedelta(days=7 * (what % 3)))
    days = [
        week + timedelta(days=at) for at in range(5) if week + timedelta(days=at) <= walk.today and (what >> at) % 2
    ]
    held = [HeldSession(day, "workshop", 60 + 30 * (what % 4)) for day in days]
    return RecordSessions(group=walk.world.workshop, week=week, sessions=held, why=WHY), EDUCATOR


def _sheet(walk: Walk, who: int, what: int) -> Act:
    week = monday_of(walk.today - timedelta(days=7 * (what % 3)))
    seated = list(dict.fromkeys(walk.state("group", walk.world.workshop).seats.values()))
    if not seated and what % 8:
        return _join(walk, who, what)
    rows = [
        AttendanceRow(
            learner,
            [
                DayGiven(week + timedelta(days=at), STATUSES[(who + what + at) % 5], 45 if what % 9 == 8 else None)
                for at in range(1 + what % 5)
            ],
        )
        for learner in (seated if what % 8 else walk.world.learners)
    ]
    correct = what % 4 == 1
    command = RecordAttendance(
        group=walk.world.workshop,
        week=week,
        component="workshop",
        rows=rows,
        correct=correct,
        why=WHY if what % 4 < 3 else None,
    )
    return command, EDUCATOR


def _lock(walk: Walk, _who: int, what: int) -> Act:
    month = month_of(walk.today - timedelta(days=30 * (what % 3)))
    return LockAttendance(group=walk.world.workshop, month=month), COORDINATOR


def _competence(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    command = AssessCompetence(
        learner=learner,
        enrolment=walk.enrolment(learner, state, what),
        module=f"M{what % 2}",
        result=("acquired", "in_progress")[what % 2],
    )
    return command, EDUCATOR


def _open_session(walk: Walk, _who: int, what: int) -> Act:
    command = OpenDiplomaSession(
        diploma_session=walk.session(what),
        authority=DELEGATION,
        held_from=walk.today,
        held_to=walk.today + timedelta(days=2),
        centres=[walk.world.centre],
        trades=["COU"],
        year=2026,
    )
    return command, EN_AGENT


def _list(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    enrolment = walk.enrolment(learner, state, what)
    session = walk.session(what)
    if not walk.state("diploma-session", session).version:
        return _open_session(walk, who, what)
    if state.admission.active and not state.identification.verification and what % 8:
        return _verify_identity(walk, who, what)
    return ListCandidate(learner=learner, enrolment=enrolment, session=session), EN_AGENT


def _exam(walk: Walk, who: int, what: int) -> Act:
    """What usually comes next for an exam session: candidates, closing, marks, minutes, diplomas."""
    state = walk.state("diploma-session", walk.session(what))
    if not state.version:
        return _open_session(walk, who, what)
    if state.minutes_version or what % 17 == 16:
        return _rectify(walk, who, what // 5) if what % 5 == 3 else _award(walk, who, what)
    if not state.is_closed:
        return _close(walk, who, what) if len(state.candidates) > what % 2 else _list(walk, who, what)
    unmarked = any(each.mark is None for each in state.candidates.values())
    return _mark(walk, who, what) if unmarked or what % 3 == 2 else _sign(walk, who, what)


def _close(walk: Walk, _who: int, what: int) -> Act:
    return CloseCandidateList(diploma_session=walk.session(what)), EN_AGENT


def _mark(walk: Walk, _who: int, what: int) -> Act:
    numbers = walk.state("diploma-session", walk.session(what)).candidates
    decisions = ("admitted", "admitted", "resit", "refused")
    marks = [
        Mark(number, 1, "present", 900 + what % 500, 1400, decisions[(what + at) % 4])
        for at, number in enumerate(numbers or ["0009"])
    ]
    why = WHY if what % 3 else None
    return RecordMarks(diploma_session=walk.session(what), marks=marks, why=why), EN_AGENT


def _sign(walk: Walk, _who: int, what: int) -> Act:
    return SignMinutes(diploma_session=walk.session(what), members=[JURY_MEMBER]), EN_AGENT


def _award(walk: Walk, _who: int, what: int) -> Act:
    numbers = list(walk.state("diploma-session", walk.session(what)).candidates) or ["0009"]
    number = numbers[what % len(numbers)]
    award = AwardLine(number, f"EN-{walk.world.number}-{what % 3}")
    return AwardDiplomas(diploma_session=walk.session(what), awarded_on=walk.today, awards=[award]), EN_AGENT


def _rectify(walk: Walk, _who: int, what: int) -> Act:
    session = walk.session(what)
    number, mark = next(
        (
            (number, each.mark)
            for number, each in walk.state("diploma-session", session).candidates.items()
            if each.mark
        ),
        ("0009", Mark("0009", 1, "present", 900, 900, "admitted")),
    )
    decision = ("admitted", "admitted", "refused")[what % 3]
    content: dict[str, Any] = (
        {"item": "result", "marks": [but(mark, candidate_number=number, written=950 + what, decision=decision)]},
        {"item": "members", "members": [JURY_MEMBER, WORKER][: 1 + what % 2]},
        {"item": "document", "document": walk.world.id(f"document/{what}")},
        {"item": "result", "document": walk.world.id("document")},
    )[what // 3 % 4]
    return RectifyMinutes(diploma_session=session, ground="addition_error", **content), EN_AGENT


def _diploma(walk: Walk, who: int, what: int) -> Act:
    """What may happen to a diploma: mostly to one that was awarded, to a learner who has one."""
    holders = [at for at in range(LEARNERS) if walk.learner(at)[1].diploma.diplomas]
    learner, state = walk.learner(holders[who % len(holders)] if holders else who)
    held = list(state.diploma.diplomas)
    diploma = held[-1] if held and what % 11 else walk.world.id("diploma/none")
    about: dict[str, Any] = {"learner": learner, "diploma": diploma}
    copies = len(state.diploma.diplomas[diploma].duplicates) if diploma in state.diploma.diplomas else 0
    match what // 11 % 6:
        case 0:
            number = f"EN-{walk.world.number}-{what % 4}" if what % 2 else None
            return CorrectDiploma(**about, number=number, names=what % 3 == 0, why=WHY), EN_AGENT
        case 1 | 2:
            return HandOverDiploma(**about, copy=copies - (what % 5 == 4)), COORDINATOR
        case 3 | 4:
            return IssueDuplicate(**about, ground="lost"), EN_AGENT
        case _:
            annul = AnnulDiploma(**about, ground="jury_error", authority=DELEGATION, act_reference=f"{what % 2}-26")
            return annul, EN_AGENT


def _end(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    command = EndEnrolment(
        learner=learner,
        enrolment=walk.enrolment(learner, state, what),
        exit="completed",
        ended_on=walk.today - timedelta(days=what % 3),
    )
    return command, CASEWORKER


def _declare(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    command = DeclareOutcome(
        learner=learner,
        outcome=walk.world.id(f"outcome/{learner}/{what % 3}"),
        enrolment=walk.enrolment(learner, state, what),
        kind=("employment", "formal_school")[what % 2],
        organisation="Atlas",
        province="CAS",
        starts_on=walk.today + timedelta(days=what % 9 - 4),
    )
    return command, CASEWORKER


def _verify(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    outcome, held = next(iter(state.outcomes.declared.items()), (walk.world.id("outcome/none"), None))
    method = ("site_visit", "phone")[what % 5 == 4]
    office = DIRECTORATE if (held is not None and held.kind == "formal_school") != (what % 4 == 3) else EN_AGENT
    return VerifyOutcome(learner=learner, outcome=outcome, method=method, authority=office.org), office


def _withdraw(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    facts = sorted(withdrawable(state), reverse=True)
    version = facts[what % len(facts)] if facts and what % 4 else 1 + what % (state.version + 1)
    is_verification = any(each.verified_version == version for each in state.outcomes.declared.values())
    is_derogation = version in state.identification.derogations.values()
    authority = DIRECTORATE if is_derogation else EN_AGENT if is_verification else COORDINATOR
    who_may = authority if what % 3 else COORDINATOR
    return WithdrawFact(learner=learner, version=version, why=WHY if what % 5 else None), who_may


def _settle(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    version, code, day = next(iter(sorted(state.review.open, key=str)), (what, "in-future", None))
    finding = ("explained", "confirmed", "dismissed")[what % 3]
    return SettleFlag(learner=learner, version=version, code=code, day=day, finding=finding, why=WHY), COORDINATOR


def _transfer(walk: Walk, who: int, what: int) -> Act:
    """Ask for a transfer to the other centre; where one was asked for, withdraw, reject or accept it."""
    learner, state = walk.learner(who)
    asked = state.transfers.pending
    if asked is None or what % 9 == 8:
        transfer = walk.world.id(f"transfer/{learner}/{len(state.transfers.requests)}")
        day, centre = walk.today + timedelta(days=what % 9 - 3), walk.world.elsewhere if what % 7 else walk.world.centre
        command = RequestTransfer(learner=learner, transfer=transfer, to_centre=centre, effective_on=day, why=WHY)
        return command, CASEWORKER
    if what % 4 == 0:
        return WithdrawTransfer(learner=learner, transfer=asked.transfer), CASEWORKER
    if what % 4 == 1:
        return RejectTransfer(learner=learner, transfer=asked.transfer, why=WHY), OTHER_COORDINATOR
    accept = AcceptTransfer(
        learner=learner,
        transfer=asked.transfer,
        enrolment=walk.world.id(f"enrolment/{learner}/{len(state.admission.enrolments)}"),
        convention=walk.world.convention_elsewhere if state.admission.active and what % 11 else None,
    )
    return accept, OTHER_COORDINATOR


def _forget(walk: Walk, who: int, what: int) -> Act:
    """What usually comes next of an erasure: asked for, refused or decided; once carried out, a new ground."""
    learner, state = walk.learner(who)
    asked = {key: each for key, each in state.privacy.erasures.items() if each.open}
    families = list(LEARNERS_FAMILIES[what % 3 : 2 + what % 3])
    if what % 7 == 6:
        return _hold(walk, who, what)
    if state.privacy.closed and what % 3:
        closed = sorted(state.privacy.closed)
        return StateNewGround(learner=learner, families=closed, ground="return", given_by="learner"), COORDINATOR
    if not asked:
        erasure = walk.world.id(f"erasure/{learner}/{len(state.privacy.erasures)}")
        by = OFFICER if what % 11 == 10 else CASEWORKER
        return RequestErasure(learner=learner, erasure=erasure, families=families, asked_by="guardian"), by
    erasure, held = next(iter(asked.items()))
    if what % 5 == 4:
        refused = sorted(held.open)[:1]
        return RefuseErasure(learner=learner, erasure=erasure, families=refused, ground="money_control"), OFFICER
    decided = DecideErasure(
        learner=learner, erasure=erasure, families=sorted(held.open), legal_basis="objection", whole=what % 13 == 12
    )
    return decided, OFFICER


def _hold(walk: Walk, who: int, what: int) -> Act:
    learner, state = walk.learner(who)
    if state.privacy.holds:
        return LiftHold(learner=learner, hold=next(iter(state.privacy.holds))), OFFICER
    hold = walk.world.id(f"hold/{learner}/{len(state.privacy.lifted)}")
    families = list(LEARNERS_FAMILIES[: 1 + what % 2])
    return PlaceHold(
        learner=learner, hold=hold, families=families, authority=DELEGATION, reference=f"{what}-25"
    ), OFFICER


Move = Callable[[Walk, int, int], "Act | None"]

NEXT: dict[str, Sequence[Move]] = {
    "unknown": (_identify,),
    "identified": (_verify_identity, _assess),
    "assessed": (_orient,),
    "oriented": (_verify_identity, _enrol, _enrol),
    "enrolled": (_join, _list, _sheet, _list),
    "candidate": (_exam, _exam, _sheet),
    "graduated": (_diploma, _diploma, _end, _sheet),
    "left": (_declare, _declare, _enrol, _diploma),
    "placed": (_verify, _verify, _declare, _diploma),
    "inserted": (_enrol, _declare),
}


def _advance(walk: Walk, who: int, what: int) -> Act | None:
    """What usually comes next for this learner."""
    if walk.learner(who)[1].transfers.pending and what % 3:
        return _transfer(walk, who, what // 3)
    moves = NEXT[status_of(walk.learner(who)[1])]
    return moves[what % len(moves)](walk, who, what // len(moves))


MOVES: tuple[Move, ...] = (
    *(_advance,) * 24,
    *(_days_pass,) * 3,
    *(_exam,) * 4,
    *(_sessions,) * 2,
    *(_sheet,) * 3,
    _identify,
    _record_identity,
    _verify_identity,
    _assess,
    _derogate,
    _orient,
    _enrol,
    _join,
    _leave,
    *(_lock,) * 2,
    _competence,
    _open_session,
    _list,
    _mark,
    _sign,
    _award,
    _rectify,
    *(_diploma,) * 3,
    _end,
    _declare,
    _verify,
    *(_withdraw,) * 3,
    _settle,
    *(_forget,) * 3,
    _transfer,
)

# What hypothesis draws a walk from: which move, which learner, and a byte for the move's own choices.
STEPS = st.lists(
    st.tuples(st.integers(0, len(MOVES) - 1), st.integers(0, LEARNERS - 1), st.integers(0, 255)),
    min_size=20,
    max_size=60,
)

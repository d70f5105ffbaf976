"""Diploma sessions of Entraide Nationale: candidates, the closed list, marks, the jury's minutes."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.codes import refuse_unknown
from domain.errors import RuleBroken, refuse_if
from domain.event import NIL, Event
from domain.kind import Act, Changes, Command, CommandSpec, Evolve, Kind, State, evolve_by
from domain.organisation import EndsBeforeStart, Organisation


class Mark(msgspec.Struct, frozen=True):
    """One candidate's exam: marks in hundredths (1250 = 12.50), absent where not sat; the jury's decision."""

    candidate_number: str
    sitting: int  # 1 | 2
    presence: str  # exam_presence
    written: int | None
    practical: int | None
    decision: str  # exam_decision


class Result(msgspec.Struct, frozen=True):
    """One line of the minutes."""

    candidate_number: str
    decision: str


class SessionOpened(Event, frozen=True, kw_only=True, tag="diploma-session.opened"):
    """Entraide Nationale opened an exam session."""

    authority: UUID  # the issuing delegation or coordination
    held_from: date
    held_to: date
    centres: list[UUID]
    trades: list[str]
    diploma_kind: str
    year: int


class CandidateEntered(Event, frozen=True, kw_only=True, tag="diploma-session.candidate-entered"):
    """A learner stands on the list of candidates. Same append as the learner's CandidateListed."""

    learner: UUID
    enrolment: UUID
    candidate_number: str


class CandidateListClosed(Event, frozen=True, kw_only=True, tag="diploma-session.candidate-list-closed"):
    """The list is closed: from here on it changes by a rectification act only (rule 18)."""


class MarksRecorded(Event, frozen=True, kw_only=True, tag="diploma-session.marks-recorded"):
    """Marks of these candidates. Same append as each learner's ExamMarked."""

    marks: list[Mark]


class MinutesSigned(Event, frozen=True, kw_only=True, tag="diploma-session.minutes-signed"):
    """The jury signed its minutes: the ground of every diploma of the session (rule 19)."""

    members: list[UUID]  # workers who signed
    results: list[Result]
    document: UUID | None
    signature: str  # signature_level


class MinutesRectified(Event, frozen=True, kw_only=True, tag="diploma-session.minutes-rectified"):
    """One item of the signed minutes was wrong: they say this from here on. Same append as a learner's ExamMarked."""

    item: str  # minutes_item
    ground: str  # minutes_ground
    rectifies: int  # version of the minutes, or of the rectification before
    marks: list[Mark]  # item result: the marks that hold now, of the candidates it concerns
    members: list[UUID]  # item members: who signed, all of them
    document: UUID | None  # item document: the paper that holds now


class Candidate(msgspec.Struct, frozen=True):
    """A candidate of the session: whose, and the last mark recorded."""

    learner: UUID
    enrolment: UUID
    mark: Mark | None = None


class DiplomaSession(State, frozen=True, kw_only=True):
    """A session: candidates by number, and where it stands."""

    authority: UUID = NIL
    held_from: date = date.min
    held_to: date = date.min
    centres: frozenset[UUID] = frozenset()
    trades: frozenset[str] = frozenset()
    diploma_kind: str = ""
    year: int = 0
    candidates: dict[str, Candidate] = {}
    is_closed: bool = False
    minutes_version: int = 0
    minutes_on: date = date.max  # the day they were signed
    members: frozenset[UUID] = frozenset()  # who signed them
    document: UUID | None = None  # their paper
    rectified_version: int = 0  # of their last rectification, 0 without one

    def candidate_number_of(self, enrolment: UUID) -> str | None:
        """The number this enrolment is listed under."""
        return next((number for number, each in self.candidates.items() if each.enrolment == enrolment), None)


def _opened(state: DiplomaSession, event: SessionOpened, _version: int) -> DiplomaSession:
    return msgspec.structs.replace(
        state,
        authority=event.authority,
        held_from=event.held_from,
        held_to=event.held_to,
        centres=frozenset(event.centres),
        trades=frozenset(event.trades),
        diploma_kind=event.diploma_kind,
        year=event.year,
    )


def _entered(state: DiplomaSession, event: CandidateEntered, _version: int) -> DiplomaSession:
    candidate = Candidate(event.learner, event.enrolment)
    return msgspec.structs.replace(state, candidates={**state.candidates, event.candidate_number: candidate})


def _closed(state: DiplomaSession, _event: CandidateListClosed, _version: int) -> DiplomaSession:
    return msgspec.structs.replace(state, is_closed=True)


def _marked(state: DiplomaSession, event: MarksRecorded, _version: int) -> DiplomaSession:
    return _with_marks(state, event.marks)


def _with_marks(state: DiplomaSession, marks: list[Mark]) -> DiplomaSession:
    marked = {
        mark.candidate_number: msgspec.structs.replace(state.candidates[mark.candidate_number], mark=mark)
        for mark in marks
        if mark.candidate_number in state.candidates
    }
    return msgspec.structs.replace(state, candidates={**state.candidates, **marked})


def _signed(state: DiplomaSession, event: MinutesSigned, version: int) -> DiplomaSession:
    members = frozenset(event.members)
    return msgspec.structs.replace(
        state, minutes_version=version, minutes_on=event.on, members=members, document=event.document
    )


def _rectified(state: DiplomaSession, event: MinutesRectified, version: int) -> DiplomaSession:
    return msgspec.structs.replace(
        _with_marks(state, event.marks),
        rectified_version=version,
        members=frozenset(event.members) if event.item == "members" else state.members,
        document=event.document if event.item == "document" else state.document,
    )


class OpenDiplomaSession(Command, frozen=True, kw_only=True):
    """Open an exam session."""

    diploma_session: UUID
    authority: UUID
    held_from: date
    held_to: date
    centres: list[UUID]
    trades: list[str]
    diploma_kind: str = "vocational_diploma"
    year: int


class CloseCandidateList(Command, frozen=True, kw_only=True):
    """Close the list of candidates."""

    diploma_session: UUID


class SignMinutes(Command, frozen=True, kw_only=True):
    """Sign the jury's minutes: the results are the marks' decisions."""

    diploma_session: UUID
    members: list[UUID]
    document: UUID | None = None
    signature: str = "paper"


class RectifyMinutes(Command, frozen=True, kw_only=True):
    """Rectify one item of the signed minutes: marks for results, members, or the document."""

    diploma_session: UUID
    item: str
    ground: str
    marks: list[Mark] = []
    members: list[UUID] = []
    document: UUID | None = None


class CandidateListEmpty(RuleBroken, frozen=True, kw_only=True):
    """No candidate stands on the list."""

    RULE = 18


class MarksMissing(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: minutes are signed when every candidate has a mark; these have none."""

    RULE = 19
    candidate_numbers: list[str]


class NotAnExamAuthority(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: sessions are opened for a delegation or regional coordination of Entraide Nationale."""

    RULE = 19
    kind: str
    fitting: list[str]


class YearFarFromExam(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: the register's year is that of the session, the one before or the one after."""

    RULE = 19
    year: int
    held_from: str


class SignedBeforeExam(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: minutes are of a session that was held; so diplomas cannot be dated before it either."""

    RULE = 19
    on: str
    held_from: str


class JuryMissing(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: minutes are signed by at least one member of the jury."""

    RULE = 19


class ContentOfAnotherItem(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: a rectification has what its item is about, and nothing of another item."""

    RULE = 19
    item: str
    needed: str  # the field it is about


class DiplomaStillInForce(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: who is no longer admitted holds a diploma of these minutes; it is annulled first."""

    RULE = 19
    candidate_number: str


EXAM_AUTHORITIES = ("en_delegation", "en_regional_coordination")


def open_diploma_session(command: OpenDiplomaSession, act: Act, *, authority: Organisation) -> Changes:
    """The session takes candidates. Refuses UnknownCode, EndsBeforeStart, NotAnExamAuthority, YearFarFromExam."""
    refuse_if(
        None
        if authority.kind in EXAM_AUTHORITIES
        else NotAnExamAuthority(pointer="/authority", kind=authority.kind, fitting=list(EXAM_AUTHORITIES)),
        None
        if abs(command.year - command.held_from.year) <= 1
        else YearFarFromExam(pointer="/year", year=command.year, held_from=str(command.held_from)),
        refuse_unknown("diploma_kind", command.diploma_kind, "/diploma_kind", act.on),
        *(refuse_unknown("trade", code, f"/trades/{at}", act.on) for at, code in enumerate(command.trades)),
        EndsBeforeStart(pointer="/held_to", starts_on=str(command.held_from), ends_on=str(command.held_to))
        if command.held_to < command.held_from
        else None,
    )
    return [(command.diploma_session, act.event(SessionOpened, command))]


def close_candidate_list(command: CloseCandidateList, act: Act, *, diploma_session: DiplomaSession) -> Changes:
    """The list is closed (rule 18). Refuses CandidateListEmpty."""
    refuse_if(None if diploma_session.candidates else CandidateListEmpty())
    return [(command.diploma_session, act.event(CandidateListClosed))]


def sign_minutes(command: SignMinutes, act: Act, *, diploma_session: DiplomaSession) -> Changes:
    """The minutes are signed; diplomas may cite them (rule 19). Refuses MarksMissing, JuryMissing and others."""
    unmarked = [number for number, each in diploma_session.candidates.items() if each.mark is None]
    refuse_if(
        refuse_unknown("signature_level", command.signature, "/signature", act.on),
        MarksMissing(candidate_numbers=unmarked) if unmarked else None,
        None if command.members else JuryMissing(pointer="/members"),
        SignedBeforeExam(pointer="/on", on=str(act.on), held_from=str(diploma_session.held_from))
        if act.on < diploma_session.held_from
        else None,
    )
    results = [
        Result(number, each.mark.decision)
        for number, each in diploma_session.candidates.items()
        if each.mark is not None
    ]
    return [(command.diploma_session, act.event(MinutesSigned, command, results=results))]


def status_of(session: DiplomaSession) -> str:
    """Unknown → open → closed → signed."""
    if not session.version:
        return "unknown"
    if session.minutes_version:
        return "signed"
    return "closed" if session.is_closed else "open"


EVOLVE: dict[type[Event], Evolve] = {
    SessionOpened: _opened,
    CandidateEntered: _entered,
    CandidateListClosed: _closed,
    MarksRecorded: _marked,
    MinutesSigned: _signed,
    MinutesRectified: _rectified,
}

KIND = Kind(
    name="diploma-session",
    plural="diploma-sessions",
    empty=DiplomaSession(),
    first=SessionOpened,
    evolve=evolve_by(EVOLVE),
    events=tuple(EVOLVE),
    status_of=status_of,
    life_cycle={
        "unknown": frozenset({"open-diploma-session"}),
        "open": frozenset({"close-candidate-list"}),
        "closed": frozenset({"record-marks", "sign-minutes"}),
        "signed": frozenset({"award-diplomas", "rectify-minutes"}),
    },
)

COMMANDS = (
    CommandSpec(
        command=OpenDiplomaSession,
        decide=open_diploma_session,
        kind="diploma-session",
        stream="diploma_session",
        roles=("en_agent",),
        reads=lambda command, _seen: {
            "authority": ("organisation", command.authority),
            "centres": ("centre", command.centres),
        },
    ),
    CommandSpec(
        command=CloseCandidateList,
        decide=close_candidate_list,
        kind="diploma-session",
        stream="diploma_session",
        noun="closures",
        roles=("en_agent",),
    ),
    CommandSpec(
        command=SignMinutes,
        decide=sign_minutes,
        kind="diploma-session",
        stream="diploma_session",
        noun="minutes",
        roles=("en_agent",),
        reads=lambda command, _seen: {"members": ("worker", command.members)},
    ),
)

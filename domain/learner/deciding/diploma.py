"""Deciding on diplomas: list a candidate, record marks, award what the minutes grant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from domain.codes import refuse_unknown
from domain.diploma_session import CandidateEntered, DiplomaSession, Mark, MarksRecorded, status_of
from domain.errors import ReasonNeeded, RuleBroken, in_future, refuse_if
from domain.event import EventRef
from domain.kind import Act, Changes, CommandSpec
from domain.learner.admission import Enrolment, IdentityErased
from domain.learner.deciding.admission import enrolment_of
from domain.learner.deciding.identification import opens_identity
from domain.learner.diploma import (
    AdmittedWithoutMark,
    AlreadyListed,
    AwardDiplomas,
    AwardedBeforeMinutes,
    AwardLine,
    CandidateListed,
    DiplomaAlreadyAwarded,
    DiplomaAwarded,
    ExamMarked,
    IdentityNotVerified,
    ListCandidate,
    ListClosed,
    MarkedBeforeExam,
    MarkOfAnAbsentee,
    MarkOutOfRange,
    NameFormUnsettled,
    NotAdmitted,
    NotInSession,
    NumberUnreadable,
    PrintedName,
    RecordMarks,
    Register,
    SameNumberTwice,
    UnknownCandidate,
    find_in_force,
    register_value,
    values_of,
)
from domain.learner.identification import Identity
from domain.learner.register import RegisterNumberInUse
from domain.learner.state import Learner
from domain.sealed import Erased, SealedFact, clear
from domain.values import BadText, clean_register_number, clean_text

NAME_FLAGS = frozenset({"missing-arabic-name", "missing-latin-name"})


def _missing_forms(identity: Identity | Erased | None) -> list[str]:
    """Rule 48: a diploma prints Arabic and Latin forms; a missing one is a flag Entraide Nationale settles."""
    scripts = {name.script for name in identity.names} if isinstance(identity, Identity) else set()
    return [f"missing-{script}-name" for script in ("arabic", "latin") if script not in scripts]


def _not_in_session(session: DiplomaSession, held: Enrolment) -> list[RuleBroken | None]:
    return [
        None if held.centre in session.centres else NotInSession(pointer="/session", what="centre"),
        None if held.trade in session.trades else NotInSession(pointer="/session", what="trade"),
    ]


def list_candidate(
    command: ListCandidate,
    act: Act,
    *,
    learner: Learner,
    session: DiplomaSession,
    identities: Mapping[UUID, Identity | Erased],
) -> Changes:
    """The learner stands on the session's list under the next number. Source: DOMAIN rules 18, 48.

    The session's event comes first: the learner's is caused by it, and names its version.
    """
    held, broken = enrolment_of(learner, command.enrolment, active=False)
    if held is None:
        refuse_if(broken)
        raise AssertionError("no enrolment is always a refusal")
    listed = learner.diploma.candidatures.get(command.enrolment)
    if listed is not None and listed.session == command.session:
        return []
    verification = learner.identification.verification
    refuse_if(
        None if verification else IdentityNotVerified(),
        None if status_of(session) == "open" else ListClosed(pointer="/session", status=status_of(session)),
        AlreadyListed(pointer="/enrolment", candidate_number=listed.candidate_number)
        if listed is not None and listed.decision in (None, "admitted")
        else None,
        *_not_in_session(session, held),
    )
    number = f"{len(session.candidates) + 1:04d}"
    assert verification is not None, "a candidate without one was refused"
    listed_as = act.event(
        CandidateListed,
        command,
        candidate_number=number,
        verification=verification.version,
        flags=_missing_forms(identities.get(command.learner)),
    )
    entered = act.event(CandidateEntered, command, candidate_number=number)
    caused = msgspec.structs.replace(act.by, cause=EventRef(command.session, session.version + 1))
    return [(command.session, entered), (command.learner, msgspec.structs.replace(listed_as, by=caused))]


def number_unreadable(number: str, pointer: str) -> NumberUnreadable | None:
    """Rule 19: a register number can be read and told from another."""
    try:
        return None if clean_register_number(number) else NumberUnreadable(pointer=pointer, problem="empty-text")
    except BadText as bad:
        return NumberUnreadable(pointer=pointer, problem=bad.code)


def twice(values: Iterable[str], pointer: str) -> list[RuleBroken | None]:
    """A refusal for each value that stands there more than once."""
    return [SameNumberTwice(pointer=pointer, value=each) for each, count in Counter(values).items() if count > 1]


def bad_mark(mark: Mark, session: DiplomaSession, at: int, act: Act) -> list[RuleBroken | None]:
    """What is wrong with the mark at this place of the request."""
    pointer = f"/marks/{at}"
    sat = mark.presence == "present"
    has_marks = mark.written is not None or mark.practical is not None
    return [
        None
        if mark.candidate_number in session.candidates
        else UnknownCandidate(pointer=f"{pointer}/candidate_number", candidate_number=mark.candidate_number),
        refuse_unknown("exam_presence", mark.presence, f"{pointer}/presence", act.on),
        refuse_unknown("exam_decision", mark.decision, f"{pointer}/decision", act.on),
        None if mark.sitting in (1, 2) else MarkOutOfRange(pointer=f"{pointer}/sitting", value=mark.sitting),
        *(
            None if value is None or 0 <= value <= 2000 else MarkOutOfRange(pointer=f"{pointer}/{name}", value=value)
            for name, value in (("written", mark.written), ("practical", mark.practical))
        ),
        MarkOfAnAbsentee(pointer=pointer, candidate_number=mark.candidate_number)
        if sat == (mark.decision == "absent") or (has_marks and not sat)
        else None,
        AdmittedWithoutMark(pointer=pointer, candidate_number=mark.candidate_number)
        if mark.decision == "admitted" and sat and not has_marks
        else None,
    ]


def _marks_changed(command: RecordMarks, act: Act, session: DiplomaSession) -> ReasonNeeded | None:
    """A mark that replaces another is a correction: it asks for a reason on any day."""
    held = {number: each.mark for number, each in session.candidates.items() if each.mark is not None}
    changed = any(held.get(mark.candidate_number, mark) != mark for mark in command.marks)
    days = act.parameters.number("back_dating_days", act.today)
    return ReasonNeeded(pointer="/why", days=days) if changed and command.why is None else None


def record_marks(command: RecordMarks, act: Act, *, diploma_session: DiplomaSession) -> Changes:
    """Each candidate's mark stands on the session and on the learner. Marks that are stored already change nothing.

    Refuses MarkedBeforeExam, AdmittedWithoutMark, ReasonNeeded for a mark that changes, and others.
    """
    held_from = diploma_session.held_from
    refuse_if(
        MarkedBeforeExam(pointer="/on", on=str(act.on), held_from=str(held_from)) if act.on < held_from else None,
        _marks_changed(command, act, diploma_session),
        *(bad for at, mark in enumerate(command.marks) for bad in bad_mark(mark, diploma_session, at, act)),
        *twice((mark.candidate_number for mark in command.marks), "/marks"),
    )
    new = new_marks(command.marks, diploma_session)
    if not new:
        return []
    recorded = act.event(MarksRecorded, marks=new)
    caused = msgspec.structs.replace(act.by, cause=EventRef(command.diploma_session, diploma_session.version + 1))
    of_session = msgspec.structs.replace(act, by=caused)
    on_learners = [
        (
            diploma_session.candidates[mark.candidate_number].learner,
            exam_marked(mark, of_session, command.diploma_session, diploma_session),
        )
        for mark in new
    ]
    return [(command.diploma_session, recorded), *on_learners]


def new_marks(marks: Iterable[Mark], session: DiplomaSession) -> list[Mark]:
    """Those the session does not hold as they are."""
    return [mark for mark in marks if session.candidates[mark.candidate_number].mark != mark]


def exam_marked(mark: Mark, act: Act, stream: UUID, session: DiplomaSession) -> ExamMarked:
    """The candidate's mark as the learner's stream has it. act: caused by the session's event."""
    return ExamMarked(
        on=act.on,
        by=act.by,
        why=act.why,
        enrolment=session.candidates[mark.candidate_number].enrolment,
        session=stream,
        sitting=mark.sitting,
        presence=mark.presence,
        written=mark.written,
        practical=mark.practical,
        decision=mark.decision,
    )


def unsettled_forms(learner: Learner, enrolment: UUID, identity: Identity) -> list[str]:
    """Rule 48: the forms that are missing now, or were when the candidate was listed, and are not settled."""
    listed = learner.diploma.candidatures[enrolment].version
    settled = {code for version, code, _ in learner.review.settled if version == listed}
    raised = {code for version, code, _ in learner.review.open if version == listed}
    return sorted((set(_missing_forms(identity)) | (raised & NAME_FLAGS)) - settled)


def not_printable(
    enrolment: UUID, number: str, pointer: str, learner: Learner, identity: Identity | Erased | None
) -> list[RuleBroken | None]:
    """Rules 18, 42, 48: what is printed is the verified identity, in the forms it has or that were settled."""
    if not isinstance(identity, Identity):
        return [IdentityErased(pointer=pointer)]
    unsettled = unsettled_forms(learner, enrolment, identity)
    return [
        None if learner.identification.verification else IdentityNotVerified(pointer=pointer),
        NameFormUnsettled(pointer=pointer, candidate_number=number, flags=unsettled) if unsettled else None,
    ]


def _bad_award(
    award: AwardLine,
    at: int,
    session: DiplomaSession,
    learners: Mapping[UUID, Learner],
    identities: Mapping[UUID, Identity | Erased],
) -> list[RuleBroken | None]:
    candidate = session.candidates.get(award.candidate_number)
    pointer = f"/awards/{at}/candidate_number"
    number = award.candidate_number
    if candidate is None or candidate.mark is None:
        return [UnknownCandidate(pointer=pointer, candidate_number=number)]
    decision = candidate.mark.decision
    learner = learners[candidate.learner]
    return [
        *not_printable(candidate.enrolment, number, pointer, learner, identities.get(candidate.learner)),
        None if decision == "admitted" else NotAdmitted(pointer=pointer, candidate_number=number, decision=decision),
        DiplomaAlreadyAwarded(pointer=pointer, candidate_number=number)
        if find_in_force(learner.diploma, candidate.enrolment) is not None
        else None,
        RegisterNumberInUse(pointer=f"/awards/{at}/number") if _had_number(award, session, learner) else None,
    ]


def _had_number(award: AwardLine, session: DiplomaSession, learner: Learner) -> bool:
    """Whether another diploma of this learner has or had the number; of other learners the claim says it."""
    wanted = register_value(_register_of(session), award.number)
    return any(wanted in values_of(each) for each in learner.diploma.diplomas.values())


def _register_of(session: DiplomaSession) -> Register:
    return Register(session.authority, session.diploma_kind, session.year)


def award_diplomas(
    command: AwardDiplomas,
    act: Act,
    *,
    diploma_session: DiplomaSession,
    learners: Mapping[UUID, Learner],
    identities: Mapping[UUID, Identity | Erased],
) -> Changes:
    """Each candidate named holds the diploma the minutes grant, under its register number (claimed, never freed).

    command.awarded_on: day the jury signed, local calendar. Refuses NotAdmitted, IdentityNotVerified, IdentityErased,
    NameFormUnsettled, DiplomaAlreadyAwarded, AwardedBeforeMinutes, register-number-in-use.
    Source: DOMAIN rules 18, 19, 48.
    """
    signed_on = diploma_session.minutes_on
    refuse_if(*(number_unreadable(each.number, f"/awards/{at}/number") for at, each in enumerate(command.awards)))
    refuse_if(
        in_future(command.awarded_on, "/awarded_on", act.today),
        AwardedBeforeMinutes(pointer="/awarded_on", awarded_on=str(command.awarded_on), signed_on=str(signed_on))
        if command.awarded_on < signed_on
        else None,
        *(
            bad
            for at, award in enumerate(command.awards)
            for bad in _bad_award(award, at, diploma_session, learners, identities)
        ),
        *twice((clean_register_number(award.number) for award in command.awards), "/awards"),
        *twice((award.candidate_number for award in command.awards), "/awards"),
    )
    return [_award(award, command, act, diploma_session, learners, identities) for award in command.awards]


def _award(
    award: AwardLine,
    command: AwardDiplomas,
    act: Act,
    session: DiplomaSession,
    learners: Mapping[UUID, Learner],
    identities: Mapping[UUID, Identity | Erased],
) -> tuple[UUID, DiplomaAwarded]:
    candidate = session.candidates[award.candidate_number]
    enrolment = learners[candidate.learner].admission.enrolments[candidate.enrolment]
    minutes = EventRef(command.diploma_session, session.minutes_version)
    identity = identities[candidate.learner]
    assert isinstance(identity, Identity), "an erased identity was refused"
    event = DiplomaAwarded(
        on=act.on,
        by=msgspec.structs.replace(act.by, cause=minutes),
        why=act.why,
        diploma=act.new_id("diploma", award.candidate_number),
        enrolment=candidate.enrolment,
        centre=enrolment.centre,
        convention=enrolment.convention,
        register=_register_of(session),
        number=clean_text(award.number, longest=60),
        title=session.diploma_kind,
        trade=enrolment.trade,
        level=enrolment.level,
        minutes=minutes,
        awarded_on=command.awarded_on,
        partner_reference=act.new_id("partner-reference", award.candidate_number),
        printed=clear(printed_name(identity)),
    )
    return candidate.learner, event


def printed_name(identity: Identity) -> PrintedName:
    """The forms a diploma prints; one that is missing stays empty."""
    forms = {name.script: f"{name.given} {name.family}".strip() for name in identity.names}
    return PrintedName(arabic=forms.get("arabic"), latin=forms.get("latin"))


def reads_candidates(numbers: Iterable[str], seen: Mapping[str, Any]) -> dict[str, Any]:
    """The learners of these candidates, those the session knows."""
    session: DiplomaSession = seen["diploma_session"]
    known = [session.candidates[number].learner for number in numbers if number in session.candidates]
    return {"learners": ("learner", known)}


def _identities(_command: Any, seen: Mapping[str, Any]) -> dict[UUID, SealedFact[Any]]:
    facts = {key: learner.identification.identity for key, learner in seen["learners"].items()}
    return {key: fact for key, fact in facts.items() if fact is not None}


COMMANDS = (
    CommandSpec(
        command=ListCandidate,
        decide=list_candidate,
        kind="learner",
        stream="learner",
        noun="candidatures",
        roles=("en_agent",),
        reads=lambda command, _seen: {"session": ("diploma-session", command.session)},
        opens={"identities": opens_identity},
    ),
    CommandSpec(
        command=RecordMarks,
        decide=record_marks,
        kind="diploma-session",
        stream="diploma_session",
        noun="marks",
        roles=("en_agent",),
        reads=lambda command, seen: reads_candidates((mark.candidate_number for mark in command.marks), seen),
    ),
    CommandSpec(
        command=AwardDiplomas,
        decide=award_diplomas,
        kind="diploma-session",
        stream="diploma_session",
        noun="awards",
        roles=("en_agent",),
        reads=lambda command, seen: reads_candidates((award.candidate_number for award in command.awards), seen),
        opens={"identities": _identities},
    ),
)

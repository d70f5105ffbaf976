"""Diploma by Entraide Nationale: candidate, exam, award."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, cast
from uuid import UUID

import msgspec

from domain.diploma_session import Mark
from domain.errors import RuleBroken
from domain.event import Event, EventRef
from domain.kind import ClaimSource, Command
from domain.sealed import Personal, Sealed, SealedFact, fact_of
from domain.values import clean_register_number


class PrintedName(Personal, frozen=True):
    """The names as printed on the diploma. Family `register`: it is kept as long as the register."""

    FAMILY: ClassVar[str] = "register"
    arabic: str | None = None
    latin: str | None = None


class Register(msgspec.Struct, frozen=True):
    """A register of diplomas: issuing delegation, kind, year. A number is unique in it for ever."""

    delegation: UUID
    kind: str
    year: int


class CandidateListed(Event, frozen=True, kw_only=True, tag="learner.candidate-listed"):
    """The learner stands on a session's list: same append as, and caused by, the session's CandidateEntered."""

    enrolment: UUID
    session: UUID
    candidate_number: str
    verification: int  # version of the verification relied on
    flags: list[str]


class ExamMarked(Event, frozen=True, kw_only=True, tag="learner.exam-marked"):
    """The learner's marks in a session, in hundredths. Caused by the session's MarksRecorded."""

    enrolment: UUID
    session: UUID
    sitting: int
    presence: str
    written: int | None
    practical: int | None
    decision: str


class DiplomaAwarded(Event, frozen=True, kw_only=True, tag="learner.diploma-awarded"):
    """Entraide Nationale's jury awarded the diploma; ends only by DiplomaAnnulled. Public on the partner feed."""

    diploma: UUID
    enrolment: UUID
    centre: UUID
    convention: UUID
    register: Register
    number: str  # unique for ever in its register; public
    title: str  # what it is called on paper, a code of diploma_kind
    trade: str | None
    level: str
    minutes: EventRef  # the signed minutes it rests on (rule 19)
    awarded_on: date
    partner_reference: UUID  # random: what partners know the learner by
    printed: Sealed[PrintedName]


class DiplomaCorrected(Event, frozen=True, kw_only=True, tag="learner.diploma-corrected"):
    """The diploma was wrong and says this from here on. An earlier number stays taken. Public on the partner feed."""

    diploma: UUID
    enrolment: UUID
    corrects: int  # version of the event whose facts these replace: its award, or the correction before
    changed: list[str]  # which of the facts below differ, codes of diploma_item; `printed_names` among them
    number: str
    title: str
    trade: str | None
    level: str
    awarded_on: date
    printed: Sealed[PrintedName] | None  # None: the names stay as they are printed


class DiplomaHandedOver(Event, frozen=True, kw_only=True, tag="learner.diploma-handed-over"):
    """The paper was given to its holder or who may take it for them, on the day `on`. Public on the partner feed."""

    diploma: UUID
    enrolment: UUID
    copy: int  # 0: the original; n: the n-th duplicate
    recipient: str  # diploma_recipient
    receipt: UUID | None  # the signed receipt, a document


class DiplomaDuplicateIssued(Event, frozen=True, kw_only=True, tag="learner.diploma-duplicate-issued"):
    """A duplicate of the diploma was issued, under the same number. Public on the partner feed."""

    diploma: UUID
    enrolment: UUID
    copy: int  # 1 for the first duplicate
    ground: str  # duplicate_ground


class DiplomaAnnulled(Event, frozen=True, kw_only=True, tag="learner.diploma-annulled"):
    """The diploma holds no longer; it stays in the register as annulled (rule 20). Public on the partner feed."""

    diploma: UUID
    enrolment: UUID
    ground: str  # annulment_ground
    authority: UUID  # the organisation that decided it
    act_reference: str  # of the decision, as its paper has it


class DiplomaMinutesRectified(Event, frozen=True, kw_only=True, tag="learner.diploma-minutes-rectified"):
    """The minutes this diploma rests on were rectified in what concerns its holder; it stands. Public on the feed.

    Same append as, and caused by, the session's MinutesRectified.
    """

    diploma: UUID
    enrolment: UUID
    minutes: EventRef  # the session's MinutesRectified


class Candidature(msgspec.Struct, frozen=True):
    """A listing in a session, and the last decision of its jury."""

    version: int
    session: UUID
    candidate_number: str
    decision: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """Who took a copy, and the paper they signed."""

    recipient: str
    document: UUID | None


class Annulment(msgspec.Struct, frozen=True):
    """The decision a diploma was annulled by."""

    ground: str
    authority: UUID
    act_reference: str


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """A diploma that was awarded, as it says now. In force until it is annulled."""

    version: int  # of the event it was awarded by
    facts_version: int  # of the event whose facts hold: the award, or the last correction
    enrolment: UUID
    register: Register
    number: str
    earlier_numbers: tuple[str, ...] = ()  # it had before it was corrected: taken for ever
    title: str
    trade: str | None
    level: str
    centre: UUID
    convention: UUID
    minutes: EventRef
    awarded_on: date
    partner_reference: UUID
    printed: SealedFact[PrintedName]
    minutes_rectified_on: date | None = None
    duplicates: tuple[date, ...] = ()  # the day each was issued
    handed_over: dict[int, date] = {}  # copy → the day it was given
    receipts: dict[int, Receipt] = {}  # of the copies given
    annulled_on: date | None = None
    annulled_version: int | None = None
    annulment: Annulment | None = None

    @property
    def status(self) -> str:
        """in_force, or annulled for ever."""
        return "in_force" if self.annulled_on is None else "annulled"


class DiplomaStage(msgspec.Struct, frozen=True, kw_only=True):
    """Candidatures by enrolment (the last one) and diplomas by id."""

    candidatures: dict[UUID, Candidature] = {}
    diplomas: dict[UUID, Award] = {}


def on_candidate_listed(stage: DiplomaStage, event: CandidateListed, version: int) -> DiplomaStage:
    """The stage after: candidate listed."""
    listed = Candidature(version, event.session, event.candidate_number)
    return msgspec.structs.replace(stage, candidatures={**stage.candidatures, event.enrolment: listed})


def on_exam_marked(stage: DiplomaStage, event: ExamMarked, _version: int) -> DiplomaStage:
    """The stage after: exam marked."""
    listed = stage.candidatures.get(event.enrolment)
    if listed is None or listed.session != event.session:
        return stage
    marked = msgspec.structs.replace(listed, decision=event.decision)
    return msgspec.structs.replace(stage, candidatures={**stage.candidatures, event.enrolment: marked})


def on_diploma_awarded(stage: DiplomaStage, event: DiplomaAwarded, version: int) -> DiplomaStage:
    """The stage after: diploma awarded."""
    award = Award(
        version=version,
        facts_version=version,
        enrolment=event.enrolment,
        register=event.register,
        number=event.number,
        title=event.title,
        trade=event.trade,
        level=event.level,
        centre=event.centre,
        convention=event.convention,
        minutes=event.minutes,
        awarded_on=event.awarded_on,
        partner_reference=event.partner_reference,
        printed=cast("SealedFact[PrintedName]", fact_of(event, "printed", version)),  # an award prints names
    )
    return msgspec.structs.replace(stage, diplomas={**stage.diplomas, event.diploma: award})


def _with_award(stage: DiplomaStage, diploma: UUID, **changed: Any) -> DiplomaStage:
    """The stage with this diploma changed; one it does not know stays unknown."""
    award = stage.diplomas.get(diploma)
    if award is None:
        return stage
    return msgspec.structs.replace(
        stage, diplomas={**stage.diplomas, diploma: msgspec.structs.replace(award, **changed)}
    )


def on_diploma_corrected(stage: DiplomaStage, event: DiplomaCorrected, version: int) -> DiplomaStage:
    """The stage after: what the diploma says replaced, its earlier number kept."""
    award = stage.diplomas.get(event.diploma)
    if award is None:
        return stage
    renumbered = award.number != event.number
    return _with_award(
        stage,
        event.diploma,
        facts_version=version,
        number=event.number,
        earlier_numbers=(*award.earlier_numbers, award.number) if renumbered else award.earlier_numbers,
        title=event.title,
        trade=event.trade,
        level=event.level,
        awarded_on=event.awarded_on,
        printed=fact_of(event, "printed", version) or award.printed,
    )


def on_diploma_handed_over(stage: DiplomaStage, event: DiplomaHandedOver, _version: int) -> DiplomaStage:
    """The stage after: a copy given."""
    award = stage.diplomas.get(event.diploma)
    if award is None:
        return stage
    receipt = Receipt(event.recipient, event.receipt)
    return _with_award(
        stage,
        event.diploma,
        handed_over={**award.handed_over, event.copy: event.on},
        receipts={**award.receipts, event.copy: receipt},
    )


def on_diploma_duplicate_issued(stage: DiplomaStage, event: DiplomaDuplicateIssued, _version: int) -> DiplomaStage:
    """The stage after: one more copy exists."""
    award = stage.diplomas.get(event.diploma)
    issued = (*award.duplicates, event.on) if award else ()
    return _with_award(stage, event.diploma, duplicates=issued)


def on_diploma_annulled(stage: DiplomaStage, event: DiplomaAnnulled, version: int) -> DiplomaStage:
    """The stage after: the diploma holds no longer and stays in the register."""
    annulment = Annulment(event.ground, event.authority, event.act_reference)
    return _with_award(stage, event.diploma, annulled_on=event.on, annulled_version=version, annulment=annulment)


def on_diploma_minutes_rectified(stage: DiplomaStage, event: DiplomaMinutesRectified, _version: int) -> DiplomaStage:
    """The stage after: the minutes it rests on were rectified."""
    return _with_award(stage, event.diploma, minutes_rectified_on=event.on)


def claims_of(stage: DiplomaStage) -> list[ClaimSource]:
    """Register and number, never freed: an annulled diploma stays in the state, and so does a corrected number."""
    return [
        ClaimSource(kind="register-number", value=value)
        for each in stage.diplomas.values()
        for value in values_of(each)
    ]


def values_of(award: Award) -> list[str]:
    """Every value claimed for the diploma: of its number, and of those it had."""
    return [register_value(award.register, number) for number in (*award.earlier_numbers, award.number)]


def find_in_force(stage: DiplomaStage, enrolment: UUID) -> UUID | None:
    """The diploma in force of this enrolment; None where there is none, or where it was annulled."""
    held = (key for key, each in stage.diplomas.items() if each.enrolment == enrolment and each.annulled_on is None)
    return next(held, None)


def register_value(register: Register, number: str) -> str:
    """What is claimed for a diploma: delegation, kind, year, number; however typed, one number is one value."""
    return f"{register.delegation} {register.kind} {register.year} {clean_register_number(number)}"


class ListCandidate(Command, frozen=True, kw_only=True):
    """Put the learner on a session's list of candidates."""

    learner: UUID
    enrolment: UUID
    session: UUID


class RecordMarks(Command, frozen=True, kw_only=True):
    """Record marks of candidates, each by number."""

    diploma_session: UUID
    marks: list[Mark]


class AwardLine(msgspec.Struct, frozen=True):
    """One diploma to award: whose, under which register number."""

    candidate_number: str
    number: str


class AwardDiplomas(Command, frozen=True, kw_only=True):
    """Award the diplomas the signed minutes grant. awarded_on: day the jury signed."""

    diploma_session: UUID
    awarded_on: date
    awards: list[AwardLine]

    def occurred_on(self) -> date | None:
        """The day the jury signed, unless another business date is given."""
        return self.on or self.awarded_on

    def earliest_date(self) -> date | None:
        """The day the jury signed."""
        return self.awarded_on


class IdentityNotVerified(RuleBroken, frozen=True, kw_only=True):
    """Rule 18: a candidate needs a verified identity, when listed and when awarded."""

    RULE = 18


class ListClosed(RuleBroken, frozen=True, kw_only=True):
    """Rule 18: a closed list changes only by a rectification act."""

    RULE = 18
    status: str


class AlreadyListed(RuleBroken, frozen=True, kw_only=True):
    """The enrolment stands on a session's list already."""

    RULE = 18
    candidate_number: str


class NotInSession(RuleBroken, frozen=True, kw_only=True):
    """The session does not take candidates of this centre or trade."""

    RULE = 18
    what: str  # centre | trade


class UnknownCandidate(RuleBroken, frozen=True, kw_only=True):
    """No candidate of the session has this number."""

    RULE = 19
    candidate_number: str


class NotAdmitted(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: the signed minutes do not admit this candidate."""

    RULE = 19
    candidate_number: str
    decision: str


class DiplomaAlreadyAwarded(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: the enrolment's candidate holds a diploma of this session already."""

    RULE = 19
    candidate_number: str


class AwardedBeforeMinutes(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: signed minutes precede any diploma; they were not signed by that day."""

    RULE = 19
    awarded_on: str
    signed_on: str


class MarkedBeforeExam(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: nobody is marked before the session is held."""

    RULE = 19
    on: str
    held_from: str


class AdmittedWithoutMark(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: who is admitted has one mark at least."""

    RULE = 19
    candidate_number: str


class NameFormUnsettled(RuleBroken, frozen=True, kw_only=True):
    """Rule 48: a form of the name that a diploma prints is missing, and nobody has settled that; `flags` says which."""

    RULE = 48
    candidate_number: str
    flags: list[str]


class SameNumberTwice(RuleBroken, frozen=True, kw_only=True):
    """A candidate or a register number stands twice in one request."""

    RULE = 19
    value: str


class NumberUnreadable(RuleBroken, frozen=True, kw_only=True):
    """The register number is empty or holds characters no number has; `problem` is the code of what is wrong."""

    RULE = 19
    problem: str


class MarkOutOfRange(RuleBroken, frozen=True, kw_only=True):
    """A mark is 0 to 2000 hundredths (0 to 20); a sitting is 1 or 2."""

    value: int


class MarkOfAnAbsentee(RuleBroken, frozen=True, kw_only=True):
    """An absent candidate has no marks and the decision `absent`; a present one has a decision other than `absent`."""

    candidate_number: str

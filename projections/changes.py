"""What an event changed: field → [before, after], from the states around it. The timeline and the audit trail show it.

An event that changes nothing that stood has no row here. Nothing sealed stands in it and no sealed type is imported: an
identity is named by its version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from domain.centre import TradesApproved
from domain.diploma_session import CandidateEntered, CandidateListClosed, MarksRecorded, MinutesRectified, MinutesSigned
from domain.event import Event
from domain.group import AttendanceLocked, SeatFreed, SeatTaken, SessionsHeld
from domain.learner import outcome, privacy, review, transfer
from domain.learner.admission import GroupJoined, GroupLeft, LearnerEnrolled, LearnerOriented
from domain.learner.diploma import (
    CandidateListed,
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
    ExamMarked,
)
from domain.learner.identification import DerogationGranted, EligibilityAssessed, IdentityRecorded, IdentityVerified
from domain.learner.leaving import EnrolmentEnded
from domain.learner.state import Learner, status_of
from domain.learner.training import AttendanceRecorded, CompetenceAssessed, Training
from domain.organisation import AccessRevoked, EmergencyAccessReviewed
from domain.parameter import ParameterSet
from domain.streams import EVENTS
from domain.worker import LoginBound, WorkerLeft

Changes: TypeAlias = dict[str, tuple[Any, Any]]  # field → (before, after)
Change: TypeAlias = Callable[[Any, Any, Any], Changes]  # (before, event, after) → what changed


def _status(before: Learner, after: Learner) -> Changes:
    then, now = status_of(before), status_of(after)
    return {"status": (then, now)} if then != now else {}


def _of_status(before: Learner, _event: Event, after: Learner) -> Changes:
    return _status(before, after)


def _identity(before: Learner, _event: Event, after: Learner) -> Changes:
    """Versions of the events that hold the identity and the contacts; the values are opened by who may read them."""
    then, now = before.identification, after.identification
    pairs = {"identity": (then.identity, now.identity), "contacts": (then.contacts, now.contacts)}
    return {
        name: (old.version if old else None, new.version if new else None)
        for name, (old, new) in pairs.items()
        if old is not new
    }


def _verified(before: Learner, _event: Event, after: Learner) -> Changes:
    then, now = before.identification.verification, after.identification.verification
    return {"verified": (then is not None, now is not None)}


def _assessed(before: Learner, event: EligibilityAssessed, after: Learner) -> Changes:
    held = before.identification.assessments.get(event.season)
    return {"result": (held.result if held else None, event.result), **_status(before, after)}


def _derogation(before: Learner, event: DerogationGranted, after: Learner) -> Changes:
    key = (event.rule, event.season)
    return {"derogation": (before.identification.derogations.get(key), after.identification.derogations.get(key))}


def _oriented(before: Learner, event: LearnerOriented, after: Learner) -> Changes:
    held = before.admission.orientations.get(event.season)
    return {"orientation": (held, after.version), **_status(before, after)}


def _joined(before: Learner, event: GroupJoined, _after: Learner) -> Changes:
    held = before.admission.enrolments.get(event.enrolment)
    groups = [group for group in held.groups if group not in held.left] if held else []
    return {"groups": (groups, [*groups, event.group])}


def _left(before: Learner, event: GroupLeft, _after: Learner) -> Changes:
    held = before.admission.enrolments.get(event.enrolment)
    groups = [group for group in held.groups if group not in held.left] if held else []
    return {"groups": (groups, [group for group in groups if group != event.group])}


def _attendance(before: Learner, event: AttendanceRecorded, _after: Learner) -> Changes:
    """The days the sheet had before, where it corrects one; a first sheet changes nothing that stood."""
    held = before.training.weeks.get((event.enrolment, event.group, event.week, event.component))
    return {"days": (held.days, event.days)} if held is not None else {}


def _competence(before: Learner, event: CompetenceAssessed, after: Learner) -> Changes:
    held = before.training.competences.get((event.enrolment, event.module))
    return {"competence": (held, after.version)} if held is not None else {}


def _marked(before: Learner, event: ExamMarked, after: Learner) -> Changes:
    then = before.diploma.candidatures.get(event.enrolment)
    now = after.diploma.candidatures.get(event.enrolment)
    return {"decision": (then.decision if then else None, now.decision if now else None)}


def _corrected(before: Learner, event: DiplomaCorrected, after: Learner) -> Changes:
    """What the diploma said and says; the names printed by the version of the event that holds them."""
    held = before.diploma.diplomas.get(event.diploma)
    if held is None:
        return {}
    said = {name: (getattr(held, name), getattr(event, name)) for name in event.changed if hasattr(event, name)}
    if event.printed is None:
        return said
    return {**said, "printed_names": (held.printed.version, after.version)}


def _handed_over(_before: Learner, event: DiplomaHandedOver, _after: Learner) -> Changes:
    return {"handed_over_on": (None, event.on)}


def _duplicates(before: Learner, event: DiplomaDuplicateIssued, after: Learner) -> Changes:
    then, now = (state.diploma.diplomas.get(event.diploma) for state in (before, after))
    return {"duplicates": (len(then.duplicates) if then else 0, len(now.duplicates) if now else 0)}


def _annulled(before: Learner, _event: DiplomaAnnulled, after: Learner) -> Changes:
    return {"in_force": (True, False), **_status(before, after)}


def _minutes_of_diploma(before: Learner, event: DiplomaMinutesRectified, _after: Learner) -> Changes:
    held = before.diploma.diplomas.get(event.diploma)
    return {"minutes_rectified_on": (held.minutes_rectified_on if held else None, event.on)}


def _outcome(before: Learner, _event: Event, after: Learner) -> Changes:
    then, now = before.outcomes.in_force, after.outcomes.in_force
    return {"outcome": (then.kind if then else None, now.kind if now else None), **_status(before, after)}


def _settled(before: Learner, event: review.FlagSettled, after: Learner) -> Changes:
    changes: Changes = {"flag": ("open", event.finding)}
    then, now = (_counted(state.training, event.version) for state in (before, after))
    return {**changes, "minutes": (then, now)} if then != now else changes


def _counted(training: Training, version: int) -> int:
    return sum(week.minutes_present() for week in training.weeks.values() if week.version == version)


def _withdrawn(before: Learner, event: review.FactWithdrawn, after: Learner) -> Changes:
    """The fact stood and stands no more; where an earlier identity is in force again, which."""
    days = next((week.days for week in before.training.weeks.values() if week.version == event.version), None)
    return {
        "in_force": (True, False),
        **({"days": (days, None)} if days is not None else {}),
        **_identity(before, event, after),
        **_status(before, after),
    }


def _closed_families(before: Learner, event: Event, after: Learner) -> Changes:
    """The families nothing more is recorded of; and that what was in force of them no longer is."""
    then, now = sorted(before.privacy.closed), sorted(after.privacy.closed)
    return {"closed_families": (then, now), **_identity(before, event, after)}


def _transfer(before: Learner, event: Any, after: Learner) -> Changes:
    """What became of the request; with an acceptance the centre responsible changes too, which the enrolment says."""
    then, now = (state.transfers.requests.get(event.transfer) for state in (before, after))
    stands = [each and (each.answer or "requested") for each in (then, now)]
    return {"transfer": (stands[0], stands[1])}


def _seats(before: Any, _event: Event, after: Any) -> Changes:
    return {"seats": (len(before.seats), len(after.seats))}


def _sessions(before: Any, event: SessionsHeld, _after: Any) -> Changes:
    held = before.weeks.get(event.week)
    return {"sessions": (held, event.sessions)} if held is not None else {}


def _locked(before: Any, event: AttendanceLocked, _after: Any) -> Changes:
    return {"locked": (event.month in before.locked, True)}


def _trades(before: Any, event: TradesApproved, after: Any) -> Changes:
    held = before.trades.get(event.season)
    return {"trades": (sorted(held) if held is not None else None, sorted(after.trades[event.season]))}


def _parameter(before: Any, event: ParameterSet, _after: Any) -> Changes:
    return {"value": (before.values.text(event.name, event.valid_from), event.value)}


def _login(before: Any, event: LoginBound, after: Any) -> Changes:
    held = before.logins.get(event.issuer)
    return {"login": (held.version if held else None, after.version)}


def _departed(before: Any, event: WorkerLeft, _after: Any) -> Changes:
    return {"left_on": (before.left_on, event.left_on)}


def _candidates(before: Any, _event: Event, after: Any) -> Changes:
    return {"candidates": (len(before.candidates), len(after.candidates))}


def _closed(before: Any, _event: Event, after: Any) -> Changes:
    return {"is_closed": (before.is_closed, after.is_closed)}


def _marks(before: Any, event: MarksRecorded | MinutesRectified, _after: Any) -> Changes:
    held = [
        before.candidates[each.candidate_number] for each in event.marks if each.candidate_number in before.candidates
    ]
    earlier = [each.mark for each in held if each.mark is not None]
    return {"marks": (earlier, event.marks)} if earlier else {}


def _signed(before: Any, _event: Event, after: Any) -> Changes:
    return {"minutes": (before.minutes_version or None, after.minutes_version)}


def _rectified(before: Any, event: MinutesRectified, after: Any) -> Changes:
    """The item of the minutes that was rectified, and the version they are rectified by."""
    minutes = {"minutes": (event.rectifies, after.version)}
    match event.item:
        case "members":
            return {**minutes, "members": (sorted(before.members), sorted(event.members))}
        case "document":
            return {**minutes, "document": (before.document, event.document)}
    return {**minutes, **_marks(before, event, after)}


# An event that is not named here adds a fact and changes none that stood.
CHANGES: Final[Mapping[type[Event], Change]] = {
    EVENTS["learner.identified"]: _of_status,
    IdentityRecorded: _identity,
    IdentityVerified: _verified,
    EligibilityAssessed: _assessed,
    DerogationGranted: _derogation,
    LearnerOriented: _oriented,
    LearnerEnrolled: _of_status,
    GroupJoined: _joined,
    GroupLeft: _left,
    AttendanceRecorded: _attendance,
    CompetenceAssessed: _competence,
    CandidateListed: _of_status,
    ExamMarked: _marked,
    DiplomaAwarded: _of_status,
    DiplomaCorrected: _corrected,
    DiplomaHandedOver: _handed_over,
    DiplomaDuplicateIssued: _duplicates,
    DiplomaAnnulled: _annulled,
    DiplomaMinutesRectified: _minutes_of_diploma,
    EnrolmentEnded: _of_status,
    outcome.OutcomeDeclared: _outcome,
    outcome.OutcomeVerified: _outcome,
    review.FlagSettled: _settled,
    review.FactWithdrawn: _withdrawn,
    privacy.ErasureDecided: _closed_families,
    privacy.NewGroundStated: _closed_families,
    transfer.TransferRequested: _transfer,
    transfer.TransferAccepted: _transfer,
    transfer.TransferRejected: _transfer,
    transfer.TransferWithdrawn: _transfer,
    SeatTaken: _seats,
    SeatFreed: _seats,
    SessionsHeld: _sessions,
    AttendanceLocked: _locked,
    TradesApproved: _trades,
    ParameterSet: _parameter,
    LoginBound: _login,
    WorkerLeft: _departed,
    AccessRevoked: lambda _before, _event, _after: {"in_force": (True, False)},
    EmergencyAccessReviewed: lambda _before, event, _after: {"finding": (None, event.finding)},
    CandidateEntered: _candidates,
    CandidateListClosed: _closed,
    MarksRecorded: _marks,
    MinutesSigned: _signed,
    MinutesRectified: _rectified,
}

"""A learner: the product of the stages, the status they add up to, and the life cycle."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.event import Event
from domain.kind import ClaimSource, Evolve, Kind, State
from domain.learner import admission, diploma, identification, leaving, outcome, privacy, review, training, transfer
from domain.learner.admission import Admission
from domain.learner.diploma import DiplomaStage
from domain.learner.identification import Identification
from domain.learner.outcome import Outcomes
from domain.learner.privacy import Privacy
from domain.learner.review import Review
from domain.learner.training import Training
from domain.learner.transfer import Transfers


class Learner(State, frozen=True, kw_only=True):
    """A learner's path so far, by stage."""

    identification: Identification = Identification()
    admission: Admission = Admission()
    training: Training = Training()
    diploma: DiplomaStage = DiplomaStage()
    outcomes: Outcomes = Outcomes()
    review: Review = Review()
    transfers: Transfers = Transfers()
    privacy: Privacy = Privacy()


def _withdrawn(stage_module: Any) -> Evolve:
    return lambda stage, event, _version: stage_module.withdrawn(stage, event.version)


def _on_flag_settled(stage: Training, event: review.FlagSettled, _version: int) -> Training:
    return training.with_flag_settled(stage, (event.version, event.code, event.day), event.finding)


def _on_erasure_decided(stage: Identification, event: privacy.ErasureDecided, _version: int) -> Identification:
    return identification.forgotten(stage, event.families)


# event → the stages it changes, each with its evolve function
EVOLVE: Final[dict[type[Event], tuple[tuple[str, Evolve], ...]]] = {
    identification.LearnerIdentified: (("identification", identification.on_identified),),
    identification.IdentityRecorded: (("identification", identification.on_identity_recorded),),
    identification.IdentityVerified: (("identification", identification.on_identity_verified),),
    identification.EligibilityAssessed: (
        ("identification", identification.on_eligibility_assessed),
        ("review", review.on_flags),
    ),
    identification.DerogationGranted: (("identification", identification.on_derogation_granted),),
    admission.LearnerOriented: (("admission", admission.on_oriented),),
    admission.LearnerEnrolled: (
        ("admission", admission.on_enrolled),
        ("review", review.on_flags),
        ("transfers", transfer.on_enrolled),
    ),
    admission.GroupJoined: (("admission", admission.on_group_joined),),
    admission.GroupLeft: (("admission", admission.on_group_left),),
    training.AttendanceRecorded: (("training", training.on_attendance_recorded), ("review", review.on_flags)),
    training.CompetenceAssessed: (("training", training.on_competence_assessed),),
    diploma.CandidateListed: (("diploma", diploma.on_candidate_listed), ("review", review.on_flags)),
    diploma.ExamMarked: (("diploma", diploma.on_exam_marked),),
    diploma.DiplomaAwarded: (("diploma", diploma.on_diploma_awarded),),
    diploma.DiplomaCorrected: (("diploma", diploma.on_diploma_corrected),),
    diploma.DiplomaHandedOver: (("diploma", diploma.on_diploma_handed_over),),
    diploma.DiplomaDuplicateIssued: (("diploma", diploma.on_diploma_duplicate_issued),),
    diploma.DiplomaAnnulled: (("diploma", diploma.on_diploma_annulled),),
    diploma.DiplomaMinutesRectified: (("diploma", diploma.on_diploma_minutes_rectified),),
    leaving.EnrolmentEnded: (("admission", leaving.on_enrolment_ended),),
    outcome.OutcomeDeclared: (("outcomes", outcome.on_outcome_declared), ("review", review.on_flags)),
    outcome.OutcomeVerified: (("outcomes", outcome.on_outcome_verified),),
    review.FlagSettled: (("review", review.on_flag_settled), ("training", _on_flag_settled)),
    review.FactWithdrawn: (
        ("identification", _withdrawn(identification)),
        ("admission", _withdrawn(admission)),
        ("training", _withdrawn(training)),
        ("outcomes", _withdrawn(outcome)),
        ("review", review.on_fact_withdrawn),
    ),
    transfer.TransferRequested: (("transfers", transfer.on_transfer_requested),),
    transfer.TransferAccepted: (("transfers", transfer.on_transfer_accepted),),
    transfer.TransferRejected: (("transfers", transfer.on_transfer_rejected),),
    transfer.TransferWithdrawn: (("transfers", transfer.on_transfer_withdrawn),),
    privacy.ErasureRequested: (("privacy", privacy.on_erasure_requested),),
    privacy.ErasureRefused: (("privacy", privacy.on_erasure_refused),),
    privacy.ErasureDecided: (("privacy", privacy.on_erasure_decided), ("identification", _on_erasure_decided)),
    privacy.PersonalDataErased: (("privacy", privacy.on_personal_data_erased),),
    privacy.HoldPlaced: (("privacy", privacy.on_hold_placed),),
    privacy.HoldLifted: (("privacy", privacy.on_hold_lifted),),
    privacy.NewGroundStated: (("privacy", privacy.on_new_ground_stated),),
}


def evolve(learner: Learner, event: Event, version: int) -> Learner:
    """The learner after this event. Never refuses."""
    changed: dict[str, Any] = {"version": version}
    for stage, on in EVOLVE[type(event)]:
        changed[stage] = on(getattr(learner, stage), event, version)
    return msgspec.structs.replace(learner, **changed)


def claims_of(learner: Learner) -> list[ClaimSource]:
    """What the learner's stream claims: file number, Massar code, register numbers."""
    return identification.claims_of(learner.identification) + diploma.claims_of(learner.diploma)


def withdrawable(learner: Learner) -> set[int]:
    """Versions of the facts in force that may be taken back."""
    return (
        identification.withdrawable(learner.identification)
        | admission.withdrawable(learner.admission)
        | training.withdrawable(learner.training)
        | outcome.withdrawable(learner.outcomes)
    )


def status_of(learner: Learner) -> str:
    """Where the learner stands on the path; one of the keys of LIFE_CYCLE."""
    if not learner.version:
        return "unknown"
    if (active := learner.admission.active) is not None:
        if diploma.find_in_force(learner.diploma, active) is not None:
            return "graduated"
        return "candidate" if active in learner.diploma.candidatures else "enrolled"
    if (reached := learner.outcomes.in_force) is not None:
        return "placed" if reached.verified_version is None else "inserted"
    if learner.admission.enrolments:
        return "left"
    if learner.admission.orientations:
        return "oriented"
    return "assessed" if learner.identification.assessments else "identified"


_PRIVACY = frozenset(
    {"request-erasure", "refuse-erasure", "decide-erasure", "place-hold", "lift-hold", "state-new-ground"}
)
_ALWAYS = _PRIVACY | {"record-identity", "verify-identity", "settle-flag", "withdraw-fact"}
_BEFORE = _ALWAYS | {"assess-eligibility", "grant-derogation", "orient-learner", "enrol-learner"}
_TRANSFER = frozenset({"request-transfer", "accept-transfer", "reject-transfer", "withdraw-transfer"})
_DIPLOMAS = frozenset({"correct-diploma", "hand-over-diploma", "issue-duplicate", "annul-diploma"})  # of any enrolment
_DURING = (
    _ALWAYS
    | _TRANSFER
    | _DIPLOMAS
    | {"assess-eligibility", "grant-derogation", "orient-learner", "join-group", "leave-group", "assess-competence"}
    | {"end-enrolment", "verify-outcome"}  # of an enrolment before this one
)
_AFTER = _BEFORE | _TRANSFER | _DIPLOMAS | {"declare-outcome"}

LIFE_CYCLE: Final[dict[str, frozenset[str]]] = {
    "unknown": frozenset({"identify-learner"}),
    "identified": _BEFORE,
    "assessed": _BEFORE,
    "oriented": _BEFORE,
    "enrolled": _DURING | {"list-candidate"},
    "candidate": _DURING | {"list-candidate"},
    "graduated": _DURING,
    "left": _AFTER | {"list-candidate"},
    "placed": _AFTER | {"verify-outcome"},
    "inserted": _AFTER | {"verify-outcome"},
}

KIND = Kind(
    name="learner",
    plural="learners",
    empty=Learner(),
    first=identification.LearnerIdentified,
    evolve=evolve,
    events=tuple(EVOLVE),
    status_of=status_of,
    life_cycle=LIFE_CYCLE,
    claims_of=claims_of,
    closed_of=lambda learner: learner.privacy.closed,
    generations_of=lambda learner: learner.privacy.generations,
)

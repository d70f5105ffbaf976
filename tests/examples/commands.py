"""The act behind each example event: what was given, the command, who sent it, and the events it leads to."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.centre import ApproveTrades, OpenCentre
from domain.convention import SignConvention
from domain.diploma_session import CloseCandidateList, OpenDiplomaSession, RectifyMinutes, SignMinutes
from domain.event import By, Event
from domain.group import LockAttendance, OpenGroup, RecordSessions, SetTimetable
from domain.kind import Command, ReasonGiven
from domain.learner.admission import EnrolLearner, JoinGroup, LeaveGroup, OrientLearner
from domain.learner.diploma import AwardDiplomas, AwardLine, ListCandidate, RecordMarks
from domain.learner.identification import (
    AssessEligibility,
    GrantDerogation,
    IdentifyLearner,
    NameGiven,
    RecordIdentity,
    VerifyIdentity,
)
from domain.learner.leaving import EndEnrolment
from domain.learner.outcome import DeclareOutcome, VerifyOutcome
from domain.learner.privacy import DecideErasure, LiftHold, PlaceHold, RefuseErasure, RequestErasure, StateNewGround
from domain.learner.register import AnnulDiploma, CorrectDiploma, HandOverDiploma, IssueDuplicate
from domain.learner.review import SettleFlag, WithdrawFact
from domain.learner.training import AssessCompetence, AttendanceRow, DayGiven, RecordAttendance
from domain.learner.transfer import AcceptTransfer, RejectTransfer, RequestTransfer, WithdrawTransfer
from domain.organisation import (
    GrantAccess,
    OpenEmergencyAccess,
    RegisterOrganisation,
    ReviewEmergencyAccess,
    RevokeAccess,
)
from domain.parameter import NATIONAL, SetParameter
from domain.worker import BindLogin, RecordLeaving, RecordWorker
from tests.examples import path, places, privacy, transfer
from tests.examples.path import AMINA, ENROLMENT, OUTCOME
from tests.examples.people import (
    AREF,
    ASSOCIATION,
    CASEWORKER,
    COORDINATOR,
    DELEGATION,
    DIRECTORATE,
    DIRECTORATE_OFFICE,
    EDUCATOR,
    EN_AGENT,
    MINISTRY,
    OPERATOR,
)
from tests.examples.places import (
    CENTRE,
    CONVENTION,
    MONDAY,
    ORGANISATIONS,
    SESSION,
    TUESDAY,
    WEEK,
    WORKER,
    WORKSHOP,
    History,
)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One act: on this history, this command by that person leads to these events."""

    given: History
    command: Command
    by: By
    then: History


def _copied(event: Event, command: type[Command], **fields: Any) -> Command:
    """The command that states the same facts as the event under the same names."""
    shared: dict[str, Any] = {
        name: getattr(event, name)
        for name in command.__struct_fields__
        if name != "why" and name in event.__struct_fields__
    }
    return command(**{**shared, **fields})


# ── what stands around the learners ──────────────────────────────────────────────────────────────────────────────────

REGISTER_ORGANISATION = _copied(places.ORGANISATION_REGISTERED, RegisterOrganisation, organisation=ASSOCIATION)
RECORD_WORKER = RecordWorker(
    on=places.START,
    worker=WORKER,
    name="Karim Alaoui",
    phone="+212600000001",
    organisation=ASSOCIATION,
    function="caseworker",
)
BIND_LOGIN = BindLogin(on=places.START, worker=WORKER, issuer="dev", subject="karim@example.org")
GRANT_ACCESS = _copied(places.ACCESS_GRANTED, GrantAccess, organisation=ASSOCIATION)
REVOKE_ACCESS = _copied(places.ACCESS_REVOKED, RevokeAccess, organisation=ASSOCIATION, why=ReasonGiven("post_left"))
RECORD_LEAVING = RecordLeaving(worker=WORKER, left_on=places.WORKER_LEFT.left_on)
OPEN_EMERGENCY = _copied(
    path.EMERGENCY_OPENED, OpenEmergencyAccess, organisation=DIRECTORATE_OFFICE, why=ReasonGiven("immediate_danger")
)
REVIEW_EMERGENCY = _copied(path.EMERGENCY_REVIEWED, ReviewEmergencyAccess, organisation=DIRECTORATE_OFFICE)
SET_PARAMETER = _copied(places.PARAMETER_SET, SetParameter)
OPEN_CENTRE = _copied(places.CENTRE_OPENED, OpenCentre, centre=CENTRE)
APPROVE_TRADES = _copied(places.TRADES_APPROVED, ApproveTrades, centre=CENTRE)
SIGN_CONVENTION = _copied(places.CONVENTION_SIGNED, SignConvention, convention=CONVENTION)
OPEN_GROUP = _copied(places.GROUP_OPENED, OpenGroup, group=WORKSHOP)
SET_TIMETABLE = _copied(places.TIMETABLE_SET, SetTimetable, group=WORKSHOP)
RECORD_SESSIONS = RecordSessions(group=WORKSHOP, week=WEEK, sessions=places.SESSIONS_HELD.sessions)
LOCK_ATTENDANCE = _copied(places.ATTENDANCE_LOCKED, LockAttendance, group=WORKSHOP)
OPEN_SESSION = _copied(places.SESSION_OPENED, OpenDiplomaSession, diploma_session=SESSION)
CLOSE_LIST = CloseCandidateList(on=places.LIST_CLOSED.on, diploma_session=SESSION)
SIGN_MINUTES = _copied(places.MINUTES_SIGNED, SignMinutes, diploma_session=SESSION)

# ── the path ─────────────────────────────────────────────────────────────────────────────────────────────────────────

IDENTIFY = IdentifyLearner(
    on=path.LEARNER_IDENTIFIED.on,
    learner=AMINA,
    province="CAS",
    commune="Anfa",
    source="early_warning_cell",
    source_organisation="Collège Ibn Rochd",
    names=[NameGiven("أمينة", "بنسالم")],
    sex="f",
    birth_date=path.BORN,
)
RECORD_IDENTITY = RecordIdentity(
    on=path.IDENTITY_RECORDED.on,
    learner=AMINA,
    names=[NameGiven("أمينة", "بنسالم"), NameGiven("Amina", "Bensalem")],
    sex="f",
    birth_date=path.BORN,
    identifiers=[path.MASSAR],
    commune="Anfa",
    phone="+212612345678",
)
VERIFY_IDENTITY = _copied(path.IDENTITY_VERIFIED, VerifyIdentity, learner=AMINA, document_type="birth_certificate")
ASSESS_ELIGIBILITY = _copied(path.ELIGIBILITY_ASSESSED, AssessEligibility, learner=AMINA)
GRANT_DEROGATION = _copied(
    path.DEROGATION_GRANTED,
    GrantDerogation,
    learner=AMINA,
    reason="social_emergency",
    act_reference="DP-CAS 114/2025",
)
ORIENT = _copied(path.LEARNER_ORIENTED, OrientLearner, learner=AMINA)
ENROL = EnrolLearner(
    on=path.LEARNER_ENROLLED.on,
    learner=AMINA,
    enrolment=ENROLMENT,
    centre=CENTRE,
    convention=CONVENTION,
    level="level_2",
    trade="COU",
    residence="urban",
    last_level="2AC",
    school_status="dropped_out",
)
JOIN_GROUP = _copied(path.GROUP_JOINED, JoinGroup, learner=AMINA)
LEAVE_GROUP = _copied(path.GROUP_LEFT, LeaveGroup, learner=AMINA)
RECORD_ATTENDANCE = RecordAttendance(
    group=WORKSHOP,
    week=WEEK,
    component="workshop",
    rows=[AttendanceRow(AMINA, [DayGiven(MONDAY, "present"), DayGiven(TUESDAY, "absent")])],
)
ASSESS_COMPETENCE = _copied(path.COMPETENCE_ASSESSED, AssessCompetence, learner=AMINA)
LIST_CANDIDATE = _copied(path.CANDIDATE_LISTED, ListCandidate, learner=AMINA)
RECORD_MARKS = RecordMarks(on=places.MARKS_RECORDED.on, diploma_session=SESSION, marks=[places.MARK])
AWARD_DIPLOMAS = AwardDiplomas(
    diploma_session=SESSION,
    awarded_on=path.DIPLOMA_AWARDED.awarded_on,
    awards=[AwardLine("0001", "EN-2026-77")],
)
RECTIFY_MINUTES = _copied(path.MINUTES_RECTIFIED, RectifyMinutes, diploma_session=SESSION)
CORRECT_DIPLOMA = CorrectDiploma(
    on=path.DIPLOMA_CORRECTED.on,
    learner=AMINA,
    diploma=path.DIPLOMA,
    number="EN-2026-79",
    why=ReasonGiven("entry_error"),
)
HAND_OVER = _copied(path.HANDED_OVER, HandOverDiploma, learner=AMINA)
ISSUE_DUPLICATE = _copied(path.DUPLICATE_ISSUED, IssueDuplicate, learner=AMINA)
ANNUL_DIPLOMA = _copied(path.DIPLOMA_ANNULLED, AnnulDiploma, learner=AMINA)
END_ENROLMENT = EndEnrolment(learner=AMINA, enrolment=ENROLMENT, exit="completed", ended_on=path.ENROLMENT_ENDED.on)
DECLARE_OUTCOME = DeclareOutcome(
    on=path.OUTCOME_DECLARED.on,
    learner=AMINA,
    outcome=OUTCOME,
    enrolment=ENROLMENT,
    kind="employment",
    organisation="Atlas Confection",
    sector="industry",
    province="CAS",
    starts_on=path.OUTCOME_DECLARED.starts_on,
)
VERIFY_OUTCOME = VerifyOutcome(
    on=path.OUTCOME_VERIFIED.on, learner=AMINA, outcome=OUTCOME, method="site_visit", authority=DELEGATION
)
SETTLE_FLAG = _copied(path.FLAG_SETTLED, SettleFlag, learner=AMINA, why=ReasonGiven("sheet_reread"))
WITHDRAW_FACT = WithdrawFact(on=path.FACT_WITHDRAWN.on, learner=AMINA, version=8, why=ReasonGiven("entry_error"))

REQUEST_TRANSFER = _copied(transfer.TRANSFER_REQUESTED, RequestTransfer, learner=AMINA, why=ReasonGiven("family_moved"))
WITHDRAW_TRANSFER = _copied(transfer.TRANSFER_WITHDRAWN, WithdrawTransfer, learner=AMINA)
REJECT_TRANSFER = _copied(transfer.TRANSFER_REJECTED, RejectTransfer, learner=AMINA, why=ReasonGiven("no_place_left"))
ACCEPT_TRANSFER = _copied(transfer.TRANSFER_ACCEPTED, AcceptTransfer, learner=AMINA, convention=places.OTHER_CONVENTION)
REQUEST_ERASURE = _copied(privacy.ERASURE_REQUESTED, RequestErasure, learner=AMINA)
REFUSE_ERASURE = _copied(privacy.ERASURE_REFUSED, RefuseErasure, learner=AMINA)
DECIDE_ERASURE = _copied(privacy.ERASURE_DECIDED, DecideErasure, learner=AMINA)
PLACE_HOLD = _copied(privacy.HOLD_PLACED, PlaceHold, learner=AMINA, reference="2025-CAS-114")
LIFT_HOLD = _copied(privacy.HOLD_LIFTED, LiftHold, learner=AMINA)
STATE_NEW_GROUND = _copied(privacy.NEW_GROUND_STATED, StateNewGround, learner=AMINA)


def _example(given: History, command: Command, by: By, *then: tuple[object, Event]) -> Example:
    return Example(given=given, command=command, by=by, then=then)  # type: ignore[arg-type]  # ids are UUIDs


COMMANDS: Final[tuple[Example, ...]] = (
    _example((), REGISTER_ORGANISATION, OPERATOR, (ASSOCIATION, places.ORGANISATION_REGISTERED)),
    _example(ORGANISATIONS, RECORD_WORKER, COORDINATOR, (WORKER, places.WORKER_RECORDED)),
    _example(places.OPEN_CENTRE, BIND_LOGIN, OPERATOR, (WORKER, places.LOGIN_BOUND)),
    _example(places.OPEN_CENTRE, GRANT_ACCESS, OPERATOR, (ASSOCIATION, places.ACCESS_GRANTED)),
    _example((), SET_PARAMETER, MINISTRY, (NATIONAL, places.PARAMETER_SET)),
    _example(ORGANISATIONS, OPEN_CENTRE, DIRECTORATE, (CENTRE, places.CENTRE_OPENED)),
    _example(
        (*ORGANISATIONS, (CENTRE, places.CENTRE_OPENED)),
        APPROVE_TRADES,
        DIRECTORATE,
        (CENTRE, places.TRADES_APPROVED),
    ),
    _example(places.OPEN_CENTRE[:-1], SIGN_CONVENTION, AREF, (CONVENTION, places.CONVENTION_SIGNED)),
    _example(places.OPEN_CENTRE, OPEN_GROUP, COORDINATOR, (WORKSHOP, places.GROUP_OPENED)),
    _example(places.WORLD, SET_TIMETABLE, COORDINATOR, (WORKSHOP, places.TIMETABLE_SET)),
    _example(places.WORLD, RECORD_SESSIONS, EDUCATOR, (WORKSHOP, places.SESSIONS_HELD)),
    _example(places.WORLD, LOCK_ATTENDANCE, COORDINATOR, (WORKSHOP, places.ATTENDANCE_LOCKED)),
    _example(places.WORLD, OPEN_SESSION, EN_AGENT, (SESSION, places.SESSION_OPENED)),
    _example(path.CANDIDATE, CLOSE_LIST, EN_AGENT, (SESSION, places.LIST_CLOSED)),
    _example(path.MARKED, SIGN_MINUTES, EN_AGENT, (SESSION, places.MINUTES_SIGNED)),
    _example(places.WORLD, IDENTIFY, CASEWORKER, (AMINA, path.LEARNER_IDENTIFIED)),
    _example(path.IDENTIFIED, RECORD_IDENTITY, CASEWORKER, (AMINA, path.IDENTITY_RECORDED)),
    _example(path.VERIFIED[:-1], VERIFY_IDENTITY, CASEWORKER, (AMINA, path.IDENTITY_VERIFIED)),
    _example(path.VERIFIED, ASSESS_ELIGIBILITY, CASEWORKER, (AMINA, path.ELIGIBILITY_ASSESSED)),
    _example(path.VERIFIED, GRANT_DEROGATION, DIRECTORATE, (AMINA, path.DEROGATION_GRANTED)),
    _example(path.ASSESSED, ORIENT, CASEWORKER, (AMINA, path.LEARNER_ORIENTED)),
    _example(path.ORIENTED, ENROL, CASEWORKER, (AMINA, path.LEARNER_ENROLLED)),
    _example(path.ENROLLED, JOIN_GROUP, CASEWORKER, (AMINA, path.GROUP_JOINED), (WORKSHOP, path.SEAT_TAKEN)),
    _example(path.SEATED, LEAVE_GROUP, CASEWORKER, (AMINA, path.GROUP_LEFT), (WORKSHOP, path.SEAT_LEFT)),
    _example(path.SEATED, RECORD_ATTENDANCE, EDUCATOR, (AMINA, path.ATTENDANCE_RECORDED)),
    _example(path.ATTENDING, ASSESS_COMPETENCE, EDUCATOR, (AMINA, path.COMPETENCE_ASSESSED)),
    _example(
        path.ASSESSED_IN_TRADE,
        LIST_CANDIDATE,
        EN_AGENT,
        (SESSION, path.CANDIDATE_ENTERED),
        (AMINA, path.CANDIDATE_LISTED),
    ),
    _example(path.LIST_IS_CLOSED, RECORD_MARKS, EN_AGENT, (SESSION, places.MARKS_RECORDED), (AMINA, path.EXAM_MARKED)),
    _example(path.ADMITTED, AWARD_DIPLOMAS, EN_AGENT, (AMINA, path.DIPLOMA_AWARDED)),
    _example(
        path.GRADUATED,
        RECTIFY_MINUTES,
        EN_AGENT,
        (SESSION, path.MINUTES_RECTIFIED),
        (AMINA, path.MARKED_ANEW),
        (AMINA, path.DIPLOMA_MINUTES_RECTIFIED),
    ),
    _example(path.GRADUATED, CORRECT_DIPLOMA, EN_AGENT, (AMINA, path.DIPLOMA_CORRECTED)),
    _example(path.GRADUATED, HAND_OVER, EN_AGENT, (AMINA, path.HANDED_OVER)),
    _example(path.GIVEN, ISSUE_DUPLICATE, EN_AGENT, (AMINA, path.DUPLICATE_ISSUED)),
    _example(path.GRADUATED, ANNUL_DIPLOMA, EN_AGENT, (AMINA, path.DIPLOMA_ANNULLED)),
    _example(path.GRADUATED, END_ENROLMENT, CASEWORKER, (AMINA, path.ENROLMENT_ENDED), (WORKSHOP, path.SEAT_FREED)),
    _example(path.LEFT, DECLARE_OUTCOME, CASEWORKER, (AMINA, path.OUTCOME_DECLARED)),
    _example(path.PLACED, VERIFY_OUTCOME, EN_AGENT, (AMINA, path.OUTCOME_VERIFIED)),
    _example(path.FLAGGED, SETTLE_FLAG, COORDINATOR, (AMINA, path.FLAG_SETTLED)),
    _example(path.ATTENDING, WITHDRAW_FACT, COORDINATOR, (AMINA, path.FACT_WITHDRAWN)),
    _example(path.ATTENDING, REQUEST_TRANSFER, CASEWORKER, (AMINA, transfer.TRANSFER_REQUESTED)),
    _example(transfer.REQUESTED, WITHDRAW_TRANSFER, CASEWORKER, (AMINA, transfer.TRANSFER_WITHDRAWN)),
    _example(transfer.REQUESTED, REJECT_TRANSFER, transfer.OTHER_COORDINATOR, (AMINA, transfer.TRANSFER_REJECTED)),
    _example(transfer.REQUESTED, ACCEPT_TRANSFER, transfer.OTHER_COORDINATOR, *transfer.ACCEPTED),
    _example(
        (*places.OPEN_CENTRE, (ASSOCIATION, places.ACCESS_GRANTED)),
        REVOKE_ACCESS,
        OPERATOR,
        (ASSOCIATION, places.ACCESS_REVOKED),
    ),
    _example(path.ATTENDING, OPEN_EMERGENCY, DIRECTORATE, (DIRECTORATE_OFFICE, path.EMERGENCY_OPENED)),
    _example(path.EMERGENCY_OPEN, REVIEW_EMERGENCY, AREF, (DIRECTORATE_OFFICE, path.EMERGENCY_REVIEWED)),
    _example(places.OPEN_CENTRE, RECORD_LEAVING, COORDINATOR, (WORKER, places.WORKER_LEFT)),
    _example(path.VERIFIED, REQUEST_ERASURE, CASEWORKER, (AMINA, privacy.ERASURE_REQUESTED)),
    _example(privacy.ASKED, REFUSE_ERASURE, privacy.OFFICER, (AMINA, privacy.ERASURE_REFUSED)),
    _example(privacy.ASKED, DECIDE_ERASURE, privacy.OFFICER, (AMINA, privacy.ERASURE_DECIDED)),
    _example(path.VERIFIED, PLACE_HOLD, privacy.OFFICER, (AMINA, privacy.HOLD_PLACED)),
    _example(privacy.HELD, LIFT_HOLD, privacy.OFFICER, (AMINA, privacy.HOLD_LIFTED)),
    _example(privacy.FORGOTTEN, STATE_NEW_GROUND, COORDINATOR, (AMINA, privacy.NEW_GROUND_STATED)),
)
EVENTS: Final[tuple[Event, ...]] = (
    *(event for example in COMMANDS for _, event in example.then),
    privacy.PERSONAL_DATA_ERASED,  # the erasing step's, no command's
)
"""One example of every event, in the order of the acts."""

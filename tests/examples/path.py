"""A learner's path: Amina, 16, sewing, a diploma, a job. One event of each kind, and the named states on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid5

import msgspec

from domain.diploma_session import CandidateEntered, MinutesRectified
from domain.event import EventRef, Why
from domain.group import SeatFreed, SeatTaken
from domain.learner.admission import GroupJoined, GroupLeft, LearnerEnrolled, LearnerOriented, Profile
from domain.learner.diploma import (
    CandidateListed,
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
    ExamMarked,
    PrintedName,
    Register,
)
from domain.learner.identification import (
    Contacts,
    DerogationGranted,
    DerogationGround,
    EligibilityAssessed,
    Evidence,
    Identifier,
    Identity,
    IdentityRecorded,
    IdentityVerified,
    LearnerIdentified,
    PersonName,
    Referral,
)
from domain.learner.leaving import EnrolmentEnded
from domain.learner.outcome import OutcomeDeclared, OutcomePlace, OutcomeVerified
from domain.learner.review import FactWithdrawn, FlagSettled
from domain.learner.training import AttendanceRecorded, CompetenceAssessed, DayMark, FlaggedDay
from domain.organisation import EmergencyAccessOpened, EmergencyAccessReviewed
from domain.sealed import clear
from domain.values import file_number
from tests.examples.people import (
    AREF,
    CASEWORKER,
    COORDINATOR,
    DELEGATION,
    DIRECTORATE,
    DIRECTORATE_OFFICE,
    EDUCATOR,
    EN_AGENT,
    id_of,
)
from tests.examples.places import (
    CENTRE,
    CLASS,
    CONVENTION,
    LIST_CLOSED,
    MARK,
    MARKS_RECORDED,
    MINUTES_SIGNED,
    MONDAY,
    SEASON,
    SESSION,
    SESSION_OPENED,
    SESSIONS_HELD,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    WORKSHOP,
    WORLD,
    History,
)

NONCE = UUID("00000000-0000-4000-8000-0000000e2c25")  # what scenarios draw; ids and file numbers follow from it
FILE_NUMBER = file_number(SEASON, "CAS", f"{NONCE.int % 1_000_000:06d}")

AMINA = id_of("learner/amina")
ENROLMENT = id_of("enrolment/amina-2025")
OUTCOME = id_of("outcome/amina-2026")
DIPLOMA, PARTNER_REFERENCE = uuid5(NONCE, "diploma/0001"), uuid5(NONCE, "partner-reference/0001")

# ── identification ───────────────────────────────────────────────────────────────────────────────────────────────────

ARABIC = PersonName("أمينة", "بنسالم", "arabic")
LATIN = PersonName("Amina", "Bensalem", "latin")
BORN = date(2009, 5, 14)  # 16 on 31 December 2025
MASSAR = Identifier("massar", "R130045678")

FIRST_IDENTITY = Identity([ARABIC], "f", BORN, commune="Anfa")
IDENTITY = Identity([ARABIC, LATIN], "f", BORN, identifiers=[MASSAR], commune="Anfa")

LEARNER_IDENTIFIED = LearnerIdentified(
    on=date(2025, 9, 22),
    by=CASEWORKER,
    file_number=FILE_NUMBER,
    season=SEASON,
    province="CAS",
    referral=clear(Referral("early_warning_cell", "Collège Ibn Rochd")),
    identity=clear(FIRST_IDENTITY),
)
IDENTITY_RECORDED = IdentityRecorded(
    on=date(2025, 9, 24),
    by=CASEWORKER,
    identity=clear(IDENTITY),
    contacts=clear(Contacts("+212612345678", None)),
    replaces=1,
)
IDENTITY_VERIFIED = IdentityVerified(
    on=date(2025, 9, 24),
    by=CASEWORKER,
    verifies=2,
    by_document=True,
    document=None,
    centre=None,
    evidence=clear(Evidence("birth_certificate")),
)
ELIGIBILITY_ASSESSED = EligibilityAssessed(
    on=date(2025, 9, 25),
    by=CASEWORKER,
    season=SEASON,
    convention=CONVENTION,
    age_low=16,
    age_high=16,
    age_min=13,
    age_max=20,
    reference_date=date(2025, 12, 31),
    school_status="dropped_out",
    result="eligible",
    parameters=0,
    replaces=None,
    flags=[],
)
DEROGATION_GRANTED = DerogationGranted(
    on=date(2025, 9, 25),
    by=DIRECTORATE,
    rule=1,
    season=SEASON,
    authority="provincial_directorate",
    ground=clear(DerogationGround("social_emergency", "DP-CAS 114/2025")),
)

# ── admission ────────────────────────────────────────────────────────────────────────────────────────────────────────

LEARNER_ORIENTED = LearnerOriented(
    on=date(2025, 9, 26),
    by=CASEWORKER,
    season=SEASON,
    level="level_2",
    trades=["COU"],
    rationale="own_choice",
    replaces=None,
)
PROFILE = Profile(
    sex="f",
    age=16,
    province="CAS",
    residence="urban",
    last_level="2AC",
    school_status="dropped_out",
    standing="new",
)
LEARNER_ENROLLED = LearnerEnrolled(
    on=date(2025, 10, 1),
    by=CASEWORKER,
    enrolment=ENROLMENT,
    season=SEASON,
    centre=CENTRE,
    convention=CONVENTION,
    level="level_2",
    trade="COU",
    session_type="regular",
    starts_on=date(2025, 10, 1),
    without=[],
    age_low=16,
    age_high=16,
    age_min=13,
    age_max=20,
    reference_date=date(2025, 12, 31),
    assessment=4,
    derogation=None,
    profile=PROFILE,
    flags=[],
)
GROUP_JOINED = GroupJoined(on=date(2025, 10, 2), by=CASEWORKER, enrolment=ENROLMENT, group=WORKSHOP)
SEAT_TAKEN = SeatTaken(on=date(2025, 10, 2), by=CASEWORKER, enrolment=ENROLMENT, learner=AMINA)
GROUP_LEFT = GroupLeft(on=date(2025, 12, 1), by=CASEWORKER, enrolment=ENROLMENT, group=WORKSHOP)
SEAT_LEFT = SeatFreed(on=date(2025, 12, 1), by=CASEWORKER, enrolment=ENROLMENT, learner=AMINA)
CLASS_JOINED = msgspec.structs.replace(GROUP_JOINED, group=CLASS)

# ── training ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ATTENDANCE_RECORDED = AttendanceRecorded(
    on=TUESDAY,
    by=EDUCATOR,
    enrolment=ENROLMENT,
    group=WORKSHOP,
    week=WEEK,
    component="workshop",
    days=[DayMark(MONDAY, "present", 180), DayMark(TUESDAY, "absent", 0)],
    sheet=None,
    entered_on=TUESDAY,
    replaces=None,
    flags=[],
)
FLAGGED_ATTENDANCE = msgspec.structs.replace(
    ATTENDANCE_RECORDED,
    on=WEDNESDAY,
    entered_on=WEDNESDAY,
    days=[DayMark(MONDAY, "present", 180), DayMark(WEDNESDAY, "present", 60)],
    flags=[FlaggedDay(WEDNESDAY, "without-held-session")],
)
COMPETENCE_ASSESSED = CompetenceAssessed(
    on=date(2026, 5, 18), by=EDUCATOR, enrolment=ENROLMENT, module="M1", result="acquired", replaces=None
)

# ── diploma ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CANDIDATE_ENTERED = CandidateEntered(
    on=date(2026, 5, 25), by=EN_AGENT, learner=AMINA, enrolment=ENROLMENT, candidate_number="0001"
)
ENTRY = EventRef(SESSION, 2)
CANDIDATE_LISTED = CandidateListed(
    on=date(2026, 5, 25),
    by=msgspec.structs.replace(EN_AGENT, cause=ENTRY),
    enrolment=ENROLMENT,
    session=SESSION,
    candidate_number="0001",
    verification=3,
    flags=[],
)
MARKS = EventRef(SESSION, 4)
MINUTES = EventRef(SESSION, 5)
EXAM_MARKED = ExamMarked(
    on=date(2026, 6, 12),
    by=msgspec.structs.replace(EN_AGENT, cause=MARKS),
    enrolment=ENROLMENT,
    session=SESSION,
    sitting=1,
    presence="present",
    written=1450,
    practical=1500,
    decision="admitted",
)
DIPLOMA_AWARDED = DiplomaAwarded(
    on=date(2026, 6, 15),
    by=msgspec.structs.replace(EN_AGENT, cause=MINUTES),
    diploma=DIPLOMA,
    enrolment=ENROLMENT,
    centre=CENTRE,
    convention=CONVENTION,
    register=Register(DELEGATION, "vocational_diploma", 2026),
    number="EN-2026-77",
    title="vocational_diploma",
    trade="COU",
    level="level_2",
    minutes=MINUTES,
    awarded_on=date(2026, 6, 15),
    partner_reference=PARTNER_REFERENCE,
    printed=clear(PrintedName("أمينة بنسالم", "Amina Bensalem")),
)

HANDED_OVER = DiplomaHandedOver(
    on=date(2026, 6, 19),
    by=EN_AGENT,
    diploma=DIPLOMA,
    enrolment=ENROLMENT,
    copy=0,
    recipient="holder",
    receipt=id_of("document/receipt"),
)
DUPLICATE_ISSUED = DiplomaDuplicateIssued(
    on=date(2026, 6, 22), by=EN_AGENT, diploma=DIPLOMA, enrolment=ENROLMENT, copy=1, ground="lost"
)
DIPLOMA_CORRECTED = DiplomaCorrected(
    on=date(2026, 6, 17),
    by=EN_AGENT,
    why=Why("entry_error"),
    diploma=DIPLOMA,
    enrolment=ENROLMENT,
    corrects=12,
    changed=["number"],
    number="EN-2026-79",
    title="vocational_diploma",
    trade="COU",
    level="level_2",
    awarded_on=date(2026, 6, 15),
    printed=None,
)
RECTIFIED_MARK = msgspec.structs.replace(MARK, written=1550)
MINUTES_RECTIFIED = MinutesRectified(
    on=date(2026, 6, 18),
    by=EN_AGENT,
    item="result",
    ground="addition_error",
    rectifies=5,
    marks=[RECTIFIED_MARK],
    members=[],
    document=None,
)
RECTIFICATION = EventRef(SESSION, 6)
MARKED_ANEW = msgspec.structs.replace(
    EXAM_MARKED,
    on=date(2026, 6, 18),
    by=msgspec.structs.replace(EN_AGENT, cause=RECTIFICATION),
    written=1550,
)
DIPLOMA_MINUTES_RECTIFIED = DiplomaMinutesRectified(
    on=date(2026, 6, 18),
    by=msgspec.structs.replace(EN_AGENT, cause=RECTIFICATION),
    diploma=DIPLOMA,
    enrolment=ENROLMENT,
    minutes=RECTIFICATION,
)
DIPLOMA_ANNULLED = DiplomaAnnulled(
    on=date(2026, 6, 24),
    by=EN_AGENT,
    diploma=DIPLOMA,
    enrolment=ENROLMENT,
    ground="identity_fraud",
    authority=DELEGATION,
    act_reference="EN-CAS-31-2026",
)

# ── leaving, and after ───────────────────────────────────────────────────────────────────────────────────────────────

ENROLMENT_ENDED = EnrolmentEnded(
    on=date(2026, 6, 25),
    by=CASEWORKER,
    enrolment=ENROLMENT,
    exit="completed",
    ended_on=date(2026, 6, 25),
    minutes_attended=180,
    minutes_held=300,
)
SEAT_FREED = SeatFreed(on=date(2026, 6, 25), by=CASEWORKER, enrolment=ENROLMENT, learner=AMINA)
OUTCOME_DECLARED = OutcomeDeclared(
    on=date(2026, 7, 6),
    by=CASEWORKER,
    outcome=OUTCOME,
    enrolment=ENROLMENT,
    kind="employment",
    place=clear(OutcomePlace("Atlas Confection")),
    sector="industry",
    province="CAS",
    starts_on=date(2026, 7, 1),
    document=None,
    flags=[],
)
OUTCOME_VERIFIED = OutcomeVerified(
    on=date(2026, 7, 20), by=EN_AGENT, outcome=OUTCOME, method="site_visit", authority=DELEGATION, document=None
)

# ── taking back ──────────────────────────────────────────────────────────────────────────────────────────────────────

FLAG_SETTLED = FlagSettled(
    on=date(2025, 10, 13),
    by=COORDINATOR,
    why=Why("sheet_reread"),
    version=8,
    code="without-held-session",
    day=WEDNESDAY,
    finding="explained",
)
FACT_WITHDRAWN = FactWithdrawn(on=date(2025, 10, 13), by=COORDINATOR, why=Why("entry_error"), version=8)

# ── read in an emergency ─────────────────────────────────────────────────────────────────────────────────────────────

EMERGENCY = id_of("emergency/amina")
EMERGENCY_OPENED = EmergencyAccessOpened(
    on=date(2026, 1, 12),
    by=DIRECTORATE,
    why=Why("immediate_danger"),
    emergency=EMERGENCY,
    learner=AMINA,
    until=datetime(2026, 1, 12, 15, tzinfo=UTC),  # scenarios act at noon
)
EMERGENCY_REVIEWED = EmergencyAccessReviewed(on=date(2026, 1, 13), by=AREF, emergency=EMERGENCY, finding="justified")

# ── named states: the whole history that leads there ─────────────────────────────────────────────────────────────────

IDENTIFIED: History = (*WORLD, (AMINA, LEARNER_IDENTIFIED))
VERIFIED: History = (*IDENTIFIED, (AMINA, IDENTITY_RECORDED), (AMINA, IDENTITY_VERIFIED))
ASSESSED: History = (*VERIFIED, (AMINA, ELIGIBILITY_ASSESSED))
ORIENTED: History = (*ASSESSED, (AMINA, LEARNER_ORIENTED))
ENROLLED: History = (*ORIENTED, (AMINA, LEARNER_ENROLLED))
SEATED: History = (*ENROLLED, (AMINA, GROUP_JOINED), (WORKSHOP, SEAT_TAKEN), (WORKSHOP, SESSIONS_HELD))
ATTENDING: History = (*SEATED, (AMINA, ATTENDANCE_RECORDED))
FLAGGED: History = (*SEATED, (AMINA, FLAGGED_ATTENDANCE))
EMERGENCY_OPEN: History = (*ATTENDING, (DIRECTORATE_OFFICE, EMERGENCY_OPENED))
ASSESSED_IN_TRADE: History = (*ATTENDING, (AMINA, COMPETENCE_ASSESSED), (SESSION, SESSION_OPENED))
CANDIDATE: History = (*ASSESSED_IN_TRADE, (SESSION, CANDIDATE_ENTERED), (AMINA, CANDIDATE_LISTED))
LIST_IS_CLOSED: History = (*CANDIDATE, (SESSION, LIST_CLOSED))
MARKED: History = (*LIST_IS_CLOSED, (SESSION, MARKS_RECORDED), (AMINA, EXAM_MARKED))
ADMITTED: History = (*MARKED, (SESSION, MINUTES_SIGNED))
GRADUATED: History = (*ADMITTED, (AMINA, DIPLOMA_AWARDED))
GIVEN: History = (*GRADUATED, (AMINA, HANDED_OVER))
REPLACED: History = (*GIVEN, (AMINA, DUPLICATE_ISSUED))
ANNULLED: History = (*GRADUATED, (AMINA, DIPLOMA_ANNULLED))
LEFT: History = (*GRADUATED, (AMINA, ENROLMENT_ENDED), (WORKSHOP, SEAT_FREED))
PLACED: History = (*LEFT, (AMINA, OUTCOME_DECLARED))
INSERTED: History = (*PLACED, (AMINA, OUTCOME_VERIFIED))

"""One invented example of everything that is stored: every event with all its optional parts, every sealed content.

Only `make_goldens` reads this file, once for each new tag: what the tests hold a release to are the golden files.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from domain import centre, convention, diploma_session, group, organisation, parameter, worker
from domain.event import By, Event, EventRef, ReasonText, Why
from domain.learner import admission, diploma, identification, leaving, outcome, privacy, review, training, transfer
from domain.sealed import Personal, Sealed


def an_id(number: int) -> UUID:
    """An id that can be told from the others."""
    return UUID(f"00000000-0000-4000-8000-{number:012d}")


def sealed(family: str) -> Sealed[Any]:
    """A sealed value as it stands in the store; nothing opens it."""
    return Sealed(f"{family}.1", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "AAECAwQFBgcICQoLDA0ODw")


ON = date(2026, 9, 14)
MONDAY = date(2026, 9, 7)
ORGANISATION, WORKER, CENTRE, CONVENTION, GROUP, LEARNER, SESSION = (an_id(number) for number in range(1, 8))
ENROLMENT, DIPLOMA, OUTCOME, GRANT, DOCUMENT, REFERENCE, DIRECTORATE = (an_id(number) for number in range(11, 18))
BY = By(actor=WORKER, role="coordinator", org=ORGANISATION, src="api")
# Everything an envelope may hold, as an offline entry caused by another event would.
FULL_BY = By(
    actor=WORKER,
    role="educator",
    org=ORGANISATION,
    src="console",
    cause=EventRef(GROUP, 4),
    corr=an_id(21),
    dev="tablet-3",
    cap=datetime(2026, 9, 11, 17, 5, 30, tzinfo=UTC),
)
WHY = Why("entry_error", sealed("sensitive"))

EVENTS: tuple[Event, ...] = (
    organisation.OrganisationRegistered(
        on=ON,
        by=BY,
        kind="association",
        name=organisation.LocalName("جمعية الأمل", "Association Al Amal"),
        region="MA-01",
        province="TNG",
    ),
    organisation.AccessGranted(
        on=ON,
        by=BY,
        grant=GRANT,
        subject=WORKER,
        role="caseworker",
        scope="centre",
        scope_id=str(CENTRE),
        purpose="duty",
        valid_from=ON,
        valid_to=date(2027, 8, 31),
    ),
    organisation.AccessGranted(
        on=ON,
        by=BY,
        grant=GRANT,
        subject=WORKER,
        role="auditor",
        scope="convention",
        scope_id=str(CONVENTION),
        purpose="mission",
        valid_from=ON,
        valid_to=date(2027, 8, 31),
        mission=organisation.Mission(date(2026, 9, 1), date(2027, 8, 31), names=False),
    ),
    organisation.AccessRevoked(on=ON, by=BY, why=Why("post_left"), grant=GRANT),
    organisation.EmergencyAccessOpened(
        on=ON,
        by=BY,
        why=Why("immediate_danger"),
        emergency=an_id(18),
        learner=LEARNER,
        until=datetime(2026, 9, 14, 13, 5, 30, 250_000, tzinfo=UTC),
    ),
    organisation.EmergencyAccessReviewed(on=ON, by=BY, emergency=an_id(18), finding="justified"),
    worker.WorkerLeft(on=ON, by=BY, left_on=date(2026, 9, 11)),
    worker.WorkerRecorded(on=ON, by=BY, person=sealed("worker"), organisation=ORGANISATION, function="caseworker"),
    worker.LoginBound(on=ON, by=BY, issuer="https://login.example.ma", login=sealed("worker")),
    parameter.ParameterSet(
        on=ON, by=BY, name="age_max", scope="national", value="21", valid_from=ON, authority="note 12/2026"
    ),
    convention.ConventionSigned(
        on=ON,
        by=BY,
        kind="funding",
        number="12/2026",
        level="provincial",
        parties=[convention.Party(ORGANISATION, "operator"), convention.Party(DIRECTORATE, "funder")],
        centres=[CENTRE],
        seasons=[convention.SeasonTarget(2026, 120, 48_000_000)],
        unit_rate=400_000,
        age_min=13,
        age_max=20,
        trades=["COI-F", "EST"],
        starts_on=date(2026, 9, 1),
        ends_on=date(2027, 8, 31),
        tranches=[
            convention.Tranche(1, 24_000_000, ["signature"], date(2026, 10, 1)),
            convention.Tranche(2, 24_000_000, ["rapport intermédiaire accepté"], None),
        ],
        budget=[convention.BudgetLine("EDU", 30_000_000)],
        bank_account="011 640 0000123456789012 34",
        reports=[convention.ReportDue("interim", date(2027, 2, 28)), convention.ReportDue("final", date(2027, 9, 30))],
        signature="paper",
        documents=[DOCUMENT],
    ),
    centre.CentreOpened(
        on=ON,
        by=BY,
        name=organisation.LocalName("مركز الأمل", "Centre Al Amal"),
        operator=ORGANISATION,
        host="école Ibn Batouta",
        places=120,
        commune="Tanger",
        province="TNG",
        directorate=DIRECTORATE,
    ),
    centre.TradesApproved(on=ON, by=BY, season=2026, trades=["COI-F", "EST"]),
    group.GroupOpened(
        on=ON,
        by=BY,
        centre=CENTRE,
        season=2026,
        group_kind="workshop",
        level="level_2",
        trade="COI-F",
        programme="2026-1",
        session_type="regular",
        capacity=20,
        educator=WORKER,
        place="atelier 2",
    ),
    group.TimetableSet(
        on=ON,
        by=BY,
        slots=[group.Slot(1, 510, 180, "class"), group.Slot(3, 840, 120, "workshop")],
        starts_on=date(2026, 9, 21),
    ),
    group.SessionsHeld(
        on=ON,
        by=BY,
        week=MONDAY,
        sessions=[
            group.HeldSession(MONDAY, "class", 180, WORKER, 510),
            group.HeldSession(date(2026, 9, 9), "workshop", 120, None),
        ],
        replaces=3,
    ),
    group.SeatTaken(on=ON, by=BY, enrolment=ENROLMENT, learner=LEARNER),
    group.SeatFreed(on=ON, by=BY, enrolment=ENROLMENT, learner=LEARNER),
    group.AttendanceLocked(on=ON, by=BY, month=date(2026, 9, 1)),
    identification.LearnerIdentified(
        on=ON,
        by=BY,
        file_number="2026-TNG-123456-X",
        season=2026,
        province="TNG",
        referral=sealed("sensitive"),
        identity=sealed("identity"),
    ),
    identification.IdentityRecorded(
        on=ON, by=BY, why=WHY, identity=sealed("identity"), contacts=sealed("contacts"), replaces=1
    ),
    identification.IdentityVerified(
        on=ON,
        by=BY,
        verifies=2,
        by_document=False,
        document=DOCUMENT,
        centre=CENTRE,
        evidence=sealed("identity"),
    ),
    identification.EligibilityAssessed(
        on=ON,
        by=BY,
        season=2026,
        convention=CONVENTION,
        age_low=15,
        age_high=16,
        age_min=13,
        age_max=20,
        reference_date=date(2026, 12, 31),
        school_status="dropped_out",
        result="eligible",
        parameters=12,
        replaces=3,
        flags=["age-uncertain"],
    ),
    identification.DerogationGranted(
        on=ON,
        by=BY,
        rule=1,
        season=2026,
        authority="provincial_directorate",
        ground=sealed("sensitive"),
    ),
    admission.LearnerOriented(
        on=ON, by=BY, season=2026, level="level_2", trades=["COI-F", "EST"], rationale="own_choice", replaces=5
    ),
    admission.LearnerEnrolled(
        on=ON,
        by=BY,
        enrolment=ENROLMENT,
        season=2026,
        centre=CENTRE,
        convention=CONVENTION,
        level="level_2",
        trade="COI-F",
        session_type="regular",
        starts_on=ON,
        without=[admission.Missing("assessment", "urgent_intake")],
        age_low=15,
        age_high=16,
        age_min=13,
        age_max=20,
        reference_date=date(2026, 12, 31),
        assessment=4,
        derogation=6,
        profile=admission.Profile("f", 15, "TNG", "urban", "6P", "dropped_out", "new"),
        flags=["school-status-unknown"],
    ),
    admission.GroupJoined(on=ON, by=BY, enrolment=ENROLMENT, group=GROUP),
    admission.GroupLeft(on=ON, by=BY, enrolment=ENROLMENT, group=GROUP),
    training.AttendanceRecorded(
        on=ON,
        by=FULL_BY,
        why=WHY,
        enrolment=ENROLMENT,
        group=GROUP,
        week=MONDAY,
        component="workshop",
        days=[
            training.DayMark(MONDAY, "present", 180),
            training.DayMark(date(2026, 9, 8), "absent", 0),
            training.DayMark(date(2026, 9, 9), "late", None),
        ],
        sheet=DOCUMENT,
        entered_on=ON,
        replaces=6,
        flags=[training.FlaggedDay(date(2026, 9, 9), "without-held-session")],
    ),
    training.CompetenceAssessed(on=ON, by=BY, enrolment=ENROLMENT, module="COI-F-1", result="acquired", replaces=8),
    diploma.CandidateListed(
        on=ON,
        by=BY,
        enrolment=ENROLMENT,
        session=SESSION,
        candidate_number="0001",
        verification=3,
        flags=["missing-latin-name"],
    ),
    diploma.ExamMarked(
        on=ON,
        by=BY,
        enrolment=ENROLMENT,
        session=SESSION,
        sitting=1,
        presence="present",
        written=1250,
        practical=1475,
        decision="admitted",
    ),
    diploma.DiplomaAwarded(
        on=ON,
        by=BY,
        diploma=DIPLOMA,
        enrolment=ENROLMENT,
        centre=CENTRE,
        convention=CONVENTION,
        register=diploma.Register(ORGANISATION, "vocational_diploma", 2027),
        number="D-2027-0042",
        title="vocational_diploma",
        trade="COI-F",
        level="vocational",
        minutes=EventRef(SESSION, 9),
        awarded_on=ON,
        partner_reference=REFERENCE,
        printed=sealed("register"),
    ),
    diploma.DiplomaCorrected(
        on=ON,
        by=BY,
        why=WHY,
        diploma=DIPLOMA,
        enrolment=ENROLMENT,
        corrects=12,
        changed=["number", "printed_names"],
        number="D-2027-0024",
        title="vocational_diploma",
        trade="COI-F",
        level="vocational",
        awarded_on=ON,
        printed=sealed("register"),
    ),
    diploma.DiplomaHandedOver(
        on=ON, by=BY, diploma=DIPLOMA, enrolment=ENROLMENT, copy=1, recipient="guardian", receipt=DOCUMENT
    ),
    diploma.DiplomaDuplicateIssued(on=ON, by=BY, diploma=DIPLOMA, enrolment=ENROLMENT, copy=1, ground="lost"),
    diploma.DiplomaMinutesRectified(on=ON, by=BY, diploma=DIPLOMA, enrolment=ENROLMENT, minutes=EventRef(SESSION, 10)),
    diploma.DiplomaAnnulled(
        on=ON,
        by=BY,
        diploma=DIPLOMA,
        enrolment=ENROLMENT,
        ground="identity_fraud",
        authority=ORGANISATION,
        act_reference="2027-TNG-31",
    ),
    leaving.EnrolmentEnded(
        on=ON,
        by=BY,
        enrolment=ENROLMENT,
        exit="completed",
        ended_on=ON,
        minutes_attended=30_000,
        minutes_held=36_000,
    ),
    transfer.TransferRequested(
        on=ON,
        by=BY,
        why=WHY,
        transfer=an_id(19),
        enrolment=ENROLMENT,
        from_centre=CENTRE,
        to_centre=an_id(20),
        effective_on=date(2026, 10, 5),
    ),
    transfer.TransferAccepted(on=ON, by=BY, transfer=an_id(19), to_centre=an_id(20), enrolment=an_id(22)),
    transfer.TransferRejected(on=ON, by=BY, why=WHY, transfer=an_id(19)),
    transfer.TransferWithdrawn(on=ON, by=BY, transfer=an_id(19)),
    outcome.OutcomeDeclared(
        on=ON,
        by=BY,
        outcome=OUTCOME,
        enrolment=ENROLMENT,
        kind="employment",
        place=sealed("contacts"),
        sector="services",
        province="TNG",
        starts_on=ON,
        document=DOCUMENT,
        flags=["starts-before-exit"],
    ),
    outcome.OutcomeVerified(
        on=ON, by=BY, outcome=OUTCOME, method="site_visit", authority=DIRECTORATE, document=DOCUMENT
    ),
    review.FlagSettled(
        on=ON, by=BY, why=WHY, version=7, code="without-held-session", day=date(2026, 9, 9), finding="explained"
    ),
    review.FactWithdrawn(on=ON, by=BY, why=WHY, version=7),
    privacy.ErasureRequested(
        on=ON, by=BY, why=WHY, erasure=an_id(31), families=["identity", "contacts"], asked_by="guardian"
    ),
    privacy.ErasureRefused(
        on=ON,
        by=BY,
        why=WHY,
        erasure=an_id(31),
        families=["identity"],
        ground="money_control",
        until=date(2027, 9, 1),
    ),
    privacy.ErasureDecided(
        on=ON, by=BY, erasure=an_id(31), families=["contacts"], legal_basis="consent_withdrawn", whole=False
    ),
    privacy.PersonalDataErased(
        on=ON,
        by=By(actor=an_id(32), role="system", org=an_id(0), src="system", cause=EventRef(LEARNER, 9)),
        erasure=an_id(31),
        checklist=[privacy.CheckedItem("keys", 1, 0), privacy.CheckedItem("directory", 2, 0)],
    ),
    privacy.HoldPlaced(
        on=ON,
        by=BY,
        why=WHY,
        hold=an_id(33),
        families=["identity"],
        authority=ORGANISATION,
        reference=sealed("sensitive"),
    ),
    privacy.HoldLifted(on=ON, by=BY, why=WHY, hold=an_id(33)),
    privacy.NewGroundStated(
        on=ON,
        by=BY,
        erasure=an_id(31),
        families=["contacts"],
        ground="consent",
        given_by="guardian",
        document=DOCUMENT,
    ),
    diploma_session.SessionOpened(
        on=ON,
        by=BY,
        authority=ORGANISATION,
        held_from=date(2027, 6, 14),
        held_to=date(2027, 6, 18),
        centres=[CENTRE],
        trades=["COI-F"],
        diploma_kind="vocational_diploma",
        year=2027,
    ),
    diploma_session.CandidateEntered(on=ON, by=BY, learner=LEARNER, enrolment=ENROLMENT, candidate_number="0001"),
    diploma_session.CandidateListClosed(on=ON, by=BY),
    diploma_session.MarksRecorded(
        on=ON, by=BY, marks=[diploma_session.Mark("0001", 1, "present", 1250, 1475, "admitted")]
    ),
    diploma_session.MinutesSigned(
        on=ON,
        by=BY,
        members=[WORKER],
        results=[diploma_session.Result("0001", "admitted")],
        document=DOCUMENT,
        signature="paper",
    ),
    diploma_session.MinutesRectified(
        on=ON,
        by=BY,
        item="result",
        ground="transcription_error",
        rectifies=9,
        marks=[diploma_session.Mark("0001", 2, "present", 1350, 1475, "admitted")],
        members=[WORKER],
        document=DOCUMENT,
    ),
)

# What is inside the seals: opened years later, it must read as it was written.
PERSONAL: tuple[Personal, ...] = (
    ReasonText("saisie deux fois"),
    worker.WorkerPerson("Karim Alaoui", "AB123456", "+212600000001"),
    worker.Login("https://login.example.ma", "karim"),
    identification.Identity(
        [identification.PersonName("أمينة", "العلوي", "arabic"), identification.PersonName("Amina", "", "latin")],
        "f",
        date(2011, 4, 3),
        "month_only",
        "طنجة",
        "MA",
        [identification.Identifier("massar", "G123456789", "men")],
        "طنجة المدينة",
    ),
    identification.Evidence(
        "court_judgment",
        "1204/2026",
        [
            identification.Witness("فاطمة الزهراء العلوي", "خالة", "بطاقة تعريف"),
            identification.Witness("Hassan Alaoui", "voisin"),
        ],
    ),
    identification.DerogationGround("social_emergency", "DP-TNG 44/2026"),
    privacy.HoldReference("2026-TNG-114"),
    identification.Contacts("+212600000002", "حي النصر، طنجة"),
    identification.Referral("early_warning_cell", "collège Al Massira"),
    outcome.OutcomePlace("coopérative Tissage du Nord"),
    diploma.PrintedName("أمينة العلوي", "Amina Alaoui"),
)

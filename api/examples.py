"""One example body a command, for the OpenAPI document and its tests: invented people, names in Arabic script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


ASSOCIATION, MINISTRY, DELEGATION = _id(1), _id(2), _id(3)
WORKER, EDUCATOR, JURY = _id(11), _id(12), _id(13)
CENTRE, CONVENTION, GROUP, SESSION = _id(21), _id(22), _id(23), _id(24)
LEARNER, ENROLMENT, OUTCOME, GRANT = _id(31), _id(32), _id(33), _id(34)
DOCUMENT, SHEET = _id(41), _id(42)
ERASURE, HOLD = _id(51), _id(52)
EMERGENCY, TRANSFER, OTHER_CENTRE = _id(53), _id(54), _id(55)
DIPLOMA = _id(56)

_NAMES: Final = [{"given": "أمينة", "family": "الإدريسي"}, {"given": "Amina", "family": "El Idrissi"}]

EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "RegisterOrganisation": {
        "kind": "association",
        "name": {"ar": "جمعية أمل الغد", "fr": "Association Espoir de Demain"},
        "region": "MA-01",
        "province": "TNG",
    },
    "GrantAccess": {"subject": WORKER, "role": "caseworker", "scope": "centre", "scope_id": CENTRE},
    "RevokeAccess": {"grant": GRANT, "why": {"code": "post_left"}},
    "OpenEmergencyAccess": {"learner": LEARNER, "why": {"code": "immediate_danger"}},
    "ReviewEmergencyAccess": {"emergency": EMERGENCY, "finding": "justified"},
    "RecordWorker": {"name": "ياسين العمراني", "organisation": ASSOCIATION, "function": "caseworker"},
    "BindLogin": {"issuer": "https://login.example.org", "subject": "yassine"},
    "RecordLeaving": {"left_on": "2026-11-13"},
    "SetParameter": {"name": "age_max", "value": "20", "valid_from": "2026-09-01", "authority": "26/1187"},
    "SignConvention": {
        "kind": "funding",
        "number": "2026/TNG/07",
        "level": "provincial",
        "parties": [
            {"organisation": MINISTRY, "role": "funder"},
            {"organisation": ASSOCIATION, "role": "operator"},
        ],
        "centres": [CENTRE],
        "seasons": [{"season": 2026, "learners": 60, "amount": {"value": "240000.00", "currency": "MAD"}}],
        "unit_rate": {"value": "4000.00", "currency": "MAD"},
        "age_min": 13,
        "age_max": 20,
        "trades": ["COU", "ELB"],
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "tranches": [
            {
                "number": 1,
                "amount": {"value": "120000.00", "currency": "MAD"},
                "conditions": ["signature"],
                "due_on": "2026-10-01",
            },
            {"number": 2, "amount": {"value": "120000.00", "currency": "MAD"}, "conditions": ["rapport accepté"]},
        ],
        "budget": [{"category": "EDU", "ceiling": {"value": "150000.00", "currency": "MAD"}}],
        "reports": [{"kind": "final", "due_on": "2027-09-30"}],
    },
    "OpenCentre": {
        "name": {"ar": "مركز الفرصة الثانية ابن بطوطة", "fr": "Centre E2C Ibn Battouta"},
        "operator": ASSOCIATION,
        "places": 60,
        "commune": "Béni Makada",
        "province": "TNG",
    },
    "ApproveTrades": {"season": 2026, "trades": ["COU", "ELB"]},
    "OpenGroup": {
        "centre": CENTRE,
        "season": 2026,
        "group_kind": "workshop",
        "trade": "COU",
        "capacity": 20,
        "educator": EDUCATOR,
        "place": "ورشة الخياطة",
    },
    "SetTimetable": {
        "slots": [{"weekday": 1, "starts": 510, "minutes": 180, "component": "workshop"}],
        "starts_on": "2026-10-05",
    },
    "RecordSessions": {
        "week": "2026-11-16",
        "sessions": [
            {"date": "2026-11-16", "component": "workshop", "minutes": 180, "educator": EDUCATOR, "starts": 510}
        ],
    },
    "RecordAttendance": {
        "week": "2026-11-16",
        "component": "workshop",
        "rows": [{"learner": LEARNER, "days": [{"date": "2026-11-16", "status": "present"}]}],
        "sheet": SHEET,
    },
    "LockAttendance": {"month": "2026-10-01"},
    "IdentifyLearner": {
        "province": "TNG",
        "commune": "Béni Makada",
        "source": "school_principal",
        "source_organisation": "إعدادية المسيرة الخضراء",
        "names": _NAMES,
        "sex": "f",
        "birth_date": "2010-05-03",
        "identifiers": [{"type": "massar", "value": "K139201457"}],
    },
    "RecordIdentity": {
        "names": _NAMES,
        "sex": "f",
        "birth_date": "2010-05-03",
        "birth_place": "طنجة",
        "nationality": "MA",
        "identifiers": [{"type": "massar", "value": "K139201457"}],
        "commune": "Béni Makada",
        "phone": "+212612345678",
    },
    "VerifyIdentity": {"document_type": "birth_certificate", "document": DOCUMENT},
    "AssessEligibility": {"convention": CONVENTION, "school_status": "dropped_out"},
    "GrantDerogation": {"rule": 1, "reason": "siblings_enrolled", "act_reference": "26/412"},
    "OrientLearner": {"level": "level_2", "trades": ["COU", "ELB"], "rationale": "own_choice"},
    "EnrolLearner": {
        "centre": CENTRE,
        "convention": CONVENTION,
        "level": "level_2",
        "trade": "COU",
        "residence": "urban",
        "last_level": "2AC",
        "school_status": "dropped_out",
    },
    "JoinGroup": {"enrolment": ENROLMENT, "group": GROUP},
    "LeaveGroup": {"enrolment": ENROLMENT, "group": GROUP},
    "RequestTransfer": {
        "to_centre": OTHER_CENTRE,
        "effective_on": "2026-11-30",
        "why": {"code": "family_moved"},
    },
    "AcceptTransfer": {"transfer": TRANSFER, "convention": CONVENTION, "level": "level_2", "trade": "COU"},
    "RejectTransfer": {"transfer": TRANSFER, "why": {"code": "no_place_left"}},
    "WithdrawTransfer": {"transfer": TRANSFER},
    "AssessCompetence": {"enrolment": ENROLMENT, "module": "COU-03", "result": "acquired"},
    "OpenDiplomaSession": {
        "authority": DELEGATION,
        "held_from": "2027-06-14",
        "held_to": "2027-06-18",
        "centres": [CENTRE],
        "trades": ["COU"],
        "year": 2027,
    },
    "CloseCandidateList": {},
    "SignMinutes": {"members": [JURY], "document": DOCUMENT},
    "ListCandidate": {"enrolment": ENROLMENT, "session": SESSION},
    "RecordMarks": {
        "marks": [
            {
                "candidate_number": "0001",
                "sitting": 1,
                "presence": "present",
                "written": 1250,
                "practical": 1400,
                "decision": "admitted",
            }
        ]
    },
    "AwardDiplomas": {
        "awarded_on": "2027-06-25",
        "awards": [{"candidate_number": "0001", "number": "2027/0001"}],
    },
    "RectifyMinutes": {
        "item": "result",
        "ground": "transcription_error",
        "marks": [
            {
                "candidate_number": "0001",
                "sitting": 1,
                "presence": "present",
                "written": 1350,
                "practical": 1400,
                "decision": "admitted",
            }
        ],
    },
    "CorrectDiploma": {"diploma": DIPLOMA, "number": "2027/0011", "why": {"code": "entry_error"}},
    "HandOverDiploma": {"diploma": DIPLOMA, "recipient": "guardian", "receipt": DOCUMENT},
    "IssueDuplicate": {"diploma": DIPLOMA, "ground": "lost"},
    "AnnulDiploma": {
        "diploma": DIPLOMA,
        "ground": "identity_fraud",
        "authority": DELEGATION,
        "act_reference": "2027-TNG-31",
    },
    "EndEnrolment": {"enrolment": ENROLMENT, "exit": "completed", "ended_on": "2027-06-30"},
    "DeclareOutcome": {
        "enrolment": ENROLMENT,
        "kind": "vocational_training",
        "organisation": "معهد التكنولوجيا التطبيقية",
        "province": "TNG",
        "starts_on": "2027-09-15",
    },
    "VerifyOutcome": {"outcome": OUTCOME, "method": "authority_record", "authority": DELEGATION},
    "SettleFlag": {
        "version": 7,
        "code": "without-held-session",
        "day": "2026-11-16",
        "finding": "explained",
        "why": {"code": "sheet_reread"},
    },
    "WithdrawFact": {"version": 7, "why": {"code": "entry_error"}},
    "RequestErasure": {"erasure": ERASURE, "families": ["identity", "contacts", "sensitive"], "asked_by": "guardian"},
    "RefuseErasure": {"erasure": ERASURE, "families": ["identity"], "ground": "money_control", "until": "2027-09-01"},
    "DecideErasure": {
        "erasure": ERASURE,
        "families": ["contacts", "sensitive"],
        "legal_basis": "consent_withdrawn",
        "whole": False,
    },
    "PlaceHold": {"hold": HOLD, "families": ["identity"], "authority": MINISTRY, "reference": "2026-TNG-114"},
    "LiftHold": {"hold": HOLD},
    "StateNewGround": {"families": ["identity"], "ground": "return", "given_by": "guardian"},
}

"""A command's form, derived from its struct: what a client may send, and what each field means.

Nothing here is written a second time per command. Two small tables say what the struct's types cannot: which text is a
code of which list, and which id names something new.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from marshmallow import fields

from api.forms import MOST_ITEMS, YEARS, Amount, Day, Form, Id, Listed, Part, Text, Whole, YesNo
from domain.kind import Command, CommandSpec
from domain.learner.admission import EnrolLearner
from domain.learner.outcome import DeclareOutcome
from domain.learner.privacy import PlaceHold, RequestErasure
from domain.learner.transfer import AcceptTransfer, RequestTransfer
from domain.organisation import GrantAccess, OpenEmergencyAccess

# command → the field with the id of what it makes on its stream; made here when a client sends none
NEW_ID: Final[Mapping[type[Command], str]] = {
    EnrolLearner: "enrolment",
    GrantAccess: "grant",
    OpenEmergencyAccess: "emergency",
    RequestTransfer: "transfer",
    AcceptTransfer: "enrolment",
    DeclareOutcome: "outcome",
    RequestErasure: "erasure",
    PlaceHold: "hold",
}

# struct and field → the code list its values are of
CODE_LISTS: Final[Mapping[str, str]] = {
    "ReasonGiven.code": "reason",
    "RegisterOrganisation.kind": "organisation_kind",
    "RegisterOrganisation.region": "region",
    "RegisterOrganisation.province": "province",
    "GrantAccess.role": "role",
    "GrantAccess.scope": "grant_scope",
    "GrantAccess.purpose": "grant_purpose",
    "ReviewEmergencyAccess.finding": "emergency_finding",
    "RecordWorker.function": "worker_function",
    "SetParameter.name": "parameter",
    "SignConvention.kind": "convention_kind",
    "SignConvention.level": "convention_level",
    "SignConvention.trades": "trade",
    "SignConvention.signature": "signature_level",
    "Party.role": "party_role",
    "BudgetLine.category": "expense_category",
    "OpenCentre.province": "province",
    "ApproveTrades.trades": "trade",
    "OpenGroup.group_kind": "group_kind",
    "OpenGroup.level": "programme_level",
    "OpenGroup.trade": "trade",
    "OpenGroup.session_type": "session_type",
    "Slot.component": "component",
    "HeldSession.component": "component",
    "RecordAttendance.component": "component",
    "DayGiven.status": "attendance_status",
    "AssessCompetence.result": "competence_result",
    "IdentifyLearner.province": "province",
    "IdentifyLearner.source": "referral_source",
    "IdentifyLearner.sex": "sex",
    "IdentifyLearner.birth_certainty": "birth_certainty",
    "RecordIdentity.sex": "sex",
    "RecordIdentity.birth_certainty": "birth_certainty",
    "Identifier.type": "identifier_type",
    "VerifyIdentity.document_type": "identity_document_type",
    "AssessEligibility.school_status": "school_status",
    "GrantDerogation.reason": "derogation_reason",
    "GrantDerogation.authority": "derogation_authority",
    "OrientLearner.level": "programme_level",
    "OrientLearner.trades": "trade",
    "OrientLearner.rationale": "orientation_rationale",
    "EnrolLearner.level": "programme_level",
    "EnrolLearner.trade": "trade",
    "EnrolLearner.session_type": "session_type",
    "EnrolLearner.residence": "residence",
    "EnrolLearner.last_level": "last_level",
    "EnrolLearner.school_status": "school_status",
    "Missing.step": "enrolment_step",
    "Missing.why": "missing_step_reason",
    "OpenDiplomaSession.trades": "trade",
    "OpenDiplomaSession.diploma_kind": "diploma_kind",
    "Mark.presence": "exam_presence",
    "Mark.decision": "exam_decision",
    "SignMinutes.signature": "signature_level",
    "RectifyMinutes.item": "minutes_item",
    "RectifyMinutes.ground": "minutes_ground",
    "CorrectDiploma.title": "diploma_kind",
    "CorrectDiploma.trade": "trade",
    "CorrectDiploma.level": "programme_level",
    "HandOverDiploma.recipient": "diploma_recipient",
    "IssueDuplicate.ground": "duplicate_ground",
    "AnnulDiploma.ground": "annulment_ground",
    "EndEnrolment.exit": "exit",
    "AcceptTransfer.level": "programme_level",
    "AcceptTransfer.trade": "trade",
    "DeclareOutcome.kind": "outcome_kind",
    "DeclareOutcome.province": "province",
    "DeclareOutcome.sector": "sector",
    "VerifyOutcome.method": "verification_method",
    "SettleFlag.finding": "flag_finding",
    "RequestErasure.families": "personal_family",
    "RequestErasure.asked_by": "erasure_asker",
    "RefuseErasure.families": "personal_family",
    "RefuseErasure.ground": "erasure_refusal_ground",
    "DecideErasure.families": "personal_family",
    "DecideErasure.legal_basis": "erasure_legal_basis",
    "PlaceHold.families": "personal_family",
    "StateNewGround.families": "personal_family",
    "StateNewGround.ground": "new_ground",
    "StateNewGround.given_by": "ground_giver",
}
AMOUNTS: Final = frozenset({"amount", "unit_rate", "ceiling"})  # int fields that hold centimes
_FIELDS: Final[Mapping[Any, type[fields.Field[Any]]]] = {str: Text, bool: YesNo, date: Day, UUID: Id}
SEASONS: Final = frozenset({"season", "year"})  # int fields that become a year of a date


def schema_of(spec: CommandSpec) -> type[Form]:
    """The form of the command's body: its struct without what the path says."""
    left_out = set() if spec.opens_stream else {spec.stream}
    made_here = {NEW_ID.get(spec.command, "")} | ({spec.stream} if spec.opens_stream else set())
    return _form(spec.command, left_out, made_here)


def command_of(spec: CommandSpec, sent: Mapping[str, Any], ids: Mapping[str, UUID]) -> Command:
    """The command of a loaded form and the ids that the path gave or that were made."""
    command: Command = msgspec.convert({**sent, **ids}, type=spec.command)
    return command


def _form(struct: type[msgspec.Struct], left_out: set[str], made_here: set[str]) -> type[Form]:
    hints = get_type_hints(struct)
    made: dict[str, Any] = {"__doc__": struct.__doc__}
    for field in msgspec.structs.fields(struct):
        if field.name not in left_out:
            made[field.name] = _field(struct, field, hints[field.name], is_made=field.name in made_here)
    return type(f"{struct.__name__}Form", (Form,), made)


def _field(struct: type[msgspec.Struct], field: Any, hint: Any, *, is_made: bool) -> fields.Field[Any]:
    takes_none = get_origin(hint) in (Union, types.UnionType)
    inner = next(each for each in get_args(hint) if each is not type(None)) if takes_none else hint
    metadata = _metadata(f"{struct.__name__}.{field.name}", is_made=is_made)
    required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT and not is_made
    return _of_type(field.name, inner, {"required": required, "allow_none": takes_none, "metadata": metadata})


def _metadata(name: str, *, is_made: bool) -> dict[str, Any]:
    if is_made:
        return {"description": "Made by the server when absent."}
    if name.endswith(".on"):
        return {"description": "The day it occurred; today, or what the command itself dates, when absent."}
    if name in CODE_LISTS:
        return {"description": f"A code of the list `{CODE_LISTS[name]}`.", "x-code-list": CODE_LISTS[name]}
    return {}


def _of_type(name: str, hint: Any, said: dict[str, Any]) -> fields.Field[Any]:
    metadata = said["metadata"]
    if get_origin(hint) is list:
        inner = _of_type(name, get_args(hint)[0], {"required": True, "metadata": metadata})
        return Listed(inner, **{**said, "metadata": {"maxItems": MOST_ITEMS}})
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        about = (hint.__doc__ or "").partition("\n")[0]
        return Part(_part(hint), **{**said, "metadata": {"description": about, **metadata}})
    if hint is int:
        return Amount(**said) if name in AMOUNTS else Whole(within=YEARS if name in SEASONS else None, **said)
    return _FIELDS[hint](**said)


@cache
def _part(struct: type[msgspec.Struct]) -> type[Form]:
    """One form a struct, so that it stands once in the OpenAPI document."""
    return _form(struct, set(), set())

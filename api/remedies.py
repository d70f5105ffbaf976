"""Which act makes a refusal right: one table, from a refusal's or a problem's code to commands.

A code of neither set is a mistake (tested). What only another request, another person or another day makes right stands
in NONE: its way out says so in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from flask import g, request

from api.languages import say
from domain.kind import CommandSpec
from domain.parameter import NATIONAL
from domain.streams import COMMANDS, KINDS

REMEDIES: Final[Mapping[str, tuple[str, ...]]] = {
    "age-outside-band": ("record-identity", "grant-derogation"),
    "already-enrolled": ("end-enrolment", "request-transfer"),
    "attendance-differs": ("record-attendance",),
    "attestation-not-accepted": ("verify-identity",),
    "candidate-list-empty": ("list-candidate",),
    "centre-not-covered": ("sign-convention",),
    "cnie-not-authorised": ("set-parameter",),
    "convention-missing": ("sign-convention",),
    "copy-handed-over": ("issue-duplicate",),
    "copy-not-handed-over": ("hand-over-diploma",),
    "diploma-is-annulled": ("award-diplomas",),
    "diploma-still-in-force": ("annul-diploma",),
    "enrolment-not-ended": ("end-enrolment",),
    "enrolment-over": ("enrol-learner",),
    "erased-for-good": ("identify-learner",),
    "erasure-already-decided": ("state-new-ground",),
    "families-differ": ("refuse-erasure",),
    "family-on-hold": ("refuse-erasure", "lift-hold"),
    "grant-revoked": ("grant-access",),
    "group-is-full": ("open-group",),
    "group-of-another-centre": ("open-group",),
    "group-of-another-trade": ("open-group",),
    "identity-erased": ("state-new-ground",),
    "identity-not-verified": ("verify-identity",),
    "in-school-now": ("assess-eligibility",),
    "keys-destroyed": ("state-new-ground",),
    "list-closed": ("open-diploma-session",),
    "marks-missing": ("record-marks",),
    "name-form-unsettled": ("record-identity", "verify-identity", "settle-flag"),
    "needed-while-enrolled": ("end-enrolment", "refuse-erasure"),
    "no-such-copy": ("issue-duplicate",),
    "no-such-diploma": ("award-diplomas",),
    "no-such-enrolment": ("enrol-learner",),
    "no-such-erasure": ("request-erasure",),
    "no-such-outcome": ("declare-outcome",),
    "no-such-transfer": ("request-transfer",),
    "not-in-group": ("join-group",),
    "not-in-session": ("open-diploma-session",),
    "nothing-to-enrol": ("enrol-learner",),
    "outcome-already-verified": ("withdraw-fact",),
    "register-is-permanent": ("refuse-erasure",),
    "season-not-covered": ("sign-convention",),
    "sessions-differ": ("record-sessions",),
    "starts-outside-convention": ("sign-convention",),
    "step-missing": ("assess-eligibility", "orient-learner"),
    "trade-not-approved": ("approve-trades",),
    "transfer-answered": ("request-transfer",),
    "transfer-pending": ("withdraw-transfer",),
    "whole-is-every-family": ("request-erasure",),
    "worker-has-left": ("record-worker",),
    "login-not-bound": ("bind-login",),
    "not-in-your-scope": ("request-transfer",),
    "not-your-role": ("grant-access",),
}
# The acts depend on where the stream stands, or on what is missing.
BY_STATUS: Final = "not-allowed-now"
_OF_TRANSFER: Final = ("request-transfer", "accept-transfer", "reject-transfer", "withdraw-transfer")
_OF_STEP: Final = {"assessment": "assess-eligibility", "orientation": "orient-learner"}
# No command makes these right: the request is corrected, someone else does it, or it is too early or done for good.
NONE: Final = frozenset(
    {
        "admitted-without-mark", "age-band-reversed", "already-listed", "amount-negative", "answered-by-requester",
        "authority-does-not-fit", "authority-of-another", "awarded-before-minutes", "bad-time", "born-in-future",
        "content-of-another-item", "decided-by-requester", "diploma-already-awarded", "emergency-already-reviewed",
        "ends-before-enrolment", "ends-before-start", "evidence-missing", "families-missing", "file-number-in-use",
        "funding-incomplete", "grant-to-self", "id-in-use", "identifier-unreadable", "jury-missing", "login-in-use",
        "mark-of-an-absentee", "mark-out-of-range", "marked-before-exam", "massar-in-use", "mission-misplaced",
        "month-locked", "month-not-over", "name-missing", "name-unreadable", "names-missing", "no-such-emergency",
        "no-such-flag", "no-such-grant", "no-such-hold", "not-a-code", "not-a-first-day", "not-a-monday",
        "not-a-parameter-value", "not-acting-for-it", "not-admitted", "not-an-annulling-authority",
        "not-an-exam-authority", "not-outside", "not-positive", "not-withdrawable", "not-yet-then",
        "not-yours-to-correct", "not-yours-to-withdraw", "nothing-to-reopen", "nothing-verifies", "number-unreadable",
        "occurred-in-future", "outside-week", "reason-needed", "reason-text-misplaced", "register-number-in-use",
        "reviewed-by-opener", "reviewer-not-superior", "rule-not-derogable", "same-day-twice", "same-learner-twice",
        "same-number-twice", "scope-does-not-fit-role", "scope-id-does-not-fit", "season-twice", "settled-by-recorder",
        "sheet-empty", "signed-before-exam", "starts-before-last-ended", "starts-outside-season", "text-unreadable",
        "too-much-at-once", "trade-missing", "trade-not-examined", "transfer-to-same-centre", "unknown-candidate",
        "unknown-code", "unknown-stream", "wrong-authority", "year-far-from-exam",
    }
)  # fmt: skip
# act → the act that comes before it in a life cycle
BEFORE: Final[Mapping[str, str]] = {
    "join-group": "enrol-learner",
    "leave-group": "enrol-learner",
    "assess-competence": "enrol-learner",
    "list-candidate": "enrol-learner",
    "end-enrolment": "enrol-learner",
    "enrol-learner": "end-enrolment",
    "declare-outcome": "end-enrolment",
    "verify-outcome": "declare-outcome",
    "request-transfer": "enrol-learner",
    "accept-transfer": "request-transfer",
    "reject-transfer": "request-transfer",
    "withdraw-transfer": "request-transfer",
    "record-marks": "close-candidate-list",
    "sign-minutes": "record-marks",
    "award-diplomas": "sign-minutes",
    "rectify-minutes": "sign-minutes",
    "correct-diploma": "award-diplomas",
    "hand-over-diploma": "award-diplomas",
    "issue-duplicate": "award-diplomas",
    "annul-diploma": "award-diplomas",
}

_SPECS: Final = {spec.name: spec for spec in COMMANDS}
_CALLED: Final = {"session": "diploma_session"}  # what bodies call a stream that its own commands call otherwise
Ids = Mapping[str, UUID]  # name of a command's stream field → the stream the request speaks of


class Remedy(msgspec.Struct, frozen=True, omit_defaults=True):
    """An act that makes a refusal right, and who may do it. No `href` where the request names no stream for it."""

    command: str
    title: str
    method: str
    roles: tuple[str, ...]
    href: str = ""


def remedies_of(code: str, params: Mapping[str, Any], refused: str = "", ids: Ids | None = None) -> list[Remedy]:
    """The acts that make this right, in the language asked for; none where no command does.

    refused: the command that was refused, that of the request unless given. ids: beside those in the request's path
    and body.
    """
    known = {**_said_ids(), **(ids or {}), **{name: each for name, each in params.items() if isinstance(each, UUID)}}
    refused = refused or (request.endpoint or "").rpartition(".")[2]
    return [_remedy(_SPECS[name], known) for name in _names(code, params, refused)]


def commands_for(code: str) -> tuple[str, ...]:
    """Names of the commands that may make this right."""
    return tuple(dict.fromkeys(BEFORE.values())) if code == BY_STATUS else REMEDIES.get(code, ())


def remember_ids(ids: Mapping[str, Any]) -> None:
    """What this request's command names: the acts that would make it right are about the same streams."""
    g.said_ids = {_CALLED.get(name, name): each for name, each in ids.items() if isinstance(each, UUID)}


def first_step(kind: str, status: str, refused: str) -> tuple[str, ...]:
    """The act of this status that leads on to the refused one, directly or by others; none where none leads there."""
    passed = [refused]
    while (name := BEFORE.get(passed[-1])) and name not in passed:
        if name in KINDS[kind].life_cycle[status]:
            return (name,)
        passed.append(name)
    return ()


def _names(code: str, params: Mapping[str, Any], refused: str) -> tuple[str, ...]:
    if code == BY_STATUS and refused in _SPECS:
        return first_step(_SPECS[refused].kind, str(params["status"]), refused)
    names = REMEDIES.get(code, ())
    if refused in _OF_TRANSFER and code == "not-in-your-scope":
        return ()  # the other centre's to do: another request helps nobody
    return tuple(name for name in names if name == _OF_STEP.get(str(params.get("step")), name))


def _said_ids() -> dict[str, UUID]:
    path = {name: each for name, each in (request.view_args or {}).items() if isinstance(each, UUID)}
    return {"parameter": NATIONAL, **path, **g.get("said_ids", {})}


def _remedy(spec: CommandSpec, ids: Ids) -> Remedy:
    collection = f"/v1/{KINDS[spec.kind].plural}"
    href = ""
    if spec.opens_stream:
        href = collection
    elif spec.stream in ids:
        href = f"{collection}/{ids[spec.stream]}/{spec.noun}"
    return Remedy(spec.name, say(f"command.{spec.name}"), "POST", spec.roles, href)

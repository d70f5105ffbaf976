"""Problems (RFC 9457): every answer that is not what was asked for. The only status codes of the API stand here.

A problem has a permanent code; its texts come from the catalogues by that code. Errors inside it carry a JSON pointer
(or the name of a header or parameter), the number of the rule in DOMAIN §5, the way out, and the acts that are it
(`api/remedies.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from flask import Response, g, request

from api.languages import TAGS, language, say
from api.remedies import commands_for, remedies_of
from domain.errors import RuleBroken, UnknownStream, code_of
from domain.texts import text

OK: Final = 200
CREATED: Final = 201
UNCHANGED: Final = 200
SEE_OTHER: Final = 303
NOT_MODIFIED: Final = 304
NOT_FOUND: Final = 404
FORM: Final = 422  # the request itself is wrong, whatever is stored
RULE: Final = 409  # what is stored forbids it

# problem code → status, of the problems that no rule of the domain makes
STATUS: Final[Mapping[str, int]] = {
    "request-unreadable": 400,  # this and the two others of unread.py: bytes that never became a request
    "idempotency-key-missing": 400,
    "malformed-json": 400,
    "duplicate-json-key": 400,
    "bad-character": 400,
    "unauthenticated": 401,
    "not-your-role": 403,
    "not-in-your-scope": 403,
    "login-not-bound": 403,
    "not-found": NOT_FOUND,
    "not-known-then": NOT_FOUND,
    "method-not-allowed": 405,
    "feed-behind-reader": RULE,
    "receipt-out-of-order": RULE,
    "stale-version": 412,
    "body-too-large": 413,
    "address-too-long": 414,
    "unsupported-media-type": 415,
    "invalid-body": FORM,
    "unknown-field": FORM,
    "missing-field": FORM,
    "wrong-type": FORM,
    "bad-date": FORM,
    "bad-uuid": FORM,
    "bad-parameter": FORM,
    "unknown-parameter": FORM,
    "bad-cursor": FORM,
    "as-of-in-future": FORM,
    "at-least-ahead": FORM,
    "idempotency-key-reused": FORM,
    "if-match-missing": 428,
    "too-many-requests": 429,
    "headers-too-large": 431,
    "internal-error": 500,
    "unavailable": 503,
    "at-least-not-reached": 503,
}
BY_STATUS: Final = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "unsupported-media-type"}

# Refusals that judge the request alone; every other refusal is a rule over what is stored.
OF_FORM: Final = frozenset(
    {
        "age-band-reversed", "amount-negative", "bad-time", "born-in-future", "content-of-another-item",
        "ends-before-start", "families-missing", "funding-incomplete", "identifier-unreadable", "jury-missing",
        "mark-of-an-absentee", "mark-out-of-range", "mission-misplaced", "name-missing", "name-unreadable",
        "names-missing", "not-a-code", "not-a-first-day", "not-a-monday", "not-a-parameter-value", "not-positive",
        "nothing-verifies", "number-unreadable", "occurred-in-future", "outside-week", "reason-needed",
        "reason-text-misplaced", "rule-not-derogable", "same-day-twice", "same-learner-twice", "same-number-twice",
        "scope-does-not-fit-role", "scope-id-does-not-fit", "season-twice", "sheet-empty", "text-unreadable",
        "too-much-at-once", "trade-missing", "unknown-code",
    }
)  # fmt: skip

RETRY_SECONDS: Final = "1"


class Finding(msgspec.Struct, frozen=True):
    """One error of a problem: its code, and where in the request it is."""

    code: str
    pointer: str | None = None  # JSON pointer into the body; empty: the body as a whole
    parameter: str | None = None  # name of a path or query parameter, or of a header
    rule: int = 0
    params: Mapping[str, Any] = {}


class Problem(Exception):
    """An answer that is a problem. `more` are its further members, `headers` those of the answer."""

    def __init__(
        self,
        code: str,
        *,
        findings: Sequence[Finding] = (),
        params: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """code: one of STATUS."""
        super().__init__(code)
        self.code, self.findings, self.params = code, tuple(findings), params or {}
        self.more, self.headers = more or {}, headers or {}


def bad_parameter(name: str, code: str = "bad-parameter", *, expected: str = "") -> Problem:
    """A query parameter or header that is missing or cannot be read; `expected`: an example, a range or the codes."""
    params = {"name": name, **({"expected": expected} if expected else {})}
    return Problem(code, params=params, findings=[Finding(code, parameter=name, params=params)])


def status_of(broken: RuleBroken) -> int:
    """The status of one refusal."""
    if isinstance(broken, UnknownStream):
        return FORM if broken.pointer else NOT_FOUND
    return FORM if broken.code in OF_FORM else RULE


def problem_response(problem: Problem) -> Response:
    """The problem in the asked language."""
    title, way_out = _words(problem.code, problem.params)
    body = {"title": title, "detail": way_out, "code": problem.code, **problem.more}
    if acts := remedies_of(problem.code, problem.params):
        body["acts"] = acts
    return _rendered(STATUS[problem.code], body, problem.findings, problem.headers)


def refusal_response(broken: Sequence[RuleBroken]) -> Response:
    """Every rule that holds. Not found before wrong in form before forbidden by what is stored."""
    statuses = {status_of(each) for each in broken}
    if NOT_FOUND in statuses:
        return problem_response(Problem("not-known-then" if "as_of" in request.args else "not-found"))
    title, way_out = _words(broken[0].code, broken[0].params)
    findings = [Finding(each.code, each.pointer, None, each.RULE, each.params) for each in broken]
    status = FORM if FORM in statuses else RULE
    return _rendered(status, {"title": title, "detail": way_out, "code": broken[0].code}, findings, {})


@cache
def codes_of_rules() -> Mapping[str, type[RuleBroken]]:
    """Every refusal there is, by code. Looked for once: the modules of the rules are imported with this one."""
    return {code_of(each): each for each in _subclasses(RuleBroken)}


class Meaning(msgspec.Struct, frozen=True):
    """What a code means. `params`: names of the data its errors carry; rule 0: none of DOMAIN §5."""

    code: str
    status: int
    title: str
    way_out: str
    rule: int
    params: list[str]
    commands: list[str]  # the acts that make it right; which of them, an error of this code says


def explained(code: str) -> Meaning | None:
    """What a code means, in the asked language; None for a code that is none."""
    return meaning_of(code, language()) if code in STATUS or code in codes_of_rules() else None


def catalogue_of_codes() -> list[Meaning]:
    """Every code there is, in the asked language: those of rules first, by rule; then those of requests, by status."""
    found = [meaning_of(code, language()) for code in (*codes_of_rules(), *STATUS)]
    return sorted(found, key=lambda each: (each.code in STATUS, each.rule, each.status, each.code))


def meaning_of(code: str, in_language: str) -> Meaning:
    """What a code means, in this language; where its texts fill data in, the datum's name stands in brackets."""
    rule = codes_of_rules().get(code)
    names = [name for name in rule.__struct_fields__ if name != "pointer"] if rule else []
    key, shown = _key(code), {name: f"[{name}]" for name in names}
    title, way_out = text(key, in_language, **shown), text(f"{key}.way-out", in_language, **shown)
    status = STATUS[code] if rule is None else FORM if code in OF_FORM else RULE
    return Meaning(code, status, title, way_out, rule.RULE if rule else 0, names, list(commands_for(code)))


def _subclasses(of: type[RuleBroken]) -> Iterator[type[RuleBroken]]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


def _words(code: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong and the way out."""
    key, said = _key(code), {**params, "acts": [each.command for each in remedies_of(code, params)]}
    return say(key, **said), say(f"{key}.way-out", **said)


def _key(code: str) -> str:
    return f"{'problem' if code in STATUS else 'refusal'}.{code}"


def _rendered(status: int, body: dict[str, Any], findings: Sequence[Finding], headers: Mapping[str, str]) -> Response:
    shown = {"type": f"/v1/problems/{body['code']}", "status": status, **body}
    if findings:
        shown["errors"] = [_shown(each) for each in findings]
    g.problem = body["code"]  # for the line of this request
    response = Response(msgspec.json.encode(shown), status, mimetype="application/problem+json")
    response.headers.update(headers)
    response.headers["Content-Language"] = TAGS[language()]
    if status == STATUS["unavailable"]:
        response.headers.setdefault("Retry-After", RETRY_SECONDS)
    return response


def _shown(finding: Finding) -> dict[str, Any]:
    detail, way_out = _words(finding.code, finding.params)
    place = {"pointer": finding.pointer} if finding.parameter is None else {"parameter": finding.parameter}
    acts = remedies_of(finding.code, finding.params)
    return {**place, "code": finding.code, "rule": finding.rule, "detail": detail, "way_out": way_out,
            "params": dict(finding.params), **({"acts": acts} if acts else {})}  # fmt: skip

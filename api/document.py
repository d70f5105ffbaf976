"""The OpenAPI 3.1 document: what smorest derives from the routes, put in our house style.

smorest documents errors of its own shape as application/json; here every operation names its problems, its security
and its shared headers by reference, and every answer's schema comes from the struct it is rendered from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from api.blueprint import SmorestApi
from api.feed_examples import ANSWERS
from api.permissions import PUBLIC, roles_of
from api.problems import NOT_MODIFIED, SEE_OTHER, STATUS
from api.remedies import Remedy

Document = dict[str, Any]

JSON: Final = "application/json"
SCHEMA: Final = "#/components/schemas/{name}"

_COMMON: Final = (401, 403, 404, 422, 429, 500, 503)
_OF_PUBLIC: Final = (404, 422, 500, 503)
_OF_BODY: Final = (400, 413, 415)
_OF_COMMAND: Final = (409, 412)
_OF_REPLACING: Final = (428,)
_LATER: Final = (429, 503)  # the same request is right after a while
_TITLES: Final = {
    400: "The request cannot be read.",
    401: "No token, or one that proves nothing.",
    403: "None of the roles that may is yours today; `roles` names them.",
    404: "Nothing of this kind has this id.",
    409: "Rules forbid it: every one that holds, each with its way out.",
    412: "The stream moved on since the version of If-Match; `missed` says what happened.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not application/json.",
    422: "The body or a parameter is wrong in form: every error, each with its pointer.",
    428: "This command replaces what was seen: If-Match is asked.",
    429: "Too many requests of one login, or bad tokens of one address; Retry-After says when.",
    500: "An unexpected error; `request_id` names it in our log.",
    503: "Not now; Retry-After says when.",
}  # fmt: skip


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """One error of a problem."""

    code: str
    rule: int
    detail: str
    way_out: str
    params: dict[str, Any]
    pointer: str = ""
    parameter: str = ""
    acts: list[Remedy] = []  # what makes it right; absent where no command does


class ProblemBody(msgspec.Struct, frozen=True, rename={"errors": "errors"}):
    """A problem by RFC 9457: `code` is permanent, texts are in the language asked for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Error] = []
    acts: list[Remedy] = []


def document(api: SmorestApi) -> Document:
    """The whole document, ready to be served."""
    made: Document = api.spec.to_dict()
    answers: dict[str, Any] = {}
    for _, _, operation in operations(made):
        of = operation.pop("x-answer")
        answers[str(of)] = of
        _complete(operation, of)
    types = [*answers.values(), ProblemBody]
    _, schemas = msgspec.json.schema_components(types, ref_template=SCHEMA)
    components = made.setdefault("components", {})
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **schemas}.items()))
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    components["responses"] = {_name(status): _problem(status) for status in sorted(_TITLES)}
    components["parameters"] = PARAMETERS
    components["headers"] = HEADERS
    made["info"]["description"] = ABOUT
    made["servers"] = [{"url": "/"}]
    return made


def operations(made: Document) -> Iterator[tuple[str, str, Document]]:
    """(path, method, operation) of every operation of the document."""
    for path, item in made["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post"):
                yield path, method, operation


def _complete(operation: Document, of: Any) -> None:
    """What every operation has: roles, security, shared headers, its answer and its problems."""
    endpoint = f"{operation['tags'][0]}.{operation['operationId']}"
    (shown,) = msgspec.json.schema_components([of], ref_template=SCHEMA)[0]
    name = operation["operationId"]
    example = {"example": ANSWERS[name]} if name in ANSWERS else {}
    content = {operation.pop("x-media", JSON): {"schema": shown, **example}}
    content.update({each: {"schema": {"type": "string", "format": "binary"}} for each in operation.pop("x-files", ())})
    statuses, keyed = operation.pop("x-statuses", ()), operation.pop("x-keyed", False)
    operation["responses"] = {"200": _answer("What was asked for.", content)}
    if endpoint in PUBLIC:
        operation["security"] = []
        if endpoint == "house.problem":
            operation["responses"][str(SEE_OTHER)] = {"description": "A reader who asks for HTML is led to the page."}
        _add(operation, ["Language", "Request"], _OF_PUBLIC)
        return
    operation["security"] = [{"bearer": []}]
    operation["x-roles"] = list(roles_of(endpoint))
    _add(operation, ["Role", "Language", "Request"], [*_COMMON, *(_OF_BODY if "requestBody" in operation else ())])
    if (replaces := operation.pop("x-command", None)) is not None:
        _add(operation, ["IdempotencyKey", "IfMatch" if replaces else "IfMatchOptional", "Correlation"], _OF_COMMAND)
        _add(operation, [], _OF_REPLACING if replaces else ())
        operation["responses"]["200"] = _answer("It changed nothing: the same was recorded before.", content)
        operation["responses"]["201"] = _answer("Recorded.", content, "Location")
    _add(operation, ["IdempotencyKey"] if keyed else [], [each for each in statuses if each != NOT_MODIFIED])
    if NOT_MODIFIED in statuses:
        _add(operation, ["IfNoneMatch"], ())
        operation["responses"][str(NOT_MODIFIED)] = {"description": "It is as If-None-Match has it."}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _add(operation: Document, parameters: Iterable[str], statuses: Iterable[int]) -> None:
    refs = ({"$ref": f"#/components/parameters/{name}"} for name in parameters)
    operation.setdefault("parameters", []).extend(refs)
    for status in statuses:
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}


def _answer(description: str, content: Document, *headers: str) -> Document:
    names = ("ETag", "Content-Language", "X-Request-Id", *headers)
    return {
        "description": description,
        "headers": {each: {"$ref": f"#/components/headers/{each}"} for each in names},
        "content": content,
    }


def _problem(status: int) -> Document:
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    made: Document = {"description": _TITLES[status], "content": {"application/problem+json": {"schema": schema}}}
    if status in _LATER:
        made["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return made


def _name(status: int) -> str:
    return f"Problem{status}"


def _header(name: str, description: str, example: str, *, required: bool = False) -> Document:
    return {"name": name, "in": "header", "required": required, "description": description, "example": example,
            "schema": {"type": "string"}}  # fmt: skip


PARAMETERS: Final[Document] = {
    "Role": _header("X-Forsa-Role", "The role to act in, where several of yours may.", "caseworker"),
    "Language": _header("Accept-Language", "ar-MA (the default), fr or en.", "fr"),
    "Request": _header(
        "X-Request-Id",
        "A UUID of yours: kept in our log beside our own id, which is on the answer.",
        "0f2c6f0e-9d0c-4b7e-8f3a-6a1d2b3c4d5e",
    ),
    "Correlation": _header(
        "X-Correlation-Id", "A UUID: the larger act this is part of.", "5f0b9c1e-6a53-4f0e-9d6b-0a6f6f727361"
    ),
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "A UUID, or up to 64 printable characters: the same key is applied once, however often it is sent.",
        '"0b9bbf4e-3f0f-4f2e-8f6c-0d4f5b7c2a11"',
        required=True,
    ),
    "IfNoneMatch": _header("If-None-Match", "The ETag of the answer that is kept here already.", '"b1946ac9"'),
    "IfMatch": _header("If-Match", "The ETag of what this replaces.", '"3"', required=True),
    "IfMatchOptional": _header("If-Match", "Refuse when the stream moved on since this ETag.", '"3"'),
}
HEADERS: Final[Document] = {
    "ETag": {"description": "The stream's version, quoted.", "schema": {"type": "string"}, "example": '"4"'},
    "Location": {"description": "Where the stream is read.", "schema": {"type": "string"}},
    "Content-Language": {"description": "The language of the texts.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before the same request.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "Names this request in our log.", "schema": {"type": "string", "format": "uuid"}},
}
ABOUT: Final = (
    "Case management of Second Chance Schools. Every act is a POST of a noun of intent under the stream it is about; "
    "every answer carries the log's `position`, and reads take it back as `at_least`. Every refusal is a problem "
    "(RFC 9457) with a permanent code, a JSON pointer, the rule, the way out, and the acts that are it, in Arabic, "
    "French and English; /docs/problems lists them all."
)
assert set(STATUS.values()) <= _TITLES.keys() | {405, 414, 431}, "every status has its description"

"""How a body and a query come in: the media type, the size, strict JSON, and the form's errors all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn
from uuid import UUID

from flask import Request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from api.forms import findings_of, unknown_codes
from api.problems import Problem
from api.strict_json import read_json

JSON: Final = "application/json"
LARGEST_BYTES: Final = 1024 * 1024  # of a body; flask answers 413 to a larger one


class StrictParser(FlaskParser):
    """webargs' parser with our reading of bodies and our errors."""

    def load_json(self, req: Request, *_: Schema) -> Any:
        """The body's value. Raises Problem: unsupported-media-type, malformed-json and its like."""
        if not _is_json(req):
            raise Problem("unsupported-media-type", headers={"Accept-Post": JSON})
        return read_json(req.get_data())

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **__: Any) -> NoReturn:  # noqa: ARG002  # webargs' own names
        """Raises Problem invalid-body with every error of the form, unknown codes among them."""
        # webargs puts the location around marshmallow's tree; ours is always the body
        messages = error.messages.get("json", error.messages) if isinstance(error.messages, dict) else error.messages
        findings = list(findings_of(messages))
        told = {each.pointer for each in findings}
        findings += [each for each in unknown_codes(schema, error.data) if each.pointer not in told]
        raise Problem("invalid-body", findings=findings)


def _is_json(req: Request) -> bool:
    """application/json, in UTF-8 where it says so: RFC 8259 knows no other."""
    charset = req.mimetype_params.get("charset", "utf-8").lower()
    return req.mimetype == JSON and charset in ("utf-8", "utf8")


def ids_in(value: Any, pointer: str = "") -> Iterator[tuple[str, UUID]]:
    """Every id of a loaded body with its JSON pointer."""
    if isinstance(value, UUID):
        yield pointer, value
    elif isinstance(value, (list, Mapping)):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from ids_in(inner, f"{pointer}/{key}")

"""Strict marshmallow fields: one reading of every value, each error with a code, translated at the edge only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields

from api.problems import Finding
from api.strict_json import pointer_part
from domain.reference import code_list, list_names
from domain.values import parse_amount

LONGEST_TEXT: Final = 2_000  # characters
MOST_ITEMS: Final = 500  # of one list: more never fits one append
CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
YEARS: Final = range(1900, 2200)  # the years we take a date or a season of; `date` itself ends at 9999
CURRENCY: Final = "MAD"
NAMED: Final = ("unknown-field", "missing-field")  # their texts name the field


class Coded(str):
    """An error's code where marshmallow wants a message; `params` are the data of its text."""

    __slots__ = ("params",)
    params: Mapping[str, Any]

    def __new__(cls, code: str, **params: Any) -> Coded:
        """The code is the string itself."""
        made = super().__new__(cls, code)
        made.params = params
        return made


class _Strict(fields.Field[Any]):
    """A field whose errors are codes: absent, or not of its type."""

    expected = "value"

    def make_error(self, key: str, **_: Any) -> ValidationError:
        """missing-field for an absent value, wrong-type for whatever else marshmallow finds itself."""
        return self.wrong("missing-field" if key == "required" else "wrong-type")

    def wrong(self, code: str, **params: Any) -> ValidationError:
        """The error of this code."""
        if code == "wrong-type":
            params = {"expected": self.expected, **params}
        return ValidationError([Coded(code, **params)])


class Text(_Strict, fields.String):
    """A text. One that is required may not be blank."""

    expected = "text"

    def __init__(self, **kwargs: Any) -> None:
        """As marshmallow's; the document says how long it may be."""
        metadata = {"maxLength": LONGEST_TEXT, **(kwargs.pop("metadata", None) or {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong("wrong-type")
        if len(value) > LONGEST_TEXT:
            raise self.wrong("wrong-type", characters=LONGEST_TEXT)
        if self.required and not value.strip():
            raise self.wrong("missing-field")
        return value


class Whole(_Strict, fields.Integer):
    """A whole number; never a text or a truth value."""

    expected = "integer"

    def __init__(self, *, within: range | None = None, **kwargs: Any) -> None:
        """within: the numbers it takes; those of 32 bits unless given."""
        self.within = within or range(-(2**31), 2**31)
        limits = {"minimum": self.within.start, "maximum": self.within.stop - 1}
        super().__init__(strict=True, metadata={**limits, **(kwargs.pop("metadata", None) or {})}, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) is not int:
            raise self.wrong("wrong-type")
        if value not in self.within:
            raise self.wrong("wrong-type", least=self.within.start, greatest=self.within.stop - 1)
        return value


class YesNo(_Strict, fields.Boolean):
    """true or false, nothing that looks like it."""

    expected = "boolean"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if type(value) is not bool:
            raise self.wrong("wrong-type")
        return value


class Day(_Strict, fields.Date):
    """A day as YYYY-MM-DD, in no other of ISO 8601's forms."""

    expected = "date"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        day = read_day(value) if isinstance(value, str) else None
        if day is None:
            raise self.wrong("bad-date")
        return day


class Id(_Strict, fields.UUID):
    """A UUID in its canonical form: no braces, no prefix."""

    expected = "uuid"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID:
        found = read_uuid(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong("bad-uuid")
        return found


class Amount(_Strict):
    """Money: {"value": "1234.50", "currency": "MAD"}. Loaded as centimes."""

    expected = "amount"
    FORM: Final = {
        "type": "object",
        "properties": {
            "value": {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$", "example": "1234.50"},
            "currency": {"type": "string", "enum": [CURRENCY]},
        },
        "required": ["value", "currency"],
        "additionalProperties": False,
    }

    def __init__(self, **kwargs: Any) -> None:
        """As marshmallow's; the document shows the object."""
        super().__init__(metadata={**self.FORM, **(kwargs.pop("metadata", None) or {})}, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, dict) or value.keys() != {"value", "currency"} or value["currency"] != CURRENCY:
            raise self.wrong("wrong-type")
        try:
            return parse_amount(value["value"])
        except (ValueError, TypeError, AttributeError):
            raise self.wrong("wrong-type") from None


class Listed(_Strict, fields.List[Any]):
    """A list of at most MOST_ITEMS."""

    expected = "list"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > MOST_ITEMS:
            raise self.wrong("wrong-type", items=MOST_ITEMS)
        return super()._deserialize(value, *args, **kwargs)


class Part(_Strict, fields.Nested):
    """An object inside the body."""

    expected = "object"


def unknown_codes(form: Schema, sent: Any, pointer: str = "") -> Iterator[Finding]:
    """Values that are in their code list on no day, wherever else the body is wrong: all of it is told at once."""
    if isinstance(sent, Mapping):
        for name, field in form.fields.items():
            if name in sent:
                yield from _unknown_in(field, sent[name], f"{pointer}/{pointer_part(name)}")


def _unknown_in(field: fields.Field[Any], value: Any, pointer: str) -> Iterator[Finding]:
    if isinstance(field, fields.Nested):
        yield from unknown_codes(field.schema, value, pointer)
    elif isinstance(field, fields.List) and isinstance(value, list):
        for at, each in enumerate(value):
            yield from _unknown_in(field.inner, each, f"{pointer}/{at}")
    elif isinstance(value, str) and (name := field.metadata.get("x-code-list")) in list_names():
        known = value in code_list(name).codes
        yield from () if known else (Finding("unknown-code", pointer, params={"list": name, "value": value}),)


class Form(Schema):
    """A body, or a part of one, or the query of a request: unknown names are refused."""

    class Meta:
        """Nothing is ignored."""

        unknown = RAISE

    error_messages = {"unknown": Coded("unknown-field"), "type": Coded("wrong-type", expected="object")}


def read_day(text: str) -> date | None:
    """The day of a text YYYY-MM-DD; None for any other text."""
    if not ISO_DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def read_uuid(text: str) -> UUID | None:
    """The UUID of a canonical text, None for any other and for the nil UUID."""
    if not CANONICAL_UUID.fullmatch(text):
        return None
    return UUID(text) if UUID(text).int else None


def findings_of(messages: Any, pointer: str = "") -> Iterator[Finding]:
    """The tree of errors of marshmallow as findings with JSON pointers, in the order of the form."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            here = pointer if key == "_schema" else f"{pointer}/{pointer_part(key)}"
            yield from findings_of(inner, here)
    elif isinstance(messages, list):
        for each in messages:
            yield from findings_of(each, pointer)
    else:
        code = messages if isinstance(messages, Coded) else Coded("wrong-type", expected="value")
        name = pointer.rpartition("/")[2]
        yield Finding(str(code), pointer, params={**code.params, **({"name": name} if code in NAMED else {})})

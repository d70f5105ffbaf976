"""Golden files of what is stored: bytes, and the full values a release must read from them. Never edited once shipped.

One file a tag in events/, one a sealed content in personal/. Each holds two forms: `full`, as it is written, and
`least`: optional values null, one item a list, and fields that have a default left out, as a release before them wrote.
An event that was given a field since has another file, `<tag>.2`, in the form it is written in now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import inspect

from domain.streams import EVENTS
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.master_key import secrets_from

HERE: Final = Path(__file__).parent
EVENTS_DIR: Final = HERE / "events"
PERSONAL_DIR: Final = HERE / "personal"

# Nothing is sealed or opened here, so the keyring never connects.
MAPPER: Final = ForsaMapper(EVENTS, Keyring("", secrets_from(bytes(32))))


class Form(msgspec.Struct, frozen=True):
    """Stored bytes as text (JSON is UTF-8) and what they must read as."""

    bytes: str
    values: dict[str, Any]


class Golden(msgspec.Struct, frozen=True):
    """One golden file."""

    full: Form
    least: Form


def file_of(directory: Path, name: str) -> Path:
    """Where the golden of a tag, or of a sealed content, lies."""
    return directory / f"{name}.json"


def tag_in(name: str) -> str:
    """The tag whose form the golden file of this name holds: `a.b-c` and `a.b-c.2` are both of `a.b-c`."""
    return ".".join(name.split(".")[:2])


def goldens(directory: Path) -> Iterator[tuple[str, Golden]]:
    """Every golden file there, by name, an older form before a newer one."""
    for path in sorted(directory.glob("*.json"), key=lambda each: each.stem):
        yield path.stem, msgspec.json.decode(path.read_bytes(), type=Golden)


def values_of(value: Any) -> Any:
    """Every field of a struct by its name, also of those stored as arrays; ids and days as text; UNSET is absent."""
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: values_of(each) for name, each in fields.items() if each is not msgspec.UNSET}
    if isinstance(value, list):
        return [values_of(each) for each in value]
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, UUID) else value


def as_of(then: Any, now: Any) -> Any:
    """The values `now` without the fields that `then` has not and that are None: what was not recorded then."""
    match then, now:
        case Mapping(), Mapping():
            return {key: as_of(then.get(key), each) for key, each in now.items() if key in then or each is not None}
        case list(), list() if len(then) == len(now):
            return [as_of(*pair) for pair in zip(then, now, strict=True)]
    return now


def least_of(kind: inspect.Type, stored: Any) -> Any:
    """The stored value with as little in it as its type allows."""
    match kind:
        case inspect.UnionType(types=types) if any(isinstance(each, inspect.NoneType) for each in types):
            return None
        case inspect.ListType(item_type=item):
            return [least_of(item, each) for each in stored[:1]]
        case inspect.StructType(fields=fields, array_like=True):
            return [least_of(field.type, each) for field, each in zip(fields, stored, strict=True)]
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            kept = {field.encode_name: field.type for field in fields if field.required}
            named = {tag_field: tag} if tag_field else {}
            return {**named, **{name: least_of(each, stored[name]) for name, each in kept.items()}}
        case _:
            return stored


def without_code_in_use(stored: Any) -> Any:
    """The stored value with every text that is no day and no id replaced by a code no list has."""
    match stored:
        case Mapping():
            return {key: each if key == "t" else without_code_in_use(each) for key, each in stored.items()}
        case list():
            return [without_code_in_use(each) for each in stored]
        case str() if not _is_day_or_id(stored):
            return "retired_long_ago"
        case _:
            return stored


def _is_day_or_id(text: str) -> bool:
    for type_ in (date, datetime, UUID):
        try:
            msgspec.convert(text, type_)
        except msgspec.ValidationError:
            continue
        return True
    return False

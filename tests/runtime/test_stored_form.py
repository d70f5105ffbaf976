"""What every stored event class keeps to: docs/decisions/2026-11-22-stored-form.md."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast

import msgspec
import pytest
from msgspec import inspect

import domain
from domain.event import By, Event
from domain.sealed import FAMILIES, Sealed, sealed_fields, tag_of
from tests.runtime.sealing_examples import Name

ALLOWED = (
    inspect.StrType,
    inspect.IntType,
    inspect.BoolType,
    inspect.DateType,
    inspect.DateTimeType,
    inspect.UUIDType,
    inspect.NoneType,
)
TAG = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")


def stored_classes() -> list[type[Event]]:
    """Every event class of the domain, whichever module it stands in."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    found, waiting = [], [Event]
    while waiting:
        below = [each for each in waiting.pop().__subclasses__() if each.__module__.startswith("domain.")]
        found += below
        waiting += below
    return found


def not_allowed(kind: inspect.Type, at: str) -> Iterator[str]:
    """Where this type, or one inside it, may not be stored."""
    match kind:
        case inspect.UnionType(types=types):
            if len([each for each in types if not isinstance(each, inspect.NoneType)]) > 1:
                yield f"{at}: one of several types"
            for each in types:
                yield from not_allowed(each, at)
        case inspect.ListType(item_type=item):
            yield from not_allowed(item, at + "/-")
        case inspect.StructType(cls=cls, tag=tag, fields=fields):
            if tag is not None:
                yield f"{at}: tagged inside an event"
            if at.endswith("/-") and sealed_fields(cls):
                yield f"{at}: sealed in a list"
            for field in fields:
                yield from not_allowed(field.type, f"{at}/{field.encode_name}")
        case _ if not isinstance(kind, ALLOWED):
            yield f"{at}: {type(kind).__name__}"


def wrong_in(event_class: type[Event]) -> list[str]:
    """What in this class may not be stored: its own fields, and inside its sealed ones."""
    info = inspect.type_info(event_class)
    assert isinstance(info, inspect.StructType)
    wrong = [each for field in info.fields for each in not_allowed(field.type, f"/{field.encode_name}")]
    for sealed in sealed_fields(event_class):
        wrong += not_allowed(inspect.type_info(sealed.of), sealed.pointer)
        wrong += [] if sealed.of.FAMILY in FAMILIES else [f"{sealed.pointer}: no family"]
    return wrong


def test_every_stored_type_is_an_allowed_one() -> None:
    wrong = {each.__name__: found for each in stored_classes() if (found := wrong_in(each))}
    assert wrong == {}


def test_every_tag_is_distinct_and_reads_as_noun_and_past_participle() -> None:
    tags = [tag_of(each) for each in stored_classes()]
    assert sorted(tags) == sorted(set(tags))
    assert [tag for tag in tags if not TAG.fullmatch(tag)] == []


def test_every_event_class_stores_its_defaults_and_reads_over_unknown_fields() -> None:
    """Only `by` leaves out what is None: an absent field must mean a release that did not have it yet."""
    assert By.__struct_config__.omit_defaults
    for each in stored_classes():
        config = each.__struct_config__
        assert (config.tag_field, config.omit_defaults, config.forbid_unknown_fields) == ("t", False, False), each
        assert config.frozen, each


class Colour(Enum):
    RED = "red"


class Inside(msgspec.Struct, frozen=True, tag="inside"):
    at: time


class Entry(msgspec.Struct, frozen=True):
    name: Sealed[Name]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (float, "FloatType"),
        (Decimal, "DecimalType"),
        (Colour, "EnumType"),
        (Literal["a", "b"], "LiteralType"),
        (dict[str, int], "DictType"),
        (tuple[int, ...], "VarTupleType"),
        (bytes, "BytesType"),
        (timedelta, "TimeDeltaType"),
        (Any, "AnyType"),
        (int | str, "one of several types"),
        (list[float], "FloatType"),
        (Inside, "tagged inside an event"),
        (Inside, "TimeType"),
        (list[Entry], "sealed in a list"),
    ],
)
def test_the_check_of_stored_types_can_fail(kind: Any, said: str) -> None:
    wrong = msgspec.defstruct(
        "Wrong", [("field", kind)], bases=(Event,), kw_only=True, frozen=True, tag="example.wrong"
    )
    assert any(each.startswith("/field") and each.endswith(said) for each in wrong_in(cast("type[Event]", wrong)))

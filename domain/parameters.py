"""Parameters: dated events, never constants. This table names them, their defaults and their types (DOMAIN §7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec


class Definition(msgspec.Struct, frozen=True):
    """One parameter: how its text is read, and what holds until an authority sets another."""

    type: str  # number | yes_no | dates | codes
    default: str
    unit: str = ""
    least: int = 0  # of a number
    greatest: int = 366


DEFINITIONS: Final[Mapping[str, Definition]] = {
    "age_min": Definition("number", "13", "years"),
    "age_max": Definition("number", "20", "years"),
    "age_reference_month": Definition("number", "12", "month", 1, 12),
    "age_reference_day": Definition("number", "31", "day", 1, 31),
    "back_dating_days": Definition("number", "30", "days"),
    "attendance_lock_day": Definition("number", "5", "day of next month", 1, 28),
    "completion_share": Definition("number", "70", "percent", 0, 100),
    "witness_attestation_accepted": Definition("yes_no", "no"),
    "cnie_authorisation": Definition("codes", ""),
    "closed_days": Definition("dates", ""),
}


class BadParameter(ValueError):
    """The text is not a value of this parameter; `expected` says what is."""

    def __init__(self, expected: str) -> None:
        """expected: the type of the definition."""
        super().__init__(expected)
        self.expected = expected


def read_value(name: str, text: str) -> int | bool | tuple[str, ...] | frozenset[date]:
    """The value a parameter's text stands for. Raises BadParameter; KeyError for an unknown name."""
    kind = DEFINITIONS[name].type
    words = tuple(word for word in text.replace(",", " ").split() if word)
    try:
        if kind == "number":
            return _number(DEFINITIONS[name], text)
        if kind == "yes_no":
            return {"yes": True, "no": False}[text]
        return frozenset(date.fromisoformat(word) for word in words) if kind == "dates" else words
    except (ValueError, KeyError) as error:
        raise BadParameter(kind) from error


def _number(definition: Definition, text: str) -> int:
    number = int(text)
    if not definition.least <= number <= definition.greatest:
        raise ValueError(f"{definition.least} to {definition.greatest}")
    return number


class Setting(msgspec.Struct, frozen=True):
    """One value of a parameter, in force from a day on."""

    valid_from: date
    value: str
    version: int


class Parameters(msgspec.Struct, frozen=True):
    """The parameters in force: what authorities set, over the defaults. Later events on the same day win."""

    settings: Mapping[str, tuple[Setting, ...]] = {}
    version: int = 0  # of the parameter stream they were read from

    def text(self, name: str, on: date) -> str:
        """The text in force on that day."""
        held = [each for each in self.settings.get(name, ()) if each.valid_from <= on]
        return max(held, key=lambda each: (each.valid_from, each.version)).value if held else DEFINITIONS[name].default

    def number(self, name: str, on: date) -> int:
        """A number in the unit of its definition."""
        return int(self.text(name, on))

    def is_yes(self, name: str, on: date) -> bool:
        """Whether a yes/no parameter says yes."""
        return self.text(name, on) == "yes"

    def days(self, name: str, on: date) -> frozenset[date]:
        """The days of a list of days."""
        return frozenset(date.fromisoformat(word) for word in self.text(name, on).replace(",", " ").split())

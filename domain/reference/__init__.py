"""The code lists that ship with the product (DOMAIN §9): codes, labels in three languages, since when they hold.

The JSON files beside this module are the source. A code never leaves its file, since stored events hold it for ever: a
code out of use gets `until`; a new name for a code is another entry of that code with a later `from` (rule 47). Codes
checked for an act are checked on its business date. Lists changed at run time (CodeList events) stand above these.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

import msgspec

LANGUAGES: Final = ("ar", "fr", "en")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code with its labels from a day on."""

    code: str
    fr: str
    ar: str  # Moroccan usage
    en: str
    since: date = msgspec.field(name="from")  # first day these labels hold
    until: date | None = None  # first day the code may no longer be used; None: in use
    unreviewed: list[str]  # languages whose label is our own, or still to be confirmed by the authority
    starred: bool = False  # a sensitive situation (rule 9)
    region: str | None = None  # of a province

    def in_use_on(self, day: date) -> bool:
        """True where the code may be recorded for that day."""
        return self.since <= day and (self.until is None or day < self.until)

    def label(self, language: str) -> str:
        """The label in ar, fr or en; French for any other language."""
        return {"ar": self.ar, "en": self.en}.get(language, self.fr)


class CodeList:
    """A named list of codes in the order people want to read them; never changed after it was loaded."""

    def __init__(self, name: str, entries: tuple[Entry, ...]) -> None:
        """Entries of one code are ordered by the day they hold from."""
        self.name, self.entries = name, entries
        dated: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(entries, key=lambda each: each.since):
            dated[entry.code].append(entry)
        self._dated: Final = dict(dated)

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, retired ones too, in the list's order."""
        return tuple(dict.fromkeys(entry.code for entry in self.entries))

    def find(self, code: str, on: date) -> Entry | None:
        """The entry whose labels hold on a day (the first one for earlier days, the last for a retired code)."""
        dated = self._dated.get(code)
        return next((entry for entry in reversed(dated) if entry.since <= on), dated[0]) if dated else None

    def is_code(self, code: str, on: date) -> bool:
        """True where the code is in the list and may be recorded for that day."""
        return any(entry.in_use_on(on) for entry in self._dated.get(code, ()))

    def codes_on(self, day: date) -> tuple[str, ...]:
        """The codes that may be recorded for a day, in the list's order."""
        return tuple(code for code in self.codes if self.is_code(code, day))


@cache
def _lists() -> dict[str, CodeList]:
    files = sorted((each for each in resources.files(__name__).iterdir() if each.name.endswith(".json")), key=str)
    decoder = msgspec.json.Decoder(dict[str, tuple[Entry, ...]])
    return {
        name: CodeList(name, entries) for file in files for name, entries in decoder.decode(file.read_bytes()).items()
    }


def list_names() -> tuple[str, ...]:
    """The names of all code lists."""
    return tuple(sorted(_lists()))


def code_list(name: str) -> CodeList:
    """The code list of that name; KeyError for a name that is none, which is a mistake in our code."""
    return _lists()[name]


def is_code(name: str, code: str, on: date) -> bool:
    """True where the code is in the list and may be recorded for that day."""
    return code_list(name).is_code(code, on)


def label(name: str, code: str, language: str, on: date) -> str:
    """What a code is called on a day; the code itself where the list does not know it (it may be newer than us)."""
    entry = code_list(name).find(code, on)
    return entry.label(language) if entry else code


def is_starred(situation: str) -> bool:
    """True for a situation readable by the centre's counsellor only (rule 9)."""
    return any(entry.starred for entry in code_list("situation").entries if entry.code == situation)


PROVINCES: Final = code_list("province").codes
_REGIONS: Final = {entry.code: entry.region for entry in code_list("province").entries if entry.region}


def region_of(province: str) -> str:
    """The ISO 3166-2 code of a province's region (today's division); KeyError for an unknown province."""
    return _REGIONS[province]

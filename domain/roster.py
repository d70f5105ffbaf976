"""A roster: a CSV file of learners, read into commands; every error of every row, before anything is stored.

UTF-8 (a byte order mark is fine), separated by commas, semicolons or tabs, headers in Arabic, French or English. Pure:
what the log knows of a row is the caller's question.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.arabic import fold
from domain.learner.identification import Identifier, IdentifyLearner, NameGiven, RecordIdentity
from domain.roster_columns import BadCell, Column, find_column, header_key, headers
from domain.texts import has, text
from domain.values import BadText

LARGEST_BYTES: Final = 10_000_000
MOST_ROWS: Final = 50_000
LONGEST_CELL: Final = 2_000
SEPARATORS: Final = ",;\t"
NAMES: Final = ("given_ar", "given", "full_name")
BEYOND_IDENTIFICATION: Final = ("birth_place", "nationality", "phone", "address")  # needs RecordIdentity as well


class RosterError(msgspec.Struct, frozen=True):
    """One thing wrong with a file (row 0) or a row; rows are counted as a spreadsheet does, the header being row 1."""

    row: int
    column: str  # as the file calls it; empty: the row as a whole
    code: str
    value: str = ""  # the cell, for the person who typed it: never logged
    params: Mapping[str, Any] = {}  # the data of its sentence

    def said(self, language: str) -> str:
        """What is wrong and what would do, in this language."""
        key = f"roster.{self.code}"
        return text(key, language, **self.params) if has(key, language) else _refusal(self, language)


def _refusal(error: RosterError, language: str) -> str:
    """The sentences of a rule that a row broke."""
    key = f"refusal.{error.code}"
    return " ".join(text(each, language, **error.params) for each in (key, f"{key}.way-out"))


class RosterRow(msgspec.Struct, frozen=True):
    """One row that was read whole: its values by column name. `key` is equal for rows that say the same."""

    number: int
    values: dict[str, Any]

    @property
    def key(self) -> bytes:
        """The normalised row: same for the same content however it is spelled in the file."""
        return msgspec.json.encode(sorted((name, str(value)) for name, value in self.values.items()))

    def identify(self, learner: UUID, *, season: int, province: str, source: str) -> IdentifyLearner:
        """The command that identifies this learner; `province` and `source` hold where the row names none."""
        born, certainty = self._birth()
        return IdentifyLearner(
            learner=learner,
            season=season,
            province=self.values.get("province", province),
            commune=self.values.get("commune"),
            source=self.values.get("source", source),
            names=self.names(),
            sex=self.values["sex"],
            birth_date=born,
            birth_certainty=certainty,
            identifiers=self._identifiers(),
        )

    def more_of_identity(self, learner: UUID) -> RecordIdentity | None:
        """The command that records the rest, where the row says more than identification takes."""
        if not any(name in self.values for name in BEYOND_IDENTIFICATION):
            return None
        born, certainty = self._birth()
        return RecordIdentity(
            learner=learner,
            names=self.names(),
            sex=self.values["sex"],
            birth_date=born,
            birth_certainty=certainty,
            identifiers=self._identifiers(),
            commune=self.values.get("commune"),
            **{name: self.values.get(name) for name in BEYOND_IDENTIFICATION},
        )

    def names(self) -> list[NameGiven]:
        """The learner's names, each in its script."""
        found = [
            NameGiven(self.values.get(given, ""), self.values.get(family, ""))
            for given, family in (("given_ar", "family_ar"), ("given", "family"), ("full_name", ""))
        ]
        return [name for name in found if name.given]

    def _birth(self) -> tuple[date | None, str]:
        born, certainty = self.values.get("birth_date", (None, "exact"))
        return born, self.values.get("birth_certainty", certainty)

    def _identifiers(self) -> list[Identifier]:
        return [Identifier("massar", self.values["massar"])] if "massar" in self.values else []


class Roster(msgspec.Struct, frozen=True):
    """A file as it was read: rows without an error, and every error and warning of the others."""

    rows: list[RosterRow]
    errors: list[RosterError]
    warnings: list[RosterError]
    row_count: int  # with anything in them, the header apart

    @property
    def refused(self) -> set[int]:
        """Numbers of the rows that have an error."""
        return {error.row for error in self.errors if error.row}


def read_roster(content: bytes, today: date) -> Roster:
    """The roster in this file. A file that cannot be read at all gives no row and one error of row 0."""
    try:
        table = _table_of(content)
        columns = _columns_of(table[0])
    except _FileRefused as refused:
        return Roster([], refused.errors, [], 0)
    rows: list[RosterRow] = []
    errors: list[RosterError] = []
    warnings: list[RosterError] = []
    for number, cells in _filled(table):
        row, wrong, odd = _row_of(number, cells, columns, table[0], today)
        errors += wrong
        warnings += odd
        if not wrong:
            rows.append(row)
    errors += _twice(rows)
    again = {error.row for error in errors}
    kept = [row for row in rows if row.number not in again]
    return Roster(kept, sorted(errors, key=lambda error: error.row), warnings, sum(1 for _ in _filled(table)))


class _FileRefused(Exception):
    def __init__(self, *errors: RosterError) -> None:
        super().__init__()
        self.errors = list(errors)


def _refused(code: str, row: int = 0, **params: int) -> _FileRefused:
    return _FileRefused(RosterError(row, "", code, params=params))


def _table_of(content: bytes) -> list[list[str]]:
    """The cells, row by row, the header first. Raises _FileRefused."""
    if len(content) > LARGEST_BYTES:
        raise _refused("file-too-large", most=LARGEST_BYTES // 1_000_000)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise _refused("not-utf-8", line) from wrong
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _refused("nul-character", line)
    table = _parsed(text)
    if not table or not any(cell.strip() for cell in table[0]):
        raise _refused("no-header")
    if len(table) - 1 > MOST_ROWS:
        raise _refused("too-many-rows", most=MOST_ROWS)
    return table


def _parsed(text: str) -> list[list[str]]:
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return list(reader)
    except csv.Error as wrong:
        raise _refused("bad-quotes", reader.line_num) from wrong


def _columns_of(header: Sequence[str]) -> list[Column | None]:
    """The column of each header, None for one without a name. Raises _FileRefused with every unknown or double one."""
    columns = [find_column(text) if text.strip() else None for text in header]
    errors = [
        RosterError(1, text, "unknown-column", text, {"nearest": _nearest(text)})
        for text, column in zip(header, columns, strict=True)
        if column is None and text.strip()
    ]
    names = [column.name for column in columns if column]
    errors += [
        RosterError(1, text, "column-twice", text)
        for at, text in enumerate(header)
        if (column := columns[at]) and column in columns[:at]
    ]
    if not any(name in names for name in NAMES):
        errors.append(RosterError(1, "", "no-name-column"))
    if "sex" not in names:
        errors.append(RosterError(1, "", "no-sex-column"))
    if errors:
        raise _FileRefused(*errors)
    return columns


def _nearest(header: str) -> str:
    known = {header_key(called): called for called in headers()}
    return known[difflib.get_close_matches(header_key(header), sorted(known), n=1, cutoff=0.0)[0]]


def _filled(table: Sequence[Sequence[str]]) -> Iterator[tuple[int, Sequence[str]]]:
    """(row number, cells) of the rows with anything in them."""
    return ((number, cells) for number, cells in enumerate(table[1:], 2) if any(cell.strip() for cell in cells))


def _row_of(
    number: int, cells: Sequence[str], columns: Sequence[Column | None], header: Sequence[str], today: date
) -> tuple[RosterRow, list[RosterError], list[RosterError]]:
    """The row's values, every error, every warning."""
    errors: list[RosterError] = []
    warnings: list[RosterError] = []
    values: dict[str, Any] = {}
    if len(cells) != len(columns):
        errors.append(
            RosterError(number, "", "ragged-row", str(len(cells)), {"cells": len(cells), "columns": len(columns)})
        )
    for column, name, cell in zip(columns, header, cells, strict=False):
        if column is None:
            if cell.strip():
                errors.append(RosterError(number, "", "cell-without-column", cell[:60]))
            continue
        if not cell.strip():
            continue
        try:
            values[column.name] = _read(column, cell, today)
        except BadCell as bad:
            errors.append(RosterError(number, name, bad.code, cell[:60], bad.params))
        except BadText as bad:
            errors.append(RosterError(number, name, bad.code, cell[:60]))
        else:
            if odd := column.warn(str(values[column.name])):
                warnings.append(RosterError(number, name, odd, cell[:60]))
    errors += _missing(number, values, {error.column for error in errors}, columns, header)
    return RosterRow(number, values), errors, warnings


def _read(column: Column, cell: str, today: date) -> Any:
    if len(cell) > LONGEST_CELL:
        raise BadCell("text-too-long", most=LONGEST_CELL)
    return column.read(cell, today)


def _missing(
    number: int, values: Mapping[str, Any], wrong: set[str], columns: Sequence[Column | None], header: Sequence[str]
) -> list[RosterError]:
    """A name and the sex, unless the cell is there and wrong: then that was said already."""
    spoiled = {column.name for column, name in zip(columns, header, strict=True) if column and name in wrong}
    errors = []
    if not any(name in values or name in spoiled for name in NAMES):
        errors.append(RosterError(number, "", "name-missing"))
    if "sex" not in values and "sex" not in spoiled:
        errors.append(RosterError(number, "", "sex-missing"))
    return errors


def _twice(rows: Sequence[RosterRow]) -> list[RosterError]:
    """Rows that say what an earlier one says: the same Massar code, or the same name and birth date."""
    first: dict[tuple[str, ...], int] = {}
    errors = []
    for row in rows:
        for code, key in _likenesses(row):
            earlier = first.setdefault((code, *key), row.number)
            if earlier != row.number:
                errors.append(RosterError(row.number, "", code, str(earlier), {"row": earlier}))
                break
    return errors


def _likenesses(row: RosterRow) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What no two learners share: a Massar code; a name with a birth date; without one, all that the row says."""
    massar = row.values.get("massar", "")
    if massar:
        yield "massar-twice", (massar,)
    if "birth_date" in row.values:
        born = str(row.values["birth_date"][0])
        for name in row.names():
            yield "learner-twice", (fold(f"{name.given} {name.family}"), born, massar)
    else:
        yield "learner-twice", (row.key.decode(),)

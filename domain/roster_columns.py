"""The columns a roster may have: their names in three languages, and how a cell of each is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import msgspec

from domain.arabic import fold
from domain.reference import LANGUAGES, code_list
from domain.values import (
    DIGITS,
    clean_identifier,
    clean_name,
    clean_phone,
    clean_text,
    massar_warning,
    script_of,
)

_DAY_FIRST: Final = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})")
_YEAR_FIRST: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_YEAR: Final = re.compile(r"\d{4}")
_MOST_NAMED: Final = 12
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class BadCell(ValueError):
    """A cell cannot be read; `code` is stable, `params` are the data of its sentence (`roster.<code>`)."""

    def __init__(self, code: str, **params: Any) -> None:
        """Never holds the cell's text."""
        super().__init__(code)
        self.code, self.params = code, params


Reader = Callable[[str, date], Any]  # (cell, today) → value; raises BadCell or BadText


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: its permanent name, what people call it, how a cell is read, and what is odd but accepted."""

    name: str
    called: tuple[str, ...]
    read: Reader
    warn: Callable[[str], str | None]


def header_key(text: str) -> str:
    """What two spellings of a header have in common: folded, without spaces or punctuation."""
    return "".join(character for character in fold(text) if character.isalnum())


def _text(longest: int) -> Reader:
    return lambda cell, _today: clean_text(cell, longest=longest)


def _name(cell: str, _today: date) -> str:
    return clean_name(cell)


def _arabic_name(cell: str, _today: date) -> str:
    name = clean_name(cell)
    if script_of(name) != "arabic":
        raise BadCell("not-arabic")
    return name


def _birth_date(cell: str, today: date) -> tuple[date, str]:
    """The date, and how certain: a year alone is `year_only`."""
    text = clean_text(cell, longest=30).translate(DIGITS)
    if _YEAR.fullmatch(text):
        return _day(int(text), 1, 1, today), "year_only"
    if parts := _YEAR_FIRST.fullmatch(text):
        return _day(int(parts[1]), int(parts[2]), int(parts[3]), today), "exact"
    if parts := _DAY_FIRST.fullmatch(text):
        return _day(int(parts[3]), int(parts[2]), int(parts[1]), today), "exact"
    raise BadCell("bad-date")


def _day(year: int, month: int, day: int, today: date) -> date:
    try:
        found = date(year, month, day)
    except ValueError as wrong:
        raise BadCell("bad-date") from wrong
    if not year >= 1900 or found > today:
        raise BadCell("birth-date-out-of-range", today=today)
    return found


def _code_of(list_name: str, more: Mapping[str, str] | None = None) -> Reader:
    """A code of the list, written as the code or as its label in any of the three languages."""

    def read(cell: str, today: date) -> str:
        key = header_key(clean_text(cell, longest=200))
        code = _codes(list_name).get(key) or (more or {}).get(key)
        if code is None or not code_list(list_name).is_code(code, today):
            raise BadCell("unknown-code", list=list_name, known=_few(code_list(list_name).codes_on(today)))
        return code

    return read


def _few(codes: Sequence[str]) -> list[str]:
    """Codes that fit a sentence, else none: a long list is looked up."""
    return list(codes) if len(codes) <= _MOST_NAMED else []


@cache
def _codes(list_name: str) -> dict[str, str]:
    """Folded label or code → code; the codes themselves last, so that no label hides one."""
    entries = code_list(list_name).entries
    labels = {header_key(entry.label(language)): entry.code for entry in entries for language in LANGUAGES}
    return labels | {header_key(entry.code): entry.code for entry in entries}


def _identifier(cell: str, _today: date) -> str:
    return clean_identifier(cell)


def _phone(cell: str, _today: date) -> str:
    return clean_phone(clean_text(cell, longest=30))


def _country(cell: str, _today: date) -> str:
    code = clean_text(cell, longest=60).upper()
    if not _COUNTRY.fullmatch(code):
        raise BadCell("bad-country")
    return code


_SEX_WORDS: Final = {
    header_key(word): code
    for code, words in {
        "f": ["F", "féminin", "femme", "fille", "female", "girl", "أنثى", "بنت", "فتاة", "مؤنث"],
        "m": ["M", "H", "masculin", "homme", "garçon", "male", "boy", "ذكر", "ولد", "فتى", "مذكر"],
    }.items()
    for word in words
}


def _nothing_odd(_text: str) -> None:
    return None


COLUMNS: Final = tuple(
    Column(name=name, called=called, read=read, warn=warn or _nothing_odd)
    for name, called, read, warn in (
        (
            "given_ar",
            ("given name arabic", "prénom arabe", "prénom en arabe", "الاسم الشخصي", "الاسم الشخصي بالعربية"),
            _arabic_name,
            None,
        ),
        (
            "family_ar",
            ("family name arabic", "nom arabe", "nom en arabe", "الاسم العائلي", "النسب", "الاسم العائلي بالعربية"),
            _arabic_name,
            None,
        ),
        (
            "given",
            ("given name", "first name", "prénom", "prénom français", "given_latin", "الاسم الشخصي بالفرنسية"),
            _name,
            None,
        ),
        (
            "family",
            ("family name", "last name", "surname", "nom", "nom de famille", "nom français", "الاسم العائلي بالفرنسية"),
            _name,
            None,
        ),
        (
            "full_name",
            ("full name", "name", "nom et prénom", "nom complet", "prénom et nom", "الاسم الكامل", "الاسم والنسب"),
            _name,
            None,
        ),
        ("sex", ("gender", "sexe", "genre", "الجنس", "النوع"), _code_of("sex", _SEX_WORDS), None),
        (
            "birth_date",
            ("date of birth", "born on", "date de naissance", "né(e) le", "تاريخ الازدياد", "تاريخ الولادة"),
            _birth_date,
            None,
        ),
        (
            "birth_certainty",
            ("birth date certainty", "certitude de la date", "دقة تاريخ الازدياد"),
            _code_of("birth_certainty"),
            None,
        ),
        ("birth_place", ("place of birth", "lieu de naissance", "مكان الازدياد", "مكان الولادة"), _text(120), None),
        ("nationality", ("nationalité", "الجنسية"), _country, None),
        (
            "massar",
            ("massar code", "code massar", "cne", "رمز مسار", "رقم مسار", "مسار"),
            _identifier,
            massar_warning,
        ),
        ("phone", ("telephone", "tel", "téléphone", "gsm", "الهاتف", "رقم الهاتف"), _phone, None),
        ("address", ("adresse", "العنوان"), _text(300), None),
        ("province", ("préfecture", "province ou préfecture", "الإقليم", "العمالة"), _code_of("province"), None),
        ("commune", ("municipality", "الجماعة"), _text(100), None),
        (
            "source",
            ("referral source", "referred by", "source d'orientation", "orienté par", "مصدر الإحالة", "الجهة المحيلة"),
            _code_of("referral_source"),
            None,
        ),
    )
)


@cache
def _by_key() -> dict[str, Column]:
    return {header_key(called): column for column in COLUMNS for called in (column.name, *column.called)}


def find_column(header: str) -> Column | None:
    """The column people call so, in any of the three languages."""
    return _by_key().get(header_key(header))


def headers() -> list[str]:
    """Every name a column may be called by."""
    return [called for column in COLUMNS for called in (column.name, *column.called)]

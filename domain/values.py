"""Values the domain computes with: file numbers, days, ages, money, names, identifiers, phones.

Functions only: what is stored is str, int and date. A text that cannot be read raises BadText with a stable code; the
texts for people belong to the code, not here. Nothing here knows a code list (see `domain.reference`).
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

CASABLANCA: Final = "Africa/Casablanca"
EXACT, YEAR_ONLY, MONTH_ONLY, ESTIMATED = "exact", "year_only", "month_only", "estimated"
DIGITS: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")

_SYMBOLS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FILE_NUMBER: Final = re.compile(r"([0-9]{4})([A-Z]{3})([0-9]{6})([0-9A-Z])")
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212/.]+")
_INVISIBLE: Final = dict.fromkeys([0x200B, 0x200E, 0x200F, 0x061C, 0xFEFF])  # pasted with Arabic text, carry nothing
_BIDI_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_AMOUNT: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,12})(?:\.([0-9]{1,2}))?")
_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MASSAR: Final = re.compile(r"[A-Z][0-9]{9}")
_CNIE: Final = re.compile(r"[A-Z]{1,2}[0-9]{1,7}")
_MOROCCAN: Final = re.compile(r"(?:(?:\+|00)?2120?|0)?([5-8][0-9]{8})")
_FOREIGN: Final = re.compile(r"(?:\+|00)(?!212)([1-9][0-9]{7,14})")


class BadText(ValueError):
    """A text cannot be read as what it should be; `code` is stable and says why. Never holds the text itself."""

    def __init__(self, code: str) -> None:
        """`code` in kebab case: clients and translations hang on it."""
        super().__init__(code)
        self.code = code


# ── file number ──────────────────────────────────────────────────────────────────────────────────────────────────────


def check_character(text: str) -> str:
    """The ISO/IEC 7064 MOD 37,36 check character of a text of 0-9 and A-Z."""
    product = 36
    for symbol in text:
        product = ((product + _SYMBOLS.index(symbol)) % 36 or 36) * 2 % 37
    return _SYMBOLS[(37 - product) % 36]


def file_number(season: int, province: str, digits: str) -> str:
    """A file number, `2026-TNG-123456-X`: season, province code, six digits drawn by the caller, check character.

    Raises BadText where a part has another shape. Whether the province exists is the caller's question.
    """
    body = f"{season:04d}{province}{digits}"
    if not _FILE_NUMBER.fullmatch(f"{body}0"):
        raise BadText("bad-file-number")
    return f"{season:04d}-{province}-{digits}-{check_character(body)}"


def is_file_number(text: str) -> bool:
    """True for a file number in its printed form with the right check character."""
    try:
        return clean_file_number(text) == text
    except BadText:
        return False


def clean_file_number(text: str) -> str:
    """The printed form of a file number as somebody typed it.

    Takes lower case, Arabic-Indic and Persian digits, spaces or any dash between the parts, or nothing at all.
    Raises BadText `bad-file-number` (shape) or `file-number-check` (mistyped).
    """
    typed = _BETWEEN.sub("", text.translate(_INVISIBLE).translate(DIGITS)).upper()
    parts = _FILE_NUMBER.fullmatch(typed)
    if not parts:
        raise BadText("bad-file-number")
    if check_character(typed[:-1]) != typed[-1]:
        raise BadText("file-number-check")
    return "-".join(parts.groups())


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def season_of(day: date) -> int:
    """The season a day falls in, by its start year: 1 September to 31 August (DOMAIN §7)."""
    return day.year if day.month >= 9 else day.year - 1


def season_days(season: int) -> tuple[date, date]:
    """First and last day of a season."""
    return date(season, 9, 1), date(season + 1, 8, 31)


def monday_of(day: date) -> date:
    """The Monday that names the day's week."""
    return day - timedelta(days=day.weekday())


def is_monday(day: date) -> bool:
    """True where the day may name a week."""
    return day.weekday() == 0


def month_of(day: date) -> date:
    """The first day, which names the day's month."""
    return day.replace(day=1)


def parse_time_of_day(text: str) -> int:
    """Minutes since midnight of `08:30`; raises BadText `bad-time-of-day`."""
    parts = _TIME_OF_DAY.fullmatch(text)
    if not parts:
        raise BadText("bad-time-of-day")
    return int(parts[1]) * 60 + int(parts[2])


def format_time_of_day(minutes: int) -> str:
    """`08:30` of 510."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def today_in_casablanca(now: datetime) -> date:
    """The local calendar day of an aware moment; raises ValueError for a naive one.

    The hour is put back in Ramadan, so midnight is not always 23:00 UTC.
    """
    if now.tzinfo is None:
        raise ValueError("an aware moment is needed")
    return now.astimezone(_casablanca()).date()


@cache
def _casablanca() -> ZoneInfo:
    # From the pinned tzdata package, not the host's files: Morocco's Ramadan dates differ between their versions.
    with resources.files("tzdata.zoneinfo.Africa").joinpath("Casablanca").open("rb") as file:
        return ZoneInfo.from_file(file, key=CASABLANCA)


# ── ages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def age_on(birth: date, day: date) -> int:
    """Completed years on a day; born on 29 February, one year more from 1 March of a common year."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def age_range(birth_date: date, certainty: str, day: date) -> tuple[int, int]:
    """Youngest and oldest age possible on a day, given how certain the birth date is (rule 1).

    exact: one age. month_only, year_only: any day of that month or year. estimated: any day of that year, the one
    before or the one after. Raises BadText `unknown-certainty`.
    """
    first, last = _birth_range(birth_date, certainty)
    return max(0, age_on(last, day)), max(0, age_on(first, day))


def _birth_range(birth: date, certainty: str) -> tuple[date, date]:
    year = birth.year
    if certainty == EXACT:
        return birth, birth
    if certainty == MONTH_ONLY:
        return birth.replace(day=1), birth.replace(day=calendar.monthrange(year, birth.month)[1])
    if certainty == YEAR_ONLY:
        return date(year, 1, 1), date(year, 12, 31)
    if certainty == ESTIMATED:
        return date(max(year - 1, 1), 1, 1), date(year + 1, 12, 31)
    raise BadText("unknown-certainty")


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_amount(text: str, *, signed: bool = False) -> int:
    """Centimes of a decimal string in dirhams, `1234.50` → 123450; a minus sign only where `signed`.

    Strict: ASCII digits, a point, at most two decimals, no leading zero. Raises BadText `bad-amount`.
    """
    parts = _AMOUNT.fullmatch(text)
    if not parts or (parts[1] and not signed):
        raise BadText("bad-amount")
    centimes = int(parts[2]) * 100 + int((parts[3] or "0").ljust(2, "0"))
    return -centimes if parts[1] else centimes


def format_amount(centimes: int) -> str:
    """The decimal string of an amount, always with two decimals: 123450 → `1234.50`."""
    whole, rest = divmod(abs(centimes), 100)
    return f"{'-' if centimes < 0 else ''}{whole}.{rest:02d}"


def split_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Parts of a total in proportion to the weights; they sum to the total exactly (rule 34).

    What rounding leaves goes to the largest remainders, among equals to the first. Weights are ≥ 0 and not all zero,
    else ValueError.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be ≥ 0 and not all zero")
    size, sign = abs(total), -1 if total < 0 else 1
    shares = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(size * weights[index] % whole))
    for index in by_remainder[: size - sum(shares)]:
        shares[index] += 1
    return [sign * share for share in shares]


# ── names and identifiers ────────────────────────────────────────────────────────────────────────────────────────────


def clean_text(text: str, *, longest: int) -> str:
    """The text in NFC on one line, trimmed, inner spaces collapsed, without invisible marks.

    Raises BadText: `lone-surrogate`, `bidi-override`, `control-character` (NUL, tab and line end too), `empty-text`,
    `text-too-long` (more than `longest` characters).
    """
    refused = next(filter(None, map(_refusal_of, text)), None)
    if refused:
        raise BadText(refused)
    cleaned = " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())
    if not cleaned:
        raise BadText("empty-text")
    if len(cleaned) > longest:
        raise BadText("text-too-long")
    return cleaned


def _refusal_of(character: str) -> str | None:
    if character in _BIDI_OVERRIDES:
        return "bidi-override"  # would make a printed name read as another one
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return "control-character"
    return "lone-surrogate" if category == "Cs" else None


def clean_name(text: str, *, longest: int = 200) -> str:
    """A person's name in any script (rule 48), cleaned as `clean_text` does; BadText `no-letter` where it has none."""
    cleaned = clean_text(text, longest=longest)
    if not any(map(str.isalpha, cleaned)):
        raise BadText("no-letter")
    return cleaned


def script_of(text: str) -> str:
    """`arabic` or `latin` where every letter is of that script, else `other` (rule 48)."""
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()}
    return {"ARABIC": "arabic", "LATIN": "latin"}.get(scripts.pop(), "other") if len(scripts) == 1 else "other"


def clean_identifier(text: str, *, longest: int = 60) -> str:
    """An identifier as it is compared: upper case, ASCII digits, nothing between the parts. BadText as `clean_text`."""
    return _BETWEEN.sub("", clean_text(text, longest=longest).translate(DIGITS)).upper()


def clean_register_number(text: str, *, longest: int = 60) -> str:
    """A register's number as it is compared: upper case, ASCII digits, one hyphen for whatever stands between parts.

    Unlike an identifier's, its separators carry meaning: 1/23 is not 12/3. BadText as `clean_text`.
    """
    return _BETWEEN.sub("-", clean_text(text, longest=longest).translate(DIGITS)).upper().strip("-")


def massar_warning(text: str) -> str | None:
    """`massar-format` unless one letter and nine digits: a warning, never a refusal (rule 6; form unconfirmed)."""
    return None if _MASSAR.fullmatch(clean_identifier(text)) else "massar-format"


def cnie_warning(text: str) -> str | None:
    """`cnie-format` unless one or two letters and up to seven digits: a warning (rule 7; form unconfirmed)."""
    return None if _CNIE.fullmatch(clean_identifier(text)) else "cnie-format"


def clean_phone(text: str) -> str:
    """The E.164 form, `+212612345678`, of a Moroccan number or an international one with + or 00.

    A Moroccan number may have lost its leading zero, as spreadsheets do. Raises BadText `bad-phone`.
    """
    typed = _BETWEEN.sub("", text.translate(_INVISIBLE).translate(DIGITS).replace("(", "").replace(")", ""))
    if moroccan := _MOROCCAN.fullmatch(typed):
        return f"+212{moroccan[1]}"
    if foreign := _FOREIGN.fullmatch(typed):
        return f"+{foreign[1]}"
    raise BadText("bad-phone")

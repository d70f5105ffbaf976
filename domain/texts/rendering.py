"""How a value stands in a sentence.

`{name}` is the value itself; `{name:how}` says what it is: `date`, `month`, `season`, `minutes` (a duration), `mark`
(hundredths of 20), `amount` (centimes), `name` (of a place or a person, left out while it is only an id), `n-day` and
the like (a number with its noun, `count.day`; of a list its length), `open-flag`, `cell` (of a sheet), `held-session`,
a code list (its label), or else a family of keys: `{status:status}` is the text `status.<value>`. Lists are joined.
`[…]` falls away when a value in it is absent. Values are never read as sentences: what is filled in is not looked at
again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
from babel.dates import format_date
from babel.numbers import format_decimal

from domain.reference import code_list, list_names
from domain.texts.catalogue import catalogue

OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)(?::([a-z0-9_-]+))?\}")

_LOCALES: Final = {"ar": "ar_MA", "fr": "fr_MA", "en": "en_GB"}  # ar_MA: غشت, not أغسطس, and Western digits
_FIRST: Final = {"ar": "فاتح", "fr": "1er"}  # of a month, as Moroccan papers write it
_BETWEEN: Final = {
    "ar": ("، ", "؛ "),
    "fr": (", ", "\u202f; "),
    "en": (", ", "; "),
}  # the latter where a part has the former
_ABSENT: Final = "—"
_LONGEST: Final = 120  # of a client's value in a sentence
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def fill(sentence: str, params: Mapping[str, object], language: str) -> str:
    """The sentence with these values in it; brackets with an absent value fall away."""
    kept = OPTIONAL.sub(lambda part: part[1] if _has_all(part[1], params) else "", sentence)
    on = _day(params.get("on")) or date.max  # labels are those of the business date (rule 47), else the latest
    return PLACEHOLDER.sub(lambda at: _shown(params.get(at[1]), at[2], language, on), kept)


def _has_all(part: str, params: Mapping[str, object]) -> bool:
    return all(_is_there(params.get(name), how) for name, how in PLACEHOLDER.findall(part))


def _is_there(value: object, how: str | None) -> bool:
    if value is None or value is msgspec.UNSET or value in ("", [], (), frozenset()):
        return False
    return how != "name" or bool(_name(value, "fr"))


def _shown(value: Any, how: str | None, language: str, on: date) -> str:
    if not _is_there(value, how) and not (how or "").startswith("n-"):
        return _ABSENT
    if how and how.startswith("n-"):
        return _counted(value, how.removeprefix("n-"), language)
    if isinstance(value, (list, tuple, set, frozenset)) and how != "name":
        return _joined(dict.fromkeys(_shown(_item(each), how, language, on) for each in value), language)
    if how in _SHOWN:
        return _SHOWN[how](value, language)
    return _word(how, value, language, on) if how else _plain(value, language)


def _item(value: Any) -> Any:
    """A flagged day, [date, code], is named by its code."""
    return value[-1] if isinstance(value, (list, tuple)) and value else value


def _joined(parts: Mapping[str, None], language: str) -> str:
    comma, semicolon = _BETWEEN[language]
    return (semicolon if any(comma in part for part in parts) else comma).join(parts)


def _counted(value: Any, noun: str, language: str) -> str:
    if isinstance(value, str):
        return isolated(value)
    count = value if isinstance(value, int) else len(value or ())
    return fill(catalogue(language).form(f"count.{noun}", count), {"count": count}, language)


def _plain(value: Any, language: str) -> str:
    if isinstance(value, bool):
        return isolated(str(value).lower())
    if isinstance(value, int):
        return str(value)
    return _date(value, language) if isinstance(value, date) else isolated(str(value))


def isolated(value: str) -> str:
    """What a client wrote, on one line and cut to a length, between isolates: it cannot turn the sentence around."""
    seen = _UNSEEN.sub(" ", value)
    return f"\u2068{seen if len(seen) <= _LONGEST else seen[:_LONGEST] + '…'}\u2069"


def _code(value: Any) -> str:
    """The code in a code, in {code, …}, or in a struct with a code."""
    if isinstance(value, Mapping):
        return str(value.get("code", ""))
    return str(value).lower() if isinstance(value, bool) else str(getattr(value, "code", value))


def _word(how: str, value: Any, language: str, on: date) -> str:
    code = _code(value)
    entry = code_list(how).find(code, on) if how in list_names() else None
    if entry is not None:
        return entry.label(language)
    key = f"{how}.{code}"
    if key not in catalogue(language):
        return isolated(code)
    word = catalogue(language).forms(key)[0]
    return word[:1].lower() + word[1:] if how == "command" else word


# ── dates, durations, marks, names ───────────────────────────────────────────────────────────────────────────────────


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _date(value: Any, language: str) -> str:
    day = _day(value)
    return isolated(str(value)) if day is None else _long_date(day, language)


@cache
def _long_date(day: date, language: str) -> str:
    written = format_date(day, "long", _LOCALES[language])
    return written.replace("1", _FIRST.get(language, "1"), 1) if day.day == 1 else written


def _month(value: Any, language: str) -> str:
    day = _day(value)
    return isolated(str(value)) if day is None else format_date(day, "LLLL y", _LOCALES[language])


def _season(value: Any, language: str) -> str:
    # A slash: a dash between two numbers after Arabic letters is shown with the numbers exchanged.
    return f"{value}/{value + 1}" if isinstance(value, int) else _plain(value, language)


def _minutes(value: Any, language: str) -> str:
    if not isinstance(value, int):
        return _plain(value, language)
    hours, minutes = divmod(value, 60)
    if hours and minutes:
        duration = catalogue(language).forms("word.duration")[0]
        return fill(duration, {"hours": hours, "minutes": minutes}, language)
    return _counted(hours, "hour", language) if hours else _counted(minutes, "minute", language)


def _mark(value: Any, language: str) -> str:
    if not isinstance(value, int):
        return _plain(value, language)
    return f"{value // 100}{'.' if language == 'en' else ','}{value % 100:02d}/20"


def _amount(value: Any, language: str) -> str:
    if not isinstance(value, int):
        return _plain(value, language)
    written = format_decimal(Decimal(value) / 100, "#,##0.00", _LOCALES[language])
    return f"\u2066{written}\u2069 {'درهم' if language == 'ar' else 'DH'}"  # isolated: a minus sign stays before


def _name(value: Any, language: str) -> str:
    """A name in the script of the language where there is one; none where only an id is known."""
    if isinstance(value, UUID) or (isinstance(value, str) and _UUID.fullmatch(value)):
        return ""
    if isinstance(value, str):
        return isolated(value)
    forms = (
        value if isinstance(value, Mapping) else {"ar": getattr(value, "ar", None), "fr": getattr(value, "fr", None)}
    )
    own, other = ("ar", "fr") if language == "ar" else ("fr", "ar")
    form = forms.get(own) or forms.get(other)
    return isolated(str(form)) if form else ""


def _open_flag(value: Any, language: str) -> str:
    version, code, day = (*str(value).split(":", 2), "", "")[:3]
    said = {"version": version, "code": code, "day": day or None}
    return fill(catalogue(language).forms("word.open-flag")[0], said, language)


def _cell(value: Any, language: str) -> str:
    status, _, minutes = str(value).partition(" ")
    length = int(minutes) if minutes.isdecimal() and int(minutes) else None  # an absence has no length
    return fill(catalogue(language).forms("word.cell")[0], {"status": status, "minutes": length}, language)


def _held_session(value: Any, language: str) -> str:
    day, component, minutes = (*str(value).split(" ", 2), "", "")[:3]
    length = int(minutes) if minutes.isdecimal() else None
    said = {"date": day, "component": component, "minutes": length}
    return fill(catalogue(language).forms("word.held-session")[0], said, language)


_SHOWN: Final[Mapping[str | None, Callable[[Any, str], str]]] = {
    "date": _date,
    "month": _month,
    "season": _season,
    "minutes": _minutes,
    "mark": _mark,
    "amount": _amount,
    "name": _name,
    "open-flag": _open_flag,
    "cell": _cell,
    "held-session": _held_session,
}

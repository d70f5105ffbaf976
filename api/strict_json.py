"""Reading a request's body: JSON of one reading only.

Two readers of one text must see the same thing, so what JSON leaves open is refused: the same key twice, NaN, bytes
that are not UTF-8, a lone surrogate, NUL (PostgreSQL cannot store it), and nesting deeper than any of our forms.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from api.problems import Finding, Problem

DEEPEST: Final = 16  # levels of nesting; our forms have at most five
LONGEST_NUMBER: Final = 18  # digits; a longer number is none of ours


class _SameKeyTwice(ValueError):
    """An object has the same key twice."""


def read_json(body: bytes) -> Any:
    """The value this body stands for. Raises Problem: malformed-json, duplicate-json-key or bad-character."""
    try:
        value = json.loads(
            body.decode("utf-8", "strict"), object_pairs_hook=_once, parse_constant=_refuse, parse_int=_whole
        )
    except _SameKeyTwice as twice:
        raise Problem("duplicate-json-key", params={"name": str(twice)}) from None
    except (ValueError, RecursionError):
        raise Problem("malformed-json") from None
    bad = [Finding("bad-character", pointer=pointer) for pointer, text in _strings(value) if not _is_clean(text)]
    if bad:
        raise Problem("bad-character", findings=bad)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _SameKeyTwice(next(key for key in keys if keys.count(key) > 1))
    return found


def _refuse(_constant: str) -> Any:
    raise ValueError("not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("too long a number")
    return int(digits)


def _is_clean(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _strings(value: Any, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every string with its JSON pointer; a key stands at the pointer of its object."""
    if depth > DEEPEST:
        raise Problem("malformed-json")
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _strings(each, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield pointer, key
            yield from _strings(each, f"{pointer}/{pointer_part(key)}", depth + 1)


def pointer_part(key: object) -> str:
    """One step of a JSON pointer, escaped by RFC 6901."""
    return str(key).replace("~", "~0").replace("/", "~1")

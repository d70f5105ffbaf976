"""Checking what a command says in words: codes against the lists in use on a day, and free texts."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from domain.errors import NotACode, TextUnreadable, UnknownCode
from domain.reference import is_code
from domain.values import BadText, clean_text

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


def refuse_unknown(list_name: str, code: str | None, pointer: str, on: date) -> UnknownCode | None:
    """UnknownCode when the code is not in use on that day; None for a known or absent one."""
    if code is None or is_code(list_name, code, on):
        return None
    return UnknownCode(pointer=pointer, list=list_name, value=code)


def not_a_code(code: str, pointer: str) -> NotACode | None:
    """A code that no list holds is still a code: 1 to 40 letters, digits, dots, hyphens. No sentence fits."""
    return None if _CODE.fullmatch(code) else NotACode(pointer=pointer)


class Texts:
    """Cleans the free texts of one command; `broken` says which cannot be read, for all of them at once."""

    LONGEST = 200

    def __init__(self) -> None:
        """Nothing read so far."""
        self.broken: list[TextUnreadable] = []

    def read(self, text: str, pointer: str, longest: int = LONGEST) -> str:
        """The text as `clean_text` leaves it; empty where it cannot be read, which `broken` then says."""
        try:
            return clean_text(text, longest=longest)
        except BadText as bad:
            self.broken.append(TextUnreadable(pointer=pointer, problem=bad.code))
            return ""

    def read_any(self, text: str | None, pointer: str, longest: int = LONGEST) -> str | None:
        """The same for a text that may be absent."""
        return None if text is None else self.read(text, pointer, longest)

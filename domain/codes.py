"""Checking codes against the code lists in use on a day."""

from __future__ import annotations

from datetime import date

from domain.errors import UnknownCode
from domain.reference import is_code


def refuse_unknown(list_name: str, code: str | None, pointer: str, on: date) -> UnknownCode | None:
    """UnknownCode when the code is not in use on that day; None for a known or absent one."""
    if code is None or is_code(list_name, code, on):
        return None
    return UnknownCode(pointer=pointer, list=list_name, value=code)

"""What a list is narrowed to: query parameters that several lists have."""

from __future__ import annotations

from uuid import UUID

from flask import request

from api.forms import YEARS, read_uuid
from api.problems import bad_parameter


def asked_centre() -> UUID | None:
    """`centre`, where it was asked. Raises Problem bad-parameter."""
    text = request.args.get("centre")
    centre = read_uuid(text or "")
    if text is not None and centre is None:
        raise bad_parameter("centre", expected="UUID")
    return centre


def asked_season() -> int | None:
    """`season`, the year it starts in, where it was asked. Raises Problem bad-parameter."""
    text = request.args.get("season")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and int(text[:9]) in YEARS):
        raise bad_parameter("season", expected="2026")
    return int(text)

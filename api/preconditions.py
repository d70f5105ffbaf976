"""What a request says about what its sender knows already: command ids, versions seen, moments asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flask import request

from api.forms import read_uuid
from api.observed import sent_id
from api.parts import Parts
from api.problems import Finding, Problem, bad_parameter
from domain.casebook import CommandKey

QUOTED: Final = re.compile(r'"([\x20\x21\x23-\x7e]{1,64})"')  # RFC 8941 string, without its escapes
BARE: Final = re.compile(r"[\x21\x23-\x7e][\x20-\x7e]{0,63}")
ENTITY_TAG: Final = re.compile(r'"(\d{1,18})"', re.ASCII)
POSITION: Final = re.compile(r"\d{1,18}", re.ASCII)
# RFC 3339 with an offset; a "+" that a form-encoded query turned into a space is read as it was meant
MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,6})?\d*([Zz]|[+ -]\d{2}:\d{2})", re.ASCII
)

# RFC 9110, 12.5.4: a language range and perhaps its weight
LANGUAGE: Final = re.compile(
    r"\s*(?:\*|[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*[01](?:\.[0-9]{0,3})?\s*)?", re.ASCII
)
LONGEST_LANGUAGES: Final = 1_000  # characters that are looked at


def command_key(parts: Parts, subject: UUID) -> CommandKey:
    """What makes this request known when it is sent again. Raises Problem idempotency-key-missing."""
    text = key_text()
    known = read_uuid(text)
    said = b"\n".join((request.method.encode(), request.path.encode(), request.get_data()))
    return CommandKey(subject, known.bytes if known else parts.body_digest(b"key\0" + text.encode()),
                      parts.body_digest(said))  # fmt: skip


def key_text() -> str:
    """The Idempotency-Key: up to 64 printable characters. Raises Problem idempotency-key-missing."""
    header = request.headers.get("Idempotency-Key", "").strip()
    found = QUOTED.fullmatch(header) or BARE.fullmatch(header)
    if not found:
        raise bad_parameter("Idempotency-Key", "idempotency-key-missing")
    return found[found.lastindex or 0]


def expected_version(*, must: bool) -> int | None:
    """The version of If-Match, None where it is absent. Raises Problem: if-match-missing where it `must` be there."""
    header = request.headers.get("If-Match")
    if header is None:
        if must:
            raise Problem("if-match-missing", findings=[Finding("if-match-missing", parameter="If-Match")])
        return None
    found = ENTITY_TAG.fullmatch(header.strip())
    if not found:
        raise bad_parameter("If-Match", expected='"3"')
    return int(found[1])


def correlation() -> UUID | None:
    """The id of the larger act this request is part of, else the request's own: where its sender gave it as a UUID."""
    return read_uuid(request.headers.get("X-Correlation-Id", "")) or sent_id()


def asked_position(parts: Parts) -> int | None:
    """The position that `as_of` means, None for now. Raises Problem: as-of-in-future, bad-parameter."""
    text = request.args.get("as_of")
    if text is None:
        return None
    position = parts.log.position_at(_moment(text))
    if position is None:
        raise Problem("as-of-in-future", findings=[Finding("as-of-in-future", parameter="as_of")])
    return position


def at_least() -> int | None:
    """The position the answer must have seen, None where none is asked."""
    text = request.args.get("at_least")
    if text is None:
        return None
    if not POSITION.fullmatch(text):
        raise bad_parameter("at_least", expected="1207")
    return int(text)


def refuse_unreached(position: int) -> None:
    """What is read as of this position, of the log itself, has all that `at_least` asks. Raises Problem at-least-ahead.

    No wait helps: what was acknowledged is in the log already, and a past moment stays as it is.
    """
    asked = at_least() or 0
    if position < asked:
        params = {"asked": asked, "last": position}
        raise Problem(
            "at-least-ahead",
            findings=[Finding("at-least-ahead", parameter="at_least", params=params)],
            params=params,
            more={"position": position},
        )


def not_reached(parts: Parts, position: int) -> Problem:
    """The views have not come so far within the time a request waits. Raises Problem where they never will."""
    refuse_unreached(parts.log.max_position())
    return Problem("at-least-not-reached", more={"position": position}, headers={"Retry-After": "1"})


def refuse_unreadable_language() -> None:
    """Accept-Language is absent, or one language in it can be read; which of them is another matter. Raises Problem."""
    header = request.headers.get("Accept-Language", "")[:LONGEST_LANGUAGES]
    if header.strip(" \t,") and not any(LANGUAGE.fullmatch(each) for each in header.split(",")):
        raise bad_parameter("Accept-Language", expected="ar-MA, fr;q=0.8")


def _moment(text: str) -> datetime:
    found = MOMENT.fullmatch(text)
    if not found:
        raise bad_parameter("as_of", expected="2026-11-22T09:00:00Z")
    day, time, fraction, offset = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{time}{fraction or ''}{offset.replace(' ', '+').upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter("as_of", expected="2026-11-22T09:00:00Z") from None

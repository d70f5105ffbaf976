"""What the web server answers to bytes that never became a request: a problem too, before any language was read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from api.headers import ALWAYS
from api.languages import TAGS
from api.problems import STATUS
from domain.texts import DEFAULT, text

UNREADABLE: Final = "request-unreadable"
ADDRESS_TOO_LONG: Final = "address-too-long"
HEADERS_TOO_LARGE: Final = "headers-too-large"
INTERNAL: Final = "internal-error"


def answer_to_unread(code: str) -> bytes:
    """The whole HTTP answer, after which the connection is closed. It repeats nothing of what was sent."""
    status = HTTPStatus(STATUS[code])
    body = msgspec.json.encode(
        {
            "type": f"/v1/problems/{code}",
            "status": int(status),
            "title": text(f"problem.{code}", DEFAULT),
            "detail": text(f"problem.{code}.way-out", DEFAULT),
            "code": code,
        }
    )
    headers = {
        **ALWAYS,
        "Content-Type": "application/problem+json",
        "Content-Language": TAGS[DEFAULT],
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {int(status)} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body

"""Cursors: where a list goes on, encrypted, so that a client can neither read nor make one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import request

from api.parts import Parts
from api.permissions import sender
from api.problems import bad_parameter

LONGEST: Final = 1_024  # characters
MOST_ROWS: Final = 100
USUAL_ROWS: Final = 25
NONCE_BYTES: Final = 12
LIFE: Final = timedelta(days=1)  # a search's cursor holds a folded name: it ends before an erasure is a day old


def cursor_of(parts: Parts, route: str, after: Any) -> str:
    """A cursor that says where this route's list goes on; good for this route and sender only."""
    nonce = parts.new_id().bytes[:4] + parts.new_id().bytes[:8]  # random bytes of two random ids
    sealed = AESGCM(parts.cursor_key).encrypt(nonce, msgspec.json.encode((parts.now(), after)), _bound_to(route))
    return urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


def asked_after(parts: Parts, route: str, of: type[Any]) -> Any:
    """Where the page asked for begins: what its cursor says, None for the first page. Raises Problem bad-cursor."""
    text = request.args.get("cursor")
    return None if text is None else read_cursor(parts, route, text, of)


def read_cursor(parts: Parts, route: str, text: str, of: type[Any]) -> Any:
    """What the cursor says, of this type. Raises Problem bad-cursor: forged, another's, or older than a day."""
    try:
        if len(text) > LONGEST:
            raise ValueError
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        clear = AESGCM(parts.cursor_key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound_to(route))
        made_at, after = msgspec.json.decode(clear, type=tuple[datetime, of])  # type: ignore[valid-type]  # a type handed in
        if parts.now() - made_at > LIFE:
            raise ValueError
    except (ValueError, InvalidTag, msgspec.MsgspecError):
        raise bad_parameter("cursor", "bad-cursor") from None
    return after


def _bound_to(route: str) -> bytes:
    """A cursor may hold a name: another worker's is as good as a forged one."""
    return f"{route} {sender().worker}".encode()


def asked_limit() -> int:
    """How many rows a page has: `limit`, 25 unless given, at most 100."""
    text = request.args.get("limit")
    if text is None:
        return USUAL_ROWS
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MOST_ROWS):
        raise bad_parameter("limit", expected=f"1–{MOST_ROWS}")
    return int(text)


def next_page(parts: Parts, route: str, after: Any, **kept: str) -> Mapping[str, str]:
    """The `Link` header of the following page; none when `after` is None."""
    if after is None:
        return {}
    query = urlencode({**kept, "cursor": cursor_of(parts, route, after)})
    return {"Link": f'<{request.path}?{query}>; rel="next"'}

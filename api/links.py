"""Where a stream is read: the links of every answer."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.streams import KINDS

_BESIDE: Final = ("timeline", "audit-trail", "possible-commands")


def self_link(kind: str, stream: UUID) -> str:
    """The stream's own address."""
    return f"/v1/{KINDS[kind].plural}/{stream}"


def links_of(kind: str, stream: UUID) -> dict[str, str]:
    """The stream's own address and those of what can be read beside it."""
    here = self_link(kind, stream)
    return {"self": here, **{name: f"{here}/{name}" for name in _BESIDE}}

"""Where a stream is read: the links of every answer."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.streams import KINDS

_HISTORY: Final = ("timeline", "audit-trail")


def self_link(kind: str, stream: UUID) -> str:
    """The stream's own address."""
    return f"/v1/{KINDS[kind].plural}/{stream}"


def links_of(kind: str, stream: UUID, *, history: bool = True) -> dict[str, str]:
    """The stream's own address and those of what can be read beside it; with its history where that is shown."""
    here = self_link(kind, stream)
    beside = (*(_HISTORY if history else ()), "possible-commands")
    return {"self": here, **{name: f"{here}/{name}" for name in beside}}

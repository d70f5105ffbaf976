"""The base of every event: its permanent tag and its envelope.

Stored form (one JSON object): `t`, `on`, `by`, `why` where a reason was asked, then the event's own fields. Stream id,
version, position and recorded_at are columns. Only str, int, bool, date, datetime, UUID, list and plain structs may
stand in an event: hours are integer minutes, money integer centimes, codes are checked in decide.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from domain.sealed import Personal, Sealed

NIL = UUID(int=0)


class EventRef(msgspec.Struct, frozen=True, array_like=True):
    """A reference to one event: [stream id, version]."""

    stream: UUID
    version: int


class By(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did it and through what. Fields with None are not stored: absent means not recorded."""

    actor: UUID  # stream id of the Worker, partner or system
    role: str  # the role acted in, a code of the role list; `system`: nobody's act, and no grant may give it
    org: UUID  # organisation acted for
    src: str  # console | api | import | partner | system, a code of the source list
    cause: EventRef | None = None  # the event that led to this one
    corr: UUID | None = None  # correlation id of one larger act
    dev: str | None = None  # device of an offline entry
    cap: datetime | None = None  # when it was captured offline, UTC


class ReasonText(Personal, frozen=True):
    """A reason in the user's own words; sensitive, since anything may stand in it."""

    FAMILY: ClassVar[str] = "sensitive"
    text: str


class Why(msgspec.Struct, frozen=True):
    """The reason of an act: a code, and a sealed text where one was given."""

    code: str
    text: Sealed[ReasonText] | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    """A fact that was recorded. Never edited: a correction is another event that names this one."""

    on: date  # the day it occurred, local calendar (Africa/Casablanca)
    by: By
    why: Why | msgspec.UnsetType = msgspec.UNSET

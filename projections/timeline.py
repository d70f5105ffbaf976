"""The timeline: what happened to a learner, a group, a convention, in the order it was recorded. A query over entries.

Each line has the tag and the event's clear fields, from which the API renders a sentence in the reader's language, and
the place of the raw event.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

# What the event says stands in the log; an entry finds it by its primary key.
QUERY: Final[LiteralString] = """
select e.position, e.stream, e.version, e.tag, e.occurred_on, e.recorded_at, e.actor, e.role, e.org, e.src, e.why,
       e.changes::text, l.state
  from views.entries_v1 e
  join forsa_events l on l.originator_id = e.stream and l.originator_version = e.version
 where e.stream = %(stream)s and e.position <= %(upto)s and e.version > %(after)s
 order by e.version limit %(limit)s
"""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the timeline. `facts`: its clear fields; `changes`: field → [before, after], empty where it adds."""

    position: int
    stream: UUID
    version: int
    tag: str
    on: date
    recorded_at: datetime
    actor: UUID
    role: str
    org: UUID
    src: str
    why: str | None
    changes: dict[str, tuple[Any, Any]]
    facts: dict[str, Any]


_ENVELOPE: Final = frozenset({"t", "on", "by", "why"})
_SEALED: Final = {"f", "h", "c"}


def line_of(row: tuple[Any, ...]) -> Line:
    """The line of a row of a query over entries."""
    position, stream, version, tag, on, recorded_at, actor, role, org, src, why, changes, state = row
    return Line(
        position=position,
        stream=stream,
        version=version,
        tag=tag,
        on=on,
        recorded_at=recorded_at,
        actor=actor,
        role=role,
        org=org,
        src=src,
        why=why,
        changes={} if changes is None else msgspec.json.decode(changes, type=dict[str, tuple[Any, Any]]),
        facts=facts_in(state),
    )


def facts_in(state: bytes) -> dict[str, Any]:
    """The event's own fields as they stand in its stored form, sealed ones left out."""
    fields: dict[str, Any] = msgspec.json.decode(state)
    return {name: value for name, value in fields.items() if name not in _ENVELOPE and not _is_sealed(value)}


def _is_sealed(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == _SEALED

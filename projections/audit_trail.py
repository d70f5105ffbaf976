"""The audit trail: who did what to a stream, when it was recorded and when it occurred, before → after, and why.

A query over entries, with the events on other streams that are about this one (a seat taken by a learner).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from projections.timeline import Line

QUERY: Final[LiteralString] = """
select e.position, e.stream, e.version, e.tag, e.occurred_on, e.recorded_at, e.actor, e.role, e.org, e.src, e.why,
       e.changes::text, l.state
  from (
    (select * from views.entries_v1 where stream = %(stream)s and position > %(after)s and position <= %(upto)s
      order by version limit %(limit)s)
    union all
    (select * from views.entries_v1 where subject = %(stream)s and position > %(after)s and position <= %(upto)s
      order by position limit %(limit)s)
  ) e
  join forsa_events l on l.originator_id = e.stream and l.originator_version = e.version
 order by e.position limit %(limit)s
"""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit trail. `before` → `after`: what changed, and after it what the event adds."""

    position: int
    stream: UUID
    version: int
    what: str  # the event's tag
    actor: UUID
    role: str
    org: UUID
    src: str
    recorded_at: datetime
    on: date
    before: dict[str, Any]
    after: dict[str, Any]
    why: str | None


def trace_of(line: Line) -> Trace:
    """The line as an auditor reads it."""
    return Trace(
        position=line.position,
        stream=line.stream,
        version=line.version,
        what=line.tag,
        actor=line.actor,
        role=line.role,
        org=line.org,
        src=line.src,
        recorded_at=line.recorded_at,
        on=line.on,
        before={name: before for name, (before, _) in line.changes.items()},
        after={**line.facts, **{name: after for name, (_, after) in line.changes.items()}},
        why=line.why,
    )

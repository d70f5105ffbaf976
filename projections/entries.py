"""One entry an event, of every kind of stream: what the timeline and the audit trail are read from.

An entry holds who, when and why, and what the event changed: field → [before, after]. What the event itself says is
not repeated here: readers take it from the log by (stream, version), which halves the view. Nothing sealed stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.diploma_session import CandidateEntered
from domain.event import Event
from domain.group import SeatFreed, SeatTaken
from domain.organisation import AccessGranted, AccessRevoked, EmergencyAccessOpened, EmergencyAccessReviewed
from domain.streams import EVENTS, KINDS
from projections.changes import CHANGES
from projections.view import Column, EntryView, Index, Row

# Whom an event on another stream is about: a learner, or the worker a grant is given to or taken from.
SUBJECT: Final[Mapping[type[Event], Callable[[Any, Any], UUID | None]]] = {
    SeatTaken: lambda _before, event: event.learner,
    SeatFreed: lambda _before, event: event.learner,
    CandidateEntered: lambda _before, event: event.learner,
    AccessGranted: lambda _before, event: event.subject,
    AccessRevoked: lambda before, event: held.subject if (held := before.grants.get(event.grant)) else None,
    EmergencyAccessOpened: lambda _before, event: event.learner,
    EmergencyAccessReviewed: lambda before, event: (
        held.learner if (held := before.emergencies.get(event.emergency)) else None
    ),
}

_ENCODE: Final = msgspec.json.Encoder().encode
_TAGS: Final = {event_class: tag for tag, event_class in EVENTS.items()}


def entries_of(_stream: UUID, before: Any, event: Event, after: Any) -> list[Row]:
    """The event's one entry."""
    event_class = type(event)
    change, subject = CHANGES.get(event_class), SUBJECT.get(event_class)
    changed = change(before, event, after) if change else None
    by, why = event.by, event.why
    return [
        (
            _TAGS[event_class],
            event.on,
            by.actor,
            by.role,
            by.org,
            by.src,
            None if why is msgspec.UNSET else why.code,
            subject(before, event) if subject else None,
            _ENCODE(changed).decode() if changed else None,
        )
    ]


VIEW: Final = EntryView(
    name="entries",
    version=1,
    kinds=frozenset(KINDS),
    columns=(
        Column("tag", "text", required=True),
        Column("occurred_on", "date", required=True),
        Column("actor", "uuid", required=True),
        Column("role", "text", required=True),
        Column("org", "uuid", required=True),
        Column("src", "text", required=True),
        Column("why", "text"),  # code of the reason
        Column("subject", "uuid"),
        Column("changes", "jsonb"),
    ),
    indexes=(Index("subject", "(subject, position) where subject is not null"),),
    entries_of=entries_of,
)

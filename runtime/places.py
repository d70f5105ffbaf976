"""Places of events in the log, without contents: what the API renders a stored answer from (`api.parts.Log`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.persistence import OperationalError
from psycopg import Connection
from psycopg.rows import tuple_row

from api.parts import Place
from projections.connections import asked
from runtime.recorder import MomentInFuture
from runtime.store import EventLog

BETWEEN: Final = (
    b"select notification_id, originator_id, originator_version, topic, recorded_at from forsa_events"
    b" where notification_id between %s and %s order by notification_id"
)
OF_STREAM: Final = (
    b"select notification_id, originator_id, originator_version, topic, recorded_at from forsa_events"
    b" where originator_id = %s and originator_version > %s order by originator_version"
)


class Places:
    """The log's places and moments. Raises eventsourcing's OperationalError while the database is away."""

    def __init__(self, event_log: EventLog) -> None:
        """On the event log's own connections."""
        self._event_log = event_log

    def places_between(self, first: int, last: int) -> Sequence[Place]:
        """The events of these positions, both included, in order."""
        return self._places(BETWEEN, (first, last))

    def places_of(self, stream: UUID, after_version: int) -> Sequence[Place]:
        """The stream's events after a version, in order."""
        return self._places(OF_STREAM, (stream, after_version))

    def position_at(self, moment: datetime) -> int | None:
        """Position of the last event recorded by that moment (aware); None for a moment later than now."""
        try:
            return self._event_log.position_at(moment)
        except MomentInFuture:
            return None

    def max_position(self) -> int:
        """Position of the last event, 0 for an empty log."""
        return self._event_log.max_position()

    def _places(self, query: bytes, parameters: tuple[object, ...]) -> list[Place]:
        def ask(connection: Connection[Any]) -> list[Place]:
            cursor: Any = connection.cursor(binary=True, row_factory=tuple_row)
            return [Place(*row) for row in cursor.execute(query, parameters, prepare=True)]

        try:
            return asked(self._event_log.recorder.datastore.pool, ask)
        except psycopg.OperationalError as error:
            raise OperationalError(str(error)) from error

"""The library as it comes, for comparison: `@event` aggregates, JSON, its own PostgreSQL recorder, nothing of ours."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg import conninfo


class Learner(Aggregate):
    """A learner with weeks of attendance."""

    def __init__(self, enrolment: UUID, days: list[str]) -> None:
        """The learner is enrolled with a first week."""
        self.enrolment, self.weeks = enrolment, [days]

    @event("AttendanceRecorded")
    def record(self, week: str, days: list[str]) -> None:  # noqa: ARG002  # the library makes the event of it
        """A week is recorded."""
        self.weeks.append(days)


def application(dsn: str) -> Application[UUID]:
    """A stock application over tables of its own in the same database."""
    parts: dict[str, Any] = conninfo.conninfo_to_dict(dsn)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts["port"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts["password"]),
    }
    return Application(env=env)

"""The library as it comes, for comparison: `@event` aggregates, JSON, its own PostgreSQL recorder, nothing of ours."""

from __future__ import annotations

from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import conninfo
from psycopg.sql import SQL, Identifier


class Learner(Aggregate):
    """A learner with weeks of attendance."""

    def __init__(self, enrolment: UUID, days: list[str]) -> None:
        """The learner is enrolled with a first week."""
        self.enrolment, self.weeks = enrolment, [days]

    @event("AttendanceRecorded")
    def record(self, week: str, days: list[str]) -> None:  # noqa: ARG002  # the library makes the event of it
        """A week is recorded."""
        self.weeks.append(days)


def environment(dsn: str) -> dict[str, str]:
    """The library's settings for this database."""
    parts: dict[str, Any] = conninfo.conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts["port"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts["password"]),
        "POSTGRES_POOL_SIZE": "3",
    }


def application(dsn: str, *, makes_tables: bool = True) -> Application[UUID]:
    """A stock application over tables of its own in the same database; sixteen that make them at once would collide."""
    return Application(env={**environment(dsn), "CREATE_TABLE": "y" if makes_tables else "n"})


class RecordView(PostgresTrackingRecorder):
    """One row a learner: how many weeks were recorded."""

    def __init__(self, datastore: PostgresDatastore, **names: Any) -> None:
        """The row's table is made with the tracking table."""
        super().__init__(datastore, **names)
        self.sql_create_statements.append(
            SQL("create table if not exists {}.stock_record (learner uuid primary key, weeks integer not null)").format(
                Identifier(datastore.schema)
            )
        )

    def count(self, learner: UUID, tracking: Tracking) -> None:
        """One week more; row and tracking in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "insert into stock_record values (%s, 1)"
                " on conflict (learner) do update set weeks = stock_record.weeks + 1",
                (learner,),
                prepare=True,
            )


class RecordProjection(Projection[RecordView]):
    """The library's projection: an event, a row, a transaction."""

    name = "stockrecord"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Every event counts."""
        self.view.count(domain_event.originator_id, tracking)


class StockLearners(Application[UUID]):
    """The library's application by a name of its own."""

    name = "stocklearners"


def events_a_second(dsn: str, events: int) -> float:
    """How fast the library's runner takes a log of that many events into one view."""
    writer = StockLearners(env=environment(dsn))
    for _ in range(events // 100):
        learner = Learner(enrolment=uuid4(), days=["2026-01-12 present 180"] * 5)
        for _ in range(99):
            learner.record(week="2026-01-12", days=["2026-01-12 present 180"] * 5)
        writer.save(learner)
    began = perf_counter()
    with ProjectionRunner(
        application_class=StockLearners, projection_class=RecordProjection, view_class=RecordView, env=environment(dsn)
    ) as runner:
        runner.wait(events, timeout=120)
        return events / (perf_counter() - began)

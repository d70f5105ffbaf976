"""The library reads what we write: its own recorder tests on our recorder, its stock classes over our log."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from unittest import TestCase
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import Mapper, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import conninfo

from domain.casebook import Append, NewEvent
from domain.event import By, Event
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper, Recorded
from runtime.recorder import ForsaDatastore, ForsaRecorder, Positions
from runtime.store import EventLog
from tests.runtime.library_tests import persistence as theirs

# Why a test of the library does not run on our recorder. Every one it ships is here or below.
NOT_APPLICABLE = {
    "AggregateRecorderTestCase.test_insert_and_select": "asks for version 0 first and for no ids; an empty append is"
    " refused here. Its questions about select_events are asked below.",
    "TrackingRecorderTestCase": "tracking belongs to the projector, whose own table and tests it has",
    "ProcessRecorderTestCase": "tracking and events are not stored together: no process application is used",
    "InfrastructureFactoryTestCase": "our factory takes a datastore and a mapper, no variables to choose classes by",
    "TranscoderTestCase": "no transcoder: events are typed structs, tested in test_mapper",
    "RecorderTestCase": "a base without tests",
}


class FromOne(ForsaRecorder):
    """Their concurrency tests number a stream's events from 0, ours start at 1."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Positions:
        shift = 1 - stored_events[0].originator_version
        shifted = [
            StoredEvent(each.originator_id, each.originator_version + shift, each.topic, each.state)
            for each in stored_events
        ]
        return super().insert_events(shifted, **kwargs)


class _OnOurs:
    @pytest.fixture(autouse=True)
    def _dsn(self, web_dsn: str) -> Iterator[None]:
        self.datastores: list[ForsaDatastore] = []
        self.web_dsn = web_dsn
        yield
        for datastore in self.datastores:
            datastore.close()

    def _datastore(self) -> ForsaDatastore:
        self.datastores.append(ForsaDatastore(self.web_dsn, pool_size=10))
        return self.datastores[-1]


class TestApplicationRecorder(_OnOurs, theirs.ApplicationRecorderTestCase[ForsaRecorder]):
    def create_recorder(self) -> ForsaRecorder:
        concurrent = self._testMethodName.startswith("test_concurrent")
        return (FromOne if concurrent else ForsaRecorder)(self._datastore())

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestAggregateRecorder(_OnOurs, theirs.AggregateRecorderTestCase):
    def create_recorder(self) -> ForsaRecorder:
        return ForsaRecorder(self._datastore())

    def test_insert_and_select(self) -> None:
        """In place of the one named in NOT_APPLICABLE: the same questions about reading a stream."""
        recorder, stream = self.create_recorder(), uuid4()
        events = [StoredEvent(stream, version, f"topic{version}", b"state") for version in (1, 2, 3)]
        assert recorder.select_events(stream, desc=True, limit=1) == []
        recorder.insert_events(events)
        assert recorder.select_events(stream) == events
        assert recorder.select_events(stream, desc=True, limit=1) == events[2:]
        assert recorder.select_events(stream, lte=2, desc=True, limit=1) == events[1:2]
        assert recorder.select_events(stream, gt=1, lte=2) == events[1:2]
        assert recorder.select_events(uuid4()) == []


class TestNonInterleaving(_OnOurs, theirs.NonInterleavingNotificationIDsBaseCase):
    insert_num = 500  # the most of one append

    def create_recorder(self) -> ForsaRecorder:
        return FromOne(self._datastore())


def test_every_test_of_the_library_runs_or_says_why_not() -> None:
    cases = {name for name, value in vars(theirs).items() if isinstance(value, type) and issubclass(value, TestCase)}
    ours = {"ApplicationRecorderTestCase", "AggregateRecorderTestCase", "NonInterleavingNotificationIDsBaseCase"}
    assert cases - ours == {name for name in NOT_APPLICABLE if "." not in name} | {"TestCase"}


class Noted(Event, tag="test.noted", frozen=True):
    """An event for these tests."""

    number: int


BY = By(actor=UUID(int=3), role="trainer", org=UUID(int=3), src="api")


def noted(number: int) -> Noted:
    return Noted(on=date(2026, 1, 5), by=BY, number=number)


@pytest.fixture
def tags() -> Mapping[str, type[Event]]:
    return {"test.noted": Noted}


@pytest.fixture
def mapper(tags: Mapping[str, type[Event]], keyring: Keyring) -> ForsaMapper:
    return ForsaMapper(tags, keyring)


def stock_datastore(dsn: str) -> PostgresDatastore:
    parts = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}
    server = parts["dbname"], parts["host"], parts["port"], parts["user"], parts["password"]
    return PostgresDatastore(*server, pool_size=3)  # a subscription listens on one and reads on another


@pytest.fixture
def stock(web_dsn: str) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder as it comes, over our table."""
    with stock_datastore(web_dsn) as datastore:
        yield PostgresApplicationRecorder(datastore, events_table_name="forsa_events")


@pytest.fixture
def stock_application(web_dsn: str, mapper: ForsaMapper) -> Iterator[Application[UUID]]:
    """The library's application as it comes, but for the mapper: the stored form is ours."""

    class Forsa(Application[UUID]):
        name = "forsa"

        def construct_mapper(self) -> Mapper[UUID]:
            return mapper

    parts = conninfo.conninfo_to_dict(web_dsn)
    env = {f"POSTGRES_{name.upper()}": str(parts[name]) for name in ("dbname", "host", "port", "user", "password")}
    with Forsa({"PERSISTENCE_MODULE": "eventsourcing.postgres", "CREATE_TABLE": "n", **env}) as application:
        yield application


def test_saving_through_the_application_is_the_write_path(event_log: EventLog) -> None:
    stream = uuid4()
    recorded = [Recorded(stream, version, noted(version)) for version in (1, 2)]
    recordings = event_log.application.save(*recorded)
    assert [(each.domain_event, each.notification.id) for each in recordings] == [(recorded[0], 1), (recorded[1], 2)]
    assert event_log.load([stream])[stream].events == (noted(1), noted(2))


def test_the_stock_recorder_reads_streams_and_notifications(
    event_log: EventLog, stock: PostgresApplicationRecorder, mapper: ForsaMapper
) -> None:
    one, two = uuid4(), uuid4()
    places = [(one, 1), (two, 1), (one, 2), (two, 2), (one, 3)]
    event_log.append(Append(tuple(NewEvent(*place, noted(n)) for n, place in enumerate(places, 1))))
    notifications = stock.select_notifications(start=1, limit=10)
    assert stock.max_notification_id() == 5
    assert [each.id for each in notifications] == [1, 2, 3, 4, 5]
    assert [(each.originator_id, each.originator_version) for each in notifications] == places
    assert [mapper.decode(each.state) for each in notifications] == [noted(n) for n in range(1, 6)]
    assert [each.originator_version for each in stock.select_events(one)] == [1, 2, 3]


def test_the_stock_repository_folds_to_what_our_load_gives(
    event_log: EventLog, stock_application: Application[UUID]
) -> None:
    stream = uuid4()
    event_log.append(Append(tuple(NewEvent(stream, version, noted(version)) for version in range(1, 8))))

    def fold(_: object, events: Iterable[Recorded]) -> Any:
        return tuple(each.event for each in events) or None

    folded: Any = stock_application.repository.get(stream, projector_func=fold)
    assert folded == event_log.load([stream])[stream].events
    earlier: Any = stock_application.repository.get(stream, version=3, projector_func=fold)
    assert earlier == event_log.load([stream], upto=3)[stream].events
    with pytest.raises(AggregateNotFoundError):
        stock_application.repository.get(uuid4(), projector_func=fold)


def test_the_stock_notification_log_is_complete(event_log: EventLog, stock_application: Application[UUID]) -> None:
    stream = uuid4()
    event_log.append(Append(tuple(NewEvent(stream, version, noted(version)) for version in range(1, 26))))
    selected = stock_application.notification_log.select(start=1, limit=10)
    assert [each.id for each in selected] == list(range(1, 11))
    section = stock_application.notification_log["11,20"]
    assert [each.id for each in section.items] == list(range(11, 21))


def test_the_stock_subscription_follows_live_in_order_and_misses_nothing(
    event_log: EventLog, stock: PostgresApplicationRecorder
) -> None:
    """Four writers append while it reads: appends of 1 to 4 events."""

    def write(writer: int) -> None:
        stream, version = UUID(int=100 + writer), 0
        for size in [1, 2, 3, 4] * 12:
            new = [NewEvent(stream, version + n, noted(version + n)) for n in range(1, size + 1)]
            version += size
            event_log.append(Append(tuple(new)))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    seen = []
    with stock.subscribe(gt=0) as subscription:
        for writer in writers:
            writer.start()
        for notification in subscription:
            seen.append(notification)
            if len(seen) == 480:
                break
    for writer in writers:
        writer.join()
    assert [each.id for each in seen] == list(range(1, 481))
    for stream in (UUID(int=100 + writer) for writer in range(4)):
        versions = [each.originator_version for each in seen if each.originator_id == stream]
        assert versions == list(range(1, 121))

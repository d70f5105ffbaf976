"""Every check of the append, each with proof that a refusal stores nothing; reading by stream, page and moment."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, IntegrityError, OperationalError, StoredEvent
from psycopg import conninfo, sql

from domain.casebook import Append, Claim, CommandKey, NewEvent
from domain.errors import ClaimTaken, CommandKnown, Conflict, StaleVersion
from domain.event import By, Event
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.recorder import (
    AppendRefused,
    ClaimHeld,
    ClaimNotHeld,
    CommandStored,
    ForsaDatastore,
    ForsaRecorder,
    LosesEvents,
    MomentInFuture,
    NoEvents,
    StaleGuard,
    TooManyEvents,
    UnknownOutcome,
    VersionTaken,
    WrongIsolation,
)
from runtime.store import EventLog

STREAM, OTHER, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
CLAIM = Claim("file-number", b"\x01" * 32)
COMMAND = CommandKey(UUID(int=9), b"k" * 16, b"b" * 32)


def stored(stream: UUID, version: int, text: str = "") -> StoredEvent:
    return StoredEvent(stream, version, "test.noted", json.dumps({"t": "test.noted", "text": text}).encode())


def streams(*versions: tuple[UUID, int]) -> list[StoredEvent]:
    return [stored(stream, version) for stream, version in versions]


@pytest.fixture
def everything(log_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        yield connection


@contextmanager
def refused(everything: psycopg.Connection[Any], kind: type[AppendRefused], detail: object) -> Iterator[None]:
    """The append inside is refused with this kind and detail, and no row of the log has changed."""
    before = rows(everything)
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.detail == detail
    assert rows(everything) == before


def rows(connection: psycopg.Connection[Any]) -> list[Any]:
    tables = (b"forsa_events", b"claims", b"commands")
    return [connection.execute(b"select * from " + table + b" order by 1, 2").fetchall() for table in tables]


def test_one_event_is_stored_as_it_was_given(recorder: ForsaRecorder) -> None:
    event = stored(STREAM, 1, 'فرصة "\\u0000" \\ \t é')
    assert recorder.insert_events([event]) == [1]
    assert recorder.select_events(STREAM) == [event]


def test_several_events_of_several_streams_are_stored_in_order_at_one_moment(recorder: ForsaRecorder) -> None:
    events = [stored(s, v, 'فرصة "\\u0000" \\ \t é') for s, v in ((STREAM, 1), (OTHER, 1), (STREAM, 2), (THIRD, 1))]
    positions = recorder.insert_events(events)
    page = recorder.page(0)
    assert positions == [1, 2, 3, 4]
    assert [(row[1], row[2], row[4]) for row in page] == [
        (each.originator_id, each.originator_version, each.state) for each in events
    ]
    assert {row[5] for row in page} == {positions.recorded_at}


def test_positions_are_dense_and_times_never_equal_between_appends(recorder: ForsaRecorder) -> None:
    appends = [recorder.insert_events([stored(STREAM, version)]) for version in range(1, 30)]
    assert [positions[0] for positions in appends] == list(range(1, 30))
    moments = [positions.recorded_at for positions in appends]
    assert moments == sorted(set(moments))


def test_a_refused_append_leaves_no_gap(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, 1)])
    with pytest.raises(VersionTaken):
        recorder.insert_events([stored(STREAM, 1)])
    assert recorder.insert_events([stored(STREAM, 2)]) == [2]


def test_time_goes_on_when_the_clock_is_set_back(recorder: ForsaRecorder, everything: psycopg.Connection[Any]) -> None:
    recorder.insert_events([stored(STREAM, 1)])
    everything.execute("update forsa_events set recorded_at = now() + interval '1 hour'")
    ahead = recorder.recorded_at_of(1)
    assert recorder.insert_events([stored(STREAM, 2)]).recorded_at == ahead + timedelta(microseconds=1)
    assert recorder.insert_events([stored(STREAM, 3)]).recorded_at == ahead + timedelta(microseconds=2)
    assert recorder.position_at(ahead + timedelta(microseconds=1)) == 2


@pytest.mark.parametrize(
    ("events", "expected", "actual"),
    [
        (streams((STREAM, 2)), 1, 2),
        (streams((STREAM, 4)), 3, 2),
        (streams((STREAM, 0)), -1, 2),
        (streams((STREAM, 3), (STREAM, 5)), 3, 2),
        (streams((STREAM, 4), (STREAM, 3)), 3, 2),
        (streams((STREAM, 3), (STREAM, 3)), 1, 2),
        (streams((OTHER, 1), (STREAM, 2)), 1, 2),
    ],
)
def test_versions_follow_the_last_one_of_their_stream(
    recorder: ForsaRecorder,
    everything: psycopg.Connection[Any],
    events: list[StoredEvent],
    expected: int,
    actual: int,
) -> None:
    recorder.insert_events(streams((STREAM, 1), (STREAM, 2)))
    with refused(everything, VersionTaken, {"stream": str(STREAM), "expected": expected, "actual": actual}):
        recorder.insert_events(events, command=COMMAND, taken=[(CLAIM, STREAM)])


def test_a_guard_that_moved_on_is_named(recorder: ForsaRecorder, everything: psycopg.Connection[Any]) -> None:
    recorder.insert_events(streams((STREAM, 1), (STREAM, 2)))
    guards = [(OTHER, 0), (STREAM, 1), (THIRD, 3)]
    with refused(everything, StaleGuard, [str(STREAM), str(THIRD)]):
        recorder.insert_events([stored(OTHER, 1)], guards=guards, command=COMMAND)
    with refused(everything, StaleGuard, [str(STREAM), str(THIRD)]):
        recorder.insert_events(streams((OTHER, 1), (OTHER, 2)), guards=guards, command=COMMAND)
    assert recorder.insert_events([stored(OTHER, 1)], guards=[(STREAM, 2), (THIRD, 0), (OTHER, 0)]) == [3]


def test_a_claim_has_one_holder_until_that_one_frees_it(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any]
) -> None:
    recorder.insert_events([stored(STREAM, 1)], taken=[(CLAIM, STREAM)])
    assert recorder.find_claim(CLAIM) == STREAM
    with refused(everything, ClaimHeld, {"kind": "file-number", "holder": str(STREAM)}):
        recorder.insert_events([stored(OTHER, 1)], taken=[(CLAIM, OTHER)], command=COMMAND)
    recorder.insert_events([stored(STREAM, 2)], freed=[(CLAIM, STREAM)])
    assert recorder.find_claim(CLAIM) is None
    recorder.insert_events([stored(OTHER, 1)], taken=[(CLAIM, OTHER)])
    assert recorder.find_claim(CLAIM) == OTHER


def test_a_claim_passes_from_one_stream_to_another_in_one_append(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, 1)], taken=[(CLAIM, STREAM)])
    recorder.insert_events(streams((STREAM, 2), (OTHER, 1)), freed=[(CLAIM, STREAM)], taken=[(CLAIM, OTHER)])
    assert recorder.find_claim(CLAIM) == OTHER


def test_two_streams_of_one_append_may_not_take_one_claim(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any]
) -> None:
    with refused(everything, ClaimHeld, {"kind": "file-number", "holder": str(STREAM)}):
        recorder.insert_events(streams((STREAM, 1), (OTHER, 1)), taken=[(CLAIM, STREAM), (CLAIM, OTHER)])


@pytest.mark.parametrize("holder", [STREAM, None])
def test_a_stranger_may_not_free_a_claim(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any], holder: UUID | None
) -> None:
    recorder.insert_events([stored(STREAM, 1)], taken=[(CLAIM, holder)] if holder else [])
    with refused(everything, ClaimNotHeld, {"kind": "file-number"}):
        recorder.insert_events([stored(OTHER, 1)], freed=[(CLAIM, OTHER)])


def test_a_command_is_stored_once_and_said_before_any_other_refusal(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any]
) -> None:
    positions = recorder.insert_events([stored(STREAM, 1), stored(STREAM, 2)], command=COMMAND, status=202)
    found = recorder.find_command(COMMAND.subject, COMMAND.id)
    assert found == (COMMAND.body, 202, 1, 2, positions.recorded_at)
    with refused(everything, CommandStored, {}):
        recorder.insert_events(
            [stored(STREAM, 1)], command=COMMAND, guards=[(OTHER, 7)], taken=[(CLAIM, STREAM)], freed=[(CLAIM, OTHER)]
        )
    with refused(everything, CommandStored, {}):
        recorder.insert_events(streams((STREAM, 3), (STREAM, 9)), command=COMMAND)


def test_the_same_command_id_of_another_subject_is_another_command(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, 1)], command=COMMAND)
    recorder.insert_events([stored(STREAM, 2)], command=CommandKey(STREAM, COMMAND.id, COMMAND.body))
    assert recorder.find_command(THIRD, COMMAND.id) is None


def test_at_most_500_events_are_appended(recorder: ForsaRecorder, everything: psycopg.Connection[Any]) -> None:
    with refused(everything, TooManyEvents, {"events": 501, "most": 500}):
        recorder.insert_events([stored(STREAM, version) for version in range(1, 502)])
    assert len(recorder.insert_events([stored(STREAM, version) for version in range(1, 501)])) == 500


def test_an_append_needs_an_event(recorder: ForsaRecorder, everything: psycopg.Connection[Any]) -> None:
    with refused(everything, NoEvents, {}):
        recorder.insert_events([], command=COMMAND)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_another_isolation_level_is_refused(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any], level: str
) -> None:
    with recorder.datastore.pool.connection() as connection:
        connection.execute(f"set default_transaction_isolation = '{level}'".encode())
    with refused(everything, WrongIsolation, {"isolation": level}):
        for _ in range(recorder.datastore.pool_size):  # one of the pool's connections has the level
            recorder.insert_events([stored(uuid4(), 1)])
            everything.execute("truncate forsa_events")


def test_the_append_is_durable_whatever_the_session_says(web_dsn: str) -> None:
    append = "select forsa_append(gen_random_uuid(), 1, 'x', '', null, null, null, 0::smallint)"
    with psycopg.connect(web_dsn) as connection:
        connection.execute("set synchronous_commit = off")
        connection.commit()
        connection.execute(append)
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
        connection.rollback()
        assert connection.execute("show synchronous_commit").fetchone() == ("off",)


def test_streams_are_loaded_one_row_each_as_of_a_position(recorder: ForsaRecorder) -> None:
    events = streams((STREAM, 1), (OTHER, 1), (STREAM, 2), (STREAM, 3))
    recorder.insert_events(events)
    states = [each.state for each in events]
    assert recorder.load(STREAM) == (3, b",".join([states[0], states[2], states[3]]))
    assert recorder.load(STREAM, upto=3) == (2, b",".join([states[0], states[2]]))
    assert recorder.load(THIRD) == recorder.load(OTHER, upto=1) == (0, b"")
    assert recorder.load_many([STREAM, OTHER, THIRD], upto=3) == {
        STREAM: (2, b",".join([states[0], states[2]])),
        OTHER: (1, states[1]),
    }


def test_pages_follow_one_another(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, version) for version in range(1, 6)])
    assert [row[0] for row in recorder.page(0, 2)] == [1, 2]
    assert [row[0] for row in recorder.page(2, 2)] == [3, 4]
    assert [row[:4] for row in recorder.page(4, 2)] == [(5, STREAM, 5, "test.noted")]
    assert recorder.page(5) == []
    assert recorder.max_position() == 5


def test_an_empty_log_has_no_position(recorder: ForsaRecorder) -> None:
    assert recorder.max_position() == 0
    assert recorder.position_at(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    with pytest.raises(KeyError):
        recorder.recorded_at_of(1)


def test_a_moment_resolves_to_the_end_of_an_append(recorder: ForsaRecorder) -> None:
    moments, ends = [], []
    for size in (1, 3, 1, 7, 2, 1, 1, 4):
        positions = recorder.insert_events([stored(uuid4(), 1) for _ in range(size)])
        moments.append(positions.recorded_at)
        ends.append(positions[-1])
    a_bit = timedelta(microseconds=1)
    assert [recorder.position_at(moment) for moment in moments] == ends
    assert [recorder.position_at(moment - a_bit) for moment in moments] == [0, *ends[:-1]]
    assert [recorder.recorded_at_of(end) for end in ends] == moments


def test_a_moment_after_the_databases_clock_is_refused(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, 1)])
    with pytest.raises(MomentInFuture):
        recorder.position_at(datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(ValueError, match="offset"):
        recorder.position_at(datetime(2026, 1, 1))  # noqa: DTZ001  # the naive moment is what is refused


def test_a_moment_waits_for_the_append_under_way(recorder: ForsaRecorder, web_dsn: str) -> None:
    """Otherwise an append that took its time before the moment could appear below it afterwards."""
    with psycopg.connect(web_dsn) as writer:
        writer.execute("select forsa_append(gen_random_uuid(), 1, 'x', '', null, null, null, 0::smallint)")
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(recorder.position_at(datetime.now(UTC))))
        asking.start()
        _wait_for_lock(writer)
        assert answers == []
        writer.commit()
        asking.join()
    assert answers == [1]


def _wait_for_lock(connection: psycopg.Connection[Any], waiting: int = 1) -> list[int]:
    """Process ids of the sessions that wait for the append's lock, as soon as there are that many."""
    query = "select pid from pg_locks where locktype = 'advisory' and objid = 7066 and not granted and database ="
    while True:
        found = connection.execute(
            query + " (select oid from pg_database where datname = current_database())"
        ).fetchall()
        if len(found) >= waiting:
            return [pid for (pid,) in found]


def test_a_connection_lost_during_the_append_is_no_conflict(
    recorder: ForsaRecorder, everything: psycopg.Connection[Any]
) -> None:
    everything.execute("select pg_advisory_lock(7066)")
    raised: list[BaseException] = []

    def append() -> None:
        try:
            recorder.insert_events([stored(STREAM, 1)])
        except Exception as error:  # noqa: BLE001  # handed to the test
            raised.append(error)

    appending = threading.Thread(target=append)
    appending.start()
    everything.execute("select pg_terminate_backend(%s)", (_wait_for_lock(everything)[0],))
    appending.join()
    everything.execute("select pg_advisory_unlock(7066)")
    assert [type(error) for error in raised] == [UnknownOutcome]
    assert recorder.insert_events([stored(STREAM, 1)]) == [1]


def test_a_lock_that_is_not_had_in_time_stores_nothing(web_dsn: str, everything: psycopg.Connection[Any]) -> None:
    datastore = ForsaDatastore(conninfo.make_conninfo(web_dsn, options="-c work_mem=1MB"))
    with datastore.pool.connection() as connection:
        assert connection.execute("show work_mem").fetchone() == {"work_mem": "1MB"}
        assert connection.execute("show lock_timeout").fetchone() == {"lock_timeout": "5s"}
        assert connection.execute("show statement_timeout").fetchone() == {"statement_timeout": "10s"}
        connection.execute("set lock_timeout = 20")
    recorder = ForsaRecorder(datastore)
    everything.execute("select pg_advisory_lock(7066)")
    with pytest.raises(OperationalError) as caught:
        recorder.insert_events([stored(STREAM, 1)])
    assert not isinstance(caught.value, UnknownOutcome)
    everything.execute("select pg_advisory_unlock(7066)")
    assert recorder.max_position() == 0
    datastore.close()


def test_a_server_that_is_not_there_says_so(web_dsn: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        datastore = ForsaDatastore(conninfo.make_conninfo(web_dsn, port=taken.getsockname()[1]))
        with pytest.raises(OperationalError, match="refused") as caught:
            ForsaRecorder(datastore).insert_events([stored(STREAM, 1)])
        assert not isinstance(caught.value, UnknownOutcome)


@pytest.mark.parametrize("scope", ["database", "role"])
def test_a_server_that_loses_commits_is_refused(web_dsn: str, everything: psycopg.Connection[Any], scope: str) -> None:
    name = sql.Identifier(everything.info.dbname)
    where = {
        "database": sql.SQL("alter database {} ").format(name),
        "role": sql.SQL("alter role forsa_web in database {} ").format(name),
    }[scope]
    everything.execute(where + sql.SQL("set synchronous_commit = off"))
    try:
        with pytest.raises(LosesEvents, match="synchronous_commit"):
            ForsaRecorder(ForsaDatastore(web_dsn)).max_position()
    finally:
        everything.execute(
            where + sql.SQL("reset synchronous_commit" if scope == "role" else "set synchronous_commit = on")
        )


def test_the_librarys_insert_functions_are_refused(web_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    with pytest.raises(LosesEvents, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        ForsaDatastore(web_dsn)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # forking it is the test
def test_a_forked_process_opens_a_pool_of_its_own(recorder: ForsaRecorder) -> None:
    recorder.insert_events([stored(STREAM, 1)])
    child = os.fork()
    if child == 0:
        try:
            recorder.insert_events([stored(STREAM, 2)])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert recorder.insert_events([stored(STREAM, 3)]) == [3]


# ------------------------------------------------------------------ the store


class Noted(Event, tag="test.noted", frozen=True):
    """An event for these tests."""

    text: str = ""


NOTED = Noted(on=date(2026, 1, 5), by=By(actor=THIRD, role="trainer", org=THIRD, src="api"), text="فرصة")


@pytest.fixture
def tags() -> dict[str, type[Event]]:
    return {"test.noted": Noted}


def noted(*places: tuple[UUID, int], **more: Any) -> Append:
    return Append(tuple(NewEvent(stream, version, NOTED) for stream, version in places), **more)


def test_the_log_gives_back_what_was_appended(event_log: EventLog) -> None:
    one = event_log.append(noted((STREAM, 1)))
    two = event_log.append(noted((STREAM, 2), (OTHER, 1), command=COMMAND, status=200))
    assert (one.first_position, one.last_position, two.first_position, two.last_position) == (1, 1, 2, 3)
    streams = event_log.load([STREAM, OTHER, THIRD])
    assert {each: stream.events for each, stream in streams.items()} == {
        STREAM: (NOTED, NOTED),
        OTHER: (NOTED,),
        THIRD: (),
    }
    assert event_log.load([STREAM], upto=1)[STREAM].version == 1
    row = event_log.find_command(COMMAND.subject, COMMAND.id)
    assert row is not None
    assert (row.key, row.status, row.first_position, row.last_position) == (COMMAND, 200, 2, 3)
    assert row.recorded_at == two.recorded_at
    assert event_log.position_at(one.recorded_at) == 1


def test_refusals_come_in_the_domains_words(event_log: EventLog) -> None:
    claim = event_log.digest("file-number", "2026-TNG-000001-X")
    event_log.append(noted((STREAM, 1), command=COMMAND, taken=((claim, STREAM),)))
    with pytest.raises(StaleVersion) as stale:
        event_log.append(noted((STREAM, 1)))
    assert (stale.value.stream, stale.value.expected, stale.value.actual) == (STREAM, 0, 1)
    with pytest.raises(Conflict):
        event_log.append(noted((OTHER, 1), guards=((STREAM, 0),)))
    with pytest.raises(ClaimTaken) as taken:
        event_log.append(noted((OTHER, 1), taken=((claim, OTHER),)))
    assert (taken.value.kind, taken.value.holder) == ("file-number", event_log.find_claim(claim))
    with pytest.raises(CommandKnown):
        event_log.append(noted((STREAM, 2), command=COMMAND))


def test_loading_no_stream_or_one_twice_is_no_fault(event_log: EventLog) -> None:
    event_log.append(noted((STREAM, 1)))
    assert event_log.load([]) == {}
    assert event_log.load([STREAM, STREAM])[STREAM].version == 1


def test_a_fault_of_the_database_is_the_librarys_error(recorder: ForsaRecorder) -> None:
    with pytest.raises(DataError):
        recorder.insert_events([StoredEvent(STREAM, 1, "a\0b", b"{}")])
    with pytest.raises(IntegrityError) as caught:
        recorder.insert_events([StoredEvent(STREAM, 1, None, b"{}")])  # type: ignore[arg-type]  # that is the fault
    assert not isinstance(caught.value, AppendRefused)
    assert recorder.max_position() == 0


def test_a_digest_tells_kinds_and_values_apart(event_log: EventLog) -> None:
    digests = {event_log.digest(kind, value).digest for kind in ("cin", "cnie") for value in ("A1", "A2")}
    assert len(digests) == 4
    assert event_log.digest("cin", "A1") == event_log.digest("cin", "A1")


class LosingReplies:
    """A way to the server on which, once `losing`, the reply to the next request never arrives."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo.conninfo_to_dict(dsn)
        self._server = (str(parts["host"]), int(str(parts["port"])))
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.dsn = conninfo.make_conninfo(dsn, port=self._sockets[0].getsockname()[1])
        self.losing = False
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, function: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=function, args=sockets))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, server = self._sockets[0].accept()[0], socket.create_connection(self._server)
                self._sockets += [client, server]
                self._run(self._requests, client, server)
                self._run(self._replies, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):  # the way back was closed
            while request := client.recv(65536):
                server.sendall(request)
            server.shutdown(socket.SHUT_RDWR)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while reply := server.recv(65536):
                if self.losing:  # the reply has come this far, so the server has committed
                    self.losing = False
                    break
                client.sendall(reply)
            client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


@pytest.fixture
def losing(web_dsn: str, keyring: Keyring, tags: dict[str, type[Event]]) -> Iterator[tuple[LosingReplies, EventLog]]:
    way = LosingReplies(web_dsn)
    log = EventLog(way.dsn, ForsaMapper(tags, keyring), b"secret", pool_size=1)
    yield way, log
    log.close()
    way.close()


def test_an_append_whose_reply_was_lost_is_found_by_its_command(losing: tuple[LosingReplies, EventLog]) -> None:
    way, log = losing
    log.append(noted((OTHER, 1), command=CommandKey(OTHER, b"1", b"2")))  # prepares the statement: a trip of its own
    way.losing = True
    appended = log.append(noted((STREAM, 1), command=COMMAND))
    assert (appended.first_position, appended.last_position) == (2, 2)
    assert log.recorder.recorded_at_of(2) == appended.recorded_at
    assert log.max_position() == 2


def test_a_lost_reply_without_a_command_stays_unknown(losing: tuple[LosingReplies, EventLog]) -> None:
    way, log = losing
    log.append(noted((STREAM, 1)))
    way.losing = True
    with pytest.raises(UnknownOutcome):
        log.append(noted((STREAM, 2)))
    assert log.max_position() == 2

"""PostgreSQL stopped, started, handed over, hanging: what was asked meanwhile fails in time, what is asked after works.

Real servers of this module's own, with fsync, so that a stop is a stop.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import conninfo

from domain.casebook import Append, Appended, CommandKey, NewEvent
from domain.event import By, Event
from domain.organisation import LocalName, OrganisationRegistered
from domain.sealed import clear, fact_of
from domain.worker import WorkerPerson, WorkerRecorded
from projections import connections
from projections.projector import run_projector
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.places import Places
from runtime.readiness import Readiness, first_away
from runtime.recorder import UnknownOutcome
from runtime.wiring import OUTAGES, Forsa, open_means
from tests.runtime.servers import Way, ask, environment_of, forsa_on, port_of, prepared, standby_of

THREADS = 8
BOUND = 3.0  # seconds within which whatever is asked is answered or refused
BY = By(actor=UUID(int=1), role="operator", org=UUID(int=2), src="console")
DAY = date(2026, 9, 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with prepared(tmp_path_factory.mktemp("postgres") / "a") as server:
        yield server


def registered(name: str = "association") -> Event:
    return OrganisationRegistered(on=DAY, by=BY, kind="association", name=LocalName(fr=name))


def append_of(stream: UUID, version: int = 1, *, key: bool = True) -> Append:
    command = CommandKey(BY.actor, stream.bytes, b"body") if key else None
    return Append((NewEvent(stream, version, registered()),), command=command)


def worker_of(forsa: Forsa) -> UUID:
    """A new worker's stream, with a sealed name in it."""
    stream = uuid4()
    person = clear(WorkerPerson("أمينة"))
    event = WorkerRecorded(on=DAY, by=BY, person=person, organisation=BY.org, function="other")
    forsa.event_log.append(Append((NewEvent(stream, 1, event),), command=CommandKey(BY.actor, stream.bytes, b"b")))
    return stream


def reads_of(forsa: Forsa, worker: UUID) -> Mapping[str, Callable[[], object]]:
    """One of each way of reading; each raises where it is not answered rightly."""
    places = Places(forsa.event_log)

    def opened() -> None:
        forsa.keyring.forget()
        fact = fact_of(forsa.event_log.load([worker])[worker].events[0], "person", 1)
        assert fact is not None
        assert forsa.keyring.open(worker, fact) == WorkerPerson("أمينة")

    def loaded() -> None:
        assert forsa.event_log.load([worker])[worker].version == 1

    def followed() -> None:
        assert forsa.grants_of(worker) == []

    return {
        "stream": loaded,
        "command": lambda: forsa.event_log.find_command(BY.actor, worker.bytes),
        "claim": lambda: forsa.event_log.find_claim(forsa.event_log.digest("login", "x")),
        "places": lambda: places.places_of(worker, 0),
        "moment": lambda: places.position_at(datetime.now(UTC) - timedelta(seconds=1)),
        "views": forsa.views.positions,
        "timeline": lambda: forsa.views.timeline(worker),
        "grants": followed,
        "keys": opened,
    }


def fill_pools(forsa: Forsa) -> None:
    """Both pools hold as many connections as they may."""
    for pool in (forsa.pool, forsa.event_log.recorder.datastore.pool):
        barrier = threading.Barrier(THREADS)

        def hold(pool: Any = pool, barrier: threading.Barrier = barrier) -> None:
            with pool.connection():
                barrier.wait(10)

        at_once(*[hold] * THREADS)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each gave, all begun together; raises what one of them raised."""
    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result() for each in [threads.submit(act) for act in acts]]


def until(is_so: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.01)


def hang_up(server: EmbeddedPostgres) -> None:
    """Every session of Forsa's as it is now has ended, as a restart would end it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        ours = connection.execute("select pid from pg_stat_activity where usename ~ '^forsa_'").fetchall()
        pids = [pid for (pid,) in ours]
        connection.execute("select pg_terminate_backend(pid) from unnest(%s::integer[]) pid", (pids,))
        left = "select count(*) from pg_stat_activity where pid = any(%s::integer[])"
        until(lambda: connection.execute(left, (pids,)).fetchone() == (0,))
    assert pids


# ── a restart that is over ──


def test_sessions_that_ended_while_they_lay_idle_are_seen_by_nobody(
    server: EmbeddedPostgres, subtests: pytest.Subtests
) -> None:
    """Every pooled session is dead, and whoever asks first is answered."""
    with forsa_on(server) as forsa:
        worker = worker_of(forsa)
        for name, read in reads_of(forsa, worker).items():
            with subtests.test(read=name):
                read()
                fill_pools(forsa)
                hang_up(server)
                at_once(*[read] * THREADS)


def test_no_pool_hands_out_a_session_that_has_ended(server: EmbeddedPostgres) -> None:
    """For those who do not ask again: a disclosure is written once."""
    with forsa_on(server) as forsa:
        forsa.event_log.max_position()
        fill_pools(forsa)
        hang_up(server)
        for pool in (forsa.pool, forsa.event_log.recorder.datastore.pool):
            for _ in range(THREADS):
                with pool.connection() as connection:
                    connection.execute("select 1")


BLOCKED = {  # a read, and what makes it wait
    "moment": ("log", "select pg_advisory_xact_lock(7066)"),
    "stream": ("log", "lock table forsa_events in access exclusive mode"),
    "places": ("log", "lock table forsa_events in access exclusive mode"),
    "views": ("log", "lock table views.view_state in access exclusive mode"),
    "timeline": ("log", "lock table views.view_state in access exclusive mode"),
    "keys": ("keys", "lock table keys in access exclusive mode"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_a_read_that_lost_its_session_on_the_way_is_asked_again(server: EmbeddedPostgres, name: str) -> None:
    database, blocking = BLOCKED[name]
    waits = "select count(*) from pg_locks where not granted"
    with forsa_on(server) as forsa, psycopg.connect(server.url(database)) as holder:
        read = reads_of(forsa, worker_of(forsa))[name]
        read()
        holder.execute(blocking.encode())
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(read)
            until(lambda: ask(server.url(), waits) == 1)
            hang_up(server)
            until(lambda: ask(server.url(), waits) == 1)
            holder.rollback()
            reading.result(BOUND)


def test_after_a_restart_everything_is_answered_at_once(server: EmbeddedPostgres) -> None:
    with forsa_on(server) as forsa:
        reads = reads_of(forsa, worker_of(forsa)).values()
        fill_pools(forsa)
        server.stop()
        server.start()
        began = time.monotonic()
        stored = at_once(*reads, *[lambda: forsa.event_log.append(append_of(uuid4(), key=False))] * THREADS)
        assert time.monotonic() - began < BOUND
        assert len({each.first_position for each in stored if isinstance(each, Appended)}) == THREADS


def test_a_restart_under_load_loses_and_doubles_nothing_and_is_over_when_the_server_is_back(
    server: EmbeddedPostgres,
) -> None:
    """Clients that send the same command until it is acknowledged; readers that go on reading."""
    with forsa_on(server) as forsa:
        load = Load(forsa, worker_of(forsa))
        load.run_while(server, restarts=3)
    assert load.acknowledged
    with forsa_on(server) as forsa:
        for stream, position in load.acknowledged.items():
            assert forsa.event_log.load([stream])[stream].version == 1
            row = forsa.event_log.find_command(BY.actor, stream.bytes)
            assert row is not None
            assert row.first_position == position
        streams = ask(server.url("log"), "select count(distinct originator_id) from forsa_events")
        events = ask(server.url("log"), "select count(*) from forsa_events")
        assert events == ask(server.url("log"), "select max(notification_id) from forsa_events") == streams
    assert load.unexpected == []
    assert load.slowest < BOUND
    assert load.failed_after_return == []


class Load:
    """Threads that write and read without a pause, and what became of it."""

    def __init__(self, forsa: Forsa, worker: UUID) -> None:
        self._forsa, self._reads = forsa, reads_of(forsa, worker)
        self.acknowledged: dict[UUID, int] = {}
        self.unexpected: list[str] = []
        self.failed_after_return: list[str] = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._away_from = self._back_at = 0.0

    def run_while(self, server: EmbeddedPostgres, restarts: int) -> None:
        writers = [threading.Thread(target=self._write) for _ in range(4)]
        readers = [threading.Thread(target=self._read, args=each) for each in self._reads.items()]
        for each in (*writers, *readers):
            each.start()
        try:
            for _ in range(restarts):
                before = len(self.acknowledged)
                until(lambda before=before: len(self.acknowledged) > before + 20)  # type: ignore[misc]
                self._away_from = time.monotonic()
                server.stop()
                server.start()
                self._back_at = time.monotonic()
            before = len(self.acknowledged)
            until(lambda: len(self.acknowledged) > before + 20)
        finally:
            self._stop.set()
            for each in (*writers, *readers):
                each.join()

    def _write(self) -> None:
        while not self._stop.is_set():
            stream, done = uuid4(), None
            while done is None:
                done = self._tried("append", lambda stream=stream: self._append(stream))  # type: ignore[misc]
            self.acknowledged[stream] = done

    def _append(self, stream: UUID) -> int:
        """As the casebook does it: a command that is known already is answered from its row."""
        row = self._forsa.event_log.find_command(BY.actor, stream.bytes)
        return row.first_position if row else self._forsa.event_log.append(append_of(stream)).first_position

    def _read(self, name: str, read: Callable[[], object]) -> None:
        while not self._stop.is_set():
            self._tried(name, read)

    def _tried(self, name: str, act: Callable[[], Any]) -> Any:
        began, back_at = time.monotonic(), self._back_at
        try:
            return act()
        except OUTAGES as error:
            is_back = back_at > self._away_from and back_at == self._back_at
            if is_back and began > self._away_from and time.monotonic() > began:
                self.failed_after_return.append(f"{name}: {error!r}")
        except Exception as error:  # noqa: BLE001  # compared by the test
            self.unexpected.append(f"{name}: {error!r}")
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        return None


# ── while it is away ──


def outage(act: Callable[[], object]) -> None:
    with pytest.raises(OUTAGES):
        act()


def refused_in_time(act: Callable[[], object]) -> None:
    began = time.monotonic()
    outage(act)
    assert time.monotonic() - began < BOUND


def test_while_it_is_away_everything_is_refused_in_time_and_goes_on_by_itself(server: EmbeddedPostgres) -> None:
    with forsa_on(server) as forsa:
        acts = {**reads_of(forsa, worker_of(forsa)), "append": lambda: forsa.event_log.append(append_of(uuid4()))}
        readiness = Readiness(lambda: first_away(forsa))
        fill_pools(forsa)
        server.stop()
        try:
            # but for the grants: what is known of them holds for five seconds
            at_once(*[partial(refused_in_time, act) for name, act in acts.items() if name != "grants"])
            began = time.monotonic()
            assert readiness.away() == ["log"]
            assert time.monotonic() - began < BOUND
        finally:
            server.start()
        at_once(*acts.values())
        assert readiness.away() == []


@contextmanager
def hanging(server: EmbeddedPostgres) -> Iterator[None]:
    """It takes connections and says nothing: every process of it is stopped."""
    postmaster = ask(server.url(), "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer")
    family = [postmaster, *map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_not_ready_in_time(server: EmbeddedPostgres) -> None:
    with forsa_on(server) as forsa:
        worker_of(forsa)
        readiness = Readiness(lambda: first_away(forsa))
        with hanging(server):
            began = time.monotonic()
            assert all(at_once(*[readiness.away] * THREADS))
            assert time.monotonic() - began < BOUND
        until(lambda: readiness.away() == [])


def test_a_server_that_hangs_holds_no_thread_for_ever(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SILENCE_SECONDS", 1.0)  # for the twelve of a real one
    with forsa_on(server) as forsa:
        acts = {**reads_of(forsa, worker_of(forsa)), "append": lambda: forsa.event_log.append(append_of(uuid4()))}
        fill_pools(forsa)
        with hanging(server):
            for _ in range(2):
                began = time.monotonic()
                at_once(*[partial(outage, act) for name, act in acts.items() if name != "grants"])
                assert time.monotonic() - began < 1 + 2 * BOUND
        until(lambda: is_answered(*acts.values()))


def is_answered(*acts: Callable[[], object]) -> bool:
    try:
        at_once(*acts)
    except OUTAGES:
        return False
    return True


def test_the_projector_goes_on_by_itself(server: EmbeddedPostgres) -> None:
    with forsa_on(server) as forsa:
        means, stop = open_means(forsa.settings), threading.Event()
        arguments = (forsa.settings.projector_database_url, means.mapper, means.keyring, stop)
        server.stop()  # it is started while the database is away
        projecting = threading.Thread(target=run_projector, args=arguments)
        projecting.start()
        try:
            for _ in range(2):
                server.start()
                position = forsa.event_log.append(append_of(uuid4())).last_position
                assert forsa.views.wait_for(position, timeout=10)
                server.stop()
        finally:
            server.start()
            stop.set()
            projecting.join(10)
            means.keyring.close()
    assert not projecting.is_alive()


# ── an append whose connection died ──


@pytest.fixture
def way(server: EmbeddedPostgres) -> Iterator[Way]:
    with Way(port_of(server)) as way:
        yield way


@pytest.fixture
def locked(server: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    """Somebody holds the append's lock until they let it go."""
    with psycopg.connect(server.url("log"), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(7066)")
        yield connection


def waiting(server: EmbeddedPostgres) -> int:
    """How many appends wait for the lock."""
    query = "select count(*) from pg_locks where locktype = 'advisory' and objid = 7066 and not granted"
    return int(ask(server.url("log"), query))


def appending(forsa: Forsa, append: Append) -> tuple[threading.Thread, list[object]]:
    """The append in a thread of its own, and where its answer or error comes."""
    outcome: list[object] = []

    def act() -> None:
        try:
            outcome.append(forsa.event_log.append(append))
        except Exception as error:  # noqa: BLE001  # looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    return thread, outcome


def stored_in(server: EmbeddedPostgres, stream: UUID) -> list[int]:
    with psycopg.connect(server.url("log")) as connection:
        rows = connection.execute("select notification_id from forsa_events where originator_id = %s", (stream,))
        return [position for (position,) in rows]


def test_an_append_still_under_way_in_the_server_is_answered_once_and_stored_once(
    server: EmbeddedPostgres, way: Way, locked: psycopg.Connection[Any]
) -> None:
    """Its line is cut, its command is not found, it is tried again; then the first attempt commits after all."""
    with forsa_on(server, port=way.port) as forsa:
        stream = uuid4()
        thread, outcome = appending(forsa, append_of(stream))
        until(lambda: waiting(server) == 1)
        way.cut()
        until(lambda: waiting(server) == 2)
        locked.execute("select pg_advisory_unlock(7066)")
        thread.join(10)
        row = forsa.event_log.find_command(BY.actor, stream.bytes)
        assert row is not None
        assert outcome == [Appended(row.first_position, row.last_position, row.recorded_at)]
        assert stored_in(server, stream) == [row.first_position]


def test_without_a_command_nobody_can_tell_but_it_is_stored_once(
    server: EmbeddedPostgres, way: Way, locked: psycopg.Connection[Any]
) -> None:
    with forsa_on(server, port=way.port) as forsa:
        stream = uuid4()
        thread, outcome = appending(forsa, append_of(stream, key=False))
        until(lambda: waiting(server) == 1)
        way.cut()
        until(lambda: waiting(server) == 2)
        locked.execute("select pg_advisory_unlock(7066)")
        thread.join(10)
        assert [type(each) for each in outcome] == [UnknownOutcome]
        assert len(stored_in(server, stream)) == 1


@pytest.mark.parametrize("key", [True, False])
def test_an_append_that_never_took_place_is_stored_by_the_second_attempt(
    server: EmbeddedPostgres, way: Way, locked: psycopg.Connection[Any], key: bool
) -> None:
    with forsa_on(server, port=way.port) as forsa:
        stream = uuid4()
        thread, outcome = appending(forsa, append_of(stream, key=key))
        until(lambda: waiting(server) == 1)
        hang_up(server)  # rolled back, and the lock it waited for is never had
        until(lambda: waiting(server) == 1)
        locked.execute("select pg_advisory_unlock(7066)")
        thread.join(10)
        assert [type(each) for each in outcome] == [Appended]
        assert len(stored_in(server, stream)) == 1


def test_a_line_lost_twice_is_an_outage_and_the_same_command_later_is_stored_once(
    server: EmbeddedPostgres, way: Way, locked: psycopg.Connection[Any]
) -> None:
    with forsa_on(server, port=way.port) as forsa:
        stream = uuid4()
        thread, outcome = appending(forsa, append_of(stream))
        for attempts in (1, 2):
            until(lambda attempts=attempts: waiting(server) == attempts)  # type: ignore[misc]
            way.cut()
        thread.join(10)
        assert isinstance(outcome[0], OUTAGES)
        locked.execute("select pg_advisory_unlock(7066)")
        until(lambda: stored_in(server, stream))
        assert forsa.event_log.find_command(BY.actor, stream.bytes) is not None
        assert len(stored_in(server, stream)) == 1


# ── what takes too long ──


def test_a_pool_with_nothing_left_refuses_within_two_seconds(server: EmbeddedPostgres) -> None:
    with forsa_on(server) as forsa:
        pool, barrier, done = forsa.event_log.recorder.datastore.pool, threading.Barrier(THREADS + 1), threading.Event()

        def hold() -> None:
            with pool.connection():
                barrier.wait(10)
                done.wait(10)

        holders = [threading.Thread(target=hold) for _ in range(THREADS)]
        for each in holders:
            each.start()
        barrier.wait(10)
        began = time.monotonic()
        with pytest.raises(OUTAGES):
            forsa.event_log.append(append_of(uuid4()))
        assert time.monotonic() - began < BOUND
        done.set()
        for each in holders:
            each.join()
        forsa.event_log.append(append_of(uuid4()))


@pytest.mark.parametrize("limit", ["lock_timeout=200", "statement_timeout=200"])
def test_a_lock_or_a_statement_that_takes_too_long_is_an_outage_and_stores_nothing(
    server: EmbeddedPostgres, locked: psycopg.Connection[Any], limit: str
) -> None:
    with forsa_on(server, options=f"-c {limit}") as forsa:
        stream = uuid4()
        with pytest.raises(OUTAGES) as caught:
            forsa.event_log.append(append_of(stream))
        assert not isinstance(caught.value, UnknownOutcome)
        locked.execute("select pg_advisory_unlock(7066)")
        assert stored_in(server, stream) == []
        assert forsa.event_log.append(append_of(stream)).first_position == stored_in(server, stream)[0]


# ── the keys' database ──


def test_without_the_keys_personal_data_is_an_outage_and_everything_else_goes_on(
    server: EmbeddedPostgres, way: Way
) -> None:
    keys = conninfo.make_conninfo(environment_of(server)["FORSA_KEYS_DATABASE_URL"], port=way.port)
    with forsa_on(server, keys=keys) as forsa:
        reads = reads_of(forsa, worker_of(forsa))
        way.is_open = False
        way.cut()
        began = time.monotonic()
        with pytest.raises(OUTAGES):
            reads["keys"]()
        assert time.monotonic() - began < BOUND
        with pytest.raises(OUTAGES):
            worker_of(forsa)  # no key, no event
        at_once(*(read for name, read in reads.items() if name != "keys"))
        way.is_open = True
        reads["keys"]()


def test_a_keys_database_that_hangs_holds_no_thread_for_long(server: EmbeddedPostgres) -> None:
    with forsa_on(server, options="-c statement_timeout=4000 -c lock_timeout=4000") as forsa:
        reads = reads_of(forsa, worker_of(forsa))
        with psycopg.connect(server.url("keys")) as holder:
            holder.execute("lock table keys in access exclusive mode")
            began = time.monotonic()
            at_once(*[partial(outage, reads["keys"])] * THREADS)
            assert time.monotonic() - began < 4 + BOUND
        reads["keys"]()


# ── another server ──


def test_of_two_hosts_the_one_that_is_there_is_used(server: EmbeddedPostgres) -> None:
    with forsa_on(server, host="127.0.0.1,127.0.0.1", port=f"1,{port_of(server)}") as forsa:
        reads = reads_of(forsa, worker_of(forsa))
        at_once(*reads.values())


@pytest.fixture
def pair(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and the standby that follows it."""
    with (
        prepared(tmp_path_factory.mktemp("postgres") / "a") as primary,
        standby_of(primary, tmp_path / "b") as standby,
    ):
        yield primary, standby


def events_in(server: EmbeddedPostgres) -> int:
    return int(ask(server.url("log"), "select count(*) from forsa_events"))


def step_down(server: EmbeddedPostgres) -> None:
    """The server takes no more writes; its sessions stay."""
    ask(server.url(), "alter system set default_transaction_read_only = on")
    ask(server.url(), "select pg_reload_conf()")
    until(lambda: ask(server.url(), "show default_transaction_read_only") == "on")


def test_a_standby_that_is_promoted_is_found_without_a_word(pair: tuple[EmbeddedPostgres, EmbeddedPostgres]) -> None:
    """While the old primary lives on and takes no more writes, and when it is gone."""
    first, second = pair
    with forsa_on(first, second) as forsa:
        worker_of(forsa)
        fill_pools(forsa)
        until(lambda: events_in(second) == 1)
        ask(second.url(), "select pg_promote()")
        step_down(first)
        at_once(*[lambda: worker_of(forsa)] * THREADS)  # each with a key of its own, made over there
        assert (events_in(first), events_in(second)) == (1, 1 + THREADS)
        first.stop()
        at_once(*reads_of(forsa, worker_of(forsa)).values())

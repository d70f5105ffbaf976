"""Many writers at once: no reader misses an event, no guard lets a race through, no command is stored twice.

Each check here is shown to fail on something that is wrong: a log with a plain sequence, an append without its guard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from domain.casebook import Claim, CommandKey
from runtime.recorder import ClaimHeld, CommandStored, ForsaRecorder, PageRow, StaleGuard, VersionTaken

WRITERS, APPENDS, EACH = 8, 500, 25
STATE = b'{"t":"test.noted","on":"2026-01-05","text":"' + b"x" * 300 + b'"}'


class LogBroken(AssertionError):
    """What a tailing reader saw is not a log: an event was missed or time went backwards."""


class Tail:
    """A reader that follows a log by position, as the projector does, and checks each row it gets."""

    def __init__(self) -> None:
        self.position = 0
        self.recorded_at = datetime.min.replace(tzinfo=UTC)
        self.versions: dict[UUID, int] = {}

    def see(self, rows: Iterable[PageRow]) -> None:
        for position, stream, version, _, _, recorded_at in rows:
            if position != self.position + 1:
                raise LogBroken(f"position {position} after {self.position}")
            if recorded_at < self.recorded_at:
                raise LogBroken(f"position {position} was recorded before {self.position}")
            if version != self.versions.get(stream, 0) + 1:
                raise LogBroken(f"version {version} of a stream after {self.versions.get(stream, 0)}")
            self.position, self.recorded_at, self.versions[stream] = position, recorded_at, version


def sheet(streams: list[UUID], version: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "test.noted", STATE) for stream in streams]


def test_eight_writers_and_a_tailing_reader_miss_nothing_of_100_000_events(recorder: ForsaRecorder) -> None:
    """Sheets of 25 streams each; the reader pages through the log while it grows."""
    total = WRITERS * APPENDS * EACH

    def write(_: int) -> None:
        streams = [uuid4() for _ in range(EACH)]
        for version in range(1, APPENDS + 1):
            recorder.insert_events(sheet(streams, version))

    tail = Tail()
    with ThreadPoolExecutor(WRITERS) as writers:
        done = [writers.submit(write, number) for number in range(WRITERS)]
        while tail.position < total and not any(each.done() and each.exception() for each in done):
            tail.see(recorder.page(tail.position))
        for each in done:
            each.result()
    assert tail.position == recorder.max_position() == total
    assert tail.versions == dict.fromkeys(tail.versions, APPENDS)
    assert len(tail.versions) == WRITERS * EACH


@pytest.fixture
def unlocked(log_dsn: str) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Connections to a log as it is often built: positions from a sequence, no lock."""
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("create table unlocked (like forsa_events, position bigserial)")
    opened: list[psycopg.Connection[Any]] = []

    def connect() -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(log_dsn))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("drop table unlocked")


def test_the_same_reader_finds_what_a_plain_sequence_loses(unlocked: Callable[[], psycopg.Connection[Any]]) -> None:
    """The control: two writers whose commits overtake one another; without the check the first event is never seen."""
    slow, fast, reader = unlocked(), unlocked(), unlocked()
    insert = (
        "insert into unlocked (originator_id, originator_version, topic, state, notification_id, recorded_at)"
        " values (gen_random_uuid(), 1, 'test.noted', '', 0, clock_timestamp())"
    )
    follow = (
        "select position, originator_id, originator_version, topic, state, recorded_at"
        " from unlocked where position > %s order by position"
    )
    slow.execute(insert)
    fast.execute(insert)
    fast.commit()
    tail = Tail()
    rows = reader.execute(follow, (0,)).fetchall()
    with pytest.raises(LogBroken, match="position 2 after 0"):
        tail.see(rows)
    reader.commit()
    slow.commit()
    assert [row[0] for row in rows] == [2]
    assert reader.execute(follow, (2,)).fetchall() == []  # a reader that does not check goes on without position 1


def test_the_reader_finds_time_that_goes_backwards(recorder: ForsaRecorder, log_dsn: str) -> None:
    recorder.insert_events(sheet([uuid4()], 1))
    recorder.insert_events(sheet([uuid4()], 1))
    with psycopg.connect(log_dsn, autocommit=True) as owner:
        owner.execute("update forsa_events set recorded_at = recorded_at - interval '1 hour' where notification_id = 2")
    with pytest.raises(LogBroken, match="position 2 was recorded before 1"):
        Tail().see(recorder.page(0))


def together(*acts: Callable[[], object]) -> list[object]:
    """All acts start at one barrier, each in its thread; their results, or the refusals they raised."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return act()
        except IntegrityError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result() for each in [threads.submit(run, act) for act in acts]]


def test_two_racing_duplicates_of_a_command_are_stored_once(recorder: ForsaRecorder) -> None:
    for number in range(1, 51):
        command = CommandKey(UUID(int=9), number.to_bytes(16, "big"), b"body")
        results = together(*[partial(recorder.insert_events, sheet([uuid4()], 1), command=command)] * 2)
        assert sorted(map(str, results)) == sorted(map(str, [CommandStored, [number]]))
    assert recorder.max_position() == 50


def test_one_of_two_that_saw_the_same_version_is_refused(recorder: ForsaRecorder) -> None:
    stream = uuid4()
    for version in range(1, 51):
        results = together(*[partial(recorder.insert_events, sheet([stream], version))] * 2)
        assert sorted(map(str, results)) == sorted(map(str, [VersionTaken, [version]]))


def test_one_of_two_that_want_the_same_claim_is_refused(recorder: ForsaRecorder) -> None:
    for number in range(50):
        claim, one, two = Claim("file-number", number.to_bytes(32, "big")), uuid4(), uuid4()
        acts = [partial(recorder.insert_events, sheet([each], 1), taken=[(claim, each)]) for each in (one, two)]
        assert together(*acts).count(ClaimHeld) == 1
        assert recorder.find_claim(claim) in (one, two)


@pytest.mark.parametrize("is_guarded", [True, False])
def test_only_a_guard_keeps_a_decision_on_what_was_read(recorder: ForsaRecorder, is_guarded: bool) -> None:
    """Attendance is decided on an open month; the month is locked between the load and the append, every time."""
    slips = 0
    for _ in range(50):
        month, learner = uuid4(), uuid4()
        recorder.insert_events(sheet([month], 1))
        read = recorder.load(month)[0]
        guards = [(month, read)] if is_guarded else []
        recorder.insert_events(sheet([month], 2))
        try:
            recorder.insert_events(sheet([learner], 1), guards=guards)
            slips += 1
        except StaleGuard:
            assert recorder.load(learner) == (0, b"")
    assert slips == (0 if is_guarded else 50)


def test_a_guard_puts_racing_appends_in_the_order_they_were_decided(recorder: ForsaRecorder) -> None:
    """Whoever comes first: what was decided on version 1 never stands after version 2."""
    for _ in range(50):
        month, learner = uuid4(), uuid4()
        recorder.insert_events(sheet([month], 1))
        attended, locked = together(
            partial(recorder.insert_events, sheet([learner], 1), guards=[(month, 1)]),
            partial(recorder.insert_events, sheet([month], 2)),
        )
        assert isinstance(locked, list)
        assert attended is StaleGuard or (isinstance(attended, list) and attended < locked)

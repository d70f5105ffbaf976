"""The projector's process writes the feeds: within a moment, through kills and outages, and never in the views' way."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.partner_feed import NATIONAL, PUBLIC, START, PublicRegister, diploma_told, feed_name, read_message
from projections.feed_writer import FeedWriter
from projections.reading import Views
from projections.records.feed_standing import standings
from projections.records.opening_feeds import open_feed
from projections.records.partner_feed import rows_after
from runtime import following_feeds
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.following_feeds import following
from runtime.settings import read_settings
from runtime.wiring import compose, reading_pool
from tests.examples.diplomas import BOTH_CENTRES, REGION, awarded, later, week
from tests.examples.path import INSERTED
from tests.projections.log_of import store
from tests.runtime.forsa_run import CLI, clean_environment, until
from tests.runtime.seeding import seed
from tests.runtime.servers import environment_of, forsa_on, prepared


def stored(dsn: str, feed: str = NATIONAL) -> list[bytes]:
    """Every message of the feed that stands, in its order."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return rows_after(connection, feed, START, 100_000)


def sequences(dsn: str, feed: str = NATIONAL) -> list[int]:
    """Of every message of the feed that stands."""
    return [read_message(each).place.sequence for each in stored(dsn, feed)]


def standing(dsn: str, feed: str = NATIONAL) -> Any:
    """How far the feed is."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return next(each for each in standings(connection) if each.feed == feed)


@contextmanager
def projecting(environment: Mapping[str, str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`forsa project` as an operator starts it."""
    with (directory / "projector.log").open("ab") as log:
        process = subprocess.Popen(
            [*CLI, "project"], cwd=directory, env={**clean_environment(), **environment}, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


def test_a_notice_of_the_log_wakes_the_writer_and_its_own_wakes_publishers(
    environment: dict[str, str], event_log: Any, log_dsn: str
) -> None:
    with following(read_settings(environment)), psycopg.connect(log_dsn, autocommit=True) as publisher:
        publisher.execute("listen forsa_feed")
        for number in range(3):
            store(event_log, [awarded(number)])
            (notice,) = publisher.notifies(timeout=10, stop_after=1)
            assert notice.payload == NATIONAL
            assert sequences(log_dsn) == list(range(1, number + 2))


def test_a_feed_opened_while_it_runs_is_told_from_the_beginning(
    environment: dict[str, str], event_log: Any, log_dsn: str
) -> None:
    store(event_log, (*BOTH_CENTRES, *week(4)))
    with following(read_settings(environment)):
        until(lambda: standing(log_dsn).events == 0)
        with psycopg.connect(environment["FORSA_PROJECTOR_DATABASE_URL"], autocommit=True) as operator:
            open_feed(operator, REGION)
        until(lambda: standing(log_dsn, feed_name(REGION)).events == 0)
    assert len(sequences(log_dsn, feed_name(REGION))) == sum(str(each[0]) in _holders(0, 2) for each in week(4))


def _holders(*numbers: int) -> set[str]:
    return {str(awarded(number)[0]) for number in numbers}


def test_a_stopped_feed_keeps_no_view_back(
    environment: dict[str, str], event_log: Any, log_dsn: str, tmp_path: Path
) -> None:
    last = store(event_log, (*INSERTED, awarded(0), later(1, 1), awarded(2)))
    with projecting(environment, tmp_path):
        until(lambda: standing(log_dsn).stopped_by is not None)
        with reading_pool(log_dsn, 1) as pool:
            until(lambda: {lag.position for lag in Views(pool).lag()} == {last})
    stopped = standing(log_dsn)
    assert (stopped.stopped_at, stopped.stopped_by, stopped.events) == (last - 1, "AssertionError", 2)
    lines = [json.loads(line) for line in (tmp_path / "projector.log").read_text().splitlines() if line[:1] == "{"]
    assert sum("stopped" in str(line.get("event")) for line in lines) <= 1


def test_the_feed_and_the_register_say_the_same_of_diplomas_whose_whole_life_was_told_by_commands(
    environment: dict[str, str], log_dsn: str, keys_dsn: str, tmp_path: Path
) -> None:
    """The demo's: awarded, corrected, handed over, replaced, annulled, their minutes rectified."""
    settings = read_settings(environment)
    with closing(compose(settings)) as forsa:
        seed(forsa, log_dsn, keys_dsn)
        last = forsa.event_log.max_position()
        with projecting(environment, tmp_path):
            until(lambda: standing(log_dsn).events == 0 and standing(log_dsn).position == last)
            until(lambda: {lag.position for lag in forsa.views.lag()} == {last})
        register = {each.diploma: each for each in forsa.views.diploma_register(limit=1000).value}
    messages = stored(log_dsn)
    assert {read_message(each).type for each in messages} == {each.name for each in PUBLIC.values()}
    told = {each.id: each for each in map(diploma_told, messages)}
    assert told.keys() == register.keys()
    same = ("number", "title", "trade", "level", "centre", "convention", "session", "learner_reference", "status",
            "awarded_on", "minutes_rectified_on", "handed_over_on", "duplicates", "annulled_on")  # fmt: skip
    for key, diploma in told.items():
        for name in same:
            assert getattr(diploma, name) == getattr(register[key], name), name
        kept = register[key]
        assert diploma.register == PublicRegister(kept.delegation, kept.diploma_kind, kept.year)


def test_a_process_that_is_killed_is_followed_by_the_one_that_stands_by(
    environment: dict[str, str], event_log: Any, log_dsn: str, tmp_path: Path
) -> None:
    """Three times, while diplomas come in: every message once, in order."""
    enough, stored = threading.Event(), [0]

    def diplomas_come_in() -> None:
        while not enough.wait(0.002):
            store(event_log, [awarded(stored[0]), later(stored[0], 1)])
            stored[0] += 1

    load = threading.Thread(target=diplomas_come_in)
    with ExitStack() as processes:
        writer = processes.enter_context(projecting(environment, tmp_path))
        load.start()
        for _ in range(3):
            standby = processes.enter_context(projecting(environment, tmp_path))
            before = len(sequences(log_dsn))
            until(lambda least=before + 20: len(sequences(log_dsn)) >= least)  # type: ignore[misc]
            writer.kill()
            writer = standby
        enough.set()
        load.join()
        until(lambda: standing(log_dsn).events == 0)
    assert sequences(log_dsn) == list(range(1, 2 * stored[0] + 1))


def test_a_fault_of_ours_is_tried_again(
    environment: dict[str, str], event_log: Any, log_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_feeds, "AFTER_FAULT_SECONDS", 0.05)
    whole, faults = FeedWriter.step, iter([ValueError("somebody's name"), psycopg.errors.UndefinedTable()])

    def step(writer: FeedWriter) -> int:
        for fault in faults:
            raise fault
        return whole(writer)

    monkeypatch.setattr(FeedWriter, "step", step)
    store(event_log, week(2))
    with following(read_settings(environment)):
        until(lambda: standing(log_dsn).events == 0)


def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """Stopped under the writer, and started again: it goes on, and nothing is told twice."""
    with prepared(tmp_path / "a") as server:
        store_on(server, week(3))
        with following(read_settings(environment_of(server))):
            until(lambda: standing(server.url("log")).events == 0)
            server.stop()
            server.start()
            store_on(server, [awarded(7), later(7, 1)])
            until(lambda: standing(server.url("log")).events == 0)
        assert sequences(server.url("log")) == list(range(1, len(week(3)) + 3))


def store_on(server: EmbeddedPostgres, history: Any) -> None:
    """These events are in the server's log."""
    with forsa_on(server) as forsa:
        store(forsa.event_log, history)

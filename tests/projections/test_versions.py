"""A view's second version: built beside the first while both releases serve, then the first goes (DESIGN §4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from projections import ALL_VIEWS, learner_record
from projections.building import Builder
from projections.projector import connect
from projections.reading import NotLive, Views
from projections.rebuild import Differs, RebuildRunning, alone, rebuild
from projections.retiring import Leftover, leftovers, retire
from projections.tables import untended
from runtime.store import EventLog
from tests.projections import release_1, release_2
from tests.projections.conftest import SECONDS, OpenProjector, followed
from tests.projections.log_of import OpenedMeans, all_rows, identified, learner, paths, rows, store

OpenMeans = Callable[[], OpenedMeans]
WRITES = 40
BUILT_SECONDS = 45  # most that starting processes and building takes on a busy machine


@pytest.fixture
def old(web_dsn: str) -> Iterator[release_2.Reader]:
    """Release 2's views as its web process reads them."""
    with ConnectionPool(web_dsn, kwargs={"autocommit": True}, min_size=1, max_size=4, open=True) as pool:
        yield release_2.Reader(pool)


@pytest.fixture
def builder(projector_dsn: str, means: OpenMeans) -> Iterator[Builder]:
    """Builds in this process's thread."""
    made = Builder(projector_dsn, means, processes=1)
    yield made
    made.close()


def wait_until(is_true: Callable[[], bool]) -> None:
    """Returns when it is true; fails when it does not become so."""
    end = time.monotonic() + BUILT_SECONDS
    while not is_true():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.005)


def is_live(views: Views) -> bool:
    """Whether every view of this release may be read."""
    return all(lag.status == "live" for lag in views.lag())


def see(old: release_2.Reader, new: Views, position: int, who: UUID, name: str) -> bool:
    """Both releases show a learner written at this position to who asks for at least it; False: the new is building."""
    assert old.wait_for(position, timeout=SECONDS)
    seen = old.record(who)
    assert seen.value is not None
    assert seen.position >= position
    assert old.found(name).value[:1] == [who]
    try:
        before = new.learner_record(who)
    except NotLive:
        return False
    assert before.position < position or before.value is not None, "half a view"
    assert new.wait_for(position, timeout=SECONDS)
    after = new.learner_record(who)
    assert after.value is not None
    assert after.position >= position
    assert after.value.standing.org == identified(1)[1].by.org
    return True


@pytest.mark.parametrize("longest", [2**62, 10], ids=["the projector builds it", "a rebuild builds it"])
def test_two_releases_serve_side_by_side_until_the_first_ends(
    event_log: EventLog,
    old: release_2.Reader,
    views: Views,
    projector_dsn: str,
    means: OpenMeans,
    builder: Builder,
    log_dsn: str,
    longest: int,
) -> None:
    store(event_log, paths(3))
    with ExitStack() as release_3:
        with followed(projector_dsn, means(), views=release_2.VIEWS):
            assert old.wait_for(event_log.max_position(), timeout=SECONDS)
            with pytest.raises(NotLive):
                views.learner_record(learner(0))
            release_3.enter_context(followed(projector_dsn, means(), build=builder.build, longest=longest))
            seen = [write_and_see(event_log, old, views, number) for number in range(100, 100 + WRITES)]
            wait_until(lambda: is_live(views))
            seen += [write_and_see(event_log, old, views, number) for number in range(200, 200 + WRITES)]
            assert seen == sorted(seen), "once it is live it stays so"
            assert seen[-WRITES:] == [True] * WRITES
            assert retire(projector_dsn) == ([], [left(view, tended=True) for view in reversed(release_2.OWN)])
            assert parities(projector_dsn, means, release_2.OWN) == {"equal"}
        old_rows = {view.id: rows(log_dsn, view) for view in release_2.OWN}
        last = store(event_log, [identified(300)])
        assert views.wait_for(last, timeout=SECONDS), "release 3 goes on with what both share"
        assert {view.id: rows(log_dsn, view) for view in release_2.OWN} == old_rows, "nobody writes what nobody tends"
        assert retire(projector_dsn) == ([left(view) for view in reversed(release_2.OWN)], [])
        assert retire(projector_dsn) == ([], [])
        assert views.learner_record(learner(300)).value is not None
        with pytest.raises(NotLive):
            old.record(learner(300))
    assert parities(projector_dsn, means, ALL_VIEWS) == {"equal"}


def write_and_see(event_log: EventLog, old: release_2.Reader, views: Views, number: int) -> bool:
    """Another learner is written, and seen in both releases by who asks for at least that position."""
    name = f"Yassine{number}"
    return see(old, views, store(event_log, [identified(number, name)]), learner(number), name)


def left(view: Any, *, tended: bool = False) -> Leftover:
    """What is said of a version that was left over."""
    return Leftover(view=view.name, version=view.version, is_tended=tended)


def parities(dsn: str, means: Any, views: Any) -> set[str]:
    """How these views compare with a rebuild of them."""
    return {each.parity for each in rebuild(dsn, means, views=views, processes=1)}


def test_a_release_begins_with_the_views_of_a_long_log_in_its_processes(
    event_log: EventLog, views: Views, projector_dsn: str, means: OpenMeans, log_dsn: str, open_projector: OpenProjector
) -> None:
    store(event_log, paths(6))
    builder = Builder(projector_dsn, means, processes=2)
    with followed(projector_dsn, means(), build=builder.build, longest=10):
        wait_until(lambda: is_live(views))
        assert views.wait_for(store(event_log, [identified(99)]), timeout=SECONDS)
        made = all_rows(log_dsn)
    builder.close()
    assert parities(projector_dsn, means, ALL_VIEWS) == {"equal"}
    assert all_rows(log_dsn) == made


class Slow:
    """The record's view, whose rows wait until they may go on."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self.view = msgspec.structs.replace(learner_record.VIEW, rows_of=self._rows_of)

    def _rows_of(self, *given: Any) -> Any:
        self.begun.set()
        assert self.may_go_on.wait(SECONDS)
        return learner_record.rows_of(*given)


def test_what_is_being_built_says_so_and_is_dropped_when_the_process_ends(
    event_log: EventLog, views: Views, builder: Builder, open_projector: OpenProjector, projector_dsn: str
) -> None:
    last, slow = store(event_log, paths(2)), Slow()
    projector = open_projector(views=[slow.view], longest=0)
    assert (projector.step(), projector.unmade, projector.views) == (0, [slow.view], [])
    builder.build(projector.unmade)
    assert slow.begun.wait(SECONDS)
    lag = next(lag for lag in views.lag() if lag.view == "learner_record")
    assert (lag.status, lag.position, lag.events) == ("building", 0, last)
    with connect(projector_dsn) as connection:
        assert untended(connection, [slow.view.id, "entries_v1"]) == ["entries_v1"], "somebody sees to it"
        assert leftovers(connection) == []
        with pytest.raises(RebuildRunning):
            retire(projector_dsn)
    ending = threading.Thread(target=builder.close)
    ending.start()
    wait_until(builder._stopped.is_set)
    slow.may_go_on.set()
    ending.join(BUILT_SECONDS)
    assert next(lag for lag in views.lag() if lag.view == "learner_record").status == "missing"
    assert projector.step() == 0
    assert projector.unmade == [slow.view], "the next start builds it"


def test_the_projector_takes_over_what_was_built(
    event_log: EventLog, views: Views, builder: Builder, open_projector: OpenProjector
) -> None:
    store(event_log, paths(2))
    projector = open_projector(longest=0)
    assert projector.step() == 0
    builder.build(projector.unmade)
    wait_until(lambda: projector.step() >= 0 and not projector.unmade)
    assert [view.id for view in projector.views] == [view.id for view in ALL_VIEWS]
    last = store(event_log, [identified(9)])
    assert projector.catch_up() == 1
    assert views.learner_record(learner(9)).position == last


def test_a_view_that_cannot_be_built_ends_the_process(
    event_log: EventLog, builder: Builder, open_projector: OpenProjector
) -> None:
    store(event_log, paths(2))
    seen: list[int] = []

    def rows_of(stream: Any, state: Any, opened: Any) -> Any:
        seen.append(1)
        [row] = learner_record.rows_of(stream, state, opened)
        return [(row[0], f"{len(seen)}", *row[2:])]

    builder.build([msgspec.structs.replace(learner_record.VIEW, rows_of=rows_of)])
    with pytest.raises(Differs):
        wait_until(partial(asked_again, builder))


def asked_again(builder: Builder) -> bool:
    """Never true: the next call raises what the last rebuild raised."""
    builder.build([])
    return False


def test_a_later_release_s_versions_are_not_left_over(open_projector: OpenProjector, projector_dsn: str) -> None:
    known = {view.name for view in release_1.VIEWS}
    open_projector(views=[view for view in ALL_VIEWS if view.name in known]).step()
    assert retire(projector_dsn, release_1.VIEWS) == ([], [])


def test_a_reader_that_has_the_table_open_keeps_it(
    open_projector: OpenProjector, projector_dsn: str, log_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_projector(views=release_1.VIEWS)
    before.step()
    before.close()
    monkeypatch.setattr("projections.projector.SESSION", "-c lock_timeout=50ms")
    with psycopg.connect(log_dsn) as reader:
        reader.execute("select count(*) from views.learner_record_v1")
        dropped, kept = retire(projector_dsn)
    assert ([each.view for each in dropped], [each.view for each in kept]) == (
        ["learner_directory"],
        ["learner_record"],
    )
    assert [each.view for each in retire(projector_dsn)[0]] == ["learner_record"]


def test_a_rebuild_that_was_killed_leaves_no_process_behind(
    event_log: EventLog, projector_dsn: str, keys_role_dsn: str
) -> None:
    store(event_log, paths(2))
    program = partial(PROGRAM.format, dsn=projector_dsn, keys=keys_role_dsn)
    parent = subprocess.Popen([sys.executable, "-c", program()], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(BUILT_SECONDS)
    parent.stdout.close()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/fd/0") for pid in children))  # noqa: PTH110 - no path of ours
    with connect(projector_dsn) as connection:
        wait_until(lambda: _is_alone(connection))


def _is_alone(connection: Any) -> bool:
    try:
        with alone(connection, []):
            return True
    except RebuildRunning:
        return False


PROGRAM = """
import multiprocessing, sys
from functools import partial
from projections.rebuild import rebuild
from tests.projections.log_of import open_means

def report(progress):
    if children := multiprocessing.active_children():
        print(*(each.pid for each in children), flush=True)
        multiprocessing.Event().wait()

rebuild({dsn!r}, partial(open_means, {keys!r}), processes=2, report=report)
"""

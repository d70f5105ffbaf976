"""Rebuild: what is built beside the live tables is what the projector made, and takes their place unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import pytest

from domain.access import EVERYWHERE
from domain.errors import TooOld
from projections import ALL_VIEWS, entries, learner_directory, learner_record, log
from projections.projector import Projector
from projections.reading import Views
from projections.rebuild import Differs, Progress, RebuildRunning, rebuild
from projections.view import View
from runtime.store import EventLog
from tests.projections.conftest import SECONDS, OpenProjector
from tests.projections.log_of import (
    EVERY_EVENT,
    all_rows,
    drop_views,
    execute,
    identified,
    learner,
    paths,
    picky,
    rows,
    store,
    stream_of,
)

SHAPE = """
select c.relname, c.relkind, pg_get_indexdef(c.oid), c.reloptions::text from pg_class c
 where c.relnamespace = 'views'::regnamespace and relkind in ('r', 'i') order by 1
"""


def shape(dsn: str) -> list[tuple[Any, ...]]:
    """Every table and index of the views."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(SHAPE.encode()).fetchall()


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name)
def test_rebuilt_equals_live(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, log_dsn: str, view: View
) -> None:
    store(event_log, (*EVERY_EVENT, *paths(5)))
    projector.catch_up()
    live, made = rows(log_dsn, view), shape(log_dsn)
    [done] = rebuild(projector_dsn, means, views=[view], processes=1)
    assert (done.parity, done.rows, done.switched) == ("equal", len(live), True)
    assert rows(log_dsn, view) == live
    assert shape(log_dsn) == made, "the same tables and indexes under the same names"


def test_several_processes_rebuild_every_view_from_nothing(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, log_dsn: str
) -> None:
    last = store(event_log, (*EVERY_EVENT, *paths(8)))
    projector.catch_up()
    live = all_rows(log_dsn)
    projector.close()
    drop_views(log_dsn)
    said: list[Progress] = []
    done = rebuild(projector_dsn, means, processes=2, report=said.append)
    assert [(each.view, each.parity, each.position) for each in done] == [(v.name, "sampled", last) for v in ALL_VIEWS]
    assert all_rows(log_dsn) == live
    assert said[0] == Progress("folding", 0, last)
    assert said[-1].phase == "switching"
    assert [each.done for each in said] == sorted(each.done for each in said)
    assert projector.step() == 0, "a projector goes on where the rebuild stands"


def test_the_projector_works_on_while_and_after_a_rebuild(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, views: Views, log_dsn: str
) -> None:
    store(event_log, paths(3))
    projector.catch_up()

    def meanwhile(progress: Progress) -> None:
        """Each phase finds events that the one before had not seen, half of them projected already."""
        store(event_log, [identified(numbers.pop())])
        if progress.phase in ("folding", "catching up"):
            projector.catch_up()

    numbers = list(range(100, 200))
    done = rebuild(projector_dsn, means, processes=1, report=meanwhile)
    assert {each.parity for each in done} == {"equal"}
    last = store(event_log, [identified(99)])
    projector.catch_up()
    assert views.wait_for(last)
    expected = all_rows(log_dsn)
    projector.close()
    drop_views(log_dsn)
    projector.catch_up()
    assert all_rows(log_dsn) == expected


def test_readers_and_writers_notice_nothing(
    event_log: EventLog,
    following: threading.Semaphore,
    projector_dsn: str,
    means: log.OpenMeans,
    views: Views,
    log_dsn: str,
) -> None:
    """Three rebuilds while a projector follows, a writer writes and a reader reads without a pause."""
    assert views.wait_for(store(event_log, paths(3)), timeout=SECONDS)
    over, raised = threading.Event(), []

    def until_over(act: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                act()
        except Exception as error:  # noqa: BLE001  # any error at all is what must not happen
            raised.append(error)

    def read() -> None:
        record, found = views.learner_record(learner(0)), views.search(EVERYWHERE, "Amina")
        assert record.value is not None
        assert len(found.value) >= 3
        assert len(views.timeline(learner(0)).value) > 5

    numbers = iter(range(100, 10**6))
    threads = [
        threading.Thread(target=until_over, args=(act,))
        for act in (read, lambda: store(event_log, [identified(next(numbers))]))
    ]
    for thread in threads:
        thread.start()
    parities = {done.parity for _ in range(3) for done in rebuild(projector_dsn, means, processes=1)}
    over.set()
    for thread in threads:
        thread.join(SECONDS)
    assert (raised, parities) == ([], {"equal"})
    assert views.wait_for(event_log.max_position(), timeout=SECONDS)
    assert {each.events for each in views.lag()} == {0}
    [last] = {each.parity for each in rebuild(projector_dsn, means, processes=1)}
    assert last == "equal"


def test_a_damaged_row_is_reported_and_mended(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, log_dsn: str
) -> None:
    store(event_log, paths(3))
    projector.catch_up()
    expected = all_rows(log_dsn)
    execute(log_dsn, "update views.learner_record_v3 set province = 'XXX' where file_number like '%000001%'")
    done = {each.view: each.parity for each in rebuild(projector_dsn, means, processes=1)}
    assert done == {view.name: "differs" if view is learner_record.VIEW else "equal" for view in ALL_VIEWS}
    assert all_rows(log_dsn) == expected


def test_a_new_version_is_built_and_compared_with_its_streams(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, log_dsn: str
) -> None:
    store(event_log, paths(3))
    projector.catch_up()
    newer = msgspec.structs.replace(learner_record.VIEW, version=learner_record.VIEW.version + 1)
    [done] = rebuild(projector_dsn, means, views=[newer], processes=1)
    assert (done.version, done.parity) == (newer.version, "sampled")
    assert rows(log_dsn, newer) == rows(log_dsn, learner_record.VIEW)


def test_rows_that_do_not_come_out_the_same_are_not_switched(
    event_log: EventLog, projector_dsn: str, means: log.OpenMeans, log_dsn: str
) -> None:
    """The negative control of the sample: a view whose rows change from one fold to the next."""
    store(event_log, paths(2))
    seen: list[int] = []

    def rows_of(stream: Any, learner: Any, opened: Any) -> Any:
        seen.append(1)
        [row] = learner_record.rows_of(stream, learner, opened)
        return [(row[0], f"{len(seen)}", *row[2:])]

    fickle = msgspec.structs.replace(learner_record.VIEW, rows_of=rows_of)
    with pytest.raises(Differs, match=learner_record.VIEW.id):
        rebuild(projector_dsn, means, views=[fickle], processes=1)
    assert shape(log_dsn) == [each for each in shape(log_dsn) if "view_state" in each[0]], "nothing is left behind"


def test_a_rebuild_that_fails_leaves_the_live_views_as_they_were(
    event_log: EventLog, projector: Projector, projector_dsn: str, means: log.OpenMeans, log_dsn: str
) -> None:
    store(event_log, paths(2))
    projector.catch_up()
    live, made = all_rows(log_dsn), shape(log_dsn)
    unheard = """'{"t":"learner.unheard-of"}'"""
    execute(log_dsn, f"update forsa_events set state = convert_to({unheard}, 'UTF8') where notification_id = 3")
    with pytest.raises(TooOld):
        rebuild(projector_dsn, means, processes=1)
    assert (all_rows(log_dsn), shape(log_dsn)) == (live, made)


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name)
def test_a_rebuild_parks_what_fails_and_heals_what_no_longer_does(
    event_log: EventLog,
    open_projector: OpenProjector,
    projector_dsn: str,
    means: log.OpenMeans,
    views: Views,
    view: View,
) -> None:
    fussy, healed = picky(view, stream_of(view))
    store(event_log, (*EVERY_EVENT, *paths(3)))
    projector = open_projector(views=[fussy])
    projector.catch_up()
    [before] = views.parked()
    rebuild(projector_dsn, means, views=[fussy], processes=1)
    [after] = views.parked()
    assert (after.view, after.stream, after.position) == (before.view, before.stream, before.position)
    healed.set()
    rebuild(projector_dsn, means, views=[fussy], processes=1)
    assert views.parked() == []
    store(event_log, [(learner(1), paths(1)[2][1])])
    projector.catch_up()
    if view is entries.VIEW:
        assert len(views.timeline(learner(1)).value) == len(paths(1)) + 1


def test_one_rebuild_at_a_time(event_log: EventLog, projector_dsn: str, means: log.OpenMeans) -> None:
    store(event_log, paths(1))

    def again(progress: Progress) -> None:
        if progress.phase == "indexing":
            with pytest.raises(RebuildRunning):
                rebuild(projector_dsn, means, processes=1)
            tried.set()

    tried = threading.Event()
    rebuild(projector_dsn, means, processes=1, report=again)
    assert tried.is_set()


def test_a_long_reader_delays_the_switch_and_nobody_else(
    event_log: EventLog,
    projector: Projector,
    projector_dsn: str,
    means: log.OpenMeans,
    log_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("projections.rebuild.SWITCH_WAIT", "50ms")
    store(event_log, paths(1))
    projector.catch_up()
    tries: list[float] = []
    with psycopg.connect(log_dsn) as reader:
        reader.execute("select count(*) from views.learner_directory_v2")

        def count(original: Callable[..., float]) -> Callable[..., float]:
            def once(*given: Any) -> float:
                tries.append(1)
                if len(tries) == 3:
                    reader.rollback()
                return original(*given)

            return once

        from projections import rebuild as module

        monkeypatch.setattr(module, "_switch_once", count(module._switch_once))
        [done] = rebuild(projector_dsn, means, views=[learner_directory.VIEW], processes=1)
    assert (done.switched, len(tries)) == (True, 3)


def test_the_log_is_cut_into_ranges_that_hold_every_stream(event_log: EventLog, log_dsn: str) -> None:
    last = store(event_log, paths(12))
    with psycopg.connect(log_dsn) as connection:
        cuts = log.ranges(connection, 5, last)
        parts = [log.streams_between(connection, first, end, last, placed=False) for first, end in cuts]
    assert len(cuts) == 5
    assert (cuts[0][0], cuts[-1][1]) == (log.FIRST_ID, log.LAST_ID)
    assert sorted(row[0] for part in parts for row in part) == sorted(learner(number).bytes for number in range(12))

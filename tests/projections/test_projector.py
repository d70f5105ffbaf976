"""The projector: exactly once, one at a time, nothing in its way for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import pytest

from domain.errors import TooOld
from domain.learner import state
from domain.learner.admission import GroupJoined
from domain.learner.privacy import ErasureDecided
from domain.sealed import tag_of
from projections import ALL_VIEWS, entries, learner_directory, learner_record
from projections.folding import Held, States, new_state
from projections.projector import POLL_SECONDS, Projector
from projections.reading import Views
from projections.view import View
from runtime.store import EventLog
from tests.examples.path import AMINA
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


def wait_until(is_true: Callable[[], bool]) -> None:
    """Returns when it is true; fails when it does not become so."""
    end = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.005)


# ── rows ──


def test_a_learner_is_found_under_her_name(event_log: EventLog, projector: Projector, log_dsn: str) -> None:
    store(event_log, [line for line in EVERY_EVENT if not isinstance(line[1], ErasureDecided)])
    projector.catch_up()
    assert [row[5] for row in rows(log_dsn, learner_directory.VIEW)] == ["Amina Bensalem"]


def test_every_event_has_its_entry_and_every_learner_a_row(
    event_log: EventLog, projector: Projector, log_dsn: str
) -> None:
    last = store(event_log, EVERY_EVENT)
    assert projector.catch_up() == last == len(EVERY_EVENT)
    tags = [row[4] for row in rows(log_dsn, entries.VIEW)]
    assert sorted(tags) == sorted(tag_of(type(event)) for _, event in EVERY_EVENT)
    assert [row[0] for row in rows(log_dsn, learner_record.VIEW)] == [AMINA]
    assert rows(log_dsn, learner_directory.VIEW) == []  # one of the events is the decision to erase her names


def test_replaying_gives_the_same_rows(event_log: EventLog, projector: Projector, log_dsn: str) -> None:
    store(event_log, (*EVERY_EVENT, *paths(5)))
    projector.catch_up()
    first = all_rows(log_dsn)
    projector.close()
    drop_views(log_dsn)
    projector.catch_up()
    assert all_rows(log_dsn) == first


@pytest.mark.parametrize("page_size", [1, 7])
def test_pages_of_any_size_give_the_same_rows(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str, page_size: int
) -> None:
    store(event_log, (*EVERY_EVENT, *paths(2)))
    large = open_projector()
    large.catch_up()
    expected = all_rows(log_dsn)
    large.close()
    drop_views(log_dsn)
    open_projector(page_size=page_size).catch_up()
    assert all_rows(log_dsn) == expected


def test_states_that_are_not_held_are_folded_again(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str
) -> None:
    store(event_log, paths(4))
    warm = open_projector()
    warm.catch_up()
    expected = all_rows(log_dsn)
    warm.close()
    drop_views(log_dsn)
    cold = open_projector(page_size=5)
    while cold.step():
        cold._lanes[0].states = States(bound=0)
    assert all_rows(log_dsn) == expected


def test_many_rows_at_once_are_written_as_a_few_are(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(event_log, paths(3))
    projector = open_projector()
    projector.catch_up()
    expected = all_rows(log_dsn)
    projector.close()
    drop_views(log_dsn)
    monkeypatch.setattr("projections.writing.FEW_ROWS", 0)
    projector.catch_up()
    assert all_rows(log_dsn) == expected


def test_the_least_recently_used_states_go_first() -> None:
    event = identified(1)[1]
    states = States(bound=2 * new_state(bytes(16), event).size)
    keys = [bytes([number] * 16) for number in range(3)]

    def held() -> Held:
        return new_state(bytes(16), event)

    states.keep([(keys[0], held()), (keys[1], held())])
    used = states.take(keys[0])
    assert used is not None
    states.keep([(keys[0], used), (keys[2], held())])
    assert states.missing(keys) == [keys[1]]


# ── exactly once ──

FAIL = """
create or replace function views.fail() returns trigger language plpgsql as
$$ begin raise exception 'a row is refused'; end $$;
create trigger fail before insert on views.entries_v1 for each row execute function views.fail()
"""


def test_rows_and_position_move_together_or_not_at_all(event_log: EventLog, projector: Projector, log_dsn: str) -> None:
    store(event_log, EVERY_EVENT[:10])
    projector.catch_up()
    before = all_rows(log_dsn)
    store(event_log, EVERY_EVENT[10:])
    execute(log_dsn, FAIL)
    with pytest.raises(psycopg.errors.RaiseException):
        projector.step()
    assert all_rows(log_dsn) == before
    execute(log_dsn, "drop trigger fail on views.entries_v1")
    assert projector.catch_up() == len(EVERY_EVENT) - 10
    assert len(rows(log_dsn, entries.VIEW)) == len(EVERY_EVENT)


STALL = """
create or replace function views.stall() returns trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
create trigger stall before insert on views.entries_v1 for each row execute function views.stall()
"""
WAITING = "select pid from pg_stat_activity where application_name = 'forsa projector' and wait_event = 'advisory'"


def test_a_projector_killed_between_position_and_rows_repeats_the_page_once(
    event_log: EventLog, projector: Projector, log_dsn: str
) -> None:
    store(event_log, EVERY_EVENT[:10])
    projector.catch_up()
    store(event_log, EVERY_EVENT[10:])
    execute(log_dsn, STALL)
    with psycopg.connect(log_dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(4711)")
        raised: list[BaseException] = []
        stepping = threading.Thread(target=lambda: raised.append(_error_of(projector.step)))
        stepping.start()
        wait_until(lambda: other.execute(WAITING.encode()).fetchone() is not None)
        other.execute(f"select pg_terminate_backend(pid) from ({WAITING}) w".encode())
        stepping.join(SECONDS)
    assert isinstance(raised[0], psycopg.OperationalError)
    assert len(rows(log_dsn, entries.VIEW)) == 10
    execute(log_dsn, "drop trigger stall on views.entries_v1")
    projector.catch_up()
    assert [row[0] for row in sorted(rows(log_dsn, entries.VIEW))] == list(range(1, len(EVERY_EVENT) + 1))


def _error_of(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except psycopg.Error as error:
        return error
    raise AssertionError("it did not raise")


@pytest.mark.parametrize("few", [100, 0])
def test_a_projector_begins_anew_when_a_view_no_longer_stands_where_it_was_left(
    event_log: EventLog, projector: Projector, log_dsn: str, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """A rebuild may put a table in its place that is ahead already: no row of it is written twice."""
    monkeypatch.setattr("projections.writing.FEW_ROWS", few)
    store(event_log, EVERY_EVENT[:10])
    projector.catch_up()
    store(event_log, EVERY_EVENT[10:12])
    ahead = "position = 11, generation = generation + 1"
    execute(
        log_dsn,
        f"update views.view_state set {ahead} where view = 'entries'",
        "insert into views.entries_v1 (position, stream, version, recorded_at, tag, occurred_on, actor, role, org, src)"
        " select notification_id, originator_id, originator_version, recorded_at, topic, '2026-01-01', originator_id,"
        " 'a', originator_id, 'b' from forsa_events where notification_id = 11",
    )
    projector.catch_up()
    store(event_log, EVERY_EVENT[12:])
    projector.catch_up()
    assert [row[0] for row in sorted(rows(log_dsn, entries.VIEW))] == list(range(1, len(EVERY_EVENT) + 1))
    assert len(projector._lanes) == 1


# ── one at a time ──


def test_a_second_projector_stands_by_until_the_first_is_gone(
    event_log: EventLog, open_projector: OpenProjector
) -> None:
    first, second = open_projector(), open_projector()
    store(event_log, EVERY_EVENT[:5])
    assert (first.step(), second.step()) == (5, 0)
    assert second.views == []
    first.close()
    store(event_log, EVERY_EVENT[5:])
    assert second.catch_up() == len(EVERY_EVENT) - 5


def test_two_releases_project_side_by_side_on_their_own_tables(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str
) -> None:
    newer: View = msgspec.structs.replace(learner_record.VIEW, version=learner_record.VIEW.version + 1)
    old, new = open_projector(), open_projector(views=[newer, learner_directory.VIEW, entries.VIEW])
    store(event_log, EVERY_EVENT[:12])
    assert old.step() == 12
    assert new.step() == 12
    assert new.views == [newer]
    store(event_log, EVERY_EVENT[12:])
    new.catch_up()
    old.catch_up()
    assert rows(log_dsn, newer) == rows(log_dsn, learner_record.VIEW)


def test_a_view_that_is_new_catches_up_beside_the_current_ones(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str
) -> None:
    store(event_log, EVERY_EVENT)
    before = open_projector(views=[learner_record.VIEW])
    before.catch_up()
    before.close()
    store(event_log, [identified(1)])
    after = open_projector(page_size=3)
    assert after.step() == 1 + 12, "the current view's one event, and four pages of the new ones"
    after.catch_up()
    assert len(after._lanes) == 1
    assert len(rows(log_dsn, entries.VIEW)) == len(EVERY_EVENT) + 1


# ── what cannot be taken in ──


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name)
def test_a_stream_that_fails_is_parked_and_everything_else_moves_on(
    event_log: EventLog, open_projector: OpenProjector, views: Views, log_dsn: str, view: View
) -> None:
    refused = stream_of(view)
    fussy, healed = picky(view, refused)
    projector = open_projector(views=[fussy if each is view else each for each in ALL_VIEWS])
    last = store(event_log, (*EVERY_EVENT, *paths(3)))
    projector.catch_up()
    [parked] = views.parked()
    assert (parked.view, parked.stream, parked.exception) == (view.name, refused, "ZeroDivisionError")
    assert refused not in {row[1 if view is entries.VIEW else 0] for row in rows(log_dsn, view)}
    assert views.wait_for(last)
    assert views.timeline(refused).stale == (view is entries.VIEW)
    assert views.learner_record(refused).stale == (view is learner_record.VIEW)
    assert not views.learner_record(learner(2)).stale

    again = next(event for stream, event in reversed((*EVERY_EVENT, *paths(3))) if stream == refused)
    store(event_log, [(refused, again)])  # it stays parked, in order
    projector.catch_up()
    assert len(views.parked()) == 1
    healed.set()
    assert views.retry_parked(stream=refused) == 1
    projector.step()
    assert views.parked() == []
    healed_rows = all_rows(log_dsn)
    projector.close()
    drop_views(log_dsn)
    open_projector().catch_up()
    assert all_rows(log_dsn) == healed_rows


def test_a_retry_that_fails_leaves_the_stream_parked(
    event_log: EventLog, open_projector: OpenProjector, views: Views
) -> None:
    fussy, _ = picky(learner_record.VIEW, learner(1))
    projector = open_projector(views=[fussy])
    store(event_log, paths(2))
    projector.catch_up()
    views.retry_parked()
    projector.step()
    assert [each.stream for each in views.parked()] == [learner(1)]


def test_a_new_program_tries_the_parked_streams_again(
    event_log: EventLog, open_projector: OpenProjector, views: Views
) -> None:
    fussy, _ = picky(entries.VIEW, learner(1))
    projector = open_projector(views=[fussy])
    store(event_log, paths(2))
    projector.catch_up()
    projector.close()
    open_projector().step()
    assert views.parked() == []
    assert len(views.timeline(learner(1)).value) == len(views.timeline(learner(0)).value)


def test_a_stream_that_cannot_be_folded_is_parked_for_every_view(
    event_log: EventLog, open_projector: OpenProjector, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise LookupError

    store(event_log, [*paths(1)[:3], identified(2)])
    projector = open_projector()
    projector.catch_up()
    with monkeypatch.context() as patched:
        stages: dict[Any, Any] = {**state.EVOLVE, GroupJoined: (("admission", broken),)}
        patched.setattr(state, "EVOLVE", stages)
        last = store(event_log, [*paths(1)[3:], identified(3)])
        projector.catch_up()
        assert {(each.view, each.stream) for each in views.parked()} == {(v.name, learner(0)) for v in ALL_VIEWS}
        assert views.wait_for(last)
        assert views.learner_record(learner(3)).value is not None
    views.retry_parked()
    projector.step()
    assert views.parked() == []


def test_an_unknown_tag_stops_the_projector_and_is_never_parked(
    event_log: EventLog, projector: Projector, views: Views, log_dsn: str
) -> None:
    store(event_log, EVERY_EVENT[:3])
    projector.catch_up()
    newer = '{"t":"learner.flown-to-the-moon","on":"2030-01-01"}'
    execute(
        log_dsn,
        "insert into forsa_events values (gen_random_uuid(), 1, 'learner.flown-to-the-moon',"
        f" convert_to('{newer}', 'UTF8'), 4, clock_timestamp())",
    )
    with pytest.raises(TooOld, match=r"learner\.flown-to-the-moon"):
        projector.step()
    assert views.parked() == []
    assert set(views.positions().values()) == {3}


# ── following ──


def test_a_notice_wakes_the_projector(event_log: EventLog, views: Views, following: Any) -> None:
    assert views.wait_for(store(event_log, EVERY_EVENT), timeout=SECONDS)
    assert views.wait_for(store(event_log, [identified(1)]), timeout=SECONDS)


def test_without_any_notice_the_views_are_current_after_about_a_poll(
    event_log: EventLog, views: Views, polling: Any
) -> None:
    """A notice is lost when its session is; the look at the log that needs none makes up for it."""
    within = 2 * POLL_SECONDS + 1  # the poll, and as long again on a busy machine
    assert views.wait_for(store(event_log, EVERY_EVENT), timeout=within)
    assert views.wait_for(store(event_log, [identified(1)]), timeout=within)


def test_it_goes_on_after_its_sessions_were_lost(
    event_log: EventLog, views: Views, following: Any, log_dsn: str
) -> None:
    store(event_log, EVERY_EVENT[:5])
    execute(
        log_dsn,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'forsa projector' and datname = current_database()",
    )
    assert views.wait_for(store(event_log, EVERY_EVENT[5:]), timeout=SECONDS)

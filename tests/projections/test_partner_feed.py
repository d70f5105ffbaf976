"""The feed writer: given events, then rows that stand for ever: gapless, in the log's order, of the same bytes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import conninfo

from domain.partner_feed import (
    IN_FORCE,
    NATIONAL,
    PUBLIC,
    PUBLIC_TAGS,
    START,
    Message,
    Place,
    PublicDiploma,
    diploma_after,
    diploma_told,
    feed_name,
    message_of,
    read_message,
)
from domain.streams import EVENTS
from projections import feed_writer
from projections.feed_writer import FeedWriter
from projections.rebuild import rebuild
from projections.records.opening_feeds import NotInEpoch, UnknownFeed, open_epoch, open_feed
from projections.records.partner_feed import _SNAPSHOT, PUBLIC_EVENTS, Feed, feeds, rows_after
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.migrate import LOG, migrate
from runtime.store import EventLog
from tests.conftest import EMPTY, SECRETS
from tests.examples.diplomas import BOTH_CENTRES, LIVES, OTHER_REGION, REGION, awarded, diploma, later, lives, week
from tests.examples.path import INSERTED
from tests.examples.places import History
from tests.projections.log_of import OpenedMeans, execute, store
from tests.runtime.forsa_run import until

OpenWriter = Callable[..., FeedWriter]
EVERY = 10_000


@pytest.fixture
def open_writer(projector_dsn: str, means: Callable[[], OpenedMeans]) -> Iterator[OpenWriter]:
    """Opens writers with the projector's rights; all are closed at the end."""
    opened: list[FeedWriter] = []
    own = means()

    def open_one(**given: Any) -> FeedWriter:
        opened.append(FeedWriter(projector_dsn, own.mapper, **{"look_seconds": 0.0, **given}))
        return opened[-1]

    yield open_one
    for writer in opened:
        writer.close()
    own.keyring.close()


@pytest.fixture
def writer(open_writer: OpenWriter) -> FeedWriter:
    """The one writer of an installation."""
    return open_writer()


@pytest.fixture
def operator(projector_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """What an operator's command works on."""
    with psycopg.connect(projector_dsn, autocommit=True) as connection:
        yield connection


def stored(dsn: str, feed: str = NATIONAL) -> list[bytes]:
    """The messages of a feed that stand, in its order."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return rows_after(connection, feed, START, EVERY)


def feed_of(dsn: str, feed: str = NATIONAL) -> Feed:
    """The feed as it stands."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return next(each for each in feeds(connection) if each.feed == feed)


def expected(history: History, recorded: list[Any], feed: str = NATIONAL) -> list[bytes]:
    """The messages a feed of one epoch has of this history, told by the plainest means."""
    told: dict[UUID, PublicDiploma] = {}
    messages: list[bytes] = []
    event: Any
    for (_, event), recorded_at in zip(history, recorded, strict=True):
        if type(event) in PUBLIC:
            after = told[event.diploma] = diploma_after(told.get(event.diploma), event)
            messages.append(message_of(feed, Place(1, len(messages) + 1), event, after, recorded_at))
    return messages


def moments(dsn: str) -> list[Any]:
    """When each event of the log was recorded, in order."""
    with psycopg.connect(dsn) as connection:
        query = "select recorded_at from forsa_events order by notification_id"
        return [row[0] for row in connection.execute(query).fetchall()]


def renumbered(messages: list[bytes]) -> list[tuple[str, Any, bytes]]:
    """What messages say, whatever their feed and place."""
    read = [read_message(each) for each in messages]
    return [(each.type, each.subject, bytes(each.data)) for each in read]


def places(messages: list[bytes]) -> list[str]:
    """The places of messages."""
    return [str(read_message(each).place) for each in messages]


# ── what is told ──


def test_every_public_event_is_a_row_and_nothing_else_is(log_dsn: str, event_log: EventLog, writer: FeedWriter) -> None:
    history = (*INSERTED, *lives(((0, 0), (0, 1), (0, 2), (0, 0), (0, 3), (0, 4))))
    store(event_log, history)
    writer.catch_up()
    messages = stored(log_dsn)
    assert messages == expected(history, moments(log_dsn))
    public = [PUBLIC[type(event)].name for _, event in history if type(event) in PUBLIC]
    assert [read_message(each).type for each in messages] == public


def test_no_name_and_no_id_of_a_learner_is_on_a_feed(log_dsn: str, event_log: EventLog, writer: FeedWriter) -> None:
    history = (*INSERTED, *week(5))
    store(event_log, history)
    writer.catch_up()
    learners = {str(stream) for stream, event in history if type(event) in PUBLIC}
    for message in stored(log_dsn):
        text = message.decode()
        assert not any(each in text for each in learners)
        assert not any(name in text for name in ("Amina", "Bensalem", "أمينة", "بنسالم"))


def test_the_position_moves_past_what_is_not_public(log_dsn: str, event_log: EventLog, writer: FeedWriter) -> None:
    last = store(event_log, [line for line in INSERTED if type(line[1]) not in PUBLIC])
    assert writer.catch_up() == 0
    assert (feed_of(log_dsn).position, feed_of(log_dsn).last) == (last, START)


def test_the_topics_read_are_those_of_the_table_and_by_their_index(
    log_dsn: str, event_log: EventLog, writer: FeedWriter
) -> None:
    """One public event more, and the page's condition and an index beside the one there is must follow."""
    assert tuple(PUBLIC_EVENTS.split("'")[1::2]) == PUBLIC_TAGS
    store(event_log, week(40))
    with psycopg.connect(log_dsn, options="-c enable_seqscan=off -c plan_cache_mode=force_generic_plan") as connection:
        plan = "\n".join(row[0] for row in connection.execute("explain " + feed_writer._PAGE, (0, 10)).fetchall())
    assert "forsa_events_diplomas_idx" in plan


# ── one after the other, whatever happens ──


@pytest.mark.parametrize("page_size", [1, 2, 7, 1000])
def test_pages_of_any_size_and_a_writer_anew_after_each_give_the_same_rows(
    page_size: int, log_dsn: str, event_log: EventLog, open_writer: OpenWriter
) -> None:
    history = week(9)
    store(event_log, history)
    while True:
        writer = open_writer(page_size=page_size)
        taken = writer.step()
        writer.close()
        if not taken:
            break
    assert stored(log_dsn) == expected(history, moments(log_dsn))


def test_a_log_of_years_before_the_feed_is_told_as_it_would_have_been_then(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter, operator: psycopg.Connection[Any]
) -> None:
    """Back-filled in one go, or written event by event: the same bytes."""
    live = open_writer()
    history = (*BOTH_CENTRES, *week(6))
    for line in history:
        store(event_log, [line])
        live.catch_up()
    open_feed(operator, REGION)
    live.catch_up()
    assert stored(log_dsn) == expected(history, moments(log_dsn))
    assert renumbered(stored(log_dsn, feed_name(REGION))) == [
        each for each in renumbered(stored(log_dsn)) if each[1] in {str(diploma(number)) for number in (0, 2, 4)}
    ]


def test_two_writers_write_each_row_once_and_the_second_takes_over(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter
) -> None:
    history = week(6)
    store(event_log, history[:5])
    first, second = open_writer(page_size=2), open_writer(page_size=2)
    assert first.step() == 2
    assert second.catch_up() == 0
    assert second.feeds == []
    first.close()
    store(event_log, history[5:])
    assert second.catch_up() == len(history) - 2
    assert stored(log_dsn) == expected(history, moments(log_dsn))


def test_a_writer_whose_session_was_ended_writes_nothing_and_goes_on_where_the_table_stands(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter
) -> None:
    store(event_log, week(6))
    first, second = open_writer(page_size=3), open_writer(page_size=3)
    first.step()
    execute(
        log_dsn, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'forsa projector'"
    )
    second.step()  # has the lock now
    with pytest.raises(psycopg.OperationalError):
        first.step()
    assert first.step() == 0
    second.catch_up()
    assert stored(log_dsn) == expected(week(6), moments(log_dsn))


def test_a_writer_that_another_has_overtaken_begins_anew(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the lock not to hold, the place would: nothing is written twice."""
    monkeypatch.setattr(feed_writer, "lock_view", lambda *_: True)
    store(event_log, week(6))
    one, other = open_writer(page_size=2, look_seconds=3600.0), open_writer(page_size=2, look_seconds=3600.0)
    while one.step() + other.step():
        pass
    assert stored(log_dsn) == expected(week(6), moments(log_dsn))


@pytest.mark.parametrize("when", ["_WRITE", "_MOVE"])
def test_a_page_that_fails_half_way_leaves_nothing(
    when: str, log_dsn: str, event_log: EventLog, open_writer: OpenWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(event_log, week(4))
    writer = open_writer(page_size=3)
    writer.step()
    before = (stored(log_dsn), feed_of(log_dsn))
    with monkeypatch.context() as broken:
        broken.setattr(feed_writer, when, getattr(feed_writer, when) + " returning no_such_column")
        with pytest.raises(psycopg.Error):
            writer.step()
    assert (stored(log_dsn), feed_of(log_dsn)) == before
    writer.catch_up()
    assert stored(log_dsn) == expected(week(4), moments(log_dsn))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=LIVES, cuts=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5), st.booleans()), max_size=8))
def test_whatever_happens_to_diplomas_and_writers_the_rows_are_the_same(
    history: History, cuts: list[tuple[int, int, bool]], log_dsn: str, event_log: EventLog, open_writer: OpenWriter
) -> None:
    """Random lives, stored in random portions, pages of random sizes, a writer anew or the same."""
    execute(log_dsn, EMPTY.decode())
    writer, rest = open_writer(), list(history)
    for portion, page_size, is_new in cuts:
        store(event_log, rest[:portion])
        rest = rest[portion:]
        if is_new:
            writer.close()
            writer = open_writer(page_size=page_size)
        writer.step()
    store(event_log, rest)
    writer.catch_up()
    writer.close()
    assert stored(log_dsn) == expected(history, moments(log_dsn))


# ── an event that cannot be told ──


def test_a_feed_stops_before_what_it_cannot_tell_and_goes_on_when_it_can(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_writer, "RETRY_SECONDS", 0.0)
    history = week(4)
    store(event_log, history)
    execute(log_dsn, *_broken("learner.diploma-awarded", 5))
    writer = open_writer()
    writer.catch_up()
    feed = feed_of(log_dsn)
    assert (feed.position, feed.stopped_at, feed.stopped_by) == (4, 5, "StoredEventBroken")
    assert stored(log_dsn) == expected(history, moments(log_dsn))[:4]
    execute(log_dsn, *_mended(5))
    assert open_writer().step() == 0  # the first one still has the lock
    writer.catch_up()
    assert stored(log_dsn) == expected(history, moments(log_dsn))
    feed = feed_of(log_dsn)
    assert (feed.stopped_at, feed.stopped_by) == (None, None)


def _broken(tag: str, position: int) -> tuple[str, ...]:
    """The stored event at a position is no longer one; `_mended` gives it back."""
    return (
        "create table if not exists public.kept (position bigint primary key, state bytea)",
        f"insert into kept select notification_id, state from forsa_events where notification_id = {position}",
        f"update forsa_events set state = '{{\"t\":\"{tag}\"}}', topic = '{tag}' where notification_id = {position}",
    )


def _mended(position: int) -> tuple[str, ...]:
    kept = f"(select state from kept where position = {position})"
    return f"update forsa_events set state = {kept} where notification_id = {position}", "drop table kept"


def test_an_event_of_a_diploma_nobody_was_told_of_stops_the_feed_of_all_and_no_regions(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    open_feed(operator, REGION)
    store(event_log, (*BOTH_CENTRES, awarded(0), later(1, 1), awarded(2)))
    writer.catch_up()
    assert feed_of(log_dsn).stopped_by == "AssertionError"
    assert len(stored(log_dsn)) == 1
    regional = feed_of(log_dsn, feed_name(REGION))
    assert (regional.stopped_by, regional.sequence) == (None, 2)


def test_a_stopped_feed_is_tried_again_now_and_then_and_not_all_the_time(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(event_log, (later(0, 1),))
    writer.catch_up()
    monkeypatch.setattr(feed_writer, "_page_after", lambda *_: pytest.fail("asked the log again"))
    assert writer.step() == 0
    assert feed_of(log_dsn).stopped_at == 1


# ── feeds of regions ──


def test_a_region_is_told_of_the_diplomas_its_centres_prepared_for(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    """From the log's beginning, whenever it is asked for, and as the whole country is told of them."""
    store(event_log, (*BOTH_CENTRES, *week(7)))
    writer.catch_up()
    for region, rest in ((REGION, 0), (OTHER_REGION, 1)):
        feed, was_opened = open_feed(operator, region)
        assert was_opened
        assert (feed.last, feed.topic) == (START, f"forsa.diploma.events.v1.{region.lower()}")
        writer.catch_up()
        own = {str(diploma(number)) for number in range(7) if number % 2 == rest}
        told = stored(log_dsn, feed_name(region))
        assert renumbered(told) == [each for each in renumbered(stored(log_dsn)) if each[1] in own]
        assert places(told) == [f"1/{number}" for number in range(1, len(told) + 1)]
    assert open_feed(operator, REGION)[1] is False


def test_a_diploma_stays_on_its_feed_wherever_its_centre_is_later(
    log_dsn: str,
    event_log: EventLog,
    writer: FeedWriter,
    operator: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No event moves a centre to another region yet: the fold is told that from position 5 on one has."""
    whole = feed_writer.Regions.at
    monkeypatch.setattr(
        feed_writer.Regions, "at", lambda self, centre, at: whole(self, centre, at) if at < 5 else OTHER_REGION
    )
    open_feed(operator, REGION)
    open_feed(operator, OTHER_REGION)
    store(event_log, (*BOTH_CENTRES, awarded(0), awarded(1), awarded(2), later(0, 1), later(2, 1)))
    writer.catch_up()
    regions = {region: [(each[0].split(".")[3], each[1]) for each in renumbered(stored(log_dsn, feed_name(region)))]
               for region in (REGION, OTHER_REGION)}  # fmt: skip
    stays, goes = str(diploma(0)), str(diploma(2))
    assert regions[REGION] == [("awarded", stays), ("handed-over", stays)]
    assert regions[OTHER_REGION] == [("awarded", str(diploma(1))), ("awarded", goes), ("handed-over", goes)]


def test_a_centre_nobody_opened_stops_the_feed_of_a_region(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    open_feed(operator, REGION)
    store(event_log, (awarded(0),))
    writer.catch_up()
    assert feed_of(log_dsn, feed_name(REGION)).stopped_by == "KeyError"
    assert feed_of(log_dsn).sequence == 1


# ── rows stand ──


@pytest.mark.parametrize(
    "statement",
    ["update records.feed_rows set written_at = now()", "delete from records.feed_rows", "truncate records.feed_rows"],
)
def test_a_row_stands_as_it_was_written(statement: str, log_dsn: str, event_log: EventLog, writer: FeedWriter) -> None:
    """For the owner too, who could by mistake."""
    store(event_log, week(2))
    writer.catch_up()
    with psycopg.connect(log_dsn) as owner, pytest.raises(psycopg.errors.RaiseException, match="stands as it was"):
        owner.execute(statement.encode())
    assert len(stored(log_dsn)) == len(week(2))


def test_rows_outlive_every_rebuild_of_the_views(
    log_dsn: str, projector_dsn: str, event_log: EventLog, writer: FeedWriter, means: Callable[[], OpenedMeans]
) -> None:
    store(event_log, (*INSERTED, *week(2)))
    writer.catch_up()
    before = stored(log_dsn)
    rebuild(projector_dsn, means, processes=1)
    writer.catch_up()
    assert stored(log_dsn) == before


def test_a_log_from_before_feeds_is_told_when_it_was_migrated(
    server_dsn: str, keyring: Keyring, tmp_path: Path
) -> None:
    """Six migrations, a log with diplomas in it, then the seventh: told from the first diploma ever."""
    name = f"forsa_earlier_{uuid4().hex}"
    dsn, history = conninfo.make_conninfo(server_dsn, dbname=name), week(3)
    for file in sorted(LOG.glob("000[1-6]_*.sql")):
        shutil.copy(file, tmp_path)
    execute(server_dsn, f"create database {name}")
    try:
        migrate(dsn, tmp_path)
        mapper = ForsaMapper(EVENTS, keyring)
        with closing(EventLog(dsn, mapper, SECRETS.claim)) as event_log:
            store(event_log, history)
        assert migrate(dsn, LOG)[0].startswith("0007_")
        with closing(FeedWriter(dsn, mapper)) as writer:
            writer.catch_up()
        assert stored(dsn) == expected(history, moments(dsn))
    finally:
        execute(server_dsn, f"drop database {name} with (force)")


# ── epochs ──


def epochs_told(messages: list[bytes]) -> list[Message]:
    """The messages about the feed itself."""
    return [read for read in map(read_message, messages) if read.type == "ma.forsa.feed.epoch-opened.v1"]


@pytest.mark.parametrize("stands_until", [0, 1, 4, 6])
def test_an_epoch_tells_again_what_comes_after_where_the_last_one_stands_until(
    stands_until: int, log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    history = week(3)
    store(event_log, history[:6])
    writer.catch_up()
    first = stored(log_dsn)
    assert open_epoch(operator, NATIONAL, stands_until, "restore").last == Place(2, 1)
    store(event_log, history[6:])
    writer.catch_up()
    messages = stored(log_dsn)
    assert messages[:stands_until] == first[:stands_until]
    (opened,) = epochs_told(messages)
    assert (opened.subject, str(opened.place)) == (NATIONAL, "2/1")
    said = f'{{"previous_epoch":1,"stands_until":{stands_until},"reason":"restore"}}'
    assert bytes(opened.data).decode() == said
    again = [*messages[:stands_until], *messages[stands_until + 1 :]]
    assert renumbered(again) == renumbered(expected(history, moments(log_dsn)))
    assert places(messages[stands_until:]) == [f"2/{at}" for at in range(1, len(history) - stands_until + 2)]


def test_what_stands_of_several_epochs_is_the_whole_history_once(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    history = week(4)
    store(event_log, history)
    for stands_until in (5, 3, 1, 0):  # of epochs 1 to 4: 1 is the message of the epoch alone, 0 not even that
        writer.catch_up()
        open_epoch(operator, NATIONAL, stands_until, "topic_lost")
    writer.catch_up()
    messages = stored(log_dsn)
    told = [each for each in messages if read_message(each).type != "ma.forsa.feed.epoch-opened.v1"]
    assert renumbered(told) == renumbered(expected(history, moments(log_dsn)))
    assert [str(each.place) for each in epochs_told(messages)] == ["2/1", "3/1", "5/1"]
    assert places(messages)[:10] == ["1/1", "1/2", "1/3", "1/4", "1/5", "2/1", "2/2", "2/3", "3/1", "5/1"]


def test_an_epoch_opened_while_a_writer_runs_is_seen_by_it(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter, operator: psycopg.Connection[Any]
) -> None:
    """Also where nothing more comes: by its next look; and where something does, by the place that does not fit."""
    writer = open_writer(page_size=2, look_seconds=3600.0)
    store(event_log, week(3))
    writer.step()
    open_epoch(operator, NATIONAL, 1, "other")
    writer.catch_up()
    assert renumbered(stored(log_dsn)[2:]) == renumbered(expected(week(3), moments(log_dsn)))[1:]
    idle = open_writer()
    writer.close()
    idle.catch_up()
    open_epoch(operator, NATIONAL, 1, "other")
    idle.catch_up()
    assert feed_of(log_dsn).last == Place(3, len(week(3)))


def test_epochs_opened_in_the_middle_of_pages_lose_and_double_nothing(
    log_dsn: str, event_log: EventLog, open_writer: OpenWriter, operator: psycopg.Connection[Any]
) -> None:
    """A writer at work on pages of two, and an operator who opens forty epochs at places drawn by chance."""
    history, chance, done = week(60), Random(5), threading.Event()
    end = store(event_log, history)
    writer = open_writer(page_size=2)

    def write() -> None:
        while not done.is_set():
            writer.step()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(40):
            written = chance.randint(0, 8)
            until(lambda least=written: feed_of(log_dsn).sequence >= least or feed_of(log_dsn).position == end)  # type: ignore[misc]
            last = feed_of(log_dsn).sequence
            open_epoch(operator, NATIONAL, chance.randint(max(0, last - 5), last), "other")
    finally:
        done.set()
        thread.join()
    writer.catch_up()
    told = [each for each in stored(log_dsn) if read_message(each).type != "ma.forsa.feed.epoch-opened.v1"]
    assert feed_of(log_dsn).epoch == 41
    assert renumbered(told) == renumbered(expected(history, moments(log_dsn)))


def test_an_epoch_opens_where_the_feed_is_stopped(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    store(event_log, (awarded(0), later(1, 1)))
    writer.catch_up()
    feed = open_epoch(operator, NATIONAL, 1, "other")
    assert (feed.stopped_at, feed.stopped_by) == (None, None)


@pytest.mark.parametrize("stands_until", [-1, 6])
def test_an_epoch_stands_until_a_message_it_has(
    stands_until: int, log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    store(event_log, week(2))
    writer.catch_up()
    with pytest.raises(NotInEpoch) as refused:
        open_epoch(operator, NATIONAL, stands_until, "restore")
    assert refused.value.last == Place(1, len(week(2)))
    assert feed_of(log_dsn).epoch == 1


def test_nobody_opens_an_epoch_of_no_feed(operator: psycopg.Connection[Any]) -> None:
    with pytest.raises(UnknownFeed):
        open_epoch(operator, "entraide-nationale-ma-99", 0, "restore")


# ── what readers are given ──


def test_the_snapshot_and_the_tail_are_the_whole_feed_at_every_place(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    store(event_log, week(6))
    writer.catch_up()
    open_epoch(operator, NATIONAL, 7, "restore")
    writer.catch_up()

    def snapshot(place: Place, limit: int) -> list[bytes]:
        pages: list[bytes] = []
        after: str | None = None
        while True:
            which = {"feed": NATIONAL, "epoch": place.epoch, "sequence": place.sequence, "after": after, "limit": limit}
            page = [row[0] for row in operator.execute(_SNAPSHOT, which).fetchall()]
            pages += page
            if len(page) < limit:
                return pages
            after = read_message(page[-1]).subject

    def register(messages: list[bytes]) -> dict[str, bytes]:
        return {read.subject: bytes(read.data) for read in map(read_message, messages) if read.subject != NATIONAL}

    messages = stored(log_dsn)
    for at, message in enumerate(messages):
        place = read_message(message).place
        started = {**register(snapshot(place, 2)), **register(rows_after(operator, NATIONAL, place, EVERY))}
        assert started == register(messages)
        assert register(snapshot(place, 100)) == register(messages[: at + 1])


def test_an_annulled_diploma_stays_in_the_snapshot(
    log_dsn: str, event_log: EventLog, writer: FeedWriter, operator: psycopg.Connection[Any]
) -> None:
    store(event_log, (awarded(0), awarded(1), later(1, 4)))
    writer.catch_up()
    which = {"feed": NATIONAL, "epoch": 1, "sequence": 3, "after": None, "limit": 10}
    told = [diploma_told(row[0]) for row in operator.execute(_SNAPSHOT, which).fetchall()]
    assert {each.id: each.status == IN_FORCE for each in told} == {diploma(0): True, diploma(1): False}

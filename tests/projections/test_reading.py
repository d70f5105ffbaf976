"""What readers get: records, findings, timeline and audit trail, each with the position it is of."""

from __future__ import annotations

import threading
import time
from datetime import date

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg_pool import ConnectionPool

from domain.access import EVERYWHERE
from domain.event import Why
from domain.learner.identification import Identifier
from domain.learner.state import Learner
from domain.learner.training import DayMark
from domain.sealed import clear
from domain.streams import KINDS, fold
from projections.learner_record import record_of
from projections.projector import Projector
from projections.reading import NotLive, Views
from runtime.keyring import Keyring
from runtime.store import EventLog
from tests.examples.path import (
    AMINA,
    ATTENDANCE_RECORDED,
    ATTENDING,
    ENROLMENT,
    FILE_NUMBER,
    IDENTITY,
    IDENTITY_RECORDED,
    INSERTED,
    LEARNER_IDENTIFIED,
    OUTCOME,
)
from tests.examples.people import COORDINATOR
from tests.examples.places import MONDAY, WORKSHOP
from tests.projections.conftest import OpenProjector
from tests.projections.log_of import EVERY_EVENT, identified, learner, paths, store


def learner_at(event_log: EventLog, position: int) -> Learner:
    """Amina's state as of a position."""
    state = fold(KINDS["learner"], event_log.load([AMINA], position)[AMINA].events)
    assert isinstance(state, Learner)
    return state


# ── the record ──


def test_the_record_says_where_the_learner_stands(event_log: EventLog, projector: Projector, views: Views) -> None:
    last = store(event_log, INSERTED)
    projector.catch_up()
    answer = views.learner_record(AMINA)
    record = answer.value
    assert record is not None
    assert (answer.position, answer.stale) == (last, False)
    assert (record.status, record.file_number, record.identity, record.verified is not None) == (
        "inserted",
        FILE_NUMBER,
        2,
        True,
    )
    [enrolment] = record.enrolments
    assert (enrolment.enrolment, enrolment.minutes_attended, enrolment.days_recorded) == (ENROLMENT, 180, 2)
    assert (record.outcome, [each.number for each in record.diplomas]) == (OUTCOME, ["EN-2026-77"])


def test_the_record_is_the_fold_of_the_stream(event_log: EventLog, projector: Projector, views: Views) -> None:
    last = store(event_log, EVERY_EVENT)
    projector.catch_up()
    assert views.learner_record(AMINA).value == record_of(AMINA, learner_at(event_log, last))


def test_the_record_of_a_past_position_is_what_was_read_then(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    """`as_of`: the prefix of the stream, rendered by the same function as the view's row."""
    read = {}
    for line in INSERTED:
        position = store(event_log, [line])
        projector.catch_up()
        read[position] = views.learner_record(AMINA).value
    for position, record in read.items():
        past = learner_at(event_log, position)
        assert (record_of(AMINA, past) if past.version else None) == record


def test_an_unknown_learner_has_no_record(event_log: EventLog, projector: Projector, views: Views) -> None:
    last = store(event_log, INSERTED)
    projector.catch_up()
    for stream in (learner(1), WORKSHOP):
        answer = views.learner_record(stream)
        assert (answer.value, answer.position) == (None, last)


def test_records_come_in_pages_and_by_what_they_are_selected_by(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, (*paths(3), identified(7), identified(8)))
    projector.catch_up()
    every = [record.learner for record in views.learner_records(EVERYWHERE, limit=10).value]
    assert every == sorted(learner(number) for number in (0, 1, 2, 7, 8))
    assert [record.learner for record in views.learner_records(EVERYWHERE, after=every[1], limit=2).value] == every[2:4]
    identified_ones = views.learner_records(EVERYWHERE, status="identified").value
    assert {record.learner for record in identified_ones} == {learner(7), learner(8)}
    centre = views.learner_record(learner(0)).value
    assert centre is not None
    found = views.learner_records(EVERYWHERE, centre=centre.enrolments[0].centre, season=2025).value
    assert {record.learner for record in found} == {learner(0), learner(1), learner(2)}


# ── search ──


@pytest.fixture
def searched(event_log: EventLog, projector: Projector, views: Views) -> Views:
    """A directory of Amina (both scripts) and a few others."""
    names = [("ياسين", "العلوي"), ("محمد", "بنعلي"), ("Youssef", "El Idrissi"), ("فاطمة الزهراء", "المنصوري")]
    store(event_log, (*INSERTED, *(identified(at, *name) for at, name in enumerate(names))))
    projector.catch_up()
    return views


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("أمينة بنسالم", AMINA),
        ("امينه", AMINA),
        ("Amina Bensalem", AMINA),
        ("BENSALEM amina", AMINA),
        ("ben salem", AMINA),
        (FILE_NUMBER, AMINA),
        (FILE_NUMBER.lower().replace("-", " "), AMINA),
        ("R130045678", AMINA),
        ("r 130 045 678", AMINA),
        ("Yassine Alaoui", learner(0)),
        ("ياسين", learner(0)),
        ("Mohamed Benali", learner(1)),
        ("Mohammed", learner(1)),
        ("يوسف الإدريسي", learner(2)),
        ("Fatima-Zahra Mansouri", learner(3)),
        ("Fatim Zohra", learner(3)),
    ],
)
def test_a_learner_is_found_by_any_spelling(searched: Views, text: str, who: object) -> None:
    assert [found.learner for found in searched.search(EVERYWHERE, text).value] == [who]


@pytest.mark.parametrize("text", ["", " ", "%", "_", "'; drop table", "زكرياء", "2025-CAS-999999-9", "\\"])
def test_nobody_is_found_by_what_is_nobodys(searched: Views, text: str) -> None:
    assert searched.search(EVERYWHERE, text).value == []


def test_a_slip_of_the_pen_is_forgiven(searched: Views) -> None:
    assert [found.learner for found in searched.search(EVERYWHERE, "Amina Bensalme").value] == [AMINA]


def test_findings_come_best_first_and_in_pages(event_log: EventLog, projector: Projector, views: Views) -> None:
    store(event_log, [identified(at, given) for at, given in enumerate(["سعيد", "سعاد", "سعيد", "سعيد"])])
    projector.catch_up()
    first = views.search(EVERYWHERE, "سعيد", limit=2).value
    rest = views.search(EVERYWHERE, "سعيد", limit=2, after=first[-1].place).value
    assert [found.rank for found in (*first, *rest)] == [1, 1, 1, 3]
    assert len({found.learner for found in (*first, *rest)}) == 4
    assert views.search(EVERYWHERE, "سعيد", limit=2, after=rest[-1].place).value == []


def test_search_works_without_the_extension(searched: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searched, "_has_likeness", False)
    assert [found.learner for found in searched.search(EVERYWHERE, "Amina").value] == [AMINA]
    assert [found.learner for found in searched.search(EVERYWHERE, "ensal").value] == [AMINA]


def test_a_corrected_identity_is_found_by_its_new_name_only(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, [identified(1)])
    projector.catch_up()
    [name] = [replace(IDENTITY.names[0], given="زينب", family="الفاسي")]
    corrected = replace(IDENTITY_RECORDED, identity=clear(replace(IDENTITY, names=[name])))
    store(event_log, [(learner(1), corrected)])
    projector.catch_up()
    assert views.search(EVERYWHERE, "ياسين").value == []
    assert [found.learner for found in views.search(EVERYWHERE, "Zineb").value] == [learner(1)]


def test_an_erased_identity_has_no_row(
    event_log: EventLog, projector: Projector, views: Views, keyring: Keyring
) -> None:
    store(event_log, [identified(1), identified(2)])
    projector.catch_up()
    keyring.destroy(learner(1), ["identity"])
    store(event_log, [(learner(1), INSERTED_STEP)])
    projector.catch_up()
    assert [found.learner for found in views.search(EVERYWHERE, "ياسين").value] == [learner(2)]
    assert views.learner_record(learner(1)).value is not None


INSERTED_STEP = next(
    event for stream, event in INSERTED if stream == AMINA and "assessed" in type(event).__name__.lower()
)


def test_identifiers_are_found_however_they_are_written(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    identity = replace(IDENTITY, identifiers=[Identifier("passport", "AB-12 345٦")])
    store(event_log, [(learner(1), replace(LEARNER_IDENTIFIED, identity=clear(identity)))])
    projector.catch_up()
    assert [found.learner for found in views.search(EVERYWHERE, "ab123456").value] == [learner(1)]


# ── what happened ──


def test_the_timeline_has_every_event_with_what_it_says(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, INSERTED)
    projector.catch_up()
    lines = views.timeline(AMINA).value
    assert [line.version for line in lines] == list(range(1, len(lines) + 1))
    first = lines[0]
    assert (first.tag, first.on, first.actor) == (
        "learner.identified",
        LEARNER_IDENTIFIED.on,
        LEARNER_IDENTIFIED.by.actor,
    )
    assert first.facts == {"file_number": FILE_NUMBER, "season": 2025, "province": "CAS"}
    assert [line.changes["status"][1] for line in lines if "status" in line.changes] == [
        "identified", "assessed", "oriented", "enrolled", "candidate", "graduated", "left", "placed", "inserted",
    ]  # fmt: skip


def test_the_timeline_comes_in_pages_and_as_of_a_position(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, INSERTED)
    projector.catch_up()
    every = views.timeline(AMINA).value
    assert views.timeline(AMINA, after=3, limit=2).value == every[3:5]
    assert views.timeline(AMINA, upto=every[4].position).value == every[:5]


def test_the_audit_trail_says_who_when_what_before_after_and_why(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, ATTENDING)
    corrected = replace(
        ATTENDANCE_RECORDED,
        by=COORDINATOR,
        days=[DayMark(MONDAY, "late", 150)],
        replaces=8,
        entered_on=date(2025, 10, 20),
        why=Why("entry_error"),
    )
    last = store(event_log, [(AMINA, corrected)])
    projector.catch_up()
    trace = views.audit_trail(AMINA).value[-1]
    assert (trace.position, trace.what, trace.actor, trace.role, trace.why) == (
        last,
        "learner.attendance-recorded",
        COORDINATOR.actor,
        "coordinator",
        "entry_error",
    )
    assert trace.recorded_at == event_log.recorder.recorded_at_of(last)
    assert trace.before == {"days": msgspec.to_builtins(ATTENDANCE_RECORDED.days)}
    assert trace.after["days"] == [[str(MONDAY), "late", 150]]


def test_the_audit_trail_has_events_of_other_streams_about_the_learner(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, INSERTED)
    projector.catch_up()
    trail = views.audit_trail(AMINA, limit=100).value
    others = [trace.what for trace in trail if trace.stream != AMINA]
    assert others == ["group.seat-taken", "diploma-session.candidate-entered", "group.seat-freed"]
    assert [trace.position for trace in trail] == sorted(trace.position for trace in trail)
    assert views.audit_trail(AMINA, after=trail[4].position, limit=3).value == trail[5:8]
    seat = next(trace for trace in trail if trace.what == "group.seat-taken")
    assert (seat.before, seat.after["seats"]) == ({"seats": 0}, 1)


def test_no_name_stands_in_the_entries(event_log: EventLog, projector: Projector, log_dsn: str) -> None:
    store(event_log, EVERY_EVENT)
    projector.catch_up()
    with psycopg.connect(log_dsn) as connection:
        for table in ("entries_v1", "learner_record_v3"):
            text = str(connection.execute(f"select t::text from views.{table} t".encode()).fetchall())
            for name in ("Amina", "أمينة", "Bensalem", "R130045678", "Atlas Confection", "+212612345678"):
                assert name not in text


# ── positions ──


def test_a_reader_waits_for_its_own_write(event_log: EventLog, projector: Projector, views: Views) -> None:
    assert not views.wait_for(1, timeout=0)
    store(event_log, EVERY_EVENT[:3])
    projector.catch_up()
    position = store(event_log, EVERY_EVENT[3:6])
    began = time.monotonic()
    assert not views.wait_for(position, timeout=0.05)
    assert time.monotonic() - began < 1
    projecting = threading.Thread(target=projector.catch_up)
    projecting.start()
    assert views.wait_for(position, ["learner_record"], timeout=10)
    projecting.join()


def test_lag_says_how_far_each_view_is_behind(event_log: EventLog, projector: Projector, views: Views) -> None:
    assert {lag.status for lag in views.lag()} == {"missing"}
    store(event_log, EVERY_EVENT[:3])
    projector.catch_up()
    assert {(lag.events, lag.seconds, lag.status) for lag in views.lag()} == {(0, 0.0, "live")}
    store(event_log, EVERY_EVENT[3:5])
    assert {(lag.position, lag.events, lag.seconds > 0) for lag in views.lag()} == {(3, 2, True)}


def test_views_that_no_projector_has_made_yet_say_so(views: Views) -> None:
    for ask in (views.learner_record, views.timeline, views.audit_trail):
        with pytest.raises(NotLive):
            ask(AMINA)
    with pytest.raises(NotLive, match="learner_record, learner_directory, group_register, diploma_register, entries"):
        views.require_live()
    assert views.parked() == []


def test_half_a_view_is_never_read(event_log: EventLog, open_projector: OpenProjector, views: Views) -> None:
    """It is read from the page on that brings it to the log's end, not a step later: a writer may never pause."""
    last = store(event_log, INSERTED)
    projector = open_projector(page_size=last - 1)
    projector.step(upto=last - 1)
    with pytest.raises(NotLive, match="learner_record"):
        views.learner_record(AMINA)
    assert {lag.status for lag in views.lag()} == {"building"}
    projector.step()
    assert views.learner_record(AMINA).position == last
    views.require_live()


def test_a_reader_whose_connection_was_lost_asks_again(
    event_log: EventLog, projector: Projector, web_dsn: str, log_dsn: str
) -> None:
    store(event_log, INSERTED)
    projector.catch_up()
    with ConnectionPool(web_dsn, kwargs={"autocommit": True}, min_size=1, max_size=1, open=True) as pool:
        with pool.connection() as connection:
            lost = connection.info.backend_pid
        with psycopg.connect(log_dsn, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", (lost,))
        assert Views(pool).learner_record(AMINA).value is not None

"""The rules at the head of examples/partner_register.py, one by one: what a message does to the register."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.binary_mode import read_attributes, record_of
from domain.partner_feed import NATIONAL, read_message
from domain.partner_feed import Place as FeedPlace
from examples.partner_register import (
    ABOUT_DIPLOMAS,
    EPOCH_OPENED,
    Away,
    Message,
    Need,
    Place,
    Reader,
    Register,
    Stop,
    follow,
    message_of,
    message_of_record,
)
from tests.examples_partner.told import TYPES, Told


def over_http(*rows: bytes) -> list[Message]:
    return [message_of(NATIONAL, json.loads(row), "page") for row in rows]


def record(row: bytes, offset: int, value: bytes | None = None) -> Any:
    """A record of the topic as kafka-python gives it."""
    sent = record_of(read_attributes(row))
    return SimpleNamespace(topic="t", offset=offset, headers=sent.headers, value=sent.value if value is None else value)


def over_kafka(*rows: bytes) -> list[Message]:
    return [message_of_record(NATIONAL, record(row, offset)) for offset, row in enumerate(rows)]


def changed(row: bytes, **fields: Any) -> bytes:
    """The same message, but its diploma says this."""
    event = json.loads(row)
    event["data"]["diploma"] |= fields
    return json.dumps(event).encode()


def but(row: bytes, **attributes: Any) -> bytes:
    """The same message with these attributes."""
    return json.dumps(json.loads(row) | attributes).encode()


def held(register: Register) -> dict[str, Any]:
    return {row[0]: json.loads(row[1]) for row in register.db.execute("select diploma, record from register")}


def buried(register: Register) -> list[tuple[str, str]]:
    return register.db.execute("select id, reason from dead_letters order by rowid").fetchall()


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Register]:
    return lambda: Register(tmp_path / "register.sqlite", NATIONAL)


@pytest.fixture
def register(opened: Callable[[], Register]) -> Iterator[Register]:
    """A register that reads the feed from its first message."""
    register = opened()
    register.move(epoch=1, sequence=0)
    yield register
    register.db.close()


def test_every_public_message_is_known_to_it() -> None:
    assert {*ABOUT_DIPLOMAS, EPOCH_OPENED} == TYPES


def test_the_register_is_what_the_last_message_of_each_diploma_says(register: Register) -> None:
    told = Told()
    assert register.take(over_http(*told.tell(200)), over_http=True) == (200, None)
    assert held(register) == told.register()
    assert register.place == (1, 200)
    assert {each["status"] for each in held(register).values()} == {"in_force", "annulled"}


def test_a_message_is_the_same_over_kafka_and_over_http() -> None:
    rows = Told().tell(50)
    assert [each._replace(offset=None) for each in over_kafka(*rows)] == over_http(*rows)


def test_a_message_that_comes_again_is_skipped(register: Register) -> None:
    rows = Told().tell(9)
    assert register.take(over_http(*rows, *rows[3:]), over_http=True) == (15, None)
    before = held(register)
    assert register.take(over_kafka(*rows), over_http=False) == (9, None)
    assert (held(register), register.place, buried(register)) == (before, (1, 9), [])


def test_a_known_id_with_another_content_is_a_dead_letter_and_needs_a_person(register: Register) -> None:
    rows = Told().tell(9)
    register.take(over_http(*rows), over_http=True)
    before = held(register)
    assert register.take(over_http(rows[3], changed(rows[4], number="X-1"), rows[5]), over_http=True) == (
        1, Need.PERSON,
    )  # fmt: skip
    assert held(register) == before
    assert buried(register) == [(f"{NATIONAL}/1/5", "changed-content")]


def test_a_gap_is_left_open(register: Register) -> None:
    rows = Told().tell(9)
    assert register.take(over_kafka(*rows[:3], *rows[4:]), over_http=False) == (3, Need.REST)
    assert (register.place, register.progress("next_offset")) == ((1, 3), 3)


def test_an_unknown_type_is_a_dead_letter_and_the_place_moves_on(register: Register) -> None:
    rows = Told().tell(3)
    for type_ in ("ma.forsa.diploma.lent.v1", "ma.forsa.diploma.awarded.v2"):
        later = but(rows[register.place.sequence], type=type_)
        assert register.take(over_http(later), over_http=True) == (1, None)
    assert (register.place, held(register)) == ((1, 2), {})
    assert [reason for _, reason in buried(register)] == ["unknown-type", "unknown-type"]


def test_a_field_it_does_not_know_is_kept(register: Register) -> None:
    (row,) = Told().tell(1)
    register.take(over_http(changed(row, mention="very good")), over_http=True)
    assert [each["mention"] for each in held(register).values()] == ["very good"]


CUT = [
    b'{"diploma": "\\ud800"}',
    b'{"n": 1e999, "m": NaN}',
    b"",
    b"null",
    b"[]",
    b"{",
    b'{"diploma": {}}',
    b"\xff",
    b"[" * 100_000,
]


@pytest.mark.parametrize("value", CUT, ids=range(len(CUT)))
def test_what_kafka_makes_unreadable_is_a_dead_letter_and_fetched_over_http(register: Register, value: bytes) -> None:
    rows = Told().tell(2)
    broken = message_of_record(NATIONAL, record(rows[0], 0, value))
    assert register.take([broken, *over_kafka(*rows)], over_http=False) == (1, Need.REST)
    assert (register.place, register.progress("next_offset")) == ((1, 0), 1)
    assert [reason for _, reason in buried(register)] == ["unreadable"]
    assert register.take([broken, *over_http(*rows)], over_http=False) == (1, Need.REST)
    assert len(buried(register)) == 1


@pytest.mark.parametrize("headers", [[], [("ce_id", b"x")], [("ce_feedepoch", b"one")], [("ce_feed", None)]])
def test_a_record_without_its_headers_is_unreadable(register: Register, headers: list[Any]) -> None:
    given_ = record(Told().tell(1)[0], 7)
    given_.headers = headers
    assert register.take([message_of_record(NATIONAL, given_)], over_http=False) == (1, Need.REST)
    assert buried(register) == [("t@7", "unreadable")]


def test_a_message_of_another_feed_is_not_ours(register: Register) -> None:
    (row,) = Told().tell(1)
    for other in (*Told(feed="entraide-nationale-ma-06").tell(1), but(row, feed="entraide-nationale-ma-06")):
        assert register.take(over_kafka(other), over_http=False) == (1, Need.REST)
        assert register.place == (1, 0)


def test_over_http_a_message_without_what_its_type_promises_is_passed_over(register: Register) -> None:
    rows = Told().tell(2)
    assert register.take(over_http(changed(rows[0], number=None), rows[1]), over_http=True) == (2, None)
    assert (register.place, buried(register)) == ((1, 2), [(f"{NATIONAL}/1/1", "unreadable")])


def test_over_http_something_without_a_place_needs_a_person(register: Register) -> None:
    assert register.take([message_of(NATIONAL, {"id": 5}, "page after 1/0, 0")], over_http=True)[1] is Need.PERSON
    assert buried(register) == [("page after 1/0, 0", "unreadable")]


@pytest.mark.parametrize(("read", "need"), [(3, Need.REST), (5, None), (6, Need.SNAPSHOT)])
def test_an_opened_epoch_is_gone_on_with_by_how_far_we_had_read(
    register: Register, read: int, need: Need | None
) -> None:
    told = Told()
    rows = told.tell(7)
    register.take(over_http(*rows[:read]), over_http=True)
    opened = told.open_epoch(5)
    assert register.take(over_kafka(opened), over_http=False) == (0, Need.REST)
    assert register.take(over_http(opened), over_http=True)[1] is need
    assert register.place == ((2, 1) if need is None else (1, read))


def test_an_epoch_we_know_nothing_of_needs_the_snapshot(register: Register) -> None:
    told = Told()
    register.take(over_http(*told.tell(3)), over_http=True)
    told.open_epoch(3)
    told.tell(5)
    assert register.take(over_http(told.open_epoch(3)), over_http=True) == (0, Need.SNAPSHOT)


def test_a_register_holds_one_feed(register: Register, tmp_path: Path) -> None:
    with pytest.raises(Stop, match="holds the feed entraide-nationale: name another file"):
        Register(tmp_path / "register.sqlite", "entraide-nationale-ma-06")


def test_what_fails_in_the_middle_of_a_page_was_never_begun(register: Register) -> None:
    rows = Told().tell(5)
    page = over_http(*rows)
    page[3].data["diploma"] = {}  # as a fault of the program would have it
    with pytest.raises(KeyError):
        register.take(page, over_http=True)
    assert (register.place, held(register)) == ((1, 0), {})
    assert register.take(over_http(*rows), over_http=True) == (5, None)


class Answers:
    """Forsa's answers from what is told so far, as its HTTP routes give them."""

    def __init__(self, told: Told) -> None:
        self.told, self.feed = told, told.feed

    def page(self, after: Place, wait: int = 0, seconds: int = 30) -> list[Message]:
        rows = [row for row in self.told.standing() if read_message(row).place > FeedPlace(*after)]
        return over_http(*rows[:7])

    def snapshot(self) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
        yield Place(*self.told.place), list(self.told.register().values())

    def receipt(self, place: Place) -> None:
        raise Away("no receipts here")


def reader_of(register: Register, answers: Answers, start: str = "start") -> Reader:
    forsa: Any = answers
    return Reader(register, forsa, answers.receipt, start=start)


def test_a_gap_is_filled_over_http_and_reading_goes_on(register: Register) -> None:
    told = Told()
    rows = told.tell(30)
    reader = reader_of(register, Answers(told))
    reader.take(over_kafka(*rows[:3], *rows[20:25]), over_http=False)
    assert register.place == (1, 30)
    assert held(register) == told.register()
    assert buried(register) == []


def test_a_gap_that_forsa_cannot_fill_yet_is_tried_again_later(register: Register) -> None:
    told = Told()
    rows = told.tell(9)
    ahead = Told(seed=1)
    ahead.tell(2)
    with pytest.raises(Away, match="what comes before entraide-nationale/1/6 cannot be had yet"):
        reader_of(register, Answers(ahead)).take(over_kafka(*rows[5:]), over_http=False)
    assert register.place == (1, 2)


def test_a_gap_in_the_feed_itself_is_healed_by_the_snapshot(register: Register) -> None:
    told = Told()
    rows = told.tell(9)
    reader_of(register, Answers(told)).take(over_http(*rows[:3], *rows[5:]), over_http=True)
    assert register.place == (1, 9)
    assert held(register) == told.register()


def test_after_a_reload_a_changed_message_is_of_the_past(register: Register) -> None:
    told = Told()
    rows = told.tell(9)
    register.take(over_http(*rows), over_http=True)
    other = changed(rows[4], number="X-1")
    assert register.take(over_kafka(other), over_http=False) == (0, Need.PERSON)
    register.load(Answers(told).snapshot())
    assert register.take(over_kafka(other), over_http=False) == (1, None)
    assert held(register) == told.register()


def test_what_no_longer_stands_is_gone_after_a_restore(register: Register) -> None:
    told = Told()
    rows = told.tell(40)
    reader = reader_of(register, Answers(told))
    reader.take(over_kafka(*rows), over_http=False)
    assert held(register) == told.register()
    opened = told.open_epoch(5)
    assert len(told.register()) < len(held(register))
    reader.take(over_kafka(opened), over_http=False)
    assert held(register) == told.register()


def test_an_epoch_that_forsa_never_opened_is_not_believed(register: Register) -> None:
    """A stranger's, who wants us to pass over all that follows: it is read on over HTTP, at each try."""
    told, stranger = Told(), Told()
    register.take(over_kafka(*told.tell(9)), over_http=False)
    stranger.tell(9)
    forged = stranger.open_epoch(9)
    told.tell(3)
    with pytest.raises(Away, match="cannot be had yet"):
        reader_of(register, Answers(told)).take(over_kafka(forged), over_http=False)
    assert (register.place, held(register)) == ((1, 12), told.register())


def test_a_message_that_a_stranger_wrote_under_the_next_id_is_found_out(register: Register) -> None:
    """At the latest before the next receipt: Forsa tells it otherwise."""
    told = Told()
    rows = told.tell(9)
    register.take(over_kafka(*rows[:5], changed(rows[5], number="X-1")), over_http=False)
    with pytest.raises(Stop, match="a person who looks"):
        reader_of(register, Answers(told))._compare()
    assert buried(register) == [(f"{NATIONAL}/1/6", "changed-content")]


def test_a_message_that_forsa_never_told_does_not_stay_in_the_register(register: Register) -> None:
    told, stranger = Told(1), Told(1)
    told.tell(5)
    register.take(over_kafka(*stranger.tell(6)), over_http=False)
    assert register.place == (1, 6)
    reader_of(register, Answers(told))._compare()
    assert (register.place, held(register)) == ((1, 5), told.register())


def test_what_was_sent_steers_no_terminal(register: Register, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = Told().tell(1)
    register.take(over_kafka(but(row, type="x\x1b[2J\u202e\x9b")), over_http=False)
    assert "unknown-type (x\\x1b[2J\\u202e\\x9b)" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity"])
def test_a_number_that_is_none_is_in_no_register(register: Register, number: str) -> None:
    (row,) = Told().tell(1)
    value = json.dumps(json.loads(changed(row, mention=0))["data"]).replace('"mention": 0', f'"mention": {number}')
    broken = message_of_record(NATIONAL, record(row, 0, value.encode()))
    assert register.take([broken], over_http=False) == (1, Need.REST)
    assert (held(register), [reason for _, reason in buried(register)]) == ({}, ["unreadable"])


def test_a_forsa_that_tells_the_last_message_otherwise_is_found_out(register: Register) -> None:
    """It was restored, wrote on without a new epoch, and has overtaken us."""
    told = Told()
    rows = told.tell(9)
    register.take(over_http(*rows[:5]), over_http=True)
    told.rows[4] = changed(rows[4], number="X-1")
    with pytest.raises(Stop, match="a person who looks"):
        reader_of(register, Answers(told)).over_http(once=True)
    assert buried(register) == [(f"{NATIONAL}/1/5", "changed-content")]


def test_an_outage_of_hours_is_said_once_and_outlived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)

    def read() -> None:
        if len(pauses) < 5_000:
            raise Away("the broker")

    follow(read, once=False)
    assert pauses[:4] == [0.25, 0.5, 1, 2]
    assert {*pauses[4:]} == {2}
    assert capsys.readouterr().err.count("the broker; trying again") == 1


def arrivals(new: list[bytes], old: list[bytes], chance: random.Random) -> Iterator[list[bytes]]:
    """The topic's new records in batches: some again, some late, some lost, and old ones among them."""
    records = [row for row in new if chance.random() > 0.05]
    for _ in range(len(new) // 5):
        records.insert(chance.randrange(len(records) + 1), chance.choice([*new, *old]))
    for _ in range(len(records) // 10):
        one, other = chance.randrange(len(records)), chance.randrange(len(records))
        records[one], records[other] = records[other], records[one]
    while records:
        size = chance.randint(1, 9)
        yield records[:size]
        del records[:size]


@settings(max_examples=40, deadline=None)  # it writes files
@given(seed=st.integers(0, 2**32), start=st.sampled_from(["start", "snapshot"]))
def test_whatever_kafka_does_the_register_is_the_feeds(
    tmp_path_factory: pytest.TempPathFactory, seed: int, start: str
) -> None:
    """Lost, twice, late, out of order, with epochs: at the end it is the fold of what stands."""
    chance, told = random.Random(seed), Told(seed)
    register = Register(tmp_path_factory.mktemp("register") / "r.sqlite", NATIONAL)
    reader = reader_of(register, Answers(told), start)
    for turn in range(chance.randint(1, 6)):
        old = [*told.rows]
        told.tell(chance.randint(1, 15))
        if turn and chance.random() < 0.4:
            told.open_epoch(chance.randint(0, told.place.sequence))
        reader.begin()
        for batch in arrivals(told.rows[len(old) :], old, chance):
            reader.take(over_kafka(*batch), over_http=False)
    reader.over_http(once=True)  # the last record may be one that was lost
    assert register.place == Place(*told.place)
    assert held(register) == told.register()
    assert buried(register) == []
    register.db.close()

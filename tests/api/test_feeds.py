"""The feed over HTTP: the stored bytes in their order, kept pages, waiting, a snapshot to start from, and who may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import conninfo
from werkzeug.test import TestResponse

from api.app import create_app
from api.parts import FeedNotices
from domain.casebook import Append, NewEvent
from domain.learner.diploma import DiplomaAnnulled
from domain.organisation import AccessRevoked
from domain.partner_feed import NATIONAL, START, PublicDiploma
from projections.feed_writer import FeedWriter
from projections.projector import Projector
from runtime.erasing import Erasing
from runtime.feed_notices import FeedNotices as RealNotices
from runtime.keyring import Keyring
from tests.api.regions import DIPLOMA, ENROLMENT, LEARNER, NUMBER, Holder, api_with, stood_up
from tests.api.stack import DAY, NOW, SYSTEM, Api, ident
from tests.api.test_bad_input import assert_problem, errors_of
from tests.feed_rows import FeedRows, awarded, later, lives, register_of

REGION, OTHER = "MA-01", "MA-06"
OFFICE: Final = ident("delegation")
HOLDERS: Final = [
    Holder("regional partner", "partner", "region", REGION, OFFICE),
    Holder("regional agent", "en_agent", "region", OTHER, OFFICE),
    Holder("provincial agent", "en_agent", "province", "TNG", OFFICE),
    Holder("leaving partner", "partner", "national", "", OFFICE),
]
ROWS: Final = f"/v1/feeds/{NATIONAL}"
SNAPSHOT: Final = f"{ROWS}/snapshot"


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Api]:
    with api_with(web_dsn, keys_role_dsn, token_key, HOLDERS) as api:
        yield api


@pytest.fixture
def rows(projector_dsn: str) -> FeedRows:
    """The national feed, empty."""
    return FeedRows(projector_dsn)


def read(api: Api, path: str = ROWS, role: str = "partner", **headers: str) -> TestResponse:
    """The answer to a partner, which must be shown."""
    response = api.get(path, role, **headers)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response


def next_of(response: TestResponse) -> str:
    """Where the Link header leads on."""
    address, _, relation = response.headers["Link"].partition(">; ")
    assert relation == 'rel="next"'
    return address.removeprefix("<")


def batch(messages: list[bytes]) -> bytes:
    """These messages as an answer has them."""
    return b"[" + b",".join(messages) + b"]"


def paged(api: Api, path: str) -> list[Any]:
    """The messages after a path's place, followed to the end."""
    found: list[Any] = []
    while (response := read(api, path)).data != b"[]":
        found += response.get_json()
        path = next_of(response)
    return found


def whole_snapshot(api: Api, path: str = SNAPSHOT) -> tuple[str, list[Any]]:
    """(place, diplomas) of a snapshot, followed to its end."""
    places, found = set(), []
    while path:
        response = read(api, path)
        places.add(response.get_json()["place"])
        found += response.get_json()["items"]
        path = next_of(response) if "Link" in response.headers else ""
    (place,) = places
    return place, found


# ── the messages ──


def test_the_very_bytes_that_are_stored_are_served_in_their_order(api: Api, rows: FeedRows) -> None:
    told = rows.tell(lives(Random(1), 40))
    response = read(api)
    assert response.data == batch(told) == batch(rows.all_rows())
    assert response.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert [each["id"] for each in response.get_json()] == [f"{NATIONAL}/1/{n}" for n in range(1, 41)]
    assert response.headers["Cache-Control"] == "no-store"
    assert next_of(response) == f"{ROWS}?after=1/40"


def test_every_size_of_page_gives_the_whole_once(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(2), 23))
    whole = read(api).get_json()
    for limit in (1, 2, 7, 22, 23, 24, 1000):
        assert paged(api, f"{ROWS}?limit={limit}") == whole, limit
        assert paged(api, f"{ROWS}?after=1/9&limit={limit}") == whole[9:], limit


def test_the_link_leads_on_from_the_end_with_what_was_asked(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(3), 3))
    at_end = read(api, f"{ROWS}?after=1/3&limit=2&wait=0")
    assert at_end.data == b"[]"
    assert parse_qs(urlsplit(next_of(at_end)).query) == {"after": ["1/3"], "limit": ["2"], "wait": ["0"]}
    assert next_of(read(api, f"{ROWS}?limit=2")) == f"{ROWS}?after=1/2&limit=2"
    assert read(api, f"{ROWS}?after={START}").data == read(api).data


def test_a_full_page_may_be_kept_for_ever_and_is_not_sent_twice(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(4), 10))
    path = f"{ROWS}?after=1/2&limit=4"
    first = read(api, path)
    assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")
    rows.tell(lives(Random(5), 5))
    again = api.get(path, "partner", If_None_Match=tag)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    assert read(api, path).data == first.data
    assert read(api, f"{ROWS}?after=1/2&limit=3").headers["ETag"] != tag
    part = read(api, f"{ROWS}?after=1/12&limit=4")
    assert part.headers["Cache-Control"] == "no-store"
    assert "ETag" not in part.headers


def test_a_head_is_the_answer_without_its_body(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(5), 3))
    whole, head = read(api), api.app.test_client().head(ROWS, headers=api.headers("partner"))
    assert (head.status_code, head.data, head.headers["Link"]) == (200, b"", whole.headers["Link"])


def test_what_cannot_be_read_names_the_parameter(api: Api, rows: FeedRows, subtests: pytest.Subtests) -> None:
    rows.tell(lives(Random(6), 3))
    places = ("", "42", "1", "0/1", "1/-1", "1/01", "1/1/1", "a/b", "١/٢", "1/1 ", f"1/{'9' * 40}")
    numbers = ("0", "1001", "-1", "", "ten", "1e2", "١٠", "9" * 400)
    wrong = [
        *(("after", ROWS, each) for each in places),
        *(("at", SNAPSHOT, each) for each in places),
        *(("limit", path, each) for path in (ROWS, SNAPSHOT) for each in numbers),
        *(("wait", ROWS, each) for each in ("31", "-1", "", "1.5", "x")),
        ("status", SNAPSHOT, "lost"),
    ]
    for name, path, value in wrong:
        with subtests.test(path=path, name=name, value=value):
            response = api.app.test_client().get(path, query_string={name: value}, headers=api.headers("partner"))
            assert_problem(response, 422, "bad-parameter")
            assert errors_of(response) == [(name, "bad-parameter")]
    assert errors_of(api.get(f"{SNAPSHOT}?at=1/1&after=1/1", "partner")) == [("after", "bad-parameter")]
    assert errors_of(api.get(f"{SNAPSHOT}?after={ident('one')}", "partner")) == [("at", "bad-parameter")]
    assert errors_of(api.get(f"{ROWS}?limits=1", "partner")) == [("limits", "unknown-parameter")]
    assert errors_of(api.get(f"{ROWS}?after=1/1&after=1/2", "partner")) == [("after", "bad-parameter")]


def test_who_has_read_more_than_there_is_hears_what_to_do(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(7), 5))
    for path in (f"{ROWS}?after=1/6", f"{ROWS}?after=2/0&wait=30", f"{SNAPSHOT}?at=1/6", f"{SNAPSHOT}?at=2/0"):
        response = api.get(path, "partner")
        body = assert_problem(response, 409, "feed-behind-reader")
        assert body["place"] == "1/5"
        assert body["errors"][0]["params"].keys() == {"asked", "last"}
    english = api.get(f"{ROWS}?after=1/6", "partner", Accept_Language="en").get_json()
    assert "1/6" in english["title"]
    assert "snapshot" in english["detail"]


# ── who may ──


def test_a_partner_sees_the_feeds_its_scope_has_whole(api: Api, rows: FeedRows, projector_dsn: str) -> None:
    regional = {region: FeedRows(projector_dsn, region) for region in (REGION, OTHER)}
    names = {region: each.feed for region, each in regional.items()}
    seen = {
        login: [each["feed"] for each in read(api, "/v1/feeds", login).get_json()["items"]]
        for login in ("partner", "en_agent", "operator", *(each.login for each in HOLDERS))
    }
    everything = [NATIONAL, names[REGION], names[OTHER]]
    assert seen == {
        "partner": everything, "en_agent": everything, "operator": everything, "leaving partner": everything,
        "regional partner": [names[REGION]], "regional agent": [names[OTHER]], "provincial agent": [],
    }  # fmt: skip
    for login, feeds in seen.items():
        for feed in everything:
            for end in ("", "/snapshot"):
                status = api.get(f"/v1/feeds/{feed}{end}", login).status_code
                assert status == (403 if login == "operator" else 200 if feed in feeds else 404), (login, feed)


def test_a_feed_is_listed_with_its_audience_its_topic_and_its_place(
    api: Api, rows: FeedRows, projector_dsn: str
) -> None:
    rows.tell(lives(Random(8), 4))
    FeedRows(projector_dsn, REGION)
    whole, regional = read(api, "/v1/feeds").get_json()["items"]
    assert (whole["feed"], whole["region"], whole["topic"]) == (NATIONAL, None, "forsa.diploma.events.v1")
    assert whole["place"] == "1/4"
    assert whole["audience"].keys() == {"ar", "fr", "en"}
    assert (regional["region"], regional["place"]) == (REGION, "1/0")
    assert regional["audience"]["fr"] == "Tanger-Tétouan-Al Hoceïma"
    assert whole["links"]["feed"] == ROWS
    for path in whole["links"].values():
        read(api, path)
    mine = read(api, "/v1/feeds", "operator").get_json()["items"][0]["links"]
    assert not {"feed", "snapshot"} & mine.keys()


def test_anothers_feed_and_none_are_the_same_answer(api: Api, projector_dsn: str) -> None:
    other = FeedRows(projector_dsn, OTHER).feed
    for end in ("", "/snapshot", "?after=9/9", "/snapshot?at=9/9"):
        told = []
        for feed in (other, "entraide-nationale-ma-99", "x" * 300):
            response = api.get(f"/v1/feeds/{feed}{end}", "regional partner")
            assert_problem(response, 404, "not-found")
            body = {name: value for name, value in response.get_json().items() if name != "request_id"}
            kept = {name: value for name, value in response.headers if name != "X-Request-Id"}
            told.append((body, kept))
        assert told[0] == told[1] == told[2]


def test_nobody_else_reads_a_feed(api: Api, rows: FeedRows) -> None:
    for role in sorted(api.tokens.keys() - {"partner", "en_agent", "operator", "nobody"} - {h.login for h in HOLDERS}):
        for path in ("/v1/feeds", ROWS, SNAPSHOT):
            assert_problem(api.get(path, role), 403, "not-your-role")
    assert_problem(api.get(ROWS, None), 401, "unauthenticated")
    assert_problem(api.get("/v1/learners", "partner"), 403, "not-your-role")


# ── waiting ──


class Asked:
    """A GET under way in a thread."""

    def __init__(self, api: Api, path: str, role: str = "partner") -> None:
        self.began = time.monotonic()
        self._thread = threading.Thread(target=self._ask, args=(api, path, role))
        self._thread.start()

    def _ask(self, api: Api, path: str, role: str) -> None:
        self._response = api.get(path, role)
        self.seconds = time.monotonic() - self.began

    def answer(self) -> TestResponse:
        """Its answer, once there."""
        self._thread.join(30)
        return self._response


class Watched:
    """The notices, and how many requests wait for one at the moment."""

    def __init__(self, notices: FeedNotices) -> None:
        self._notices, self._now, self.count = notices, 0, notices.count
        self._lock = threading.Lock()

    def wait(self, feed: str, count: int, seconds: float) -> bool:
        with self._lock:
            self._now += 1
        try:
            return self._notices.wait(feed, count, seconds)
        finally:
            with self._lock:
                self._now -= 1

    def until(self, count: int) -> None:
        """Returns as soon as so many wait."""
        end = time.monotonic() + 10
        while self._now != count:
            assert time.monotonic() < end, f"{self._now} wait"
            time.sleep(0.005)


@pytest.fixture
def watched(api: Api) -> Watched:
    """The API's notices from here on."""
    watched = Watched(api.parts.feed_notices)
    api.app = create_app(msgspec.structs.replace(api.parts, feed_notices=watched))
    return watched


def test_who_waits_is_answered_when_the_first_message_is_there(api: Api, rows: FeedRows, watched: Watched) -> None:
    rows.tell(lives(Random(9), 2))
    asked = Asked(api, f"{ROWS}?after=1/2&limit=5&wait=20")
    watched.until(1)
    told = rows.tell(lives(Random(10), 3))
    response = asked.answer()
    assert response.data == batch(told)
    assert asked.seconds < 5
    assert parse_qs(urlsplit(next_of(response)).query) == {"after": ["1/5"], "limit": ["5"], "wait": ["20"]}


def test_nobody_waits_for_what_is_there_and_who_waits_in_vain_gets_an_empty_page(api: Api, rows: FeedRows) -> None:
    told = rows.tell(lives(Random(11), 2))
    asked = Asked(api, f"{ROWS}?wait=30")
    assert asked.answer().data == batch(told)
    assert asked.seconds < 5
    in_vain = Asked(api, f"{ROWS}?after=1/2&wait=1")
    assert (in_vain.answer().status_code, in_vain.answer().data) == (200, b"[]")
    assert 1 <= in_vain.seconds < 5
    assert "Retry-After" not in in_vain.answer().headers


def test_a_few_may_wait_and_whoever_comes_then_is_answered_at_once(api: Api, rows: FeedRows, watched: Watched) -> None:
    path = f"{ROWS}?wait=30"
    logins = ("partner", "en_agent", "leaving partner")
    assert api.parts.feed_waits == len(logins)
    asked = [Asked(api, path, login) for login in logins[:2]]
    watched.until(2)
    assert read(api, path).headers["Retry-After"] == "1"  # it waits already
    asked.append(Asked(api, path, logins[2]))
    watched.until(3)
    started = time.monotonic()
    for login in ("partner", "regional agent"):
        feed = ROWS if login == "partner" else f"{ROWS}-ma-06"
        response = api.get(f"{feed}?wait=30", login)
        assert response.status_code == (200 if login == "partner" else 404)
    assert time.monotonic() - started < 5
    told = rows.tell(lives(Random(12), 1))
    assert [each.answer().data for each in asked] == [batch(told)] * 3
    watched.until(0)
    assert "Retry-After" not in read(api, f"{ROWS}?after=1/1&wait=1").headers


def test_a_waiting_request_holds_no_connection(api: Api, rows: FeedRows, watched: Watched) -> None:
    asked = [Asked(api, f"{ROWS}?wait=20", login) for login in ("partner", "en_agent", "leaving partner")]
    watched.until(3)
    end = time.monotonic() + 10
    while (stand := api.forsa.pool.get_stats())["pool_available"] < stand["pool_size"]:
        assert time.monotonic() < end, stand
    rows.tell(lives(Random(13), 1))
    assert {each.answer().status_code for each in asked} == {200}


def test_messages_are_seen_within_tens_of_milliseconds(api: Api, rows: FeedRows, watched: Watched) -> None:
    path, seconds = f"{ROWS}?wait=20", []
    for number in range(20):
        asked = Asked(api, path)
        watched.until(1)
        rows.tell([awarded(Random(number))])
        written = time.monotonic()
        path = next_of(asked.answer())
        seconds.append(asked.began + asked.seconds - written)
    assert sorted(seconds)[10] < 0.1, seconds


def test_who_loses_their_grant_while_waiting_is_told_nothing(api: Api, rows: FeedRows, watched: Watched) -> None:
    asked = Asked(api, f"{ROWS}?wait=20", "leaving partner")
    watched.until(1)
    revoked = AccessRevoked(on=DAY, by=SYSTEM, grant=HOLDERS[-1].grant)
    api.forsa.event_log.append(Append((NewEvent(OFFICE, api.version(OFFICE) + 1, revoked),)))
    end = time.monotonic() + 10
    while (last := api.get(f"{ROWS}?after=1/0", "leaving partner")).status_code == 200:
        assert time.monotonic() < end, "let in five seconds after"
    assert_problem(last, 403, "not-your-role")
    rows.tell(lives(Random(14), 1))
    assert_problem(asked.answer(), 403, "not-your-role")


def test_a_process_that_ends_answers_who_waits(api: Api, rows: FeedRows) -> None:
    ending = threading.Event()
    watched = Watched(RealNotices(api.forsa.settings.database_url, ending.is_set))
    api.app = create_app(msgspec.structs.replace(api.parts, feed_notices=watched))
    asked = Asked(api, f"{ROWS}?wait=30")
    watched.until(1)
    ending.set()
    assert asked.answer().data == b"[]"
    assert asked.seconds < 5


def test_notices_that_never_come_cost_a_second(api: Api, rows: FeedRows) -> None:
    """The session that listens cannot be made: those who wait read again by themselves."""
    nowhere = conninfo.make_conninfo(api.forsa.settings.database_url, port=1, host="127.0.0.1")
    watched = Watched(RealNotices(nowhere, lambda: False))
    api.app = create_app(msgspec.structs.replace(api.parts, feed_notices=watched))
    asked = Asked(api, f"{ROWS}?wait=20")
    watched.until(1)
    told = rows.tell(lives(Random(15), 1))
    assert asked.answer().data == batch(told)
    assert asked.seconds < 8


def test_the_session_that_listens_is_made_anew(api: Api, rows: FeedRows, watched: Watched, server_dsn: str) -> None:
    asked = Asked(api, f"{ROWS}?wait=20")
    watched.until(1)
    end_sessions = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        until = time.monotonic() + 10
        while not connection.execute(end_sessions, ("forsa feed notices",)).fetchall():
            assert time.monotonic() < until
    told = rows.tell(lives(Random(16), 1))
    assert asked.answer().data == batch(told)
    assert asked.seconds < 8


# ── the snapshot ──


def test_the_snapshot_is_every_diploma_as_of_a_place_annulled_ones_too(api: Api, rows: FeedRows) -> None:
    events = list(lives(Random(17), 60))
    told = rows.tell(events)
    annulled = {str(each.diploma) for each in events if isinstance(each, DiplomaAnnulled)}
    assert annulled
    place, found = whole_snapshot(api)
    assert place == "1/60"
    assert {each["id"]: each for each in found} == register_of(told)
    assert {each["id"] for each in found if each["status"] == "annulled"} == annulled
    assert [each["id"] for each in found] == sorted(each["id"] for each in found)
    for status, wanted in (("in_force", register_of(told).keys() - annulled), ("annulled", annulled)):
        for limit in (3, 1000):
            _, narrowed = whole_snapshot(api, f"{SNAPSHOT}?status={status}&limit={limit}")
            assert {each["id"] for each in narrowed} == wanted


def test_a_snapshot_goes_on_as_of_its_first_page_while_rows_are_written(api: Api, rows: FeedRows) -> None:
    draw = Random(18)
    first = [awarded(draw) for _ in range(12)]
    told = rows.tell(first)
    path, found = f"{SNAPSHOT}?limit=5", []
    while path:
        response = read(api, path)
        assert response.get_json()["place"] == "1/12"
        found += response.get_json()["items"]
        rows.tell([awarded(draw), later(first[len(found) - 1], DiplomaAnnulled, DAY)])
        path = next_of(response) if "Link" in response.headers else ""
    assert {each["id"]: each for each in found} == register_of(told)


def test_a_page_of_a_snapshot_of_a_given_place_may_be_kept(api: Api, rows: FeedRows) -> None:
    rows.tell(lives(Random(19), 30))
    assert read(api, SNAPSHOT).headers["Cache-Control"] == "no-store"
    path = f"{SNAPSHOT}?at=1/20&limit=4"
    kept = read(api, path)
    assert kept.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert api.get(path, "partner", If_None_Match=kept.headers["ETag"]).status_code == 304
    rows.tell(lives(Random(20), 30))
    assert read(api, path).data == kept.data
    assert kept.get_json()["links"]["feed"] == f"{ROWS}?after=1/20"


def test_an_empty_feed_has_an_empty_snapshot(api: Api, rows: FeedRows) -> None:
    assert whole_snapshot(api) == ("1/0", [])
    rows.tell(lives(Random(21), 3))
    assert whole_snapshot(api, f"{SNAPSHOT}?at=1/0") == ("1/0", [])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), parts=st.lists(st.integers(0, 25), min_size=1, max_size=4), limit=st.integers(1, 20))
def test_a_snapshot_and_what_comes_after_it_are_the_whole_feed(
    api: Api, rows: FeedRows, seed: int, parts: list[int], limit: int
) -> None:
    """At every place, at every size of page; also where the feed was told further in between."""
    draw = Random(seed)
    for count in parts:
        rows.tell(lives(draw, count))
    whole = rows.all_rows()
    at = draw.randint(0, len(whole))
    place, found = whole_snapshot(api, f"{SNAPSHOT}?at=1/{at}&limit={limit}")
    held = {each["id"]: each for each in found}
    assert held == register_of(whole[:at])
    tail = paged(api, f"{ROWS}?after={place}&limit={limit}")
    assert held | register_of(msgspec.json.encode(each) for each in tail) == register_of(whole)


# ── epochs ──


def test_a_cut_epoch_is_read_to_where_it_stands_and_on_in_the_next(api: Api, rows: FeedRows) -> None:
    events = list(lives(Random(22), 10))
    told = rows.tell(events)
    opened = rows.open_epoch(6)
    again = rows.tell(events[6:])
    whole = [*told[:6], opened, *again]
    assert read(api).data == batch(whole)
    for limit in (1, 3, 7):
        assert paged(api, f"{ROWS}?limit={limit}") == read(api).get_json()
    assert read(api, "/v1/feeds").get_json()["items"][0]["place"] == "2/5"
    assert read(api, f"{ROWS}?after=1/9").data == batch([opened, *again])  # who has read too much hears it first
    assert msgspec.json.decode(opened)["data"]["stands_until"] == 6
    place, found = whole_snapshot(api, f"{SNAPSHOT}?limit=3")
    assert place == "2/5"
    assert {each["id"]: each for each in found} == register_of(whole)
    assert {each["id"]: each for each in whole_snapshot(api, f"{SNAPSHOT}?at=1/6")[1]} == register_of(told[:6])
    for place in ("1/7", "2/6", "3/0"):
        assert_problem(api.get(f"{SNAPSHOT}?at={place}", "partner"), 409, "feed-behind-reader")


def test_an_epoch_may_be_cut_at_its_start_and_after_its_last(api: Api, rows: FeedRows) -> None:
    events = list(lives(Random(23), 6))
    rows.tell(events)
    rows.open_epoch(0)
    rows.tell(events)
    third = rows.open_epoch(7)
    assert [each["feedepoch"] for each in paged(api, f"{ROWS}?limit=2")] == [2] * 7 + [3]
    assert read(api, f"{ROWS}?after=2/7").data == batch([third])
    assert {each["id"]: each for each in whole_snapshot(api)[1]} == register_of(rows.all_rows())


# ── nobody's name ──


def test_the_feed_says_of_a_diploma_no_more_than_is_public(api: Api, rows: FeedRows) -> None:
    name = "أمينة الإدريسي"
    award = awarded(Random(24), name)
    rows.tell([award, later(award, DiplomaAnnulled, DAY)])
    for path in (ROWS, SNAPSHOT):
        text = read(api, path).get_data(as_text=True)
        assert str(award.partner_reference) in text
        assert not [each for each in (name, str(award.enrolment), str(award.by.actor)) if each in text]
    (held,) = register_of(rows.all_rows()).values()
    assert held.keys() == set(PublicDiploma.__struct_fields__)


def forgotten(api: Api, projector_dsn: str, keys_dsn: str, keyring: Keyring) -> None:
    """The learner has left, and every family of what is known of them is erased."""
    at = f"/v1/learners/{LEARNER}"
    left = {"enrolment": str(ENROLMENT), "exit": "completed", "ended_on": "2026-11-20"}
    api.done(f"{at}/enrolment-ends", {**left, "why": {"code": "paper_arrived_late"}}, "coordinator")
    families = ["identity", "contacts", "sensitive"]
    asked = api.done(f"{at}/erasure-requests", {"families": families, "asked_by": "guardian"}, "coordinator")
    decision = {"erasure": asked["ids"]["erasure"], "families": families, "legal_basis": "consent_withdrawn"}
    api.done(f"{at}/erasure-decisions", decision, "data_protection_officer")
    with closing(Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)) as projector:
        projector.catch_up()
    erasing = Erasing(
        projector_dsn, keys_dsn, api.forsa.event_log, keyring, now=lambda: NOW, settle_seconds=0.0
    )  # fmt: skip
    assert erasing.run().done == 1


def test_an_erased_learners_diploma_stays_and_goes_on_without_a_name(
    api: Api, projector_dsn: str, keys_role_dsn: str, keyring: Keyring
) -> None:
    """DOMAIN rule 20: the register is permanent. The learner is forgotten, and what is told of the diploma is whole."""
    stood_up(api.forsa)
    with closing(FeedWriter(projector_dsn, api.forsa.mapper)) as writer:
        writer.catch_up()
        before = read(api).data
        forgotten(api, projector_dsn, keys_role_dsn, keyring)
        handed = {"diploma": str(DIPLOMA), "recipient": "guardian"}
        api.done(f"/v1/learners/{LEARNER}/diploma-hand-overs", handed, "en_agent")
        writer.catch_up()
    assert read(api, f"{ROWS}?limit=1").data == before
    told = [(each["type"], each["subject"]) for each in read(api).get_json()]
    assert told == [(f"ma.forsa.diploma.{what}.v1", str(DIPLOMA)) for what in ("awarded", "handed-over")]
    _, (held,) = whole_snapshot(api)
    assert (held["status"], held["number"], held["revision"]) == ("in_force", NUMBER, 2)
    shown = read(api).get_data(as_text=True) + read(api, SNAPSHOT).get_data(as_text=True)
    assert not [each for each in ("سلمى", "الزياني", "Salma", "Ziani", str(LEARNER)) if each in shown]

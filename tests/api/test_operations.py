"""What stands around every request: its id, its headers, its line, its turn, its figures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.headers import ALWAYS
from api.meter import Answered
from api.parts import Parts
from api.unread import ADDRESS_TOO_LONG, HEADERS_TOO_LARGE, UNREADABLE, answer_to_unread
from domain.partner_feed import NATIONAL
from projections.feed_writer import FeedWriter
from runtime.buckets import Buckets
from runtime.lately import FRESH_SECONDS, Lately
from runtime.logs import configure_logging
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import api_parts
from tests.api.stack import CENTRE, IDENTIFICATION, Api
from tests.examples.diplomas import awarded, later
from tests.projections.log_of import execute, store

CANARY: Final = "Amina-0612345678"
READ: Final = f"/v1/centres/{CENTRE}"


class Counted:
    """A meter that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Answered] = []

    def answered(self, answered: Answered) -> None:
        self.told.append(answered)


@pytest.fixture
def parts(api: Api, token_key: Any) -> Parts:
    return api_parts(api.forsa, DevelopmentIssuer(token_key, "forsa").verifier())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Every line logged since the last call, as a process of ours writes it."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging("json", verbose=True)

    def lines() -> list[dict[str, Any]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    return lines


def client_of(parts: Parts, **changed: Any) -> FlaskClient:
    """A client of an application with these parts changed."""
    return create_app(msgspec.structs.replace(parts, **changed)).test_client()


def test_a_request_s_id_is_ours_and_its_sender_s_stands_beside_it_where_it_is_a_uuid(
    api: Api, said: Callable[[], list[dict[str, Any]]]
) -> None:
    given = uuid4()
    for sent in (str(given), CANARY, "", "{" + str(given) + "}", str(given) + "0"):
        said()
        made = api.get(READ, X_Request_Id=sent).headers["X-Request-Id"]
        assert UUID(made) != given
        (line,) = [each for each in said() if each["event"] == "answered"]
        assert (line["request_id"], line.get("client_request_id")) == (made, sent if sent == str(given) else None)


def test_no_sender_gives_a_look_another_s_id(api: Api, log_dsn: str) -> None:
    learner = api.done("/v1/learners", IDENTIFICATION)["ids"]["learner"]
    first = api.get(f"/v1/learners/{learner}/events/1", "coordinator")
    second = api.get(f"/v1/learners/{learner}/events/1", "ministry", X_Request_Id=first.headers["X-Request-Id"])
    with psycopg.connect(log_dsn) as owner:
        rows = owner.execute("select request::text, role from records.disclosures order by id").fetchall()
    assert rows == [(first.headers["X-Request-Id"], "coordinator"), (second.headers["X-Request-Id"], "ministry")]
    assert rows[0][0] != rows[1][0]


def test_the_id_a_sender_gave_is_stored_with_what_it_recorded(api: Api) -> None:
    """A correlation id says more, so it goes first; an id of our own making is in the line, with the position."""
    given, larger = uuid4(), uuid4()
    stored = []
    for headers in ({"X_Request_Id": str(given)}, {"X_Request_Id": str(given), "X_Correlation_Id": str(larger)}, {}):
        learner = UUID(api.done("/v1/learners", IDENTIFICATION, **headers)["ids"]["learner"])
        stored.append(api.forsa.event_log.load([learner])[learner].events[0].by.corr)
    assert stored == [given, larger, None]


def test_every_answer_has_every_header(api: Api) -> None:
    for answer in (
        api.get("/livez", None), api.get("/none", None), api.get(READ, None), api.get(READ), api.post(READ),
        api.app.test_client().options(READ), api.app.test_client().head("/livez"),
        api.app.test_client().open("/livez", method="BREW"),
    ):  # fmt: skip
        assert ALWAYS.items() <= dict(answer.headers).items(), answer.status
        assert "Strict-Transport-Security" not in answer.headers
    cached = api.get("/v1/code-lists", None)
    assert cached.headers["Cache-Control"] == "public, max-age=3600", "an answer may say otherwise"


def test_clients_by_https_are_told_to_stay_there(parts: Parts) -> None:
    assert "max-age=" in client_of(parts, https=True).get("/livez").headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("language", "wait"), [("ar", "انتظروا ثانيتين"), ("fr", "Patientez 2 secondes"), ("en", "Wait 2 seconds")]
)
def test_too_many_requests_says_when_to_come_again(parts: Parts, api: Api, language: str, wait: str) -> None:
    client = client_of(parts, wait_of_worker=lambda _: 1.2)
    answer = client.get(READ, headers=api.headers("caseworker", Accept_Language=language))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert wait in answer.get_json()["detail"].replace("\u2068", "").replace("\u2069", "")
    assert client.get("/livez").status_code == 200


def test_a_worker_s_turns_are_their_own_and_cost_nothing_that_was_refused(parts: Parts, api: Api) -> None:
    turns = Buckets[UUID](per_second=1, burst=2, clock=lambda: 0.0)
    client = client_of(parts, wait_of_worker=turns.wait_of)
    asked = [client.get(READ, headers=api.headers(role)).status_code for role in ("caseworker",) * 4 + ("coordinator",)]
    assert asked == [200, 200, 429, 429, 200]
    before = api.position()
    sent = api.headers("caseworker", Idempotency_Key="once")
    assert client.post("/v1/learners", json=dict(IDENTIFICATION), headers=sent).status_code == 429
    assert api.position() == before


def test_a_refused_request_costs_a_turn_and_asks_the_log_for_no_grant(parts: Parts, api: Api) -> None:
    turns = Buckets[UUID](per_second=1, burst=2, clock=lambda: 0.0)
    asked: list[UUID] = []

    def grants_of(worker: UUID, at_least: int) -> Any:
        asked.append(worker)
        return parts.grants_of(worker, at_least)

    client = client_of(parts, wait_of_worker=turns.wait_of, grants_of=grants_of)
    path = f"/v1/learners/{uuid4()}/disclosures"
    told = [client.get(path, headers=api.headers("accountant")).status_code for _ in range(4)]
    assert (told, len(asked)) == ([403, 403, 429, 429], 2)


def test_a_login_that_nobody_has_is_slowed_like_a_stranger(parts: Parts, api: Api) -> None:
    strangers = Buckets[str](per_second=1, burst=2, clock=lambda: 0.0)
    client = client_of(parts, wait_of_stranger=strangers.wait_of)
    assert [client.get(READ, headers=api.headers("nobody")).status_code for _ in range(3)] == [403, 403, 429]
    assert client.get(READ, headers=api.headers("caseworker")).status_code == 200


def test_what_many_ask_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], []

    def ask(question: str) -> str | None:
        asked.append(question)
        return None if question == "nobody" else f"{question} {len(asked)}"

    lately = Lately[str, str | None](ask, lambda: now[0])
    assert [lately.of("a"), lately.of("a")] == ["a 1", "a 1"]
    assert lately.of("a", afresh=True) == lately.of("a") == "a 2"
    now[0] = FRESH_SECONDS
    assert lately.of("a") == "a 3"
    assert [lately.of("nobody"), lately.of("nobody"), len(asked)] == [None, None, 5], "who may just have come"
    monkeypatch.setattr("runtime.lately.MOST", 2)
    lately.of("b")
    assert (lately.of("a"), len(lately._answers)) == ("a 7", 2), "the oldest went"


def test_bad_tokens_of_an_address_are_slowed_and_a_good_one_never(parts: Parts, api: Api) -> None:
    strangers = Buckets[str](per_second=1, burst=2, clock=lambda: 0.0)
    client = client_of(parts, wait_of_stranger=strangers.wait_of)
    bad = [client.get(READ, headers={"Authorization": f"Bearer {CANARY}"}).status_code for _ in range(4)]
    assert bad == [401, 401, 429, 429]
    assert client.get(READ, headers=api.headers("caseworker")).status_code == 200


def test_turns_come_back_and_the_longest_silent_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    turns = Buckets[int](per_second=2, burst=3, clock=lambda: now[0])
    assert [turns.wait_of(1) for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.25
    assert turns.wait_of(1) == 0.25, "asking too early costs nothing"
    now[0] = 0.5
    assert (turns.wait_of(1), turns.wait_of(1)) == (0, 0.5)
    now[0] = 100
    assert [turns.wait_of(1) for _ in range(4)] == [0, 0, 0, 0.5], "no more than the burst comes back"
    monkeypatch.setattr("runtime.buckets.MOST", 2)
    turns.wait_of(2)
    turns.wait_of(3)
    assert len(turns._held) == 2
    assert turns.wait_of(1) == 0, "forgotten, so with all its turns"


def test_a_request_has_one_line_with_ids_and_codes(api: Api, said: Callable[[], list[dict[str, Any]]]) -> None:
    said()
    answer = api.get(f"{READ}?{CANARY}={CANARY}", Accept_Language="fr")
    (line,) = [each for each in said() if each["event"] == "answered"]
    assert line.pop("ms") > 0
    assert line.pop("timestamp")
    assert line == {
        "event": "answered", "level": "info", "logger": "forsa.access",
        "request_id": answer.headers["X-Request-Id"], "method": "GET", "route": "/v1/centres/<uuid:stream>",
        "status": answer.status_code, "code": "unknown-parameter", "worker": line["worker"], "role": "caseworker",
    }  # fmt: skip
    api.get("/livez", None)
    assert [each["level"] for each in said() if each["event"] == "answered"] == ["debug"]


def test_no_line_holds_a_name_a_body_or_a_token(
    api: Api, parts: Parts, said: Callable[[], list[dict[str, Any]]]
) -> None:
    """Also where something fails whose message repeats a value, as a database's may."""

    def fails(error: Exception) -> Callable[..., Any]:
        def raised(*_: object) -> Any:
            raise error

        return raised

    headers = api.headers("caseworker", Idempotency_Key=CANARY, X_Correlation_Id=CANARY, X_Forsa_Role=CANARY)
    body = {"names": [{"given": CANARY}], "sex": CANARY, CANARY: CANARY}
    statuses = [
        api.post(f"/v1/learners/{CANARY}/enrolments", body).status_code,
        api.post("/v1/learners", body).status_code,
        api.post_raw("/v1/learners", f'{{"{CANARY}"'.encode()).status_code,
        api.get(f"/v1/learners?cursor={CANARY}").status_code,
        api.get(READ, None, Authorization=f"Bearer {CANARY}").status_code,
        api.app.test_client().get(READ, headers=headers).status_code,
        client_of(parts, grants_of=fails(ValueError(CANARY))).get(READ, headers=api.headers("caseworker")).status_code,
        client_of(parts, grants_of=fails(psycopg.OperationalError(CANARY)))
        .get(READ, headers=api.headers("caseworker"))
        .status_code,
    ]
    assert statuses == [404, 422, 400, 422, 401, 422, 500, 503]
    lines = said()
    assert [each["status"] for each in lines if each["event"] == "answered"] == statuses
    text = json.dumps(lines, ensure_ascii=False)
    assert CANARY not in text
    assert not [token for token in api.tokens.values() if token in text]
    failed = next(each for each in lines if each["event"] == "request failed")
    assert (failed["error"], failed["level"]) == ("builtins.ValueError", "error")
    assert any(place.startswith("test_operations.py:") for place in failed["at"])
    assert {each["request_id"] for each in lines if each["logger"] == "forsa.api"} <= {
        each["request_id"] for each in lines if each["event"] == "answered"
    }


def test_the_status_says_what_is_not_done_yet_and_names_nobody(api: Api, parts: Parts) -> None:
    said = client_of(parts, erasures_pending=lambda: 2).get("/status").get_json()
    assert said.keys() == {"release", "position", "now", "views", "building", "parked", "erasures_pending", "feeds"}
    assert (said["building"], said["parked"], said["erasures_pending"]) == (len(said["views"]), 0, 2)
    assert said["position"] == api.position()
    assert api.get("/status", None).get_json()["erasures_pending"] == 0


def test_the_status_says_how_far_feeds_are_and_why_one_does_not_go_on(
    api: Api, log_dsn: str, projector_dsn: str
) -> None:
    """To anybody, so it names no partner."""
    store(api.forsa.event_log, (awarded(0), later(1, 1)))

    def told() -> dict[str, Any]:
        (feed,) = api.get("/status", None).get_json()["feeds"]
        return dict(feed)

    before = told()
    assert (before["feed"], before["place"], before["events"], before["published"]) == (NATIONAL, "1/0", 2, None)
    assert before["seconds"] > 0
    with closing(FeedWriter(projector_dsn, api.forsa.mapper)) as writer:
        writer.step()
    stopped = told()
    assert (stopped["place"], stopped["events"], stopped["stopped_by"]) == ("1/1", 1, "AssertionError")
    execute(log_dsn, "insert into records.feed_published (feed, epoch, sequence) select feed, 1, 0 from records.feeds")
    sent = told()
    assert (sent["published"], sent["unpublished_events"], sent["refused"]) == ("1/0", 1, None)


def test_what_is_counted_has_no_id_in_it(api: Api, parts: Parts) -> None:
    meter = Counted()
    client = client_of(parts, meter=meter)
    for path in (f"/v1/centres/{uuid4()}", f"/{CANARY}", "/livez"):
        client.get(path, headers=api.headers("caseworker"))
    client.open("/livez", method=CANARY.upper())
    told = [(each.route, each.method, each.status, each.code) for each in meter.told]
    assert told == [
        ("centres.get-centre", "GET", 404, "not-found"),
        ("none", "GET", 404, "not-found"),
        ("house.live", "GET", 200, None),
        ("none", "other", 405, "method-not-allowed"),
    ]


@pytest.mark.parametrize("code", [UNREADABLE, ADDRESS_TOO_LONG, HEADERS_TOO_LARGE])
def test_the_answer_to_what_is_no_request_is_a_whole_one(code: str, api: Api) -> None:
    head, _, body = answer_to_unread(code).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    explained = api.get(f"/v1/problems/{code}", None).get_json()
    assert lines[0].split()[1] == str(explained["status"])
    assert f"Content-Length: {len(body)}" in lines
    assert {f"{name}: {value}" for name, value in ALWAYS.items()} <= set(lines)
    assert json.loads(body)["title"] == explained["title"]

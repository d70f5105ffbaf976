"""The web server as clients and operators meet it: limits, headers, metrics, a graceful stop, lines without names."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from api.headers import ALWAYS
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import CENTRE, IDENTIFICATION
from tests.runtime.served import (
    Answered,
    Served,
    everything,
    free_port,
    request_of,
    stopped_within,
    value_of,
    web_settings,
)

APPEND_LOCK = 7066
READ = f"/v1/centres/{CENTRE}"  # needs no view


@pytest.fixture
def settings(web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Mapping[str, str]:
    """Settings of a web process over the test's databases, with the test world in them."""
    return web_settings(web_dsn, keys_role_dsn, tmp_path / "token-key.json")


@pytest.fixture
def served(settings: Mapping[str, str], tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, settings) as running:
        yield running


@pytest.fixture
def token(settings: Mapping[str, str]) -> str:
    return DevelopmentIssuer(Path(settings["FORSA_TOKEN_KEY_FILE"]), "forsa").issue("caseworker", int(time.time()))


def identified(served: Served, token: str, **headers: str) -> Answered:
    body = json.dumps(IDENTIFICATION).encode()
    return served.post("/v1/learners", body, token, **{"Idempotency_Key": str(uuid4()), **headers})


def test_what_is_no_request_is_answered_with_a_problem_that_repeats_nothing(served: Served) -> None:
    canary = "Amina-El-Bakkali"
    for raw, status, code in (
        (f"GET /{canary * 400} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "address-too-long"),
        (f"GET / HTTP/1.1\r\nX-Name: {canary * 700}\r\n\r\n", 431, "headers-too-large"),
        ("GET / HTTP/1.1\r\n" + "".join(f"X-{n}: {canary}\r\n" for n in range(70)) + "\r\n", 431, "headers-too-large"),
        (f"{canary}\r\n\r\n", 400, "request-unreadable"),
        (f"GET /?{canary} HTTP/9.9\r\n\r\n", 400, "request-unreadable"),
        (f"GET / HTTP/1.1\r\nBad Header {canary}\r\n\r\n", 400, "request-unreadable"),
    ):
        answer = served.said(raw.encode())
        assert (answer.status, answer.json()["code"]) == (status, code), raw[:40]
        assert canary.encode() not in answer.body
        assert answer.headers.items() >= {name.lower(): value for name, value in ALWAYS.items()}.items()
        assert served.get(f"/v1/problems/{code}").json()["status"] == status
    assert canary not in served.log.read_text()
    assert [line["code"] for line in served.lines() if line["event"] == "not a request"]


def test_every_answer_has_the_headers_and_none_names_a_version(served: Served, token: str) -> None:
    body = b"x" * (1024 * 1024 + 1)
    answers = [
        served.get("/livez"), served.get("/nowhere"), served.get("/v1/learners"), served.get(READ, token),
        served.post("/v1/learners", b"{}", token), served.post("/v1/learners", body, token, Idempotency_Key="a"),
        served.get("/docs"),
    ]  # fmt: skip
    assert [each.status for each in answers] == [200, 404, 401, 200, 400, 413, 200]
    for each in answers:
        page = each is answers[-1]
        own = {"Cache-Control", "Content-Security-Policy"} if page else set()
        wanted = {name.lower(): value for name, value in ALWAYS.items() if name not in own}
        assert each.headers.items() >= wanted.items()
        assert not any(letter.isdigit() for letter in each.headers.get("server", ""))
        assert not [name for name in each.headers if name.startswith("access-control")]
        assert "strict-transport-security" not in each.headers
    assert "frame-ancestors 'none'" in answers[-1].headers["content-security-policy"]


def test_a_request_that_trickles_in_gives_its_thread_back(served: Served, token: str) -> None:
    """Eight threads: eight who send headers or a body byte by byte, or stop in it, keep nobody out for longer."""
    slow = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(8)]
    began = time.monotonic()
    head = {"Content-Type": "application/json", "Idempotency-Key": "slow", "Content-Length": "99"}
    for n, client in enumerate(slow):
        body = request_of("POST", "/v1/learners", token, head) + b"{"
        client.sendall(body if n % 2 else b"GET /livez HTTP/1.1\r\nX-A: ")
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.5):
            for client in slow[:4]:
                with suppress(OSError):
                    client.sendall(b"a")

    threading.Thread(target=trickle, daemon=True).start()
    try:
        assert served.get("/livez").status == 200
        assert time.monotonic() - began < 20
        for client in slow:
            everything(client)  # each was closed by the server
    finally:
        over.set()
        for client in slow:
            client.close()


def test_a_login_that_asks_too_fast_is_told_when_to_come_again(
    settings: Mapping[str, str], tmp_path: Path, token: str
) -> None:
    other = DevelopmentIssuer(Path(settings["FORSA_TOKEN_KEY_FILE"]), "forsa").issue("coordinator", int(time.time()))
    with Served(tmp_path, {**settings, "FORSA_RATE_PER_SECOND": "1", "FORSA_HTTPS": "yes"}) as served:
        answers = [served.get(READ, token) for _ in range(8)]
        assert [each.status for each in answers[:4]] == [200] * 4
        last = answers[-1]
        assert (last.status, last.json()["code"]) == (429, "too-many-requests")
        assert 1 <= int(last.headers["retry-after"]) <= 4
        assert last.headers["strict-transport-security"].startswith("max-age=")
        assert served.get(READ, other).status == 200, "another login has its own share"
        bad = [served.get(READ, "nothing") for _ in range(8)]
        assert (bad[0].status, bad[-1].status) == (401, 429)
        assert served.get(READ, other).status == 200, "a good token of that address is not refused for it"


def test_a_stop_lets_a_request_under_way_end(served: Served, token: str, log_dsn: str) -> None:
    answers: list[Answered] = []
    with psycopg.connect(log_dsn, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", (APPEND_LOCK,))
        asking = threading.Thread(target=lambda: answers.append(identified(served, token)))
        asking.start()
        _wait_for_one_who_waits(holder)
        served.process.send_signal(signal.SIGTERM)
        _wait_until_refused(served)
        assert served.process.poll() is None
        holder.execute("select pg_advisory_unlock(%s)", (APPEND_LOCK,))
        asking.join(20)
    assert [each.status for each in answers] == [201]
    assert stopped_within(served.process, 12) < 12
    assert served.process.returncode == 0


def _wait_for_one_who_waits(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    end = time.monotonic() + 10
    query = "select from pg_locks where locktype = 'advisory' and objid = %s and not granted"
    while connection.execute(query, (APPEND_LOCK,)).fetchone() is None:
        assert time.monotonic() < end, "the append never came to the lock"


def _wait_until_refused(served: Served) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            with served.connected(1) as client:
                client.sendall(request_of("GET", "/livez", None, {}))
                if not everything(client):
                    return
        except OSError:
            return
        assert time.monotonic() < end, "it still answers"


def test_ready_says_no_before_the_door_is_shut(settings: Mapping[str, str], tmp_path: Path) -> None:
    with Served(tmp_path, {**settings, "FORSA_DRAIN_SECONDS": "2"}) as served:
        served.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 2
        while (answer := served.get("/readyz")).json().get("not_ready") != ["stopping"]:
            assert time.monotonic() < end, answer.body
        assert answer.status == 503
        assert served.get("/livez").status == 200
        assert stopped_within(served.process, 15) < 15
        assert served.process.returncode == 0


def test_metrics_count_over_all_workers_and_name_nobody(
    settings: Mapping[str, str], tmp_path: Path, token: str
) -> None:
    port, before = free_port(), _figures()
    with Served(tmp_path, {**settings, "FORSA_METRICS_PORT": str(port)}, workers=2) as served:
        made = [identified(served, token) for _ in range(6)]
        assert [each.status for each in made] == [201] * 6
        for _ in range(4):
            served.get(READ, "not-a-token")
        served.get(f"/v1/learners/{uuid4()}?name=Amina", token)
        shown = _metrics(port)
        assert value_of(shown, "forsa_requests_total", route="learners.identify-learner", status="201") == 6
        assert value_of(shown, "forsa_request_seconds_count", route="learners.identify-learner") == 6
        assert value_of(shown, "forsa_refusals_total", code="unauthenticated") == 4
        assert value_of(shown, "forsa_token_refusals_total") == 4
        assert value_of(shown, "forsa_appends_total", outcome="stored") == 6
        assert value_of(shown, "forsa_events_total") == 6
        assert "forsa_pool_in_use" in shown
        learners = [str(each.json()["ids"]["learner"]) for each in made]
        for secret in ("Amina", "أمينة", token, "not-a-token", "caseworker", *learners):
            assert secret not in shown
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        assert served.get("/metrics").status == 404, "not on the port of the clients"
        assert [path for path in _figures() if path not in before]
    assert [path for path in _figures() if path not in before] == []


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def _figures() -> list[Path]:
    """Where web processes share what they count."""
    return list(Path(tempfile.gettempdir()).glob("forsa-figures-*"))


def test_a_line_a_request_and_no_line_with_a_name(served: Served, token: str) -> None:
    given = str(uuid4())
    made = identified(served, token, X_Request_Id=given)
    assert made.headers["x-request-id"] not in ("", given)
    unread = served.get("/v1/learners/search", token, X_Request_Id="Amina 0612345678")
    assert unread.headers["x-request-id"] not in ("", "Amina 0612345678")
    learner = made.json()["ids"]["learner"]
    served.get(f"/v1/learners/{learner}?q=Amina", token)
    served.post("/v1/learners", b'{"names": [{"given": "Amina"}], "phone": "0612345678"', token, Idempotency_Key="a")
    served.post("/v1/learners", b'{"sex": "0612345678"}', token, Idempotency_Key="Amina")
    served.get("/v1/learners", "0612345678.Amina.token")
    lines = [line for line in served.lines() if line["event"] == "answered" and line["route"] != "none"]
    first = next(line for line in lines if line.get("client_request_id") == given)
    assert first["request_id"] == made.headers["x-request-id"]
    assert (first["method"], first["route"], first["status"]) == ("POST", "/v1/learners", 201)
    assert (first["role"], first["position"]) == ("caseworker", made.json()["position"])
    assert first["ms"] > 0
    codes = {line.get("code") for line in lines}
    assert {"malformed-json", "invalid-body", "unauthenticated"} <= codes
    text = served.log.read_text()
    for secret in ("Amina", "أمينة", "0612345678", token, token.split(".")[2], "127.0.0.1:", learner):
        assert secret not in text.replace(f"127.0.0.1:{served.port}", "").replace(f"('127.0.0.1', {served.port})", "")

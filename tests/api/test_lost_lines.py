"""Clients that lose their answer, and servers and databases that go away under them: over real gunicorn.

The PostgreSQL is this module's own, with fsync, behind a way that can be cut.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runtime.embedded_postgres import EmbeddedPostgres
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import CENTRE, IDENTIFICATION, composed, worker
from tests.runtime.forsa_run import CLI, clean_environment, until
from tests.runtime.served import Answered, Served, request_of
from tests.runtime.servers import Way, ask, environment_of, port_of, prepared

BODY = json.dumps(IDENTIFICATION).encode()
BOUND = 3.0  # seconds within which a database that is away is said to be
LIMITS = "-c lock_timeout=700 -c statement_timeout=900"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with prepared(tmp_path_factory.mktemp("postgres") / "a") as server:
        yield server


@pytest.fixture(scope="module")
def settings(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Of processes on a server with the test world in it."""
    key = tmp_path_factory.mktemp("tokens") / "key.json"
    given = environment_of(server)
    composed(given["FORSA_DATABASE_URL"], given["FORSA_KEYS_DATABASE_URL"], key).close()
    # Whoever retries a hundred times in a second is not who this is about.
    return {**given, "FORSA_TOKEN_KEY_FILE": str(key), "FORSA_RATE_PER_SECOND": "1000"}


@pytest.fixture(scope="module")
def token(settings: Mapping[str, str]) -> str:
    return DevelopmentIssuer(Path(settings["FORSA_TOKEN_KEY_FILE"]), "forsa").issue("caseworker", int(time.time()))


@pytest.fixture(scope="module")
def served(settings: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two web processes."""
    with Served(tmp_path_factory.mktemp("served"), settings, workers=2) as served:
        yield served


def identify(served: Served, token: str, key: str) -> Answered:
    return served.post("/v1/learners", BODY, token, Idempotency_Key=key)


def send_and_leave(served: Served, token: str, key: str) -> None:
    """The request is sent whole; nobody waits for its answer."""
    headers = {"Content-Type": "application/json", "Idempotency_Key": key}
    with served.connected() as client:
        client.sendall(request_of("POST", "/v1/learners", token, headers, BODY))


def position(server: EmbeddedPostgres) -> int:
    return int(ask(server.url("log"), "select coalesce(max(notification_id), 0) from forsa_events"))


def waiting(server: EmbeddedPostgres) -> int:
    """How many appends wait for the lock."""
    query = "select count(*) from pg_locks where locktype = 'advisory' and objid = 7066 and not granted"
    return int(ask(server.url("log"), query))


@contextmanager
def held(server: EmbeddedPostgres) -> Iterator[None]:
    """Somebody holds the append's lock."""
    with psycopg.connect(server.url("log"), autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(7066)")
        yield


# ── answers that were lost ──


def test_a_client_that_lost_its_answer_gets_it_by_asking_again(
    server: EmbeddedPostgres, served: Served, token: str
) -> None:
    before, key = position(server), str(uuid4())
    send_and_leave(served, token, key)
    until(lambda: position(server) == before + 1)
    again, later = identify(served, token, key), identify(served, token, key)
    assert (again.status, again.json()) == (later.status, later.json()) == (201, again.json())
    assert again.json()["position"] == position(server) == before + 1


def test_so_does_one_whose_first_attempt_is_still_under_way(
    server: EmbeddedPostgres, served: Served, token: str
) -> None:
    before, key = position(server), str(uuid4())
    with ThreadPoolExecutor(1) as threads:
        with held(server):
            send_and_leave(served, token, key)
            until(lambda: waiting(server) == 1)
            again = threads.submit(identify, served, token, key)
            until(lambda: waiting(server) == 2)
        assert again.result().status == 201
    assert again.result().json()["position"] == position(server) == before + 1


def test_duplicates_at_once_are_applied_once_and_answered_alike(
    server: EmbeddedPostgres, served: Served, token: str
) -> None:
    before = position(server)
    for _ in range(3):
        key = str(uuid4())
        with ThreadPoolExecutor(8) as threads:
            answers = [each.result() for each in [threads.submit(identify, served, token, key) for _ in range(8)]]
        assert {each.status for each in answers} == {201}
        assert len({each.body for each in answers}) == 1
    assert position(server) == before + 3


# ── processes that are killed ──


def workers_of(served: Served) -> set[int]:
    """Pids of the web processes that gunicorn's master has forked."""
    master = served.process.pid
    return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}


def test_web_processes_that_are_killed_lose_and_double_nothing(
    server: EmbeddedPostgres, served: Served, token: str
) -> None:
    """Killed while the append is under way in the server: their clients ask again, until there is an answer."""
    for _ in range(2):
        before, key, killed = position(server), str(uuid4()), workers_of(served)
        with held(server):
            send_and_leave(served, token, key)
            until(lambda: waiting(server) == 1)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        again = identified_in_time(served, token, key)
        assert again["position"] == position(server) == before + 1
        until(lambda killed=killed: len(workers_of(served) - killed) == 2)  # type: ignore[misc]


def test_an_import_that_is_killed_half_way_is_completed_by_the_same_file(
    server: EmbeddedPostgres, settings: Mapping[str, str], tmp_path: Path
) -> None:
    rows, before, roster = 120, position(server), tmp_path / "roster.csv"
    lines = [f"Amina,Bennis,f,2010-05-{1 + n % 28:02},J{n:09},06{n:08}" for n in range(rows)]
    roster.write_text("\n".join(["given name,family name,sex,birth date,massar,phone", *lines]), encoding="utf-8")
    told = ["--centre", str(CENTRE), "--worker", str(worker("caseworker")), "--mode", "commit", "--json"]
    command, environment = [*CLI, "import", str(roster), *told], clean_environment() | dict(settings)
    for share in (1, 2):
        importing = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        until(lambda share=share: position(server) > before + share * rows // 3)  # type: ignore[misc]
        importing.kill()
        importing.wait()
    assert position(server) < before + 2 * rows, "it was too fast to be killed half way"
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert (done.returncode, report["refused"], report["added"] + report["known"]) == (0, 0, rows)
    claims = "select count(*) from claims where kind = 'massar'"
    new = f"select count(distinct originator_id) from forsa_events where notification_id > {before}"
    assert ask(server.url("log"), claims) == ask(server.url("log"), new) == rows


def identified_in_time(served: Served, token: str, key: str, seconds: float = 60) -> dict[str, Any]:
    """The answer that a client gets in the end, who asks again after a lost line and a 503."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = identify(served, token, key)
        except OSError:
            continue
        finally:
            assert time.monotonic() < end, f"no answer within {seconds} s"
        if answer.status == 201:
            return dict(answer.json())
        assert answer.status in (0, 503), answer.body


# ── a database that is away, or busy ──


def test_a_lock_that_somebody_holds_is_told_in_time_and_stores_nothing(
    server: EmbeddedPostgres, settings: Mapping[str, str], token: str, tmp_path: Path
) -> None:
    slow = environment_of(server, options=LIMITS)
    with Served(tmp_path, {**settings, **{name: slow[name] for name in ("FORSA_DATABASE_URL",)}}) as served:
        before, key = position(server), str(uuid4())
        with held(server):
            began = time.monotonic()
            answer = identify(served, token, key)
            assert (answer.status, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - began < BOUND
        assert position(server) == before
        assert identify(served, token, key).status == 201


@pytest.fixture
def cuttable(
    server: EmbeddedPostgres, settings: Mapping[str, str], tmp_path: Path
) -> Iterator[tuple[Way, Mapping[str, str]]]:
    """Settings of processes whose keys' database is reached by a way that can be cut."""
    with Way(port_of(server)) as way:
        keys = environment_of(server, port=way.port)["FORSA_KEYS_DATABASE_URL"]
        yield way, {**settings, "FORSA_KEYS_DATABASE_URL": keys}


def test_without_the_keys_nothing_personal_is_stored_and_the_rest_goes_on(
    server: EmbeddedPostgres, cuttable: tuple[Way, Mapping[str, str]], token: str, tmp_path: Path
) -> None:
    way, settings = cuttable
    with Served(tmp_path, settings) as served:
        before, key = position(server), str(uuid4())
        way.is_open = False
        way.cut()
        answer = identify(served, token, key)
        assert (answer.status, answer.json()["code"], position(server)) == (503, "unavailable", before)
        ready = served.get("/readyz")
        assert (ready.status, ready.json()["not_ready"]) == (503, ["keys"])
        assert served.get(f"/v1/centres/{CENTRE}", token).status == 200
        way.is_open = True
        assert identify(served, token, key).status == 201


def test_processes_started_while_the_database_is_away_come_up_with_it_and_outlive_its_restarts(
    server: EmbeddedPostgres, settings: Mapping[str, str], token: str, tmp_path: Path
) -> None:
    server.stop()
    try:
        with (tmp_path / "projector").open("w") as said, Served(tmp_path, settings) as served:
            environment = clean_environment() | dict(settings)
            projector = subprocess.Popen([*CLI, "project"], cwd=tmp_path, env=environment, stdout=said, stderr=said)
            try:
                for _ in range(2):
                    _is_alive_and_not_ready(served)
                    assert identify(served, token, "away").status == 503
                    server.start()
                    until(lambda: served.get("/readyz").status == 200)
                    made = identify(served, token, str(uuid4())).json()
                    read = f"/v1/learners/{made['ids']['learner']}/timeline?at_least={made['position']}"
                    until(lambda read=read: served.get(read, token).status == 200)  # type: ignore[misc]
                    assert (projector.poll(), served.process.poll()) == (None, None)
                    server.stop()
            finally:
                projector.terminate()
                projector.wait(30)
    finally:
        server.start()
    assert projector.returncode == 0


def _is_alive_and_not_ready(served: Served) -> None:
    assert served.get("/livez").status == 200
    began = time.monotonic()
    ready = served.get("/readyz")
    assert (ready.status, ready.headers["retry-after"]) == (503, "1")
    assert time.monotonic() - began < BOUND

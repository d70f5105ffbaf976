"""Waiting for a feed at the web server: it keeps nobody out, ends with the process, and goes with the client."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

import psycopg
import pytest

from domain.partner_feed import NATIONAL
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import CENTRE
from tests.feed_rows import FeedRows, lives
from tests.runtime.forsa_run import until
from tests.runtime.served import Answered, Served, request_of, stopped_within, web_settings

ROWS: Final = f"/v1/feeds/{NATIONAL}"
LISTENS: Final = "select from pg_stat_activity where application_name = 'forsa feed notices' and state = 'idle'"


@pytest.fixture
def settings(web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Mapping[str, str]:
    """Settings of a web process over the test's databases, with the test world in them."""
    return web_settings(web_dsn, keys_role_dsn, tmp_path / "token-key.json") | {"FORSA_RATE_PER_SECOND": "0"}


@pytest.fixture
def served(settings: Mapping[str, str], tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, settings) as running:
        yield running


@pytest.fixture
def token(settings: Mapping[str, str]) -> Callable[[str], str]:
    """A token of the worker who holds a role."""
    issuer = DevelopmentIssuer(Path(settings["FORSA_TOKEN_KEY_FILE"]), "forsa")
    return lambda role: issuer.issue(role, int(time.time()))


@pytest.fixture
def someone_waits(log_dsn: str) -> Iterator[Callable[[], None]]:
    """Returns once a request waits: the session that listens is there."""
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        yield lambda: until(lambda: connection.execute(LISTENS).fetchone() is not None)


class Asked:
    """GETs under way, and the answers that came."""

    def __init__(self, served: Served, path: str, tokens: list[str]) -> None:
        self.answers: list[Answered] = []
        asks = [threading.Thread(target=lambda t=each: self.answers.append(served.get(path, t))) for each in tokens]
        self._threads = asks
        for each in asks:
            each.start()

    def all(self) -> list[Answered]:
        """Every answer, in the order they came."""
        for each in self._threads:
            each.join(40)
        return self.answers


def test_those_who_wait_keep_nobody_out(served: Served, token: Callable[[str], str], projector_dsn: str) -> None:
    """Twelve ask eight threads to wait: one of each login does."""
    asked = Asked(served, f"{ROWS}?wait=30", [token("partner"), token("en_agent")] * 6)
    until(lambda: len(asked.answers) == 10)
    assert {(each.body, each.headers["retry-after"]) for each in asked.answers} == {(b"[]", "1")}
    began = time.monotonic()
    assert [served.get(f"/v1/centres/{CENTRE}", token("caseworker")).status for _ in range(5)] == [200] * 5
    assert time.monotonic() - began < 5
    (told,) = FeedRows(projector_dsn).tell(lives(Random(1), 1))
    assert [each.body for each in asked.all()[10:]] == [b"[" + told + b"]"] * 2


def test_a_stop_answers_whoever_waits(
    served: Served, token: Callable[[str], str], someone_waits: Callable[[], None]
) -> None:
    asked = Asked(served, f"{ROWS}?wait=30", [token("partner")])
    someone_waits()
    served.process.send_signal(signal.SIGTERM)
    assert stopped_within(served.process, 8) < 8
    assert served.process.returncode == 0
    assert [(each.status, each.body) for each in asked.all()] == [(200, b"[]")]


def test_a_worker_that_ends_alone_answers_whoever_waits_in_it(
    served: Served, token: Callable[[str], str], someone_waits: Callable[[], None]
) -> None:
    asked = Asked(served, f"{ROWS}?wait=30", [token("partner")])
    someone_waits()
    (worker,) = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
    began = time.monotonic()
    os.kill(int(worker), signal.SIGTERM)
    assert [(each.status, each.body) for each in asked.all()] == [(200, b"[]")]
    assert time.monotonic() - began < 8
    until(lambda: served.get("/readyz").status in (200, 503))
    assert served.get(ROWS, token("partner")).status == 200


def test_a_client_that_hangs_up_waits_no_longer_than_it_asked(
    served: Served, token: Callable[[str], str], someone_waits: Callable[[], None]
) -> None:
    with served.connected() as client:
        client.sendall(request_of("GET", f"{ROWS}?wait=3", token("partner"), {}))
        someone_waits()
    assert "retry-after" in served.get(f"{ROWS}?wait=1", token("partner")).headers
    until(lambda: "retry-after" not in served.get(f"{ROWS}?wait=1", token("partner")).headers, 6)

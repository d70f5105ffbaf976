"""The figures that Prometheus reads: of closed labels, true while a database is away, one port for one owner."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from prometheus_client import generate_latest

from api.meter import Answered
from domain.casebook import Append, CommandKey, NewEvent
from domain.errors import StaleVersion
from projections import ALL_VIEWS
from projections.reading import Views
from runtime.counted import CountedStreams, slow_is_said
from runtime.metrics import MOST_REASONS, ProjectorMetrics, WebMetrics, serve_metrics
from runtime.store import EventLog
from runtime.wiring import reading_pool
from tests.api.stack import composed, world
from tests.runtime.forsa_run import CLI, clean_environment, until
from tests.runtime.served import free_port, value_of


def shown(metrics: WebMetrics | ProjectorMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_requests_are_counted_by_what_they_were_answered() -> None:
    metrics = WebMetrics("1.2.3")
    metrics.look_at({"log": lambda: {"pool_size": 4, "pool_available": 1, "requests_waiting": 2}, "views": dict})
    for status, code, outage in ((200, None, None), (409, "seat-taken", None), (503, "unavailable", "NotDisclosed")):
        metrics.answered(Answered("learners.enrol-learner", "POST", status, code, outage, 0.03))
    text = shown(metrics)
    assert value_of(text, "forsa_requests_total", route="learners.enrol-learner", status="409") == 1
    assert value_of(text, "forsa_request_seconds_bucket", le="0.05") == 3
    assert value_of(text, "forsa_request_seconds_bucket", le="0.025") == 0
    assert value_of(text, "forsa_refusals_total", code="seat-taken") == 1
    assert value_of(text, "forsa_outages_total", error="NotDisclosed") == 1, "a disclosure that was not stored"
    assert (value_of(text, "forsa_pool_in_use", pool="log"), value_of(text, "forsa_pool_waiting", pool="log")) == (3, 2)
    assert value_of(text, "forsa_release", release="1.2.3") == 1


def test_a_flood_of_reasons_makes_no_flood_of_figures() -> None:
    metrics = WebMetrics("1")
    for n in range(1_000):
        metrics.token_refused(f"reason {n}")
    metrics.token_refused("reason 3")
    text = shown(metrics)
    assert value_of(text, "forsa_token_refusals_total") == 1_001
    assert value_of(text, "forsa_token_refusals_total", reason="reason 3") == 2
    assert text.count("forsa_token_refusals_total{") == MOST_REASONS + 1


def test_appends_are_counted_by_their_end_and_a_second_decision_as_one(event_log: EventLog) -> None:
    metrics = WebMetrics("1")
    streams = CountedStreams(event_log, metrics)
    stream, _, event = next(world())
    key = CommandKey(stream, b"key", b"body")
    streams.append(Append((NewEvent(stream, 1, event), NewEvent(stream, 2, event))))
    for _ in range(2):
        with pytest.raises(StaleVersion):
            streams.append(Append((NewEvent(stream, 1, event),), command=key))
    streams.append(Append((NewEvent(stream, 3, event),), command=key))
    text = shown(metrics)
    assert value_of(text, "forsa_appends_total", outcome="stored") == 2
    assert value_of(text, "forsa_appends_total", outcome="StaleVersion") == 2
    assert value_of(text, "forsa_events_total") == 3
    assert value_of(text, "forsa_append_retries_total") == 2
    assert streams.load([stream])[stream].version == 3
    row = streams.find_command(stream, b"key")
    assert row is not None
    assert (row.first_position, streams.find_claim(streams.digest("login", "x"))) == (3, None)


def test_what_is_slow_has_a_line(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = iter((0.0, 1.5, 0.0, 0.5))
    monkeypatch.setattr("runtime.counted.time", SimpleNamespace(monotonic=lambda: next(now)))
    with caplog.at_level(logging.WARNING), slow_is_said("append"):
        pass
    with slow_is_said("load"):
        pass
    (line,) = caplog.records
    assert (line.getMessage(), vars(line)["what"], vars(line)["ms"]) == ("slow", "append", 1500)


@pytest.fixture
def projecting(web_dsn: str, keys_role_dsn: str, projector_dsn: str, tmp_path: Path) -> Mapping[str, str]:
    """Settings of a projector over the test world."""
    composed(web_dsn, keys_role_dsn, tmp_path / "token-key.json").close()
    return {
        "FORSA_DATABASE_URL": web_dsn,
        "FORSA_PROJECTOR_DATABASE_URL": projector_dsn,
        "FORSA_KEYS_DATABASE_URL": keys_role_dsn,
        "FORSA_MASTER_KEY": bytes(32).hex(),
        "FORSA_METRICS_PORT": str(free_port()),
    }


@pytest.fixture
def projector(projecting: Mapping[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**clean_environment(), **projecting}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*CLI, "project"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    yield process
    if process.poll() is None:
        process.terminate()
    process.wait(30)


def asked(port: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return ""


def test_the_projector_says_how_far_each_view_is_and_ends_when_asked(
    projector: subprocess.Popen[bytes], projecting: Mapping[str, str], log_dsn: str, tmp_path: Path
) -> None:
    port = projecting["FORSA_METRICS_PORT"]
    until(lambda: value_of(asked(port), "forsa_projector_position") > 0, 60)
    until(lambda: value_of(asked(port), "forsa_view_lag_events") == 0)
    text = asked(port)
    assert value_of(text, "forsa_database_up") == 1
    assert value_of(text, "forsa_view_lag_seconds") == 0
    assert text.count("forsa_view_parked_streams{") == len(ALL_VIEWS)
    until(lambda: value_of(asked(port), "forsa_feed_position") > 0)
    figures = ("lag_events", "stopped", "epoch")
    assert [value_of(text, f"forsa_feed_{each}", feed="entraide-nationale") for each in figures] == [0, 0, 1]
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute(
            "insert into records.parked (view, version, stream, position, exception)"
            " select view, version, gen_random_uuid(), 1, 'ValueError' from views.view_state limit 1"
        )
    assert value_of(asked(port), "forsa_view_parked_streams") == 1
    for uuid in (str(UUID(int=0))[:8], "-4", "forsa_test"):
        assert f'"{uuid}' not in text
    second = subprocess.run(
        [*CLI, "project"], cwd=tmp_path, env={**clean_environment(), **projecting}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert second.returncode == 3
    assert f"Port {port} is taken" in second.stderr
    began = time.monotonic()
    projector.send_signal(signal.SIGTERM)
    assert projector.wait(10) == 0
    assert time.monotonic() - began < 5
    said = (tmp_path / "log").read_text()
    assert '"event": "current"' in said
    assert '"position": ' in said


def test_a_database_that_is_away_is_said() -> None:
    pool = reading_pool(f"postgresql://nobody@127.0.0.1:{free_port()}/none?connect_timeout=1", 1)
    try:
        text = shown(ProjectorMetrics(Views(pool), "1"))
    finally:
        pool.close()
    assert value_of(text, "forsa_database_up") == 0
    assert "forsa_view_lag_events{" not in text


def test_nothing_but_the_metrics_is_served() -> None:
    metrics, port = WebMetrics("1"), free_port()
    serve_metrics(metrics.registry, "127.0.0.1", port)
    assert "forsa_release" in asked(str(port))
    for path in ("/", "/metrics/../etc/passwd", "/livez"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(request, timeout=5)

"""`forsa receive` as an operator starts it: the partners' grants from the log, health, metrics, what was set aside."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from domain.casebook import Append, NewEvent
from domain.organisation import AccessGranted
from domain.partner_receipts import REASONS, RECEIPTS_TOPIC
from runtime.cli import main
from runtime.cli.ending import PROBLEMS, UNAVAILABLE
from runtime.local_kafka import LocalKafka
from runtime.wiring import Forsa
from tests.api.stack import DAY, SYSTEM, ident
from tests.consumers.receipts_sent import binary, event_of, send, set_feed, structured, wait_until_taken
from tests.feed_rows import FeedRows
from tests.runtime.forsa_run import CLI, clean_environment, until
from tests.runtime.served import free_port

NATIONAL_PARTNER, REGIONAL, NOBODY = ident("national partner"), ident("regional partner"), ident("nobody")
OFFICE = ident("delegation")


@pytest.fixture
def granted(forsa: Forsa) -> None:
    """A partner of the whole country, and one of a region."""
    scopes = {NATIONAL_PARTNER: ("national", ""), REGIONAL: ("region", "MA-06")}
    events = [
        AccessGranted(on=DAY, by=SYSTEM, grant=ident(f"grant {partner}"), subject=partner, role="partner", scope=scope,
                      scope_id=scope_id, purpose="duty", valid_from=DAY)
        for partner, (scope, scope_id) in scopes.items()
    ]  # fmt: skip
    forsa.event_log.append(Append(tuple(NewEvent(OFFICE, n, event) for n, event in enumerate(events, 1))))


@pytest.fixture
def settings(
    environment: Mapping[str, str], own_kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Those of a process that reads receipts from a broker of its own."""
    more = {
        "FORSA_KAFKA_BOOTSTRAP": own_kafka.bootstrap,
        "FORSA_KAFKA_REPLICATION": "1",
        "FORSA_METRICS_PORT": str(free_port()),
    }
    for name, text in more.items():
        monkeypatch.setenv(name, text)
    return {**environment, **more}


@pytest.fixture
def receiving(settings: Mapping[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`forsa receive`."""
    with (tmp_path / "log").open("w") as log:
        environment = {**clean_environment(), **settings}
        process = subprocess.Popen([*CLI, "receive"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait()


@pytest.mark.usefixtures("granted", "forsa")
def test_receipts_are_applied_by_the_grants_of_the_log(
    settings: Mapping[str, str],
    own_kafka: LocalKafka,
    receiving: subprocess.Popen[bytes],
    log_dsn: str,
    projector_dsn: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_feed(log_dsn, 9)
    region = FeedRows(projector_dsn, "MA-06").feed
    set_feed(log_dsn, 5, region)
    sent = [
        binary(NATIONAL_PARTNER, event_of(NATIONAL_PARTNER, "a", 3)),
        structured(REGIONAL, event_of(REGIONAL, "a", 5, feed=region)),
        binary(REGIONAL, event_of(REGIONAL, "b", 3)),
        binary(NOBODY, event_of(NOBODY, "a", 3)),
    ]
    send(own_kafka.bootstrap, RECEIPTS_TOPIC, sent)
    wait_until_taken(log_dsn, RECEIPTS_TOPIC, len(sent))
    until(lambda: main(["health", "receipts"]) == 0)
    capsys.readouterr()

    assert main(["receipts", "--json"]) == PROBLEMS
    parked = json.loads(capsys.readouterr().out)
    assert [each["reason"] for each in parked] == ["unknown-partner", "not-your-feed"]
    assert all("body" not in each and "key" not in each for each in parked)
    assert main(["receipts", "--reason", "not-your-feed", "--body"]) == PROBLEMS
    assert str(REGIONAL) in capsys.readouterr().out

    said = metrics(settings["FORSA_METRICS_PORT"])
    assert said["forsa_receipts_applied_total"] == 2
    assert said['forsa_receipts_parked_total{reason="not-your-feed"}'] == 1
    assert said[f'forsa_partner_lag_events{{feed="entraide-nationale",partner="{NATIONAL_PARTNER}"}}'] == 6
    assert said[f'forsa_partner_lag_events{{feed="{region}",partner="{REGIONAL}"}}'] == 0
    assert (
        said[f'forsa_partner_lag_events{{feed="{region}",partner="{NATIONAL_PARTNER}"}}'] == 5
    )  # silent: of its feeds
    assert f'forsa_partner_lag_events{{feed="entraide-nationale",partner="{REGIONAL}"}}' not in said

    receiving.terminate()
    assert receiving.wait(10) == 0
    assert main(["health", "receipts"]) == UNAVAILABLE


@pytest.mark.usefixtures("environment")
def test_an_unknown_reason_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipts", "--reason", "no-such"]) == 2
    said = capsys.readouterr().err
    assert all(reason in said for reason in REASONS)
    assert main(["receipts"]) == 0
    assert "none" in capsys.readouterr().out


def metrics(port: str) -> dict[str, float]:
    """Each figure by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines if each[0] != "#")}

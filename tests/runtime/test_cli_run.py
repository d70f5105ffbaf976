"""`forsa run`: one command starts all of it, keeps it running, and takes all of it along when it ends."""

import json
import os
import signal
import subprocess
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from runtime.cli.running import _kafka
from runtime.development import read_env_lines
from runtime.kafka_jars import find_lack
from tests.runtime.forsa_run import CLI, ForsaRun, clean_environment, processes_in, until


def test_a_first_start_serves_a_seeded_system_and_a_later_one_finds_it(tmp_path: Path) -> None:
    with ForsaRun(tmp_path) as first:
        first.wait_until_welcome()
        _says_how_to_reach_it(first)
        _shows_the_demo(tmp_path)
        _refuses_a_second_run(tmp_path)
        _is_found_well(tmp_path)
        assert first.end(signal.SIGINT) == 0
    assert processes_in(tmp_path) == []
    with ForsaRun(tmp_path) as later:
        later.wait_until_welcome()
        assert "Loading" not in later.said()
        assert later.end(signal.SIGTERM) == 0
    assert processes_in(tmp_path) == []


def _says_how_to_reach_it(running: ForsaRun) -> None:
    said = running.said()
    assert f"http://127.0.0.1:{running.port}" in said
    assert "curl" in said
    for role in ("caseworker", "educator", "coordinator", "provincial_directorate", "en_agent", "ministry"):
        assert f"\n{role} " in said


def _shows_the_demo(directory: Path) -> None:
    tokens = directory / "var" / "dev-tokens.env"
    for private in (tokens, directory / "var" / "settings.env", directory / "var" / "master-key"):
        assert private.stat().st_mode & 0o777 == 0o600
    held = read_env_lines(tokens)
    request = urllib.request.Request(
        f"{held['BASE']}/v1/learners?limit=100", headers={"Authorization": f"Bearer {held['TOKEN_CASEWORKER']}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert len(json.load(answer)["items"]) == 39  # one of the forty goes on at the other centre


def _refuses_a_second_run(directory: Path) -> None:
    second = subprocess.run(
        [*CLI, "run"], cwd=directory, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (second.returncode, "runs in var already" in second.stderr) == (3, True)


def _is_found_well(directory: Path) -> None:
    """On the durable server and with the projector that it started."""
    asked = [*CLI, "doctor", "--json"]
    done = subprocess.run(asked, cwd=directory, env=clean_environment(), capture_output=True, text=True, check=False)
    assert [each for each in json.loads(done.stdout) if not each["is_well"]] == []
    assert done.returncode == 0


def test_what_is_killed_comes_back_and_nothing_outlives_a_run_that_was_killed(tmp_path: Path) -> None:
    with ForsaRun(tmp_path, "--no-demo") as running:
        running.wait_until_welcome()
        before = running.children()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: before.keys() == running.children().keys() and not set(before.values()) & _pids(running))
        until(lambda: running.get("/readyz") == 200)
        until(partial(_is_healthy, tmp_path, "projector"))
        running.end(signal.SIGKILL)
    until(lambda: processes_in(tmp_path) == [])


@pytest.mark.skipif(find_lack() is not None, reason=str(find_lack()))
def test_with_kafka_a_broker_of_its_own_comes_back_with_the_rest(tmp_path: Path) -> None:
    with ForsaRun(tmp_path, "--no-demo", "--kafka") as running:
        running.wait_until_welcome()
        kafka = read_env_lines(tmp_path / "var/dev-tokens.env")["KAFKA_BOOTSTRAP"]
        settings = read_env_lines(tmp_path / "var/settings.env")
        assert (settings["FORSA_KAFKA_BOOTSTRAP"], settings["FORSA_KAFKA_REPLICATION"]) == (kafka, "1")
        assert kafka in running.said()
        for process in ("publisher", "receipts"):
            until(partial(_is_healthy, tmp_path, process))
        before = running.children()
        assert before.keys() == {"serve", "project", "publish", "receive", "kafka.Kafka"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: before.keys() == running.children().keys() and not set(before.values()) & _pids(running))
        for process in ("publisher", "receipts"):
            until(partial(_is_healthy, tmp_path, process))
        assert running.end(signal.SIGTERM) == 0
    assert processes_in(tmp_path) == []


def test_kafka_that_is_named_is_used_and_none_is_started(tmp_path: Path) -> None:
    named = {"KAFKA_BOOTSTRAP": "kafka.example:9092"}
    with _kafka(tmp_path, named, wanted=True) as settings:
        assert settings == {"FORSA_KAFKA_BOOTSTRAP": "kafka.example:9092", "FORSA_KAFKA_REPLICATION": "1"}
    real = {**named, "FORSA_TOKEN_ISSUER": "https://login.example", "FORSA_KAFKA_BOOTSTRAP": "other.example:9092"}
    with _kafka(tmp_path, real, wanted=True) as settings:
        assert settings == {"FORSA_KAFKA_BOOTSTRAP": "other.example:9092"}
    with _kafka(tmp_path, real, wanted=False) as settings:
        assert settings == {}
    assert list(tmp_path.iterdir()) == []


def _pids(running: ForsaRun) -> set[int]:
    return set(running.children().values())


def _is_healthy(directory: Path, process: str) -> bool:
    asked = [*CLI, "health", process]
    return not subprocess.run(
        asked, cwd=directory, env=clean_environment(), capture_output=True, check=False
    ).returncode

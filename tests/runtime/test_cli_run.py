"""`forsa run`: one command starts all of it, keeps it running, and takes all of it along when it ends."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.development import read_env_lines
from tests.runtime.forsa_run import CLI, ForsaRun, clean_environment, processes_in, until


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every test of this module runs Forsa, one after the other."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def forsa(directory: Path) -> Iterator[ForsaRun]:
    with ForsaRun(directory) as running:
        running.wait_until_welcome()
        yield running


def test_a_first_start_serves_a_seeded_system_and_says_how_to_reach_it(forsa: ForsaRun, directory: Path) -> None:
    said = forsa.said()
    assert f"http://127.0.0.1:{forsa.port}" in said
    assert "curl" in said
    for role in ("caseworker", "educator", "coordinator", "provincial_directorate", "en_agent", "ministry"):
        assert f"\n{role} " in said
    tokens = directory / "var" / "dev-tokens.env"
    for private in (tokens, directory / "var" / "settings.env", directory / "var" / "master-key"):
        assert private.stat().st_mode & 0o777 == 0o600
    held = read_env_lines(tokens)
    request = urllib.request.Request(
        f"{held['BASE']}/v1/learners?limit=100", headers={"Authorization": f"Bearer {held['TOKEN_CASEWORKER']}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert len(json.load(answer)["items"]) == 40


def test_a_later_start_is_ready_within_five_seconds(directory: Path) -> None:
    started = time.monotonic()
    with ForsaRun(directory) as running:
        running.wait_until_welcome()
        assert time.monotonic() - started < 5
        assert "Loading" not in running.said()


def test_what_is_killed_comes_back(forsa: ForsaRun) -> None:
    for name in ("serve", "project"):
        killed = forsa.children()[name]
        os.kill(killed, signal.SIGKILL)
        until(lambda name=name, killed=killed: forsa.children().get(name, killed) != killed)  # type: ignore[misc]
    until(lambda: forsa.get("/readyz") == 200)
    healthy = [*CLI, "health", "projector"]
    environment = clean_environment()
    until(lambda: subprocess.run(healthy, cwd=forsa.directory, env=environment, check=False).returncode == 0)


def test_a_second_run_in_the_same_directory_is_refused(forsa: ForsaRun) -> None:
    second = subprocess.run(
        [*CLI, "run"], cwd=forsa.directory, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (second.returncode, "runs in var already" in second.stderr) == (3, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it(directory: Path, number: int) -> None:
    with ForsaRun(directory) as running:
        running.wait_until_welcome()
        assert running.end(number) == 0
    assert processes_in(directory) == []


def test_nothing_outlives_a_run_that_was_killed(directory: Path) -> None:
    with ForsaRun(directory) as running:
        running.wait_until_welcome()
        running.end(signal.SIGKILL)
    until(lambda: processes_in(directory) == [])

"""docker-compose.yml works: its commands and environment against a real PostgreSQL, judged by its own health checks."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.embedded_postgres import EmbeddedPostgres
from runtime.settings import KNOWN

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LONG_RUNNING = [name for name, service in SERVICES.items() if service.get("image", "").startswith("forsa")]
LONG_RUNNING.remove("migrate")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own, as in compose: the roles' passwords are the compose file's. Migrated by its own command."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("compose"), fast=True) as server:
        done = run("migrate", SERVICES["migrate"]["command"], server, port=0)
        assert done.returncode == 0, done.stderr
        yield server


def environment_of(service: str, server: EmbeddedPostgres, port: int) -> dict[str, str]:
    """The service's settings with its defaults filled in, on this machine's addresses; none of ours shines through."""
    address = re.search(r"postgres:(.+)@(.+)/", server.url())
    assert address is not None
    given, places = (
        {"POSTGRES_PASSWORD": address[1]},
        {"postgres:5432": address[2], "/var/lib/forsa": str(server.directory)},
    )
    settings = {
        name: re.sub(r"\$\{(\w+):?-(.*?)\}", lambda variable: given.get(variable[1], variable[2]), value)
        for name, value in SERVICES[service]["environment"].items()
    }
    for place, local_place in places.items():
        settings = {name: value.replace(place, local_place) for name, value in settings.items()}
    if "FORSA_PORT" in settings:
        settings |= {"FORSA_HOST": "127.0.0.1", "FORSA_PORT": str(port)}
    return settings | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def local(command: list[str]) -> list[str]:
    """The image's `forsa` is this checkout's."""
    assert command[0] == "forsa"
    return [sys.executable, "-m", "runtime.cli", *command[1:]]


def run(service: str, command: list[str], server: EmbeddedPostgres, port: int) -> subprocess.CompletedProcess[str]:
    environment = environment_of(service, server, port)
    return subprocess.run(
        local(command), env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_service_becomes_healthy_and_ends_cleanly_when_asked(
    service: str, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    check = SERVICES[service]["healthcheck"]["test"]
    assert check[0] == "CMD"
    assert run(service, check[1:], server, port).returncode != 0, "healthy before it runs"
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            local(SERVICES[service]["command"]),
            env=environment_of(service, server, port), cwd="/", stdout=output, stderr=output,
        )  # fmt: skip
    try:
        end = time.monotonic() + 30
        while (last := run(service, check[1:], server, port)).returncode != 0:
            assert process.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < end, last.stdout + last.stderr + (tmp_path / "output").read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
    assert code == 0, (tmp_path / "output").read_text()


@pytest.mark.parametrize("service", [*LONG_RUNNING, "migrate"])
def test_every_setting_of_a_service_is_one_we_read(service: str) -> None:
    assert set(SERVICES[service]["environment"]) <= KNOWN


def test_every_image_is_pinned_and_every_service_is_watched() -> None:
    for name, service in SERVICES.items():
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        assert name == "migrate" or "healthcheck" in service, name


def test_nothing_starts_before_the_migrations_are_done() -> None:
    for name in LONG_RUNNING:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_port_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)

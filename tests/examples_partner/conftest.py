"""A web server over a feed, a topic that is published to, and the partner's program beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from consumers.brokers import Broker
from consumers.diploma_publisher import publish_waiting
from domain.partner_feed import NATIONAL
from runtime.tokens import DevelopmentIssuer
from tests.examples_partner.program import Program
from tests.feed_rows import FeedRows
from tests.runtime.served import Served, web_settings


@pytest.fixture
def settings(web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Mapping[str, str]:
    """Of a web process over the test's databases, with the test world in them."""
    return web_settings(web_dsn, keys_role_dsn, tmp_path / "token-key.json")


@pytest.fixture
def served(settings: Mapping[str, str], tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, settings) as running:
        yield running


@pytest.fixture
def token(settings: Mapping[str, str]) -> str:
    """A partner's."""
    return DevelopmentIssuer(Path(settings["FORSA_TOKEN_KEY_FILE"]), "forsa").issue("partner", int(time.time()))


@pytest.fixture
def rows(projector_dsn: str) -> FeedRows:
    """The national feed, empty."""
    return FeedRows(projector_dsn)


Start = Callable[..., Program]


@pytest.fixture
def start(served: Served, token: str, tmp_path: Path) -> Iterator[Start]:
    """Starts the program in a directory of this name; its processes are ended with the test."""
    started: list[Program] = []

    def start_one(name: str, *arguments: str, **environ: str) -> Program:
        url = f"http://127.0.0.1:{served.port}"
        started.append(Program(tmp_path / name, "--url", url, *arguments, **{"token": token, **environ}))
        return started[-1]

    yield start_one
    for each in started:
        each.__exit__()


@pytest.fixture
def publish(log_dsn: str, kafka: str, topic: str) -> Callable[[], int]:
    """What waits in the table is in the test's own topic."""
    return lambda: publish_waiting(log_dsn, Broker(bootstrap=kafka, replication=1), NATIONAL, topic)

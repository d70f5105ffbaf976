"""While a database is away: 503 with a time to come back, alive but not ready, and nothing of why in the answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import api_parts, compose
from tests.api.stack import IDENTIFICATION, settings_of


@pytest.fixture
def cut_off(token_key: Path) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """A client of an API whose databases nobody listens at, and headers with a good token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"postgresql://nobody:secret@127.0.0.1:{free.getsockname()[1]}/log"
    settings = msgspec.structs.replace(settings_of(at, at.replace("/log", "/keys"), token_key), pool_size=1)
    issuer = DevelopmentIssuer(token_key, "forsa")
    forsa = compose(settings)
    headers = {"Authorization": f"Bearer {issuer.issue('caseworker', int(time.time()))}", "Idempotency-Key": "k"}
    yield create_app(api_parts(forsa, issuer.verifier())).test_client(), headers
    forsa.close()


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(
    cut_off: tuple[FlaskClient, dict[str, str]],
) -> None:
    client, headers = cut_off
    response = client.post("/v1/learners", json=IDENTIFICATION, headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (503, "unavailable")
    assert response.headers["Retry-After"] == "1"
    assert "secret" not in response.get_data(as_text=True)


def test_it_is_alive_and_not_ready(cut_off: tuple[FlaskClient, dict[str, str]]) -> None:
    client, _ = cut_off
    assert client.get("/livez").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["not_ready"]) == (503, ["log"])

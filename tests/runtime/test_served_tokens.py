"""Tokens as the running server meets them: keys that rotate under it, headers that come twice or are too long."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.api.stack import CENTRE
from tests.runtime.forsa_run import until
from tests.runtime.issuer import NEXT, key_set
from tests.runtime.served import Answered, Served
from tests.runtime.token_examples import CLAIMS, HEADER, KEY, OTHER, RAW, signed

READ = f"/v1/centres/{CENTRE}"
REAL = "https://login.example.ma"
REFUSED, BELIEVED = (401, "unauthenticated"), (403, "login-not-bound")  # its logins are nobody's here


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set(KEY))
    return path


@pytest.fixture
def served(web_dsn: str, keys_role_dsn: str, keys: Path, tmp_path: Path) -> Iterator[Served]:
    settings: Mapping[str, str] = {
        "FORSA_DATABASE_URL": web_dsn,
        "FORSA_KEYS_DATABASE_URL": keys_role_dsn,
        "FORSA_MASTER_KEY": bytes(32).hex(),
        "FORSA_TOKEN_ISSUER": REAL,
        "FORSA_TOKEN_JWKS_FILE": str(keys),
    }
    with Served(tmp_path, settings, workers=2) as running:
        yield running


def token(kid: str, raw: Ed25519PrivateKey, padding: int = 0) -> str:
    now = int(time.time())
    claims = {**CLAIMS, "iss": REAL, "iat": now, "exp": now + 600, "padding": "x" * padding}
    return signed({**HEADER, "kid": kid}, claims, raw)


def heard(answer: Answered) -> tuple[int, str]:
    return answer.status, str(answer.json()["code"])


def test_keys_rotate_under_a_running_server(served: Served, keys: Path) -> None:
    old, new = token("k1", RAW), token("k2", OTHER)
    assert (heard(served.get(READ, old)), heard(served.get(READ, new))) == (BELIEVED, REFUSED)
    process = served.process.pid
    keys.with_suffix(".new").write_bytes(key_set(NEXT))
    keys.with_suffix(".new").replace(keys)
    until(lambda: heard(served.get(READ, new)) == BELIEVED, 5)
    until(lambda: heard(served.get(READ, old)) == REFUSED, 5)  # by each of the workers
    assert served.process.pid == process
    assert served.process.poll() is None
    assert {line.get("reason") for line in served.lines() if line["event"] == "token refused"} == {"kid"}


def test_two_headers_are_refused_and_the_longest_token_is_judged(served: Served) -> None:
    good = token("k1", RAW)
    assert heard(served.get(READ, token("k1", RAW, padding=5600))) == BELIEVED
    assert heard(served.get(READ, "x" * 8192)) == REFUSED
    twice = f"GET {READ} HTTP/1.1\r\nHost: forsa\r\nConnection: close\r\n" + f"Authorization: Bearer {good}\r\n" * 2
    assert heard(served.said(f"{twice}\r\n".encode())) == REFUSED
    assert heard(served.get(f"{READ}?access_token={good}")) == REFUSED


def test_a_megabyte_is_not_even_read(served: Served) -> None:
    assert heard(served.get(READ, "x" * 1_000_000)) == (431, "headers-too-large")
    for text in served.log.read_text().splitlines():
        assert len(text) < 1000

"""Forsa as a process composes it, on the test's empty databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.settings import read_settings
from runtime.wiring import Forsa, compose
from tests.runtime.forsa_run import clean_environment

NOON: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def forsa(request: pytest.FixtureRequest, web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Iterator[Forsa]:
    """With the rights of the web process, at noon of a day in autumn, or at the moment given as its parameter."""
    moment: datetime = getattr(request, "param", NOON)
    settings = read_settings(
        {
            "FORSA_DATABASE_URL": web_dsn,
            "FORSA_KEYS_DATABASE_URL": keys_role_dsn,
            "FORSA_MASTER_KEY": "00" * 32,
            "FORSA_TOKEN_KEY_FILE": str(tmp_path / "key.json"),
        }
    )
    forsa = compose(settings, now=lambda: moment)
    yield forsa
    forsa.close()


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    web_dsn: str,
    projector_dsn: str,
    log_dsn: str,
    keys_role_dsn: str,
) -> dict[str, str]:
    """The settings of a process on the test's empty databases, and nothing else, in the environment."""
    for name in clean_environment().keys() ^ os.environ.keys():
        monkeypatch.delenv(name, raising=False)
    settings = {
        "FORSA_DATABASE_URL": web_dsn,
        "FORSA_KEYS_DATABASE_URL": keys_role_dsn,
        "FORSA_PROJECTOR_DATABASE_URL": projector_dsn,
        "FORSA_OWNER_DATABASE_URL": log_dsn,
        "FORSA_MASTER_KEY": "00" * 32,
        "FORSA_TOKEN_KEY_FILE": str(tmp_path / "token-key.json"),
    }
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    return settings

"""The API's fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projections.projector import Projector
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import Api, composed


@pytest.fixture(scope="session")
def token_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development issuer's key, one a test process."""
    return tmp_path_factory.mktemp("tokens") / "token-key.json"


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Api]:
    """The API over an empty store but for the world."""
    forsa = composed(web_dsn, keys_role_dsn, token_key)
    yield Api(forsa, DevelopmentIssuer(token_key, "forsa"))
    forsa.close()


@pytest.fixture
def project(api: Api, projector_dsn: str) -> Iterator[Callable[[], int]]:
    """Brings every view up to date."""
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    projector.catch_up()
    yield projector.catch_up
    projector.close()

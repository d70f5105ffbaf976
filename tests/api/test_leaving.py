"""A token says who asks, never what they may do: that the grants of today do, in every process within five seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.tail import OLDEST_SECONDS
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import compose
from tests.api.stack import CENTRE, NOW, Api, ident, settings_of, worker

PATH = f"/v1/centres/{CENTRE}"


@pytest.fixture
def other(web_dsn: str, keys_role_dsn: str, token_key: Path, api: Api) -> Iterator[Api]:
    """Another web process of the same store, which knows the grants already."""
    forsa = compose(settings_of(web_dsn, keys_role_dsn, token_key), now=lambda: NOW)
    found = Api(forsa, DevelopmentIssuer(token_key, "forsa"))
    assert found.get(PATH).status_code == 200
    yield found
    forsa.close()


def is_shut_out(api: Api, began: float, code: str) -> bool:
    """Whether this token hears the 403 of this code within its time, and nothing but 403 once it heard one."""
    heard: list[tuple[int, str | None]] = []
    while (403, code) not in heard and time.monotonic() - began < OLDEST_SECONDS:
        response = api.get(PATH)
        heard.append((response.status_code, response.get_json().get("code")))
    statuses = [status for status, _ in heard]
    return (403, code) in heard and statuses == sorted(statuses)


def test_a_token_does_nothing_more_within_five_seconds_of_its_grants_end(api: Api, other: Api) -> None:
    assert api.get(PATH).status_code == 200
    revoked = {"grant": str(ident("caseworker caseworker")), "why": {"code": "post_left"}}
    api.done(f"/v1/organisations/{ident('association')}/revocations", revoked, "operator")
    began = time.monotonic()
    for process in (api, other):
        assert is_shut_out(process, began, "not-your-role")
    assert api.get(PATH, "educator").status_code == 200, "nobody else's"


def test_a_leavers_login_is_nobodys_within_five_seconds(api: Api, other: Api) -> None:
    assert api.get(PATH).status_code == 200
    api.done(f"/v1/workers/{worker('caseworker')}/leavings", {"left_on": "2026-11-22"}, "operator")
    began = time.monotonic()
    for process in (api, other):
        assert is_shut_out(process, began, "login-not-bound")

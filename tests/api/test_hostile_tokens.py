"""Whatever a token is wrong in, its sender hears the same; why it was refused stands in our log only."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.app import create_app
from runtime.key_sources import url_keys
from runtime.tokens import REASONS, TokenVerifier
from runtime.wiring import Forsa, api_parts
from tests.api.stack import CENTRE, composed
from tests.runtime.issuer import serving
from tests.runtime.token_examples import ACCEPTED, AUDIENCE, HOSTILE, ISSUER, NOW, good, verifier

PATH = f"/v1/centres/{CENTRE}"
GOOD = good()
# What stands in the header where no hostile token is needed: the token in it is good.
HEADERS: Mapping[str, str] = {
    "no scheme": GOOD,
    "scheme alone": "Bearer",
    "scheme and spaces": "Bearer   ",
    "another scheme": f"Basic {GOOD}",
    "DPoP": f"DPoP {GOOD}",
    "JWT": f"JWT {GOOD}",
    "Bearer twice": f"Bearer Bearer {GOOD}",
    "two tokens": f"Bearer {GOOD} {GOOD}",
    "two headers, as a server joins them": f"Bearer {GOOD},Bearer {GOOD}",
    "two headers, a space between": f"Bearer {GOOD}, Bearer {GOOD}",
    "with a parameter": f'Bearer {GOOD}, realm="forsa"',
    "as a parameter": f"Bearer token={GOOD}",
    "in quotes": f'Bearer "{GOOD}"',
    "a tab between": f"Bearer\t{GOOD}",
    "a tab after": f"Bearer {GOOD}\t",
    "a hard space before": f"Bearer \xa0{GOOD}",
    "a hard space after": f"Bearer {GOOD}\xa0",
    "a next line after": f"Bearer {GOOD}\x85",
    "a space before the scheme": f" Bearer {GOOD}",
    "a colon": f"Bearer: {GOOD}",
}


@pytest.fixture
def forsa(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Forsa]:
    forsa = composed(web_dsn, keys_role_dsn, token_key)
    yield forsa
    forsa.close()


@pytest.fixture
def app(forsa: Forsa) -> Flask:
    """The API for the issuer whose tokens these are, at their moment."""
    return create_app(api_parts(forsa, verifier()))


def asked(app: Flask, authorization: str | None, path: str = PATH, **more: Any) -> TestResponse:
    """The answer where a server hands on exactly this header."""
    given = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}
    return app.test_client().get(path, environ_overrides=given, **more)


def shape(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but the id of its request."""
    request_id = response.headers["X-Request-Id"]
    headers = [(name, value) for name, value in response.headers if name != "X-Request-Id"]
    return response.status_code, headers, response.get_data().replace(request_id.encode(), b"")


def test_every_hostile_token_hears_what_no_token_hears(
    app: Flask, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    """Medians at the verifier, microseconds: a wrong form 3, a wrong header or key id 10, all else 140."""
    caplog.set_level(logging.INFO)
    nothing = asked(app, None)
    assert (nothing.status_code, nothing.get_json()["code"]) == (401, "unauthenticated")
    assert nothing.headers["WWW-Authenticate"] == 'Bearer realm="forsa"'
    assert len(HOSTILE) + len(HEADERS) >= 60
    sent = {
        name: f"Bearer {token}" for name, token in HOSTILE.items() if name != "a space before"
    }  # it is the header's
    for name, header in {**sent, **HEADERS}.items():
        with subtests.test(name):
            assert shape(asked(app, header)) == shape(nothing)
    told = {record.__dict__.get("reason") for record in caplog.records if record.name == "runtime.wiring"}
    assert told == REASONS, "the log tells them apart"


def test_a_good_token_is_heard(app: Flask, subtests: pytest.Subtests) -> None:
    spelt = {scheme: f"{scheme} {GOOD}" for scheme in ("Bearer", "bearer", "BEARER", "Bearer  ")}
    for name, header in {**{name: f"Bearer {token}" for name, token in ACCEPTED.items()}, **spelt}.items():
        with subtests.test(name):
            assert asked(app, header).status_code == 200


def test_a_token_anywhere_else_is_not_read(app: Flask, subtests: pytest.Subtests) -> None:
    bearer = f"Bearer {GOOD}"
    places: dict[str, dict[str, Any]] = {
        "query": {"query_string": {"access_token": GOOD}},
        "query, as a header": {"query_string": {"Authorization": bearer}},
        "cookie": {"headers": {"Cookie": f"access_token={GOOD}; Authorization={bearer}; token={GOOD}"}},
        "body": {"data": {"access_token": GOOD}},
        "a proxy's header": {"headers": {"Proxy-Authorization": bearer, "X-Forwarded-Authorization": bearer}},
        "a header of its own": {"headers": {"X-Access-Token": GOOD, "X-Auth-Token": GOOD, "Token": GOOD}},
    }
    for name, more in places.items():
        with subtests.test(name):
            assert shape(asked(app, None, **more)) == shape(asked(app, None))


def test_two_headers_are_none(app: Flask) -> None:
    both = [("Authorization", f"Bearer {GOOD}"), ("Authorization", f"Bearer {GOOD}")]
    assert shape(app.test_client().get(PATH, headers=both)) == shape(asked(app, None))


def test_a_login_bound_to_nobody_is_told_so_and_not_refused_as_a_token(app: Flask) -> None:
    response = asked(app, f"Bearer {good(sub='nobody')}")
    assert (response.status_code, response.get_json()["code"]) == (403, "login-not-bound")


def test_nothing_of_a_token_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for token in (good(sub="canary-7391"), good(exp=1, sub="canary-7391"), good({"kid": "canary-7391"})):
        asked(app, f"Bearer {token}")
        assert not any(part in caplog.text for part in ("canary-7391", *token.split(".")))


def test_where_no_keys_can_be_had_it_is_an_outage_and_no_refusal(forsa: Forsa) -> None:
    with serving() as issuer:
        app = create_app(api_parts(forsa, TokenVerifier(ISSUER, AUDIENCE, url_keys(issuer.url), now=lambda: NOW)))
        response = asked(app, f"Bearer {GOOD}")
    assert (response.status_code, response.get_json()["code"]) == (503, "unavailable")
    assert response.headers["Retry-After"]
    assert asked(app, "Bearer x").status_code == 401
    assert asked(app, None, "/livez").status_code == 200

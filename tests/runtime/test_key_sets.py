"""Nothing that an issuer's source says makes us trust a key that is not one of its Ed25519 signature keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from runtime.key_sources import LARGEST_BYTES, URL_SECONDS, BadKeySet, KeysUnavailable, key_set_of, url_keys
from tests.runtime.issuer import (
    NEW_TOKEN,
    NEXT,
    OLD_TOKEN,
    Clock,
    Issuer,
    believed,
    certificate,
    key_set,
    said,
    saying,
    serving,
)
from tests.runtime.token_examples import KEY, public


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        found.says(KEY)
        yield found


RSA, EC = RSAKey.generate_key(2048).as_dict(private=False), ECKey.generate_key("P-256").as_dict(private=False)
OF_OTHER_KINDS = [dict(RSA), dict(EC), public(OKPKey.generate_key("Ed448")), public(OKPKey.generate_key("X25519"))]


def of(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


EVIL = {
    "huge": saying(of(public(NEXT)) + b" " * LARGEST_BYTES),
    "huge and cut": saying(b" " * LARGEST_BYTES + of(public(NEXT))),
    "not JSON": saying(b"<html>keys</html>"),
    "a thousand brackets": saying(b'{"x":' + b"[" * 100_000),
    "a list": saying(b"[]"),
    "no keys": saying(b"{}"),
    "empty": saying(of()),
    "nothing": saying(b""),
    "shorter than it says": saying(key_set(NEXT), headers={"Content-Length": "5000"}),
    "another status": saying(key_set(NEXT), 404),
    "no content": saying(key_set(NEXT), 204),
    "a fault": saying(key_set(NEXT), 500),
    "not HTTP": lambda request: request.wfile.write(key_set(NEXT)) and None,
    "RSA only": saying(of(dict(RSA))),
    "other kinds only": saying(of(*OF_OTHER_KINDS)),
    "a private key": saying(of(dict(NEXT.as_dict(private=True)))),
    "a private key beside a good one": saying(of(public(NEXT), dict(KEY.as_dict(private=True)))),
    "a shared secret": saying(of(public(NEXT), dict(OctKey.import_key(b"x" * 32).as_dict(private=True)))),
    "two of one name": saying(of(public(NEXT), {**public(KEY), "kid": "k2"})),
    "for encryption": saying(of({**public(NEXT), "use": "enc"})),
    "for another algorithm": saying(of({**public(NEXT), "alg": "ES256"})),
    "to sign with, not to verify": saying(of({**public(NEXT), "key_ops": ["sign"]})),
    "too short": saying(of({**public(NEXT), "x": "AAAA"})),
    "with loose bits": saying(of({**public(NEXT), "x": public(NEXT)["x"][:-1] + "9"})),
    "without a point": saying(of({"kty": "OKP", "crv": "Ed25519", "kid": "k2"})),
    "a name that is a number": saying(of({**public(NEXT), "kid": 2})),
}


@pytest.mark.parametrize("answer", EVIL.values(), ids=EVIL)
def test_what_is_no_key_set_of_ours_replaces_no_good_keys(
    issuer: Issuer, clock: Clock, answer: Callable[[BaseHTTPRequestHandler], None], caplog: pytest.LogCaptureFixture
) -> None:
    source = url_keys(issuer.url, clock)
    assert believed(source, OLD_TOKEN)
    issuer.answer = answer
    clock.now += URL_SECONDS
    assert not believed(source, NEW_TOKEN)
    assert believed(source, OLD_TOKEN)
    assert len(said(caplog)) == 1
    assert str(public(NEXT)["x"]) not in caplog.text


@pytest.mark.parametrize("key", [NEXT, RSAKey.generate_key(2048), OctKey.import_key(b"x" * 32)])
def test_an_issuer_that_shows_a_secret_is_told_so(key: OKPKey | RSAKey | OctKey) -> None:
    with pytest.raises(BadKeySet, match="private key"):
        key_set_of(of(public(KEY), dict(key.as_dict(private=True))))


def test_a_redirect_is_not_followed(issuer: Issuer, clock: Clock) -> None:
    with serving() as other:
        other.says(NEXT)
        issuer.answer = saying(b"", 302, {"Location": other.url})
        with pytest.raises(KeysUnavailable):
            believed(url_keys(issuer.url, clock), NEW_TOKEN)
        assert other.asked == []


def test_no_proxy_of_the_environment_is_asked(issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        proxy.says(NEXT)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert not believed(url_keys(issuer.url, clock), NEW_TOKEN)
        assert proxy.asked == []


def test_keys_of_other_kinds_are_left_out() -> None:
    found = key_set_of(of(*OF_OTHER_KINDS, public(KEY), {**public(NEXT), "use": "sig", "alg": "EdDSA"}))
    assert len(found) == 2
    unnamed = {name: value for name, value in public(KEY).items() if name != "kid"}
    assert key_set_of(of(unnamed)).find(None) is not None


def test_https_is_believed_from_whom_we_know_by_its_own_name_only(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, expected in (("localhost", True), ("login.example", False)):
        vouched, context = certificate(tmp_path, name)
        with serving(context) as issuer:
            issuer.says(KEY)
            with pytest.raises(KeysUnavailable):
                believed(url_keys(issuer.url, clock), OLD_TOKEN)
            monkeypatch.setenv("SSL_CERT_FILE", str(vouched))
            if expected:
                assert believed(url_keys(issuer.url, clock), OLD_TOKEN)
            else:
                with pytest.raises(KeysUnavailable):
                    believed(url_keys(issuer.url, clock), OLD_TOKEN)

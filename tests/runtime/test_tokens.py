"""Which tokens prove a login, and which issuer counts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey, RSAKey

from runtime.key_sources import BadKeySet, KeySet
from runtime.settings import DEVELOPMENT_ISSUER, Settings, read_settings
from runtime.tokens import (
    REASONS,
    DevelopmentIssuer,
    DevelopmentRefused,
    Login,
    TokenRefused,
    TokenVerifier,
    development_issuer,
    token_verifier,
)
from tests.runtime.token_examples import (
    ACCEPTED,
    AUDIENCE,
    HOSTILE,
    ISSUER,
    KEY,
    NOW,
    OF_FORM,
    OTHER,
    SUBJECT,
    good,
    public,
    verifier,
    without,
)

REAL = "https://login.example"


@pytest.mark.parametrize("token", ACCEPTED.values(), ids=ACCEPTED)
def test_a_token_of_the_issuer_proves_its_login(token: str) -> None:
    assert verifier().verify(token) == Login(ISSUER, SUBJECT)


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        verifier().verify(token)
    assert str(refused.value) == refused.value.reason, "the reason quotes nothing of the token"
    assert refused.value.reason in REASONS


def test_what_is_no_token_by_its_form_is_not_even_parsed() -> None:
    """Nothing of it reaches a reader of JSON or a library."""
    for token in OF_FORM.values():
        with pytest.raises(TokenRefused, match=r"size|form"):
            verifier().verify(token)


def test_of_two_keys_the_token_must_name_its_own() -> None:
    keys = KeySet([KEY, OKPKey.import_key(OTHER, {"kid": "k2"})])
    found = TokenVerifier(ISSUER, AUDIENCE, keys, now=lambda: NOW)
    assert found.verify(good()).subject == SUBJECT
    for token in (without("kid", header=True), good({"kid": "k2"})):
        with pytest.raises(TokenRefused):
            found.verify(token)


# ---- which issuer counts


def test_a_development_token_is_verified_by_its_own_issuer(tmp_path: Path) -> None:
    file = tmp_path / "var" / "token.jwk"
    issuer = DevelopmentIssuer(file, AUDIENCE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    token = DevelopmentIssuer(file, AUDIENCE).issue("worker-7", NOW)
    assert issuer.verifier(now=lambda: NOW).verify(token) == Login(DEVELOPMENT_ISSUER, "worker-7")
    other = DevelopmentIssuer(tmp_path / "other.jwk", AUDIENCE)
    for stranger in (verifier(), other.verifier(now=lambda: NOW)):
        with pytest.raises(TokenRefused):
            stranger.verify(token)


def settings_with(keys: Path, *found: dict[str, object]) -> Settings:
    keys.write_text(json.dumps({"keys": found}))
    return read_settings({"FORSA_TOKEN_ISSUER": REAL, "FORSA_TOKEN_JWKS_FILE": str(keys)})


def test_settings_say_which_issuer_counts(tmp_path: Path) -> None:
    rsa = RSAKey.generate_key(2048).as_dict(private=False)
    settings = settings_with(tmp_path / "jwks.json", dict(rsa), public(KEY))
    with pytest.raises(TokenRefused, match="expired"):  # the real clock is past these days
        token_verifier(settings).verify(good(iss=REAL, iat=1, exp=2))
    with pytest.raises(TokenRefused, match="issuer"):
        token_verifier(settings).verify(good(iat=1, exp=2))
    development = read_settings({"FORSA_TOKEN_KEY_FILE": str(tmp_path / "token.jwk")})
    with pytest.raises(TokenRefused, match="expired"):
        token_verifier(development).verify(development_issuer(development).issue("worker-7", now=1))


@pytest.mark.parametrize("keys", [[], [{"kty": "OKP", "crv": "Ed448", "x": "AA"}], [public(KEY), public(KEY)]])
def test_whoever_starts_with_a_file_of_no_keys_is_told_so(tmp_path: Path, keys: list[dict[str, object]]) -> None:
    with pytest.raises(BadKeySet, match="the issuer's keys"):
        token_verifier(settings_with(tmp_path / "jwks.json", *keys))


def test_development_tokens_are_refused_where_a_real_issuer_is_configured(tmp_path: Path) -> None:
    by_address = read_settings({"FORSA_TOKEN_ISSUER": REAL, "FORSA_TOKEN_JWKS_URL": f"{REAL}/keys.json"})
    for settings in (settings_with(tmp_path / "jwks.json", public(KEY)), by_address):
        with pytest.raises(DevelopmentRefused, match="FORSA_TOKEN_ISSUER"):
            development_issuer(settings)
    with pytest.raises(DevelopmentRefused, match="FORSA_TOKEN_KEY_FILE"):
        development_issuer(read_settings({}))

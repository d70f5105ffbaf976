from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from runtime.settings import DEVELOPMENT_ISSUER, read_settings
from runtime.tokens import (
    LEEWAY_SECONDS,
    SIZE_LIMIT_BYTES,
    DevelopmentIssuer,
    DevelopmentRefused,
    Login,
    TokenRefused,
    TokenVerifier,
    development_issuer,
    token_verifier,
)

NOW = 1_790_000_000
ISSUER, AUDIENCE = "https://login.example", "forsa"
RAW = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = OKPKey.import_key(RAW, {"kid": "k1"})
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "k1"})
HEADER: dict[str, Any] = {"alg": "Ed25519", "typ": "at+jwt", "kid": "k1"}
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "worker-7", "iat": NOW - 10, "exp": NOW + 600}
PUBLIC_TEXTS = [
    RAW.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    RAW.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    json.dumps(KEY.as_dict(private=False)).encode(),
]
VERIFIER = TokenVerifier(ISSUER, AUDIENCE, [KEY], now=lambda: NOW)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: str | dict[str, Any], claims: str | dict[str, Any], raw: Ed25519PrivateKey = RAW) -> str:
    """A token with exactly these texts, signed rightly whatever they say."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in (header, claims)]
    signing = ".".join(b64(text.encode("utf-8", "surrogatepass")) for text in texts)
    return f"{signing}.{b64(raw.sign(signing.encode()))}"


def good(header: dict[str, Any] | None = None, **claims: Any) -> str:
    return signed({**HEADER, **(header or {})}, {**CLAIMS, **claims})


def without(name: str, header: bool = False) -> str:
    part = {key: value for key, value in (HEADER if header else CLAIMS).items() if key != name}
    return signed(part, CLAIMS) if header else signed(HEADER, part)


def with_algorithm(alg: str, key: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[alg])
    return jws.serialize_compact({**HEADER, "alg": alg}, json.dumps(CLAIMS), key, registry=registry)


def hmac_signed(alg: str, secret: bytes) -> str:
    """By hand: the library itself refuses to sign with a public key as the secret."""
    import hashlib
    import hmac

    signing = f"{b64(json.dumps({**HEADER, 'alg': alg}).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    return f"{signing}.{b64(hmac.digest(secret, signing.encode(), getattr(hashlib, 'sha' + alg[2:])))}"


def unsigned(alg: str) -> str:
    return f"{b64(json.dumps({**HEADER, 'alg': alg}).encode())}.{b64(json.dumps(CLAIMS).encode())}."


ACCEPTED = {
    "as the issuer makes it": good(),
    "the older name of the algorithm": good({"alg": "EdDSA"}),
    "the long name of the type": good({"typ": "application/at+JWT"}),
    "one of two audiences": good(aud=["other", AUDIENCE]),
    "no kid, one key": without("kid", header=True),
    "expired within the leeway": good(exp=NOW - LEEWAY_SECONDS + 1),
    "long, within the limit": good(padding="x" * 5500),
    "issued a little ahead of our clock": good(iat=NOW + LEEWAY_SECONDS),
}
REFUSED = {
    "empty": "",
    "one part": "abc",
    "two parts": "a.b",
    "four parts": good() + ".x",
    "five parts, encrypted": "a.b.c.d.e",
    "not ascii": good() + "é",
    "not base64": "?." + good().split(".", 1)[1],
    "padded": good() + "==",
    "a space before": " " + good(),
    "a line end after": good() + "\n",
    "a megabyte": "a" * 1_000_000,
    "over the limit, rightly signed": good(padding="x" * SIZE_LIMIT_BYTES),
    "a megabyte, rightly signed": good(padding="x" * 1_000_000),
    "one byte over the limit": good() + "A" * (SIZE_LIMIT_BYTES + 1 - len(good())),
    "none": unsigned("none"),
    "None": unsigned("None"),
    "no signature": good().rpartition(".")[0] + ".",
    **{f"HS256 with the public key, form {i}": hmac_signed("HS256", each) for i, each in enumerate(PUBLIC_TEXTS)},
    "HS512 with the public key": hmac_signed("HS512", PUBLIC_TEXTS[0]),
    "HS256 with an empty secret": hmac_signed("HS256", b""),
    "HS256 of a stranger": with_algorithm("HS256", OctKey.import_key(bytes(32))),
    "ES256 of a stranger": with_algorithm("ES256", ECKey.generate_key("P-256")),
    "RS256 of a stranger": with_algorithm("RS256", RSAKey.generate_key(2048)),
    "Ed448 of a stranger": with_algorithm("Ed448", OKPKey.generate_key("Ed448")),
    "signed by another key": signed(HEADER, CLAIMS, Ed25519PrivateKey.from_private_bytes(bytes(32))),
    "signature of another token": good().rpartition(".")[0] + "." + good(sub="x").rpartition(".")[2],
    "unknown kid": good({"kid": "k2"}),
    "kid that is a path": good({"kid": "../../dev/null"}),
    "kid that is a number": good({"kid": 1}),
    "kid that is null": good({"kid": None}),
    "its own key in the header": good({"jwk": STRANGER.as_dict(private=False)}),
    "its own key, signed with it": jws.serialize_compact(
        {**HEADER, "jwk": STRANGER.as_dict(private=False)},
        json.dumps(CLAIMS),
        STRANGER,
        registry=jws.JWSRegistry(algorithms=["Ed25519"]),
    ),
    "jku": good({"jku": "https://evil.example/keys.json"}),
    "x5u": good({"x5u": "https://evil.example/cert.pem"}),
    "x5c": good({"x5c": ["AAAA"]}),
    "crit unknown": good({"crit": ["exp"], "exp": NOW}),
    "crit empty": good({"crit": []}),
    "crit b64": good({"crit": ["b64"], "b64": False}),
    "cty": good({"cty": "JWT"}),
    "zip": good({"zip": "DEF"}),
    "typ JWT": good({"typ": "JWT"}),
    "typ of an identity token": good({"typ": "id_token+jwt"}),
    "typ null": good({"typ": None}),
    "typ absent": without("typ", header=True),
    "alg absent": without("alg", header=True),
    "alg a list": good({"alg": ["Ed25519"]}),
    "header twice the same name": signed('{"alg":"none","alg":"Ed25519","typ":"at+jwt","kid":"k1"}', CLAIMS),
    "header a list": signed("[]", CLAIMS),
    "header a thousand brackets": signed("[" * 4000, CLAIMS),
    "claims a list": signed(HEADER, "[]"),
    "claims a thousand brackets": signed(HEADER, "[" * 4000),
    "claims no JSON": signed(HEADER, "x"),
    "claims NaN": signed(HEADER, json.dumps({**CLAIMS, "exp": float("nan")})),
    "claims twice the same name": signed(HEADER, json.dumps(CLAIMS)[:-1] + ', "sub": "someone-else"}'),
    "twice the same name inside": signed(HEADER, json.dumps(CLAIMS)[:-1] + ', "act": {"a": 1, "a": 2}}'),
    **{f"{name} absent": without(name) for name in CLAIMS},
    **{f"{name} null": good(**{name: None}) for name in CLAIMS},
    "wrong issuer": good(iss="https://login.example/"),
    "issuer a list": good(iss=[ISSUER]),
    "wrong audience": good(aud="other"),
    "audience that begins alike": good(aud="forsa-staging"),
    "audience a mapping": good(aud={AUDIENCE: 1}),
    "expired": good(exp=NOW - LEEWAY_SECONDS),
    "expiry a text": good(exp=str(NOW + 600)),
    "expiry true": good(exp=True),
    "expiry infinite": signed(HEADER, json.dumps(CLAIMS)[:-1].replace(str(NOW + 600), "1e999") + "}"),
    "issued in the future": good(iat=NOW + LEEWAY_SECONDS + 1),
    "not yet valid": good(nbf=NOW + LEEWAY_SECONDS + 1),
    "subject empty": good(sub=""),
    "subject a number": good(sub=7),
    "subject with NUL": good(sub="a\x00b"),
    "subject with a lone surrogate": good(sub="a\ud800"),
    "subject too long": good(sub="a" * 256),
}


@pytest.mark.parametrize("token", ACCEPTED.values(), ids=ACCEPTED)
def test_a_token_of_the_issuer_proves_its_login(token: str) -> None:
    assert VERIFIER.verify(token) == Login(ISSUER, "worker-7")


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        VERIFIER.verify(token)
    assert len(str(refused.value)) < 40, "the reason quotes nothing of the token"


def test_of_two_keys_the_token_must_name_its_own() -> None:
    second = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(bytes(32)), {"kid": "k2"})
    verifier = TokenVerifier(ISSUER, AUDIENCE, [KEY, second], now=lambda: NOW)
    assert verifier.verify(good()).subject == "worker-7"
    for token in (without("kid", header=True), good({"kid": "k2"})):
        with pytest.raises(TokenRefused):
            verifier.verify(token)


def test_only_ed25519_keys_verify() -> None:
    for keys in ([], [OKPKey.generate_key("Ed448", {"kid": "k1"})], [KEY, STRANGER]):
        with pytest.raises(ValueError, match="keys"):
            TokenVerifier(ISSUER, AUDIENCE, keys)


# ---- where the keys come from


def test_a_development_token_is_verified_by_its_own_issuer(tmp_path: Path) -> None:
    file = tmp_path / "var" / "token.jwk"
    issuer = DevelopmentIssuer(file, AUDIENCE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    token = DevelopmentIssuer(file, AUDIENCE).issue("worker-7", NOW)
    assert issuer.verifier(now=lambda: NOW).verify(token) == Login(DEVELOPMENT_ISSUER, "worker-7")
    with pytest.raises(TokenRefused):
        VERIFIER.verify(token)
    other = DevelopmentIssuer(tmp_path / "other.jwk", AUDIENCE)
    with pytest.raises(TokenRefused):
        other.verifier(now=lambda: NOW).verify(token)


def test_settings_say_which_issuer_counts(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    rsa = RSAKey.generate_key(2048).as_dict(private=False)
    keys.write_text(json.dumps({"keys": [rsa, KEY.as_dict(private=False)]}))
    given = {"FORSA_TOKEN_ISSUER": ISSUER, "FORSA_TOKEN_JWKS_FILE": str(keys)}
    with pytest.raises(TokenRefused, match="expired"):  # the real clock is past these days, or before them
        token_verifier(read_settings(given)).verify(good(iat=1, exp=2))
    development = read_settings({"FORSA_TOKEN_KEY_FILE": str(tmp_path / "token.jwk")})
    with pytest.raises(TokenRefused, match="expired"):
        token_verifier(development).verify(development_issuer(development).issue("worker-7", now=1))


def test_development_tokens_are_refused_where_a_real_issuer_is_configured(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    settings = read_settings({"FORSA_TOKEN_ISSUER": ISSUER, "FORSA_TOKEN_JWKS_FILE": str(keys)})
    with pytest.raises(DevelopmentRefused, match="FORSA_TOKEN_ISSUER"):
        development_issuer(settings)
    with pytest.raises(DevelopmentRefused, match="FORSA_TOKEN_KEY_FILE"):
        development_issuer(read_settings({}))

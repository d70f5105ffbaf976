"""Tokens, good and hostile, of an issuer whose key is known here. Each says what is odd about it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from runtime.key_sources import KeySet
from runtime.settings import DEVELOPMENT_ISSUER
from runtime.tokens import LEEWAY_SECONDS, LONGEST_SECONDS, SIZE_LIMIT_BYTES, TokenVerifier

NOW: Final = 1_790_000_000
ISSUER, AUDIENCE, SUBJECT = DEVELOPMENT_ISSUER, "forsa", "caseworker"
RAW: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY: Final = OKPKey.import_key(RAW, {"kid": "k1"})
STRANGER: Final = OKPKey.import_key(OTHER, {"kid": "k1"})
ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's group
HEADER: Final[dict[str, Any]] = {"alg": "Ed25519", "typ": "at+jwt", "kid": "k1"}
CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": SUBJECT,
    "client_id": "console",
    "jti": "t-1",
    "iat": NOW - 10,
    "exp": NOW + 600,
}
PUBLIC_TEXTS: Final = [
    RAW.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    RAW.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    json.dumps(KEY.as_dict(private=False)).encode(),
]


def verifier() -> TokenVerifier:
    """Verifies these tokens, at a fixed moment."""
    return TokenVerifier(ISSUER, AUDIENCE, KeySet([KEY]), now=lambda: NOW)


def b64(raw: bytes) -> str:
    """As a token spells bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(segment: str) -> bytes:
    """The bytes of a segment."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def signed(
    header: str | bytes | dict[str, Any], claims: str | bytes | dict[str, Any], raw: Ed25519PrivateKey = RAW
) -> str:
    """A token of exactly these texts, signed rightly whatever they say."""
    return signed_as_spelt(".".join(b64(_bytes(each)) for each in (header, claims)), raw)


def signed_as_spelt(signing: str, raw: Ed25519PrivateKey = RAW) -> str:
    """The same of two segments that are spelt already."""
    return f"{signing}.{b64(raw.sign(signing.encode()))}"


def good(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token as the issuer makes it, but for what is given."""
    return signed({**HEADER, **(header or {})}, {**CLAIMS, **claims})


def without(name: str, header: bool = False) -> str:
    """A token that lacks one name."""
    part = {key: value for key, value in (HEADER if header else CLAIMS).items() if key != name}
    return signed(part, CLAIMS) if header else signed(HEADER, part)


def public(key: OKPKey) -> dict[str, Any]:
    """The key as a key set shows it."""
    return dict(key.as_dict(private=False))


def _bytes(text: str | bytes | dict[str, Any]) -> bytes:
    text = json.dumps(text) if isinstance(text, dict) else text
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _with_algorithm(alg: str, key: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[alg])
    return jws.serialize_compact({**HEADER, "alg": alg}, json.dumps(CLAIMS), key, registry=registry)


def _hmac_signed(alg: str, secret: bytes) -> str:
    """By hand: the library itself refuses to sign with a public key as the secret."""
    signing = f"{b64(_bytes({**HEADER, 'alg': alg}))}.{b64(_bytes(CLAIMS))}"
    return f"{signing}.{b64(hmac.digest(secret, signing.encode(), getattr(hashlib, 'sha' + alg[2:])))}"


def _unsigned(alg: str, signature: str = "") -> str:
    return f"{b64(_bytes({**HEADER, 'alg': alg}))}.{b64(_bytes(CLAIMS))}.{signature}"


def _own_key() -> str:
    header = {**HEADER, "jwk": public(STRANGER)}
    return jws.serialize_compact(header, json.dumps(CLAIMS), STRANGER, registry=jws.JWSRegistry(algorithms=["Ed25519"]))


def _plus_the_order() -> str:
    """The one other number that fits the same equation: a verifier that does not look takes both."""
    signing, _, signature = good().rpartition(".")
    point, number = unb64(signature)[:32], int.from_bytes(unb64(signature)[32:], "little")
    return f"{signing}.{b64(point + (number + ORDER).to_bytes(32, 'little'))}"


def _loose_bits(segment: int) -> str:
    """A segment whose last character holds bits of no byte, signed as it is spelt."""
    parts = [b64(_bytes({**HEADER, "kid": "k1"})), b64(_bytes(CLAIMS)), good().rpartition(".")[2]]
    text = parts[segment]
    while len(text) % 4 == 0:  # spaces after the object until there are such bits
        text = b64(unb64(text) + b" ")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts[segment] = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
    return signed_as_spelt(".".join(parts[:2])) if segment < 2 else ".".join(parts)


def _claims_with(more: str) -> str:
    return json.dumps(CLAIMS)[:-1] + more + "}"


ACCEPTED: Final = {
    "as the issuer makes it": good(),
    "the older name of the algorithm": good({"alg": "EdDSA"}),
    "the long name of the type": good({"typ": "application/at+JWT"}),
    "one of two audiences": good(aud=["other", AUDIENCE]),
    "no kid, one key": without("kid", header=True),
    "claims we do not ask for": good(scope="a b", act={"sub": "x"}, auth_time=1.5),
    "expired within the leeway": good(iat=NOW - 3600, exp=NOW - LEEWAY_SECONDS + 1),
    "long, within the limit": good(padding="x" * 5500),
    "issued a little ahead of our clock": good(iat=NOW + LEEWAY_SECONDS),
    "valid from just now": good(nbf=NOW + LEEWAY_SECONDS),
    "good for a day": good(iat=NOW, exp=NOW + LONGEST_SECONDS),
}
OF_FORM: Final = {
    "empty": "",
    "one part": "abc",
    "two parts": "a.b",
    "three empty parts": "..",
    "four parts": good() + ".x",
    "five parts, encrypted": "a.b.c.d.e",
    "not ascii": good() + "é",
    "digits of another script": good().replace(".", ".٣", 1),
    "not base64": "?." + good().split(".", 1)[1],
    "base64 with + and /": signed_as_spelt("+/" + good().rpartition(".")[0]),
    "padded": good() + "==",
    "header padded": good().replace(".", "=.", 1),
    "a space before": " " + good(),
    "a space inside": good().replace(".", ". ", 1),
    "a line end after": good() + "\n",
    "a line end inside": good().replace(".", ".\r\n", 1),
    "a NUL after": good() + "\x00",
    "a byte order mark before": "\ufeff" + good(),
    "loose bits in the header": _loose_bits(0),
    "loose bits in the claims": _loose_bits(1),
    "loose bits in the signature": _loose_bits(2),
    "no signature": good().rpartition(".")[0] + ".",
    "a signature cut short": good()[:-2],
    "a signature and a byte": good() + "AA",
    "a megabyte": "a" * 1_000_000,
    "a megabyte of dots": "." * 1_000_000,
    "over the limit, rightly signed": good(padding="x" * SIZE_LIMIT_BYTES),
    "a megabyte, rightly signed": good(padding="x" * 1_000_000),
    "one byte over the limit": good() + "A" * (SIZE_LIMIT_BYTES + 1 - len(good())),
}
_OF_SIGNATURE: Final = {
    "none": _unsigned("none"),
    "None": _unsigned("None"),
    "none, with a signature": _unsigned("none", good().rpartition(".")[2]),
    "none, rightly signed": good({"alg": "none"}),
    "a signature of zeros": good().rpartition(".")[0] + "." + b64(bytes(64)),
    "the signature's number plus the order": _plus_the_order(),
    **{f"HS256 with the public key, form {i}": _hmac_signed("HS256", each) for i, each in enumerate(PUBLIC_TEXTS)},
    "HS512 with the public key": _hmac_signed("HS512", PUBLIC_TEXTS[0]),
    "HS256 with an empty secret": _hmac_signed("HS256", b""),
    "HS256 of a stranger": _with_algorithm("HS256", OctKey.import_key(bytes(32))),
    "ES256 of a stranger": _with_algorithm("ES256", ECKey.generate_key("P-256")),
    "RS256 of a stranger": _with_algorithm("RS256", RSAKey.generate_key(2048)),
    "Ed448 of a stranger": _with_algorithm("Ed448", OKPKey.generate_key("Ed448")),
    "another algorithm's name, rightly signed": good({"alg": "ES256"}),
    "Ed25519 in small letters": good({"alg": "ed25519"}),
    "signed by another key": signed(HEADER, CLAIMS, OTHER),
    "signature of another token": good().rpartition(".")[0] + "." + good(sub="x").rpartition(".")[2],
    "claims of another token": ".".join((good().split(".")[0], good(sub="x").split(".")[1], good().split(".")[2])),
}
_OF_HEADER: Final = {
    "unknown kid": good({"kid": "k2"}),
    "kid empty": good({"kid": ""}),
    "kid that is a path": good({"kid": "../../dev/null"}),
    "kid that is a statement": good({"kid": "k1' or '1'='1"}),
    "kid that is an address": good({"kid": "https://evil.example/keys.json"}),
    "kid that is a number": good({"kid": 1}),
    "kid that is null": good({"kid": None}),
    "kid a list": good({"kid": ["k1"]}),
    "its own key in the header": good({"jwk": public(STRANGER)}),
    "its own key, signed with it": _own_key(),
    "jku": good({"jku": "https://evil.example/keys.json"}),
    "x5u": good({"x5u": "https://evil.example/cert.pem"}),
    "x5c": good({"x5c": ["AAAA"]}),
    "x5t": good({"x5t": "AAAA"}),
    "crit unknown": good({"crit": ["exp"], "exp": NOW}),
    "crit empty": good({"crit": []}),
    "crit b64": good({"crit": ["b64"], "b64": False}),
    "b64": good({"b64": True}),
    "cty": good({"cty": "JWT"}),
    "zip": good({"zip": "DEF"}),
    "enc": good({"enc": "A128GCM"}),
    "a name nobody knows": good({"x": "y"}),
    "typ JWT": good({"typ": "JWT"}),
    "typ of an identity token": good({"typ": "id_token+jwt"}),
    "typ of a logout token": good({"typ": "logout+jwt"}),
    "typ with a space": good({"typ": "at+jwt "}),
    "typ null": good({"typ": None}),
    "typ absent": without("typ", header=True),
    "alg absent": without("alg", header=True),
    "alg a list": good({"alg": ["Ed25519"]}),
    "header twice the same name": signed('{"alg":"none","alg":"Ed25519","typ":"at+jwt","kid":"k1"}', CLAIMS),
    "header twice, once escaped": signed('{"alg":"Ed25519","typ":"at+jwt","k\\u0069d":"k1","kid":"k1"}', CLAIMS),
    "header a list": signed("[]", CLAIMS),
    "header empty": signed("{}", CLAIMS),
    "header a thousand brackets": signed("[" * 4000, CLAIMS),
    "header in UTF-16": signed(json.dumps(HEADER).encode("utf-16"), CLAIMS),
    "header not UTF-8": signed(b"\xff" + json.dumps(HEADER).encode(), CLAIMS),
}
_OF_CLAIMS: Final = {
    "claims a list": signed(HEADER, "[]"),
    "claims a text": signed(HEADER, json.dumps(json.dumps(CLAIMS))),
    "claims another token": signed(HEADER, good()),
    "claims a thousand brackets": signed(HEADER, "[" * 4000),
    "claims no JSON": signed(HEADER, "x"),
    "claims in UTF-16": signed(HEADER, json.dumps(CLAIMS).encode("utf-16")),
    "claims with a byte order mark": signed(HEADER, b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode()),
    "claims NaN": signed(HEADER, json.dumps({**CLAIMS, "exp": float("nan")})),
    "claims twice the same name": signed(HEADER, _claims_with(', "sub": "someone-else"')),
    "claims twice, once escaped": signed(HEADER, _claims_with(', "s\\u0075b": "someone-else"')),
    "twice the same name inside": signed(HEADER, _claims_with(', "act": {"a": 1, "a": 2}')),
    **{f"{name} absent": without(name) for name in CLAIMS},
    **{f"{name} null": good(**{name: None}) for name in CLAIMS},
    "wrong issuer": good(iss="https://login.example"),
    "issuer with a slash": good(iss=ISSUER + "/"),
    "issuer a list": good(iss=[ISSUER]),
    "wrong audience": good(aud="other"),
    "audience in capitals": good(aud="FORSA"),
    "audience that begins alike": good(aud="forsa-staging"),
    "audience a list of others": good(aud=["other", "forsa-staging"]),
    "audience an empty list": good(aud=[]),
    "audience a list in a list": good(aud=[[AUDIENCE]]),
    "audience a mapping": good(aud={AUDIENCE: 1}),
    "subject empty": good(sub=""),
    "subject a number": good(sub=7),
    "subject with NUL": good(sub="a\x00b"),
    "subject that turns the line": good(sub="a\u202eb"),
    "subject with a lone surrogate": good(sub="a\ud800"),
    "subject too long": good(sub="a" * 256),
    "client a number": good(client_id=7),
    "client empty": good(client_id=""),
    "jti a number": good(jti=7),
    "jti a list": good(jti=["t-1"]),
}
_OF_TIME: Final = {
    "expired": good(iat=NOW - 3600, exp=NOW - LEEWAY_SECONDS),
    "expiry a text": good(exp=str(NOW + 600)),
    "expiry true": good(exp=True),
    "expiry a fraction": good(exp=NOW + 600.5),
    "expiry a fraction of nothing": good(exp=float(NOW + 600)),
    "expiry infinite": signed(HEADER, json.dumps(CLAIMS).replace(str(NOW + 600), "1e999")),
    "expiry with an exponent": signed(HEADER, json.dumps(CLAIMS).replace(str(NOW + 600), "179e7")),
    "expiry of 4,000 digits": signed(HEADER, json.dumps(CLAIMS).replace(str(NOW + 600), "9" * 4000)),
    "expiry of 5,000 digits": signed(HEADER, json.dumps(CLAIMS).replace(str(NOW + 600), "9" * 5000)),
    "expiry negative": good(exp=-1),
    "expiry a list": good(exp=[NOW + 600]),
    "expires before it is issued": good(iat=NOW + 20, exp=NOW + 10),
    "expires as it is issued": good(iat=NOW, exp=NOW),
    "good for a day and a second": good(iat=NOW, exp=NOW + LONGEST_SECONDS + 1),
    "good for ever": good(exp=2**40),
    "issued in 1970": good(iat=0),
    "issued in the future": good(iat=NOW + LEEWAY_SECONDS + 1),
    "issued before time": good(iat=-1),
    "issued, a text": good(iat=str(NOW)),
    "not yet valid": good(nbf=NOW + LEEWAY_SECONDS + 1),
    "valid from a text": good(nbf=str(NOW)),
    "valid from null": good(nbf=None),
    "valid from a fraction": good(nbf=NOW - 0.5),
}
HOSTILE: Final = {**OF_FORM, **_OF_SIGNATURE, **_OF_HEADER, **_OF_CLAIMS, **_OF_TIME}

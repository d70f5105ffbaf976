"""Who sent this request: bearer tokens of one issuer, one audience, one signature algorithm (Ed25519).

joserfc checks the signature, here and nowhere else; a token counts after its header, its exact form and its claims were
checked too. Roles and scopes are not in tokens; they come from our own grants.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from runtime.key_sources import ALGORITHMS, Keys, KeySet, file_keys, url_keys
from runtime.settings import DEVELOPMENT_ISSUER, Settings

SIZE_LIMIT_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 30
LONGEST_SECONDS: Final = 24 * 3600  # from iat to exp: a token for ever is a password
LIFE_SECONDS: Final = 8 * 3600  # of a development token: a working day
TYPES: Final = ("at+jwt", "application/at+jwt")  # RFC 9068 §4
HEADERS: Final = frozenset({"alg", "typ", "kid"})  # any other could name a key or change what is signed
# Two segments and the 64 bytes of an Ed25519 signature: whatever else was sent is not decoded at all.
FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})")
REASONS: Final = frozenset(
    {"size", "form", "json", "header", "type", "algorithm", "kid", "signature", "claims", "issuer", "audience", "life",
     "expired", "early"}
)  # fmt: skip


class TokenRefused(Exception):
    """The token proves nothing. `reason`, one of REASONS, is for our log; a client learns only that it was refused."""

    def __init__(self, reason: str) -> None:
        """Never anything the token said."""
        super().__init__(reason)
        self.reason = reason


class DevelopmentRefused(Exception):
    """Development tokens are not issued where a real issuer is configured."""


class Login(msgspec.Struct, frozen=True):
    """Who a token speaks for, as the issuer names them; LoginBound binds it to a Worker."""

    issuer: str
    subject: str


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**40)]  # seconds since 1970; no text, no fraction, no truth value


class _Claims(msgspec.Struct):
    """The claims of an access token (RFC 9068 §2.2) that we ask for; any other is left alone."""

    iss: str
    aud: str | list[str]
    sub: Name
    exp: Moment
    iat: Moment
    client_id: Name
    jti: Name
    nbf: Moment | msgspec.UnsetType = msgspec.UNSET


class _Ed25519Only(JWSRegistry):
    """No algorithm is looked up by a token's word for it: it is Ed25519, or `_header_of` has refused the name."""

    def get_alg(self, name: str) -> Any:  # noqa: ARG002  # the library's signature; its model class is not public
        """Ed25519, whatever the name."""
        return JWSRegistry.algorithms["Ed25519"]


class _Strict(json.JSONDecoder):
    """Refuses an object with the same name twice: two readers would see two tokens."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once, parse_constant=_no_constant)


class TokenVerifier:
    """Verifies the tokens of one issuer; nothing in a token says where keys are."""

    def __init__(self, issuer: str, audience: str, keys: Keys, now: Callable[[], float] = time.time) -> None:
        """`now` gives seconds since 1970."""
        self._issuer, self._audience, self._keys, self._now = issuer, audience, keys, now

    def verify(self, token: str) -> Login:
        """The login this token proves. Raises TokenRefused; KeysUnavailable when it cannot be judged now."""
        header, payload = _parts_of(token)
        _check_signature(token, self._key_for(_header_of(header)))
        claims = _claims_of(payload)
        self._check_claims(claims)
        return Login(claims.iss, claims.sub)

    def _key_for(self, header: dict[str, str]) -> OKPKey:
        key = self._keys.find(header.get("kid"))
        if key is None:
            raise TokenRefused("kid")
        return key

    def _check_claims(self, claims: _Claims) -> None:
        """Raises TokenRefused unless the token is the issuer's, for us, short-lived, and good now."""
        now = self._now()
        if claims.iss != self._issuer:
            raise TokenRefused("issuer")
        if self._audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            raise TokenRefused("audience")
        if not 0 < claims.exp - claims.iat <= LONGEST_SECONDS:
            raise TokenRefused("life")
        if claims.exp <= now - LEEWAY_SECONDS:
            raise TokenRefused("expired")
        if max(claims.iat, claims.nbf or 0) > now + LEEWAY_SECONDS:
            raise TokenRefused("early")


class DevelopmentIssuer:
    """Issues tokens from a key on this machine, for `make run`, tests and demonstrations."""

    def __init__(self, key_file: Path, audience: str) -> None:
        """The key is the file's; where there is none it is made, readable by its owner only."""
        self._audience = audience
        self._key = _key_in(key_file)

    def issue(self, subject: str, now: int, life_seconds: int = LIFE_SECONDS) -> str:
        """A token for this subject, good from `now` (seconds since 1970) for its life, at most LONGEST_SECONDS."""
        header = {"alg": "Ed25519", "typ": "at+jwt", "kid": self._key.kid}
        claims = {
            "iss": DEVELOPMENT_ISSUER,
            "aud": self._audience,
            "sub": subject,
            "client_id": "forsa-development",
            "iat": now,
            "exp": now + life_seconds,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(header, claims, self._key, registry=_Ed25519Only())

    def verifier(self, now: Callable[[], float] = time.time) -> TokenVerifier:
        """What verifies these tokens and no others."""
        return TokenVerifier(DEVELOPMENT_ISSUER, self._audience, KeySet([self._key]), now)


def development_issuer(settings: Settings) -> DevelopmentIssuer:
    """The issuer of development tokens. Raises DevelopmentRefused where a real issuer is configured."""
    if settings.token_issuer != DEVELOPMENT_ISSUER or settings.token_jwks_file or settings.token_jwks_url:
        raise DevelopmentRefused("FORSA_TOKEN_ISSUER names a real issuer: ask it for tokens")
    if not settings.token_key_file:
        raise DevelopmentRefused("FORSA_TOKEN_KEY_FILE is not set: it says where the development key stands")
    return DevelopmentIssuer(Path(settings.token_key_file), settings.token_audience)


def token_verifier(settings: Settings) -> TokenVerifier:
    """What verifies tokens under these settings: the configured issuer's, else the development issuer's.

    Raises DevelopmentRefused, BadKeySet (the key set's file is not one of Ed25519 keys).
    """
    if settings.token_issuer == DEVELOPMENT_ISSUER:
        return development_issuer(settings).verifier()
    file = settings.token_jwks_file
    keys = file_keys(Path(file)) if file else url_keys(settings.token_jwks_url)
    return TokenVerifier(settings.token_issuer, settings.token_audience, keys)


def _parts_of(token: str) -> tuple[bytes, bytes]:
    """Header and payload of a token in compact form, each segment in the one spelling its bytes have."""
    if len(token) > SIZE_LIMIT_BYTES:
        raise TokenRefused("size")
    form = FORM.fullmatch(token)
    if form is None:
        raise TokenRefused("form")
    header, payload, _ = (_decoded(segment) for segment in form.groups())
    return header, payload


def _decoded(segment: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as wrong:
        raise TokenRefused("form") from wrong
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise TokenRefused("form")  # bits that no byte holds: another text for the same token
    return raw


def _header_of(raw: bytes) -> dict[str, str]:
    """The token's header, of the few names, the one type and the one algorithm we take."""
    header = _object_of(raw)
    if not header.keys() <= HEADERS or not all(isinstance(value, str) for value in header.values()):
        raise TokenRefused("header")
    if header.get("typ", "").lower() not in TYPES:
        raise TokenRefused("type")
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefused("algorithm")
    return header


def _check_signature(token: str, key: OKPKey) -> None:
    """Raises TokenRefused unless this key signed exactly this token."""
    try:
        jws.deserialize_compact(token, key, registry=_Ed25519Only())
    except (JoseError, ValueError) as refused:
        raise TokenRefused("signature") from refused


def _claims_of(raw: bytes) -> _Claims:
    """The claims we ask for, each of its exact type."""
    try:
        claims = msgspec.convert(_object_of(raw), _Claims)
    except msgspec.ValidationError as wrong:
        raise TokenRefused("claims") from wrong
    if not all(name.isprintable() for name in (claims.sub, claims.client_id, claims.jti)):
        raise TokenRefused("claims")
    return claims


def _object_of(raw: bytes) -> dict[str, Any]:
    """The JSON object these bytes are, in UTF-8, every name in it once."""
    try:
        found = json.loads(raw.decode(), cls=_Strict)
    except (ValueError, RecursionError) as wrong:
        raise TokenRefused("json") from wrong
    if not isinstance(found, dict):
        raise TokenRefused("json")
    return found


def _key_in(key_file: Path) -> OKPKey:
    """The private key in this file, made first where there is none. Two that make it at once get the same one."""
    if not key_file.exists():
        key = OKPKey.generate_key("Ed25519", auto_kid=True)
        key_file.parent.mkdir(parents=True, exist_ok=True)
        _write_once(key_file, json.dumps(key.as_dict(private=True)))
    key = OKPKey.import_key(json.loads(key_file.read_text(encoding="ascii")))
    key.ensure_kid()
    return key


def _write_once(path: Path, text: str) -> None:
    """The file is there with all of its text, this one or an earlier one; mkstemp makes it 0600."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    with suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same name twice")
    return found


def _no_constant(_: str) -> float:
    raise ValueError("not a JSON number")

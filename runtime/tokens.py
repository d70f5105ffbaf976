"""Who sent this request: bearer tokens of one issuer, one audience, one signature algorithm (Ed25519).

joserfc is called here and nowhere else: its `decode` checks the signature only, and a token counts after the claims
were checked too. Roles and scopes are not in tokens; they come from our own grants.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from runtime.settings import DEVELOPMENT_ISSUER, Settings

SIZE_LIMIT_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 30
LIFE_SECONDS: Final = 8 * 3600  # of a development token: a working day
TYPES: Final = ("at+jwt", "application/at+jwt")  # RFC 9068 §4
HEADERS: Final = frozenset({"alg", "typ", "kid"})  # any other could name a key or change what is signed
ALGORITHMS: Final = ("Ed25519", "EdDSA")  # RFC 9864's name and the older one of the same family


class TokenRefused(Exception):
    """The token proves nothing. The reason is for our log; a client learns only that it was refused."""


class DevelopmentRefused(Exception):
    """Development tokens are not issued where a real issuer is configured."""


class Login(msgspec.Struct, frozen=True):
    """Who a token speaks for, as the issuer names them; LoginBound binds it to a Worker."""

    issuer: str
    subject: str


class _Ed25519Only(JWSRegistry):
    """Both names of the family mean Ed25519, so that no other curve and no other family is ever looked up."""

    def get_alg(self, name: str) -> Any:  # the library's model class is not public
        """Ed25519 for its two names; TokenRefused for any other."""
        if name not in ALGORITHMS:
            raise TokenRefused("algorithm")
        return JWSRegistry.algorithms["Ed25519"]


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _NoDuplicates(json.JSONDecoder):
    """Refuses an object with the same name twice: two readers would see two tokens."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once, parse_constant=_no_constant)


class TokenVerifier:
    """Verifies the tokens of one issuer with keys fixed at start; nothing in a token says where keys are."""

    def __init__(
        self, issuer: str, audience: str, keys: Sequence[OKPKey], now: Callable[[], int] | None = None
    ) -> None:
        """`keys` are Ed25519 keys, each with its own kid; `now` gives seconds since 1970. ValueError for other keys."""
        if not keys or any(key.curve_name != "Ed25519" for key in keys):
            raise ValueError("the issuer's keys must be Ed25519 keys (kty OKP, crv Ed25519), at least one")
        self._keys = {key.kid: key for key in keys}
        if len(self._keys) != len(keys):
            raise ValueError("two of the issuer's keys have the same kid")
        self._claims = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    def verify(self, token: str) -> Login:
        """The login this token proves. Raises TokenRefused."""
        if len(token) > SIZE_LIMIT_BYTES or not token.isascii():
            raise TokenRefused("size")
        try:
            key = self._key_for(_header_of(token))
            claims = jwt.decode(token, key, registry=_Ed25519Only(), decoder_cls=_NoDuplicates).claims
            self._claims.validate(claims)
        except ExpiredTokenError as refused:
            raise TokenRefused("expired") from refused
        except (JoseError, ValueError, TypeError, RecursionError) as refused:
            raise TokenRefused(type(refused).__name__) from refused
        subject: str = claims["sub"]
        if len(subject) > 255 or not subject.isprintable():
            raise TokenRefused("subject")
        return Login(claims["iss"], subject)

    def _key_for(self, header: dict[str, Any]) -> OKPKey:
        """The key the header names; without a name the only key there is."""
        if "kid" not in header and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        key = self._keys.get(header.get("kid"))
        if key is None:
            raise TokenRefused("kid")
        return key


class DevelopmentIssuer:
    """Issues tokens from a key on this machine, for `make run`, tests and demonstrations."""

    def __init__(self, key_file: Path, audience: str) -> None:
        """The key is the file's; where there is none it is made, readable by its owner only."""
        self._audience = audience
        self._key = _key_in(key_file)

    def issue(self, subject: str, now: int, life_seconds: int = LIFE_SECONDS) -> str:
        """A token for this subject, good from `now` (seconds since 1970) for its life."""
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

    def verifier(self, now: Callable[[], int] | None = None) -> TokenVerifier:
        """What verifies these tokens and no others."""
        return TokenVerifier(DEVELOPMENT_ISSUER, self._audience, [self._key], now)


def development_issuer(settings: Settings) -> DevelopmentIssuer:
    """The issuer of development tokens. Raises DevelopmentRefused where a real issuer is configured."""
    if settings.token_issuer != DEVELOPMENT_ISSUER or settings.token_jwks_file:
        raise DevelopmentRefused("FORSA_TOKEN_ISSUER names a real issuer: ask it for tokens")
    if not settings.token_key_file:
        raise DevelopmentRefused("FORSA_TOKEN_KEY_FILE is not set: it says where the development key stands")
    return DevelopmentIssuer(Path(settings.token_key_file), settings.token_audience)


def token_verifier(settings: Settings) -> TokenVerifier:
    """What verifies tokens under these settings: the configured issuer's, else the development issuer's.

    Raises DevelopmentRefused, OSError, ValueError (the key set's file is not one of Ed25519 keys).
    """
    if settings.token_issuer == DEVELOPMENT_ISSUER:
        return development_issuer(settings).verifier()
    return TokenVerifier(settings.token_issuer, settings.token_audience, _keys_in(Path(settings.token_jwks_file)))


def _header_of(token: str) -> dict[str, Any]:
    """The token's header, of the few names and the one type we take."""
    segment, _, rest = token.partition(".")
    if rest.count(".") != 1:
        raise TokenRefused("form")
    header = json.loads(urlsafe_b64decode(segment.encode()).decode(), cls=_NoDuplicates)
    if not isinstance(header, dict) or not header.keys() <= HEADERS:
        raise TokenRefused("header")
    if not all(isinstance(value, str) for value in header.values()):
        raise TokenRefused("header")
    if header.get("typ", "").lower() not in TYPES:
        raise TokenRefused("type")
    return header


def _keys_in(jwks_file: Path) -> list[OKPKey]:
    """The Ed25519 signature keys of a JSON Web Key Set; an issuer's keys of other kinds are left out."""
    keys = msgspec.json.decode(jwks_file.read_bytes(), type=_KeySet).keys
    mine = [key for key in keys if key.get("crv") == "Ed25519" and key.get("use", "sig") == "sig"]
    return [_with_kid(OKPKey.import_key(key)) for key in mine]


def _key_in(key_file: Path) -> OKPKey:
    """The private key in this file, made first where there is none. Two that make it at once get the same one."""
    if not key_file.exists():
        key = OKPKey.generate_key("Ed25519", auto_kid=True)
        key_file.parent.mkdir(parents=True, exist_ok=True)
        _write_once(key_file, json.dumps(key.as_dict(private=True)))
    return _with_kid(OKPKey.import_key(json.loads(key_file.read_text(encoding="ascii"))))


def _write_once(path: Path, text: str) -> None:
    """The file is there with all of its text, this one or an earlier one; mkstemp makes it 0600."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    with suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()


def _with_kid(key: OKPKey) -> OKPKey:
    key.ensure_kid()
    return key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same name twice")
    return found


def _no_constant(_: str) -> float:
    raise ValueError("not a JSON number")

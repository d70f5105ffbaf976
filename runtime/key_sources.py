"""Where an issuer's public keys come from: a file or an address, read again without a restart.

Keys that were good outlive a source that is away or wrong, for a day. What a source says is never logged, and nothing
in a token says where keys are.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHMS: Final = ("Ed25519", "EdDSA")  # RFC 9864's name and the older one of the same family
LARGEST_BYTES: Final = 256 * 1024  # of a key set
FILE_SECONDS: Final = 1.0  # a file is looked at after this,
URL_SECONDS: Final = 300.0  # an address is asked after this,
RETRY_SECONDS: Final = 30.0  # and sooner for a key we do not have, or after a failure, but not before this
FETCH_SECONDS: Final = 3.0  # an address has answered whole by then, or not at all
OLDEST_SECONDS: Final = 24 * 3600.0  # keys that their source has not confirmed for so long are none

_log = logging.getLogger(__name__)


class BadKeySet(ValueError):
    """These are no keys to trust. The message names the fault and repeats nothing of what was read."""


class KeysUnavailable(Exception):
    """No keys are held, or none that their source has confirmed within a day: no token can be judged now."""


class Keys(Protocol):
    """Public keys by the id that tokens name them by."""

    def find(self, kid: str | None) -> OKPKey | None:
        """The key of this id; without an id the only key there is. Raises KeysUnavailable."""
        ...


class KeySet:
    """Ed25519 public keys, fixed."""

    def __init__(self, keys: Sequence[OKPKey]) -> None:
        """Each key has its own id; one without gets its thumbprint (RFC 7638). Raises BadKeySet."""
        if not keys or any(key.curve_name != "Ed25519" for key in keys):
            raise BadKeySet("the issuer's keys must be Ed25519 keys (kty OKP, crv Ed25519), at least one")
        for key in keys:
            key.ensure_kid()
        self._keys = {key.kid: key for key in keys}
        if len(self._keys) != len(keys):
            raise BadKeySet("two of the issuer's keys have the same kid")

    def find(self, kid: str | None) -> OKPKey | None:
        """The key of this id; without an id the only key there is."""
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def __len__(self) -> int:
        return len(self._keys)


class KeySource:
    """The keys as their source last said them well. Thread-safe: one thread looks, the others use what is there."""

    def __init__(
        self, read: Callable[[], KeySet | None], every_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """read: the keys now, None where they are as they were; raises BadKeySet, OSError, HTTPException."""
        self._read, self._every, self._clock = read, every_seconds, clock
        self._looking = threading.Lock()
        self._held: KeySet | None = None
        self._looked_at = self._good_at = float("-inf")
        self._fault = ""

    def find(self, kid: str | None) -> OKPKey | None:
        """The key of this id, looked for at the source where we do not have it. Raises KeysUnavailable."""
        if self._is_due(kid) and self._looking.acquire(blocking=False):
            try:
                self._look(kid)
            finally:
                self._looking.release()
        held = self._held
        if held is None or self._clock() - self._good_at > OLDEST_SECONDS:
            raise KeysUnavailable
        return held.find(kid)

    def _is_due(self, kid: str | None) -> bool:
        age = self._clock() - self._looked_at
        wanted = self._fault or self._held is None or self._held.find(kid) is None
        return age >= self._every or bool(wanted and age >= RETRY_SECONDS)

    def _look(self, kid: str | None) -> None:
        """What the source says now is held, if it is good; else what was held stays. A fault is logged once."""
        if not self._is_due(kid):
            return  # another thread has just looked
        self._looked_at = looked_at = self._clock()
        try:
            fresh = self._read()
        except (OSError, HTTPException, ValueError) as wrong:
            fault = str(wrong) if isinstance(wrong, BadKeySet) else type(wrong).__name__
            if fault != self._fault:
                _log.warning("the issuer's keys cannot be read again: %s", fault)
            self._fault = fault
            return
        if fresh is not None or self._fault:
            _log.info("the issuer's keys are read: %d", len(fresh or self._held or ()))
        self._held, self._good_at, self._fault = fresh or self._held, looked_at, ""


def file_keys(path: Path, clock: Callable[[], float] = time.monotonic) -> KeySource:
    """The keys of a JSON Web Key Set's file, read now and whenever the file has changed. Raises BadKeySet."""
    keys_now(str(path))  # whoever starts with a wrong file is told at once
    return KeySource(_FileReader(path), FILE_SECONDS, clock)


def url_keys(url: str, clock: Callable[[], float] = time.monotonic) -> KeySource:
    """The keys of a JSON Web Key Set's address, asked at first use, every five minutes, and for a key we lack."""
    return KeySource(lambda: key_set_of(fetch(url)), URL_SECONDS, clock)


def keys_now(file: str, url: str = "") -> KeySet:
    """What this file, or where none is named this address, says now. Raises BadKeySet."""
    try:
        return key_set_of(_head_of(Path(file)) if file else fetch(url))
    except (OSError, HTTPException) as wrong:
        raise BadKeySet(f"the {'file' if file else 'address'} cannot be read ({type(wrong).__name__})") from wrong


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


class _FileReader:
    """Reads a file's keys when it is not the file that was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None

    def __call__(self) -> KeySet | None:
        with self._path.open("rb") as file:
            state = os.fstat(file.fileno())  # of what is read, whatever takes its name meanwhile
            seen = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size)
            if seen == self._seen:
                return None
            keys = key_set_of(file.read(LARGEST_BYTES + 1))
        self._seen = seen
        return keys


class _Jwk(msgspec.Struct):
    """The members of a JSON Web Key that say whether it is for us; d and k are secrets of private keys."""

    kty: str
    crv: str | None = None
    x: str | None = None
    kid: str | None = None
    use: str | None = None
    alg: str | None = None
    key_ops: list[str] | None = None
    d: Any = None
    k: Any = None

    @property
    def is_private(self) -> bool:
        """Whoever reads the set can sign with it."""
        return self.d is not None or self.k is not None

    @property
    def is_ours(self) -> bool:
        """An Ed25519 key that signatures are checked with."""
        kind = self.kty == "OKP" and self.crv == "Ed25519" and self.alg in (None, *ALGORITHMS)
        return kind and self.use in (None, "sig") and (self.key_ops is None or "verify" in self.key_ops)


class _Jwks(msgspec.Struct):
    keys: list[_Jwk]


def key_set_of(text: bytes) -> KeySet:
    """The Ed25519 signature keys of a JSON Web Key Set (RFC 7517); an issuer's keys of other kinds are left out.

    Raises BadKeySet: no such set, none of our kind, over 256 KiB, or a private key in it, which the world then knows.
    """
    if len(text) > LARGEST_BYTES:
        raise BadKeySet(f"the key set is larger than {LARGEST_BYTES} bytes")
    try:
        keys = msgspec.json.decode(text, type=_Jwks).keys
    except (ValueError, RecursionError) as wrong:
        raise BadKeySet("this is not a JSON Web Key Set") from wrong
    if any(key.is_private for key in keys):
        raise BadKeySet("there is a private key in the key set: replace it at the issuer, others know it")
    return KeySet([_imported(key) for key in keys if key.is_ours])


def _imported(key: _Jwk) -> OKPKey:
    """Only what names the key: its other members would be conditions that the library reads its own way."""
    named = {"kid": key.kid} if key.kid else {}
    try:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.x or "", **named})
    except (JoseError, ValueError) as wrong:
        raise BadKeySet("a key in the key set is not an Ed25519 public key") from wrong


def fetch(url: str, seconds: float = FETCH_SECONDS) -> bytes:
    """What this address answers a GET with, at most one byte more than a key set may have.

    No redirect is followed and no proxy asked; after `seconds` the connection is cut, however busy it is.
    Raises OSError (TimeoutError when it was cut), HTTPException, BadKeySet for any status but 200.
    """
    address, began = urlsplit(url), time.monotonic()
    port = address.port or (443 if address.scheme == "https" else 80)
    plain = socket.create_connection((address.hostname or "", port), timeout=seconds)
    with plain, closing(plain.dup()) as cutter:  # TLS takes the first one over
        end = threading.Timer(seconds, _cut, [cutter])
        end.daemon = True
        end.start()
        try:
            body = _answer(address, port, plain)
        finally:
            end.cancel()
    if time.monotonic() - began >= seconds:
        raise TimeoutError  # what was read may have been cut
    return body


def _answer(address: SplitResult, port: int, plain: socket.socket) -> bytes:
    host, connection = address.hostname or "", HTTPConnection(address.hostname or "", port)
    if address.scheme == "https":
        context = ssl.create_default_context()
        connection = HTTPSConnection(host, port, context=context)
        plain = context.wrap_socket(plain, server_hostname=host)
    connection.sock = plain
    with closing(connection):
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connection.request("GET", target, headers={"Accept": "application/jwk-set+json, application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise BadKeySet(f"the address answers {response.status}")
        body = response.read(LARGEST_BYTES + 1)
        if response.length and len(body) <= LARGEST_BYTES:
            raise BadKeySet("the answer is shorter than it says")
        return body


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)

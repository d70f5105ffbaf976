"""How one personal value is sealed and opened: pure bytes, no keys at rest, no database.

What a verifier needs to open one field of one event is here: `open_with_event_key`. The forms of the event key and of
the additional data are in docs/decisions/2026-11-22-sealing.md and cannot change once data is stored.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.sealed import Sealed

LABEL = b"forsa.seal.1"
NONCE_BYTES = 12


class SealBroken(Exception):
    """The sealed value is not the one that was sealed in this place with this key: altered, moved, or a wrong key."""


class WrongMasterKey(SealBroken):
    """The stored keys were wrapped with another master key: nothing may be sealed with this one."""


def event_key_of(family_key: bytes | bytearray, stream: UUID, version: int, pointer: str) -> bytes:
    """The key of one field of one event. Shown to an outsider it opens that field and nothing else.

    All parts before the pointer have a fixed length, so no two places share an input.
    """
    place = LABEL + stream.bytes + version.to_bytes(8, "big") + pointer.encode()
    return hmac.digest(family_key, place, "sha256")


def seal_with_event_key(
    event_key: bytes, nonce: bytes, f: str, stream: UUID, version: int, tag: str, plain: bytes
) -> Sealed[Any]:
    """The plain bytes sealed for this place. The nonce must be 12 fresh random bytes.

    A re-decided event may take the same version again, hence the same event key: only the nonce keeps the two apart.
    """
    cipher = AESGCM(event_key).encrypt(nonce, plain, bound_to(stream, version, tag, f))
    return Sealed(f, commitment_of(event_key), text_of(nonce + cipher))


def open_with_event_key(event_key: bytes, sealed: Sealed[Any], stream: UUID, version: int, tag: str) -> bytes:
    """The JSON that was sealed, checked against this key, this place and this tag. Raises SealBroken.

    `h` is checked first: AES-GCM alone would let a forger make one ciphertext that opens under two keys.
    """
    if not hmac.compare_digest(sealed.h.encode(), commitment_of(event_key).encode()):
        raise SealBroken("the key is not the one this value commits to")
    try:
        box = bytes_of(sealed.c)
        return AESGCM(event_key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to(stream, version, tag, sealed.f))
    except (InvalidTag, ValueError) as refused:
        raise SealBroken("the sealed value was altered or moved") from refused


def commitment_of(event_key: bytes) -> str:
    """SHA-256 of the event key as it stands in `h`."""
    return text_of(hashlib.sha256(event_key).digest())


def bound_to(stream: UUID, version: int, tag: str, f: str) -> bytes:
    """The additional data of a seal: stream (16 bytes), version (uint64 BE), then tag and f, each after its length.

    Lengths are uint16 BE of the UTF-8 bytes.
    """
    return stream.bytes + version.to_bytes(8, "big") + _with_length(tag) + _with_length(f)


def text_of(raw: bytes) -> str:
    """Base64 in the standard alphabet, without padding."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """The bytes of such a text; ValueError for any other character."""
    return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _with_length(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw

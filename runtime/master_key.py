"""The master key, which stands in no database, and the secrets derived from it."""

from __future__ import annotations

import base64
import binascii

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIZE_BYTES = 32


class Secrets(msgspec.Struct, frozen=True):
    """What is derived from the master key, 32 bytes each; a label once used keeps its meaning for ever."""

    claim: bytes  # HMAC of unique values
    body: bytes  # HMAC of request bodies and command ids
    wrap: bytes  # wraps the data keys in the keys database

    def __repr__(self) -> str:
        """Never the content."""
        return "<Secrets>"


def secrets_from(master: bytes) -> Secrets:
    """The secrets of this master key: HKDF-SHA256 without salt, one fixed label each. ValueError unless 32 bytes."""
    if len(master) != SIZE_BYTES:
        raise ValueError(f"the master key must be {SIZE_BYTES} bytes, this one has {len(master)}")
    return Secrets(
        claim=_derived(master, b"forsa.claim.1"),
        body=_derived(master, b"forsa.body.1"),
        wrap=_derived(master, b"forsa.wrap.1"),
    )


def master_key_of(text: str) -> bytes:
    """The 32 bytes written as 64 hexadecimal digits or as base64 (either alphabet, with or without padding).

    ValueError otherwise, without the text in its message.
    """
    text = text.strip()
    try:
        if len(text) == 2 * SIZE_BYTES:
            return bytes.fromhex(text)
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != SIZE_BYTES:
        raise ValueError("the master key must be 32 bytes in hexadecimal or base64")
    return key


def _derived(master: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SIZE_BYTES, salt=None, info=label).derive(master)

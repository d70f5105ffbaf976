"""A hundred thousand tokens that a good one was turned into: none is believed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import pytest

from runtime import tokens
from runtime.tokens import TokenRefused, TokenVerifier
from tests.runtime.token_examples import (
    CLAIMS,
    HEADER,
    ISSUER,
    NOW,
    OTHER,
    b64,
    good,
    signed,
    signed_as_spelt,
    unb64,
    verifier,
    without,
)

MUTANTS: Final = 100_000
SEED: Final = 20261122
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STRANGE: Final = "+/=. \t\n\r\x00~é٣\u200b\ufeff"
GOOD: Final = [
    *(good(sub=f"worker-{number}", jti=f"t-{number}", padding="x" * (number % 24)) for number in range(200)),
    good({"alg": "EdDSA"}),
    without("kid", header=True),
    good(aud=["other", "forsa"]),
]
HEADERS: Final[list[dict[str, Any]]] = [
    {"alg": "none"}, {"alg": "HS256"}, {"alg": "EdDSA"}, {"alg": "Ed448"}, {"alg": ""}, {"kid": "k2"}, {"kid": ""},
    {"typ": "JWT"}, {"typ": "AT+JWT"}, {"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF"}, {"x": "y"},
    {"jku": "https://evil.example"}, {"jwk": {"kty": "OKP"}}, {"x5c": ["AAAA"]},
]  # fmt: skip
CHANGES: Final[list[dict[str, Any]]] = [
    {"sub": "operator"}, {"sub": ""}, {"aud": ["forsa", "x"]}, {"aud": "x"}, {"iss": "x"}, {"exp": NOW + 86000},
    {"exp": 2**40}, {"exp": True}, {"iat": NOW}, {"nbf": 0}, {"jti": "other"}, {"client_id": "x"}, {"role": "operator"},
]  # fmt: skip


def _bit(rng: random.Random, token: str) -> str:
    """One bit of what a segment holds."""
    parts = token.split(".")
    which = rng.randrange(3)
    held = bytearray(unb64(parts[which]))
    held[rng.randrange(len(held))] ^= 1 << rng.randrange(8)
    parts[which] = b64(bytes(held))
    return ".".join(parts)


def _character(rng: random.Random, token: str) -> str:
    """One character is another, or one too many; half of the time at the end of a segment, where bits are loose."""
    ends = [position for position in range(len(token)) if token[position + 1 : position + 2] in (".", "")]
    at = rng.choice(ends) if rng.random() < 0.5 else rng.randrange(len(token))
    other = rng.choice(ALPHABET if rng.random() < 0.7 else STRANGE)
    return token[:at] + other + token[at + rng.randrange(2) :]


def _cut(rng: random.Random, token: str) -> str:
    """A stretch is missing, or there twice."""
    first, last = sorted(rng.sample(range(len(token) + 1), 2))
    return token[:first] + token[last:] if rng.random() < 0.7 else token[:last] + token[first:]


def _swap(rng: random.Random, token: str) -> str:
    """Segments of up to three tokens, in any order."""
    parts = [other.split(".")[which] for which, other in enumerate((token, rng.choice(GOOD), rng.choice(GOOD)))]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    return ".".join(parts)


def _base64(rng: random.Random, token: str) -> str:
    """The same bytes in another spelling."""
    parts = token.split(".")
    which = rng.randrange(3)
    text = parts[which]
    spellings = [
        text + "=" * rng.randrange(1, 4),
        text.replace("-", "+").replace("_", "/") + "/",
        text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ rng.choice((1, 2, 3))],
        text[: len(text) // 2] + rng.choice(" \n\r\t") + text[len(text) // 2 :],
        text.swapcase(),
        text + "A" * rng.randrange(1, 4),
    ]
    parts[which] = rng.choice(spellings)
    return ".".join(parts)


def _edited(rng: random.Random, token: str) -> str:
    """Header or claims say something else, under the old signature, none, or another's."""
    header, claims, signature = token.split(".")
    if rng.random() < 0.5:
        header = b64(json.dumps({**json.loads(unb64(header)), **rng.choice(HEADERS)}).encode())
    else:
        claims = b64(json.dumps({**json.loads(unb64(claims)), **rng.choice(CHANGES)}).encode())
    signatures = (signature, signature, "", b64(bytes(64)), rng.choice(GOOD).rpartition(".")[2])
    return f"{header}.{claims}.{rng.choice(signatures)}"


def _stranger(rng: random.Random, token: str) -> str:
    """Signed again by a key that is not the issuer's."""
    if rng.random() < 0.5:
        return signed_as_spelt(token.rpartition(".")[0], OTHER)
    return signed({**HEADER, **rng.choice(HEADERS)}, {**CLAIMS, **rng.choice(CHANGES)}, OTHER)


KINDS: Final[tuple[Callable[[random.Random, str], str], ...]] = (
    _bit, _bit, _character, _character, _cut, _swap, _base64, _edited, _stranger,
)  # fmt: skip


def mutants() -> Iterator[str]:
    """Tokens made of good ones, each another and none a good one again."""
    rng, known = random.Random(SEED), set(map(hash, GOOD))
    while True:
        mutant = rng.choice(KINDS)(rng, rng.choice(GOOD))
        if hash(mutant) not in known:
            known.add(hash(mutant))
            yield mutant


def accepted(found: TokenVerifier, how_many: int) -> int:
    """How many of the first mutants are believed."""
    return sum(_is_believed(found, mutant) for mutant in islice(mutants(), how_many))


def _is_believed(found: TokenVerifier, token: str) -> bool:
    try:
        return found.verify(token).issuer == ISSUER
    except TokenRefused:
        return False


def test_what_they_are_made_of_is_believed() -> None:
    assert all(_is_believed(verifier(), token) for token in GOOD)


def test_of_a_hundred_thousand_mutated_tokens_none_is_believed() -> None:
    """Thirteen seconds of one core, most of it signatures."""
    assert accepted(verifier(), MUTANTS) == 0


def test_the_mutants_reach_every_check_up_to_the_signature() -> None:
    """Else all might fall at the first gate."""
    reasons = set()
    for mutant in islice(mutants(), 5000):
        with pytest.raises(TokenRefused) as refused:
            verifier().verify(mutant)
        reasons.add(refused.value.reason)
    assert reasons >= {"form", "json", "header", "type", "algorithm", "kid", "signature"}


def test_a_verifier_that_skips_the_signature_believes_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_check_signature", lambda token, key: None)
    assert accepted(verifier(), 2000) > 100

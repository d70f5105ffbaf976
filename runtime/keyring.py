"""The data keys of streams: made, held for five seconds, used to seal and open, destroyed.

One key a (stream, family, generation), wrapped by a secret that stands outside the keys' database. A key that was
destroyed gives ERASED; a key nobody ever made is an error, since something was lost or forged.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import FamilyClosed
from domain.sealed import ERASED, FAMILIES, Clear, Erased, Personal, Sealed, SealedFact, SealedField
from projections.connections import WAIT_SECONDS
from runtime.key_rows import KeyRow, KeyRows, Pair
from runtime.master_key import Secrets
from runtime.seal import NONCE_BYTES, SealBroken, WrongMasterKey, event_key_of, open_with_event_key, seal_with_event_key

HELD_SECONDS: Final = 5.0
KEY_BYTES: Final = 32

T = TypeVar("T", bound=Personal)


class UnknownKey(Exception):
    """No row for this key: the keys' database is not the log's, lost rows, or the value is forged. Never ERASED."""


class KeyDestroyed(FamilyClosed):
    """The family's current generation was destroyed: nothing more is sealed until a new ground opens the next."""

    def __init__(self, pair: Pair) -> None:
        """The stream and the family."""
        super().__init__(pair[1])
        self.args = (_name_of(pair),)


class KeyInUse(Exception):
    """The current generation is not destroyed, so no further one opens."""


class PersonErased(Exception):
    """The whole person was erased: no generation opens any more."""


class _Held:
    """The generations of one pair as they were at `until` - 5 s; None stands for a destroyed one."""

    __slots__ = ("generations", "until")

    def __init__(self, generations: dict[int, bytearray | None], until: float) -> None:
        self.generations, self.until = generations, until

    def wipe(self) -> None:
        """Our copy is zeros. Copies inside the cipher library and in the database's answer are out of reach."""
        for key in self.generations.values():
            if key is not None:
                key[:] = bytes(len(key))


class _Turn:
    """A lock that is waited for as long as a connection is, so that a server that hangs does not hang every thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Raises psycopg's OperationalError after two seconds: as if the keys' database were away."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise psycopg.OperationalError("the keys' database does not answer")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Keyring:
    """The keys of one process; satisfies `domain.sealed.Keyring`. Thread-safe; connects on first use, after any fork.

    One lock is held over the cache and the database alike: so a key cannot be wiped while it is used, and one that
    `destroy` took away cannot come back into the cache from an answer that was under way.
    """

    def __init__(self, dsn: str, secrets: Secrets, clock: Callable[[], float] = time.monotonic) -> None:
        """`dsn` is the keys' own database; `clock` counts seconds and bounds how long a key is held."""
        self._rows = KeyRows(dsn)
        self._wrap = AESGCM(secrets.wrap)
        self._clock = clock
        self._held: dict[Pair, _Held] = {}  # in order of `until`: entries are only ever added at the end
        self._lock = _Turn()
        self._fits = False  # a stored key was opened with our master key

    def check_master_key(self) -> None:
        """A stored key was opened, or there is none yet. Raises WrongMasterKey."""
        with self._lock:
            stored = [] if self._fits else self._rows.find_some()
            self._fits = self._fits or any(self._opens(row) for row in stored)  # of several: one may be damaged
            if stored and not self._fits:
                raise WrongMasterKey("the master key opens none of the stored keys")

    def prepare(self, wanted: Sequence[Pair]) -> None:
        """These (stream, family) pairs have keys, committed in the keys' database and at hand here.

        One round trip when all exist, three when some are missing, whatever their number. Says nothing of destroyed
        ones: `seal` does.
        """
        with self._lock:
            self._drop_old()
            missing = {pair for pair in wanted if pair not in self._held}
            if missing:
                self._fetch(missing, make=True)

    def seal(self, stream: UUID, version: int, tag: str, field: SealedField, value: T) -> Sealed[T]:
        """The value sealed for this field of this event, with the current generation of its family.

        Raises KeyDestroyed; TypeError when the value is not of the field's type.
        """
        if type(value) is not field.of:
            raise TypeError(f"{tag}{field.pointer} holds {field.of.__name__}, not {type(value).__name__}")
        family = field.of.FAMILY
        with self._lock:
            generation, key = self._current((stream, family))
            event_key = event_key_of(key, stream, version, field.pointer)
        plain = msgspec.json.encode(value)
        return seal_with_event_key(
            event_key, os.urandom(NONCE_BYTES), f"{family}.{generation}", stream, version, tag, plain
        )

    def open(self, stream: UUID, fact: SealedFact[T]) -> T | Erased:
        """The clear value, or ERASED where its key was destroyed. Raises UnknownKey, SealBroken."""
        opened: T | Erased = self.open_many([(stream, fact)])[0]
        return opened

    def open_many(self, facts: Sequence[tuple[UUID, SealedFact[Any]]]) -> list[Any]:
        """The clear value of each, or ERASED, in the order given; keys not at hand are fetched in one query."""
        keys = self._event_keys(facts)
        return [_opened(stream, fact, key) for (stream, fact), key in zip(facts, keys, strict=True)]

    def event_key(self, stream: UUID, fact: SealedFact[Any]) -> bytes:
        """The 32 bytes that open this one fact for someone outside. Raises KeyDestroyed, UnknownKey."""
        key = self._event_keys([(stream, fact)])[0]
        if key is None:
            raise KeyDestroyed((stream, _place_of(fact.sealed)[0]))
        return key

    def destroy(self, stream: UUID, families: Collection[str]) -> None:
        """Every generation of these families of the stream is destroyed; the rows stay. May be repeated.

        A family that never had a key gets a destroyed first generation, so that none is made later by accident.
        """
        with self._lock:
            self._rows.destroy(stream, sorted(families), whole=False)
            self._forget_stream(stream)

    def destroy_person(self, stream: UUID) -> None:
        """Every family of the stream is destroyed and no generation ever opens again. May be repeated."""
        with self._lock:
            self._rows.destroy(stream, sorted(FAMILIES), whole=True)
            self._forget_stream(stream)

    def new_generation(self, stream: UUID, family: str) -> int:
        """The next generation is open, its number returned: for an event that states the new ground.

        Raises UnknownKey (there was none), KeyInUse (the current one is not destroyed), PersonErased.
        """
        pair = (stream, family)
        with self._lock:
            rows = self._rows.find([pair])
            if not rows:
                raise UnknownKey(_name_of(pair))
            last = max(rows, key=lambda row: row.generation)
            if last.whole:
                raise PersonErased(_name_of(pair))
            if last.wrapped is not None or not self._rows.open_next(self._new_row(pair, last.generation + 1)):
                raise KeyInUse(_name_of(pair))
            self._forget_stream(stream)
            return last.generation + 1

    def open_generation(self, stream: UUID, family: str, generation: int) -> None:
        """The family is sealed with this generation: the one the stream's facts state. May be repeated.

        Raises as `new_generation` does, and UnknownKey where an earlier one is missing: the keys are not the log's.
        """
        pair = (stream, family)
        with self._lock:
            self._drop_old()
            if self._has(pair, generation):
                return
            self._fetch({pair}, make=False)
            held = self._held.get(pair)
            if held is None or max(held.generations) < generation - 1:
                raise UnknownKey(f"{_name_of(pair)}.{generation - 1}")
            if not self._has(pair, generation):
                with suppress(KeyInUse):  # another process was first, or the generation before is still in use
                    self.new_generation(stream, family)
                self._fetch({pair}, make=False)
                if not self._has(pair, generation):
                    raise KeyInUse(_name_of(pair))

    def forget(self) -> None:
        """No key is held any more; the next use fetches it. The projector calls this after each page."""
        with self._lock:
            for held in self._held.values():
                held.wipe()
            self._held.clear()

    def close(self) -> None:
        """No key is held and the connection is closed; the keyring may be used again."""
        self.forget()
        with self._lock:
            self._rows.close()

    def _current(self, pair: Pair) -> tuple[int, bytearray]:
        """The open generation and its key. Asks again before it says destroyed: another process may have opened one."""
        self._drop_old()
        for ask in (False, True):
            if ask or pair not in self._held:
                self._fetch({pair}, make=True)
            generation = max(self._held[pair].generations)
            key = self._held[pair].generations[generation]
            if key is not None:
                return generation, key
        raise KeyDestroyed(pair)

    def _event_keys(self, facts: Sequence[tuple[UUID, SealedFact[Any]]]) -> list[bytes | None]:
        """The event key of each fact; None where it was destroyed and for a value that is still clear."""
        wanted = [None if isinstance(fact.sealed, Clear) else (s, *_place_of(fact.sealed)) for s, fact in facts]
        with self._lock:
            self._drop_old()
            missing = {place[:2] for place in wanted if place and not self._has(place[:2], place[2])}
            if missing:
                self._fetch(missing, make=False)
            return [place and self._event_key(place, fact) for place, (_, fact) in zip(wanted, facts, strict=True)]

    def _event_key(self, place: tuple[UUID, str, int], fact: SealedFact[Any]) -> bytes | None:
        pair, generation = place[:2], place[2]
        if not self._has(pair, generation):
            raise UnknownKey(f"{_name_of(pair)}.{generation}")
        key = self._held[pair].generations[generation]
        return None if key is None else event_key_of(key, place[0], fact.version, fact.field.pointer)

    def _has(self, pair: Pair, generation: int) -> bool:
        held = self._held.get(pair)
        return held is not None and generation in held.generations

    def _fetch(self, pairs: set[Pair], *, make: bool) -> None:
        """These pairs are held as the database has them now; with `make`, missing ones were made and committed."""
        asked_at = self._clock()
        rows = self._rows.find(pairs)
        if make and (missing := pairs - {row.pair for row in rows}):
            # A key wrapped with a wrong master key would be lost as soon as the right one is back.
            self.check_master_key()
            # What is stored counts, not what we made: another process may have been first.
            self._rows.add([self._new_row(pair, 1) for pair in missing])
            rows += self._rows.find(missing)
        found: dict[Pair, dict[int, bytearray | None]] = {}
        for row in rows:
            found.setdefault(row.pair, {})[row.generation] = self._unwrapped(row)
        for pair in pairs:
            self._drop(pair)
            if pair in found:
                self._held[pair] = _Held(found[pair], asked_at + HELD_SECONDS)

    def _new_row(self, pair: Pair, generation: int) -> KeyRow:
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._wrap.encrypt(nonce, os.urandom(KEY_BYTES), _row_of(pair, generation))
        return KeyRow(*pair, generation, wrapped)

    def _opens(self, row: KeyRow) -> bool:
        try:
            return self._unwrapped(row) is not None
        except SealBroken:
            return False

    def _unwrapped(self, row: KeyRow) -> bytearray | None:
        if row.wrapped is None:
            return None
        nonce, box = row.wrapped[:NONCE_BYTES], row.wrapped[NONCE_BYTES:]
        try:
            return bytearray(self._wrap.decrypt(nonce, box, _row_of(row.pair, row.generation)))
        except InvalidTag as refused:
            name = f"{_name_of(row.pair)}.{row.generation}"
            raise SealBroken(f"key {name} does not open: another master key, or a row that was moved") from refused

    def _drop_old(self) -> None:
        now = self._clock()
        while self._held and (oldest := next(iter(self._held.items())))[1].until <= now:
            self._drop(oldest[0])

    def _drop(self, pair: Pair) -> None:
        if held := self._held.pop(pair, None):
            held.wipe()

    def _forget_stream(self, stream: UUID) -> None:
        for pair in [pair for pair in self._held if pair[0] == stream]:
            self._drop(pair)


def _opened(stream: UUID, fact: SealedFact[Any], event_key: bytes | None) -> Personal | Erased:
    if isinstance(fact.sealed, Clear):
        return cast("Personal", fact.sealed.value)
    if event_key is None:
        return ERASED
    plain = open_with_event_key(event_key, fact.sealed, stream, fact.version, fact.tag)
    return _decoder(fact.field.of).decode(plain)


@cache
def _decoder(of: type[Personal]) -> msgspec.json.Decoder[Personal]:
    return msgspec.json.Decoder(of)


def _place_of(sealed: Sealed[Any]) -> tuple[str, int]:
    """Family and generation as `f` names them. Raises SealBroken where it names none."""
    family, _, generation = sealed.f.rpartition(".")
    if not family or not (generation.isascii() and generation.isdecimal()):
        raise SealBroken("the value names no family and generation")
    return family, int(generation)


def _row_of(pair: Pair, generation: int) -> bytes:
    """What a wrapped key is bound to, so that it opens in no other row: fixed lengths first, then the family."""
    return b"forsa.key.1" + pair[0].bytes + generation.to_bytes(4, "big") + pair[1].encode()


def _name_of(pair: Pair) -> str:
    return f"{pair[1]} of stream {pair[0]}"

"""Personal data inside events: sealed values, what opens them, and what an erased one looks like.

A `Sealed` is what is stored: {f: family.generation, h: hash of the event key, c: nonce and ciphertext}. Decide works
with clear values: it puts `clear(value)` where an event wants a `Sealed`, and the mapper seals it on the way to the
store. A clear value cannot be encoded, so one that was forgotten stops the append instead of being stored.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

FAMILIES: Final = ("identity", "contacts", "sensitive", "register", "worker")


class Personal(msgspec.Struct, frozen=True):
    """Base of every struct that may stand inside `Sealed`; `FAMILY` names the key family that seals it."""

    FAMILY: ClassVar[str] = ""

    def __repr__(self) -> str:
        """Never the content: values reach logs and tracebacks through their repr."""
        return f"<{type(self).__name__}>"


T = TypeVar("T", bound=Personal)


class Sealed(msgspec.Struct, Generic[T], frozen=True):
    """A personal value as it is stored; opens only with the key of (stream, family, generation)."""

    f: str  # family.generation, e.g. identity.1
    h: str  # SHA-256 of the event key, base64 without padding: commits to the key
    c: str  # 12-byte nonce and AES-256-GCM ciphertext, base64 without padding

    def __repr__(self) -> str:
        """Family and generation only."""
        return f"<Sealed {self.f}>"


class Clear(Generic[T]):
    """A personal value on its way into the store. Not a struct on purpose: encoding one fails."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        """The value will be sealed by the mapper with the keys of its stream."""
        self.value = value

    def __eq__(self, other: object) -> bool:
        """Two clear values are equal when their contents are."""
        return isinstance(other, Clear) and other.value == self.value

    def __hash__(self) -> int:
        """By content, as equality is."""
        return hash(self.value)

    def __repr__(self) -> str:
        """Family only."""
        return f"<Clear {self.value.FAMILY}>"


class Erased:
    """Stands for a personal value whose key was destroyed. Never the same as an unknown key, which is an error."""

    def __repr__(self) -> str:
        """One word, in logs and tests."""
        return "ERASED"


ERASED: Final = Erased()


def clear(value: T) -> Sealed[T]:
    """The value stands where an event wants a `Sealed`; the mapper seals it."""
    return cast("Sealed[T]", Clear(value))


class SealedField(msgspec.Struct, frozen=True):
    """Where one sealed field stands in an event class: path, JSON pointer, and the type inside."""

    path: tuple[str, ...]
    pointer: str
    of: type[Personal]


class SealedFact(msgspec.Struct, Generic[T], frozen=True):
    """A sealed value as a state keeps it: the value and the place it is bound to, all but the stream."""

    version: int
    tag: str
    field: SealedField
    sealed: Sealed[T]


class Keyring(Protocol):
    """What the domain needs of the keys: opening facts of a stream."""

    def open(self, stream: UUID, fact: SealedFact[T]) -> T | Erased:
        """The clear value, or ERASED where its key was destroyed. An unknown key raises UnknownKey."""
        ...

    def open_many(self, wanted: Sequence[tuple[UUID, SealedFact[Any]]]) -> Sequence[Any]:
        """The clear values, or ERASED, in the order asked; their keys fetched in one round trip."""
        ...

    def prepare(self, wanted: Sequence[tuple[UUID, str]]) -> None:
        """Keys of these (stream, family) pairs are at hand for sealing, made where they are missing."""
        ...

    def open_generation(self, stream: UUID, family: str, generation: int) -> None:
        """The family is sealed with this generation: opened now where the one before was destroyed. May be repeated."""
        ...


@cache
def sealed_fields(event_class: Hashable) -> tuple[SealedField, ...]:
    """Every sealed field of an event class, nested structs included, in field order.

    Lists hold no sealed values: a pointer must name one field of one event, and a list's index may move.
    """
    return tuple(_fields(cast("type[Any]", event_class), ()))


def _fields(struct: type[Any], path: tuple[str, ...]) -> list[SealedField]:
    found: list[SealedField] = []
    for name, hint in get_type_hints(struct).items():
        for part in get_args(hint) or (hint,) if get_origin(hint) is not Sealed else (hint,):
            here = (*path, name)
            if get_origin(part) is Sealed:
                found.append(SealedField(here, "/" + "/".join(here), get_args(part)[0]))
            elif isinstance(part, type) and issubclass(part, msgspec.Struct) and part is not Sealed:
                found.extend(_fields(part, here))
    return found


def sealed_at(event: Any, field: SealedField) -> Sealed[Any] | None:
    """The sealed (or still clear) value at this field of this event, None where it is absent."""
    value: Any = event
    for name in field.path:
        value = getattr(value, name, None)
        if value is None or value is msgspec.UNSET:
            return None
    return cast("Sealed[Any]", value)


def fact_of(event: Any, name: str, version: int) -> SealedFact[Any] | None:
    """The sealed value in the event's top-level field `name`, with the place it is bound to."""
    field = next(field for field in sealed_fields(cast("Hashable", type(event))) if field.path == (name,))
    sealed = sealed_at(event, field)
    return None if sealed is None else SealedFact(version, tag_of(type(event)), field, sealed)


def tag_of(event_class: type[Any]) -> str:
    """The permanent tag of an event class."""
    return cast("str", event_class.__struct_config__.tag)

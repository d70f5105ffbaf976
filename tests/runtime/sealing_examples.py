"""Invented events with personal values, and a keyring with a clock a test can move."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from domain.event import By, Event, ReasonText, Why
from domain.sealed import Personal, Sealed, SealedFact, clear, sealed_fields
from runtime.keyring import Keyring
from runtime.master_key import secrets_from

MASTER = bytes(range(32))
BY = By(actor=UUID(int=1), role="caseworker", org=UUID(int=2), src="api")
ON = date(2026, 9, 1)


class Name(Personal, frozen=True):
    """A name in both scripts."""

    FAMILY: ClassVar[str] = "identity"
    ar: str
    fr: str | None = None


class Phone(Personal, frozen=True):
    """A way to reach someone."""

    FAMILY: ClassVar[str] = "contacts"
    number: str


class Named(Event, frozen=True, kw_only=True, tag="example.named"):
    """Two sealed fields of two families."""

    name: Sealed[Name]
    phone: Sealed[Phone] | None = None


class Renamed(Event, frozen=True, kw_only=True, tag="example.renamed"):
    """The same field name under another tag."""

    name: Sealed[Name]


class Counted(Event, frozen=True, kw_only=True, tag="example.counted"):
    """Nothing sealed but a possible reason."""

    hours: int


TAGS: dict[str, type[Event]] = {"example.named": Named, "example.renamed": Renamed, "example.counted": Counted}
NAME, PHONE = sealed_fields(Named)[-2:]
WHY = Why("entry_error", clear(ReasonText("typed twice")))


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """The seconds so far."""
        return self.seconds


def keyring(dsn: str, clock: Clock | None = None, master: bytes = MASTER) -> Keyring:
    """A keyring of its own, as another process would have one."""
    return Keyring(dsn, secrets_from(master), clock or Clock())


def sealed_name(keys: Keyring, stream: UUID, version: int = 1, value: Name = Name("محمد")) -> SealedFact[Name]:  # noqa: B008  # frozen
    """The name sealed at this place, as a state would keep it."""
    sealed = keys.seal(stream, version, "example.named", NAME, value)
    return SealedFact(version, "example.named", NAME, sealed)

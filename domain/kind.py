"""What a kind of stream is made of, and what a command's table row says.

Each noun's module ends with its `KIND` and its `COMMANDS`; `streams.py` closes both tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from domain.event import By, Event, ReasonText, Why
from domain.parameters import Parameters
from domain.sealed import SealedFact, clear

E = TypeVar("E", bound=Event)
Changes = list[tuple[UUID, Event]]  # (stream id, event) in the order they happened
Reads = Mapping[str, tuple[str, UUID | Iterable[UUID]]]  # name of a decide argument → (kind, id or ids)
Facts = Mapping[UUID, SealedFact[Any]]  # stream id → the sealed fact to open


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's events add up to. `version` is that of the last event, 0 before the first."""

    version: int = 0


class ReasonGiven(msgspec.Struct, frozen=True):
    """A reason as a client gives it: a code, and a text of its own words where the code does not suffice."""

    code: str
    text: str | None = None

    def to_why(self) -> Why:
        """The reason as an event stores it: the text sealed."""
        return Why(self.code, clear(ReasonText(self.text)) if self.text else None)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What someone wants done. `on` is the business date, today when absent; `why` where a reason is asked."""

    on: date | None = None
    why: ReasonGiven | None = None

    def occurred_on(self) -> date | None:
        """The business date: `on`, or what the command itself dates; None means today. Never later than today."""
        return self.on

    def earliest_date(self) -> date | None:
        """The earliest day this command states something of: rule 46 counts back-dating from it."""
        return self.occurred_on()


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of one command: who, when, and the only randomness decide may use."""

    by: By
    on: date  # the business date
    today: date  # Africa/Casablanca
    now: datetime  # aware UTC, for what lasts hours
    parameters: Parameters
    nonce: UUID  # random, fresh for every attempt
    why: Why | msgspec.UnsetType = msgspec.UNSET

    def event(self, event_class: type[E], command: Command | None = None, **fields: Any) -> E:
        """An event of this act: its envelope, the command's fields of the same names, and `fields` over them."""
        shared = {
            name: getattr(command, name)
            for name in event_class.__struct_fields__
            if name not in ("on", "why") and name in getattr(command, "__struct_fields__", ())
        }
        return event_class(on=self.on, by=self.by, why=self.why, **{**shared, **fields})

    def new_id(self, *names: object) -> UUID:
        """A random id of this act, the same for the same names: decide stays a plain function."""
        return uuid5(self.nonce, "/".join(str(name) for name in names))

    @property
    def six_digits(self) -> str:
        """Six random digits of this attempt."""
        return f"{self.nonce.int % 1_000_000:06d}"


class ClaimSource(msgspec.Struct, frozen=True):
    """A value a state claims for itself alone: in the clear, or inside a sealed fact."""

    kind: str
    value: str | None = None
    fact: SealedFact[Any] | None = None
    values_in: Callable[[Any], list[str]] | None = None

    @property
    def key(self) -> tuple[str, str | int | None]:
        """The same key before and after an act means the same claim: nothing needs opening."""
        return (self.kind, self.fact.version if self.fact else self.value)


def nothing_closed(_state: Any) -> frozenset[str]:
    """For kinds whose families nobody closes."""
    return frozenset()


def first_generations(_state: Any) -> Mapping[str, int]:
    """For kinds whose families are sealed with their first key."""
    return {}


def no_claims(_state: Any) -> list[ClaimSource]:
    """For kinds that claim nothing."""
    return []


Evolve = Callable[[Any, Any, int], Any]  # (state, event, version) → state; never refuses


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of stream: its empty state, its evolve table, its life cycle, its claims."""

    name: str  # the noun, as tags and URLs have it: `diploma-session`
    plural: str
    empty: State
    first: type[Event]  # the first event of every stream of this kind
    evolve: Evolve
    events: tuple[type[Event], ...]
    status_of: Callable[[Any], str]
    life_cycle: Mapping[str, frozenset[str]]  # status → names of the commands allowed; total over statuses
    claims_of: Callable[[Any], list[ClaimSource]] = no_claims
    closed_of: Callable[[Any], frozenset[str]] = nothing_closed  # key families nothing more is recorded of
    generations_of: Callable[[Any], Mapping[str, int]] = first_generations  # family → its key's, where not the first
    singleton: bool = False  # exists before its first event


def evolve_by(table: Mapping[type[Event], Evolve]) -> Evolve:
    """The evolve function of a kind with one state struct: looks the event's class up and sets the version."""

    def evolve(state: Any, event: Event, version: int) -> Any:
        return msgspec.structs.replace(table[type(event)](state, event, version), version=version)

    return evolve


def no_reads(_command: Any, _seen: Mapping[str, Any]) -> Reads:
    """For commands that need nothing but their own stream."""
    return {}


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One command's row: everything the casebook and the routes need to know of it."""

    command: type[Command]
    decide: Callable[..., Changes]
    kind: str  # kind of the stream the command is about
    stream: str  # the command's field with that stream's id; it is also decide's argument name for its state
    noun: str = ""  # what is posted under that stream; empty: the command opens the stream
    roles: tuple[str, ...]
    reads: Callable[[Any, Mapping[str, Any]], Reads] = (
        no_reads  # asked again with what was read, until it names no more
    )
    opens: Mapping[str, Callable[[Any, Mapping[str, Any]], Facts]] = {}  # decide argument → sealed facts to open
    replaces: bool = False  # it replaces what the user saw: If-Match is asked
    asks_reason: bool = False

    @property
    def name(self) -> str:
        """The command's name as the life cycle, the texts and the OpenAPI document have it: `open-group`."""
        return command_name(self.command)

    @property
    def opens_stream(self) -> bool:
        """Whether the command is the first act on its stream."""
        return not self.noun


def command_name(command: type[Command]) -> str:
    """`RecordIdentity` → `record-identity`."""
    return "".join("-" + c.lower() if c.isupper() else c for c in command.__name__).lstrip("-")

"""What the domain says when it refuses. No status codes here: `api/problems.py` has the only ones."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

import msgspec


class RuleBroken(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that forbids an act, with the data its texts need.

    `RULE` is the number in DOMAIN §5 (0: a condition of the life cycle or of the act itself). `code` is permanent:
    clients and translations hang on it. Data fields hold ids, codes, dates and numbers, never personal data.
    """

    RULE: ClassVar[int] = 0
    pointer: str = ""  # JSON pointer of the field that broke it; empty: the act as a whole

    @property
    def code(self) -> str:
        """The stable code: the class name in kebab case."""
        return code_of(type(self))

    @property
    def params(self) -> dict[str, Any]:
        """The data of this refusal, by name, without the pointer."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "pointer"}


def code_of(broken: type[RuleBroken]) -> str:
    """`GroupIsFull` → `group-is-full`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", broken.__name__).lower()


class Refused(Exception):
    """An act was refused; `broken` holds every rule that holds, in rule order. Nothing was recorded."""

    def __init__(self, *broken: RuleBroken) -> None:
        """At least one broken rule."""
        super().__init__(", ".join(each.code for each in broken))
        self.broken = tuple(sorted(broken, key=lambda each: each.RULE))


def refuse_if(*broken: RuleBroken | None) -> None:
    """Raises Refused with every rule given that is not None."""
    held = [each for each in broken if each is not None]
    if held:
        raise Refused(*held)


class NotAllowedNow(RuleBroken, frozen=True, kw_only=True):
    """The life cycle does not allow this act in the present status; `allowed` names the acts it does."""

    status: str
    allowed: list[str]


class TooMuchAtOnce(RuleBroken, frozen=True, kw_only=True):
    """One act may touch so many facts and no more; send it in parts."""

    count: int
    most: int


class ReasonTextMisplaced(RuleBroken, frozen=True, kw_only=True):
    """A reason in one's own words may speak of a learner: it is kept on that learner's stream only, sealed there."""

    RULE: ClassVar[int] = 42


class KeysDestroyed(RuleBroken, frozen=True, kw_only=True):
    """The learner's facts of this family were erased: nothing of it is recorded without a new ground."""

    RULE: ClassVar[int] = 42
    family: str


class UnknownCode(RuleBroken, frozen=True, kw_only=True):
    """The value is not a code of its list, or not one in use on that day."""

    list: str
    value: str


class NotACode(RuleBroken, frozen=True, kw_only=True):
    """The value does not have the shape of a code: 1 to 40 of A-Z, a-z, 0-9, dot, hyphen, underscore."""


class TextUnreadable(RuleBroken, frozen=True, kw_only=True):
    """The text is empty, too long, or holds characters no text has; `problem` is the code of what is wrong."""

    problem: str


class UnknownStream(RuleBroken, frozen=True, kw_only=True):
    """Nothing of this kind has this id."""

    kind: str
    id: UUID


class IdInUse(RuleBroken, frozen=True, kw_only=True):
    """An id names one thing only: what it names already is not what is sent now."""

    id: UUID


class OccurredInFuture(RuleBroken, frozen=True, kw_only=True):
    """The business date lies after today (Africa/Casablanca)."""

    RULE: ClassVar[int] = 46
    on: str
    today: str


def in_future(day: date, pointer: str, today: date) -> OccurredInFuture | None:
    """Rule 46, for a day the command itself states."""
    return OccurredInFuture(pointer=pointer, on=str(day), today=str(today)) if day > today else None


class ReasonNeeded(RuleBroken, frozen=True, kw_only=True):
    """The act asks for a reason code."""

    RULE: ClassVar[int] = 46
    days: int


class StaleVersion(Exception):
    """A stream moved on since it was read: `stream` is at `actual`, the caller knew `expected`."""

    def __init__(self, stream: UUID, expected: int, actual: int) -> None:
        """What the caller knew and what is there."""
        super().__init__(f"stream is at version {actual}, not {expected}")
        self.stream, self.expected, self.actual = stream, expected, actual


class Conflict(Exception):
    """The store refused the append because something read had changed; re-load and re-decide."""


class ClaimTaken(Exception):
    """A unique value is held by another stream; `holder` is for the caller's scope only."""

    def __init__(self, kind: str, holder: UUID | None) -> None:
        """The claim's kind and the stream that holds it."""
        super().__init__(kind)
        self.kind, self.holder = kind, holder


class FamilyClosed(Exception):
    """A personal value would be sealed with a key that was destroyed; `family` names it."""

    def __init__(self, family: str) -> None:
        """The key family."""
        super().__init__(family)
        self.family = family


class CommandKnown(Exception):
    """The command id was stored before (by a lost reply or a racing duplicate); look its row up."""


class OtherBody(Exception):
    """A command id was used again with another body."""


class TooOld(Exception):
    """The log holds a tag this release does not know: a newer release has written it. The process must stop."""

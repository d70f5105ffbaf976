"""A diploma in its register, once awarded: what may be asked of it, and what is refused."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from domain.errors import RuleBroken
from domain.kind import Command


class CorrectDiploma(Command, frozen=True, kw_only=True):
    """Correct what a diploma says; what is left out stays. names: print the verified identity's names anew."""

    learner: UUID
    diploma: UUID
    number: str | None = None
    title: str | None = None
    trade: str | None = None
    level: str | None = None
    awarded_on: date | None = None
    names: bool = False


class HandOverDiploma(Command, frozen=True, kw_only=True):
    """Record that a copy was handed over. copy: 0 for the original, n for the n-th duplicate."""

    learner: UUID
    diploma: UUID
    copy: int = 0
    recipient: str = "holder"
    receipt: UUID | None = None


class IssueDuplicate(Command, frozen=True, kw_only=True):
    """Issue a duplicate of the diploma, under the same number."""

    learner: UUID
    diploma: UUID
    ground: str


class AnnulDiploma(Command, frozen=True, kw_only=True):
    """Annul the diploma by a decision of this authority; it stays in the register as annulled."""

    learner: UUID
    diploma: UUID
    ground: str
    authority: UUID
    act_reference: str


class RegisterNumberInUse(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: the number stands in this register already, for ever."""

    RULE = 19


class NoSuchDiploma(RuleBroken, frozen=True, kw_only=True):
    """The learner was awarded no diploma with this id."""

    diploma: UUID


class DiplomaIsAnnulled(RuleBroken, frozen=True, kw_only=True):
    """Rule 20: an annulled diploma stays in the register as it is; nothing more happens to it."""

    RULE = 20
    annulled_on: str


class NotYetThen(RuleBroken, frozen=True, kw_only=True):
    """The act would lie before the one it rests on: an award, a copy issued or handed over, signed minutes."""

    on: str
    since: str


class NoSuchCopy(RuleBroken, frozen=True, kw_only=True):
    """No copy of the diploma has this number."""

    copy: int


class CopyHandedOver(RuleBroken, frozen=True, kw_only=True):
    """A copy is handed over once."""

    copy: int
    handed_over_on: str


class CopyNotHandedOver(RuleBroken, frozen=True, kw_only=True):
    """A duplicate replaces a copy that was handed over; the last one still lies here."""

    copy: int


class TradeNotExamined(RuleBroken, frozen=True, kw_only=True):
    """Rule 19: a diploma says a trade of its exam session; `trades` are those."""

    RULE = 19
    trades: list[str]


class NotAnAnnullingAuthority(RuleBroken, frozen=True, kw_only=True):
    """An organisation of this kind does not decide an annulment on that ground; `fitting` names the kinds that do."""

    RULE = 20
    kind: str
    fitting: list[str]

"""Privacy: who asked that personal data be forgotten, what was decided, what stands against it, and what was done.

A key family is closed by the decision, before any key dies: from then on nothing of it is opened to decide with and
nothing of it is recorded. It opens again, under a key of its own, only by a fact that states the new ground.
Source: DESIGN §3 "Erasing", DOMAIN §4 "Privacy", rule 42.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command
from domain.sealed import Personal, Sealed

LEARNERS_FAMILIES: Final = ("identity", "contacts", "sensitive", "register")  # all a learner has; list personal_family


def in_order(families: Iterable[str]) -> list[str]:
    """These families in the order of their list, each once, whatever the order they came in."""
    named = set(families)
    return [family for family in LEARNERS_FAMILIES if family in named]


class HoldReference(Personal, frozen=True):
    """The number of the authority's act. Family `sensitive`: a court's docket leads to a person, and to why."""

    FAMILY: ClassVar[str] = "sensitive"
    reference: str


class CheckedItem(msgspec.Struct, frozen=True):
    """One place that was looked through after an erasure. What a look counts, the list says by the place."""

    place: str  # checked_place
    looked: int  # views, keys of the families, tables or kinds of claims that were looked at
    left: int  # of what was looked for: views behind the decision, keys that open, rows, claims


class ErasureRequested(Event, frozen=True, kw_only=True, tag="learner.erasure-requested"):
    """Someone asked that the facts of these families be erased. Nothing is erased by asking. Since v1."""

    erasure: UUID
    families: list[str]  # personal_family
    asked_by: str  # erasure_asker


class ErasureRefused(Event, frozen=True, kw_only=True, tag="learner.erasure-refused"):
    """These families of the request are kept, on this ground; `until`: the day it may be asked again. Since v1."""

    erasure: UUID
    families: list[str]
    ground: str  # erasure_refusal_ground
    until: date | None


class ErasureDecided(Event, frozen=True, kw_only=True, tag="learner.erasure-decided"):
    """The facts of these families are to be erased; it cannot be taken back. Since v1.

    `whole`: the whole person: no ground ever opens a family of theirs again.
    """

    erasure: UUID
    families: list[str]
    legal_basis: str  # erasure_legal_basis
    whole: bool


class PersonalDataErased(Event, frozen=True, kw_only=True, tag="learner.personal-data-erased"):
    """The decision is carried out: keys destroyed, rows gone, looked for and not found. Since v1. No person's act."""

    erasure: UUID
    checklist: list[CheckedItem]


class HoldPlaced(Event, frozen=True, kw_only=True, tag="learner.hold-placed"):
    """An authority asks that the facts of these families be kept: nothing of them is erased until it is lifted.

    Since v1. The reference is sealed: once the hold is lifted, an erasure of what is sensitive takes it too.
    """

    hold: UUID
    families: list[str]
    authority: UUID  # organisation
    reference: Sealed[HoldReference] | None  # of the authority's act


class HoldLifted(Event, frozen=True, kw_only=True, tag="learner.hold-lifted"):
    """The hold stands no more. Since v1."""

    hold: UUID


class NewGroundStated(Event, frozen=True, kw_only=True, tag="learner.new-ground-stated"):
    """After `erasure` there is a new ground to hold facts of these families, under a new key. Since v1.

    `families`: all of them were last erased by that erasure; families of two erasures make two events.
    """

    erasure: UUID
    families: list[str]
    ground: str  # new_ground
    given_by: str  # ground_giver; a guardian while the learner is a minor (rule 8)
    document: UUID | None  # the paper that shows it


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    version: int
    families: frozenset[str]  # as asked
    open: frozenset[str]  # neither refused nor decided
    requested_by: UUID  # worker
    decided: frozenset[str] = frozenset()
    decided_version: int | None = None
    whole: bool = False
    erased_version: int | None = None

    @property
    def is_pending(self) -> bool:
        """Decided, and not carried out yet."""
        return self.decided_version is not None and self.erased_version is None


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """Erasures and holds by id, and the families that are closed."""

    erasures: dict[UUID, Erasure] = {}
    holds: dict[UUID, frozenset[str]] = {}  # in force
    lifted: frozenset[UUID] = frozenset()
    closed: frozenset[str] = frozenset()
    grounds: dict[str, int] = {}  # family → how many new grounds were stated
    whole: bool = False  # the whole person: what is closed stays closed

    @property
    def held(self) -> frozenset[str]:
        """Families that a hold in force covers."""
        return frozenset(family for families in self.holds.values() for family in families)

    @property
    def generations(self) -> Mapping[str, int]:
        """Family → generation of the key its facts are sealed with now, for families that had a new ground."""
        return {family: 1 + stated for family, stated in self.grounds.items()}

    @property
    def pending(self) -> dict[UUID, Erasure]:
        """Erasures decided and not carried out, in the order they were asked for."""
        return {key: each for key, each in self.erasures.items() if each.is_pending}


def _changed(stage: Privacy, key: UUID, **changes: object) -> dict[UUID, Erasure]:
    """The erasures with this one changed; as they were when there is none of this id."""
    if key not in stage.erasures:
        return stage.erasures
    return {**stage.erasures, key: msgspec.structs.replace(stage.erasures[key], **changes)}


def on_erasure_requested(stage: Privacy, event: ErasureRequested, version: int) -> Privacy:
    """The stage after: erasure requested."""
    families = frozenset(event.families)
    asked = Erasure(version=version, families=families, open=families, requested_by=event.by.actor)
    return msgspec.structs.replace(stage, erasures={**stage.erasures, event.erasure: asked})


def on_erasure_refused(stage: Privacy, event: ErasureRefused, _version: int) -> Privacy:
    """The stage after: erasure refused."""
    asked = stage.erasures.get(event.erasure)
    still_open = asked.open - set(event.families) if asked else frozenset()
    return msgspec.structs.replace(stage, erasures=_changed(stage, event.erasure, open=still_open))


def on_erasure_decided(stage: Privacy, event: ErasureDecided, version: int) -> Privacy:
    """The stage after: erasure decided. No other request has these families open still.

    Else one that nobody answered would take what is recorded after a return.
    """
    decided = frozenset(event.families)
    changes = {"open": frozenset(), "decided": decided, "decided_version": version, "whole": event.whole}
    erasures = {
        key: msgspec.structs.replace(each, open=each.open - decided)
        for key, each in _changed(stage, event.erasure, **changes).items()
    }
    return msgspec.structs.replace(
        stage,
        erasures=erasures,
        closed=stage.closed | decided,
        whole=stage.whole or event.whole,
    )


def on_personal_data_erased(stage: Privacy, event: PersonalDataErased, version: int) -> Privacy:
    """The stage after: personal data erased."""
    return msgspec.structs.replace(stage, erasures=_changed(stage, event.erasure, erased_version=version))


def on_hold_placed(stage: Privacy, event: HoldPlaced, _version: int) -> Privacy:
    """The stage after: hold placed."""
    return msgspec.structs.replace(stage, holds={**stage.holds, event.hold: frozenset(event.families)})


def on_hold_lifted(stage: Privacy, event: HoldLifted, _version: int) -> Privacy:
    """The stage after: hold lifted."""
    holds = {key: families for key, families in stage.holds.items() if key != event.hold}
    return msgspec.structs.replace(stage, holds=holds, lifted=stage.lifted | {event.hold})


def on_new_ground_stated(stage: Privacy, event: NewGroundStated, _version: int) -> Privacy:
    """The stage after: new ground stated."""
    stated = {family: stage.grounds.get(family, 0) + 1 for family in event.families}
    return msgspec.structs.replace(
        stage, closed=stage.closed - set(event.families), grounds={**stage.grounds, **stated}
    )


class RequestErasure(Command, frozen=True, kw_only=True):
    """Ask that the learner's facts of these families be erased."""

    learner: UUID
    erasure: UUID
    families: list[str]
    asked_by: str


class RefuseErasure(Command, frozen=True, kw_only=True):
    """Refuse to erase these families of a request; `until`: the day it may be asked again, where there is one."""

    learner: UUID
    erasure: UUID
    families: list[str]
    ground: str
    until: date | None = None


class DecideErasure(Command, frozen=True, kw_only=True):
    """Decide that what is still open of a request is erased. It cannot be undone; all its families are named again."""

    learner: UUID
    erasure: UUID
    families: list[str]
    legal_basis: str
    whole: bool = False


class PlaceHold(Command, frozen=True, kw_only=True):
    """Keep the facts of these families as long as an authority asks for it."""

    learner: UUID
    hold: UUID
    families: list[str]
    authority: UUID
    reference: str | None = None


class LiftHold(Command, frozen=True, kw_only=True):
    """Lift a hold."""

    learner: UUID
    hold: UUID


class StateNewGround(Command, frozen=True, kw_only=True):
    """State why facts of families that were erased may be held again: the learner returns, or consents anew."""

    learner: UUID
    families: list[str]
    ground: str
    given_by: str
    document: UUID | None = None


class FamiliesMissing(RuleBroken, frozen=True, kw_only=True):
    """At least one family is named, and each once."""

    RULE = 42


class ErasureAlreadyDecided(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: the erasure of these families is decided already; that is not undone."""

    RULE = 42
    families: list[str]


class NoSuchErasure(RuleBroken, frozen=True, kw_only=True):
    """No request of this id has these families still open; `open` lists those that are."""

    RULE = 42
    open: list[str]


class FamiliesDiffer(RuleBroken, frozen=True, kw_only=True):
    """A decision names every family that is still open of the request, and no other; `open` lists them."""

    RULE = 42
    open: list[str]


class FamilyOnHold(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: an authority asks that these families be kept."""

    RULE = 42
    families: list[str]


class NeededWhileEnrolled(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: while enrolled the learner must be known: presence, exams and certificates name a person."""

    RULE = 42
    since: str


class RegisterIsPermanent(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: a diploma's register is kept for ever (retention), and with it the names as printed."""

    RULE = 42


class DecidedByRequester(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: who recorded the request does not decide it."""

    RULE = 42


class WholeIsEveryFamily(RuleBroken, frozen=True, kw_only=True):
    """The whole person is erased by a request that names every family; `missing` lists those it does not."""

    RULE = 42
    missing: list[str]


class NoSuchHold(RuleBroken, frozen=True, kw_only=True):
    """No hold in force has this id."""

    RULE = 42


class NothingToReopen(RuleBroken, frozen=True, kw_only=True):
    """These families were not erased, or their erasure is still being carried out."""

    RULE = 42
    families: list[str]


class ErasedForGood(RuleBroken, frozen=True, kw_only=True):
    """Rule 42: the whole person was erased: they come back as a new learner, never under this file."""

    RULE = 42

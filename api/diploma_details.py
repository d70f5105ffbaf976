"""A diploma in full, as its details are shown: what it says, its copies, its corrections, and the names printed on it.

What a partner's people ask for with a diploma in hand. Nothing of the learner stands here but these names; which of the
learners it is, only for those who see learners.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from api.languages import language, say
from api.parts import Parts
from domain.casebook import Stream
from domain.event import Event, Why
from domain.learner.diploma import (
    Award,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    PrintedName,
)
from domain.organisation import LocalName
from domain.partner_feed import PUBLIC
from domain.reference import label
from domain.sealed import Erased

T = TypeVar("T", bound=Event)
PUBLIC_EVENTS: Final = tuple(PUBLIC)


class CodeShown(msgspec.Struct, frozen=True):
    """A code and what it is called, in the language asked for."""

    code: str
    text: str


class Named(msgspec.Struct, frozen=True):
    """An organisation or a centre."""

    id: UUID
    name: LocalName


class RegisterShown(msgspec.Struct, frozen=True):
    """The register a diploma's number is unique in, for ever."""

    delegation: Named
    kind: CodeShown
    year: int


class CopyShown(msgspec.Struct, frozen=True, kw_only=True):
    """The original (copy 0) or a duplicate: issued when and why, handed over when and to whom."""

    copy: int
    issued_on: date
    ground: CodeShown | None  # of a duplicate
    handed_over_on: date | None
    recipient: CodeShown | None


class CorrectionShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a correction changed, when and why. `printed_names`: names did change, which ones is not said."""

    on: date
    changed: list[CodeShown]  # diploma_item
    why: CodeShown | None


class AnnulmentShown(msgspec.Struct, frozen=True, kw_only=True):
    """The decision it was annulled by."""

    on: date
    ground: CodeShown
    authority: Named
    act_reference: str


class DiplomaDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A diploma as of `position`. An annulled one says so in `status` and stays."""

    id: UUID
    revision: int  # as on the feed: how many messages tell of it up to here
    version: int | None  # of the learner's stream, for If-Match; None where the learner is not for you
    position: int
    status: str  # in_force | annulled
    status_text: str
    register: RegisterShown
    number: str
    earlier_numbers: list[str]  # it had before it was corrected
    title: CodeShown
    trade: CodeShown | None
    level: CodeShown
    awarded_on: date
    centre: Named  # that prepared for it
    convention: UUID
    session: UUID  # whose signed minutes it rests on
    minutes_rectified_on: date | None
    copies: list[CopyShown]
    corrections: list[CorrectionShown]
    annulment: AnnulmentShown | None
    learner_reference: UUID  # what the feed calls its holder
    learner: UUID | None  # None: not for you
    printed: PrintedName | None  # names as printed; None once erased
    is_erased: bool
    links: dict[str, str]


def details_of(
    parts: Parts, diploma: UUID, award: Award, stream: Stream, *, shows_learner: bool, position: int
) -> DiplomaDetails:
    """The details of a learner's diploma. stream: the learner's, up to `position`."""
    told = [each for each in stream.events if isinstance(each, PUBLIC_EVENTS) and _is_of(diploma, each)]
    printed = parts.casebook.keyring.open(stream.id, award.printed)
    learner = stream.id if shows_learner else None
    return DiplomaDetails(
        id=diploma,
        revision=len(told),
        version=stream.version if learner else None,
        position=position,
        status=award.status,
        status_text=say(f"diploma-status.{award.status}"),
        register=_register(parts, award),
        number=award.number,
        earlier_numbers=list(award.earlier_numbers),
        title=_code("diploma_kind", award.title, award.awarded_on),
        trade=_code("trade", award.trade, award.awarded_on) if award.trade else None,
        level=_code("programme_level", award.level, award.awarded_on),
        awarded_on=award.awarded_on,
        centre=_named(parts, "centre", award.centre),
        convention=award.convention,
        session=award.minutes.stream,
        minutes_rectified_on=award.minutes_rectified_on,
        copies=list(_copies(award, told)),
        corrections=[_correction(each) for each in _all(DiplomaCorrected, told)],
        annulment=_annulment(parts, award),
        learner_reference=award.partner_reference,
        learner=learner,
        printed=None if isinstance(printed, Erased) else printed,
        is_erased=isinstance(printed, Erased),
        links={"self": f"/v1/diplomas/{diploma}"},
    )


def _is_of(diploma: UUID, event: Event) -> bool:
    return getattr(event, "diploma", None) == diploma


def _all(of: type[T], events: Iterable[Event]) -> Iterator[T]:
    return (each for each in events if isinstance(each, of))


def _register(parts: Parts, award: Award) -> RegisterShown:
    register = award.register
    kind = _code("diploma_kind", register.kind, award.awarded_on)
    return RegisterShown(_named(parts, "organisation", register.delegation), kind, register.year)


def _copies(award: Award, told: list[Event]) -> Iterator[CopyShown]:
    given = {each.copy: each for each in _all(DiplomaHandedOver, told)}
    issued = {each.copy: each for each in _all(DiplomaDuplicateIssued, told)}
    for copy in range(len(issued) + 1):
        duplicate, hand_over = issued.get(copy), given.get(copy)
        yield CopyShown(
            copy=copy,
            issued_on=duplicate.on if duplicate else award.awarded_on,
            ground=_code("duplicate_ground", duplicate.ground, duplicate.on) if duplicate else None,
            handed_over_on=hand_over.on if hand_over else None,
            recipient=_code("diploma_recipient", hand_over.recipient, hand_over.on) if hand_over else None,
        )


def _correction(event: DiplomaCorrected) -> CorrectionShown:
    changed = [_code("diploma_item", each, event.on) for each in event.changed]
    why = _code("reason", event.why.code, event.on) if isinstance(event.why, Why) else None
    return CorrectionShown(on=event.on, changed=changed, why=why)


def _annulment(parts: Parts, award: Award) -> AnnulmentShown | None:
    if award.annulment is None or award.annulled_on is None:
        return None
    said = award.annulment
    return AnnulmentShown(
        on=award.annulled_on,
        ground=_code("annulment_ground", said.ground, award.annulled_on),
        authority=_named(parts, "organisation", said.authority),
        act_reference=said.act_reference,
    )


def _code(name: str, code: str, on: date) -> CodeShown:
    return CodeShown(code, label(name, code, language(), on))


def _named(parts: Parts, kind: str, stream: UUID) -> Named:
    return Named(stream, parts.casebook.load(kind, stream).state.name)

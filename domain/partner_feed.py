"""What partners are told of diplomas: which events are public, which of their fields, and in what form.

⚓ A feed is an audience. Each of its messages is a CloudEvent 1.0 with an id `feed/epoch/sequence`: gapless within an
epoch, never renumbered. A message carries the whole public record of its diploma as it stands after the event, so
whoever keeps the last one of each diploma holds the register; what changed stands beside it. No name, no date of birth,
no id of the learner: a reference that is random per diploma. A message once sent is never changed; within a major
version (the end of its type) fields are only added, and only optional ones. Source: DESIGN §6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from domain.event import Event
from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
)
from domain.sealed import tag_of

NATIONAL: Final = "entraide-nationale"  # the feed of all of Entraide Nationale; it exists from the start
TOPIC: Final = "forsa.diploma.events.v1"
SOURCE: Final = "urn:forsa:feed:"
IN_FORCE, ANNULLED = "in_force", "annulled"


class Place(NamedTuple):
    """A place in a feed: everything up to this message of this epoch. `0` is before the first; places are ordered."""

    epoch: int
    sequence: int

    def __str__(self) -> str:
        """As clients write it: `1/42`."""
        return f"{self.epoch}/{self.sequence}"


START: Final = Place(1, 0)
_PLACE: Final = re.compile(r"([1-9][0-9]{0,8})/(0|[1-9][0-9]{0,17})", re.ASCII)


def read_place(text: str) -> Place | None:
    """The place `1/42` names; None for any other text."""
    found = _PLACE.fullmatch(text)
    return Place(int(found[1]), int(found[2])) if found else None


def feed_name(region: str | None) -> str:
    """The feed of a region (`MA-06`), or of the whole country."""
    return f"{NATIONAL}-{region.lower()}" if region else NATIONAL


def topic_of(feed: str) -> str:
    """The one topic of a feed; its one partition has the feed's messages in their order."""
    return TOPIC + feed.removeprefix(NATIONAL).replace("-", ".", 1)


class PublicRegister(msgspec.Struct, frozen=True):
    """The register a diploma's number is unique in: issuing delegation, kind, year."""

    delegation: UUID
    kind: str
    year: int


class PublicDiploma(msgspec.Struct, frozen=True, kw_only=True):
    """A diploma as partners know it, as of one message."""

    id: UUID
    revision: int  # how many messages of this feed tell of it, this one counted
    status: str  # in_force | annulled
    number: str
    earlier_numbers: list[str]  # it had before it was corrected, oldest first: papers with them are about
    register: PublicRegister
    title: str  # diploma_kind
    trade: str | None
    level: str  # programme_level
    centre: UUID  # that prepared for it
    convention: UUID  # it was prepared under
    session: UUID  # the exam session whose signed minutes it rests on
    learner_reference: UUID  # random, another for each diploma
    awarded_on: date
    minutes_rectified_on: date | None = None
    handed_over_on: date | None = None  # the original
    duplicates: int = 0  # issued so far
    annulled_on: date | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What every message about a diploma says: the day it happened, and the diploma after it."""

    occurred_on: date
    diploma: PublicDiploma


class AwardedV1(Told, frozen=True, kw_only=True):
    """The diploma was awarded."""


class CorrectedV1(Told, frozen=True, kw_only=True):
    """What the diploma says was corrected."""

    changed: list[str]  # diploma_item; `printed_names` says that names changed, never which


class HandedOverV1(Told, frozen=True, kw_only=True):
    """The paper was handed over."""

    copy: int  # 0: the original; n: the n-th duplicate


class DuplicateIssuedV1(Told, frozen=True, kw_only=True):
    """A duplicate was issued under the same number."""

    copy: int  # 1 for the first


class MinutesRectifiedV1(Told, frozen=True, kw_only=True):
    """The minutes it rests on were rectified; the diploma stands."""


class AnnulledV1(Told, frozen=True, kw_only=True):
    """The diploma holds no longer; it stays in the register as annulled."""

    authority: UUID  # the organisation that decided it


class EpochOpenedV1(msgspec.Struct, frozen=True, kw_only=True):
    """The feed goes on in another epoch. Of the epoch before, what stands ends with `stands_until`.

    Whoever has read beyond that holds what no longer is, and starts again from the snapshot; whoever has read less
    fetches the rest first.
    """

    previous_epoch: int
    stands_until: int  # sequence of the last message of the previous epoch that stands
    reason: str  # epoch_reason


class MessageType(NamedTuple):
    """A row of the table of public messages. `about`: their own fields beside the diploma, from the event."""

    name: str  # the CloudEvent's type, with its major version
    schema: str  # of the data
    data: type[msgspec.Struct]
    about: Callable[[Any], Mapping[str, Any]]


def _row(name: str, data: type[msgspec.Struct], *fields: str) -> MessageType:
    def about(event: Any) -> Mapping[str, Any]:
        return {field: getattr(event, field) for field in fields}

    return MessageType(f"ma.forsa.{name}.v1", f"urn:forsa:schema:{name}:1", data, about)


# ⚓ Every event that is public, and of its own fields those that are. What is not here never leaves on a feed.
PUBLIC: Final[Mapping[type[Event], MessageType]] = {
    DiplomaAwarded: _row("diploma.awarded", AwardedV1),
    DiplomaCorrected: _row("diploma.corrected", CorrectedV1, "changed"),
    DiplomaHandedOver: _row("diploma.handed-over", HandedOverV1, "copy"),
    DiplomaDuplicateIssued: _row("diploma.duplicate-issued", DuplicateIssuedV1, "copy"),
    DiplomaMinutesRectified: _row("diploma.minutes-rectified", MinutesRectifiedV1),
    DiplomaAnnulled: _row("diploma.annulled", AnnulledV1, "authority"),
}
EPOCH_OPENED: Final = _row("feed.epoch-opened", EpochOpenedV1)
MESSAGE_TYPES: Final = (*PUBLIC.values(), EPOCH_OPENED)
PUBLIC_TAGS: Final = tuple(sorted(tag_of(each) for each in PUBLIC))


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is stored and sent: a CloudEvent in JSON, its attributes in this order; `data` stays as sent."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str  # the diploma's id; the feed's name where it is about the feed
    time: datetime  # when the event was recorded
    datacontenttype: str = "application/json"
    dataschema: str
    feed: str
    feedepoch: int
    feedsequence: int
    data: msgspec.Raw

    @property
    def place(self) -> Place:
        """Where it stands in its feed."""
        return Place(self.feedepoch, self.feedsequence)


def diploma_after(before: PublicDiploma | None, event: Any) -> PublicDiploma:
    """The public record after an event of PUBLIC. before: None for its award, and only then."""
    if isinstance(event, DiplomaAwarded):
        return _awarded(event)
    assert before is not None, "a diploma's first message is its award"
    return msgspec.structs.replace(before, revision=before.revision + 1, **_CHANGES[type(event)](before, event))


def _awarded(event: DiplomaAwarded) -> PublicDiploma:
    register = PublicRegister(event.register.delegation, event.register.kind, event.register.year)
    return PublicDiploma(
        id=event.diploma,
        revision=1,
        status=IN_FORCE,
        number=event.number,
        earlier_numbers=[],
        register=register,
        title=event.title,
        trade=event.trade,
        level=event.level,
        centre=event.centre,
        convention=event.convention,
        session=event.minutes.stream,
        learner_reference=event.partner_reference,
        awarded_on=event.awarded_on,
    )


def _corrected(before: PublicDiploma, event: DiplomaCorrected) -> dict[str, Any]:
    corrected = {name: getattr(event, name) for name in ("number", "title", "trade", "level", "awarded_on")}
    if event.number != before.number:
        corrected["earlier_numbers"] = [*before.earlier_numbers, before.number]
    return corrected


def _handed_over(_before: PublicDiploma, event: DiplomaHandedOver) -> dict[str, Any]:
    return {"handed_over_on": event.on} if event.copy == 0 else {}


_CHANGES: Final[Mapping[type[Event], Callable[[PublicDiploma, Any], dict[str, Any]]]] = {
    DiplomaCorrected: _corrected,
    DiplomaHandedOver: _handed_over,
    DiplomaDuplicateIssued: lambda before, _event: {"duplicates": before.duplicates + 1},
    DiplomaMinutesRectified: lambda _before, event: {"minutes_rectified_on": event.on},
    DiplomaAnnulled: lambda _before, event: {"status": ANNULLED, "annulled_on": event.on},
}


def message_of(feed: str, place: Place, event: Any, diploma: PublicDiploma, recorded_at: datetime) -> bytes:
    """The bytes of the message that tells of this event. diploma: after it. recorded_at: aware."""
    row = PUBLIC[type(event)]
    data = row.data(occurred_on=event.on, diploma=diploma, **row.about(event))
    return _encoded(feed, place, row, str(diploma.id), data, recorded_at)


def epoch_message(feed: str, epoch: int, opened: EpochOpenedV1, opened_at: datetime) -> bytes:
    """The bytes of the first message of an epoch after the first."""
    return _encoded(feed, Place(epoch, 1), EPOCH_OPENED, feed, opened, opened_at)


def _encoded(feed: str, place: Place, row: MessageType, subject: str, data: Any, moment: datetime) -> bytes:
    message = Message(
        id=f"{feed}/{place}",
        source=SOURCE + feed,
        type=row.name,
        subject=subject,
        time=moment.astimezone(UTC),
        dataschema=row.schema,
        feed=feed,
        feedepoch=place.epoch,
        feedsequence=place.sequence,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
    return msgspec.json.encode(message)


_MESSAGE: Final = msgspec.json.Decoder(Message)
_TOLD: Final = msgspec.json.Decoder(Told)


def read_message(stored: bytes) -> Message:
    """The message of these bytes; its `data` are the very bytes that stand in them."""
    return _MESSAGE.decode(stored)


def diploma_told(stored: bytes) -> PublicDiploma:
    """The diploma as a stored message about one tells it."""
    return _TOLD.decode(read_message(stored).data).diploma

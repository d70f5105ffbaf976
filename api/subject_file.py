"""The subject's file: everything that is held of one learner, for the answer they are owed when they ask for it.

What is held and by whom it was recorded, who looked, what was passed on, what was erased and what is kept on hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from flask import Response

from api.answers import add_read, answer, wait_for_views
from api.blueprint import ForsaBlueprint
from api.disclosing import disclose
from api.disclosures import LookShown, look_of
from api.links import self_link
from api.parts import Parts
from api.permissions import sender
from api.seeing import admitted_learner, unknown
from domain.access import Sight
from domain.casebook import Stream
from domain.event import Event
from domain.learner.admission import LearnerEnrolled, Profile
from domain.learner.privacy import Privacy, in_order
from domain.learner.state import Learner
from domain.partner_feed import read_message
from domain.sealed import Erased, SealedFact, SealedField, sealed_at, sealed_fields, tag_of
from projections.learner_record import LearnerRecord, record_of

MOST_LOOKS: Final = 100  # the rest by the link


class HeldFact(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed fact: what it says, and who recorded it when. No value: erased, or withheld from this reader."""

    family: str
    version: int  # of the event, on the learner's stream
    tag: str
    field: str  # JSON pointer in the event
    on: date
    recorded_at: datetime
    actor: UUID
    role: str
    org: UUID
    src: str
    erased: bool
    withheld: bool  # sensitive, and recorded for another organisation
    value: dict[str, Any] | None


class ProfileHeld(msgspec.Struct, frozen=True):
    """The coarse profile an enrolment keeps in the clear, for figures: it outlives an erasure."""

    enrolment: UUID
    version: int
    profile: Profile


class PassedOn(msgspec.Struct, frozen=True, kw_only=True):
    """A message about a diploma of theirs that partners were sent, without a name. None: nothing was passed on.

    A partner who looked a diploma up, with its printed names, stands among the looks.
    """

    to: str  # the feed, which is an audience: all of Entraide Nationale, or its people in a region
    id: str  # of the message
    what: str  # its type
    diploma: UUID
    at: datetime


class ErasureShown(msgspec.Struct, frozen=True, kw_only=True):
    """A request for erasure and what became of it. `erased`: version of the event that says it was carried out."""

    erasure: UUID
    asked: int  # version of the request
    families: list[str]
    open: list[str]
    decided: list[str]
    whole: bool
    erased: int | None


class HoldShown(msgspec.Struct, frozen=True):
    """A hold in force: these families are kept."""

    hold: UUID
    families: list[str]


class SubjectFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of one learner, as of the log's last position."""

    id: UUID
    version: int
    held: list[HeldFact]
    record: LearnerRecord  # ids, codes and dates
    profiles: list[ProfileHeld]
    looks: list[LookShown]  # the newest; all of them by the link `disclosures`
    passed_on: list[PassedOn]
    erasures: list[ErasureShown]
    holds: list[HoldShown]
    closed: list[str]  # families nothing more is recorded of
    links: dict[str, str]


def register_subject_file(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The route of the subject's file."""
    get, rule = partial(get_subject_file, parts), "/v1/learners/<uuid:learner>/subject-file"
    add_read(blueprint, rule, "get-learner-subject-file", get, SubjectFile, "at_least")


def get_subject_file(parts: Parts, learner: UUID) -> Response:
    """Everything held of a learner, opened; who looked; what was passed on; what was erased. Itself a disclosure."""
    wait_for_views(parts)  # refuses a position the log has not
    loaded = parts.casebook.load("learner", learner)
    sight = admitted_learner(parts, loaded)
    if sight.level != "full" or sight.emergency:
        raise unknown("learner", learner)
    state: Learner = loaded.state
    at = f"{self_link('learner', learner)}/"
    body = SubjectFile(
        id=learner,
        version=state.version,
        held=_held(parts, loaded.stream, sight),
        record=record_of(learner, state),
        profiles=list(_profiles(loaded.stream)),
        looks=[look_of(each) for each in parts.disclosures.of_learner(learner, limit=MOST_LOOKS)],
        passed_on=list(_passed_on(parts, state)),
        erasures=_erasures(state.privacy),
        holds=[HoldShown(key, in_order(families)) for key, families in state.privacy.holds.items()],
        closed=in_order(state.privacy.closed),
        links={"disclosures": f"{at}disclosures", "audit-trail": f"{at}audit-trail"},
    )
    disclose(parts, {learner: sight})
    return answer(body, version=state.version)


def _held(parts: Parts, stream: Stream, sight: Sight) -> list[HeldFact]:
    """Every sealed fact of every event, also of one that was corrected or taken back since: it is held all the same."""
    there = list(_sealed(stream))
    wanted = [(stream.id, fact) for _, fact in there if not _is_withheld(*_placed(stream, fact), sight)]
    opened = iter(parts.casebook.keyring.open_many(wanted))
    recorded_at = {each.version: each.recorded_at for each in parts.log.places_of(stream.id, 0)}
    found = []
    for field, fact in there:
        event, family = _placed(stream, fact)
        withheld = _is_withheld(event, family, sight)
        value = None if withheld else next(opened)
        erased = isinstance(value, Erased)
        found.append(
            HeldFact(
                family=family,
                version=fact.version,
                tag=fact.tag,
                field=field.pointer,
                on=event.on,
                recorded_at=recorded_at[fact.version],
                actor=event.by.actor,
                role=event.by.role,
                org=event.by.org,
                src=event.by.src,
                erased=erased,
                withheld=withheld,
                value=None if erased or withheld else msgspec.to_builtins(value, str_keys=True),
            )
        )
    return found


def _sealed(stream: Stream) -> Iterator[tuple[SealedField, SealedFact[Any]]]:
    for version, event in enumerate(stream.events, 1):
        for field in sealed_fields(type(event)):
            if (sealed := sealed_at(event, field)) is not None:
                yield field, SealedFact(version, tag_of(type(event)), field, sealed)


def _placed(stream: Stream, fact: SealedFact[Any]) -> tuple[Event, str]:
    return stream.events[fact.version - 1], fact.field.of.FAMILY


def _is_withheld(event: Event, family: str, sight: Sight) -> bool:
    """A centre does not read what is sensitive of another's; the officer, who answers for all, does."""
    role, org = sight.by or (sender().role, sender().org)
    return family == "sensitive" and role != "data_protection_officer" and event.by.org != org


def _profiles(stream: Stream) -> Iterator[ProfileHeld]:
    for version, event in enumerate(stream.events, 1):
        if isinstance(event, LearnerEnrolled):
            yield ProfileHeld(event.enrolment, version, event.profile)


def _passed_on(parts: Parts, state: Learner) -> Iterator[PassedOn]:
    for at, stored in parts.feeds.told_of(state.diploma.diplomas.keys()):
        message = read_message(stored)
        yield PassedOn(to=message.feed, id=message.id, what=message.type, diploma=UUID(message.subject), at=at)


def _erasures(privacy: Privacy) -> list[ErasureShown]:
    return [
        ErasureShown(
            erasure=key,
            asked=each.version,
            families=in_order(each.families),
            open=in_order(each.open),
            decided=in_order(each.decided),
            whole=each.whole,
            erased=each.erased_version,
        )
        for key, each in privacy.erasures.items()
    ]

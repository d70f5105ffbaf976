"""What of a record its reader is shown: the sight of a request's sender, and records and lines cut to it.

Whoever has no sight of a stream gets the answer an unknown id gets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from api.parts import Parts
from api.permissions import sender
from api.preconditions import asked_position, refuse_unreached
from api.scopes import covers_kind
from domain.access import SEES_IDENTITY, Reach, Sight, covers_site, reach_of, sight_of
from domain.casebook import Loaded
from domain.errors import Refused, UnknownStream
from domain.learner.identification import Identity
from domain.learner.standing import Standing, standing_of
from domain.streams import KINDS, fold
from projections.learner_record import LearnerRecord


def sight_on(parts: Parts, learner: UUID, standing: Standing) -> Sight | None:
    """What the sender's grants show of this learner now; None: nothing."""
    return sight_of(learner, standing, sender().acting, parts.site_of)


def reach(parts: Parts) -> Reach:
    """What the sender's lists are narrowed to."""
    return reach_of(sender().acting, parts.sites())


def admitted_learner(parts: Parts, loaded: Loaded) -> Sight:
    """The sender's sight of a learner. `loaded` is as of now: sight never looks at the past.

    Raises Refused(UnknownStream) where the sender sees nothing of them.
    """
    sight = sight_on(parts, loaded.stream.id, standing_of(loaded.state))
    if sight is None:
        raise unknown("learner", loaded.stream.id)
    return sight


def admitted(parts: Parts, loaded: Loaded) -> Sight | None:
    """The same for any kind of stream; None where it is no learner."""
    if loaded.kind.name == "learner":
        return admitted_learner(parts, loaded)
    if not covers_kind(sender().acting, loaded.kind.name, loaded.state, parts):
        raise unknown(loaded.kind.name, loaded.stream.id)
    return None


# Facts by which whoever holds a paper or a register finds the person: hidden with the name.
NAMING: Final = frozenset({"file_number", "candidate_number", "number", "partner_reference"})


class Seen(NamedTuple):
    """A stream as its reader sees it: `loaded` cut to the sight, which is None for other kinds than learners."""

    loaded: Loaded
    position: int
    sight: Sight | None


def seen(parts: Parts, kind: str, stream: UUID) -> Seen:
    """The stream as of the moment asked for, from the log itself, and the position that means.

    Raises Refused(UnknownStream) where it is not of this kind or not for this reader, Problem where the moment cannot
    be answered.
    """
    asked = asked_position(parts)
    position = parts.log.max_position() if asked is None else asked
    refuse_unreached(position)
    now = parts.casebook.load(kind, stream, None if asked is not None else position)
    sight = admitted(parts, now)
    loaded = now if asked is None else parts.casebook.load(kind, stream, asked)
    return Seen(cut(loaded, sight.upto if sight else None), position, sight)


def cut(loaded: Loaded, upto: int | None) -> Loaded:
    """The stream without what came after this version; None: all of it."""
    if upto is None or upto >= loaded.stream.version:
        return loaded
    stream = msgspec.structs.replace(loaded.stream, events=loaded.stream.events[:upto])
    return msgspec.structs.replace(loaded, stream=stream, state=fold(loaded.kind, stream.events))


def unknown(kind: str, stream: UUID, pointer: str = "") -> Refused:
    """What an unknown id is answered with."""
    return Refused(UnknownStream(pointer=pointer, kind=kind, id=stream))


def shown(record: LearnerRecord, sight: Sight) -> LearnerRecord:
    """The record cut to what the sight shows. A former centre's record was folded up to its episode's end before."""
    if not sight.identity:
        record = _nameless(record)
    if not sight.contacts:
        record = msgspec.structs.replace(record, contacts=None)
    if sight.level == "summary":
        return _summary(record)
    if sight.seasons is not None:
        record = _of_seasons(record, sight.seasons, sight.episodes or frozenset())
    return record if sight.episodes is None else _of_episodes(record, sight.episodes)


def _of_seasons(record: LearnerRecord, seasons: frozenset[int], episodes: frozenset[UUID]) -> LearnerRecord:
    """What a mission shows besides its enrolments: the seasons' steps. Where the learner stands today is none of it."""
    is_there = any(each.enrolment in episodes and each.ended_on is None for each in record.enrolments)
    return msgspec.structs.replace(
        record,
        status="enrolled" if is_there else "left",
        assessments=[each for each in record.assessments if each.season in seasons],
        derogations=[each for each in record.derogations if each.season in seasons],
        orientations=[each for each in record.orientations if each.season in seasons],
        competences=0,
        flags=[],
    )


def _nameless(record: LearnerRecord) -> LearnerRecord:
    """The record without what leads to the person: no number that stands on a paper of theirs."""
    return msgspec.structs.replace(
        record,
        file_number=None,
        identity=None,
        contacts=None,
        candidatures=[msgspec.structs.replace(each, candidate_number=None) for each in record.candidatures],
        diplomas=[msgspec.structs.replace(each, number=None) for each in record.diplomas],
    )


def _of_episodes(record: LearnerRecord, episodes: frozenset[UUID]) -> LearnerRecord:
    standing = record.standing
    return msgspec.structs.replace(
        record,
        active=record.active if record.active in episodes else None,
        last=record.last if record.last in episodes else None,
        enrolments=[each for each in record.enrolments if each.enrolment in episodes],
        candidatures=[each for each in record.candidatures if each.enrolment in episodes],
        diplomas=[each for each in record.diplomas if each.enrolment in episodes],
        outcomes=[each for each in record.outcomes if each.enrolment in episodes],
        outcome=record.outcome if _enrolment_of_outcome(record) in episodes else None,
        standing=msgspec.structs.replace(
            standing,
            custody=None,
            asked=None,
            episodes=tuple(each for each in standing.episodes if each.enrolment in episodes),
        ),
    )


def _enrolment_of_outcome(record: LearnerRecord) -> UUID | None:
    return next((each.enrolment for each in record.outcomes if each.outcome == record.outcome), None)


def _summary(record: LearnerRecord) -> LearnerRecord:
    """What a centre needs to answer a transfer: where the learner stands, none of what was done there."""
    current = record.active or record.last
    lines = [each for each in record.enrolments if each.enrolment == current]
    bare = [
        msgspec.structs.replace(each, groups={}, weeks=0, days_present=0, days_recorded=0, minutes_attended=0)
        for each in lines
    ]
    return msgspec.structs.replace(
        record, enrolments=bare, competences=0, candidatures=[], diplomas=[], outcomes=[], outcome=None, flags=[]
    )


def person_shown(identity: Identity | None, sight: Sight) -> Identity | None:
    """Who they are: in a summary name, sex and birth date alone."""
    if identity is None or not sight.identity:
        return None
    if sight.level != "summary":
        return identity
    return Identity(
        names=identity.names,
        sex=identity.sex,
        birth_date=identity.birth_date,
        birth_certainty=identity.birth_certainty,
    )


def facts_seen(parts: Parts, sight: Sight | None, facts: Sequence[tuple[int | None, Mapping[str, Any]]]) -> list[bool]:
    """Of each fact of a stream's history, whether the sender is shown it.

    facts: (version, what it says) of a learner's history, version None where it stands on another stream; with no sight
    it is the history of another kind of stream, and what it says of a learner is shown to those who see that learner.
    """
    if sight is not None:
        return [sight.sees(version, _id_in(said, "enrolment"), said.get("season")) for version, said in facts]
    named = [(_id_in(said, "learner"), _id_in(said, "enrolment")) for _, said in facts]
    shows = names_shown(parts, {learner for learner, _ in named if learner is not None})
    return [learner is None or shows(learner, enrolment) for learner, enrolment in named]


def names_shown(parts: Parts, learners: Collection[UUID]) -> Callable[[UUID, UUID | None], bool]:
    """Whether another stream's mention of one of these learners, in this enrolment, is shown to the sender."""
    streams = parts.casebook.streams.load(list(learners)) if learners else {}
    states = {each: fold(KINDS["learner"], stream.events) for each, stream in streams.items() if stream.version}
    sights = {each: sight_on(parts, each, standing_of(state)) for each, state in states.items()}

    def shows(learner: UUID, enrolment: UUID | None) -> bool:
        sight = sights.get(learner)
        return sight is not None and sight.sees(None, enrolment)

    return shows


def seats_shown(parts: Parts, centre: UUID, learners: Collection[UUID]) -> Callable[[UUID, UUID | None], bool]:
    """Whether one of these learners, seated in a group of this centre, is shown to the sender.

    A centre's own people and those above it see whoever sat there; an auditor those the mission is about.
    """
    if any(each.role != "auditor" and covers_site(each, parts.site_of(centre)) for each in sender().acting):
        return lambda _learner, _enrolment: True
    return names_shown(parts, learners)


def _id_in(facts: Mapping[str, Any], name: str) -> UUID | None:
    value = facts.get(name)
    return UUID(value) if isinstance(value, str) else None


def facts_shown(sight: Sight | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a line without what leads to the person, for a reader who is not to know.

    With no sight the line is another kind of stream's, which may speak of a learner.
    """
    if sight.identity if sight else "learner" not in facts or knows_names():
        return dict(facts)
    return {name: value for name, value in facts.items() if name not in NAMING}


def knows_names() -> bool:
    """Whether the sender may know who learners are, in one of the roles they ask in."""
    return any(each.role in SEES_IDENTITY or (each.mission and each.mission.names) for each in sender().acting)

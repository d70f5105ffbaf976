"""Deciding on signed minutes: rectify one item of them, on the session and on each learner it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.codes import refuse_unknown
from domain.diploma_session import (
    ContentOfAnotherItem,
    DiplomaSession,
    DiplomaStillInForce,
    Mark,
    MinutesRectified,
    RectifyMinutes,
)
from domain.errors import RuleBroken, refuse_if
from domain.event import EventRef
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.learner.deciding.diploma import bad_mark, exam_marked, new_marks, reads_candidates, twice
from domain.learner.diploma import DiplomaMinutesRectified, find_in_force
from domain.learner.register import NotYetThen
from domain.learner.state import Learner

CONTENT: Final = {"result": "marks", "members": "members", "document": "document"}  # minutes_item → its field


def rectify_minutes(
    command: RectifyMinutes, act: Act, *, diploma_session: DiplomaSession, learners: Mapping[UUID, Learner]
) -> Changes:
    """The minutes say this from here on, on the session and on each learner it concerns; what they say changes nothing.

    A diploma in force of who stays admitted is told so and stands. Refuses ContentOfAnotherItem, DiplomaStillInForce,
    NotYetThen, UnknownCode, and for marks what recording them refuses. Source: DOMAIN rule 19.
    """
    refuse_if(
        refuse_unknown("minutes_item", command.item, "/item", act.on),
        refuse_unknown("minutes_ground", command.ground, "/ground", act.on),
    )
    refuse_if(
        _content_misplaced(command),
        _too_early(act, diploma_session),
        *(bad for at, mark in enumerate(command.marks) for bad in bad_mark(mark, diploma_session, at, act)),
        *twice((mark.candidate_number for mark in command.marks), "/marks"),
    )
    new = new_marks(command.marks, diploma_session)
    refuse_if(*_still_in_force(command, diploma_session, learners))
    if not new and _says_so_already(command, diploma_session):
        return []
    before = diploma_session.rectified_version or diploma_session.minutes_version
    rectified = act.event(MinutesRectified, command, rectifies=before, marks=new)
    caused = msgspec.structs.replace(act.by, cause=EventRef(command.diploma_session, diploma_session.version + 1))
    on_learners = [
        change
        for mark in new
        for change in _concerned(mark, msgspec.structs.replace(act, by=caused), command, diploma_session, learners)
    ]
    return [(command.diploma_session, rectified), *on_learners]


def _content_misplaced(command: RectifyMinutes) -> ContentOfAnotherItem | None:
    needed = CONTENT[command.item]
    sent = {name for name in CONTENT.values() if getattr(command, name)}
    return None if sent == {needed} else ContentOfAnotherItem(pointer="/item", item=command.item, needed=needed)


def _too_early(act: Act, session: DiplomaSession) -> NotYetThen | None:
    if act.on >= session.minutes_on:
        return None
    return NotYetThen(pointer="/on", on=str(act.on), since=str(session.minutes_on))


def _held_by(
    mark: Mark, stream: UUID, session: DiplomaSession, learners: Mapping[UUID, Learner]
) -> tuple[UUID, UUID] | None:
    """The enrolment, and the diploma in force it was awarded by these minutes."""
    candidate = session.candidates[mark.candidate_number]
    stage = learners[candidate.learner].diploma
    diploma = find_in_force(stage, candidate.enrolment)
    if diploma is None or stage.diplomas[diploma].minutes.stream != stream:
        return None
    return candidate.enrolment, diploma


def _still_in_force(
    command: RectifyMinutes, session: DiplomaSession, learners: Mapping[UUID, Learner]
) -> list[RuleBroken | None]:
    return [
        DiplomaStillInForce(pointer=f"/marks/{at}/decision", candidate_number=mark.candidate_number)
        for at, mark in enumerate(command.marks)
        if mark.decision != "admitted" and _held_by(mark, command.diploma_session, session, learners)
    ]


def _says_so_already(command: RectifyMinutes, session: DiplomaSession) -> bool:
    match command.item:
        case "members":
            return frozenset(command.members) == session.members
        case "document":
            return command.document == session.document
    return True  # a result: its marks are compared


def _concerned(
    mark: Mark, act: Act, command: RectifyMinutes, session: DiplomaSession, learners: Mapping[UUID, Learner]
) -> Changes:
    """The candidate's mark on the learner, and on the diploma that stands. act: caused by the session's."""
    learner = session.candidates[mark.candidate_number].learner
    changes: Changes = [(learner, exam_marked(mark, act, command.diploma_session, session))]
    if held := _held_by(mark, command.diploma_session, session, learners):
        enrolment, diploma = held
        told = act.event(DiplomaMinutesRectified, enrolment=enrolment, diploma=diploma, minutes=act.by.cause)
        changes.append((learner, told))
    return changes


def _reads(command: RectifyMinutes, seen: Mapping[str, Any]) -> Reads:
    learners = reads_candidates((mark.candidate_number for mark in command.marks), seen)
    return {"members": ("worker", command.members), **learners}


COMMANDS = (
    CommandSpec(
        command=RectifyMinutes,
        decide=rectify_minutes,
        kind="diploma-session",
        stream="diploma_session",
        noun="rectifications",
        roles=("en_agent",),
        reads=_reads,
    ),
)

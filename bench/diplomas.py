"""Sessions whose minutes are signed, for the bench to award the diplomas of: real events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID, uuid5

import msgspec

from bench.log import BY, CENTRE, SPACE, admitted, identified
from domain.diploma_session import (
    CandidateEntered,
    CandidateListClosed,
    Mark,
    MarksRecorded,
    MinutesSigned,
    Result,
    SessionOpened,
)
from domain.event import By, Event
from domain.kind import ReasonGiven
from domain.learner.diploma import AwardDiplomas, AwardLine, CandidateListed, ExamMarked
from domain.learner.identification import Evidence, Identity, IdentityVerified, PersonName
from domain.sealed import clear

CANDIDATES: Final = 20  # of a session
HELD_ON: Final = date(2026, 6, 22)
AWARDED_ON: Final = date(2026, 6, 30)
OFFICE: Final = uuid5(SPACE, "delegation")
AGENT: Final = By(actor=uuid5(SPACE, "agent"), role="en_agent", org=OFFICE, src="api")
Row = tuple[UUID, int, Event]


def session_id(number: int) -> UUID:
    """The stream of the session that this candidate sat in."""
    return uuid5(SPACE, f"session {number // CANDIDATES}")


def award_of(number: int, count: int = 1) -> AwardDiplomas:
    """The command that awards the diplomas of this candidate and those after, of one session."""
    lines = [AwardLine(_candidate(each), f"{each:06d}/26") for each in range(number, number + count)]
    late = ReasonGiven("paper_arrived_late")
    return AwardDiplomas(diploma_session=session_id(number), awarded_on=AWARDED_ON, awards=lines, why=late)


def candidates(count: int) -> Iterator[Row]:
    """Their streams and those of their sessions, up to the signed minutes. count: a multiple of CANDIDATES."""
    for number in range(count):
        for version, event in enumerate(_learner(number), 1):
            yield uuid5(SPACE, f"candidate {number}"), version, event
    for first in range(0, count, CANDIDATES):
        for version, event in enumerate(_session(range(first, first + CANDIDATES)), 1):
            yield session_id(first), version, event


def _candidate(number: int) -> str:
    return f"C-{number:06d}"


def _enrolment(number: int) -> UUID:
    return uuid5(SPACE, f"enrolment {number}")


def _learner(number: int) -> list[Event]:
    names = [PersonName("ياسين", "بناني", "arabic"), PersonName("Yassine", "Bennani", "latin")]
    identity = clear(Identity(names=names, sex="m", birth_date=date(2009, 3, 1 + number % 28)))
    return [
        msgspec.structs.replace(identified(number), identity=identity),
        *admitted(number),
        IdentityVerified(
            on=HELD_ON, by=BY, verifies=1, by_document=True, document=None, centre=None,
            evidence=clear(Evidence("birth_extract", str(number))),
        ),
        CandidateListed(
            on=HELD_ON, by=AGENT, enrolment=_enrolment(number), session=session_id(number),
            candidate_number=_candidate(number), verification=6, flags=[],
        ),
        ExamMarked(
            on=HELD_ON, by=AGENT, enrolment=_enrolment(number), session=session_id(number), sitting=1,
            presence="present", written=1250, practical=1400, decision="admitted",
        ),
    ]  # fmt: skip


def _session(numbers: range) -> list[Event]:
    marks = [Mark(_candidate(each), 1, "present", 1250, 1400, "admitted") for each in numbers]
    return [
        SessionOpened(
            on=HELD_ON, by=AGENT, authority=OFFICE, held_from=HELD_ON, held_to=HELD_ON, centres=[CENTRE],
            trades=["ELB"], diploma_kind="qualification", year=2026,
        ),
        *(
            CandidateEntered(
                on=HELD_ON, by=AGENT, learner=uuid5(SPACE, f"candidate {each}"), enrolment=_enrolment(each),
                candidate_number=_candidate(each),
            )
            for each in numbers
        ),
        CandidateListClosed(on=HELD_ON, by=AGENT),
        MarksRecorded(on=HELD_ON, by=AGENT, marks=marks),
        MinutesSigned(
            on=HELD_ON, by=AGENT, members=[AGENT.actor], document=None, signature="simple",
            results=[Result(_candidate(each), "admitted") for each in numbers],
        ),
    ]  # fmt: skip

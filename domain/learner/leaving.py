"""Leaving: an enrolment ends, with the hours that were attended and held."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command
from domain.learner.admission import Admission, with_enrolment


class EnrolmentEnded(Event, frozen=True, kw_only=True, tag="learner.enrolment-ended"):
    """The enrolment ended. Minutes of the sheets and of the sessions held while enrolled."""

    enrolment: UUID
    exit: str
    ended_on: date
    minutes_attended: int
    minutes_held: int


def on_enrolment_ended(stage: Admission, event: EnrolmentEnded, version: int) -> Admission:
    """The stage after: enrolment ended."""
    return with_enrolment(stage, event.enrolment, ended_on=event.ended_on, ended_version=version, exit=event.exit)


class EndEnrolment(Command, frozen=True, kw_only=True):
    """End the enrolment."""

    learner: UUID
    enrolment: UUID
    exit: str
    ended_on: date | None = None

    def occurred_on(self) -> date | None:
        """The day it ended, unless another business date is given."""
        return self.on or self.ended_on

    def earliest_date(self) -> date | None:
        """The day it ended."""
        return self.ended_on or self.on


class EndsBeforeEnrolment(RuleBroken, frozen=True, kw_only=True):
    """The enrolment would end before it started."""

    starts_on: str
    ended_on: str

"""Whose learner this is: the centre responsible, those that were, and the one that was asked. Who may see hangs on it.

Source: DESIGN §5 "Who may", DOMAIN §5 "Who decides". Nothing personal stands here.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.learner.state import Learner


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment: where, under which convention, from when to when."""

    enrolment: UUID
    centre: UUID
    convention: UUID
    season: int
    starts_on: date
    ended_on: date | None = None
    ended_version: int | None = None  # of the event that ended it: a former centre sees nothing recorded later


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whose learner this is. Without a centre responsible it is that of the organisation that identified them."""

    custody: UUID | None  # the centre responsible now
    org: UUID  # the organisation that identified the learner
    province: str  # of the identification
    episodes: tuple[Episode, ...]  # in the order they were made
    asked: UUID | None = None  # the centre that was asked to take the learner over and has not answered

    @property
    def former(self) -> frozenset[UUID]:
        """Centres of an episode that are no longer responsible."""
        return frozenset(each.centre for each in self.episodes if each.centre != self.custody)


def standing_of(learner: Learner) -> Standing:
    """Whose learner this is now. After an enrolment ended, its centre stays responsible: it does the follow-ups.

    A centre that accepted a learner who is enrolled nowhere is responsible from then on.
    """
    admission, identification, transfers = learner.admission, learner.identification, learner.transfers
    last = admission.active or admission.last
    moved_to = transfers.moved_to[1] if transfers.moved_to else None
    return Standing(
        custody=moved_to or (admission.enrolments[last].centre if last else None),
        asked=transfers.pending.to_centre if transfers.pending else None,
        org=identification.identified_for,
        province=identification.province,
        episodes=tuple(
            Episode(
                enrolment=key,
                centre=each.centre,
                convention=each.convention,
                season=each.season,
                starts_on=each.starts_on,
                ended_on=each.ended_on,
                ended_version=each.ended_version,
            )
            for key, each in admission.enrolments.items()
        ),
    )

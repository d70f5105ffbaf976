"""Amina's transfer in the middle of the season: another association's centre, which teaches sewing too."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace as but

from domain.event import Why
from domain.group import SeatFreed
from domain.learner.leaving import EnrolmentEnded
from domain.learner.transfer import TransferAccepted, TransferRejected, TransferRequested, TransferWithdrawn
from tests.examples.path import AMINA, ATTENDING, ENROLMENT, LEARNER_ENROLLED
from tests.examples.people import ASSOCIATION, CASEWORKER, by, id_of
from tests.examples.places import (
    CENTRE,
    OTHER_CENTRE,
    OTHER_CONVENTION,
    WORKSHOP,
    History,
)

OTHER_COORDINATOR = but(by("coordinator", ASSOCIATION), actor=id_of("worker/coordinator-elsewhere"))
TRANSFER = id_of("transfer/amina")
ENROLMENT_THERE = id_of("enrolment/amina-2025-elsewhere")

TRANSFER_REQUESTED = TransferRequested(
    on=date(2026, 1, 12),
    by=CASEWORKER,
    why=Why("family_moved"),
    transfer=TRANSFER,
    enrolment=ENROLMENT,
    from_centre=CENTRE,
    to_centre=OTHER_CENTRE,
    effective_on=date(2026, 2, 2),
)
TRANSFER_WITHDRAWN = TransferWithdrawn(on=date(2026, 1, 20), by=CASEWORKER, transfer=TRANSFER)
TRANSFER_REJECTED = TransferRejected(
    on=date(2026, 1, 20), by=OTHER_COORDINATOR, why=Why("no_place_left"), transfer=TRANSFER
)
TRANSFER_ACCEPTED = TransferAccepted(
    on=date(2026, 1, 28),
    by=OTHER_COORDINATOR,
    transfer=TRANSFER,
    to_centre=OTHER_CENTRE,
    enrolment=ENROLMENT_THERE,
)
ENDED_THERE = EnrolmentEnded(
    on=date(2026, 1, 28),
    by=OTHER_COORDINATOR,
    enrolment=ENROLMENT,
    exit="moved",
    ended_on=date(2026, 1, 28),
    minutes_attended=180,
    minutes_held=300,
)
SEAT_FREED_THERE = SeatFreed(on=date(2026, 1, 28), by=OTHER_COORDINATOR, enrolment=ENROLMENT, learner=AMINA)
ENROLLED_HERE = but(
    LEARNER_ENROLLED,
    on=date(2026, 1, 28),
    by=OTHER_COORDINATOR,
    enrolment=ENROLMENT_THERE,
    centre=OTHER_CENTRE,
    convention=OTHER_CONVENTION,
    starts_on=date(2026, 2, 2),
)
ACCEPTED: History = (
    (AMINA, TRANSFER_ACCEPTED),
    (AMINA, ENDED_THERE),
    (WORKSHOP, SEAT_FREED_THERE),
    (AMINA, ENROLLED_HERE),
)

REQUESTED: History = (*ATTENDING, (AMINA, TRANSFER_REQUESTED))
TRANSFERRED: History = (*REQUESTED, *ACCEPTED)

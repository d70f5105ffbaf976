"""Transfer: another centre is asked to take a learner over, and answers. Until then the present centre goes on."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from domain.errors import RuleBroken
from domain.event import Event
from domain.kind import Command
from domain.learner.admission import LearnerEnrolled, Missing


class TransferRequested(Event, frozen=True, kw_only=True, tag="learner.transfer-requested"):
    """The centre responsible asked another to take the learner over; `why` says why."""

    transfer: UUID
    enrolment: UUID | None  # the active one; None where none was
    from_centre: UUID
    to_centre: UUID
    effective_on: date  # the first day there


class TransferAccepted(Event, frozen=True, kw_only=True, tag="learner.transfer-accepted"):
    """The centre asked is responsible. With an active enrolment, in the append that ends it and makes the new one."""

    transfer: UUID
    to_centre: UUID
    enrolment: UUID | None  # the new one; None where there was none to continue


class TransferRejected(Event, frozen=True, kw_only=True, tag="learner.transfer-rejected"):
    """The centre asked does not take the learner over; `why` says why."""

    transfer: UUID


class TransferWithdrawn(Event, frozen=True, kw_only=True, tag="learner.transfer-withdrawn"):
    """The centre responsible asks no longer."""

    transfer: UUID


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and its answer."""

    transfer: UUID
    version: int  # of the request
    enrolment: UUID | None
    from_centre: UUID
    to_centre: UUID
    effective_on: date
    requested_by: UUID  # the worker
    answer: str | None = None  # accepted | rejected | withdrawn | superseded
    led_to: UUID | None = None  # the enrolment made by accepting


class Transfers(msgspec.Struct, frozen=True, kw_only=True):
    """Every request of a transfer, and where a learner without an active enrolment was moved to."""

    requests: dict[UUID, Transfer] = {}
    moved_to: tuple[int, UUID] | None = None  # (version, centre): accepted, and not enrolled since

    @property
    def pending(self) -> Transfer | None:
        """The request that has no answer: at most one."""
        return next((each for each in self.requests.values() if each.answer is None), None)


def on_transfer_requested(stage: Transfers, event: TransferRequested, version: int) -> Transfers:
    """The stage after: transfer requested."""
    made = Transfer(
        transfer=event.transfer,
        version=version,
        enrolment=event.enrolment,
        from_centre=event.from_centre,
        to_centre=event.to_centre,
        effective_on=event.effective_on,
        requested_by=event.by.actor,
    )
    return msgspec.structs.replace(stage, requests={**stage.requests, event.transfer: made})


def on_transfer_accepted(stage: Transfers, event: TransferAccepted, version: int) -> Transfers:
    """The stage after: transfer accepted."""
    answered = _answered(stage, event.transfer, "accepted", event.enrolment)
    return answered if event.enrolment else msgspec.structs.replace(answered, moved_to=(version, event.to_centre))


def on_transfer_rejected(stage: Transfers, event: TransferRejected, _version: int) -> Transfers:
    """The stage after: transfer rejected."""
    return _answered(stage, event.transfer, "rejected")


def on_transfer_withdrawn(stage: Transfers, event: TransferWithdrawn, _version: int) -> Transfers:
    """The stage after: transfer withdrawn."""
    return _answered(stage, event.transfer, "withdrawn")


def on_enrolled(stage: Transfers, _event: LearnerEnrolled, _version: int) -> Transfers:
    """The stage after: enrolled. The centre of the enrolment is responsible: whoever was asked is asked no more."""
    if stage.moved_to is None and stage.pending is None:
        return stage
    pending = stage.pending
    settled = _answered(stage, pending.transfer, "superseded") if pending else stage
    return msgspec.structs.replace(settled, moved_to=None)


def _answered(stage: Transfers, transfer: UUID, answer: str, led_to: UUID | None = None) -> Transfers:
    held = stage.requests.get(transfer)
    if held is None:
        return stage
    changed = msgspec.structs.replace(held, answer=answer, led_to=led_to)
    return msgspec.structs.replace(stage, requests={**stage.requests, transfer: changed})


class RequestTransfer(Command, frozen=True, kw_only=True):
    """Ask another centre to take the learner over, with a reason."""

    learner: UUID
    transfer: UUID
    to_centre: UUID
    effective_on: date


class AcceptTransfer(Command, frozen=True, kw_only=True):
    """Take the learner over. With an active enrolment: under which convention; what is left out stays as it was."""

    learner: UUID
    transfer: UUID
    enrolment: UUID
    convention: UUID | None = None
    level: str | None = None
    trade: str | None = None
    without: list[Missing] = []


class RejectTransfer(Command, frozen=True, kw_only=True):
    """Do not take the learner over, with a reason."""

    learner: UUID
    transfer: UUID


class WithdrawTransfer(Command, frozen=True, kw_only=True):
    """Ask no longer for a transfer."""

    learner: UUID
    transfer: UUID


class TransferToSameCentre(RuleBroken, frozen=True, kw_only=True):
    """The centre asked is the one responsible already."""

    centre: UUID


class TransferPending(RuleBroken, frozen=True, kw_only=True):
    """Another request waits for its answer."""

    transfer: UUID


class NoSuchTransfer(RuleBroken, frozen=True, kw_only=True):
    """Nobody requested a transfer of this learner under this id."""

    transfer: UUID


class TransferAnswered(RuleBroken, frozen=True, kw_only=True):
    """The request has its answer; `answer` says which."""

    answer: str


class AnsweredByRequester(RuleBroken, frozen=True, kw_only=True):
    """Who requested a transfer does not answer it."""


class ConventionMissing(RuleBroken, frozen=True, kw_only=True):
    """The learner has an active enrolment: the new one is made under a convention of the receiving centre."""

    RULE = 10


class NothingToEnrol(RuleBroken, frozen=True, kw_only=True):
    """No enrolment is active any more: accepting makes the centre responsible, and enrols nobody."""

    RULE = 10

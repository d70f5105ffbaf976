"""Deciding on transfers: request, withdraw, reject, accept. Which centre's people may is said in the permissions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.centre import Centre
from domain.convention import Convention
from domain.errors import IdInUse, Refused, RuleBroken, refuse_if
from domain.group import Group
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.learner.admission import EnrolLearner, Enrolment, LearnerEnrolled
from domain.learner.deciding.admission import enrol_learner
from domain.learner.deciding.identification import opens_identity
from domain.learner.deciding.leaving import end_enrolment
from domain.learner.identification import Identity
from domain.learner.leaving import EndEnrolment, EndsBeforeEnrolment
from domain.learner.standing import standing_of
from domain.learner.state import Learner, evolve
from domain.learner.transfer import (
    AcceptTransfer,
    AnsweredByRequester,
    ConventionMissing,
    NoSuchTransfer,
    NothingToEnrol,
    RejectTransfer,
    RequestTransfer,
    Transfer,
    TransferAccepted,
    TransferAnswered,
    TransferPending,
    TransferRejected,
    TransferRequested,
    TransferToSameCentre,
    TransferWithdrawn,
    WithdrawTransfer,
)
from domain.sealed import Erased
from domain.values import season_of

# Fields that ending and enrolling speak of → where the acceptance has what they are made from.
POINTERS: Final = {
    "/centre": "/convention",
    "/season": "/convention",
    "/starts_on": "/transfer",
    "/ended_on": "/transfer",
    "/school_status": "/transfer",
    "/residence": "/transfer",
    "/last_level": "/transfer",
}


def request_transfer(command: RequestTransfer, act: Act, *, learner: Learner) -> Changes:
    """The centre is asked to take the learner over; the same request again changes nothing.

    Refuses TransferToSameCentre, TransferPending, EndsBeforeEnrolment where they would leave before they started, and
    IdInUse where the id is another request's.
    """
    held = learner.transfers.requests.get(command.transfer)
    if held is not None and (held.to_centre, held.effective_on) == (command.to_centre, command.effective_on):
        return []
    custody, pending = standing_of(learner).custody, learner.transfers.pending
    assert custody is not None, "a learner who was enrolled once has a centre"
    refuse_if(
        IdInUse(pointer="/transfer", id=command.transfer) if held else None,
        TransferToSameCentre(pointer="/to_centre", centre=custody) if command.to_centre == custody else None,
        TransferPending(pointer="/transfer", transfer=pending.transfer) if pending and not held else None,
        _leaves_too_early(command, learner),
    )
    active = learner.admission.active
    return [(command.learner, act.event(TransferRequested, command, enrolment=active, from_centre=custody))]


def _leaves_too_early(command: RequestTransfer, learner: Learner) -> EndsBeforeEnrolment | None:
    if learner.admission.active is None:
        return None
    starts_on = learner.admission.enrolments[learner.admission.active].starts_on
    if command.effective_on > starts_on:
        return None
    last = command.effective_on - timedelta(days=1)
    return EndsBeforeEnrolment(pointer="/effective_on", starts_on=str(starts_on), ended_on=str(last))


Answering = AcceptTransfer | RejectTransfer | WithdrawTransfer


def _not_open(command: Answering, learner: Learner) -> RuleBroken | None:
    held = learner.transfers.requests.get(command.transfer)
    if held is None:
        return NoSuchTransfer(pointer="/transfer", transfer=command.transfer)
    return TransferAnswered(pointer="/transfer", answer=held.answer) if held.answer else None


def _by_requester(command: Answering, act: Act, learner: Learner) -> AnsweredByRequester | None:
    """Requester ≠ approver. Source: DOMAIN §5 "Who decides"."""
    held = learner.transfers.requests.get(command.transfer)
    return AnsweredByRequester(pointer="/transfer") if held and held.requested_by == act.by.actor else None


def _has(command: Answering, learner: Learner, answer: str) -> bool:
    """Whether the request has this very answer already."""
    held = learner.transfers.requests.get(command.transfer)
    return held is not None and held.answer == answer


def withdraw_transfer(command: WithdrawTransfer, act: Act, *, learner: Learner) -> Changes:
    """The transfer is asked no longer; again changes nothing. Refuses NoSuchTransfer, TransferAnswered."""
    if _has(command, learner, "withdrawn"):
        return []
    refuse_if(_not_open(command, learner))
    return [(command.learner, act.event(TransferWithdrawn, command))]


def reject_transfer(command: RejectTransfer, act: Act, *, learner: Learner) -> Changes:
    """The transfer is rejected; again changes nothing.

    Refuses NoSuchTransfer, TransferAnswered, AnsweredByRequester.
    """
    if _has(command, learner, "rejected"):
        return []
    refuse_if(_not_open(command, learner), _by_requester(command, act, learner))
    return [(command.learner, act.event(TransferRejected, command))]


def accept_transfer(
    command: AcceptTransfer,
    act: Act,
    *,
    learner: Learner,
    groups: Mapping[UUID, Group],
    centre: Centre | None = None,
    convention: Convention | None = None,
    identities: Mapping[UUID, Identity | Erased],
) -> Changes:
    """The centre asked is responsible; an active enrolment ends there and goes on here, in one append.

    Refuses NoSuchTransfer, TransferAnswered, AnsweredByRequester, ConventionMissing, NothingToEnrol, and what ending
    and enrolling refuse. Source: DOMAIN rules 1, 3, 10, 13 and §5 "Who decides".
    """
    if _is_accepted_so(command, learner):
        return []
    active = learner.admission.active
    refuse_if(_not_open(command, learner))
    refuse_if(
        _by_requester(command, act, learner),
        ConventionMissing(pointer="/convention") if active and not command.convention else None,
        NothingToEnrol(pointer="/convention") if command.convention and not active else None,
    )
    transfer = learner.transfers.requests[command.transfer]
    accepted = act.event(
        TransferAccepted, command, to_centre=transfer.to_centre, enrolment=command.enrolment if active else None
    )
    if active is None:
        return [(command.learner, accepted)]
    assert centre is not None, "the centre asked is read beside"
    assert convention is not None, "the convention named is read beside"
    try:
        ended = end_enrolment(_ending(command, act, learner, transfer, active), act, learner=learner, groups=groups)
        after = _after(learner, ended, command.learner)
        enrolling = _enrolling(command, transfer, after.admission.enrolments[active])
        enrolled = enrol_learner(
            enrolling, act, learner=after, centre=centre, convention=convention, identities=identities
        )
    except Refused as refused:
        raise Refused(*(_at_its_place(each) for each in refused.broken)) from None
    return [(command.learner, accepted), *ended, *_continued(enrolled, after.admission.enrolments[active])]


def _is_accepted_so(command: AcceptTransfer, learner: Learner) -> bool:
    """Whether this very acceptance stands; it may be sent again. Where nobody was enrolled, no enrolment is named."""
    held = learner.transfers.requests.get(command.transfer)
    if held is None or held.answer != "accepted":
        return False
    if held.led_to is None:
        return command.convention is None
    made = learner.admission.enrolments[held.led_to]
    return (held.led_to, made.convention) == (command.enrolment, command.convention)


def _at_its_place(broken: RuleBroken) -> RuleBroken:
    return msgspec.structs.replace(broken, pointer=POINTERS.get(broken.pointer, broken.pointer))


def _ending(command: AcceptTransfer, act: Act, learner: Learner, transfer: Transfer, active: UUID) -> EndEnrolment:
    """The last day there: the day before the first here; earlier where that has not come, later where they attended."""
    attended = (day.date for key, week in learner.training.weeks.items() if key[0] == active for day in week.days)
    planned = min(transfer.effective_on - timedelta(days=1), act.on)
    last = max(attended, default=planned)
    return EndEnrolment(learner=command.learner, enrolment=active, exit="moved", ended_on=max(planned, last))


def _after(learner: Learner, changes: Changes, stream: UUID) -> Learner:
    """The learner as these changes of an append leave them."""
    for at, event in changes:
        learner = evolve(learner, event, learner.version + 1) if at == stream else learner
    return learner


def _enrolling(command: AcceptTransfer, transfer: Transfer, ended: Enrolment) -> EnrolLearner:
    """The enrolment that goes on here: what the acceptance does not say anew is as it was."""
    starts_on = max(transfer.effective_on, _day_after(ended))
    assert ended.profile is not None, "every enrolment states a profile"
    return EnrolLearner(
        learner=command.learner,
        enrolment=command.enrolment,
        season=season_of(starts_on),
        centre=transfer.to_centre,
        convention=command.convention or ended.convention,
        level=command.level or ended.level,
        trade=command.trade or ended.trade,
        session_type=ended.session_type,
        starts_on=starts_on,
        without=command.without or list(ended.without),
        residence=ended.profile.residence,
        last_level=ended.profile.last_level,
        school_status=ended.profile.school_status,
    )


def _continued(enrolled: Changes, ended: Enrolment) -> Changes:
    """Within a season a learner who moves is as new as before: they count once. Source: DOMAIN rule 4."""
    [(stream, event)] = enrolled
    assert isinstance(event, LearnerEnrolled), "enrolling makes one event"
    if ended.profile is None or event.season != ended.season:
        return enrolled
    profile = msgspec.structs.replace(event.profile, standing=ended.profile.standing)
    return [(stream, msgspec.structs.replace(event, profile=profile))]


def _day_after(ended: Enrolment) -> date:
    assert ended.ended_on is not None, "it was ended just before"
    return ended.ended_on + timedelta(days=1)


def _read_to_accept(command: AcceptTransfer, seen: Mapping[str, Any]) -> Reads:
    """The centre asked, the convention named, and the groups whose seats fall free."""
    learner: Learner = seen["learner"]
    active, transfer = learner.admission.active, learner.transfers.requests.get(command.transfer)
    groups = list(learner.admission.enrolments[active].groups) if active else []
    centre: Reads = {"centre": ("centre", transfer.to_centre)} if transfer else {}
    convention: Reads = {"convention": ("convention", command.convention)} if command.convention else {}
    return {"groups": ("group", groups), **centre, **convention}


COMMANDS = (
    CommandSpec(
        command=RequestTransfer,
        decide=request_transfer,
        kind="learner",
        stream="learner",
        noun="transfers",
        roles=("caseworker", "coordinator"),
        reads=lambda command, _seen: {"to_centre": ("centre", command.to_centre)},
        asks_reason=True,
    ),
    CommandSpec(
        command=AcceptTransfer,
        decide=accept_transfer,
        kind="learner",
        stream="learner",
        noun="transfer-acceptances",
        roles=("coordinator",),
        reads=_read_to_accept,
        opens={"identities": opens_identity},
    ),
    CommandSpec(
        command=RejectTransfer,
        decide=reject_transfer,
        kind="learner",
        stream="learner",
        noun="transfer-rejections",
        roles=("coordinator",),
        asks_reason=True,
    ),
    CommandSpec(
        command=WithdrawTransfer,
        decide=withdraw_transfer,
        kind="learner",
        stream="learner",
        noun="transfer-withdrawals",
        roles=("caseworker", "coordinator"),
    ),
)

"""Deciding on privacy: request, refuse and decide an erasure, hold facts back from it, state a new ground."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from domain.codes import not_a_code, refuse_unknown
from domain.errors import Refused, RuleBroken, refuse_if
from domain.event import By
from domain.kind import Act, Changes, CommandSpec
from domain.learner.privacy import (
    LEARNERS_FAMILIES,
    CheckedItem,
    DecidedByRequester,
    DecideErasure,
    ErasedForGood,
    ErasureAlreadyDecided,
    ErasureDecided,
    ErasureRefused,
    ErasureRequested,
    FamiliesDiffer,
    FamiliesMissing,
    FamilyOnHold,
    HoldLifted,
    HoldPlaced,
    HoldReference,
    LiftHold,
    NeededWhileEnrolled,
    NewGroundStated,
    NoSuchErasure,
    NoSuchHold,
    NothingToReopen,
    PersonalDataErased,
    PlaceHold,
    RefuseErasure,
    RegisterIsPermanent,
    RequestErasure,
    StateNewGround,
    WholeIsEveryFamily,
    in_order,
)
from domain.learner.state import Learner
from domain.sealed import clear

OFFICER = "data_protection_officer"


def _bad_families(families: list[str], on: date) -> list[RuleBroken | None]:
    return [
        None if families and len(set(families)) == len(families) else FamiliesMissing(pointer="/families"),
        *(refuse_unknown("personal_family", code, f"/families/{at}", on) for at, code in enumerate(families)),
    ]


def _already_decided(families: list[str], learner: Learner) -> ErasureAlreadyDecided | None:
    closed = in_order(learner.privacy.closed & set(families))
    return ErasureAlreadyDecided(pointer="/families", families=closed) if closed else None


def request_erasure(command: RequestErasure, act: Act, *, learner: Learner) -> Changes:
    """The request stands and awaits the officer. The same id again changes nothing. Refuses ErasureAlreadyDecided."""
    refuse_if(
        *_bad_families(command.families, act.on),
        refuse_unknown("erasure_asker", command.asked_by, "/asked_by", act.on),
    )
    if command.erasure in learner.privacy.erasures:
        return []
    refuse_if(_already_decided(command.families, learner))
    asked = act.event(ErasureRequested, command, families=in_order(command.families))
    return [(command.learner, asked)]


def _open_of(command: RefuseErasure | DecideErasure, learner: Learner) -> frozenset[str]:
    asked = learner.privacy.erasures.get(command.erasure)
    return asked.open if asked else frozenset()


def refuse_erasure(command: RefuseErasure, act: Act, *, learner: Learner) -> Changes:
    """These families of the request are kept; the rest stays open. Refuses NoSuchErasure."""
    refuse_if(
        *_bad_families(command.families, act.on),
        refuse_unknown("erasure_refusal_ground", command.ground, "/ground", act.on),
    )
    still_open = _open_of(command, learner)
    refuse_if(
        None if set(command.families) <= still_open else NoSuchErasure(pointer="/erasure", open=in_order(still_open))
    )
    refused = act.event(ErasureRefused, command, families=in_order(command.families))
    return [(command.learner, refused)]


def _not_erasable(families: frozenset[str], learner: Learner) -> list[RuleBroken | None]:
    """What stands against erasing these families: a hold, an enrolment under way, a diploma's register."""
    held = in_order(learner.privacy.held & families)
    active = learner.admission.active
    since = learner.admission.enrolments[active].starts_on if active else None
    return [
        FamilyOnHold(pointer="/families", families=held) if held else None,
        NeededWhileEnrolled(pointer="/families", since=str(since)) if active and "identity" in families else None,
        RegisterIsPermanent(pointer="/families") if learner.diploma.diplomas and "register" in families else None,
    ]


def decide_erasure(command: DecideErasure, act: Act, *, learner: Learner) -> Changes:
    """The families are closed and their erasure is on its way; what is claimed of them is free in this append.

    Refuses NoSuchErasure, FamiliesDiffer, DecidedByRequester, FamilyOnHold, NeededWhileEnrolled, RegisterIsPermanent,
    WholeIsEveryFamily. Decided again as it was, it changes nothing.
    """
    refuse_if(
        *_bad_families(command.families, act.on),
        refuse_unknown("erasure_legal_basis", command.legal_basis, "/legal_basis", act.on),
    )
    asked = learner.privacy.erasures.get(command.erasure)
    families = frozenset(command.families)
    if asked is not None and (asked.decided, asked.whole) == (families, command.whole):
        return []
    if asked is None or not asked.open:
        raise Refused(NoSuchErasure(pointer="/erasure", open=[]))
    missing = in_order(set(LEARNERS_FAMILIES) - families)
    refuse_if(
        None if families == asked.open else FamiliesDiffer(pointer="/families", open=in_order(asked.open)),
        DecidedByRequester() if asked.requested_by == act.by.actor else None,
        WholeIsEveryFamily(pointer="/whole", missing=missing) if command.whole and missing else None,
        *_not_erasable(families, learner),
    )
    decided = act.event(ErasureDecided, command, families=in_order(families))
    return [(command.learner, decided)]


def place_hold(command: PlaceHold, act: Act, *, learner: Learner) -> Changes:
    """Nothing of these families is erased until the hold is lifted. The same id again changes nothing."""
    number = command.reference
    refuse_if(*_bad_families(command.families, act.on), not_a_code(number, "/reference") if number else None)
    if command.hold in learner.privacy.holds or command.hold in learner.privacy.lifted:
        return []
    refuse_if(_already_decided(command.families, learner))
    reference = clear(HoldReference(number)) if number else None
    placed = act.event(HoldPlaced, command, families=in_order(command.families), reference=reference)
    return [(command.learner, placed)]


def lift_hold(command: LiftHold, act: Act, *, learner: Learner) -> Changes:
    """The hold stands no more. Lifted again, it changes nothing. Refuses NoSuchHold."""
    if command.hold in learner.privacy.lifted:
        return []
    refuse_if(None if command.hold in learner.privacy.holds else NoSuchHold(pointer="/hold"))
    return [(command.learner, act.event(HoldLifted, command))]


def _last_erasure(learner: Learner, family: str) -> UUID | None:
    """The erasure that closed a family and was carried out; None where none did, or it still is being carried out."""
    stage = learner.privacy
    decided = {key: each for key, each in stage.erasures.items() if family in each.decided}
    if family not in stage.closed or not decided:
        return None
    last = max(decided, key=lambda key: decided[key].decided_version or 0)
    return None if decided[last].is_pending else last


def state_new_ground(command: StateNewGround, act: Act, *, learner: Learner) -> Changes:
    """Facts of these families may be recorded again, sealed with a new key; what was erased stays erased.

    One event for each erasure that closed some of them, in the order asked for.
    Refuses ErasedForGood after the whole person, NothingToReopen before the erasure is carried out.
    """
    refuse_if(
        *_bad_families(command.families, act.on),
        refuse_unknown("new_ground", command.ground, "/ground", act.on),
        refuse_unknown("ground_giver", command.given_by, "/given_by", act.on),
    )
    closed_by = {family: _last_erasure(learner, family) for family in in_order(command.families)}
    wrong = [family for family, erasure in closed_by.items() if erasure is None]
    refuse_if(
        ErasedForGood() if learner.privacy.whole else None,
        NothingToReopen(pointer="/families", families=wrong) if wrong and not learner.privacy.whole else None,
    )
    erasures = [key for key in learner.privacy.erasures if key in closed_by.values()]
    return [
        (
            command.learner,
            act.event(
                NewGroundStated,
                command,
                erasure=erasure,
                families=[family for family, last in closed_by.items() if last == erasure],
            ),
        )
        for erasure in erasures
    ]


def carried_out(
    learner: Learner, erasure: UUID, checklist: list[CheckedItem], *, on: date, by: By
) -> PersonalDataErased | None:
    """The fact that the erasure was carried out; None where it is recorded already, or was never decided.

    No command: the erasing step records it, once it looked and found nothing.
    """
    if erasure not in learner.privacy.pending:
        return None
    return PersonalDataErased(on=on, by=by, erasure=erasure, checklist=checklist)


COMMANDS = (
    CommandSpec(
        command=RequestErasure,
        decide=request_erasure,
        kind="learner",
        stream="learner",
        noun="erasure-requests",
        roles=("caseworker", "coordinator", OFFICER),
    ),
    CommandSpec(
        command=RefuseErasure,
        decide=refuse_erasure,
        kind="learner",
        stream="learner",
        noun="erasure-refusals",
        roles=(OFFICER,),
    ),
    CommandSpec(
        command=DecideErasure,
        decide=decide_erasure,
        kind="learner",
        stream="learner",
        noun="erasure-decisions",
        roles=(OFFICER,),
    ),
    CommandSpec(
        command=PlaceHold,
        decide=place_hold,
        kind="learner",
        stream="learner",
        noun="holds",
        roles=(OFFICER,),
        reads=lambda command, _seen: {"authority": ("organisation", command.authority)},
    ),
    CommandSpec(
        command=LiftHold,
        decide=lift_hold,
        kind="learner",
        stream="learner",
        noun="hold-liftings",
        roles=(OFFICER,),
    ),
    CommandSpec(
        command=StateNewGround,
        decide=state_new_ground,
        kind="learner",
        stream="learner",
        noun="new-grounds",
        roles=("coordinator", OFFICER),
    ),
)

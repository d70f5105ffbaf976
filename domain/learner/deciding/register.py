"""Deciding on a diploma in its register: correct it, hand a copy over, issue a duplicate, annul it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.codes import not_a_code, refuse_unknown
from domain.diploma_session import EXAM_AUTHORITIES, DiplomaSession
from domain.errors import Refused, RuleBroken, in_future, refuse_if
from domain.kind import Act, Changes, CommandSpec, Reads
from domain.learner.deciding.diploma import not_printable, number_unreadable, printed_name
from domain.learner.deciding.identification import opens_identity
from domain.learner.diploma import (
    Annulment,
    Award,
    AwardedBeforeMinutes,
    DiplomaAnnulled,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    PrintedName,
    Receipt,
    register_value,
    values_of,
)
from domain.learner.identification import Identity
from domain.learner.register import (
    AnnulDiploma,
    CopyHandedOver,
    CopyNotHandedOver,
    CorrectDiploma,
    DiplomaIsAnnulled,
    HandOverDiploma,
    IssueDuplicate,
    NoSuchCopy,
    NoSuchDiploma,
    NotAnAnnullingAuthority,
    NotYetThen,
    RegisterNumberInUse,
    TradeNotExamined,
)
from domain.learner.state import Learner
from domain.organisation import Organisation
from domain.sealed import Erased, SealedFact, clear
from domain.values import clean_text

FACTS: Final = ("number", "title", "trade", "level", "awarded_on")  # what a diploma says, beside the names on it
COURTS: Final = ("other",)  # a court of law is an organisation of no kind of its own
ANNULLING: Final = (*EXAM_AUTHORITIES, "ministry")


def _award_of(learner: Learner, diploma: UUID) -> Award:
    """The learner's diploma. Raises Refused(NoSuchDiploma)."""
    award = learner.diploma.diplomas.get(diploma)
    if award is None:
        raise Refused(NoSuchDiploma(pointer="/diploma", diploma=diploma))
    return award


def _in_force(learner: Learner, diploma: UUID) -> Award:
    """The learner's diploma, which holds. Raises Refused(NoSuchDiploma), Refused(DiplomaIsAnnulled)."""
    award = _award_of(learner, diploma)
    refuse_if(DiplomaIsAnnulled(pointer="/diploma", annulled_on=str(award.annulled_on)) if award.annulled_on else None)
    return award


def _before(on: date, since: date, pointer: str = "/on") -> NotYetThen | None:
    return NotYetThen(pointer=pointer, on=str(on), since=str(since)) if on < since else None


def correct_diploma(
    command: CorrectDiploma,
    act: Act,
    *,
    learner: Learner,
    sessions: Mapping[UUID, DiplomaSession],
    identities: Mapping[UUID, Identity | Erased],
    printed: Mapping[UUID, PrintedName | Erased],
) -> Changes:
    """The diploma says this from here on; what it said already changes nothing. An earlier number stays taken.

    Refuses NoSuchDiploma, DiplomaIsAnnulled, NotYetThen, AwardedBeforeMinutes, TradeNotExamined, RegisterNumberInUse,
    UnknownCode; with `names` also IdentityErased, IdentityNotVerified, NameFormUnsettled. Source: DOMAIN rules 19, 48.
    """
    award = _in_force(learner, command.diploma)
    session = sessions[award.minutes.stream]
    refuse_if(number_unreadable(command.number, "/number") if command.number is not None else None)
    refuse_if(
        _before(act.on, award.awarded_on),
        *_not_sayable(command, act, award, session),
        _number_taken(command, learner, award),
        *(_not_printable_anew(learner, award, session, identities.get(command.learner)) if command.names else ()),
    )
    facts = {name: getattr(award, name) for name in FACTS} | _given(command)
    changed = [name for name in FACTS if facts[name] != getattr(award, name)]
    names = _names_anew(identities[command.learner], printed[command.learner]) if command.names else None
    if not changed and names is None:
        return []
    corrected = act.event(
        DiplomaCorrected,
        command,
        **facts,
        enrolment=award.enrolment,
        corrects=award.facts_version,
        changed=[*changed, *(["printed_names"] if names else [])],
        printed=clear(names) if names else None,
    )
    return [(command.learner, corrected)]


def _given(command: CorrectDiploma) -> dict[str, Any]:
    given = {name: getattr(command, name) for name in FACTS if getattr(command, name) is not None}
    return given | ({"number": clean_text(given["number"], longest=60)} if "number" in given else {})


def _not_sayable(
    command: CorrectDiploma, act: Act, award: Award, session: DiplomaSession
) -> Iterable[RuleBroken | None]:
    yield refuse_unknown("diploma_kind", command.title, "/title", act.on)
    yield refuse_unknown("programme_level", command.level, "/level", act.on)
    unknown = refuse_unknown("trade", command.trade, "/trade", act.on)
    if unknown is None and command.trade not in (None, *session.trades):
        yield TradeNotExamined(pointer="/trade", trades=sorted(session.trades))
    yield unknown
    if (awarded_on := command.awarded_on) is not None:
        yield in_future(awarded_on, "/awarded_on", act.today)
        if awarded_on < session.minutes_on:
            signed_on = str(session.minutes_on)
            yield AwardedBeforeMinutes(pointer="/awarded_on", awarded_on=str(awarded_on), signed_on=signed_on)
        # No copy was handed over before the diploma was awarded; duplicates come after that.
        yield _before(min(award.handed_over.values(), default=awarded_on), awarded_on, "/awarded_on")


def _number_taken(command: CorrectDiploma, learner: Learner, award: Award) -> RegisterNumberInUse | None:
    """Another diploma of this learner has or had the number; of other learners the claim says it."""
    if command.number is None:
        return None
    others = (each for key, each in learner.diploma.diplomas.items() if key != command.diploma)
    taken = {value for each in others for value in values_of(each)}
    wanted = register_value(award.register, command.number)
    return RegisterNumberInUse(pointer="/number") if wanted in taken else None


def _not_printable_anew(
    learner: Learner, award: Award, session: DiplomaSession, identity: Identity | Erased | None
) -> list[RuleBroken | None]:
    number = session.candidate_number_of(award.enrolment) or ""
    return not_printable(award.enrolment, number, "/names", learner, identity)


def _names_anew(identity: Identity | Erased, printed: PrintedName | Erased) -> PrintedName | None:
    """The names to print; None where they are printed so already."""
    assert isinstance(identity, Identity), "an erased identity was refused"
    names = printed_name(identity)
    return None if names == printed else names


def hand_over_diploma(command: HandOverDiploma, act: Act, *, learner: Learner) -> Changes:
    """The copy was given on the day of the act; the same again changes nothing.

    Refuses NoSuchDiploma, DiplomaIsAnnulled, NoSuchCopy, CopyHandedOver, NotYetThen, UnknownCode.
    """
    award = _award_of(learner, command.diploma)
    if _same_hand_over(command, award):
        return []
    award = _in_force(learner, command.diploma)
    given_on = award.handed_over.get(command.copy)
    known = 0 <= command.copy <= len(award.duplicates)
    refuse_if(
        refuse_unknown("diploma_recipient", command.recipient, "/recipient", act.on),
        None if known else NoSuchCopy(pointer="/copy", copy=command.copy),
        CopyHandedOver(pointer="/copy", copy=command.copy, handed_over_on=str(given_on)) if given_on else None,
        _before(act.on, _issued_on(award, command.copy)) if known else None,
    )
    return [(command.learner, act.event(DiplomaHandedOver, command, enrolment=award.enrolment))]


def _same_hand_over(command: HandOverDiploma, award: Award) -> bool:
    same = award.receipts.get(command.copy) == Receipt(command.recipient, command.receipt)
    return same and command.on in (None, award.handed_over[command.copy])


def _issued_on(award: Award, copy: int) -> date:
    return award.duplicates[copy - 1] if copy else award.awarded_on


def issue_duplicate(command: IssueDuplicate, act: Act, *, learner: Learner) -> Changes:
    """One more copy exists, in place of the last one, which was handed over.

    Refuses NoSuchDiploma, DiplomaIsAnnulled, CopyNotHandedOver, NotYetThen, UnknownCode.
    """
    award = _in_force(learner, command.diploma)
    last = len(award.duplicates)
    given_on = award.handed_over.get(last)
    refuse_if(
        refuse_unknown("duplicate_ground", command.ground, "/ground", act.on),
        CopyNotHandedOver(pointer="/diploma", copy=last) if given_on is None else _before(act.on, given_on),
    )
    issued = act.event(DiplomaDuplicateIssued, command, enrolment=award.enrolment, copy=last + 1)
    return [(command.learner, issued)]


def annul_diploma(command: AnnulDiploma, act: Act, *, learner: Learner, authority: Organisation) -> Changes:
    """The diploma holds no longer and stays in the register; the same annulment again changes nothing.

    Refuses NoSuchDiploma, DiplomaIsAnnulled, NotAnAnnullingAuthority, NotYetThen, NotACode, UnknownCode.
    Source: DOMAIN rule 20.
    """
    award = _award_of(learner, command.diploma)
    if award.annulment == Annulment(command.ground, command.authority, command.act_reference):
        return []
    award = _in_force(learner, command.diploma)
    fitting = COURTS if command.ground == "court_decision" else ANNULLING
    refuse_if(
        refuse_unknown("annulment_ground", command.ground, "/ground", act.on),
        not_a_code(command.act_reference, "/act_reference"),
        _before(act.on, award.awarded_on),
        None
        if authority.kind in fitting
        else NotAnAnnullingAuthority(pointer="/authority", kind=authority.kind, fitting=list(fitting)),
    )
    return [(command.learner, act.event(DiplomaAnnulled, command, enrolment=award.enrolment))]


def _reads_session(command: CorrectDiploma, seen: Mapping[str, Any]) -> Reads:
    award = seen["learner"].diploma.diplomas.get(command.diploma)
    return {"sessions": ("diploma-session", [award.minutes.stream] if award else [])}


def _opens_new_names(command: CorrectDiploma, seen: Mapping[str, Any]) -> dict[UUID, SealedFact[Any]]:
    return opens_identity(command, seen) if command.names else {}


def _opens_printed(command: CorrectDiploma, seen: Mapping[str, Any]) -> dict[UUID, SealedFact[Any]]:
    award = seen["learner"].diploma.diplomas.get(command.diploma)
    return {command.learner: award.printed} if command.names and award else {}


COMMANDS = (
    CommandSpec(
        command=CorrectDiploma,
        decide=correct_diploma,
        kind="learner",
        stream="learner",
        noun="diploma-corrections",
        roles=("en_agent",),
        reads=_reads_session,
        opens={"identities": _opens_new_names, "printed": _opens_printed},
        replaces=True,
        asks_reason=True,
    ),
    CommandSpec(
        command=HandOverDiploma,
        decide=hand_over_diploma,
        kind="learner",
        stream="learner",
        noun="diploma-hand-overs",
        roles=("en_agent", "coordinator"),
    ),
    CommandSpec(
        command=IssueDuplicate,
        decide=issue_duplicate,
        kind="learner",
        stream="learner",
        noun="diploma-duplicates",
        roles=("en_agent",),
    ),
    CommandSpec(
        command=AnnulDiploma,
        decide=annul_diploma,
        kind="learner",
        stream="learner",
        noun="diploma-annulments",
        roles=("en_agent",),
        reads=lambda command, _seen: {"authority": ("organisation", command.authority)},
    ),
)

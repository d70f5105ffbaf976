"""Rules 19, 20, 48: diplomas are corrected, handed over, duplicated, annulled; signed minutes are rectified."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.diploma_session import ContentOfAnotherItem, DiplomaStillInForce, Mark, MinutesRectified, RectifyMinutes
from domain.errors import NotACode, NotAllowedNow, OccurredInFuture, ReasonNeeded, RuleBroken, UnknownCode
from domain.event import EventRef
from domain.kind import Command, ReasonGiven
from domain.learner.admission import IdentityErased
from domain.learner.diploma import (
    AwardedBeforeMinutes,
    AwardLine,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaMinutesRectified,
    ExamMarked,
    IdentityNotVerified,
    MarkOutOfRange,
    NameFormUnsettled,
    NotAdmitted,
    NumberUnreadable,
    PrintedName,
    SameNumberTwice,
    UnknownCandidate,
    find_in_force,
)
from domain.learner.register import (
    CopyHandedOver,
    CopyNotHandedOver,
    DiplomaIsAnnulled,
    NoSuchCopy,
    NoSuchDiploma,
    NotAnAnnullingAuthority,
    NotYetThen,
    RegisterNumberInUse,
    TradeNotExamined,
)
from domain.learner.state import LIFE_CYCLE, status_of
from domain.sealed import clear
from domain.streams import spec_of
from tests.examples.commands import (
    ANNUL_DIPLOMA,
    AWARD_DIPLOMAS,
    CORRECT_DIPLOMA,
    HAND_OVER,
    ISSUE_DUPLICATE,
    RECTIFY_MINUTES,
)
from tests.examples.path import (
    ADMITTED,
    AMINA,
    ANNULLED,
    ARABIC,
    DIPLOMA,
    DIPLOMA_ANNULLED,
    DIPLOMA_AWARDED,
    DIPLOMA_CORRECTED,
    DUPLICATE_ISSUED,
    ENROLMENT,
    EXAM_MARKED,
    GIVEN,
    GRADUATED,
    HANDED_OVER,
    IDENTITY,
    IDENTITY_RECORDED,
    IDENTITY_VERIFIED,
    INSERTED,
    LATIN,
    LEFT,
    MARKED,
    PLACED,
    RECTIFIED_MARK,
    REPLACED,
)
from tests.examples.people import ASSOCIATION, COORDINATOR, DELEGATION, EN_AGENT, MINISTRY_OFFICE, id_of
from tests.examples.places import JURY_MEMBER, MARK, SESSION, WORKER, History, registered
from tests.scenario import given

OTHER = id_of("diploma/none")
COURT = id_of("organisation/court")
TODAY = date(2026, 6, 30)
ACTS = [CORRECT_DIPLOMA, HAND_OVER, ISSUE_DUPLICATE, ANNUL_DIPLOMA]
by_name = pytest.mark.parametrize("command", ACTS, ids=lambda each: type(each).__name__)


# ── which diploma ────────────────────────────────────────────────────────────────────────────────────────────────────


@by_name
def test_an_unknown_diploma_is_said_to_be_so(command: Command) -> None:
    given(*GIVEN).when(but(command, diploma=OTHER), by=EN_AGENT).refused(
        NoSuchDiploma(pointer="/diploma", diploma=OTHER)
    )


@by_name
def test_nothing_more_happens_to_an_annulled_diploma(command: Command) -> None:
    """Rule 20."""
    other = but(command, act_reference="another") if command is ANNUL_DIPLOMA else command
    given(*ANNULLED).when(but(other, on=TODAY), by=EN_AGENT).refused(
        DiplomaIsAnnulled(pointer="/diploma", annulled_on="2026-06-24")
    )


@by_name
@pytest.mark.parametrize("history", [LEFT, PLACED, INSERTED], ids=["left", "placed", "inserted"])
def test_what_happens_to_a_diploma_may_happen_after_the_learner_left(history: History, command: Command) -> None:
    given_over = (*history, (AMINA, HANDED_OVER)) if command is ISSUE_DUPLICATE else history
    given(*given_over).when(but(command, on=date(2026, 7, 20)), by=EN_AGENT).accepted()


def test_acts_on_diplomas_are_allowed_wherever_a_learner_with_one_may_stand() -> None:
    names = {"correct-diploma", "hand-over-diploma", "issue-duplicate", "annul-diploma"}
    before_any = {"unknown", "identified", "assessed", "oriented"}
    assert {status for status, allowed in LIFE_CYCLE.items() if names <= allowed} == LIFE_CYCLE.keys() - before_any


# ── corrected ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_correction_says_everything_anew_and_what_of_it_changed() -> None:
    command = but(CORRECT_DIPLOMA, number=None, level="vocational", awarded_on=date(2026, 6, 16))
    given(*GRADUATED).when(command, by=EN_AGENT).then(
        (
            AMINA,
            but(
                DIPLOMA_CORRECTED,
                number="EN-2026-77",
                level="vocational",
                awarded_on=date(2026, 6, 16),
                changed=["level", "awarded_on"],
            ),
        )
    )


def test_a_second_correction_replaces_the_first() -> None:
    first = given(*GRADUATED).when(CORRECT_DIPLOMA, by=EN_AGENT).accepted()
    event = first.when(but(CORRECT_DIPLOMA, number="EN-2026-80"), by=EN_AGENT).accepted().events()[0]
    assert isinstance(event, DiplomaCorrected)
    assert (event.corrects, event.number) == (13, "EN-2026-80")


def test_what_the_diploma_says_already_is_no_correction() -> None:
    same = but(CORRECT_DIPLOMA, number=" EN-2026-77", trade="COU", title="vocational_diploma", names=True)
    given(*GRADUATED).when(same, by=EN_AGENT).nothing()
    corrected = given(*GRADUATED).when(CORRECT_DIPLOMA, by=EN_AGENT).accepted()
    corrected.when(CORRECT_DIPLOMA, by=EN_AGENT).nothing()


def test_a_correction_asks_for_a_reason() -> None:
    given(*GRADUATED).when(but(CORRECT_DIPLOMA, why=None), by=EN_AGENT).refused(ReasonNeeded(pointer="/why", days=30))


def test_a_correction_has_known_codes_and_a_number_that_can_be_read() -> None:
    command = but(CORRECT_DIPLOMA, number="EN-2026-79", title="medal", trade="XXX", level="level_9")
    given(*GRADUATED).when(command, by=EN_AGENT).refused(
        UnknownCode(pointer="/title", list="diploma_kind", value="medal"),
        UnknownCode(pointer="/level", list="programme_level", value="level_9"),
        UnknownCode(pointer="/trade", list="trade", value="XXX"),
    )
    given(*GRADUATED).when(but(CORRECT_DIPLOMA, number=" - "), by=EN_AGENT).refused(
        NumberUnreadable(pointer="/number", problem="empty-text")
    )


def test_a_diploma_says_a_trade_of_its_session() -> None:
    given(*GRADUATED).when(but(CORRECT_DIPLOMA, trade="ELB"), by=EN_AGENT).refused(
        TradeNotExamined(pointer="/trade", trades=["COU"])
    )


@pytest.mark.parametrize(
    ("awarded_on", "refused"),
    [
        (
            date(2026, 6, 14),
            AwardedBeforeMinutes(pointer="/awarded_on", awarded_on="2026-06-14", signed_on="2026-06-15"),
        ),
        (date(2026, 7, 1), OccurredInFuture(pointer="/awarded_on", on="2026-07-01", today="2026-06-30")),
        (date(2026, 6, 20), NotYetThen(pointer="/awarded_on", on="2026-06-19", since="2026-06-20")),
    ],
    ids=["before its minutes", "in the future", "after it was handed over"],
)
def test_the_day_of_the_award_lies_between_the_minutes_and_the_hand_over(awarded_on: date, refused: RuleBroken) -> None:
    history = GRADUATED if isinstance(refused, OccurredInFuture) else GIVEN
    command = but(CORRECT_DIPLOMA, on=TODAY, awarded_on=awarded_on)
    given(*history).when(command, by=EN_AGENT, today=TODAY).refused(refused)


def test_names_are_printed_anew_from_the_verified_identity() -> None:
    renamed = but(IDENTITY_RECORDED, identity=clear(but(IDENTITY, names=[ARABIC, but(LATIN, given="Aminah")])))
    recorded: History = (*GRADUATED, (AMINA, but(renamed, contacts=None)))
    anew = but(CORRECT_DIPLOMA, number=None, names=True)
    given(*recorded).when(anew, by=EN_AGENT).refused(IdentityNotVerified(pointer="/names"))
    verified: History = (*recorded, (AMINA, but(IDENTITY_VERIFIED, verifies=13)))
    outcome = given(*verified).when(anew, by=EN_AGENT).accepted()
    event = outcome.events()[0]
    assert isinstance(event, DiplomaCorrected)
    assert event.changed == ["printed_names"]
    assert event.printed == clear(PrintedName("أمينة بنسالم", "Aminah Bensalem"))
    outcome.when(anew, by=EN_AGENT).nothing()


def test_a_name_form_nobody_settled_is_not_printed_anew() -> None:
    one_form = but(IDENTITY_RECORDED, identity=clear(but(IDENTITY, names=[ARABIC])), contacts=None)
    history: History = (*GRADUATED, (AMINA, one_form), (AMINA, but(IDENTITY_VERIFIED, verifies=13)))
    given(*history).when(but(CORRECT_DIPLOMA, names=True), by=EN_AGENT).refused(
        NameFormUnsettled(pointer="/names", candidate_number="0001", flags=["missing-latin-name"])
    )


def test_of_who_was_erased_the_names_stay_as_printed_and_all_else_goes_on() -> None:
    """The register holds no name that is needed for it: rule 42 leaves the diploma valid."""
    erased = given(*GRADUATED).erased(AMINA, "identity")
    erased.when(but(CORRECT_DIPLOMA, names=True), by=EN_AGENT).refused(IdentityErased(pointer="/names"))
    corrected = erased.when(CORRECT_DIPLOMA, by=EN_AGENT).accepted()
    given_over = corrected.when(HAND_OVER, by=COORDINATOR).accepted()
    given_over.when(ISSUE_DUPLICATE, by=EN_AGENT).accepted().when(ANNUL_DIPLOMA, by=EN_AGENT).accepted()


# ── the number ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_corrected_number_is_never_free_again() -> None:
    """Rule 19: neither the one it had nor the one it has."""
    corrected = given(*GRADUATED).when(CORRECT_DIPLOMA, by=EN_AGENT).accepted()
    values = {f"{DELEGATION} vocational_diploma 2026 EN-2026-{number}" for number in (77, 79)}
    streams = corrected.scenario.streams
    claims = {streams.digest("register-number", value) for value in values}
    assert {claim for claim, holder in streams.claims.items() if claim.kind == "register-number"} == claims
    back = corrected.when(but(CORRECT_DIPLOMA, number="en 2026 77"), by=EN_AGENT).accepted()
    assert {claim for claim in back.scenario.streams.claims if claim.kind == "register-number"} == claims


def test_a_number_another_learner_has_or_had_is_refused() -> None:
    scenario = given(*GRADUATED)
    taken = f"{DELEGATION} vocational_diploma 2026 EN-2026-79"
    scenario.streams.claims[scenario.streams.digest("register-number", taken)] = id_of("learner/omar")
    scenario.when(CORRECT_DIPLOMA, by=EN_AGENT).refused(RegisterNumberInUse)


AGAIN = but(DIPLOMA_AWARDED, diploma=id_of("diploma/second"), number="EN-2026-90")
ANNULLED_AND_AWARDED: History = (*ANNULLED, (AMINA, AGAIN))


@pytest.mark.parametrize("number", ["EN-2026-77", "en.2026.77"])
def test_a_number_of_the_learners_own_annulled_diploma_is_refused_too(number: str) -> None:
    again = but(AWARD_DIPLOMAS, on=TODAY, awards=[AwardLine("0001", number)])
    given(*ANNULLED).when(again, by=EN_AGENT).refused(RegisterNumberInUse(pointer="/awards/0/number"))
    command = but(CORRECT_DIPLOMA, on=TODAY, diploma=AGAIN.diploma, number=number)
    given(*ANNULLED_AND_AWARDED).when(command, by=EN_AGENT).refused(RegisterNumberInUse(pointer="/number"))


# ── handed over ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_hand_over_again_changes_nothing_and_another_is_refused() -> None:
    given(*GIVEN).when(HAND_OVER, by=EN_AGENT).nothing()
    given(*GIVEN).when(but(HAND_OVER, on=None), by=COORDINATOR, today=TODAY).nothing()
    refused = CopyHandedOver(pointer="/copy", copy=0, handed_over_on="2026-06-19")
    given(*GIVEN).when(but(HAND_OVER, recipient="guardian"), by=EN_AGENT).refused(refused)
    given(*GIVEN).when(but(HAND_OVER, on=TODAY), by=EN_AGENT).refused(refused)


def test_a_diploma_is_handed_over_to_known_recipients_and_not_before_its_award() -> None:
    command = but(HAND_OVER, on=date(2026, 6, 14), recipient="neighbour")
    given(*GRADUATED).when(command, by=EN_AGENT).refused(
        UnknownCode(pointer="/recipient", list="diploma_recipient", value="neighbour"),
        NotYetThen(pointer="/on", on="2026-06-14", since="2026-06-15"),
    )


@pytest.mark.parametrize("copy", [-1, 1])
def test_a_copy_nobody_issued_is_not_handed_over(copy: int) -> None:
    given(*GIVEN).when(but(HAND_OVER, copy=copy), by=EN_AGENT).refused(NoSuchCopy(pointer="/copy", copy=copy))


def test_a_duplicate_is_handed_over_after_it_was_issued() -> None:
    early = but(HAND_OVER, copy=1, on=date(2026, 6, 21))
    given(*REPLACED).when(early, by=EN_AGENT).refused(NotYetThen(pointer="/on", on="2026-06-21", since="2026-06-22"))
    given(*REPLACED).when(but(early, on=date(2026, 6, 22)), by=COORDINATOR).accepted()


# ── duplicated ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_duplicate_replaces_a_copy_that_was_handed_over() -> None:
    given(*GRADUATED).when(ISSUE_DUPLICATE, by=EN_AGENT).refused(CopyNotHandedOver(pointer="/diploma", copy=0))
    given(*REPLACED).when(ISSUE_DUPLICATE, by=EN_AGENT).refused(CopyNotHandedOver(pointer="/diploma", copy=1))
    given_over: History = (*REPLACED, (AMINA, but(HANDED_OVER, copy=1, on=date(2026, 6, 23))))
    command = but(ISSUE_DUPLICATE, on=date(2026, 6, 23), ground="damaged")
    second = but(DUPLICATE_ISSUED, on=date(2026, 6, 23), copy=2, ground="damaged")
    given(*given_over).when(command, by=EN_AGENT).then((AMINA, second))


def test_a_duplicate_has_a_known_ground_and_comes_after_what_it_replaces() -> None:
    given(*GIVEN).when(but(ISSUE_DUPLICATE, on=date(2026, 6, 18), ground="sold"), by=EN_AGENT).refused(
        UnknownCode(pointer="/ground", list="duplicate_ground", value="sold"),
        NotYetThen(pointer="/on", on="2026-06-18", since="2026-06-19"),
    )


# ── annulled ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_annulled_diploma_stays_in_the_register_and_the_same_annulment_changes_nothing() -> None:
    annulled = given(*GRADUATED).when(ANNUL_DIPLOMA, by=EN_AGENT).accepted()
    learner = annulled.state("learner", AMINA)
    assert learner.diploma.diplomas[DIPLOMA].annulled_on == DIPLOMA_ANNULLED.on
    assert find_in_force(learner.diploma, ENROLMENT) is None
    assert status_of(learner) == "candidate"
    annulled.when(ANNUL_DIPLOMA, by=EN_AGENT).nothing()


@pytest.mark.parametrize(
    ("ground", "authority", "kind", "fitting"),
    [
        ("jury_error", ASSOCIATION, "association", ["en_delegation", "en_regional_coordination", "ministry"]),
        ("jury_error", COURT, "other", ["en_delegation", "en_regional_coordination", "ministry"]),
        ("court_decision", DELEGATION, "en_delegation", ["other"]),
    ],
)
def test_an_annulment_is_decided_by_who_may(ground: str, authority: UUID, kind: str, fitting: list[str]) -> None:
    history: History = (*GRADUATED, registered(COURT, "other"))
    command = but(ANNUL_DIPLOMA, ground=ground, authority=authority)
    given(*history).when(command, by=EN_AGENT).refused(
        NotAnAnnullingAuthority(pointer="/authority", kind=kind, fitting=fitting)
    )


def test_the_ministry_and_a_court_may_have_decided_it() -> None:
    history: History = (*GRADUATED, registered(COURT, "other"))
    given(*history).when(but(ANNUL_DIPLOMA, authority=MINISTRY_OFFICE), by=EN_AGENT).accepted()
    court = but(ANNUL_DIPLOMA, authority=COURT, ground="court_decision")
    given(*history).when(court, by=EN_AGENT).accepted()


def test_an_annulment_names_its_act_and_comes_after_the_award() -> None:
    command = but(ANNUL_DIPLOMA, on=date(2026, 6, 14), ground="anger", act_reference="because Amina lied")
    given(*GRADUATED).when(command, by=EN_AGENT).refused(
        UnknownCode(pointer="/ground", list="annulment_ground", value="anger"),
        NotACode(pointer="/act_reference"),
        NotYetThen(pointer="/on", on="2026-06-14", since="2026-06-15"),
    )


def test_after_an_annulment_the_minutes_grant_another_diploma() -> None:
    again = but(AWARD_DIPLOMAS, awarded_on=TODAY, awards=[AwardLine("0001", "EN-2026-90")])
    annulled = given(*GRADUATED).when(ANNUL_DIPLOMA, by=EN_AGENT).accepted()
    annulled.scenario.nonces = iter([id_of("nonce")])
    awarded = annulled.when(again, by=EN_AGENT).accepted()
    event = awarded.events()[0]
    assert isinstance(event, DiplomaAwarded)
    assert event.diploma != DIPLOMA
    assert event.partner_reference != DIPLOMA_AWARDED.partner_reference
    assert len(awarded.state("learner", AMINA).diploma.diplomas) == 2


# ── minutes rectified ────────────────────────────────────────────────────────────────────────────────────────────────

MEMBERS = RectifyMinutes(
    on=date(2026, 6, 18),
    diploma_session=SESSION,
    item="members",
    ground="transcription_error",
    members=[JURY_MEMBER, WORKER],
)
DOCUMENT = but(MEMBERS, item="document", members=[], document=id_of("document/minutes"))


def test_minutes_are_rectified_once_they_are_signed() -> None:
    given(*MARKED).when(RECTIFY_MINUTES, by=EN_AGENT).refused(
        NotAllowedNow(status="closed", allowed=["record-marks", "sign-minutes"])
    )
    given(*ADMITTED).when(but(RECTIFY_MINUTES, on=date(2026, 6, 14)), by=EN_AGENT).refused(
        NotYetThen(pointer="/on", on="2026-06-14", since="2026-06-15")
    )


def test_a_rectified_result_is_the_learners_too_and_a_diploma_that_stands_is_told() -> None:
    outcome = given(*GRADUATED).when(RECTIFY_MINUTES, by=EN_AGENT).accepted()
    session, mark, diploma = outcome.events()
    assert isinstance(session, MinutesRectified)
    assert isinstance(mark, ExamMarked)
    assert isinstance(diploma, DiplomaMinutesRectified)
    assert mark.by.cause == diploma.by.cause == diploma.minutes == EventRef(SESSION, 6)
    assert outcome.state("learner", AMINA).diploma.diplomas[DIPLOMA].minutes_rectified_on == session.on
    outcome.when(RECTIFY_MINUTES, by=EN_AGENT).nothing()
    again = outcome.when(but(RECTIFY_MINUTES, marks=[but(RECTIFIED_MARK, written=1600)]), by=EN_AGENT).accepted()
    assert again.events()[0].rectifies == 6  # type: ignore[attr-defined]  # it rectifies the rectification before


def test_without_a_diploma_the_mark_alone_is_rectified() -> None:
    assert len(given(*ADMITTED).when(RECTIFY_MINUTES, by=EN_AGENT).accepted().events()) == 2
    assert len(given(*ANNULLED).when(but(RECTIFY_MINUTES, on=TODAY), by=EN_AGENT).accepted().events()) == 2


@pytest.mark.parametrize("command", [MEMBERS, DOCUMENT], ids=["members", "document"])
def test_who_signed_and_the_paper_are_rectified_on_the_session_alone(command: RectifyMinutes) -> None:
    outcome = given(*GRADUATED).when(command, by=EN_AGENT).accepted()
    assert [new.stream for new in outcome.answer.events] == [SESSION]
    outcome.when(command, by=EN_AGENT).nothing()


def test_members_that_signed_already_are_no_rectification() -> None:
    given(*ADMITTED).when(but(MEMBERS, members=[JURY_MEMBER]), by=EN_AGENT).nothing()


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (but(RECTIFY_MINUTES, marks=[]), "marks"),
        (but(RECTIFY_MINUTES, members=[JURY_MEMBER]), "marks"),
        (but(MEMBERS, members=[]), "members"),
        (but(MEMBERS, document=id_of("document")), "members"),
        (but(DOCUMENT, document=None), "document"),
        (but(DOCUMENT, marks=[MARK]), "document"),
    ],
)
def test_a_rectification_has_what_its_item_is_about_and_nothing_else(command: RectifyMinutes, needed: str) -> None:
    given(*ADMITTED).when(command, by=EN_AGENT).refused(
        ContentOfAnotherItem(pointer="/item", item=command.item, needed=needed)
    )


def test_rectified_marks_are_checked_as_marks_are() -> None:
    marks = [Mark("0009", 3, "present", 900, None, "resit"), RECTIFIED_MARK, RECTIFIED_MARK]
    given(*ADMITTED).when(but(RECTIFY_MINUTES, marks=marks), by=EN_AGENT).refused(
        MarkOutOfRange(pointer="/marks/0/sitting", value=3),
        UnknownCandidate(pointer="/marks/0/candidate_number", candidate_number="0009"),
        SameNumberTwice(pointer="/marks", value="0001"),
    )
    given(*ADMITTED).when(but(RECTIFY_MINUTES, item="weather", ground="rain"), by=EN_AGENT).refused(
        UnknownCode(pointer="/item", list="minutes_item", value="weather"),
        UnknownCode(pointer="/ground", list="minutes_ground", value="rain"),
    )


REFUSED_MARK = but(RECTIFIED_MARK, decision="refused")


def test_who_holds_a_diploma_in_force_stays_admitted_until_it_is_annulled() -> None:
    rectify = but(RECTIFY_MINUTES, on=TODAY, marks=[REFUSED_MARK])
    given(*GRADUATED).when(rectify, by=EN_AGENT).refused(
        DiplomaStillInForce(pointer="/marks/0/decision", candidate_number="0001")
    )
    rectified = given(*ANNULLED).when(rectify, by=EN_AGENT).accepted()
    again = but(AWARD_DIPLOMAS, on=TODAY, awards=[AwardLine("0001", "EN-2026-90")])
    rectified.when(again, by=EN_AGENT).refused(
        NotAdmitted(pointer="/awards/0/candidate_number", candidate_number="0001", decision="refused")
    )


def test_who_is_admitted_by_a_rectification_is_awarded_a_diploma() -> None:
    refused: History = tuple(
        (stream, but(event, marks=[REFUSED_MARK]) if stream == SESSION and hasattr(event, "marks") else event)
        for stream, event in ADMITTED
        if event is not EXAM_MARKED
    )
    before = given(*refused, (AMINA, but(EXAM_MARKED, decision="refused")))
    before.when(AWARD_DIPLOMAS, by=EN_AGENT).refused(NotAdmitted)
    admitted = before.when(RECTIFY_MINUTES, by=EN_AGENT).accepted()
    admitted.when(but(AWARD_DIPLOMAS, on=TODAY, why=ReasonGiven("other")), by=EN_AGENT).accepted()


def test_all_of_it_is_entraide_nationales_to_do_and_a_centre_hands_over_too() -> None:
    """DOMAIN §5 "Who decides"."""
    roles = {spec_of(each).name: spec_of(each).roles for each in (*ACTS, RECTIFY_MINUTES)}
    assert roles.pop("hand-over-diploma") == ("en_agent", "coordinator")
    assert set(roles.values()) == {("en_agent",)}

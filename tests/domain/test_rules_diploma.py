"""Rules 18, 19, 48: listed with a verified identity, marked, minutes signed, a number that is nobody else's."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace as but

from domain.diploma_session import (
    CandidateListEmpty,
    JuryMissing,
    Mark,
    MarksMissing,
    NotAnExamAuthority,
    SessionOpened,
    SignedBeforeExam,
    YearFarFromExam,
)
from domain.errors import NotAllowedNow, OccurredInFuture, ReasonNeeded, UnknownCode
from domain.event import EventRef, Why
from domain.group import SeatFreed
from domain.kind import ReasonGiven
from domain.learner.admission import IdentityErased
from domain.learner.diploma import (
    AdmittedWithoutMark,
    AlreadyListed,
    AwardedBeforeMinutes,
    AwardLine,
    CandidateListed,
    DiplomaAlreadyAwarded,
    DiplomaAwarded,
    ExamMarked,
    IdentityNotVerified,
    ListClosed,
    MarkedBeforeExam,
    MarkOfAnAbsentee,
    MarkOutOfRange,
    NameFormUnsettled,
    NotAdmitted,
    NotInSession,
    NumberUnreadable,
    PrintedName,
    Register,
    SameNumberTwice,
    UnknownCandidate,
)
from domain.learner.identification import NameGiven
from domain.learner.register import RegisterNumberInUse
from domain.learner.review import SettledByRecorder, SettleFlag
from domain.organisation import EndsBeforeStart
from domain.sealed import clear
from tests.examples.commands import (
    AWARD_DIPLOMAS,
    CLOSE_LIST,
    END_ENROLMENT,
    LIST_CANDIDATE,
    OPEN_SESSION,
    RECORD_IDENTITY,
    RECORD_MARKS,
    SIGN_MINUTES,
)
from tests.examples.path import (
    ADMITTED,
    AMINA,
    ARABIC,
    ASSESSED_IN_TRADE,
    CANDIDATE,
    CANDIDATE_ENTERED,
    CANDIDATE_LISTED,
    DIPLOMA_AWARDED,
    ENROLMENT,
    EXAM_MARKED,
    FLAG_SETTLED,
    GRADUATED,
    IDENTITY,
    IDENTITY_RECORDED,
    IDENTITY_VERIFIED,
    LATIN,
    LEARNER_ENROLLED,
    LEARNER_IDENTIFIED,
    LEFT,
    LIST_IS_CLOSED,
    MARKED,
)
from tests.examples.people import ASSOCIATION, CASEWORKER, EN_AGENT, id_of
from tests.examples.places import (
    LIST_CLOSED,
    MARK,
    MARKS_RECORDED,
    MINUTES_SIGNED,
    SESSION,
    SESSION_OPENED,
    WORLD,
    History,
)
from tests.scenario import given

OMAR, OMARS = id_of("learner/omar"), id_of("enrolment/omar-2025")
AFTER = date(2026, 6, 16)


def without(history: History, *events: object) -> History:
    """The history as if these had not happened."""
    return tuple(each for each in history if each[1] not in events)


def instead(history: History, event: object, other: object) -> History:
    """The history with another event in this one's place."""
    return tuple((stream, other if each is event else each) for stream, each in history)  # type: ignore[misc]


# ── rule 18: the list ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_candidate_needs_a_verified_identity() -> None:
    history = without(ASSESSED_IN_TRADE, IDENTITY_VERIFIED)
    given(*history).when(LIST_CANDIDATE, by=EN_AGENT).refused(IdentityNotVerified)


def test_a_verification_of_an_earlier_identity_is_not_one() -> None:
    history = instead(ASSESSED_IN_TRADE, IDENTITY_VERIFIED, but(IDENTITY_VERIFIED, verifies=1))
    given(*history).when(LIST_CANDIDATE, by=EN_AGENT).refused(IdentityNotVerified)


def test_candidates_get_the_next_number_of_their_session() -> None:
    omar: History = (
        (OMAR, but(LEARNER_IDENTIFIED, file_number="2025-CAS-000001-X")),
        (OMAR, but(IDENTITY_VERIFIED, verifies=1)),
        (OMAR, but(LEARNER_ENROLLED, enrolment=OMARS)),
    )
    command = but(LIST_CANDIDATE, learner=OMAR, enrolment=OMARS)
    given(*CANDIDATE, *omar).when(command, by=EN_AGENT).then(
        (SESSION, but(CANDIDATE_ENTERED, learner=OMAR, enrolment=OMARS, candidate_number="0002")),
        (
            OMAR,
            but(
                CANDIDATE_LISTED,
                by=but(EN_AGENT, cause=EventRef(SESSION, 3)),
                enrolment=OMARS,
                candidate_number="0002",
                verification=2,
                flags=["missing-latin-name"],
            ),
        ),
    )


def test_the_same_listing_again_changes_nothing() -> None:
    given(*CANDIDATE).when(LIST_CANDIDATE, by=EN_AGENT).nothing()


@pytest.mark.parametrize(
    ("history", "status"), [(LIST_IS_CLOSED, "closed"), (ADMITTED, "signed")], ids=["closed", "signed"]
)
def test_a_closed_list_takes_nobody(history: History, status: str) -> None:
    history = without(history, CANDIDATE_LISTED, EXAM_MARKED)
    given(*history).when(LIST_CANDIDATE, by=EN_AGENT).refused(ListClosed(pointer="/session", status=status))


NEXT_SESSION = id_of("diploma-session/2026-autumn")
NEXT_OPENED = but(SESSION_OPENED, held_from=date(2026, 9, 20), held_to=date(2026, 9, 21))
IN_NEXT = but(LIST_CANDIDATE, on=AFTER, session=NEXT_SESSION)


@pytest.mark.parametrize("history", [CANDIDATE, MARKED], ids=["undecided", "admitted"])
def test_who_is_listed_and_undecided_or_admitted_is_not_listed_elsewhere(history: History) -> None:
    given(*history, (NEXT_SESSION, NEXT_OPENED)).when(IN_NEXT, by=EN_AGENT).refused(
        AlreadyListed(pointer="/enrolment", candidate_number="0001")
    )


def test_a_graduate_who_left_is_not_listed_again() -> None:
    given(*LEFT, (NEXT_SESSION, NEXT_OPENED)).when(IN_NEXT, by=EN_AGENT, today=date(2026, 6, 30)).refused(AlreadyListed)


def test_who_failed_is_listed_in_a_later_session() -> None:
    failed = instead(MARKED, EXAM_MARKED, but(EXAM_MARKED, decision="refused"))
    listed = given(*failed, (NEXT_SESSION, NEXT_OPENED)).when(IN_NEXT, by=EN_AGENT).accepted()
    assert listed.state("learner", AMINA).diploma.candidatures[ENROLMENT].session == NEXT_SESSION
    marks = [but(MARK, written=900, decision="resit")]
    late_mark = but(RECORD_MARKS, on=AFTER, marks=marks, why=ReasonGiven("entry_error"))
    corrected = listed.when(late_mark, by=EN_AGENT).accepted()
    assert corrected.state("learner", AMINA).diploma.candidatures[ENROLMENT].decision is None


def test_a_session_takes_its_centres_and_trades_only() -> None:
    other = but(SESSION_OPENED, centres=[], trades=["ELB"])
    given(*instead(ASSESSED_IN_TRADE, SESSION_OPENED, other)).when(LIST_CANDIDATE, by=EN_AGENT).refused(
        NotInSession(pointer="/session", what="centre"), NotInSession(pointer="/session", what="trade")
    )


@pytest.mark.parametrize(
    ("names", "flags"),
    [
        ([NameGiven("أمينة", "بنسالم")], ["missing-latin-name"]),
        ([NameGiven("Amina", "Bensalem")], ["missing-arabic-name"]),
        ([NameGiven("ⴰⵎⵉⵏⴰ")], ["missing-arabic-name", "missing-latin-name"]),
    ],
)
def test_a_missing_form_of_the_name_is_flagged_when_listed(names: list[NameGiven], flags: list[str]) -> None:
    recorded = given(*ASSESSED_IN_TRADE).when(but(RECORD_IDENTITY, on=date(2026, 5, 21), names=names), by=CASEWORKER)
    verified = but(IDENTITY_VERIFIED, verifies=recorded.accepted().answer.events[0].version)
    history = tuple((new.stream, new.event) for new in recorded.scenario.streams.log)
    _, listed = given(*history, (AMINA, verified)).when(LIST_CANDIDATE, by=EN_AGENT).accepted().events()
    assert isinstance(listed, CandidateListed)
    assert (listed.flags, listed.verification) == (flags, 11)


def test_an_empty_list_is_not_closed() -> None:
    given(*ASSESSED_IN_TRADE).when(CLOSE_LIST, by=EN_AGENT).refused(CandidateListEmpty)


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_marks_again_change_nothing() -> None:
    given(*MARKED).when(RECORD_MARKS, by=EN_AGENT).nothing()


def test_a_mark_is_caused_by_the_sessions_event_and_carries_its_reason() -> None:
    late = but(RECORD_MARKS, why=ReasonGiven("paper_arrived_late"))
    session, learner = given(*LIST_IS_CLOSED).when(late, by=EN_AGENT, today=date(2026, 9, 1)).accepted().events()
    assert isinstance(learner, ExamMarked)
    assert learner.by.cause == EventRef(SESSION, 4)
    assert learner.why == session.why == Why("paper_arrived_late")


def test_marks_are_checked_all_at_once() -> None:
    command = but(
        RECORD_MARKS,
        marks=[
            Mark("0009", 3, "present", 2001, -1, "admitted"),
            Mark("0001", 1, "absent", None, None, "refused"),
            Mark("0001", 1, "asleep", None, None, "best"),
        ],
    )
    given(*LIST_IS_CLOSED).when(command, by=EN_AGENT).refused(
        MarkOutOfRange(pointer="/marks/0/sitting", value=3),
        MarkOutOfRange(pointer="/marks/0/written", value=2001),
        MarkOutOfRange(pointer="/marks/0/practical", value=-1),
        MarkOfAnAbsentee(pointer="/marks/1", candidate_number="0001"),
        UnknownCode(pointer="/marks/2/presence", list="exam_presence", value="asleep"),
        UnknownCode(pointer="/marks/2/decision", list="exam_decision", value="best"),
        MarkOfAnAbsentee(pointer="/marks/2", candidate_number="0001"),
        UnknownCandidate(pointer="/marks/0/candidate_number", candidate_number="0009"),
        SameNumberTwice(pointer="/marks", value="0001"),
    )


@pytest.mark.parametrize(
    "mark",
    [
        Mark("0001", 1, "absent", None, None, "absent"),
        Mark("0001", 1, "absent_justified", None, None, "absent"),
        Mark("0001", 2, "present", 0, 2000, "resit"),
    ],
)
def test_absentees_have_no_marks_and_marks_go_from_0_to_20(mark: Mark) -> None:
    given(*LIST_IS_CLOSED).when(but(RECORD_MARKS, marks=[mark]), by=EN_AGENT).accepted()


@pytest.mark.parametrize(
    "mark",
    [
        Mark("0001", 1, "absent", 1000, None, "absent"),
        Mark("0001", 1, "absent", None, None, "admitted"),
        Mark("0001", 1, "present", 1000, 1000, "absent"),
    ],
)
def test_presence_marks_and_decision_agree(mark: Mark) -> None:
    given(*LIST_IS_CLOSED).when(but(RECORD_MARKS, marks=[mark]), by=EN_AGENT).refused(
        MarkOfAnAbsentee(pointer="/marks/0", candidate_number="0001")
    )


# ── rule 19: minutes, then diplomas ──────────────────────────────────────────────────────────────────────────────────


def test_minutes_need_a_mark_of_every_candidate_and_a_jury() -> None:
    given(*LIST_IS_CLOSED).when(but(SIGN_MINUTES, members=[]), by=EN_AGENT).refused(
        MarksMissing(candidate_numbers=["0001"]), JuryMissing(pointer="/members")
    )


def test_no_diploma_before_the_minutes() -> None:
    given(*MARKED).when(AWARD_DIPLOMAS, by=EN_AGENT).refused(
        NotAllowedNow(status="closed", allowed=["record-marks", "sign-minutes"])
    )


def test_marks_stand_once_the_minutes_are_signed() -> None:
    command = but(RECORD_MARKS, on=AFTER, marks=[but(MARK, written=1999)])
    given(*ADMITTED).when(command, by=EN_AGENT).refused(
        NotAllowedNow(status="signed", allowed=["award-diplomas", "rectify-minutes"])
    )


def test_a_diploma_cites_its_minutes_register_and_printed_names() -> None:
    award = given(*ADMITTED).when(AWARD_DIPLOMAS, by=EN_AGENT).accepted().events()[0]
    assert isinstance(award, DiplomaAwarded)
    assert award.minutes == EventRef(SESSION, 5)
    assert award.register == Register(SESSION_OPENED.authority, "vocational_diploma", 2026)


def test_a_diploma_is_awarded_no_day_before_its_minutes_nor_in_the_future() -> None:
    early = but(AWARD_DIPLOMAS, awarded_on=date(2026, 6, 14))
    given(*ADMITTED).when(early, by=EN_AGENT).refused(
        AwardedBeforeMinutes(pointer="/awarded_on", awarded_on="2026-06-14", signed_on="2026-06-15")
    )
    future = but(AWARD_DIPLOMAS, awarded_on=date(2026, 6, 17))
    given(*ADMITTED).when(future, by=EN_AGENT, today=AFTER).refused(
        OccurredInFuture(pointer="/awarded_on", on="2026-06-17", today="2026-06-16")
    )


@pytest.mark.parametrize("decision", ["resit", "refused", "absent"])
def test_only_the_admitted_hold_a_diploma(decision: str) -> None:
    mark = but(MARK, decision=decision)
    history = instead(ADMITTED, MARKS_RECORDED, but(MARKS_RECORDED, marks=[mark]))
    given(*history).when(AWARD_DIPLOMAS, by=EN_AGENT).refused(
        NotAdmitted(pointer="/awards/0/candidate_number", candidate_number="0001", decision=decision)
    )


def test_an_enrolment_holds_one_diploma() -> None:
    again = but(AWARD_DIPLOMAS, awards=[AwardLine("0001", "EN-2026-78")])
    given(*GRADUATED).when(again, by=EN_AGENT).refused(
        DiplomaAlreadyAwarded(pointer="/awards/0/candidate_number", candidate_number="0001")
    )


def test_an_unknown_candidate_holds_none() -> None:
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0007", "EN-2026-78")])
    given(*ADMITTED).when(command, by=EN_AGENT).refused(
        UnknownCandidate(pointer="/awards/0/candidate_number", candidate_number="0007")
    )


@pytest.mark.parametrize(
    ("number", "problem"), [("", "empty-text"), (" - ", "empty-text"), ("7\x00", "control-character")]
)
def test_a_register_number_can_be_read(number: str, problem: str) -> None:
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0001", number)])
    given(*ADMITTED).when(command, by=EN_AGENT).refused(NumberUnreadable(pointer="/awards/0/number", problem=problem))


SECOND_MARK = but(MARK, candidate_number="0002")
NO_LATIN_NAME = but(FLAG_SETTLED, version=4, code="missing-latin-name", day=None)
TWO_ADMITTED: History = (
    *CANDIDATE,
    (OMAR, but(LEARNER_IDENTIFIED, file_number="2025-CAS-000001-X")),
    (OMAR, but(IDENTITY_VERIFIED, verifies=1)),
    (OMAR, but(LEARNER_ENROLLED, enrolment=OMARS)),
    (OMAR, but(CANDIDATE_LISTED, enrolment=OMARS, candidate_number="0002", flags=["missing-latin-name"])),
    (OMAR, NO_LATIN_NAME),
    (SESSION, but(CANDIDATE_ENTERED, learner=OMAR, enrolment=OMARS, candidate_number="0002")),
    (SESSION, LIST_CLOSED),
    (SESSION, but(MARKS_RECORDED, marks=[MARK, SECOND_MARK])),
    (AMINA, EXAM_MARKED),
    (OMAR, but(EXAM_MARKED, enrolment=OMARS)),
    (SESSION, MINUTES_SIGNED),
)


def test_a_number_or_a_candidate_twice_in_one_request_is_refused() -> None:
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0001", "EN 77"), AwardLine("0002", "en-77")])
    given(*TWO_ADMITTED).when(command, by=EN_AGENT).refused(SameNumberTwice(pointer="/awards", value="EN-77"))
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0001", "EN-77"), AwardLine("0001", "EN-78")])
    given(*TWO_ADMITTED).when(command, by=EN_AGENT).refused(SameNumberTwice(pointer="/awards", value="0001"))


@pytest.mark.parametrize("number", ["EN-2026-77", "en 2026 77", "EN-2026-٧٧"])
def test_a_number_once_given_in_its_register_is_never_given_again(number: str) -> None:
    first = given(*TWO_ADMITTED).when(AWARD_DIPLOMAS, by=EN_AGENT).accepted()
    second = but(AWARD_DIPLOMAS, awards=[AwardLine("0002", number)])
    first.when(second, by=EN_AGENT).refused(RegisterNumberInUse)


def test_the_same_number_in_another_register_is_another_number() -> None:
    autumn = id_of("diploma-session/2027")
    next_year: History = (
        (autumn, but(SESSION_OPENED, year=2027)),
        (OMAR, but(LEARNER_IDENTIFIED, file_number="2025-CAS-000001-X")),
        (OMAR, but(IDENTITY_VERIFIED, verifies=1)),
        (OMAR, but(LEARNER_ENROLLED, enrolment=OMARS)),
        (OMAR, but(CANDIDATE_LISTED, enrolment=OMARS, session=autumn)),
        (OMAR, NO_LATIN_NAME),
        (autumn, but(CANDIDATE_ENTERED, learner=OMAR, enrolment=OMARS)),
        (autumn, LIST_CLOSED),
        (autumn, MARKS_RECORDED),
        (OMAR, but(EXAM_MARKED, enrolment=OMARS, session=autumn)),
        (autumn, MINUTES_SIGNED),
    )
    command = but(AWARD_DIPLOMAS, diploma_session=autumn)
    given(*GRADUATED, *next_year).when(command, by=EN_AGENT).accepted()


def test_both_candidates_hold_their_diplomas_from_one_act() -> None:
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0001", "EN-77"), AwardLine("0002", "EN-78")])
    outcome = given(*TWO_ADMITTED).when(command, by=EN_AGENT).accepted()
    assert [new.stream for new in outcome.answer.events] == [AMINA, OMAR]
    first, second = outcome.events()
    assert isinstance(first, DiplomaAwarded)
    assert isinstance(second, DiplomaAwarded)
    assert second.printed == clear(PrintedName("أمينة بنسالم", None))
    assert first.partner_reference != second.partner_reference


def test_a_name_that_was_erased_is_on_no_diploma() -> None:
    given(*ADMITTED).erased(AMINA, "identity").when(AWARD_DIPLOMAS, by=EN_AGENT).refused(
        IdentityErased(pointer="/awards/0/candidate_number")
    )


def test_a_form_nobody_settled_holds_the_diploma_up() -> None:
    open_still = tuple(each for each in TWO_ADMITTED if each[1] is not NO_LATIN_NAME)
    command = but(AWARD_DIPLOMAS, awards=[AwardLine("0002", "EN-78")])
    given(*open_still).when(command, by=EN_AGENT).refused(
        NameFormUnsettled(pointer="/awards/0/candidate_number", candidate_number="0002", flags=["missing-latin-name"])
    )
    given(*TWO_ADMITTED).when(command, by=EN_AGENT).accepted()


def test_who_listed_a_candidate_does_not_settle_what_is_missing() -> None:
    open_still = tuple(each for each in TWO_ADMITTED if each[1] is not NO_LATIN_NAME)
    settle = SettleFlag(
        on=AFTER,
        learner=OMAR,
        version=4,
        code="missing-latin-name",
        finding="explained",
        why=ReasonGiven("new_document"),
    )
    given(*open_still).when(settle, by=EN_AGENT).refused(SettledByRecorder(pointer="/version"))
    given(*open_still).when(settle, by=but(EN_AGENT, actor=id_of("worker/colleague"))).accepted()


def test_who_left_before_the_jury_met_still_gets_the_diploma() -> None:
    left = given(*ADMITTED).when(but(END_ENROLMENT, ended_on=date(2026, 6, 15)), by=CASEWORKER).accepted()
    left.when(AWARD_DIPLOMAS, by=EN_AGENT).then((AMINA, DIPLOMA_AWARDED))
    assert isinstance(left.events()[-1], SeatFreed)


# ── the session ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_has_known_trades_and_ends_after_it_starts() -> None:
    command = but(OPEN_SESSION, trades=["XXX"], diploma_kind="medal", held_to=date(2026, 6, 9))
    given(*WORLD).when(command, by=EN_AGENT).refused(
        UnknownCode(pointer="/diploma_kind", list="diploma_kind", value="medal"),
        UnknownCode(pointer="/trades/0", list="trade", value="XXX"),
        EndsBeforeStart(pointer="/held_to", starts_on="2026-06-10", ends_on="2026-06-09"),
    )
    one_day = but(OPEN_SESSION, held_to=date(2026, 6, 10))
    assert isinstance(given(*WORLD).when(one_day, by=EN_AGENT).accepted().events()[0], SessionOpened)


def test_the_identity_printed_is_the_verified_one() -> None:
    names = [ARABIC, but(LATIN, given="Aminah")]
    recorded = but(IDENTITY_RECORDED, identity=clear(but(IDENTITY, names=names)), contacts=None)
    corrected: History = (*ADMITTED, (AMINA, recorded))
    given(*corrected).when(AWARD_DIPLOMAS, by=EN_AGENT).refused(
        IdentityNotVerified(pointer="/awards/0/candidate_number")
    )
    verified = (AMINA, but(IDENTITY_VERIFIED, verifies=12))
    award = given(*corrected, verified).when(AWARD_DIPLOMAS, by=EN_AGENT).accepted().events()[0]
    assert isinstance(award, DiplomaAwarded)
    assert award.printed == clear(PrintedName("أمينة بنسالم", "Aminah Bensalem"))


@pytest.mark.parametrize("number", ["1/23", "1 23", "1-23", "1 - 23", "-1.23"])
def test_separators_of_a_register_number_are_one_and_carry_meaning(number: str) -> None:
    first = given(*TWO_ADMITTED).when(but(AWARD_DIPLOMAS, awards=[AwardLine("0001", "1-23")]), by=EN_AGENT).accepted()
    first.when(but(AWARD_DIPLOMAS, awards=[AwardLine("0002", number)]), by=EN_AGENT).refused(RegisterNumberInUse)
    first.when(but(AWARD_DIPLOMAS, awards=[AwardLine("0002", "12/3")]), by=EN_AGENT).accepted()


def test_minutes_are_not_signed_before_the_exam_is_held() -> None:
    """Rule 19: an early signature would let diplomas be early too."""
    early = but(SIGN_MINUTES, on=date(2026, 6, 9))
    given(*MARKED).when(early, by=EN_AGENT).refused(
        SignedBeforeExam(pointer="/on", on="2026-06-09", held_from="2026-06-10")
    )


def test_nobody_is_marked_before_the_exam_is_held() -> None:
    early = but(RECORD_MARKS, on=date(2026, 6, 9))
    given(*LIST_IS_CLOSED).when(early, by=EN_AGENT).refused(
        MarkedBeforeExam(pointer="/on", on="2026-06-09", held_from="2026-06-10")
    )
    given(*LIST_IS_CLOSED).when(but(early, on=date(2026, 6, 10)), by=EN_AGENT).accepted()


def test_who_is_admitted_has_a_mark_at_least() -> None:
    bare = Mark("0001", 1, "present", None, None, "admitted")
    given(*LIST_IS_CLOSED).when(but(RECORD_MARKS, marks=[bare]), by=EN_AGENT).refused(
        AdmittedWithoutMark(pointer="/marks/0", candidate_number="0001")
    )
    given(*LIST_IS_CLOSED).when(but(RECORD_MARKS, marks=[but(bare, practical=1000)]), by=EN_AGENT).accepted()


def test_a_mark_is_changed_for_a_reason() -> None:
    changed = but(RECORD_MARKS, marks=[but(MARK, written=1550)])
    given(*MARKED).when(changed, by=EN_AGENT).refused(ReasonNeeded(pointer="/why", days=30))
    given(*MARKED).when(but(changed, why=ReasonGiven("entry_error")), by=EN_AGENT).accepted()


def test_a_session_is_one_of_entraide_nationale_and_its_register_of_about_its_year() -> None:
    given(*WORLD).when(but(OPEN_SESSION, authority=ASSOCIATION, year=2028), by=EN_AGENT).refused(
        NotAnExamAuthority(
            pointer="/authority", kind="association", fitting=["en_delegation", "en_regional_coordination"]
        ),
        YearFarFromExam(pointer="/year", year=2028, held_from="2026-06-10"),
    )
    for year in (2025, 2027):
        given(*WORLD).when(but(OPEN_SESSION, year=year), by=EN_AGENT).accepted()

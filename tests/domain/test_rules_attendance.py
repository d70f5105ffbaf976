"""Rules 14 and 15: sheets, flags, the monthly lock, corrections."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.errors import NotACode, OccurredInFuture, ReasonNeeded, Refused, UnknownCode
from domain.event import By, Why
from domain.group import (
    BadTime,
    HeldSession,
    MonthLocked,
    MonthNotOver,
    NotAFirstDay,
    NotAMonday,
    OutsideWeek,
    RecordSessions,
    SessionsDiffer,
    SetTimetable,
    Slot,
)
from domain.kind import ReasonGiven
from domain.learner.admission import LearnerEnrolled
from domain.learner.review import NoSuchFlag, NotWithdrawable, SettledByRecorder, SettleFlag, WithdrawFact
from domain.learner.training import (
    AssessCompetence,
    AttendanceDiffers,
    AttendanceRecorded,
    AttendanceRow,
    DayGiven,
    DayMark,
    FlaggedDay,
    NotInGroup,
    NotYoursToCorrect,
    RecordAttendance,
    SameDayTwice,
    SameLearnerTwice,
    SheetEmpty,
)
from tests.examples.commands import (
    ASSESS_COMPETENCE,
    END_ENROLMENT,
    LOCK_ATTENDANCE,
    RECORD_ATTENDANCE,
    RECORD_SESSIONS,
    SETTLE_FLAG,
    WITHDRAW_FACT,
)
from tests.examples.path import (
    AMINA,
    ATTENDANCE_RECORDED,
    ATTENDING,
    COMPETENCE_ASSESSED,
    ENROLLED,
    ENROLMENT,
    FLAG_SETTLED,
    FLAGGED,
    FLAGGED_ATTENDANCE,
    LEFT,
    SEATED,
)
from tests.examples.people import CASEWORKER, COORDINATOR, EDUCATOR, id_of
from tests.examples.places import (
    ATTENDANCE_LOCKED,
    MONDAY,
    OCTOBER,
    SESSIONS_HELD,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    WORKSHOP,
    WORLD,
    parameter,
)
from tests.scenario import Outcome, given

LOCKED = (*ATTENDING, (WORKSHOP, ATTENDANCE_LOCKED))
MONTH_LOCKED = MonthLocked(pointer="/rows/0", month="2025-10-01")
REREAD = ReasonGiven("sheet_reread")
ENTERED = date(2025, 10, 7)  # the first day: when the example's sheet was typed

ANOTHER_EDUCATOR = but(EDUCATOR, actor=id_of("worker/another-educator"))


def sheet(*cells: DayGiven, correct: bool = False, why: ReasonGiven | None = None) -> RecordAttendance:
    """Amina's row of the week."""
    return but(RECORD_ATTENDANCE, rows=[AttendanceRow(AMINA, list(cells))], correct=correct, why=why)


def cell(day: date, status: str = "present", minutes: int | None = None) -> DayGiven:
    """One cell of a sheet."""
    return DayGiven(day, status, minutes)


def recorded(outcome: Outcome) -> AttendanceRecorded:
    (event,) = outcome.accepted().events()
    assert isinstance(event, AttendanceRecorded)
    return event


def minutes_attended(outcome: Outcome) -> int:
    minutes: int = outcome.state("learner", AMINA).training.minutes_attended(ENROLMENT)
    return minutes


# ── the sheet ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "given_minutes", "minutes"),
    [("present", None, 180), ("late", None, 180), ("late", 150, 150), ("absent", None, 0), ("absent", 90, 0)],
)
def test_present_and_late_count_what_the_sheet_says_else_the_session(
    status: str, given_minutes: int | None, minutes: int
) -> None:
    outcome = given(*SEATED).when(sheet(cell(MONDAY, status, given_minutes)), by=EDUCATOR)
    assert recorded(outcome).days == [DayMark(MONDAY, status, minutes)]


def test_the_same_sheet_again_changes_nothing() -> None:
    given(*ATTENDING).when(RECORD_ATTENDANCE, by=EDUCATOR).nothing()
    given(*ATTENDING).when(RECORD_ATTENDANCE, by=EDUCATOR, today=date(2026, 6, 1)).nothing()


def test_cells_for_other_days_join_the_week() -> None:
    sessions = but(SESSIONS_HELD, sessions=[*SESSIONS_HELD.sessions, HeldSession(THURSDAY, "workshop", 60)])
    outcome = given(*ATTENDING, (WORKSHOP, sessions)).when(sheet(cell(THURSDAY)), by=EDUCATOR, today=THURSDAY)
    event = recorded(outcome)
    assert event.days == [*ATTENDANCE_RECORDED.days, DayMark(THURSDAY, "present", 60)]
    assert event.replaces == 8


def test_a_sheet_is_checked_cell_by_cell_all_at_once() -> None:
    rows = [
        AttendanceRow(
            AMINA, [cell(MONDAY, "asleep"), cell(MONDAY), cell(date(2025, 10, 13)), cell(TUESDAY, minutes=-5)]
        ),
        AttendanceRow(AMINA, []),
    ]
    command = but(RECORD_ATTENDANCE, week=TUESDAY, component="lunch", rows=rows)
    given(*SEATED).when(command, by=EDUCATOR, today=date(2025, 10, 13)).refused(
        NotAMonday(pointer="/week", week="2025-10-07", monday="2025-10-06"),
        UnknownCode(pointer="/component", list="component", value="lunch"),
        SameLearnerTwice(pointer="/rows", learner=AMINA),
        SameDayTwice(pointer="/rows/0/days", day="2025-10-06"),
        OutsideWeek,
        UnknownCode,
        OutsideWeek,
        OutsideWeek,
        OutsideWeek,
        BadTime(pointer="/rows/0/days/3/minutes", value=-5, what="minutes"),
        SheetEmpty(pointer="/rows/1/days"),
    )


def test_a_sheet_without_rows_is_refused() -> None:
    given(*SEATED).when(but(RECORD_ATTENDANCE, rows=[]), by=EDUCATOR, today=TUESDAY).refused(
        SheetEmpty(pointer="/rows")
    )


@pytest.mark.parametrize("minutes", [-1, 721])
def test_a_presence_lasts_no_longer_than_twelve_hours(minutes: int) -> None:
    given(*SEATED).when(sheet(cell(MONDAY, minutes=minutes)), by=EDUCATOR).refused(BadTime)


def test_who_never_sat_in_the_group_has_no_row() -> None:
    given(*ENROLLED).when(RECORD_ATTENDANCE, by=EDUCATOR).refused(NotInGroup(pointer="/rows/0/learner", learner=AMINA))


def test_a_sheet_that_arrives_after_the_learner_left_is_the_old_enrolments() -> None:
    late = but(RECORD_ATTENDANCE, week=date(2026, 6, 1), rows=[AttendanceRow(AMINA, [cell(date(2026, 6, 1))])])
    event = recorded(given(*LEFT).when(late, by=EDUCATOR))
    assert event.enrolment == ENROLMENT


def test_one_refused_row_keeps_every_row_out() -> None:
    stranger = id_of("learner/stranger")
    identified = next(event for stream, event in SEATED if stream == AMINA)
    command = but(RECORD_ATTENDANCE, rows=[*RECORD_ATTENDANCE.rows, AttendanceRow(stranger, [cell(MONDAY)])])
    given(*SEATED, (stranger, identified)).when(command, by=EDUCATOR, today=TUESDAY).refused(
        NotInGroup(pointer="/rows/1/learner", learner=stranger)
    )


# ── rule 14: flagged, not refused ────────────────────────────────────────────────────────────────────────────────────


def test_a_day_without_a_held_session_is_recorded_and_flagged() -> None:
    outcome = given(*SEATED).when(sheet(cell(MONDAY), cell(WEDNESDAY, minutes=60)), by=EDUCATOR)
    outcome.then((AMINA, FLAGGED_ATTENDANCE))
    assert minutes_attended(outcome) == 180


def test_a_session_of_another_component_is_not_a_session_of_this_one() -> None:
    command = but(sheet(cell(MONDAY)), component="class")
    assert recorded(given(*SEATED).when(command, by=EDUCATOR)).flags == [FlaggedDay(MONDAY, "without-held-session")]


def test_a_day_in_the_future_is_flagged_and_the_act_is_of_today() -> None:
    outcome = given(*SEATED).when(sheet(cell(MONDAY), cell(THURSDAY)), by=EDUCATOR, today=TUESDAY)
    event = recorded(outcome)
    assert event.flags == [FlaggedDay(THURSDAY, "in-future")]
    assert event.on == TUESDAY


def test_a_closed_day_is_flagged() -> None:
    closed = parameter("closed_days", "2025-10-05, 2025-10-06")
    outcome = given(*SEATED, closed).when(sheet(cell(MONDAY), cell(TUESDAY)), by=EDUCATOR)
    assert recorded(outcome).flags == [FlaggedDay(MONDAY, "on-closed-day")]


@pytest.mark.parametrize(("finding", "minutes"), [("explained", 240), ("confirmed", 180), ("dismissed", 180)])
def test_a_flagged_day_counts_once_it_was_explained(finding: str, minutes: int) -> None:
    outcome = given(*FLAGGED).when(but(SETTLE_FLAG, finding=finding), by=COORDINATOR).accepted()
    assert minutes_attended(outcome) == minutes
    assert outcome.state("learner", AMINA).review.open == frozenset()


def test_explaining_one_flag_does_not_make_days_of_another_count() -> None:
    held = but(SESSIONS_HELD, on=THURSDAY, sessions=[HeldSession(THURSDAY, "workshop", 100)])
    two = sheet(cell(MONDAY, minutes=50), cell(THURSDAY))
    flagged = given(*SEATED, (WORKSHOP, held), parameter("closed_days", "2025-10-09")).when(two, by=EDUCATOR)
    settled = flagged.accepted().when(but(SETTLE_FLAG, day=MONDAY), by=COORDINATOR).accepted()
    assert minutes_attended(settled) == 50
    both = settled.when(but(SETTLE_FLAG, code="on-closed-day", day=THURSDAY), by=COORDINATOR).accepted()
    assert minutes_attended(both) == 150


def test_a_flag_is_settled_once_and_the_same_finding_again_changes_nothing() -> None:
    settled = given(*FLAGGED).when(SETTLE_FLAG, by=COORDINATOR).accepted()
    settled.when(SETTLE_FLAG, by=COORDINATOR).nothing()
    settled.when(but(SETTLE_FLAG, finding="confirmed"), by=COORDINATOR).refused(NoSuchFlag(pointer="/code", open=[]))


def test_an_unknown_flag_is_refused_with_the_open_ones() -> None:
    command = but(SETTLE_FLAG, code="in-future", finding="shrug")
    given(*FLAGGED).when(command, by=COORDINATOR).refused(
        UnknownCode(pointer="/finding", list="flag_finding", value="shrug"),
        NoSuchFlag(pointer="/code", open=["8:without-held-session:2025-10-08"]),
    )


def test_a_days_flag_is_settled_by_its_day_and_for_a_reason() -> None:
    undated = SettleFlag(learner=AMINA, version=8, code="without-held-session", finding="explained")
    given(*FLAGGED).when(undated, by=COORDINATOR).refused(
        NoSuchFlag(pointer="/day", open=["8:without-held-session:2025-10-08"]), ReasonNeeded(pointer="/why", days=30)
    )
    given(*FLAGGED).when(SETTLE_FLAG, by=COORDINATOR).then((AMINA, FLAG_SETTLED))


def test_of_two_days_with_one_flag_each_is_settled_alone() -> None:
    both = given(*SEATED).when(sheet(cell(WEDNESDAY, minutes=60), cell(THURSDAY, minutes=90)), by=EDUCATOR).accepted()
    one = both.when(but(SETTLE_FLAG, on=THURSDAY, day=THURSDAY), by=COORDINATOR).accepted()
    assert minutes_attended(one) == 90
    assert one.state("learner", AMINA).review.open == {(8, "without-held-session", WEDNESDAY)}


def test_the_flags_of_a_week_go_with_it_when_it_is_replaced_or_taken_back() -> None:
    corrected = given(*FLAGGED).when(sheet(cell(WEDNESDAY, "absent"), correct=True), by=EDUCATOR)
    assert corrected.accepted().state("learner", AMINA).review.open == {(9, "without-held-session", WEDNESDAY)}
    back = given(*FLAGGED).when(WITHDRAW_FACT, by=COORDINATOR).accepted()
    assert back.state("learner", AMINA).review.open == frozenset()
    assert minutes_attended(back) == 0


def test_a_length_beyond_the_session_is_recorded_and_flagged() -> None:
    outcome = given(*SEATED).when(sheet(cell(MONDAY, minutes=181), cell(TUESDAY, minutes=120)), by=EDUCATOR)
    assert recorded(outcome).flags == [FlaggedDay(MONDAY, "longer-than-held")]
    assert minutes_attended(outcome) == 120


def test_a_day_outside_the_enrolment_is_recorded_and_flagged() -> None:
    late_start = tuple(
        (stream, but(event, starts_on=TUESDAY) if isinstance(event, LearnerEnrolled) else event)
        for stream, event in SEATED
    )
    outcome = given(*late_start).when(sheet(cell(MONDAY), cell(TUESDAY)), by=EDUCATOR)
    assert recorded(outcome).flags == [FlaggedDay(MONDAY, "outside-enrolment")]
    left = given(*ATTENDING).when(but(END_ENROLMENT, ended_on=WEDNESDAY), by=CASEWORKER).accepted()
    after = left.when(sheet(cell(THURSDAY, minutes=60)), by=EDUCATOR, today=THURSDAY)
    assert recorded(after).flags == [
        FlaggedDay(THURSDAY, "without-held-session"),
        FlaggedDay(THURSDAY, "outside-enrolment"),
    ]


def test_a_day_with_two_flags_counts_once_both_are_explained() -> None:
    closed = parameter("closed_days", "2025-10-06")
    flagged = given(*SEATED, closed).when(sheet(cell(MONDAY, minutes=200)), by=EDUCATOR).accepted()
    one = flagged.when(but(SETTLE_FLAG, code="on-closed-day", day=MONDAY), by=COORDINATOR).accepted()
    assert minutes_attended(one) == 0
    both = one.when(but(SETTLE_FLAG, code="longer-than-held", day=MONDAY), by=COORDINATOR).accepted()
    assert minutes_attended(both) == 200


def test_what_was_found_of_a_day_stands_while_its_cell_does() -> None:
    settled = given(*FLAGGED).when(SETTLE_FLAG, by=COORDINATOR).accepted()
    more = settled.when(sheet(cell(THURSDAY, minutes=30)), by=EDUCATOR, today=date(2025, 10, 14)).accepted()
    learner = more.state("learner", AMINA)
    assert learner.review.open == {(10, "without-held-session", THURSDAY)}
    assert learner.review.settled[(10, "without-held-session", WEDNESDAY)] == "explained"
    assert minutes_attended(more) == 240
    corrected = more.when(
        sheet(cell(WEDNESDAY, minutes=50), correct=True, why=REREAD), by=EDUCATOR, today=date(2025, 10, 14)
    )
    assert minutes_attended(corrected.accepted()) == 180
    assert (11, "without-held-session", WEDNESDAY) in corrected.state("learner", AMINA).review.open


def test_who_typed_the_sheet_does_not_settle_its_flags() -> None:
    own = but(COORDINATOR, actor=EDUCATOR.actor)
    given(*FLAGGED).when(SETTLE_FLAG, by=own).refused(SettledByRecorder(pointer="/version"))


def test_a_day_of_a_locked_month_is_not_settled() -> None:
    late = but(SETTLE_FLAG, on=date(2025, 11, 6))
    given(*FLAGGED, (WORKSHOP, ATTENDANCE_LOCKED)).when(late, by=COORDINATOR).refused(
        MonthLocked(pointer="/day", month="2025-10-01")
    )


# ── a day whose length is not known yet ──────────────────────────────────────────────────────────────────────────────

HELD_LATER = but(SESSIONS_HELD, sessions=[*SESSIONS_HELD.sessions, HeldSession(WEDNESDAY, "workshop", 90)], replaces=3)


def test_presence_before_its_session_has_no_length_and_counts_nothing() -> None:
    early = given(*SEATED).when(sheet(cell(WEDNESDAY)), by=EDUCATOR)
    event = recorded(early)
    assert event.days == [DayMark(WEDNESDAY, "present", None)]
    assert event.flags == [FlaggedDay(WEDNESDAY, "without-held-session")]
    explained = early.when(but(SETTLE_FLAG, on=WEDNESDAY), by=COORDINATOR).accepted()
    assert minutes_attended(explained) == 0


@pytest.mark.parametrize(("sent", "minutes"), [(None, 90), (45, 45)])
def test_the_cell_typed_again_once_the_session_is_held_is_filled_in(sent: int | None, minutes: int) -> None:
    early = given(*SEATED).when(sheet(cell(WEDNESDAY)), by=EDUCATOR).accepted()
    early.when(sheet(cell(WEDNESDAY)), by=EDUCATOR, today=THURSDAY).nothing()
    held = but(RECORD_SESSIONS, on=THURSDAY, sessions=HELD_LATER.sessions)
    after = early.when(held, by=EDUCATOR).accepted()
    filled = after.when(sheet(cell(WEDNESDAY, minutes=sent)), by=EDUCATOR, today=THURSDAY)
    event = recorded(filled)
    assert (event.days, event.flags, event.replaces) == ([DayMark(WEDNESDAY, "present", minutes)], [], 8)
    assert minutes_attended(filled) == minutes
    assert filled.state("learner", AMINA).review.open == frozenset()


def test_another_status_is_no_filling_in() -> None:
    early = given(*SEATED).when(sheet(cell(WEDNESDAY)), by=EDUCATOR).accepted()
    early.when(sheet(cell(WEDNESDAY, "absent")), by=EDUCATOR).refused(
        AttendanceDiffers(
            pointer="/rows/0/days/0", learner=AMINA, day=str(WEDNESDAY), stored="present", sent="absent 0"
        )
    )


def test_a_length_on_the_sheet_is_no_session_and_stays_as_it_is() -> None:
    early = given(*SEATED).when(sheet(cell(WEDNESDAY, minutes=60)), by=EDUCATOR).accepted()
    after = early.when(but(RECORD_SESSIONS, on=THURSDAY, sessions=HELD_LATER.sessions), by=EDUCATOR).accepted()
    after.when(sheet(cell(WEDNESDAY)), by=EDUCATOR, today=THURSDAY).nothing()


def test_a_weeks_sessions_name_the_list_they_replace() -> None:
    longer = but(RECORD_SESSIONS, on=THURSDAY, sessions=HELD_LATER.sessions)
    first = given(*SEATED).when(longer, by=EDUCATOR)
    first.then((WORKSHOP, but(SESSIONS_HELD, on=THURSDAY, sessions=HELD_LATER.sessions, replaces=3)))
    again = first.when(but(longer, sessions=[], correct=True), by=EDUCATOR)
    again.then((WORKSHOP, but(SESSIONS_HELD, on=THURSDAY, sessions=[], replaces=4)))


def test_a_session_starts_within_the_day() -> None:
    held = [HeldSession(MONDAY, "workshop", 60, starts=starts) for starts in (0, 1439, 1440, -1)]
    given(*SEATED).when(but(RECORD_SESSIONS, sessions=held, correct=True), by=EDUCATOR).refused(
        BadTime(pointer="/sessions/2/starts", value=1440, what="starts"),
        BadTime(pointer="/sessions/3/starts", value=-1, what="starts"),
    )


# ── rule 15: corrections ─────────────────────────────────────────────────────────────────────────────────────────────

DIFFERS = AttendanceDiffers(
    pointer="/rows/0/days/0", learner=AMINA, day="2025-10-06", stored="present 180", sent="absent 0"
)


def test_another_cell_is_refused_with_both_values() -> None:
    given(*ATTENDING).when(sheet(cell(MONDAY, "absent")), by=EDUCATOR, today=ENTERED).refused(DIFFERS)


def test_a_correction_on_the_first_day_needs_no_reason() -> None:
    outcome = given(*ATTENDING).when(sheet(cell(MONDAY, "absent"), correct=True), by=EDUCATOR, today=ENTERED)
    event = recorded(outcome)
    assert event.days == [DayMark(MONDAY, "absent", 0), DayMark(TUESDAY, "absent", 0)]
    assert event.replaces == 8


def test_a_correction_after_the_first_day_needs_one() -> None:
    correction = sheet(cell(MONDAY, "absent"), correct=True)
    given(*ATTENDING).when(correction, by=EDUCATOR, today=WEDNESDAY).refused(ReasonNeeded(pointer="/why", days=1))
    outcome = given(*ATTENDING).when(but(correction, why=REREAD), by=EDUCATOR, today=WEDNESDAY)
    assert recorded(outcome).why == Why("sheet_reread")


def test_the_first_day_is_that_of_the_cell_not_of_the_last_change() -> None:
    added = given(*SEATED).when(sheet(cell(MONDAY)), by=EDUCATOR, today=MONDAY).accepted()
    later = added.when(sheet(cell(TUESDAY, "absent")), by=EDUCATOR, today=WEDNESDAY).accepted()
    later.when(sheet(cell(MONDAY, "absent"), correct=True), by=EDUCATOR, today=WEDNESDAY).refused(ReasonNeeded)
    later.when(sheet(cell(TUESDAY, "late"), correct=True), by=EDUCATOR, today=WEDNESDAY).accepted()


def test_a_cell_added_later_is_no_correction() -> None:
    recorded(given(*ATTENDING).when(sheet(cell(WEDNESDAY, "absent")), by=EDUCATOR, today=THURSDAY))


def test_a_sheet_sent_again_after_its_session_changed_is_the_same_sheet() -> None:
    longer = but(SESSIONS_HELD, sessions=[HeldSession(MONDAY, "workshop", 200), HeldSession(TUESDAY, "workshop", 120)])
    given(*ATTENDING, (WORKSHOP, longer)).when(RECORD_ATTENDANCE, by=EDUCATOR).nothing()
    corrected = given(*ATTENDING, (WORKSHOP, longer)).when(but(RECORD_ATTENDANCE, correct=True), by=EDUCATOR)
    assert recorded(corrected).days[0] == DayMark(MONDAY, "present", 200)


def test_after_the_lock_nothing_of_the_month_changes() -> None:
    correction = sheet(cell(MONDAY, "absent"), correct=True, why=REREAD)
    given(*LOCKED).when(correction, by=EDUCATOR).refused(MONTH_LOCKED)
    given(*LOCKED).when(sheet(cell(WEDNESDAY), why=REREAD), by=EDUCATOR).refused(MONTH_LOCKED)
    given(*LOCKED).when(but(RECORD_ATTENDANCE, why=REREAD), by=EDUCATOR).nothing()


def test_a_locked_week_is_not_withdrawn_either() -> None:
    withdraw = WithdrawFact(learner=AMINA, version=8, why=ReasonGiven("entry_error"))
    given(*LOCKED).when(withdraw, by=COORDINATOR).refused(MonthLocked(pointer="/version", month="2025-10-01"))
    given(*ATTENDING).when(withdraw, by=COORDINATOR).accepted()


def test_a_withdrawal_that_races_with_the_lock_is_decided_again() -> None:
    scenario = given(*ATTENDING)

    def lock_first() -> None:
        scenario.streams.before_append = None
        scenario.casebook.execute(LOCK_ATTENDANCE, COORDINATOR)

    scenario.today = ATTENDANCE_LOCKED.on
    scenario.streams.before_append = lock_first
    withdraw = WithdrawFact(learner=AMINA, version=8, why=ReasonGiven("entry_error"))
    with pytest.raises(Refused, match="month-locked"):
        scenario.casebook.execute(withdraw, COORDINATOR)
    assert scenario.streams.log[-1].event == ATTENDANCE_LOCKED


STRADDLING = date(2025, 9, 29)  # Monday to Friday, 29 September to 3 October
OCTOBER_2 = date(2025, 10, 2)
SEPTEMBER_30 = date(2025, 9, 30)
STRADDLING_SESSIONS = but(
    SESSIONS_HELD,
    on=OCTOBER_2,
    week=STRADDLING,
    sessions=[HeldSession(SEPTEMBER_30, "workshop", 60), HeldSession(OCTOBER_2, "workshop", 90)],
)
SEPTEMBER_LOCKED = (
    *SEATED,
    (WORKSHOP, STRADDLING_SESSIONS),
    (WORKSHOP, but(ATTENDANCE_LOCKED, on=date(2025, 10, 5), month=date(2025, 9, 1))),
)


def straddling(*cells: DayGiven) -> RecordAttendance:
    return but(RECORD_ATTENDANCE, week=STRADDLING, rows=[AttendanceRow(AMINA, list(cells))])


def test_in_a_week_over_two_months_only_days_of_the_locked_one_are_refused() -> None:
    recorded(given(*SEPTEMBER_LOCKED).when(straddling(cell(OCTOBER_2)), by=EDUCATOR))
    given(*SEPTEMBER_LOCKED).when(straddling(cell(SEPTEMBER_30), cell(OCTOBER_2)), by=EDUCATOR).refused(
        MonthLocked(pointer="/rows/0", month="2025-09-01")
    )


def test_sessions_of_the_open_month_change_while_those_of_the_locked_one_stand() -> None:
    held = STRADDLING_SESSIONS.sessions
    changed_day = [held[0], but(held[1], minutes=120)]
    open_day = RecordSessions(group=WORKSHOP, week=STRADDLING, sessions=changed_day, correct=True)
    given(*SEPTEMBER_LOCKED).when(open_day, by=EDUCATOR).accepted()
    locked = MonthLocked(pointer="/sessions/0/date", month="2025-09-01")
    changed = but(open_day, sessions=[but(held[0], minutes=61), held[1]])
    given(*SEPTEMBER_LOCKED).when(changed, by=EDUCATOR).refused(locked)
    given(*SEPTEMBER_LOCKED).when(but(open_day, sessions=[held[0], *held]), by=EDUCATOR).refused(
        but(locked, pointer="/sessions/1/date")
    )
    given(*SEPTEMBER_LOCKED).when(but(open_day, sessions=held[1:]), by=EDUCATOR).refused(but(locked, pointer="/week"))


# ── sessions, timetable, lock ────────────────────────────────────────────────────────────────────────────────────────


def test_another_list_takes_no_stored_session_away_unless_it_is_a_correction() -> None:
    """Two people type the same week: the second adds, and sees what the first one has."""
    other = but(RECORD_SESSIONS, sessions=[HeldSession(WEDNESDAY, "workshop", 90)])
    stored = [f"{held.date} {held.component} {held.minutes}" for held in SESSIONS_HELD.sessions]
    given(*SEATED).when(other, by=EDUCATOR).refused(
        SessionsDiffer(pointer="/sessions", week=str(SESSIONS_HELD.week), stored=stored)
    )
    both = but(other, sessions=[*SESSIONS_HELD.sessions, *other.sessions])
    given(*SEATED).when(both, by=EDUCATOR).accepted()
    given(*SEATED).when(but(other, correct=True), by=EDUCATOR).accepted()


@pytest.mark.parametrize(("by", "may"), [(EDUCATOR, True), (COORDINATOR, True), (ANOTHER_EDUCATOR, False)])
def test_a_sheet_is_corrected_by_its_author_or_the_coordinator(by: By, may: bool) -> None:
    """Rule 15."""
    row = AttendanceRow(AMINA, [DayGiven(MONDAY, "absent")])
    correction = but(RECORD_ATTENDANCE, rows=[row], correct=True, why=ReasonGiven("sheet_reread"))
    outcome = given(*ATTENDING).when(correction, by=by)
    if may:
        outcome.accepted()
    else:
        outcome.refused(NotYoursToCorrect(pointer="/rows/0/learner", learner=AMINA))


def test_the_same_sessions_again_change_nothing() -> None:
    given(*SEATED).when(RECORD_SESSIONS, by=EDUCATOR).nothing()


def test_a_session_lies_in_its_week_in_the_past_and_has_a_length() -> None:
    sessions = [HeldSession(date(2025, 10, 20), "lunch", 0)]
    given(*WORLD).when(but(RECORD_SESSIONS, sessions=sessions), by=EDUCATOR, today=WEDNESDAY).refused(
        OutsideWeek(pointer="/sessions/0/date", day="2025-10-20", week="2025-10-06"),
        BadTime(pointer="/sessions/0/minutes", value=0, what="minutes"),
        UnknownCode(pointer="/sessions/0/component", list="component", value="lunch"),
        OccurredInFuture(pointer="/sessions/0/date", on="2025-10-20", today="2025-10-08"),
    )


def test_a_timetable_has_real_weekdays_and_times() -> None:
    slots = [Slot(8, 1440, 721, "lunch")]
    command = SetTimetable(group=WORKSHOP, slots=slots, starts_on=OCTOBER)
    given(*WORLD).when(command, by=COORDINATOR).refused(BadTime, BadTime, BadTime, UnknownCode)


def test_a_month_is_locked_once_it_is_over() -> None:
    early = but(LOCK_ATTENDANCE, on=date(2025, 10, 31))
    given(*SEATED).when(early, by=COORDINATOR).refused(
        MonthNotOver(pointer="/month", month="2025-10-01", over_on="2025-11-01")
    )
    given(*SEATED).when(but(LOCK_ATTENDANCE, on=date(2025, 11, 1)), by=COORDINATOR).accepted()


@pytest.mark.parametrize(("month", "over_on"), [(date(2025, 12, 1), "2026-01-01"), (date(2026, 2, 1), "2026-03-01")])
def test_december_and_february_end_where_they_end(month: date, over_on: str) -> None:
    given(*SEATED).when(but(LOCK_ATTENDANCE, month=month), by=COORDINATOR).refused(
        MonthNotOver(pointer="/month", month=str(month), over_on=over_on)
    )


def test_the_last_month_a_date_can_name_is_refused_like_any_other() -> None:
    given(*SEATED).when(but(LOCK_ATTENDANCE, month=date(9999, 12, 1)), by=COORDINATOR).refused(MonthNotOver)


def test_a_month_is_named_by_its_first_day_and_locked_once() -> None:
    given(*SEATED).when(but(LOCK_ATTENDANCE, month=date(2025, 10, 2)), by=COORDINATOR).refused(
        NotAFirstDay(pointer="/month", month="2025-10-02", first="2025-10-01")
    )
    given(*LOCKED).when(LOCK_ATTENDANCE, by=COORDINATOR).nothing()


# ── what counts, competences, taking back ────────────────────────────────────────────────────────────────────────────


def test_hours_attended_and_held_are_counted_when_the_enrolment_ends() -> None:
    ended = given(*FLAGGED).when(END_ENROLMENT, by=CASEWORKER).accepted().events()[0]
    assert (ended.minutes_attended, ended.minutes_held) == (180, 300)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", ["", "M 1", "Amina B.", "-1", "M" * 41, "م1"])
def test_a_module_is_named_by_a_code(module: str) -> None:
    given(*ATTENDING).when(but(ASSESS_COMPETENCE, module=module), by=EDUCATOR).refused(NotACode(pointer="/module"))


def test_a_second_assessment_of_a_module_names_the_first() -> None:
    first = given(*ATTENDING).when(ASSESS_COMPETENCE, by=EDUCATOR)
    first.then((AMINA, COMPETENCE_ASSESSED))
    first.when(ASSESS_COMPETENCE, by=EDUCATOR).then((AMINA, but(COMPETENCE_ASSESSED, replaces=9)))
    first.when(but(ASSESS_COMPETENCE, module="M2"), by=EDUCATOR).then((AMINA, but(COMPETENCE_ASSESSED, module="M2")))


def test_hours_before_the_enrolment_starts_are_not_hours_held() -> None:
    late_start = tuple(
        (stream, but(event, starts_on=TUESDAY) if isinstance(event, LearnerEnrolled) else event)
        for stream, event in ATTENDING
    )
    ended = given(*late_start).when(END_ENROLMENT, by=CASEWORKER).accepted().events()[0]
    assert ended.minutes_held == 120  # type: ignore[attr-defined]  # an EnrolmentEnded


def test_a_competence_has_a_known_result_and_an_active_enrolment() -> None:
    command = AssessCompetence(learner=AMINA, enrolment=UUID(int=1), module="M1", result="perfect")
    refusals = [type(each).__name__ for each in given(*ATTENDING).when(command, by=EDUCATOR).broken]
    assert refusals == ["UnknownCode", "NoSuchEnrolment"]


def test_only_the_week_in_force_is_withdrawable() -> None:
    corrected = given(*ATTENDING).when(sheet(cell(MONDAY, "absent"), correct=True), by=EDUCATOR, today=ENTERED)
    old = corrected.accepted().when(WITHDRAW_FACT, by=COORDINATOR)
    old.refused(NotWithdrawable)
    assert WEEK in {key[2] for key in corrected.state("learner", AMINA).training.weeks}

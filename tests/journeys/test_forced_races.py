"""Rules that span streams, raced: the other act is stored between the load and the append of the first, every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.casebook import Append, Appended, Casebook, Claim, CommandRow, NewEvent, Stream, Streams
from domain.errors import Refused, RuleBroken
from domain.event import By, Event
from domain.group import AttendanceLocked, Group, GroupIsFull, GroupOpened, LockAttendance, MonthLocked, SeatTaken
from domain.kind import Command
from domain.learner.admission import GroupJoined, JoinGroup, LearnerEnrolled, Profile
from domain.learner.identification import Identity, LearnerIdentified, PersonName, Referral
from domain.learner.state import Learner
from domain.learner.training import AttendanceRow, DayGiven, RecordAttendance
from domain.sealed import clear
from runtime.keyring import Keyring
from runtime.store import EventLog

RACES = 200
NOW = datetime(2026, 2, 5, 9, tzinfo=UTC)
MONDAY = date(2026, 1, 12)
BY = By(actor=UUID(int=1), role="coordinator", org=UUID(int=2), src="api")
CENTRE = UUID(int=3)


class Interrupted:
    """The store, with an act of someone else stored just before the next append; that act once, then none."""

    def __init__(self, streams: Streams, *, is_guarded: bool) -> None:
        self._streams, self._is_guarded = streams, is_guarded
        self.before_append: Callable[[], object] | None = None

    def append(self, append: Append) -> Appended:
        if self.before_append is not None:
            act, self.before_append = self.before_append, None
            act()
        return self._streams.append(append if self._is_guarded else self._unguarded(append))

    def _unguarded(self, append: Append) -> Append:
        """The same events, put at the end of their streams whatever happened since they were decided."""
        versions = {each: self._streams.load([each])[each].version for each in {new.stream for new in append.events}}
        events = []
        for new in append.events:
            versions[new.stream] += 1
            events.append(NewEvent(new.stream, versions[new.stream], new.event))
        return msgspec.structs.replace(append, events=tuple(events), guards=())

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        return self._streams.load(ids, upto)

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        return self._streams.find_command(subject, command_id)

    def find_claim(self, claim: Claim) -> UUID | None:
        return self._streams.find_claim(claim)

    def digest(self, kind: str, value: str) -> Claim:
        return self._streams.digest(kind, value)


class Race:
    """One group with one seat, two enrolled learners, and two casebooks: ours is interrupted, theirs is not."""

    def __init__(self, log: EventLog, keyring: Keyring, *, is_guarded: bool) -> None:
        self.log = log
        self.interrupted = Interrupted(log, is_guarded=is_guarded)
        self.ours = Casebook(self.interrupted, keyring, now=lambda: NOW, nonce=uuid4)
        self.theirs = Casebook(log, keyring, now=lambda: NOW, nonce=uuid4)
        self.group, self.learners, self.enrolments = uuid4(), [uuid4(), uuid4()], [uuid4(), uuid4()]

    def given(self, *, seated: bool) -> None:
        streams: dict[UUID, list[Event]] = {self.group: [opened()]}
        for learner, enrolment in zip(self.learners, self.enrolments, strict=True):
            streams[learner] = [identified(), enrolled(enrolment)]
        if seated:
            enrolment, learner = self.enrolments[0], self.learners[0]
            streams[self.group].append(SeatTaken(on=MONDAY, by=BY, enrolment=enrolment, learner=learner))
            streams[learner].append(GroupJoined(on=MONDAY, by=BY, enrolment=enrolment, group=self.group))
        new = [NewEvent(key, at, each) for key, events in streams.items() for at, each in enumerate(events, 1)]
        self.log.append(Append(tuple(new)))

    def slips(self, ours: Command, theirs: Command, refusal: type[RuleBroken]) -> bool:
        """Whether our act was stored although theirs, stored in between, forbids it."""
        self.interrupted.before_append = lambda: self.theirs.execute(theirs, BY)
        try:
            self.ours.execute(ours, BY)
        except Refused as refused:
            assert [type(each) for each in refused.broken] == [refusal]  # noqa: PT017  # both ends are judged
            return False
        return True


def opened() -> GroupOpened:
    return GroupOpened(
        on=MONDAY, by=BY, centre=CENTRE, season=2025, group_kind="class", level=None, trade=None, programme=None,
        session_type="regular", capacity=1, educator=None, place=None,
    )  # fmt: skip


def identified() -> LearnerIdentified:
    identity = Identity(names=[PersonName("سلمى", "المثال", "arabic")], sex="f")
    return LearnerIdentified(
        on=MONDAY, by=BY, file_number=f"2025-CAS-{uuid4().int % 10**6:06d}-X", season=2025, province="CAS",
        referral=clear(Referral("family")), identity=clear(identity),
    )  # fmt: skip


def enrolled(enrolment: UUID) -> LearnerEnrolled:
    profile = Profile("f", 15, "CAS", "urban", "3AC", "dropped_out", "new")
    return LearnerEnrolled(
        on=MONDAY, by=BY, enrolment=enrolment, season=2025, centre=CENTRE, convention=UUID(int=4), level="level_1",
        trade=None, session_type="regular", starts_on=MONDAY, without=[], age_low=None, age_high=None,
        age_min=13, age_max=20, reference_date=date(2025, 12, 31), assessment=None, derogation=None, profile=profile,
        flags=[],
    )  # fmt: skip


def races(log: EventLog, keyring: Keyring, *, is_guarded: bool, seated: bool) -> list[Race]:
    made = [Race(log, keyring, is_guarded=is_guarded) for _ in range(RACES)]
    for race in made:
        race.given(seated=seated)
    return made


@pytest.mark.parametrize(("is_guarded", "slipped"), [(True, 0), (False, RACES)], ids=["guarded", "guard-removed"])
def test_attendance_never_slips_past_the_lock(
    event_log: EventLog, keyring: Keyring, is_guarded: bool, slipped: int
) -> None:
    """Rule 15: the group is read, not written; only the guard holds it still. Without it, every race slips."""
    made = races(event_log, keyring, is_guarded=is_guarded, seated=True)
    slips = 0
    for race in made:
        row = AttendanceRow(race.learners[0], [DayGiven(MONDAY, "present", 60)])
        ours = RecordAttendance(group=race.group, week=MONDAY, component="class", rows=[row])
        slips += race.slips(ours, LockAttendance(group=race.group, month=date(2026, 1, 1)), MonthLocked)
        learner: Learner = race.theirs.load("learner", race.learners[0]).state
        assert bool(learner.training.weeks) != is_guarded
        assert isinstance(event_log.load([race.group])[race.group].events[-1], AttendanceLocked)
    assert slips == slipped


@pytest.mark.parametrize(("is_guarded", "slipped"), [(True, 0), (False, RACES)], ids=["guarded", "guard-removed"])
def test_a_seat_above_capacity_never_slips(
    event_log: EventLog, keyring: Keyring, is_guarded: bool, slipped: int
) -> None:
    """Rule 11: the group's own version is the guard. Appended at whatever version comes next, every race slips."""
    made = races(event_log, keyring, is_guarded=is_guarded, seated=False)
    slips = 0
    for race in made:
        acts = [
            JoinGroup(learner=learner, enrolment=enrolment, group=race.group)
            for learner, enrolment in zip(race.learners, race.enrolments, strict=True)
        ]
        slips += race.slips(acts[0], acts[1], GroupIsFull)
        group: Group = race.theirs.load("group", race.group).state
        assert len(group.seats) == (1 if is_guarded else 2)
    assert slips == slipped

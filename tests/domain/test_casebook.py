"""The casebook: guards, races, retries of a command, If-Match, streams of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.casebook import Casebook, CommandKey, Consulted, unknown_streams
from domain.errors import (
    CommandKnown,
    Conflict,
    FamilyClosed,
    KeysDestroyed,
    NotAllowedNow,
    OtherBody,
    ReasonTextMisplaced,
    Refused,
    StaleVersion,
    TooMuchAtOnce,
    UnknownStream,
)
from domain.event import ReasonText, Why
from domain.group import GroupIsFull
from domain.kind import Command, ReasonGiven
from domain.learner.identification import VerifyIdentity
from domain.learner.training import AttendanceRow
from domain.parameter import NATIONAL
from domain.sealed import clear
from tests.examples.commands import (
    ASSESS_COMPETENCE,
    AWARD_DIPLOMAS,
    END_ENROLMENT,
    ENROL,
    IDENTIFY,
    JOIN_GROUP,
    LOCK_ATTENDANCE,
    OPEN_GROUP,
    ORIENT,
    RECORD_ATTENDANCE,
    RECORD_IDENTITY,
    SET_PARAMETER,
)
from tests.examples.path import (
    ADMITTED,
    AMINA,
    ASSESSED,
    ATTENDING,
    CLASS_JOINED,
    ENROLLED,
    GRADUATED,
    IDENTIFIED,
    ORIENTED,
    SEATED,
    VERIFIED,
)
from tests.examples.people import ASSOCIATION, CASEWORKER, COORDINATOR, EDUCATOR, EN_AGENT, MINISTRY, id_of
from tests.examples.places import CENTRE, CLASS, CONVENTION, SESSION, WORKSHOP, WORLD
from tests.scenario import Scenario, given

KEY = CommandKey(CASEWORKER.actor, b"one", b"body")


def races(scenario: Scenario, *others: Callable[[], object]) -> None:
    """Each time the casebook is about to append, another writer gets in first, until none is left."""
    waiting = list(others)

    def before() -> None:
        if waiting:
            scenario.streams.before_append = None
            waiting.pop(0)()
            scenario.streams.before_append = before

    scenario.streams.before_append = before


def writes(scenario: Scenario, command: Any) -> Callable[[], object]:
    """Another writer sends this command."""
    other = Casebook(scenario.streams, scenario.keyring, now=scenario._now, nonce=lambda: UUID(int=99))
    return lambda: other.execute(command, CASEWORKER)


# ── guards: every stream that was read and not written ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("history", "command", "by", "guards"),
    [
        (WORLD, IDENTIFY, CASEWORKER, {NATIONAL: 0}),
        (WORLD[:-2], OPEN_GROUP, COORDINATOR, {NATIONAL: 0, CENTRE: 2}),
        (ORIENTED, ENROL, CASEWORKER, {NATIONAL: 0, CENTRE: 2, CONVENTION: 1}),
        (ENROLLED, JOIN_GROUP, CASEWORKER, {NATIONAL: 0}),
        (SEATED, RECORD_ATTENDANCE, EDUCATOR, {NATIONAL: 0, WORKSHOP: 3}),
        (ADMITTED, AWARD_DIPLOMAS, EN_AGENT, {NATIONAL: 0, SESSION: 5}),
        ((*GRADUATED, (AMINA, CLASS_JOINED)), END_ENROLMENT, CASEWORKER, {NATIONAL: 0, CLASS: 1}),
    ],
    ids=lambda each: type(each).__name__ if hasattr(each, "__struct_fields__") else "",
)
def test_what_was_read_and_not_written_is_guarded(
    history: Any, command: Any, by: Any, guards: Mapping[UUID, int]
) -> None:
    scenario = given(*history)
    scenario.when(command, by=by).accepted()
    assert dict(scenario.streams.appends[-1].guards) == guards


def test_a_stream_that_is_written_is_not_guarded_too() -> None:
    scenario = given(*SEATED)
    scenario.when(RECORD_ATTENDANCE, by=EDUCATOR).accepted()
    written = {new.stream for new in scenario.streams.appends[-1].events}
    assert written.isdisjoint(dict(scenario.streams.appends[-1].guards))


# ── races ────────────────────────────────────────────────────────────────────────────────────────────────────────────

OMAR, OMARS = id_of("learner/omar"), id_of("enrolment/omar-2025")


def test_the_last_seat_goes_to_one_of_two() -> None:
    group = WORLD[-2][1]
    full = tuple((stream, but(event, capacity=1) if event is group else event) for stream, event in ENROLLED)
    learner = [event for stream, event in ENROLLED if stream == AMINA]
    omar = [
        but(learner[0], file_number="2025-CAS-000001-X"),
        but(learner[-1], enrolment=OMARS),
    ]
    scenario = given(*full, *((OMAR, event) for event in omar))
    races(scenario, writes(scenario, but(JOIN_GROUP, on=None, learner=OMAR, enrolment=OMARS)))
    with pytest.raises(Refused) as refused:
        scenario.casebook.execute(but(JOIN_GROUP, on=None), CASEWORKER)
    assert [type(each) for each in refused.value.broken] == [GroupIsFull]


def test_a_conflict_is_decided_again_on_what_is_there_now() -> None:
    scenario = given(*ASSESSED)
    races(scenario, writes(scenario, VerifyIdentity(learner=AMINA, document_type="passport")))
    outcome = scenario.when(ORIENT, by=CASEWORKER).accepted()
    assert outcome.answer.events[0].version == 6


def test_a_guard_that_moved_is_decided_again() -> None:
    scenario = given(*ORIENTED)
    races(scenario, lambda: scenario.casebook.execute(but(SET_PARAMETER, value="19"), MINISTRY))
    outcome = scenario.when(ENROL, by=CASEWORKER).accepted()
    assert dict(scenario.streams.appends[-1].guards)[NATIONAL] == 1
    assert outcome.answer.first_position == len(scenario.streams.log)


def test_three_conflicts_are_the_callers() -> None:
    scenario = given(*ASSESSED)
    another = writes(scenario, VerifyIdentity(learner=AMINA, document_type="passport"))
    races(scenario, another, another, another, another)
    with pytest.raises(StaleVersion):
        scenario.casebook.execute(ORIENT, CASEWORKER)
    assert Casebook.ATTEMPTS == 3


def test_three_guards_that_moved_are_the_callers_too() -> None:
    scenario = given(*ORIENTED)
    scenario.today = date(2025, 10, 1)
    sets = [but(SET_PARAMETER, value=str(value)) for value in (17, 18, 19)]
    races(scenario, *(lambda each=each: scenario.casebook.execute(each, MINISTRY) for each in sets))
    with pytest.raises(Conflict):
        scenario.casebook.execute(ENROL, CASEWORKER)


# ── If-Match ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_version_the_user_saw_must_still_be_the_last() -> None:
    given(*IDENTIFIED).when(RECORD_IDENTITY, by=CASEWORKER, expected_version=1).accepted()
    with pytest.raises(StaleVersion) as stale:
        given(*VERIFIED).when(but(RECORD_IDENTITY, sex="m"), by=CASEWORKER, expected_version=1)
    assert (stale.value.stream, stale.value.expected, stale.value.actual) == (AMINA, 1, 3)


def test_with_if_match_a_race_is_not_decided_again() -> None:
    scenario = given(*IDENTIFIED)
    races(scenario, writes(scenario, VerifyIdentity(learner=AMINA, document_type="passport")))
    with pytest.raises(StaleVersion):
        scenario.when(RECORD_IDENTITY, by=CASEWORKER, expected_version=1)
    assert len(scenario.streams.appends) == 1


# ── the same command again ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_stored_once_for_its_key() -> None:
    scenario = given(*ATTENDING)
    first = scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=KEY).accepted()
    with pytest.raises(CommandKnown) as known:
        scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=KEY)
    assert known.value.args[0].first_position == first.answer.first_position
    assert len(scenario.streams.appends) == 1


def test_the_same_key_with_another_body_is_said() -> None:
    scenario = given(*ATTENDING)
    scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=KEY).accepted()
    with pytest.raises(OtherBody):
        scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=but(KEY, body=b"other"))


def test_another_subjects_key_is_another_command() -> None:
    scenario = given(*ATTENDING)
    scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=KEY).accepted()
    scenario.when(ASSESS_COMPETENCE, by=EDUCATOR, key=but(KEY, subject=UUID(int=5))).accepted()


def test_a_stored_command_is_known_before_anything_else_is_looked_at() -> None:
    scenario = given(*WORLD)
    scenario.when(IDENTIFY, by=CASEWORKER, key=KEY).accepted()
    with pytest.raises(CommandKnown):  # not "not allowed now", and not "another version"
        scenario.when(IDENTIFY, by=CASEWORKER, key=KEY, expected_version=17)


@pytest.mark.parametrize("expected_version", [None, 0])
def test_a_racing_duplicate_is_known_too(expected_version: int | None) -> None:
    scenario = given(*WORLD)
    races(scenario, lambda: scenario.casebook.execute(IDENTIFY, CASEWORKER, key=KEY))
    with pytest.raises(CommandKnown) as known:
        scenario.when(IDENTIFY, by=CASEWORKER, key=KEY, expected_version=expected_version)
    assert known.value.args, "the row of the duplicate is there to render the answer from"
    assert len(scenario.streams.appends) == 1


@pytest.mark.parametrize("command", [IDENTIFY, OPEN_GROUP], ids=["refused-now", "not-allowed-now"])
def test_a_duplicate_stored_before_the_load_gets_the_first_ones_answer(command: Command) -> None:
    """Its own first copy made the act impossible: that is no refusal."""
    scenario = given(*WORLD[:-2])
    by = COORDINATOR if command is OPEN_GROUP else CASEWORKER
    scenario.streams.before_load = lambda: scenario.casebook.execute(command, by, key=KEY)
    with pytest.raises(CommandKnown) as known:
        scenario.when(command, by=by, key=KEY)
    assert known.value.args, "the row of the duplicate is there to render the answer from"
    assert len(scenario.streams.appends) == 1


def test_a_duplicate_stored_before_the_load_is_not_called_unchanged() -> None:
    scenario = given(*ENROLLED)
    scenario.streams.before_load = lambda: scenario.casebook.execute(JOIN_GROUP, COORDINATOR, key=KEY)
    with pytest.raises(CommandKnown):
        scenario.when(JOIN_GROUP, by=COORDINATOR, key=KEY)


def test_a_guard_that_moves_under_if_match_is_decided_again() -> None:
    """What the user saw has not changed, only what was read beside it."""
    scenario = given(*IDENTIFIED)
    races(scenario, writes(scenario, SET_PARAMETER))
    scenario.when(RECORD_IDENTITY, by=CASEWORKER, expected_version=1).accepted()


# ── reasons and erased families ──────────────────────────────────────────────────────────────────────────────────────


def test_a_reasons_text_stays_on_the_stream_of_the_learner_it_speaks_of() -> None:
    """DESIGN §3: erasing the learner must reach it; the group's event keeps the code."""
    scenario = given(*ENROLLED)
    joined = but(JOIN_GROUP, why=ReasonGiven("entry_error", "her brother came for her"))
    events = {new.stream: new.event for new in scenario.when(joined, by=COORDINATOR).accepted().answer.events}
    assert events[AMINA].why == Why("entry_error", clear(ReasonText("her brother came for her")))
    assert events[WORKSHOP].why == Why("entry_error")


@pytest.mark.parametrize("command", [LOCK_ATTENDANCE, RECORD_ATTENDANCE])
def test_a_reasons_text_is_refused_where_no_one_learner_is_meant(command: Command) -> None:
    told = but(command, why=ReasonGiven("entry_error", "Amina was ill"))
    given(*SEATED).when(told, by=COORDINATOR).refused(ReasonTextMisplaced)


def test_a_family_whose_keys_were_destroyed_takes_no_more_facts() -> None:
    """The keyring's word becomes a refusal that says which family."""
    scenario = given(*IDENTIFIED)

    def closed() -> None:
        raise FamilyClosed("contacts")

    scenario.streams.before_append = closed
    scenario.when(RECORD_IDENTITY, by=CASEWORKER).refused(KeysDestroyed)


def test_an_act_on_more_than_500_facts_is_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes 500 events an append; here one, so that the example stays small."""
    monkeypatch.setattr("domain.casebook.MOST_EVENTS", 1)
    given(*ENROLLED).when(JOIN_GROUP, by=COORDINATOR).refused(TooMuchAtOnce)


def test_what_changes_nothing_stores_no_command() -> None:
    scenario = given(*VERIFIED)
    scenario.when(RECORD_IDENTITY, by=CASEWORKER, key=KEY).nothing()
    assert scenario.streams.commands == {}


def test_a_refused_command_stores_no_command() -> None:
    scenario = given(*ENROLLED)
    scenario.when(ENROL, by=CASEWORKER, key=KEY).refused(NotAllowedNow)
    assert scenario.streams.commands == {}


# ── streams: known, of their kind, read once ─────────────────────────────────────────────────────────────────────────


def test_a_stream_nobody_opened_is_unknown() -> None:
    given(*WORLD).when(ORIENT, by=CASEWORKER).refused(UnknownStream(kind="learner", id=AMINA))


def test_a_groups_id_is_no_learner() -> None:
    given(*WORLD).when(but(ORIENT, learner=WORKSHOP), by=CASEWORKER).refused(UnknownStream(kind="learner", id=WORKSHOP))
    with pytest.raises(Refused, match="unknown-stream"):
        given(*WORLD).casebook.load("learner", WORKSHOP)


def test_a_new_stream_takes_no_id_of_another_kind() -> None:
    given(*WORLD).when(but(IDENTIFY, learner=ASSOCIATION), by=CASEWORKER).refused(
        UnknownStream(kind="learner", id=ASSOCIATION)
    )
    given(*WORLD).when(but(IDENTIFY, learner=NATIONAL), by=CASEWORKER).refused(
        UnknownStream(pointer="/parameters", kind="parameter", id=NATIONAL)
    )


def test_one_id_is_not_two_kinds_in_one_command() -> None:
    given(*ENROLLED).when(but(JOIN_GROUP, group=AMINA), by=CASEWORKER).refused(
        UnknownStream(pointer="/group", kind="group", id=AMINA)
    )


def test_every_unknown_id_of_a_sheet_is_told_at_once() -> None:
    nobody = [id_of(f"learner/unknown-{at}") for at in range(3)]
    rows = [AttendanceRow(each, RECORD_ATTENDANCE.rows[0].days) for each in (nobody[0], AMINA, *nobody[1:])]
    given(*SEATED).when(but(RECORD_ATTENDANCE, rows=rows), by=EDUCATOR).refused(
        *(
            UnknownStream(pointer=f"/learners/{at}", kind="learner", id=each)
            for at, each in zip((0, 2, 3), nobody, strict=True)
        )
    )


def test_unknown_ids_are_told_in_the_order_of_their_places() -> None:
    unknown = [UnknownStream(pointer=f"/learners/{at}", kind="learner", id=AMINA) for at in (10, 2, 0)]
    assert [each.pointer for each in unknown_streams(unknown).broken] == ["/learners/0", "/learners/2", "/learners/10"]


def test_the_check_of_who_may_sees_what_is_unknown_too() -> None:
    """Else the answer to an id out of scope would differ from that to an unknown one, where another is unknown."""
    seen: list[Consulted] = []
    scenario = given(*ENROLLED)
    command = but(ENROL, centre=id_of("centre/unknown"))
    with pytest.raises(Refused, match="unknown-stream"):
        scenario.casebook.execute(command, CASEWORKER, check=seen.append)
    (consulted,) = seen
    assert [each.pointer for each in consulted.unknown] == ["/centre"]
    assert [pointer for pointer, _ in consulted.beside] == ["/convention"]


def test_a_stream_that_is_open_is_not_opened_again() -> None:
    given(*IDENTIFIED).when(IDENTIFY, by=CASEWORKER).refused(NotAllowedNow)
    given(*WORLD).when(OPEN_GROUP, by=COORDINATOR).refused(NotAllowedNow)


def test_the_check_of_who_may_comes_before_the_version_and_the_rules() -> None:
    class Forbidden(Exception):
        pass

    def forbid(consulted: Consulted) -> None:
        assert consulted.spec.name == "enrol-learner"
        assert consulted.primary.stream.id == AMINA
        assert [(pointer, loaded.kind.name) for pointer, loaded in consulted.beside] == [
            ("/centre", "centre"),
            ("/convention", "convention"),
        ]
        raise Forbidden

    scenario = given(*ENROLLED)
    with pytest.raises(Forbidden):
        scenario.casebook.execute(ENROL, CASEWORKER, expected_version=99, check=forbid)


def test_a_stream_is_loaded_as_of_a_position() -> None:
    scenario = given(*VERIFIED)
    before = len(scenario.streams.log) - 2
    assert scenario.casebook.load("learner", AMINA, upto=before).state.version == 1
    with pytest.raises(Refused, match="unknown-stream"):
        scenario.casebook.load("learner", AMINA, upto=before - 1)


def test_an_answer_says_where_its_events_stand() -> None:
    scenario = given(*ENROLLED)
    answer = scenario.when(JOIN_GROUP, by=CASEWORKER).accepted().answer
    last = len(scenario.streams.log)
    assert (answer.first_position, answer.position, answer.status) == (last - 1, last, 201)
    assert [(new.stream, new.version) for new in answer.events] == [(AMINA, 7), (WORKSHOP, 2)]
    assert scenario.when(JOIN_GROUP, by=CASEWORKER).nothing().answer.status == 200


def test_locking_reads_no_learner() -> None:
    scenario = given(*ATTENDING)
    scenario.when(LOCK_ATTENDANCE, by=COORDINATOR).accepted()
    assert AMINA not in dict(scenario.streams.appends[-1].guards)

"""The demo: a small invented centre with learners at every stage, the same each time it is told."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from domain.event import By
from domain.kind import Command
from domain.learner.state import LIFE_CYCLE, status_of
from domain.organisation import LocalName, RegisterOrganisation
from domain.streams import EVENTS, KINDS
from runtime.demo import is_demo_missing, load_demo, places
from runtime.demo.paths import TOLD
from runtime.demo.people import LEARNERS
from runtime.demo.setting import CLASS, WORKSHOP
from runtime.demo.telling import Teller, id_of
from runtime.recorder import ForsaRecorder
from runtime.wiring import Forsa

# The first day of a season, its middle, and the day of a leap year: the demo's dates follow the calendar.
MOMENTS = (
    datetime(2026, 11, 22, 12, tzinfo=UTC),
    datetime(2026, 9, 1, 9, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
)


@pytest.mark.parametrize("forsa", MOMENTS, indirect=True)
def test_forty_learners_stand_at_every_stage_whenever_it_is_told(forsa: Forsa) -> None:
    load_demo(forsa)
    learners = [forsa.casebook.load("learner", each.learner).state for each in TOLD]
    assert len(learners) == len(LEARNERS) == 40
    found = Counter(map(status_of, learners))
    assert found.keys() == LIFE_CYCLE.keys() - {"unknown"}
    flags = [flag for learner in learners for flag in learner.review.open]
    assert flags
    diplomas = [each for learner in learners for each in learner.diploma.diplomas.values()]
    assert Counter(each.status for each in diplomas) == {"in_force": 13, "annulled": 1}
    assert sum(len(each.handed_over) for each in diplomas) == 5
    assert sum(1 for learner in learners if learner.review.withdrawn) == 1
    assert sum(1 for learner in learners if learner.review.settled) == 3
    assert sum(1 for learner in learners if learner.identification.derogations) == 1


def test_two_groups_have_weeks_of_attendance_and_a_locked_month(forsa: Forsa) -> None:
    load_demo(forsa)
    for group in (CLASS, WORKSHOP):
        state = forsa.casebook.load("group", group).state
        assert len(state.weeks) >= 5
        assert len(state.locked) == 1
        assert len(state.seats) >= 5


def test_told_again_it_changes_nothing(forsa: Forsa) -> None:
    assert is_demo_missing(forsa)
    first = load_demo(forsa)
    position = forsa.event_log.max_position()
    again = load_demo(forsa)
    assert (first.known, again.done) == (0, 0)
    assert forsa.event_log.max_position() == position
    assert not is_demo_missing(forsa)


def test_interrupted_it_is_continued(forsa: Forsa, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int) -> None:
        if done == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo(forsa, progress=stop)
    assert is_demo_missing(forsa)
    loaded = load_demo(forsa)
    assert loaded.known >= 149
    assert loaded.done > 150
    assert not is_demo_missing(forsa)


def test_a_log_with_events_of_its_own_gets_no_demo(forsa: Forsa) -> None:
    by = By(actor=id_of("someone"), role="operator", org=id_of("somewhere"), src="console")
    forsa.casebook.execute(
        RegisterOrganisation(organisation=id_of("own"), kind="association", name=LocalName(fr="Exemple")), by
    )
    assert not is_demo_missing(forsa)
    assert places(forsa) == {}


def test_the_same_story_gives_the_same_log(forsa: Forsa, recorder: ForsaRecorder) -> None:
    """Ids and clear fields are the same everywhere; only what is sealed differs, by its nonce."""
    load_demo(forsa)
    rows = recorder.page(0)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    numbers = {forsa.casebook.load("learner", each.learner).state.identification.file_number for each in TOLD}
    assert len(numbers) == 40
    assert "2025-CAS-238648-W" in numbers


def test_it_tells_of_every_event_there_is(forsa: Forsa, recorder: ForsaRecorder) -> None:
    load_demo(forsa)
    told = {row[3] for row in recorder.page(0)}
    erased = {"learner.erasure-decided", "learner.personal-data-erased", "learner.new-ground-stated"}
    assert EVENTS.keys() - told == erased  # nobody of the demo is: it cannot be undone
    assert len(KINDS) == 8


def test_every_act_has_a_name_of_its_own(forsa: Forsa) -> None:
    """The name is the act's key: two acts of one name would make the second one vanish."""
    names: list[str] = []
    original = Teller.does

    def spy(self: Teller, role: str, name: str, command: Command, *, worker: str = "") -> None:
        names.append(name)
        original(self, role, name, command, worker=worker)

    Teller.does = spy  # type: ignore[method-assign]
    try:
        load_demo(forsa)
    finally:
        Teller.does = original  # type: ignore[method-assign]
    assert [name for name, count in Counter(names).items() if count > 1] == []

"""What happens to diplomas while everything is killed: awarded, corrected, handed over, replaced, annulled.

Acts go through the casebook, as the web's do; candidates and their sessions are those of the bench.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec

from bench.diplomas import AGENT, CANDIDATES, award_of, candidates, session_id
from bench.prove.world import Copy
from domain.casebook import Append, NewEvent
from domain.diploma_session import Mark, RectifyMinutes
from domain.kind import Command, ReasonGiven
from domain.learner.register import AnnulDiploma, CorrectDiploma, HandOverDiploma, IssueDuplicate
from runtime.demo.telling import id_of
from runtime.wiring import Forsa, compose, utc_now

EVENTS_AN_APPEND: Final = 500
AWARDS: Final = 0.4  # of all acts, while there are candidates
SHARES: Final = {"correct": 4, "hand_over": 8, "duplicate": 3, "rectify": 3, "annul": 1}  # of the others


class Held(msgspec.Struct):
    """A diploma in force, as the next act needs it."""

    number: int  # of its candidate
    learner: UUID
    diploma: UUID
    times: int = 0  # acts so far: numbers and marks differ by it
    copies: int = 0  # duplicates issued
    given: int = -1  # the last copy handed over


def write_candidates(forsa: Forsa, count: int) -> None:
    """So many candidates sat their exam and were admitted; the minutes are signed. A multiple of CANDIDATES."""
    rows = candidates(count)
    while part := tuple(NewEvent(*row) for row in islice(rows, EVENTS_AN_APPEND)):
        forsa.event_log.append(Append(part))


class Acts:
    """The acts of one load, drawn one after the other."""

    def __init__(self, forsa: Forsa, numbers: Sequence[int], chance: random.Random) -> None:
        """numbers: of the candidates that may be awarded a diploma."""
        self._forsa, self._chance = forsa, chance
        self._numbers = iter(numbers)
        self._held: list[Held] = []
        self.done = 0

    def act(self) -> None:
        """One more thing has happened to a diploma, and stands in the log."""
        number = next(self._numbers, None) if len(self._held) < CANDIDATES or self._chance.random() < AWARDS else None
        if number is not None:
            self._award(number)
        else:
            self._something_later(self._chance.choice(self._held))
        self.done += 1

    def _award(self, number: int) -> None:
        award = self._told(award_of(number))[0]
        self._held.append(Held(number, award.stream, award.event.diploma))

    def _something_later(self, held: Held) -> None:
        held.times += 1
        what = self._chance.choices([*SHARES], [*SHARES.values()])[0]
        if what == "hand_over" and held.given == held.copies:
            what = "duplicate"
        elif what == "duplicate" and held.given < held.copies:
            what = "hand_over"
        self._told(getattr(self, f"_{what}")(held))

    def _correct(self, held: Held) -> Command:
        return CorrectDiploma(**_of(held), number=f"{held.number:06d}/26-{held.times}", why=ReasonGiven("entry_error"))

    def _hand_over(self, held: Held) -> Command:
        held.given = held.copies
        return HandOverDiploma(**_of(held), copy=held.copies)

    def _duplicate(self, held: Held) -> Command:
        held.copies += 1
        return IssueDuplicate(**_of(held), ground="lost")

    def _rectify(self, held: Held) -> Command:
        mark = Mark(f"C-{held.number:06d}", 1, "present", 1250 + held.times, 1400, "admitted")
        session = session_id(held.number)
        return RectifyMinutes(diploma_session=session, item="result", ground="addition_error", marks=[mark])

    def _annul(self, held: Held) -> Command:
        self._held.remove(held)
        authority = id_of("organisation", "delegation")
        return AnnulDiploma(**_of(held), ground="awarded_in_error", authority=authority, act_reference="PROVE-1")

    def _told(self, command: Command) -> Sequence[Any]:
        events: Sequence[Any] = self._forsa.casebook.execute(command, AGENT).events
        assert events, f"{type(command).__name__} changed something"
        return events


def _of(held: Held) -> dict[str, Any]:
    return {"learner": held.learner, "diploma": held.diploma}


class Rate(msgspec.Struct):
    """What a load has come to, when it is over."""

    acts: int = 0
    seconds: float = 0.0


@contextmanager
def acts_under_way(copy: Copy, numbers: Sequence[int], *, a_second: float, seed: int) -> Iterator[Rate]:
    """While the block runs, acts are told at this rate, on a thread; what it raised is raised at the end."""
    rate, stop, raised = Rate(), threading.Event(), list[BaseException]()

    def tell() -> None:
        try:
            with closing(compose(copy.settings, now=utc_now)) as forsa:
                acts, began = Acts(forsa, numbers, random.Random(seed)), time.monotonic()
                while not stop.wait(max(0.0, began + acts.done / a_second - time.monotonic())):
                    acts.act()
                    rate.acts, rate.seconds = acts.done, time.monotonic() - began
        except BaseException as error:  # noqa: BLE001  # raised where the load ends
            raised.append(error)

    thread = threading.Thread(target=tell, name="acts")
    thread.start()
    try:
        yield rate
    finally:
        stop.set()
        thread.join()
    if raised:
        raise raised[0]

"""A week of the demo's register of diplomas: an autumn session, eight awards, and what happens to diplomas after."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from domain.diploma_session import CloseCandidateList, Mark, OpenDiplomaSession, RectifyMinutes, SignMinutes
from domain.kind import ReasonGiven
from domain.learner.diploma import AwardDiplomas, AwardLine, ListCandidate, RecordMarks
from domain.learner.register import AnnulDiploma, CorrectDiploma, HandOverDiploma, IssueDuplicate
from runtime.demo.paths import TOLD
from runtime.demo.setting import CENTRE, TRADES
from runtime.demo.telling import Teller, id_of, told
from runtime.wiring import Forsa

AUTUMN: Final = id_of("diploma-session", "autumn")
CANDIDATES: Final = (17, 18, 19, 20, 21, 22, 23, 35)  # still enrolled: they sit the autumn session
CORRECTED, REPLACED, RECTIFIED, ANNULLED = 18, 17, 21, 35


def tell_register(teller: Teller, forsa: Forsa) -> None:
    """Eight more diplomas within a week, told day by day.

    One is corrected, one lost and duplicated, one annulled; of one the minutes are rectified.
    """
    _tell_session(teller)
    _tell_awards(teller, 12, (17, 18, 19))
    _tell_awards(teller, 11, (20, 21, 22))
    _tell_hand_over(teller, forsa, REPLACED, 11, "holder")
    _tell_awards(teller, 10, (23, 35))
    _tell_correction(teller, forsa)
    for number, days, recipient in ((18, 9, "holder"), (19, 9, "guardian"), (20, 8, "proxy")):
        _tell_hand_over(teller, forsa, number, days, recipient)
    _tell_duplicate(teller, forsa)
    _tell_rectification(teller)
    _tell_hand_over(teller, forsa, REPLACED, 6, "holder", copy=1)
    _tell_annulment(teller, forsa)


def _ago(teller: Teller, days: int) -> date:
    return teller.today - timedelta(days)


def _diploma(forsa: Forsa, number: int) -> UUID:
    """The diploma the learner of this number holds: its id is drawn when it is awarded."""
    held = forsa.casebook.load("learner", TOLD[number].learner).state.diploma.diplomas
    diploma: UUID = next(iter(held))
    return diploma


def _candidate(number: int) -> str:
    return f"{CANDIDATES.index(number) + 1:04}"


def _mark(number: int) -> Mark:
    return Mark(_candidate(number), 1, "present", 1100 + number * 10, 1400 + number * 5, "admitted")


def _tell_session(teller: Teller) -> None:
    opened = OpenDiplomaSession(
        diploma_session=AUTUMN,
        authority=id_of("organisation", "delegation"),
        held_from=_ago(teller, 21),
        held_to=_ago(teller, 20),
        centres=[CENTRE],
        trades=list(TRADES),
        year=_ago(teller, 21).year,
    )
    teller.does("en_agent", "autumn opened", told(teller, opened, _ago(teller, 28)))
    for number in CANDIDATES:
        each = TOLD[number]
        listing = ListCandidate(learner=each.learner, enrolment=each.enrolment, session=AUTUMN)
        teller.does("en_agent", f"autumn candidate {number}", told(teller, listing, _ago(teller, 27)))
    closed = CloseCandidateList(diploma_session=AUTUMN)
    teller.does("en_agent", "autumn list closed", told(teller, closed, _ago(teller, 24)))
    marks = RecordMarks(diploma_session=AUTUMN, marks=[_mark(number) for number in CANDIDATES])
    teller.does("en_agent", "autumn marks", told(teller, marks, _ago(teller, 18)))
    minutes = SignMinutes(diploma_session=AUTUMN, members=[id_of("worker", "en_agent")])
    teller.does("en_agent", "autumn minutes", told(teller, minutes, _ago(teller, 15)))


def _tell_awards(teller: Teller, days: int, numbers: tuple[int, ...]) -> None:
    awards = AwardDiplomas(
        diploma_session=AUTUMN,
        awarded_on=_ago(teller, days),
        awards=[AwardLine(_candidate(number), f"EX-A-{200 + CANDIDATES.index(number):04}") for number in numbers],
    )
    teller.does("en_agent", f"autumn awards {days}", told(teller, awards, _ago(teller, days)))


def _tell_hand_over(teller: Teller, forsa: Forsa, number: int, days: int, recipient: str, copy: int = 0) -> None:
    given = HandOverDiploma(
        learner=TOLD[number].learner, diploma=_diploma(forsa, number), copy=copy, recipient=recipient
    )
    teller.does("coordinator", f"diploma {number} handed over {copy}", told(teller, given, _ago(teller, days)))


def _tell_correction(teller: Teller, forsa: Forsa) -> None:
    corrected = CorrectDiploma(
        learner=TOLD[CORRECTED].learner,
        diploma=_diploma(forsa, CORRECTED),
        number="EX-A-0212",
        why=ReasonGiven("entry_error"),
    )
    teller.does("en_agent", "diploma corrected", told(teller, corrected, _ago(teller, 10)))


def _tell_duplicate(teller: Teller, forsa: Forsa) -> None:
    duplicate = IssueDuplicate(learner=TOLD[REPLACED].learner, diploma=_diploma(forsa, REPLACED), ground="lost")
    teller.does("en_agent", "diploma duplicated", told(teller, duplicate, _ago(teller, 8)))


def _tell_rectification(teller: Teller) -> None:
    mark = _mark(RECTIFIED)
    rectified = RectifyMinutes(
        diploma_session=AUTUMN,
        item="result",
        ground="addition_error",
        marks=[Mark(mark.candidate_number, 1, "present", 1375, mark.practical, "admitted")],
    )
    teller.does("en_agent", "autumn minutes rectified", told(teller, rectified, _ago(teller, 7)))


def _tell_annulment(teller: Teller, forsa: Forsa) -> None:
    annulment = AnnulDiploma(
        learner=TOLD[ANNULLED].learner,
        diploma=_diploma(forsa, ANNULLED),
        ground="awarded_in_error",
        authority=id_of("organisation", "delegation"),
        act_reference="EX-A-31",
    )
    teller.does("en_agent", "diploma annulled", told(teller, annulment, _ago(teller, 6)))

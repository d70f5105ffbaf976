"""Lives of diplomas as the log has them: numbered ones of either centre, each on a learner's stream of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from msgspec.structs import replace as but

from domain.event import Event
from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
)
from tests.examples.path import DIPLOMA_AWARDED
from tests.examples.people import DELEGATION, EN_AGENT, id_of
from tests.examples.places import CENTRE, CENTRE_OPENED, OTHER_CENTRE, History

ELSEWHERE: Final = but(CENTRE_OPENED, province="RAB")
BOTH_CENTRES: Final[History] = ((CENTRE, CENTRE_OPENED), (OTHER_CENTRE, ELSEWHERE))
REGION, OTHER_REGION = "MA-06", "MA-04"  # of CENTRE, of OTHER_CENTRE


def holder(number: int) -> UUID:
    """The learner who holds the diploma of this number."""
    return id_of(f"learner/holder-{number}")


def diploma(number: int) -> UUID:
    """Id of a diploma."""
    return id_of(f"diploma/{number}")


def day(number: int) -> date:
    """A day of the week in which these diplomas live."""
    return date(2026, 6, 15) + timedelta(days=number % 7)


def awarded(number: int) -> tuple[UUID, DiplomaAwarded]:
    """The award of a diploma: even ones by CENTRE, odd ones elsewhere."""
    return holder(number), but(
        DIPLOMA_AWARDED,
        diploma=diploma(number),
        enrolment=id_of(f"enrolment/{number}"),
        centre=OTHER_CENTRE if number % 2 else CENTRE,
        number=f"EN-2026-{number}",
        partner_reference=id_of(f"reference/{number}"),
    )


def _later(number: int, act: int) -> Event:
    about: dict[str, Any] = {
        "on": day(act),
        "by": EN_AGENT,
        "diploma": diploma(number),
        "enrolment": id_of(f"enrolment/{number}"),
    }
    facts: dict[str, Any] = {
        "number": f"EN-2026-{number}-{act}",
        "title": "vocational_diploma",
        "trade": None,
        "level": "level_2",
    }
    match act % 5:
        case 0:
            corrected: dict[str, Any] = {
                "corrects": 1,
                "changed": ["number", "trade"],
                "awarded_on": day(act),
                "printed": None,
            }
            return DiplomaCorrected(**about, **facts, **corrected)
        case 1:
            return DiplomaHandedOver(**about, copy=act // 5 % 2, recipient="holder", receipt=None)
        case 2:
            return DiplomaDuplicateIssued(**about, copy=act, ground="lost")
        case 3:
            return DiplomaMinutesRectified(**about, minutes=DIPLOMA_AWARDED.minutes)
        case _:
            return DiplomaAnnulled(**about, ground="jury_error", authority=DELEGATION, act_reference="12/2026")


def later(number: int, act: int) -> tuple[UUID, Event]:
    """What happens to a diploma later: corrected, handed over, a duplicate, its minutes rectified, annulled."""
    return holder(number), _later(number, act)


def lives(drawn: Sequence[tuple[int, int]]) -> History:
    """Each (number, act): the diploma of that number is awarded the first time, and then this happens to it."""
    told: set[int] = set()
    history = []
    for number, act in drawn:
        history.append(later(number, act) if number in told else awarded(number))
        told.add(number)
    return tuple(history)


def week(diplomas: int) -> History:
    """So many diplomas awarded, each then handed over, every fifth with something else."""
    acts = ((number, act) for number in range(diplomas) for act in (0, 1, *([number // 5] if number % 5 == 0 else [])))
    return lives(tuple(acts))


LIVES: Final = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=30).map(lives)
"""What hypothesis draws: a few diplomas of both centres, their acts mingled."""

"""The register of diplomas: one row a diploma as it says now, found by its id and by every number it had."""

from __future__ import annotations

from datetime import date
from functools import reduce
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from domain.event import Event, EventRef
from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
)
from domain.partner_feed import PublicDiploma, diploma_after
from projections.diploma_register import RegisteredDiploma
from projections.projector import Projector
from projections.reading import Views
from runtime.store import EventLog
from tests.examples.path import AMINA, DIPLOMA, DIPLOMA_AWARDED, GRADUATED
from tests.examples.people import EN_AGENT, id_of
from tests.projections.log_of import learner, paths, store

DAY: Final = date(2026, 7, 1)
REGISTER: Final[dict[str, Any]] = {
    "delegation": DIPLOMA_AWARDED.register.delegation,
    "kind": "vocational_diploma",
    "year": 2026,
}


def said(event_class: type[Event], day: int, **fields: Any) -> tuple[UUID, Event]:
    """An act on Amina's diploma, on a day of July."""
    own = {"diploma": DIPLOMA, "enrolment": DIPLOMA_AWARDED.enrolment, **fields}
    return AMINA, event_class(on=DAY.replace(day=day), by=EN_AGENT, **own)


LIFE: Final = (
    said(
        DiplomaCorrected, 1, corrects=1, changed=["number", "trade"], number="EN-2026-78", title="vocational_diploma",
        trade="EST", level="level_2", awarded_on=date(2026, 6, 15), printed=None,
    ),
    said(DiplomaHandedOver, 2, copy=0, recipient="holder", receipt=None),
    said(DiplomaDuplicateIssued, 3, copy=1, ground="lost"),
    said(DiplomaHandedOver, 4, copy=1, recipient="proxy", receipt=None),
    said(DiplomaMinutesRectified, 5, minutes=EventRef(DIPLOMA_AWARDED.minutes.stream, 9)),
    said(DiplomaAnnulled, 6, ground="exam_fraud", authority=id_of("delegation"), act_reference="12/2026"),
)  # fmt: skip


def registered(views: Views) -> RegisteredDiploma:
    """Amina's diploma in the register."""
    found = views.diploma(DIPLOMA).value
    assert found is not None
    return found


def test_each_row_is_what_partners_are_told_after_the_same_events(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, GRADUATED)
    told = diploma_after(None, DIPLOMA_AWARDED)
    for line in ((), *((each,) for each in LIFE)):
        store(event_log, line)
        projector.catch_up()
        told = reduce(lambda before, each: diploma_after(before, each[1]), line, told)
        assert public(registered(views)) == msgspec.structs.replace(told, revision=0)


def public(row: RegisteredDiploma) -> PublicDiploma:
    """The row in a partner's words."""
    own = msgspec.to_builtins(row)
    register = {"delegation": own["delegation"], "kind": own["diploma_kind"], "year": own["year"]}
    return msgspec.convert({**own, "id": own["diploma"], "revision": 0, "register": register}, PublicDiploma)


def test_a_diploma_is_found_by_its_number_and_by_those_it_had(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    store(event_log, (*GRADUATED, LIFE[0]))
    projector.catch_up()
    for number in ("EN-2026-77", "EN-2026-78"):
        assert views.diploma_numbered(number, **REGISTER).value == registered(views)
    assert views.diploma_numbered("EN-2026-79", **REGISTER).value is None
    assert views.diploma_numbered("EN-2026-77", **{**REGISTER, "year": 2025}).value is None
    assert views.diploma_numbered("EN-2026-77", **{**REGISTER, "kind": "other"}).value is None


def test_an_annulled_diploma_stays_in_the_register_and_in_the_record(
    event_log: EventLog, projector: Projector, views: Views
) -> None:
    """Source: DOMAIN rule 20."""
    last = store(event_log, (*GRADUATED, *LIFE))
    projector.catch_up()
    assert (registered(views).status, registered(views).annulled_on) == ("annulled", DAY.replace(day=6))
    record = views.learner_record(AMINA)
    assert record.position == last
    assert record.value is not None
    [line] = record.value.diplomas
    assert (line.status, line.annulled_on, line.handed_over_on, line.duplicates, line.number) == (
        "annulled", DAY.replace(day=6), DAY.replace(day=2), 1, "EN-2026-78",
    )  # fmt: skip
    assert record.value.status == "candidate"


def test_the_whole_register_is_read_in_pages(event_log: EventLog, projector: Projector, views: Views) -> None:
    history = tuple(
        (stream, msgspec.structs.replace(event, diploma=id_of(f"diploma of {stream}")))
        if isinstance(event, DiplomaAwarded)
        else (stream, event)
        for stream, event in paths(5)
    )
    store(event_log, history)
    projector.catch_up()
    whole = views.diploma_register(limit=10).value
    assert {each.learner for each in whole} == {learner(number) for number in range(5)}
    assert whole == sorted(whole, key=lambda each: each.diploma)
    pages = views.diploma_register(limit=2).value, views.diploma_register(after=whole[1].diploma, limit=9).value
    assert [*pages[0], *pages[1]] == whole


@pytest.mark.parametrize("unknown", [AMINA, id_of("nobody's")])
def test_what_is_no_diploma_is_not_found(
    event_log: EventLog, projector: Projector, views: Views, unknown: UUID
) -> None:
    store(event_log, GRADUATED)
    projector.catch_up()
    assert views.diploma(unknown).value is None

"""Every form ever stored reads as it was meant, for ever: docs/decisions/2026-11-22-stored-form.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import TooOld
from domain.event import NIL
from domain.sealed import sealed_fields
from domain.streams import EVENTS, KIND_OF
from runtime.mapper import Recorded
from tests.contracts.golden import (
    EVENTS_DIR,
    MAPPER,
    PERSONAL_DIR,
    Golden,
    as_of,
    goldens,
    tag_in,
    values_of,
    without_code_in_use,
)

GOLDEN_EVENTS = dict(goldens(EVENTS_DIR))
GOLDEN_PERSONAL = dict(goldens(PERSONAL_DIR))
NEWEST = {tag_in(name): golden for name, golden in GOLDEN_EVENTS.items()}  # in the order of the names: `.2` is later
PERSONAL = {field.of.__name__: field.of for each in EVENTS.values() for field in sealed_fields(each)}

each_event = pytest.mark.parametrize(
    ("tag", "golden"), [(tag_in(name), golden) for name, golden in GOLDEN_EVENTS.items()], ids=GOLDEN_EVENTS
)
each_written = pytest.mark.parametrize(("tag", "golden"), NEWEST.items(), ids=NEWEST)
each_personal = pytest.mark.parametrize(("name", "golden"), GOLDEN_PERSONAL.items(), ids=GOLDEN_PERSONAL)


def test_every_tag_and_every_sealed_content_has_a_golden_file_and_no_golden_file_lost_its_class() -> None:
    assert sorted(NEWEST) == sorted(EVENTS)
    assert sorted(GOLDEN_PERSONAL) == sorted(PERSONAL)


@each_event
def test_stored_bytes_read_as_exactly_these_values(tag: str, golden: Golden) -> None:
    for form in (golden.full, golden.least):
        event = MAPPER.decode(form.bytes.encode())
        assert type(event) is EVENTS[tag]
        assert as_of(form.values, values_of(event)) == form.values


@each_written
def test_the_form_written_now_has_every_field(tag: str, golden: Golden) -> None:
    assert values_of(MAPPER.decode(golden.full.bytes.encode())) == golden.full.values, tag


@each_written
def test_an_event_read_and_written_again_has_the_same_bytes(tag: str, golden: Golden) -> None:
    stored = golden.full.bytes.encode()
    again = MAPPER.to_stored_event(Recorded(NIL, 1, MAPPER.decode(stored)))
    assert (again.topic, again.state) == (tag, stored)


@each_event
def test_codes_that_were_retired_since_are_read_as_they_stand(tag: str, golden: Golden) -> None:
    retired = without_code_in_use(msgspec.json.decode(golden.full.bytes))
    event = MAPPER.decode(msgspec.json.encode(retired))
    assert as_of(retired, msgspec.json.decode(msgspec.json.encode(event))) == retired
    state = KIND_OF[EVENTS[tag]].evolve(KIND_OF[EVENTS[tag]].empty, event, 1)
    assert state.version == 1, "a state must bear a code that is no longer in use"


@each_event
def test_a_field_of_a_later_release_is_read_over(tag: str, golden: Golden) -> None:
    later = msgspec.json.encode({**msgspec.json.decode(golden.full.bytes), "field_of_a_later_release": {"a": [1]}})
    assert as_of(golden.full.values, values_of(MAPPER.decode(later))) == golden.full.values, tag


@each_event
def test_evolve_takes_every_stored_form_even_onto_the_empty_state(tag: str, golden: Golden) -> None:
    kind = KIND_OF[EVENTS[tag]]
    for form in (golden.full, golden.least):
        assert kind.evolve(kind.empty, MAPPER.decode(form.bytes.encode()), 1).version == 1


@each_event
def test_a_tag_this_release_does_not_know_stops_it(tag: str, golden: Golden) -> None:
    newer = {**msgspec.json.decode(golden.full.bytes), "t": f"{tag}-anew"}
    with pytest.raises(TooOld, match=f"{tag}-anew"):
        MAPPER.decode(msgspec.json.encode(newer))


@each_personal
def test_sealed_contents_read_as_exactly_these_values_and_are_written_the_same(name: str, golden: Golden) -> None:
    for form in (golden.full, golden.least):
        assert values_of(msgspec.json.decode(form.bytes, type=PERSONAL[name])) == form.values
    again: Any = msgspec.json.decode(golden.full.bytes, type=PERSONAL[name])
    assert msgspec.json.encode(again).decode() == golden.full.bytes


def test_a_golden_file_that_exists_is_never_changed(tmp_path: Path) -> None:
    from tests.contracts import make_goldens  # here, so that examples out of date hide no golden

    shipped = tmp_path / "learner.enrolled.json"
    shipped.write_text("as it was shipped")
    assert not make_goldens.write_missing(shipped, GOLDEN_EVENTS["learner.enrolled"])
    assert shipped.read_text() == "as it was shipped"


def test_nothing_is_left_to_make() -> None:
    from tests.contracts import make_goldens

    assert make_goldens.make() == []

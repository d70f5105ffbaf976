"""The generated walks through the real store: what was decided in memory is stored, and every view is what it folds to.

`FORSA_STORED_WALKS` is the number of walks that hypothesis draws (2,000 unless set).
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime, time
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as over

from domain.casebook import Append, Casebook, NewEvent
from domain.errors import Refused, RuleBroken
from domain.event import By, Event
from domain.kind import Command
from domain.sealed import Clear, SealedFact, sealed_at, sealed_fields, tag_of
from domain.streams import EVENTS, KINDS, fold, kind_of_stream
from projections import ALL_VIEWS
from projections.projector import Projector
from projections.rebuild import rebuild
from projections.view import Row, StreamView, View
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.store import EventLog
from tests.examples.walks import SHARED, STEPS, Step, Walk, World
from tests.projections.log_of import OpenedMeans, rows, store
from tests.scenario import Scenario, given, replaced_at

WALKS = int(os.environ.get("FORSA_STORED_WALKS", "2000"))
LIVE_WALKS = 12


@cache
def drawn_steps() -> list[list[Step]]:
    """The steps of every walk, as hypothesis draws them; the same in every run."""
    drawn: list[list[Step]] = []

    @settings(
        max_examples=WALKS + LIVE_WALKS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @over(STEPS)
    def draw(steps: list[Step]) -> None:
        drawn.append(steps)

    draw()
    return drawn


def begun(number: int) -> tuple[Walk, Scenario]:
    """The walk and its world in memory, before the first step. Claims are salted: worlds share one log."""
    world = World(number, graduated=number % 5 == 4)
    scenario = given(*SHARED, *world.history)
    scenario.nonces, scenario.streams.salt = world.nonces(), str(number)
    return Walk(world, lambda kind, stream: fold(KINDS[kind], scenario.streams.events.get(stream, ()))), scenario


def walked(number: int) -> tuple[World, list[Append]]:
    """A walk in memory, and everything it appended."""
    walk, scenario = begun(number)
    for step in drawn_steps()[number]:
        if sent := walk.command(step):
            scenario.when(sent[0], by=sent[1], today=walk.today)
    return walk.world, scenario.streams.appends


# ── what every view must say, computed without the projector ─────────────────────────────────────────────────────────


def streams_in(log_dsn: str, event_log: EventLog) -> dict[UUID, tuple[Event, ...]]:
    """Every stream of the log, read back through the store."""
    with psycopg.connect(log_dsn) as connection:
        ids = [row[0] for row in connection.execute("select distinct originator_id from forsa_events")]
    return {stream: held.events for stream, held in event_log.load(ids).items()}


def expected_rows(view: View, streams: dict[UUID, tuple[Event, ...]], keyring: Keyring) -> list[Row]:
    """The rows of a view, each stream folded on its own from its first event."""
    found: list[Row] = []
    for stream, events in streams.items():
        kind = kind_of_stream(events[0])
        if kind.name not in view.kinds:
            continue
        if isinstance(view, StreamView):
            found += [(stream, *row) for row in _stream_rows(view, stream, fold(kind, events), keyring)]
        else:
            before = kind.empty
            for version, event in enumerate(events, 1):
                after = kind.evolve(before, event, version)
                found += [(stream, version, *row) for row in view.entries_of(stream, before, event, after)]
                before = after
    return found


def _stream_rows(view: StreamView, stream: UUID, state: Any, keyring: Keyring) -> list[Row]:
    opened = tuple(fact and keyring.open(stream, fact) for fact in view.facts_of(state))
    return view.rows_of(stream, state, opened)


def comparable(view: View, found: list[Row]) -> list[str]:
    """Rows in one order; JSON as what it says, not as it is spelled."""
    is_json = [column.type == "jsonb" for column in view.columns]
    return sorted(repr(_readable(row, is_json)) for row in found)


def _readable(row: Row, is_json: list[bool]) -> Row:
    place, own = row[: -len(is_json)], row[-len(is_json) :]
    return (*place, *(_sorted_json(cell) if here else cell for cell, here in zip(own, is_json, strict=True)))


def _sorted_json(cell: Any) -> str:
    return json.dumps(json.loads(cell) if isinstance(cell, str) else cell, sort_keys=True)


def stored_rows(dsn: str, view: View) -> list[str]:
    """The view's rows as they stand, without where and when in the log they were recorded."""
    return comparable(view, rows(dsn, view, without=("position", "recorded_at")))


# ── the tests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_view_of_stored_walks_is_what_its_streams_fold_to_and_a_rebuild_gives_the_same(
    event_log: EventLog, keyring: Keyring, log_dsn: str, projector_dsn: str
) -> None:
    store(event_log, SHARED)
    for number in range(WALKS):
        world, appends = walked(number)
        store(event_log, world.history)
        for append in appends:  # guards and claims are checked again, by the store
            event_log.append(append)

    means = OpenedMeans(ForsaMapper(EVENTS, keyring), keyring)
    with closing(Projector(projector_dsn, means.mapper, means.keyring)) as projector:
        projector.catch_up()
    streams = streams_in(log_dsn, event_log)
    live = {view.id: stored_rows(log_dsn, view) for view in ALL_VIEWS}
    for view in ALL_VIEWS:
        assert live[view.id], f"{view.id} has rows"
        assert live[view.id] == comparable(view, expected_rows(view, streams, keyring)), view.id

    done = rebuild(projector_dsn, lambda: means, processes=1)
    assert {each.parity for each in done} == {"equal"}
    assert {view.id: stored_rows(log_dsn, view) for view in ALL_VIEWS} == live


@pytest.mark.parametrize("number", range(WALKS, WALKS + LIVE_WALKS))
def test_a_walk_through_the_real_store_is_the_walk_in_memory(
    event_log: EventLog, keyring: Keyring, log_dsn: str, number: int
) -> None:
    """What the scenarios of the domain's tests prove holds for the store too: the same refusals and events."""
    walk, scenario = begun(number)
    store(event_log, (*SHARED, *walk.world.history))
    nonces = walk.world.nonces()
    casebook = Casebook(
        event_log,
        keyring,
        now=lambda: datetime.combine(walk.today, time(12), UTC),
        nonce=lambda: next(nonces),
    )
    for step in drawn_steps()[number]:
        if sent := walk.command(step):
            in_memory = scenario.when(sent[0], by=sent[1], today=walk.today)
            assert _sent(casebook, *sent) == (in_memory.answer.events, in_memory.broken)
    streams = streams_in(log_dsn, event_log)
    read_back = {
        stream: tuple(_opened(keyring, stream, at, event) for at, event in enumerate(events, 1))
        for stream, events in streams.items()
    }
    assert read_back == scenario.streams.events


def _sent(casebook: Casebook, command: Command, by: By) -> tuple[tuple[NewEvent, ...], tuple[RuleBroken, ...]]:
    try:
        return casebook.execute(command, by).events, ()
    except Refused as refused:
        return (), refused.broken


def _opened(keyring: Keyring, stream: UUID, version: int, event: Event) -> Event:
    """The event with what was sealed in the clear again, as a scenario has it."""
    for field in sealed_fields(type(event)):
        if sealed := sealed_at(event, field):
            opened: Any = keyring.open(stream, SealedFact(version, tag_of(type(event)), field, sealed))
            event = replaced_at(event, field.path, Clear(opened))
    return event

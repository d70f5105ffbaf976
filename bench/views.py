"""catch_up, visible_p99: the projector against COPY-out of the same events, and from a write to its view."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Final
from uuid import uuid4

import psycopg

from bench import log, stock
from bench.place import Place
from bench.report import Figure, median
from projections import ALL_VIEWS
from projections.folding import States
from projections.projector import Projector, run_projector
from projections.tables import drop_view, ensure_tables
from runtime.mapper import Recorded

LEARNERS: Final = 3_000
WEEKS: Final = 15
STOCK_EVENTS: Final = 5_000
TURNS: Final = 3
WRITES: Final = 1_000
WRITES_A_SECOND: Final = 200


def drop_views(place: Place) -> None:
    """No view has a table; the next projector begins at the first event."""
    with psycopg.connect(place.log, autocommit=True) as connection:
        for view in ALL_VIEWS:
            drop_view(connection, view.name, view.version)


def _catch_up_seconds(place: Place, *, is_cold: bool) -> float:
    projector = Projector(place.log, place.mapper(), place.keyring())
    began = perf_counter()
    while projector.step():
        if is_cold:
            for lane in projector._lanes:  # noqa: SLF001  # what a restart would find
                lane.states = States()
    took = perf_counter() - began
    projector.close()
    drop_views(place)
    return took


def catch_up(place: Place) -> dict[str, Figure]:
    """Every view, exactly once, weekly sheets of 20 in written order over 3,000 learners; cold states beside."""
    count = log.fill(place, log.in_sheet_order(LEARNERS, WEEKS))
    copies = [log.copy_out_seconds(place.log) for _ in range(TURNS)]
    warm = median([_catch_up_seconds(place, is_cold=False) for _ in range(TURNS)])
    cold = _catch_up_seconds(place, is_cold=True)
    limit = count / median(copies)
    views = f"{count / warm:,.0f} events/s into {len(ALL_VIEWS)} views"
    note = f"{views}; COPY-out {limit:,.0f}/s; cold states {count / cold:,.0f}/s"
    stock_rate = stock.events_a_second(place.log, STOCK_EVENTS)
    value, stock_value = count / warm / limit, stock_rate / limit
    return {"catch_up": Figure(value=value, unit="× COPY-out", target=0.02, stock=stock_value, note=note)}


def _project(place: Place, pipe: Connection) -> None:
    stop = threading.Event()

    def work() -> None:
        run_projector(place.log, place.mapper(), place.keyring(), stop)

    thread = threading.Thread(target=work)
    thread.start()
    pipe.recv()
    stop.set()
    thread.join()


@contextmanager
def projecting(place: Place) -> Iterator[None]:
    """A projector process follows the log."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_project, args=(place, there), daemon=True)
    process.start()
    yield
    here.send("stop")
    process.join()


def _lowest(reader: psycopg.Connection[tuple[int]]) -> int:
    """Where the view that is furthest behind stands: one query, so that looking takes no more of the machine."""
    row = reader.execute("select min(position) from views.view_state", prepare=True).fetchone()
    return int(row[0] or 0) if row else 0


def visible(place: Place) -> dict[str, Figure]:
    """From the answer of an append to its rows in every view: 200 writes a second, polled until they are there."""
    event_log = place.event_log()
    times: list[float] = []
    with psycopg.connect(place.log, autocommit=True) as reader, projecting(place):
        ensure_tables(reader, ALL_VIEWS)
        began = perf_counter()
        for turn in range(WRITES + 100):  # the first hundred warm everything up
            stream = uuid4()
            recorded = Recorded(stream, 1, log.identified(turn))
            event_log.application.save(recorded)
            written = perf_counter()
            position = event_log.recorder.max_position()
            while _lowest(reader) < position:
                if perf_counter() - written > 30:
                    raise SystemExit("the projector does not follow the log")
            times.append((perf_counter() - written) * 1000)
            pause = began + (turn + 1) / WRITES_A_SECOND - perf_counter()
            if pause > 0:
                sleep(pause)
    times = sorted(times[100:])
    p99, p50 = times[int(len(times) * 0.99)], median(times)
    return {"visible_p99": Figure(value=p99, unit="ms", target=5, at_least=False, note=f"median {p50:.1f} ms")}

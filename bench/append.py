"""append_1, append_16, sheet_1, sheet_16, sealing on append: our append against raw rows and the stock library.

One measured turn: n writer processes, each with one connection, do one kind of save for a second. Kinds take turns, so
that the machine's mood falls on all of them; the median of the turns counts.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from bench import log, stock
from bench.place import Place
from bench.report import Figure, median
from domain.casebook import Claim, CommandKey
from runtime.mapper import Recorded

RAW: Final = "insert into raw_events values (%s, %s, %s, %s, nextval('raw_position'), now())"
SUBJECT: Final = UUID(int=1)
GUARDED: Final = UUID(int=7)
TURN_SECONDS: Final = 0.8
TURNS: Final = 5


class Writer:
    """One writer process's parts, opened after it was started."""

    def __init__(self, place: Place) -> None:
        """Connections and states are ready before the clock runs."""
        self.place = place
        self.log = place.event_log(pool_size=1)
        self.save = self.log.application.save
        self.raw = psycopg.connect(place.log, autocommit=True)
        self.raw.prepare_threshold = 1
        self.event = log.attendance(1, 1)
        self.state = place.mapper().to_stored_event(Recorded(SUBJECT, 1, self.event)).state
        self.kinds: dict[str, Callable[[], Any]] = {
            "raw": self.raw_one, "ours": self.ours, "guarded": self.guarded, "raw_sheet": self.raw_sheet,
            "sheet": self.sheet, "stock": self.stock, "sealed": self.sealed, "unsealed": self.unsealed,
        }  # fmt: skip

    def _command(self) -> CommandKey:
        return CommandKey(SUBJECT, uuid4().bytes, self.state[:32])

    def raw_one(self) -> None:
        """The limit: one row, one prepared INSERT, committed."""
        self.raw.execute(RAW, (uuid4(), 1, "learner.attendance-recorded", self.state))

    def ours(self) -> None:
        """Application.save of one event and its command row."""
        self.save(Recorded(uuid4(), 1, self.event), command=self._command())

    def guarded(self) -> None:
        """The same with a guard and a claim."""
        stream = uuid4()
        claim = Claim("massar", os.urandom(32))
        self.save(
            Recorded(stream, 1, self.event), command=self._command(), guards=((GUARDED, 1),), taken=((claim, stream),)
        )

    def raw_sheet(self) -> None:
        """The limit of a sheet: 25 rows in one transaction."""
        rows = [(uuid4(), 1, "learner.attendance-recorded", self.state) for _ in range(25)]
        with self.raw.transaction():
            self.raw.cursor().executemany(RAW, rows)

    def sheet(self) -> None:
        """25 events, a guard and a command row."""
        events = [Recorded(uuid4(), 1, self.event) for _ in range(25)]
        self.save(*events, command=self._command(), guards=((GUARDED, 1),))

    def stock(self) -> None:
        """The library as it comes: one aggregate event by its own recorder, JSON, no command row."""
        self._stock_application().save(self._stock_learner())

    def sealed(self) -> None:
        """A learner's first event, its two sealed fields sealed with keys at hand."""
        self.save(Recorded(SUBJECT, self._next_version(), log.identified(1)))

    def unsealed(self) -> None:
        """The same event, sealed beforehand."""
        self.save(Recorded(SUBJECT, self._next_version(), self._presealed()))

    def _next_version(self) -> int:
        self._version = getattr(self, "_version", 0) + 1
        return self._version

    def _presealed(self) -> Any:
        if not hasattr(self, "_sealed_event"):
            mapper = self.place.mapper()
            stored = mapper.to_stored_event(Recorded(SUBJECT, 1, log.identified(1)))
            self._sealed_event = mapper.decode(stored.state)
        return self._sealed_event

    def _stock_application(self) -> Any:
        if not hasattr(self, "_stock"):
            self._stock = stock.application(self.place.log, makes_tables=False)
        return self._stock

    def _stock_learner(self) -> Any:
        return stock.Learner(enrolment=uuid4(), days=["2026-01-12 present 180"] * 5)

    def turn(self, kind: str, seconds: float) -> float:
        """Saves a second this writer did."""
        save, count, began = self.kinds[kind], 0, perf_counter()
        while (now := perf_counter()) - began < seconds:
            save()
            count += 1
        return count / (now - began)


def _work(place: Place, pipe: Connection) -> None:
    writer = Writer(place)
    for warm_up in (writer.ours, writer.raw_one, writer.stock):
        warm_up()
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        pipe.send(writer.turn(*order))


@contextmanager
def writers(place: Place, count: int) -> Iterator[Callable[[str, float], float]]:
    """That many writer processes; the callable lets all of them do one kind at once and adds their rates up."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(count):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(place, there), daemon=True)
        process.start()
        pipes.append(here)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()

    def turn(kind: str, seconds: float) -> float:
        for pipe in pipes:
            pipe.send((kind, seconds))
        return sum(float(pipe.recv()) for pipe in pipes)

    yield turn
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        process.join()


def rates(turn: Callable[[str, float], float], kinds: tuple[str, ...]) -> dict[str, float]:
    """Median rate of each kind over turns that alternate."""
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(TURNS):
        for kind in kinds:
            seen[kind].append(turn(kind, TURN_SECONDS))
    return {kind: median(values) for kind, values in seen.items()}


def _prepare(place: Place) -> None:
    with psycopg.connect(place.log, autocommit=True) as connection:
        connection.execute("create table raw_events (like forsa_events including all)")
        connection.execute("create sequence raw_position")
    stock.application(place.log).close()
    place.event_log().application.save(Recorded(GUARDED, 1, log.attendance(0, 0)))


def measure(place: Place) -> dict[str, Figure]:
    """append_1, append_1_guarded, append_16, sheet_1, sheet_16, sealing_append."""
    _prepare(place)
    with writers(place, 1) as turn:
        one = rates(turn, ("raw", "ours", "guarded", "stock", "raw_sheet", "sheet"))
        sealing = rates(turn, ("unsealed", "sealed"))
    with writers(place, 16) as turn, tailing(place) as missed:
        many = rates(turn, ("raw", "ours", "stock", "raw_sheet", "sheet"))
    cost = 100 * (1 - sealing["sealed"] / sealing["unsealed"])
    of_raw = f"{many['ours']:,.0f}/s of {many['raw']:,.0f}/s raw"
    return {
        "tail_missed": Figure(
            value=missed(), unit="events", target=0, at_least=False, note="by a reader tailing the 16 writers"
        ),
        "append_1": _share(one, "ours", "raw", 0.60, f"{one['ours']:,.0f}/s of {one['raw']:,.0f}/s raw"),
        "append_1_guarded": _share(one, "guarded", "raw", 0.35, "with a guard and a claim"),
        "append_16": _share(many, "ours", "raw", 0.25, of_raw),
        "sheet_1": _share(one, "sheet", "raw_sheet", 0.70, f"{one['sheet'] * 25:,.0f} events/s"),
        "sheet_16": _share(many, "sheet", "raw_sheet", 0.50, f"{many['sheet'] * 25:,.0f} events/s"),
        "sealing_append": Figure(
            value=max(cost, 0.0), unit="% slower", target=15, at_least=False, note="two sealed fields, keys cached"
        ),
    }


def _share(rate: dict[str, float], ours: str, raw: str, target: float, note: str) -> Figure:
    stock = rate["stock"] / rate["raw"] if ours == "ours" else None
    return Figure(value=rate[ours] / rate[raw], unit="× raw", target=target, stock=stock, note=note)


@contextmanager
def tailing(place: Place) -> Iterator[Callable[[], int]]:
    """A reader process follows the log by position while others write; the callable says how many it missed."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    first = place.event_log().recorder.max_position()
    reader = context.Process(target=_tail, args=(place, first, there), daemon=True)
    reader.start()
    here.recv()
    answer: list[int] = []
    yield lambda: answer[0] if answer else _ask(here, place, first, answer)
    if not answer:
        _ask(here, place, first, answer)
    reader.join()


def _ask(pipe: Connection, place: Place, first: int, answer: list[int]) -> int:
    last = place.event_log().recorder.max_position()
    pipe.send(last)
    answer.append(last - first - pipe.recv())
    return answer[0]


def _tail(place: Place, after: int, pipe: Connection) -> None:
    """Counts events in position order, each once; never looks back."""
    recorder = place.event_log(pool_size=1).recorder
    pipe.send("ready")
    count, until = 0, None
    while until is None or after < until:
        if until is None and pipe.poll(0.002):
            until = pipe.recv()
        for position, *_ in recorder.page(after):
            after, count = position, count + 1
    pipe.send(count)

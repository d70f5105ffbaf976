"""load_100, load_500: a learner's typed events against a raw SELECT of the same rows; as a factor, less is better."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench import log, stock
from bench.place import Place
from bench.report import Figure, median
from domain.streams import KINDS, fold

QUERY = "select originator_version, topic, state from forsa_events where originator_id = %s order by 1"


def _milliseconds(what: Callable[[UUID], Any], stream: UUID) -> float:
    began = perf_counter()
    what(stream)
    return (perf_counter() - began) * 1000


def _stock_learner(place: Place, length: int) -> tuple[Any, UUID]:
    application = stock.application(place.log)
    learner = stock.Learner(enrolment=uuid4(), days=["2026-01-12 present 180"] * 5)
    for _ in range(length - 1):
        learner.record(week="2026-01-12", days=["2026-01-12 present 180"] * 5)
    application.save(learner)
    return application, learner.id


def measure(place: Place) -> dict[str, Figure]:
    """load_100 and load_500, turns alternating over 50 streams of each length; folding is measured beside."""
    figures: dict[str, Figure] = {}
    for length, target in ((100, 1.8), (500, 2.0)):
        log.fill(place, log.by_stream(50, length))
        figures[f"load_{length}"] = _measure(place, length, target)
    return figures


def _measure(place: Place, length: int, target: float) -> Figure:
    event_log = place.event_log(pool_size=1)
    application, stock_id = _stock_learner(place, length)
    learner = KINDS["learner"]
    with psycopg.connect(place.log, autocommit=True) as connection:
        cursor = connection.cursor(binary=True)
        kinds: dict[str, Callable[[UUID], Any]] = {
            "raw": lambda stream: cursor.execute(QUERY, (stream,), prepare=True).fetchall(),
            "ours": lambda stream: event_log.load([stream]),
            "folded": lambda stream: fold(learner, event_log.load([stream])[stream].events),
            "stock": lambda _stream: application.repository.get(stock_id),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(200):
            for kind, what in kinds.items():
                stream = log.learner_id(turn % 50)
                times[kind].append(_milliseconds(what, stream))
    middle = {kind: median(values) for kind, values in times.items()}
    note = f"{middle['ours']:.2f} ms of {middle['raw']:.2f} ms raw; folded too {middle['folded'] / middle['raw']:.2f}×"
    return Figure(
        value=middle["ours"] / middle["raw"],
        unit="× raw",
        target=target,
        at_least=False,
        stock=middle["stock"] / middle["raw"],
        note=note,
    )

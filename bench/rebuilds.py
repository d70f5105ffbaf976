"""rebuild_one, rebuild_all, sealing on rebuild: two processes, against COPY-out, and in events a second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final

import msgspec

from bench import log, stock
from bench.place import Place
from bench.report import Figure, median
from bench.views import STOCK_EVENTS, drop_views
from projections import ALL_VIEWS, learner_record
from projections.rebuild import rebuild
from projections.view import View
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper

LEARNERS: Final = 3_000
LENGTH: Final = 60
TURNS: Final = 3


class Means(msgspec.Struct, frozen=True):
    """What a rebuilding process needs."""

    mapper: ForsaMapper
    keyring: Keyring


def means(place: Place) -> Means:
    """Opened by the process that uses it."""
    return Means(place.mapper(), place.keyring())


def _seconds(place: Place, views: Sequence[View]) -> float:
    began = perf_counter()
    rebuild(place.log, partial(means, place), views=views, processes=2)
    took = perf_counter() - began
    drop_views(place)
    return took


def _rate(place: Place, count: int, views: Sequence[View]) -> float:
    return count / median([_seconds(place, views) for _ in range(TURNS)])


def measure(place: Place) -> dict[str, Figure]:
    """One stream view that opens nothing, then every view; then the first over a log with as many bytes in the clear."""
    count = log.fill(place, log.by_stream(LEARNERS, LENGTH))
    limit = count / median([log.copy_out_seconds(place.log) for _ in range(TURNS)])
    one = _rate(place, count, [learner_record.VIEW])
    every = _rate(place, count, ALL_VIEWS)
    log.fill(place, log.by_stream(LEARNERS, LENGTH, sealed=False))
    unsealed = _rate(place, count, [learner_record.VIEW])
    cost = max(0.0, 100 * (1 - one / unsealed))
    stock_share = stock.events_a_second(place.log, STOCK_EVENTS) / limit
    rates = f"{one:,.0f} events/s, COPY-out {limit:,.0f}/s, {count:,} events"
    country = f"{len(ALL_VIEWS)} views; the country's 5.4 M events: {5_400_000 / every:,.0f} s"
    return {
        "rebuild_one": Figure(value=one / limit, unit="× COPY-out", target=0.2, stock=stock_share, note=rates),
        "rebuild_all": Figure(value=every, unit="events/s", target=60_000, note=country),
        "sealing_rebuild": Figure(
            value=cost, unit="% slower", target=5, at_least=False, note="a view that opens nothing"
        ),
    }

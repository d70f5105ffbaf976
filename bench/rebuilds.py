"""rebuild_one, rebuild_all, sealing on rebuild: two processes, against COPY-out, and in events a second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final

import msgspec

from bench import log, stock
from bench.place import Place, place
from bench.report import Figure, median
from bench.views import STOCK_EVENTS, drop_views
from projections import ALL_VIEWS, learner_record
from projections.rebuild import rebuild
from projections.view import View
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper

LEARNERS: Final = 9_000
LENGTH: Final = 60
TURNS: Final = 3


class Means(msgspec.Struct, frozen=True):
    """What a rebuilding process needs."""

    mapper: ForsaMapper
    keyring: Keyring


def means(here: Place) -> Means:
    """Opened by the process that uses it."""
    return Means(here.mapper(), here.keyring())


def _seconds(here: Place, views: Sequence[View]) -> float:
    began = perf_counter()
    rebuild(here.log, partial(means, here), views=views, processes=2)
    took = perf_counter() - began
    drop_views(here)
    return took


def measure(sealed: Place) -> dict[str, Figure]:
    """One stream view that opens nothing, over a log with sealed facts and one with the same in the clear; all views.

    The three take turns, so that the machine's mood falls on all of them.
    """
    one_view = [learner_record.VIEW]
    with place() as clear:
        count = log.fill(sealed, log.by_stream(LEARNERS, LENGTH))
        log.fill(clear, log.by_stream(LEARNERS, LENGTH, sealed=False))
        stock_rate = stock.events_a_second(clear.log, STOCK_EVENTS)
        turns = [
            (
                log.copy_out_seconds(sealed.log),
                _seconds(sealed, one_view),
                _seconds(clear, one_view),
                _seconds(sealed, ALL_VIEWS),
            )
            for _ in range(TURNS)
        ]
    copy_out, one, _, every = (median(list(times)) for times in zip(*turns, strict=True))
    dearer = median([sealed_one / clear_one for _, sealed_one, clear_one, _ in turns])
    rates = f"{count / one:,.0f} events/s, COPY-out {count / copy_out:,.0f}/s, {count:,} events"
    country = f"{len(ALL_VIEWS)} views; the country's 5.4 M events: {5_400_000 / count * every:,.0f} s"
    cost = max(0.0, 100 * (dearer - 1))
    return {
        "rebuild_one": Figure(
            value=copy_out / one, unit="× COPY-out", target=0.2, stock=stock_rate * copy_out / count, note=rates
        ),
        "rebuild_all": Figure(value=count / every, unit="events/s", target=60_000, note=country),
        "sealing_rebuild": Figure(
            value=cost, unit="% slower", target=5, at_least=False, note="a view that opens nothing"
        ),
    }

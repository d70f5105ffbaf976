"""Whether this process can answer, said within seconds even where a database neither answers nor refuses."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import psycopg
from eventsourcing.persistence import PersistenceError

from projections.connections import address
from projections.reading import NotLive

if TYPE_CHECKING:
    from runtime.wiring import Forsa

SECONDS: Final = 2.5  # whoever asks gives up after three
SLOW: Final = ("database",)  # what is said to be away when nothing is said in time


class Readiness:
    """Asks what is away, in a thread of its own: a database that hangs holds that one, and no request."""

    def __init__(self, ask: Callable[[], Sequence[str]]) -> None:
        """ask: names what is away, nothing where all is there; may take as long as it likes."""
        self._ask = ask
        self._lock = threading.Lock()
        self._asked: Future[Sequence[str]] | None = None

    def away(self) -> Sequence[str]:
        """What is away; SLOW where that is not known in time. Those who ask at once share one answer."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._find, args=(self._asked,), name="readiness", daemon=True).start()
            asked = self._asked
        try:
            return asked.result(SECONDS)
        except TimeoutError:
            return SLOW

    def _find(self, asked: Future[Sequence[str]]) -> None:
        try:
            asked.set_result(self._ask())
        except Exception as error:  # noqa: BLE001  # raised where the answer is waited for
            asked.set_exception(error)


def first_away(forsa: Forsa) -> Sequence[str]:
    """The first thing that keeps this process from answering: log, keys or views. Empty when it can."""
    keys = address(forsa.settings.keys_database_url, "")
    checks: dict[str, Callable[[], object]] = {
        "log": forsa.event_log.max_position,
        "keys": lambda: psycopg.connect(keys).close(),
        "views": forsa.views.require_live,
    }
    # The first only: each waits seconds for a database that is away, and whoever asks wants to know soon.
    return list(itertools.islice((name for name, check in checks.items() if _fails(check)), 1))


def _fails(check: Callable[[], object]) -> bool:
    try:
        check()
    except (psycopg.Error, PersistenceError, NotLive):
        return True
    return False

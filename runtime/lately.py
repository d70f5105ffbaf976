"""Answers that may be a second old: what many requests ask is asked of the database once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FRESH_SECONDS: Final = 1.0
MOST: Final = 10_000  # answers kept; the oldest goes first


class Lately(Generic[K, V]):
    """The last answer of each question. Safe to share between threads."""

    def __init__(self, ask: Callable[[K], V], clock: Callable[[], float] = time.monotonic) -> None:
        """ask: the question itself, its exceptions are the caller's; clock: seconds, for the age of an answer."""
        self._ask, self._clock = ask, clock
        self._answers: OrderedDict[K, tuple[V, float]] = OrderedDict()  # question → answer, when it was asked
        self._lock = threading.Lock()

    def of(self, question: K, *, afresh: bool = False) -> V:
        """The answer, at most a second old; `afresh`: of now. None is asked again each time: it may just have come."""
        with self._lock:
            found = self._answers.get(question)
        asked_at = self._clock()
        if found and not afresh and found[0] is not None and asked_at - found[1] < FRESH_SECONDS:
            return found[0]
        answer = self._ask(question)
        self._keep(question, answer, asked_at)
        return answer

    def _keep(self, question: K, answer: V, asked_at: float) -> None:
        with self._lock:
            kept = self._answers.pop(question, None)
            self._answers[question] = kept if kept and kept[1] > asked_at else (answer, asked_at)
            if len(self._answers) > MOST:
                self._answers.popitem(last=False)

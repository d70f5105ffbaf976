"""Who asks too fast waits: a bucket of turns for each one who asks, in this process alone.

With n web processes one login has up to n times the rate: a limit against floods, no accounting.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

MOST: Final = 10_000  # askers remembered; the one longest silent is forgotten first, and has its full bucket again
BURST_SECONDS: Final = 4  # of the rate, at once


class Buckets(Generic[T]):
    """Token buckets by asker. Safe to share between threads."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        """per_second turns come back; at most `burst`, at least 1, are there at once."""
        self._per_second, self._burst, self._clock = per_second, max(1.0, burst), clock
        self._held: OrderedDict[T, tuple[float, float]] = OrderedDict()  # asker → turns left, at this moment
        self._lock = threading.Lock()

    def wait_of(self, asker: T) -> float:
        """0 when a turn was there, and is taken; else the seconds until there is one."""
        with self._lock:
            now = self._clock()
            left, at = self._held.pop(asker, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            waits = left < 1
            self._held[asker] = (left if waits else left - 1, now)
            if len(self._held) > MOST:
                self._held.popitem(last=False)
        return (1 - left) / self._per_second if waits else 0.0

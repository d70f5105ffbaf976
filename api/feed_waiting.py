"""Reading a feed, and waiting for what comes next: a few requests a process, each without a database connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from api.parts import Parts
from domain.partner_feed import Place

AGAIN_SECONDS: Final = 1.0  # a waiting request reads the feed again after this, whatever notices came


class FeedWaits:
    """The requests of this process that wait. Each holds one of its threads, so there are at most `parts.feed_waits`.

    One of a reader and feed: a client that hung up and asks again does not hold two.
    """

    def __init__(self, parts: Parts) -> None:
        """Nobody waits yet."""
        self._parts = parts
        self._waiting: set[tuple[UUID, str]] = set()
        self._lock = threading.Lock()

    def messages(self, reader: UUID, feed: str, after: Place, limit: int, seconds: int) -> list[bytes] | None:
        """Up to `limit` messages after a place, in order: those that are there, else the first within so many seconds.

        None where it would have to wait and others do already.
        """
        found = self._parts.feeds.after(feed, after, limit)
        if found or not seconds:
            return found
        with self._waits(reader, feed) as may:
            return self._awaited(feed, after, limit, seconds) if may else None

    def _awaited(self, feed: str, after: Place, limit: int, seconds: int) -> list[bytes]:
        until, goes_on = time.monotonic() + seconds, True
        while True:
            count = self._parts.feed_notices.count(feed)  # first: what is written after the look below changes it
            found = self._parts.feeds.after(feed, after, limit)
            left = until - time.monotonic()
            if found or left <= 0 or not goes_on:
                return found
            goes_on = self._parts.feed_notices.wait(feed, count, min(left, AGAIN_SECONDS))

    @contextmanager
    def _waits(self, reader: UUID, feed: str) -> Iterator[bool]:
        """Whether this request may wait inside."""
        key = (reader, feed)
        with self._lock:
            may = key not in self._waiting and len(self._waiting) < self._parts.feed_waits
            if may:
                self._waiting.add(key)
        try:
            yield may
        finally:
            if may:
                with self._lock:
                    self._waiting.discard(key)

"""The moment rows of a partner feed are written, for the requests of this process that wait for them.

One session listens for all of them, and only while there are some. Whoever waits asks the table again every second
too, so a notice that is lost costs that second and no message.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import psycopg

from projections.connections import address
from projections.records.partner_feed import CHANNEL

LOG: Final = logging.getLogger("forsa.feeds")
LOOK_SECONDS: Final = 0.25  # between two looks at whether the process ends
LINGER_SECONDS: Final = 5.0  # the session stays open so long after the last wait
AGAIN_SECONDS: Final = 1.0  # between attempts to reach a database that is away


class FeedNotices:
    """Counts the notices of each feed. Safe to share between threads; connects when somebody first waits."""

    def __init__(self, dsn: str, stopping: Callable[[], bool]) -> None:
        """stopping: whether the process was asked to end."""
        self._dsn, self._stopping = dsn, stopping
        self._changed = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._began = 0  # sessions: what was written before one began to listen is not told in it
        self._listener: threading.Thread | None = None
        self._waited_at = time.monotonic()

    def count(self, feed: str) -> int:
        """A number that is another one after rows were written: asked before the feed is read."""
        with self._changed:
            return self._counts[feed] + self._began

    def wait(self, feed: str, count: int, seconds: float) -> bool:
        """Waits at most so long for the feed's count to be another one; False: the process ends, nobody waits now."""
        until = time.monotonic() + seconds
        with self._changed:
            self._listen()
            while self._counts[feed] + self._began == count and not self._stopping():
                self._waited_at = time.monotonic()
                if (left := until - self._waited_at) <= 0:
                    break
                self._changed.wait(min(left, LOOK_SECONDS))
        return not self._stopping()

    def _listen(self) -> None:
        """A thread listens from now on. Called with the lock held."""
        self._waited_at = time.monotonic()
        if self._listener is None:
            self._listener = threading.Thread(target=self._follow, name="forsa feed notices", daemon=True)
            self._listener.start()

    def _follow(self) -> None:
        while not self._is_over():
            try:
                self._follow_session()
                return
            except psycopg.Error as error:
                LOG.debug("listening later: %s", type(error).__name__)
                time.sleep(AGAIN_SECONDS)

    def _follow_session(self) -> None:
        options = address(self._dsn, application_name="forsa feed notices")
        with psycopg.connect(options, autocommit=True) as connection:
            connection.execute(f"listen {CHANNEL}")
            self._tell(None)
            while not self._is_over():
                for notice in connection.notifies(timeout=LOOK_SECONDS):
                    self._tell(notice)

    def _tell(self, notice: Any) -> None:
        with self._changed:
            if notice is None:
                self._began += 1
            else:
                self._counts[notice.payload] += 1
            self._changed.notify_all()

    def _is_over(self) -> bool:
        """Whether nobody waited lately: the next wait begins another thread."""
        with self._changed:
            over = self._stopping() or time.monotonic() - self._waited_at > LINGER_SECONDS
            if over:
                self._listener = None
            return over

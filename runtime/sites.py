"""Where centres stand and who runs them: what scopes are resolved with, read from the log and never from a view."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from domain.access import Site
from domain.centre import CentreOpened
from runtime.tail import Decode, Row, Tail

# Word for word the condition of the partial index forsa_events_centres_idx, or it is not used.
TAIL: Final = (
    b"select notification_id, originator_id, state from forsa_events where notification_id > %s"
    b" and topic in ('centre.opened', 'centre.operator-changed') order by notification_id"
)


class Sites:
    """Every centre's site. Thread-safe; one a process."""

    def __init__(
        self, read: Callable[[int], Iterable[Row]], decode: Decode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """read: the centres' events after a position, raises Unreadable."""
        self._decode = decode
        self._tail = Tail(read, self._apply, clock)
        self._sites: dict[UUID, Site] = {}

    def of(self, centre: UUID) -> Site | None:
        """The centre's site; None where there is no such centre. Raises Unreadable."""
        with self._tail.known() as ask_now:
            if centre not in self._sites:
                ask_now()  # it may have opened a moment ago
            return self._sites.get(centre)

    def all(self) -> list[Site]:
        """Every centre's site, in the order they opened. Raises Unreadable."""
        with self._tail.known():
            return list(self._sites.values())

    def _apply(self, stream: UUID, state: bytes) -> None:
        event = self._decode(state)
        if isinstance(event, CentreOpened):
            self._sites[stream] = Site(stream, event.operator, event.province)

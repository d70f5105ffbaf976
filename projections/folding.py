"""Events folded with the domain's own evolve, once for every view; states of a bounded number of streams are kept."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.event import Event
from domain.kind import Kind
from domain.streams import KIND_OF
from projections import log

CACHE_BYTES: Final = 256 * 2**20
STATE_FACTOR: Final = 3  # measured: a season of attendance takes 2.8 times the bytes of its stored events
STATE_BYTES: Final = 2_000  # what an empty state and its ids take

PLACE: Final = Struct("!q8s")


class OutOfOrder(Exception):
    """A stream's versions do not follow one another: what was read or kept is not the log."""


class FoldFailed(Exception):
    """The domain's evolve raised, which it never may; `reason` is what it raised."""

    def __init__(self, reason: Exception) -> None:
        """reason: for its class; its message may hold personal data."""
        super().__init__(type(reason).__name__)
        self.reason = reason


class Held(msgspec.Struct):
    """A stream as the projector keeps it: its kind, its state, and an estimate of the memory it takes."""

    id: UUID
    kind: Kind
    state: Any
    size: int


@contextmanager
def no_collection() -> Iterator[None]:
    """Inside it the cyclic collector rests: folding makes no cycles, and looking for them costs a third."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class States:
    """States by stream, the least recently used dropped beyond `bound` bytes (an estimate)."""

    def __init__(self, bound: int = CACHE_BYTES) -> None:
        """Empty."""
        self._bound = bound
        self._held: dict[bytes, Held] = {}
        self._size = 0

    def missing(self, streams: Iterable[bytes]) -> list[bytes]:
        """Those of these streams that are not held."""
        return [each for each in streams if each not in self._held]

    def take(self, stream: bytes) -> Held | None:
        """The state, no longer held here; `keep` gives it back as the most recently used."""
        held = self._held.pop(stream, None)
        if held is not None:
            self._size -= held.size
        return held

    def keep(self, states: Iterable[tuple[bytes, Held]]) -> None:
        """These are held, most recently used; older ones are dropped where the bound asks it."""
        for stream, held in states:
            self._held[stream] = held
            self._size += held.size
        while self._size > self._bound and self._held:
            self._size -= self._held.pop(next(iter(self._held))).size

    def drop(self, stream: bytes) -> None:
        """The stream is not held."""
        self.take(stream)

    def __len__(self) -> int:
        """How many streams are held."""
        return len(self._held)


def new_state(stream: bytes, first: Event) -> Held:
    """The empty state of a stream whose first event this is: it decides the kind."""
    kind = KIND_OF[type(first)]
    return Held(UUID(bytes=stream), kind, kind.empty, STATE_BYTES)


def folded(mapper: log.Mapper, stream: bytes, joined: bytes) -> Held:
    """The stream's state from its joined stored states. Raises FoldFailed."""
    events = mapper.decode_many(joined)
    held = new_state(stream, events[0])
    held.state = after(held, events)
    held.size += STATE_FACTOR * len(joined)
    return held


def after(held: Held, events: Iterable[Event]) -> Any:
    """The state after all of a new stream's events. Raises FoldFailed."""
    evolve, state = held.kind.evolve, held.state
    try:
        for version, event in enumerate(events, 1):
            state = evolve(state, event, version)
    except Exception as error:
        raise FoldFailed(error) from error
    return state


class Page(msgspec.Struct):
    """A page's streams as they stand: states found or folded, and those whose fold failed, with the exception."""

    states: dict[bytes, Held]
    broken: dict[bytes, Exception]


def cold_states(
    connection: log.Connection, mapper: log.Mapper, rows: Sequence[log.PageRow], states: States, before: int
) -> Page:
    """The states of a page's streams as of position `before`, those not held in one query. New ones are absent."""
    first_versions = {row[1]: row[2] for row in reversed(rows)}
    known = [stream for stream, version in first_versions.items() if version > 1]
    loaded = log.states_of(connection, states.missing(known), before)
    page = Page({}, {})
    for stream in known:
        if (held := states.take(stream)) is not None:
            page.states[stream] = held
            continue
        try:
            page.states[stream] = folded(mapper, stream, loaded[stream])
        except FoldFailed as failed:
            page.broken[stream] = failed.reason
    return page

"""A page of events, folded once and shown to every view: the rows it gives, and what a view could not take in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from domain.errors import TooOld
from domain.event import Event
from domain.sealed import SealedFact
from projections import log
from projections.copying import entry_place
from projections.folding import PLACE, STATE_FACTOR, FoldFailed, Held, OutOfOrder, Page, after, new_state
from projections.view import EntryView, Opened, StreamView, View
from projections.writing import Entries, StreamRows

Failure = tuple[bytes, int, str]  # stream, position of the event, class of what was raised
# Raised for the process, not for a row: a newer release's event, or a database that is away.
NEVER_PARKED: Final = (TooOld, psycopg.OperationalError, psycopg.InterfaceError)


class _Sink:
    """Where an entry view's rows go."""

    __slots__ = ("kinds", "parked", "places", "rows", "view")

    def __init__(self, view: EntryView, parked: frozenset[bytes] | set[bytes], entries: Entries) -> None:
        self.view, self.kinds, self.parked = view, view.kinds, parked
        self.places, self.rows = entries.places, entries.rows


class Folded:
    """What events change in these views. Nothing is written; streams parked before are left out."""

    def __init__(
        self,
        mapper: log.Mapper,
        keyring: log.Keyring,
        views: Sequence[View],
        parked: Mapping[str, set[bytes]],
    ) -> None:
        """parked: by view, the streams it does not take in."""
        self._mapper, self._keyring, self._views = mapper, keyring, views
        self._parked = parked
        self.entries = {view.id: Entries([], []) for view in views if isinstance(view, EntryView)}
        self.failures: dict[str, list[Failure]] = {view.id: [] for view in views}
        self._sinks = [
            _Sink(view, parked[view.id], self.entries[view.id]) for view in views if isinstance(view, EntryView)
        ]
        self.states: dict[bytes, Held] = {}
        self._before: dict[bytes, Any] = {}  # the state each touched stream had before these events
        self._last: dict[bytes, int] = {}  # position of each touched stream's last event

    def fold(self, rows: Sequence[log.PageRow], page: Page) -> None:
        """The page's events are folded over these states. Raises OutOfOrder, and TooOld for an unknown tag."""
        self.states = page.states
        events = self._mapper.decode_many(b",".join([row[3] for row in rows]))
        for (position, stream, version, stored, at), event in zip(rows, events, strict=True):
            if stream in page.broken:
                self._break(stream, position, page.broken[stream])
                continue
            held = page.states.get(stream)
            if held is None:
                held = page.states[stream] = new_state(stream, event)
            self._before.setdefault(stream, held.state)
            self._last[stream] = position
            held.size += STATE_FACTOR * len(stored)
            try:
                self._take(held, stream, version, event, position, at)
            except FoldFailed as failed:
                page.broken[stream] = failed.reason
                del page.states[stream], self._before[stream]
                self._break(stream, position, failed.reason)

    def fold_stream(self, row: log.StreamRow, since: int = 0) -> None:
        """The whole stream is folded; it gives entries from position `since` on."""
        stream, joined, places = row
        events = self._mapper.decode_many(joined)
        held = self.states[stream] = new_state(stream, events[0])
        self._before[stream] = None
        try:
            if self._sinks:
                for version, (event, (position, at)) in enumerate(
                    zip(events, PLACE.iter_unpack(places), strict=True), 1
                ):
                    self._last[stream] = position
                    self._take(held, stream, version, event, position, at, skip=position < since)
            else:
                held.state = after(held, events)
                self._last[stream] = int.from_bytes(places[-16:-8], "big")
        except FoldFailed as failed:
            del self.states[stream], self._before[stream]
            self._break(stream, max(since, self._last.get(stream, 0)), failed.reason)

    def _take(
        self, held: Held, stream: bytes, version: int, event: Event, position: int, at: bytes, *, skip: bool = False
    ) -> None:
        """The state after the event, and its entries in every entry view."""
        before = held.state
        if before.version + 1 != version:
            raise OutOfOrder(f"stream {held.id} has version {before.version}, the log goes on with {version}")
        try:
            state = held.kind.evolve(before, event, version)
        except Exception as error:
            raise FoldFailed(error) from error
        held.state = state
        if skip:
            return
        for sink in self._sinks:
            if stream in sink.parked or held.kind.name not in sink.kinds:
                continue
            try:
                rows = sink.view.entries_of(held.id, before, event, state)
            except NEVER_PARKED:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a view raises parks one stream of it, no more
                self._fail(sink.view, stream, position, error)
                continue
            for row in rows:
                sink.places.append(entry_place(position, stream, version, at))
                sink.rows.append(row)

    def rows_of(self, view: StreamView) -> StreamRows:
        """The rows of the touched streams whose rows may have changed; what fails is among the failures afterwards."""
        changed = StreamRows([], [], [])
        parked = self._parked[view.id]
        touched = [stream for stream in self._before if stream not in parked and self._is_changed(view, stream)]
        for stream, opened in zip(touched, self._opened(view, touched), strict=True):
            held = self.states[stream]
            try:
                if isinstance(opened, Exception):
                    raise opened
                rows = view.rows_of(held.id, held.state, opened)
            except NEVER_PARKED:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a view raises parks one stream of it, no more
                self._fail(view, stream, self._last[stream], error)
                continue
            changed.touched.append(stream)
            changed.streams += [stream] * len(rows)
            changed.rows += rows
        return changed

    def _is_changed(self, view: StreamView, stream: bytes) -> bool:
        held, before = self.states[stream], self._before[stream]
        if held.kind.name not in view.kinds:
            return False
        return before is None or view.part_of(before) != view.part_of(held.state)

    def _opened(self, view: StreamView, streams: Sequence[bytes]) -> Iterable[Opened | Exception]:
        """What each stream's rows need opened; all keys in one query, one by one where one of them fails."""
        wanted = [view.facts_of(self.states[stream].state) for stream in streams]
        if not any(wanted):
            return [()] * len(streams)
        held = [self.states[stream].id for stream in streams]
        try:
            return self._open(held, wanted)
        except NEVER_PARKED:
            raise
        except Exception:  # noqa: BLE001  # which of them it was is found below
            return [self._open_one(stream, facts) for stream, facts in zip(held, wanted, strict=True)]

    def _open(
        self, streams: Sequence[UUID], wanted: Sequence[tuple[SealedFact[Any] | None, ...]]
    ) -> list[Opened | Exception]:
        flat = [(stream, fact) for stream, facts in zip(streams, wanted, strict=True) for fact in facts if fact]
        values = iter(self._keyring.open_many(flat))
        return [tuple(next(values) if fact else None for fact in facts) for facts in wanted]

    def _open_one(self, stream: UUID, facts: tuple[SealedFact[Any] | None, ...]) -> Opened | Exception:
        try:
            return self._open([stream], [facts])[0]
        except NEVER_PARKED:
            raise
        except Exception as error:  # noqa: BLE001  # an unknown or broken key is this stream's matter
            return error

    def _break(self, stream: bytes, position: int, error: Exception) -> None:
        """The stream cannot be folded, so no view can take it in."""
        for view in self._views:
            self._fail(view, stream, position, error)

    def _fail(self, view: View, stream: bytes, position: int, error: Exception) -> None:
        if stream not in self._parked[view.id]:
            self._parked[view.id].add(stream)
            self.failures[view.id].append((stream, position, type(error).__name__))

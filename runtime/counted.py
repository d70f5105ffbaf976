"""The log as the casebook sees it, with every append counted and every slow one said."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol
from uuid import UUID

from domain.casebook import Append, Appended, Claim, CommandKey, CommandRow, Stream, Streams

SLOW_SECONDS: Final = 1.0

_log = logging.getLogger("forsa.store")


class AppendMeter(Protocol):
    """Counts appends."""

    def appended(self, outcome: str, events: int = 0) -> None:
        """One append ended so."""
        ...

    def retried(self) -> None:
        """A command was decided again."""
        ...


class CountedStreams:
    """Streams whose appends are counted. Safe to share between threads where the streams are."""

    def __init__(self, streams: Streams, meter: AppendMeter) -> None:
        """Everything else is the streams' own."""
        self._streams, self._meter = streams, meter
        self._thread = threading.local()

    def append(self, append: Append) -> Appended:
        """The streams' own; counted as stored, or by the class of what it raised."""
        self._count_retry(append.command)
        try:
            with slow_is_said("append"):
                appended = self._streams.append(append)
        except Exception as refused:
            self._meter.appended(type(refused).__name__)
            raise
        self._thread.last = None
        self._meter.appended("stored", len(append.events))
        return appended

    def _count_retry(self, command: CommandKey | None) -> None:
        """The same command by the same thread, one after the other: it was decided again."""
        if command is not None and command == getattr(self._thread, "last", None):
            self._meter.retried()
        self._thread.last = command

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        """The streams' own."""
        with slow_is_said("load"):
            return self._streams.load(ids, upto)

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        """The streams' own."""
        return self._streams.find_command(subject, command_id)

    def find_claim(self, claim: Claim) -> UUID | None:
        """The streams' own."""
        return self._streams.find_claim(claim)

    def digest(self, kind: str, value: str) -> Claim:
        """The streams' own."""
        return self._streams.digest(kind, value)


@contextmanager
def slow_is_said(what: str) -> Iterator[None]:
    """What takes longer than a second has a line, with the request's id as every line has."""
    began = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - began
        if seconds > SLOW_SECONDS:
            _log.warning("slow", extra={"what": what, "ms": round(seconds * 1000)})

"""The two kinds of view, and only two: what a view says of itself. It reads nothing, writes nothing and folds nothing.

A view is a table `views.<name>_v<version>`. Columns of the place (stream, or position, stream, version, recorded_at)
come first in it and are written by the projector; the view's functions give the rest of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from domain.event import Event
from domain.sealed import SealedFact

Row: TypeAlias = tuple[Any, ...]
Facts: TypeAlias = tuple[SealedFact[Any] | None, ...]
Opened: TypeAlias = tuple[Any, ...]  # the facts' clear values in their order, ERASED, or None where there was none

SCHEMA: Final = "views"


class Column(msgspec.Struct, frozen=True):
    """One column: its SQL type is one that `copying` can write. JSON is given as text.

    personal: readable. The server keeps no sample of its values for its plans: a sample would outlive the row.
    """

    name: str
    type: str
    required: bool = False
    personal: bool = False


class Index(msgspec.Struct, frozen=True):
    """A secondary index, made when a table is; on a rebuild at its end. `needs`: an extension it is skipped without."""

    name: str
    on: str  # what stands after `on <table>`
    needs: str | None = None


def nothing_sealed(_state: Any) -> Facts:
    """For views that open no personal data."""
    return ()


def whole_state(state: Any) -> object:
    """For views whose rows change with every event."""
    return state.version


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """0..n rows a stream, keyed (stream, natural key), replaced as a set.

    A change of what `rows_of` gives is a new `version`: tests keep a hash of the examples' rows of each.
    """

    name: str
    version: int
    kinds: frozenset[str]  # of the streams it has rows of
    key: tuple[str, ...] = ()  # columns of the natural key; empty: at most one row a stream
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    fillfactor: int = 80  # room in each page, so that an update stays in it
    rows_of: Callable[[UUID, Any, Opened], list[Row]]  # (stream, state, opened facts) → rows without the stream
    part_of: Callable[[Any], object] = whole_state  # the rows change only when this part of the state does
    facts_of: Callable[[Any], Facts] = nothing_sealed  # what `rows_of` needs opened

    @property
    def id(self) -> str:
        """Name and version: `learner_record_v1`."""
        return f"{self.name}_v{self.version}"

    @property
    def place(self) -> tuple[Column, ...]:
        """The columns the projector writes."""
        return (Column("stream", "uuid", required=True),)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key."""
        return ("stream", *self.key)


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """Rows inserted per event, never updated. `entries_of` sees the event and the state before and after it."""

    name: str
    version: int
    kinds: frozenset[str]
    key: tuple[str, ...] = ()  # columns that tell apart several entries of one event; empty: at most one
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    fillfactor: int = 100
    entries_of: Callable[[UUID, Any, Event, Any], list[Row]]  # (stream, before, event, after)

    @property
    def id(self) -> str:
        """Name and version: `entries_v1`."""
        return f"{self.name}_v{self.version}"

    @property
    def place(self) -> tuple[Column, ...]:
        """The columns the projector writes."""
        return (
            Column("position", "bigint", required=True),
            Column("stream", "uuid", required=True),
            Column("version", "bigint", required=True),
            Column("recorded_at", "timestamptz", required=True),
        )

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key: the order in which a stream's entries are read."""
        return ("stream", "version", *self.key)


View: TypeAlias = StreamView | EntryView

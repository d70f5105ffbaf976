"""Rows as binary COPY, written column by column: four times quicker than a call a row (see the decision record)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain, repeat
from struct import Struct
from typing import Any, Final
from uuid import UUID

from projections.view import Row

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"

_LENGTH: Final = Struct("!i").pack
_COUNT: Final = Struct("!h").pack
_INT4: Final = Struct("!ii").pack
_INT8: Final = Struct("!iq").pack
_TEXT_OID: Final = 25
_UUID_OID: Final = 2950
_EPOCH: Final = date(2000, 1, 1).toordinal()  # PostgreSQL's dates count from here


def _with_length(raw: bytes) -> bytes:
    return _LENGTH(len(raw)) + raw


def _text(value: str) -> bytes:
    return _with_length(value.encode())


def _uuid(value: UUID) -> bytes:
    return b"\0\0\0\x10" + value.bytes


def _array(oid: int, fields: Sequence[bytes]) -> bytes:
    """One dimension, no nulls: the header has the dimension count, a null flag, the type, length, lower bound."""
    if not fields:
        return _with_length(_LENGTH(0) + _LENGTH(0) + _LENGTH(oid))
    head = _LENGTH(1) + _LENGTH(0) + _LENGTH(oid) + _LENGTH(len(fields)) + _LENGTH(1)
    return _with_length(head + b"".join(fields))


_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "uuid": _uuid,
    "text": _text,
    "integer": lambda value: _INT4(4, value),
    "bigint": lambda value: _INT8(8, value),
    "boolean": lambda value: b"\0\0\0\1\1" if value else b"\0\0\0\1\0",
    "date": lambda value: _INT4(4, value.toordinal() - _EPOCH),
    "jsonb": lambda value: _with_length(b"\1" + value.encode()),
    "text[]": lambda values: _array(_TEXT_OID, [_text(each) for each in values]),
    "uuid[]": lambda values: _array(_UUID_OID, [_uuid(each) for each in values]),
}
_SAMPLE: Final = 64
_FEW: Final = 16  # different values in the sample, for a column worth remembering


class _Written(dict[Any, bytes]):
    """What was written for a value in this batch: codes, ids and days stand in row after row."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        super().__init__({None: NULL})
        self._write = write

    def __missing__(self, value: Any) -> bytes:
        written = self[value] = self._write(value)
        return written


def types() -> frozenset[str]:
    """The SQL types a view's column may have."""
    return frozenset(_WRITERS)


def copy_bytes(places: Iterable[bytes], place_width: int, column_types: Sequence[str], rows: Sequence[Row]) -> bytes:
    """The whole COPY stream of these rows: each place (fields already written) and then the row's own columns."""
    count = repeat(_COUNT(place_width + len(column_types)))
    columns = [_column(kind, column) for kind, column in zip(column_types, zip(*rows, strict=True), strict=True)]
    return b"".join([HEADER, *chain.from_iterable(zip(count, places, *columns, strict=False)), TRAILER])


def _column(kind: str, values: Sequence[Any]) -> Iterable[bytes]:
    write = _WRITERS[kind]
    if not kind.endswith("[]") and len(set(values[:_SAMPLE])) <= _FEW:
        return map(_Written(write).__getitem__, values)
    return (NULL if value is None else write(value) for value in values)


_STREAM_PLACE: Final = b"\0\0\0\x10"
_ENTRY_PLACE: Final = Struct("!iqi16siqi8s")
_MOMENT_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's times count from here, in microseconds


def stream_place(stream: bytes) -> bytes:
    """The place of a stream view's row, from the stream id's 16 bytes."""
    return _STREAM_PLACE + stream


def entry_place(position: int, stream: bytes, version: int, recorded_at: bytes) -> bytes:
    """The place of an entry; `recorded_at` as the server sends it, 8 bytes."""
    return _ENTRY_PLACE.pack(8, position, 16, stream, 8, version, 8, recorded_at)


def read_place(place: bytes) -> tuple[int, UUID, int, datetime]:
    """Position, stream, version and time of an entry's place."""
    _, position, _, stream, _, version, _, recorded_at = _ENTRY_PLACE.unpack(place)
    passed = timedelta(microseconds=int.from_bytes(recorded_at, "big", signed=True))
    return position, UUID(bytes=stream), version, _MOMENT_EPOCH + passed

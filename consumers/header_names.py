"""A record is read whatever bytes its headers' names are.

The broker looks at no names, and kafka-python 3.0.12 calls a record with one that is no UTF-8 corrupt: again at each
attempt, and all that came with it. One such record from a stranger would stop whoever reads the topic.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch


class _Text(bytes):
    def decode(self, encoding: str = "utf-8", _errors: str = "") -> str:
        """The text, with U+FFFD for what is none."""
        return super().decode(encoding, "replace")


class _Readable:
    """A buffer whose parts are text, whatever they are."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def __getitem__(self, at: Any) -> Any:
        part = self._buffer[at]
        return _Text(part) if isinstance(at, slice) else part


class AnyNames(DefaultRecordBatch):  # type: ignore[misc]  # it has no types
    """A batch; what is no text in a header's name is U+FFFD."""

    _buffer: Any

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()  # it moves on in the buffer only when it has read a record
        except UnicodeDecodeError:
            buffer = self._buffer
            self._buffer = _Readable(buffer)
            try:
                return super()._read_msg()
            finally:
                self._buffer = buffer


PLACE: Final = "DefaultRecordBatch"  # where the client takes the class of its batches from


def read_any_names() -> None:
    """From now on the clients of this process read batches so."""
    setattr(memory_records, PLACE, AnyNames)

"""Streams a view could not take in: kept apart, so that everything else moves on, until a retry heals them.

Only the exception's class is kept: its message may hold personal data. While a stream is parked, that view's rows of
it stand still and answer `stale`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from projections.view import View

CHANNEL: Final = "forsa_retry"


class Parked(msgspec.Struct, frozen=True):
    """One stream that one view could not take in, since the event at `position`."""

    view: str
    version: int
    stream: UUID
    position: int
    exception: str
    parked_at: datetime


def parked_streams(connection: psycopg.Connection[Any], view: View) -> set[bytes]:
    """Ids (16 bytes) of the streams parked for this view."""
    query = "select uuid_send(stream) from records.parked where view = %s and version = %s"
    return {row[0] for row in connection.cursor(binary=True).execute(query, (view.name, view.version))}


def park(connection: psycopg.Connection[Any], view: View, streams: Iterable[tuple[bytes, int, str]]) -> None:
    """These streams are parked for this view from these positions on, for an exception of that class."""
    rows = [
        (view.name, view.version, UUID(bytes=stream), position, exception) for stream, position, exception in streams
    ]
    if not rows:
        return
    connection.cursor().executemany(
        "insert into records.parked (view, version, stream, position, exception) values (%s, %s, %s, %s, %s)"
        " on conflict (view, version, stream) do update set exception = excluded.exception, retry = false,"
        " parked_at = clock_timestamp()",
        rows,
    )


def wanted_again(connection: psycopg.Connection[Any], view: View, *, every: bool) -> list[tuple[UUID, int]]:
    """Stream and position of the parked ones to try again: those someone asked for, or `every` one of the view's."""
    query = (
        "select stream, position from records.parked where view = %s and version = %s and (retry or %s)"
        " order by position limit 1000"
    )
    return connection.execute(query, (view.name, view.version, every)).fetchall()


def release(connection: psycopg.Connection[Any], view: View, streams: Sequence[UUID]) -> None:
    """These streams are no longer parked for this view."""
    query = "delete from records.parked where view = %s and version = %s and stream = any(%s)"
    connection.execute(query, (view.name, view.version, list(streams)))

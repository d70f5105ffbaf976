"""The end of a view's version: when no release uses it any more its table goes, and never while somebody tends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from projections import ALL_VIEWS
from projections.projector import connect
from projections.rebuild import alone, beside
from projections.tables import drop_view, ensure_tables, lock_view, unlock_view, untended
from projections.view import View


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is in the database and not of this release. Tended: a projector of another one works on it."""

    view: str
    version: int
    is_tended: bool

    @property
    def id(self) -> str:
        """Name and version: `learner_record_v1`."""
        return f"{self.view}_v{self.version}"


def leftovers(connection: psycopg.Connection[Any], views: Sequence[View] = ALL_VIEWS) -> list[Leftover]:
    """The versions another release left or still uses; what a rebuild of this one is making is none.

    A version later than this release's is a newer release's and not left over, even where nobody tends it yet.
    """
    own = {view.name: view.version for each in views for view in (each, beside(each))}
    rows = connection.execute("select view, version from views.view_state order by view, version").fetchall()
    others = [(str(name), int(version)) for name, version in rows if version < own.get(name, version + 1)]
    idle = untended(connection, [f"{name}_v{version}" for name, version in others])
    return [
        Leftover(view=name, version=version, is_tended=f"{name}_v{version}" not in idle) for name, version in others
    ]


def retire(dsn: str, views: Sequence[View] = ALL_VIEWS) -> tuple[list[Leftover], list[Leftover]]:
    """Versions that were left over and that nobody tended are gone: those dropped, and those kept.

    dsn: the projector's login, which owns the tables. A reader that has one of them open keeps it. Raises
    RebuildRunning: what a rebuild is making is not left over.
    """
    dropped: list[Leftover] = []
    kept: list[Leftover] = []
    with connect(dsn) as connection, alone(connection, []):
        ensure_tables(connection, [])
        for each in leftovers(connection, views):
            (dropped if _drop(connection, each) else kept).append(each)
    return dropped, kept


def _drop(connection: psycopg.Connection[Any], left: Leftover) -> bool:
    """Whether it was dropped. Its lock is held meanwhile, so that no projector begins with it."""
    if left.is_tended or not lock_view(connection, left.id):
        return False
    try:
        drop_view(connection, left.view, left.version)
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        unlock_view(connection, left.id)
    return True

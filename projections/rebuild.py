"""Rebuild: views folded anew from the log, beside the live ones, which serve and follow the log all the while.

Streams are cut into even ranges of ids, worked off by several processes; a stream is decoded and folded once for every
view. Indexes come after the rows, then the projector's own step up to the live position, then parity, then the switch:
one short transaction in which the live view's row of state is held, so that no projector writes in between.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, Final, LiteralString, TypeAlias
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from projections import ALL_VIEWS, log
from projections.copying import stream_place
from projections.folding import no_collection
from projections.page import Failure, Folded
from projections.projector import Projector, connect, place_of
from projections.records import parked
from projections.tables import (
    BUILDING,
    DDL_LOCK,
    create_indexes,
    create_table,
    drop_view,
    ensure_tables,
    lock_view,
    switch_table,
    table,
)
from projections.view import EntryView, View
from projections.writing import copy_into

REBUILD_LOCK: Final = 7068  # one rebuild of a database at a time
EVENTS_A_RANGE: Final = 40_000  # about 20 MB of stored events, several times that while they are folded
SAMPLE_SHARE: Final = 100  # one stream in so many is folded again and compared, where there is no live table
SAMPLE_MOST: Final = 1_000
SAMPLE_ALL: Final = 10_000  # a log of up to so many events is compared whole
SWITCH_WAIT: Final = "2s"  # how long the switch waits for readers before it lets them through and tries again
SWITCH_TRIES: Final = 30
SESSION: Final = "set work_mem = '128MB'; set maintenance_work_mem = '256MB'; set jit = off; set enable_seqscan = on"


class Progress(msgspec.Struct, frozen=True):
    """How far a rebuild is: phase (folding, indexing, catching up, comparing, switching) and events done of all."""

    phase: str
    done: int
    total: int


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one view. `parity`: equal or differs (to the live table), or sampled: folded again."""

    view: str
    version: int
    position: int
    rows: int
    parity: str
    switched: bool
    switch_seconds: float  # for how long writers and readers of the live table waited at most


class RebuildRunning(Exception):
    """Another rebuild of this database is under way."""


class Differs(Exception):
    """A rebuilt view without a live one to compare with is not what its streams fold to: nothing was switched."""


Report: TypeAlias = Callable[[Progress], None]


def rebuild(
    dsn: str,
    open_means: log.OpenMeans,
    *,
    views: Sequence[View] = ALL_VIEWS,
    processes: int = 2,
    report: Report | None = None,
) -> list[Rebuilt]:
    """These views are folded anew, compared, and stand in the place of the live ones.

    open_means: makes mapper and keyring; called in each process, so it must be picklable (a module's function, or a
    partial of one) when processes > 1. Raises RebuildRunning, Differs, TooOld; then the live views are as they were.
    """
    say = report or (lambda _progress: None)
    built = [beside(view) for view in views]
    with connect(dsn) as connection, alone(connection, views):
        ensure_tables(connection, [])
        _begin(connection, built)
        try:
            upto = _common_position(connection, views)
            _fold_all(dsn, open_means, connection, built, upto, processes, say)
            _index_all(dsn, built, upto, say)
            means = open_means()
            try:
                return _finish(dsn, means, connection, list(zip(views, built, strict=True)), say)
            finally:
                means.keyring.close()
        finally:
            for each in built:
                drop_view(connection, each.name, each.version)


def beside(view: View) -> View:
    """The view as it is built beside the live one: the same in all but its name."""
    return msgspec.structs.replace(view, name=f"{view.name}_rebuild")


@contextmanager
def alone(connection: log.Connection, views: Sequence[View]) -> Iterator[None]:
    """No other rebuild begins, and these views are seen to. Raises RebuildRunning."""
    row = connection.execute("select pg_try_advisory_lock(%s)", (REBUILD_LOCK,)).fetchone()
    if row != (True,):
        raise RebuildRunning
    for view in views:
        lock_view(connection, view.id, BUILDING)  # for who asks whether somebody sees to it
    connection.execute(SESSION)
    yield  # the locks go with the session


def _begin(connection: log.Connection, built: Sequence[View]) -> None:
    """Empty tables without indexes, each with a row of state; what a broken rebuild left is gone."""
    for view in built:
        drop_view(connection, view.name, view.version)
        with connection.transaction():
            create_table(connection, view)
            connection.execute(
                "insert into views.view_state (view, version) values (%s, %s)", (view.name, view.version)
            )


def _common_position(connection: log.Connection, views: Sequence[View]) -> int:
    """Where to fold to: no further than a live view is, so that both can be compared at one position."""
    live = [place_of(connection, view)[0] for view in views]
    return min([log.last_position(connection), *(position for position in live if position)])


# ── folding, in several processes ──


class Range(msgspec.Struct, frozen=True):
    """One range of stream ids, to be folded up to a position."""

    first: UUID
    last: UUID
    upto: int


class Done(msgspec.Struct, frozen=True):
    """What a range came to: how many events, and what could not be taken in."""

    events: int
    failures: list[tuple[str, Failure]]  # by view


class _Worker:
    """One process of a rebuild: its connection and its means."""

    def __init__(self, dsn: str, open_means: log.OpenMeans, views: Sequence[View]) -> None:
        self.connection = connect(dsn)
        self.connection.execute(SESSION)
        self.means, self.views = open_means(), views

    def close(self) -> None:
        """Nothing of this process is open."""
        self.connection.close()
        self.means.keyring.close()

    def fold(self, each: Range) -> Done:
        """The range's rows are in the tables."""
        with no_collection():
            return self._fold(each)

    def _fold(self, each: Range) -> Done:
        placed = any(isinstance(view, EntryView) for view in self.views)
        rows = log.streams_between(self.connection, each.first, each.last, each.upto, placed=placed)
        folded = Folded(self.means.mapper, self.means.keyring, self.views, {view.id: set() for view in self.views})
        for row in rows:
            folded.fold_stream(row)
        with self.connection.transaction():
            for view in self.views:
                _copy(self.connection, view, folded)
        self.means.keyring.forget()
        return Done(sum(held.state.version for held in folded.states.values()), _failures(folded))


def _copy(connection: log.Connection, view: View, folded: Folded, *, target: str | None = None) -> None:
    if isinstance(view, EntryView):
        places, rows = folded.entries[view.id].places, folded.entries[view.id].rows
    else:
        changed = folded.rows_of(view)
        places, rows = [stream_place(stream) for stream in changed.streams], changed.rows
    copy_into(connection, view, places, rows, target=target)


def _failures(folded: Folded) -> list[tuple[str, Failure]]:
    return [(view, failure) for view, failures in folded.failures.items() for failure in failures]


_worker: _Worker | None = None  # of this process, where it is one of several


def _open_worker(dsn: str, open_means: log.OpenMeans, views: Sequence[View]) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = _Worker(dsn, open_means, views)


def _end_with_parent() -> None:
    """This process ends when the one that started it was killed: else it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "spawned"
    parent.join()
    os._exit(1)


def _fold_range(each: Range) -> Done:
    assert _worker is not None, "opened by the pool"
    return _worker.fold(each)


OF_BUILT: Final[LiteralString] = (
    "update views.view_state set {} = %s where (view, version) in (select * from unnest(%s::text[], %s::integer[]))"
)


def _fold_all(
    dsn: str,
    open_means: log.OpenMeans,
    connection: log.Connection,
    built: Sequence[View],
    upto: int,
    processes: int,
    say: Report,
) -> None:
    cuts = log.ranges(connection, max(processes, -(-upto // EVENTS_A_RANGE)), upto)
    tasks = [Range(first, last, upto) for first, last in cuts]
    names, versions = [view.name for view in built], [view.version for view in built]
    done = 0
    say(Progress("folding", 0, upto))
    for each in _folded(dsn, open_means, built, tasks, processes):
        done += each.events
        _park(connection, built, each.failures)
        connection.execute(OF_BUILT.format("folded"), (done, names, versions))
        say(Progress("folding", done, upto))
    connection.execute(OF_BUILT.format("position"), (upto, names, versions))


def _folded(
    dsn: str, open_means: log.OpenMeans, built: Sequence[View], tasks: Sequence[Range], processes: int
) -> Iterator[Done]:
    """Each range as it is done. Processes are spawned: a fork would share the connections of this one."""
    if processes == 1:
        worker = _Worker(dsn, open_means, built)
        try:
            yield from map(worker.fold, tasks)
        finally:
            worker.close()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open_worker, (dsn, open_means, list(built))) as pool:
        yield from pool.map(_fold_range, tasks)


def _park(connection: log.Connection, built: Sequence[View], failures: Iterable[tuple[str, Failure]]) -> None:
    by_id = {view.id: view for view in built}
    for view, failure in failures:
        parked.park(connection, by_id[view], [failure])


def _index_all(dsn: str, built: Sequence[View], upto: int, say: Report) -> None:
    """Indexes of all tables, one connection each: the server builds them side by side."""
    say(Progress("indexing", upto, upto))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(built)) as pool:
        list(pool.map(partial(_index, dsn), built))


def _index(dsn: str, view: View) -> None:
    with connect(dsn) as connection:
        connection.execute(SESSION)
        create_indexes(connection, view)
        connection.execute(sql.SQL("analyze {}").format(table(view)))


# ── parity and switch ──


def _finish(
    dsn: str,
    means: log.Means,
    connection: log.Connection,
    pairs: Sequence[tuple[View, View]],
    say: Report,
) -> list[Rebuilt]:
    """Every view is compared before the first is switched."""
    total = log.last_position(connection)
    projectors = [Projector(dsn, means.mapper, means.keyring, views=[built]) for _, built in pairs]
    sample = _Sample(connection, means, [built for _, built in pairs])
    with ExitStack() as at_end:
        for projector in projectors:
            at_end.enter_context(closing(projector))
        say(Progress("comparing", total, total))
        parities = [_parity(dsn, connection, *pair, each, sample) for pair, each in zip(pairs, projectors, strict=True)]
        done: list[Rebuilt] = []
        for (live, built), projector, parity in zip(pairs, projectors, parities, strict=True):
            say(Progress("catching up", total, total))
            projector.catch_up()
            say(Progress("switching", total, total))
            done.append(_rebuilt(connection, live, parity, _switch(dsn, live, built, projector)))
    return done


def _rebuilt(connection: log.Connection, view: View, parity: str, seconds: float) -> Rebuilt:
    counted = connection.execute(sql.SQL("select count(*) from {}").format(table(view))).fetchone()
    return Rebuilt(
        view=view.name,
        version=view.version,
        position=place_of(connection, view)[0],
        rows=int(counted[0]) if counted else 0,
        parity=parity,
        switched=True,
        switch_seconds=seconds,
    )


def _parity(
    dsn: str, connection: log.Connection, live: View, built: View, projector: Projector, sample: _Sample
) -> str:
    """How the rebuilt rows compare: with the live table at one position, or with a sample of streams folded again."""
    with connect(dsn) as snapshot, snapshot.transaction():
        snapshot.execute("set transaction isolation level repeatable read read only")
        position = place_of(snapshot, live)[0]
        if position:
            projector.catch_up(position)
            if place_of(connection, built)[0] == position:
                same = digest(snapshot, table(live)) == digest(connection, table(built))
                return "equal" if same else "differs"
    if sample.differs(built):
        raise Differs(live.id)
    return "sampled"


class _Sample:
    """Some of the log's streams, each folded alone, once for every view that has no live table to compare with."""

    def __init__(self, connection: log.Connection, means: log.Means, built: Sequence[View]) -> None:
        """Nothing is read yet."""
        self._connection, self._means, self._built = connection, means, built
        self._folded: dict[int, tuple[list[UUID], Folded]] = {}  # by position

    def differs(self, built: View) -> bool:
        """Whether the sample gives other rows than the table has of its streams."""
        position = place_of(self._connection, built)[0]
        if position not in self._folded:
            self._folded[position] = self._fold(position)
        streams, folded = self._folded[position]
        again = sql.Identifier("folded_again")
        with self._connection.transaction():
            create = sql.SQL("create temporary table {} (like {}) on commit drop").format(again, table(built))
            self._connection.execute(create)
            _copy(self._connection, built, folded, target="folded_again")
            kept = sql.SQL("(select * from {} where stream = any(%s))").format(table(built))
            return digest(self._connection, again) != digest(self._connection, kept, (streams,))

    def _fold(self, position: int) -> tuple[list[UUID], Folded]:
        query = (
            "select originator_id from forsa_events where originator_version = 1 and notification_id <= %s"
            " and (%s <= %s or uuid_hash_extended(originator_id, 0) %% %s = 0) limit %s"
        )
        chosen = (position, position, SAMPLE_ALL, SAMPLE_SHARE, SAMPLE_MOST)
        streams = [row[0] for row in self._connection.execute(query, chosen).fetchall()]
        folded = Folded(self._means.mapper, self._means.keyring, self._built, {view.id: set() for view in self._built})
        for row in log.streams_of(self._connection, streams, position):
            folded.fold_stream(row)
        return streams, folded


def digest(connection: log.Connection, rows: sql.Composable, parameters: Sequence[Any] = ()) -> tuple[int, int]:
    """Count and hash of the rows of a table or query, in any order: equal rows, equal digest."""
    query = sql.SQL("select count(*), coalesce(sum(hash_record_extended(t.*, 0)), 0) from {} t").format(rows)
    row = connection.execute(query, parameters).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]), int(row[1])


def _switch(dsn: str, live: View, built: View, projector: Projector) -> float:
    """The built table is the live one; returns for how many seconds the view's projector had to wait."""
    for _ in range(SWITCH_TRIES - 1):
        try:
            return _switch_once(dsn, live, built, projector)
        except psycopg.errors.LockNotAvailable:  # a long reader: those behind us go first, then we try again
            projector.catch_up()
    return _switch_once(dsn, live, built, projector)


def _switch_once(dsn: str, live: View, built: View, projector: Projector) -> float:
    with connect(dsn) as connection, connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (DDL_LOCK,))
        connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(SWITCH_WAIT)))
        began = time.monotonic()
        place = (live.name, live.version)
        held = connection.execute(
            "select position from views.view_state where view = %s and version = %s for update", place
        ).fetchone()
        if held is not None:
            projector.catch_up(held[0])
        switch_table(connection, built, live)
        connection.execute(
            "insert into views.view_state (view, version, position, status) values (%s, %s, %s, 'live')"
            " on conflict (view, version) do update set position = excluded.position, status = 'live',"
            " generation = view_state.generation + 1, updated_at = clock_timestamp()",
            (*place, place_of(connection, built)[0]),
        )
        connection.execute("delete from views.view_state where view = %s", (built.name,))
        connection.execute("delete from records.parked where view = %s and version = %s", place)
        connection.execute("update records.parked set view = %s where view = %s", (live.name, built.name))
    return time.monotonic() - began

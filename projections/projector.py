"""The projector: pages of the log into every view, exactly once.

One page is one transaction: the views' positions move first, and with them the rows. The positions' rows are the lock
a rebuild takes to switch tables; the session's advisory locks say which process works on which view and version. The
page is written on the session that holds those locks: when it is lost, so are the locks, and nothing can be written.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Final

import psycopg

from projections import ALL_VIEWS, log
from projections.connections import address
from projections.folding import States, cold_states, no_collection
from projections.page import Folded
from projections.records import parked
from projections.tables import DDL_LOCK, ensure_tables, is_made, lock_view
from projections.view import EntryView, View
from projections.writing import add_entries, are_few, replace_rows

LOG: Final = logging.getLogger("forsa.projector")
EVERY: Final = 2**62  # a position after every event
PAGES_AT_ONCE: Final = 4  # most pages of one transaction, when the views are far behind
POLL_SECONDS: Final = 1.0  # between looks at the log when no notice comes
AWAY_SECONDS: Final = 0.25  # between attempts to reach a database that is away
CHANNEL: Final = "forsa_events"
# What a crash of the server may take back it takes back whole, rows and positions, and it is projected again: so the
# commit need not wait for the disk. The log itself is written by other sessions, which do wait.
# Plans are made once, for tables that may be empty then: a scan of the whole table must not look cheap to them.
SESSION: Final = (
    "-c lock_timeout=10s -c synchronous_commit=off -c timezone=UTC"
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
)


# A view that no longer stands where its projector left it (a rebuild has put another table in its place) is an error
# of the statement itself, a division by zero: what follows in the same pipeline is then not executed.
MOVE: Final = """
with moved as (
  update views.view_state s set position = %s, status = coalesce(%s, s.status), updated_at = clock_timestamp()
    from unnest(%s::text[], %s::integer[], %s::integer[]) as v(view, version, generation)
   where (s.view, s.version, s.generation) = (v.view, v.version, v.generation) and s.position = %s
  returning 1
)
select 1 / (count(*) = %s)::integer from moved
"""
Overtaken = psycopg.errors.DivisionByZero


class Lane:
    """Views that stand at the same position, and the states of the streams as of it."""

    def __init__(self, position: int, views: Sequence[View]) -> None:
        """No state is held yet."""
        self.position = position
        self.views = list(views)
        self.states = States()
        self.is_live = False

    def became_current(self) -> None:
        """Its views have all there is: said once, until they are not."""
        if not self.is_live:
            LOG.info("current", extra={"position": self.position, "view": " ".join(view.id for view in self.views)})
        self.is_live = True


class Projector:
    """One process's projector. Not thread-safe: it belongs to the thread that steps it."""

    def __init__(
        self,
        dsn: str,
        mapper: log.Mapper,
        keyring: log.Keyring,
        *,
        views: Sequence[View] = ALL_VIEWS,
        page_size: int = log.PAGE_SIZE,
        longest: int = EVERY,
    ) -> None:
        """Connects at the first step. longest: a view without a table is made by a rebuild where more events wait."""
        self._dsn, self._mapper, self._keyring = dsn, mapper, keyring
        self._views = list(views)
        self._page_size, self._longest = page_size, longest
        self._unmade: list[View] = []
        self._connection: log.Connection | None = None
        self._lanes: list[Lane] = []
        self._parked: dict[str, set[bytes]] = {}
        self._generations: dict[str, int] = {}

    @property
    def views(self) -> list[View]:
        """The views this projector works on now; empty while it stands by for another one."""
        return [view for lane in self._lanes for view in lane.views]

    @property
    def unmade(self) -> list[View]:
        """The views this projector left to a rebuild, and that are not there yet."""
        return list(self._unmade)

    @property
    def position(self) -> int:
        """The lowest position of its views, 0 without one."""
        return min((lane.position for lane in self._lanes), default=0)

    def step(self, upto: int = EVERY) -> int:
        """The next pages are in each group of views, in one transaction each; returns how many events, 0 when current.

        Raises TooOld for an unknown tag, and OperationalError when the database went away: nothing is half done, and
        the next step connects anew.
        """
        try:
            connection = self._connected()
            self._take_views(connection)
            self._retry_parked(connection, every=False)
            return sum([self._advance(connection, lane, upto) for lane in self._ordered_lanes()])
        except Overtaken:
            LOG.info("a view no longer stands where it was left: beginning anew")
            self._forget()  # on the same session: its locks are still ours, a new one might have to wait for them
            return self.step(upto)
        except BaseException:
            self.close()  # states and positions may be ahead of what was committed: begin from the tables again
            raise
        finally:
            self._keyring.forget()

    def catch_up(self, upto: int = EVERY) -> int:
        """Every event up to there is in the views this projector works on; returns how many it took in."""
        total = 0
        while taken := self.step(upto):
            total += taken
        return total

    def close(self) -> None:
        """No connection, no lock, no state is held; the next step begins anew."""
        connection, self._connection = self._connection, None
        self._forget()
        if connection is not None:
            connection.close()

    def _forget(self) -> None:
        self._lanes, self._parked, self._generations = [], {}, {}

    def _connected(self) -> log.Connection:
        if self._connection is None:
            connection = connect(self._dsn)
            self._connection = connection
            is_long = log.last_position(connection) > self._longest
            self._unmade = [view for view in self._views if is_long and not is_made(connection, view)]
            ensure_tables(connection, [view for view in self._views if view not in self._unmade])
        return self._connection

    # ── which views are ours ──

    def _take_views(self, connection: log.Connection) -> None:
        """The views nobody else projects are ours until the session ends. All at once: two starters never share."""
        self._unmade = [view for view in self._unmade if not is_made(connection, view)]
        others = {view.id for view in (*self.views, *self._unmade)}
        wanted = [view for view in self._views if view.id not in others]
        if not wanted:
            return
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (DDL_LOCK,))
            taken = [view for view in wanted if lock_view(connection, view.id)]
        for view in taken:
            self._parked[view.id] = parked.parked_streams(connection, view)
            position, self._generations[view.id] = place_of(connection, view)
            self._enter(view, position)
        if taken:
            self._retry_parked(connection, every=True)

    def _enter(self, view: View, position: int) -> None:
        lane = next((lane for lane in self._lanes if lane.position == position), None)
        if lane is None:
            self._lanes.append(Lane(position, [view]))
        else:
            lane.views.append(view)
            lane.is_live = False

    def _ordered_lanes(self) -> list[Lane]:
        """The foremost first, so that current views do not wait for one that is being built; those that met are one."""
        lanes: list[Lane] = []
        for lane in sorted(self._lanes, key=lambda lane: -lane.position):
            if lanes and lanes[-1].position == lane.position:
                lanes[-1].views += lane.views
                lanes[-1].is_live = False
            else:
                lanes.append(lane)
        self._lanes = lanes
        return lanes

    # ── one page ──

    def _advance(self, connection: log.Connection, lane: Lane, upto: int) -> int:
        ahead = min((each.position for each in self._lanes if each.position > lane.position), default=EVERY)
        rows = self._read(connection, lane.position, min(ahead, upto))
        if not rows:
            self._say_live(connection, lane)
            return 0
        with no_collection():
            page = Folded(self._mapper, self._keyring, lane.views, self._parked)
            page.fold(rows, cold_states(connection, self._mapper, rows, lane.states, lane.position))
            # Whoever only catches up with another lane is not current for that.
            is_current = ahead == EVERY and len(rows) % self._page_size != 0
            self._write(connection, lane, rows[-1][0], page, "live" if is_current else None)
        lane.states.keep(page.states.items())
        lane.position = rows[-1][0]
        # While more waits an operator sees it go on; a current view's pages are one a write.
        level = logging.DEBUG if is_current else logging.INFO
        LOG.log(level, "page", extra={"position": lane.position, "events": len(rows)})
        if is_current:
            lane.became_current()
        return len(rows)

    def _read(self, connection: log.Connection, after: int, upto: int) -> list[log.PageRow]:
        """The next events: several pages where so many wait, since a stream's rows are then written once for them."""
        rows = last = log.page(connection, after, upto, self._page_size)
        for _ in range(PAGES_AT_ONCE - 1):
            if len(last) < self._page_size:
                break
            last = log.page(connection, last[-1][0], upto, self._page_size)
            rows = rows + last
        return rows

    def _write(self, connection: log.Connection, lane: Lane, position: int, page: Folded, status: str | None) -> None:
        changed = {view.id: page.rows_of(view) for view in lane.views if not isinstance(view, EntryView)}
        # A few rows and the position are one round trip; a COPY cannot stand in a pipeline.
        few = are_few(page.entries.values(), changed.values())
        with connection.pipeline() if few else nullcontext(), connection.transaction():
            self._move(connection, lane.views, lane.position, position, status)
            for view in lane.views:
                if isinstance(view, EntryView):
                    add_entries(connection, view, page.entries[view.id])
                else:
                    replace_rows(connection, view, changed[view.id])
                parked.park(connection, view, page.failures[view.id])
        for view in lane.views:
            for stream, at, exception in page.failures[view.id]:
                LOG.warning("parked: %s, stream %s, position %d, %s", view.id, stream.hex(), at, exception)

    def _move(
        self, connection: log.Connection, views: Sequence[View], before: int, after: int, status: str | None = None
    ) -> None:
        """In this transaction these views stand at `after`. Raises Overtaken unless they stood as they were left."""
        names, versions = [view.name for view in views], [view.version for view in views]
        generations = [self._generations[view.id] for view in views]
        moved = (after, status, names, versions, generations, before, len(views))
        connection.execute(MOVE, moved, prepare=True)

    def _say_live(self, connection: log.Connection, lane: Lane) -> None:
        if lane.is_live:
            return
        lane.became_current()
        connection.execute(
            "update views.view_state set status = 'live' where status <> 'live' and (view, version) in"
            " (select * from unnest(%s::text[], %s::integer[]))",
            ([view.name for view in lane.views], [view.version for view in lane.views]),
        )

    # ── parked streams ──

    def _retry_parked(self, connection: log.Connection, *, every: bool) -> None:
        for lane in self._lanes:
            for view in lane.views:
                if self._parked[view.id]:
                    self._retry(connection, lane, view, every=every)

    def _retry(self, connection: log.Connection, lane: Lane, view: View, *, every: bool) -> None:
        """The view's parked streams that are asked for have their rows as of its position, or stay parked."""
        for stream, position in parked.wanted_again(connection, view, every=every):
            page = Folded(self._mapper, self._keyring, [view], {view.id: set()})
            page.fold_stream(log.streams_of(connection, [stream], lane.position)[0], position)
            changes = None if isinstance(view, EntryView) else page.rows_of(view)
            with connection.transaction():
                self._move(connection, [view], lane.position, lane.position)
                if failures := page.failures[view.id]:
                    parked.park(connection, view, failures)
                    continue
                if isinstance(view, EntryView):
                    add_entries(connection, view, page.entries[view.id])
                elif changes is not None:
                    replace_rows(connection, view, changes)
                parked.release(connection, view, [stream])
            self._parked[view.id].discard(stream.bytes)


def connect(dsn: str) -> log.Connection:
    """A session for projecting: commits need not wait for the disk, plans are kept."""
    connection = psycopg.connect(address(dsn, SESSION, application_name="forsa projector"), autocommit=True)
    connection.prepare_threshold = 2
    return connection


def position_of(connection: log.Connection, view: View) -> int:
    """Where the view stands, 0 where it has not begun."""
    return place_of(connection, view)[0]


def place_of(connection: log.Connection, view: View) -> tuple[int, int]:
    """Where the view stands, and the generation of its table."""
    query = "select position, generation from views.view_state where view = %s and version = %s"
    row = connection.execute(query, (view.name, view.version)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def run_projector(
    dsn: str,
    mapper: log.Mapper,
    keyring: log.Keyring,
    stop: threading.Event,
    *,
    views: Sequence[View] = ALL_VIEWS,
    on_step: Callable[[Projector], None] | None = None,
    build: Callable[[Sequence[View]], None] | None = None,
    longest: int = EVERY,
) -> None:
    """The views follow the log until `stop` is set. Waits for a database that is away; raises TooOld.

    on_step: called after each step, for health and metrics. build: called with the views without a table where more
    than `longest` events wait, again after each step until they are there; else the projector makes them itself.
    """
    projector = Projector(dsn, mapper, keyring, views=views, longest=longest if build else EVERY)
    listener = Listener(dsn)
    try:
        while not stop.is_set():
            try:
                listener.open()  # before the look at the log: what comes after it wakes us
                taken = projector.step()
                if on_step is not None:
                    on_step(projector)
                if build is not None and projector.unmade:
                    build(projector.unmade)
                if not taken:
                    listener.wait(stop)
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as lost:
                LOG.warning("the database is away: %s", type(lost).__name__)
                listener.close()
                stop.wait(AWAY_SECONDS)
    finally:
        listener.close()
        projector.close()


class Listener:
    """Waits for the log's notices on a session of its own, so that none is lost while a page is written."""

    def __init__(self, dsn: str) -> None:
        """Connects when opened."""
        self._dsn = dsn
        self._connection: log.Connection | None = None

    def open(self) -> None:
        """Notices are kept from here on; an open session stays."""
        if self._connection is None:
            self._connection = connect(self._dsn)
            self._connection.execute(f"listen {CHANNEL}")
            self._connection.execute(f"listen {parked.CHANNEL}")

    def wait(self, stop: threading.Event, seconds: float = POLL_SECONDS) -> bool:
        """Whether a notice came within these seconds; returns soon after `stop` is set."""
        assert self._connection is not None, "opened before"
        slices = max(1, round(seconds / 0.25))
        for _ in range(slices):
            if stop.is_set() or any(True for _ in self._connection.notifies(timeout=seconds / slices, stop_after=1)):
                return True
        return False

    def close(self) -> None:
        """The session is closed; `open` begins another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

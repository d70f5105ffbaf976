"""What a new release brings is built beside what serves, by a rebuild, while the projector works on.

A projector makes a view of a short log itself; a long log is folded by ranges of streams in several processes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

import psycopg

from projections import log
from projections.rebuild import Progress, RebuildRunning, rebuild
from projections.view import View

LOG: Final = logging.getLogger("forsa.projector")
LONG_LOG: Final = 100_000  # events: below, the projector has them sooner than the rebuild's processes have started
STEP_OF_TALK: Final = 10  # percent between two lines in the log


class Stopped(Exception):
    """The process is asked to end: what was built so far is dropped, the next start builds it."""


class Builder:
    """Builds views in a thread, one rebuild at a time. It belongs to the thread that calls it."""

    def __init__(self, dsn: str, open_means: log.OpenMeans, *, processes: int = 2) -> None:
        """Nothing is built yet. open_means: picklable, see `rebuild`."""
        self._dsn, self._open_means, self._processes = dsn, open_means, processes
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._stopped = threading.Event()

    def build(self, views: Sequence[View]) -> None:
        """These views are being built; a rebuild that runs already, anybody's, is waited for: ask again.

        Raises what the last rebuild raised, but for a database that was away.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        if self._failure is not None:
            raise self._failure
        self._thread = threading.Thread(target=self._build, args=(list(views),), name="forsa builder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nothing is being built; a view that was not finished is dropped."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _build(self, views: list[View]) -> None:
        names, said = ", ".join(view.id for view in views), -STEP_OF_TALK

        def report(progress: Progress) -> None:
            nonlocal said
            if self._stopped.is_set():
                raise Stopped
            share = 100 * progress.done // max(1, progress.total)
            if share >= said + STEP_OF_TALK or progress.phase != "folding":
                said = share
                LOG.info("building %s: %s, %d %%", names, progress.phase, share)

        try:
            done = rebuild(self._dsn, self._open_means, views=views, processes=self._processes, report=report)
        except (Stopped, RebuildRunning, psycopg.OperationalError) as ended:
            LOG.info("not built: %s, %s", names, type(ended).__name__)
        except Exception as error:  # noqa: BLE001  # raised again where the process can end with it
            self._failure = error
        else:
            for each in done:
                LOG.info("built: %s v%d, %d rows at %d", each.view, each.version, each.rows, each.position)

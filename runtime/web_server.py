"""The web server: gunicorn with threads, each worker building the application after its fork."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn ships no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # gunicorn ships no types
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from runtime.settings import Settings
from runtime.web_worker import PatientWorker
from runtime.wiring import web_app

THREADS: Final = 8
GRACE_SECONDS: Final = 10  # for requests under way, once asked to end
CONNECTIONS: Final = 256  # open at once of one worker; more wait in the backlog, and beyond that are refused
BACKLOG: Final = 512
HEADERS: Final = 64
HEADER_BYTES: Final = 9 * 1024  # of one; a bearer token of the largest size fits
ADDRESS_BYTES: Final = 4094
PR_SET_PDEATHSIG: Final = 1
FIGURES: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own variable; it looks once, when it is imported

_log = logging.getLogger(__name__)


class OneLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's messages go where all others go; its access lines nowhere: the API writes one of its own."""

    def setup(self, cfg: Config) -> None:
        """No handler of its own."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING)


class Stopping:
    """Whether the server was asked to end, or this worker alone: one byte that the master sets and its workers see."""

    def __init__(self) -> None:
        """Made before the fork, so that they share it."""
        self._byte = mmap.mmap(-1, 1)
        self._here = False

    def __call__(self) -> bool:
        """True from the moment it was asked."""
        return self._here or self._byte[0] == 1

    def begin(self) -> None:
        """It was asked now."""
        self._byte[0] = 1

    def begin_here(self) -> None:
        """This process was asked now: its master is gone, or goes on with another."""
        self._here = True


class Master(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's master that says it is leaving before it leaves."""

    def handle_term(self) -> None:
        """/readyz says no at once; after the time to drain no connection is taken, and requests under way end."""
        self.app.stopping.begin()
        _log.info("stopping", extra={"seconds": self.app.drain_seconds})
        time.sleep(self.app.drain_seconds)  # workers go on: whoever sends clients here has time to look at /readyz
        super().handle_term()


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn over these settings; `run` returns only by the process ending."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """workers: processes, of eight threads each."""
        self._settings, self.stopping, self.drain_seconds = settings, Stopping(), settings.drain_seconds
        self._given = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": workers,
            "threads": min(THREADS, settings.pool_size),  # a thread without a connection would only wait
            "worker_class": PatientWorker,
            "worker_connections": CONNECTIONS,
            "backlog": BACKLOG,
            "limit_request_line": ADDRESS_BYTES,
            "limit_request_fields": HEADERS,
            "limit_request_field_size": HEADER_BYTES,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 20,
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - heartbeats in memory, not on a disk that may stall
            "control_socket_disable": True,  # it would stand in the home directory
            "logger_class": OneLog,
            "when_ready": _say_ready,
            "post_fork": _end_with_master,
            "child_exit": _forget_worker,
            "preload_app": False,
        }
        super().__init__()

    def load_config(self) -> None:
        """The settings are these, whatever its own files and variables say."""
        for name, value in self._given.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in the worker."""
        return web_app(self._settings, self.stopping)

    def run(self) -> None:
        """Serves until asked to end; then the process ends."""
        with shared_figures(self._settings.metrics_port):
            Master(self).run()


@contextlib.contextmanager
def shared_figures(port: int) -> Iterator[None]:
    """Processes started inside share what they count, in files that are gone afterwards; nothing where port is 0."""
    if not port:
        yield
        return
    directory, owner = tempfile.mkdtemp(prefix="forsa-figures-"), os.getpid()
    os.environ[FIGURES] = directory
    try:
        yield
    finally:
        if os.getpid() == owner:  # a worker ends here too
            shutil.rmtree(directory, ignore_errors=True)


def _say_ready(server: Any) -> None:
    _log.info("serving on %s", ", ".join(str(each) for each in server.LISTENERS))


def _end_with_master(_server: Any, _worker: Any) -> None:
    """A worker whose master was killed would keep the port: the kernel ends it with the master."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):  # not Linux: gunicorn's own watch ends it within a second
        _log.info("workers end a second after their master here")


def _forget_worker(_server: Any, worker: Any) -> None:
    """What an ended worker held is counted no more."""
    if FIGURES in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library gives it no types

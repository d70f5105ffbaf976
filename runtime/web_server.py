"""The web server: gunicorn with threads, each worker building the application after its fork."""

from __future__ import annotations

import ctypes
import logging
import signal
from typing import Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn ships no types
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from runtime.settings import Settings
from runtime.wiring import web_app

THREADS: Final = 8
GRACE_SECONDS: Final = 10
PR_SET_PDEATHSIG: Final = 1

_log = logging.getLogger(__name__)


class OneLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's messages go where all others go."""

    def setup(self, cfg: Config) -> None:
        """No handler of its own."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING)


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn over these settings; `run` returns only by the process ending."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """workers: processes, of eight threads each."""
        self._given = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": workers,
            "threads": min(THREADS, settings.pool_size),  # a thread without a connection would only wait
            "worker_class": "gthread",
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 20,
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - heartbeats in memory, not on a disk that may stall
            "control_socket_disable": True,  # it would stand in the home directory
            "logger_class": OneLog,
            "when_ready": _say_ready,
            "post_fork": _end_with_master,
            "preload_app": False,
        }
        super().__init__()

    def load_config(self) -> None:
        """The settings are these, whatever its own files and variables say."""
        for name, value in self._given.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in the worker."""
        return web_app()


def _say_ready(server: Any) -> None:
    _log.info("serving on %s", ", ".join(str(each) for each in server.LISTENERS))


def _end_with_master(_server: Any, _worker: Any) -> None:
    """A worker whose master was killed would keep the port: the kernel ends it with the master."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):  # not Linux: gunicorn's own watch ends it within a second
        _log.info("workers end a second after their master here")

"""The projector's process carries out erasures beside its work: nobody has to ask after the decision."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Final

import psycopg
from eventsourcing.persistence import PersistenceError

from projections.building import Stopped
from projections.projector import connect
from projections.rebuild import Progress, RebuildRunning
from runtime import rewriting
from runtime.around import beside
from runtime.erasing import AnotherIsErasing, Erasing
from runtime.master_key import secrets_from
from runtime.settings import Settings
from runtime.store import EventLog
from runtime.wiring import open_means, utc_now

LOG: Final = logging.getLogger("forsa.erasing")
POLL_SECONDS: Final = 1.0
AFTER_FAULT_SECONDS: Final = 30.0
REWRITE_POLL_SECONDS: Final = 600.0
# Somebody else is at it, or a database is away: the next look goes on.
LATER: Final = (
    AnotherIsErasing,
    RebuildRunning,
    Stopped,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PersistenceError,
)


@contextmanager
def erasing_of(settings: Settings, stop: threading.Event | None = None) -> Iterator[Erasing]:
    """What carries out erasures under these settings; once `stop` is set it no longer waits."""
    mapper, keyring = open_means(settings)
    event_log = EventLog(settings.database_url, mapper, secrets_from(settings.master_key).claim, pool_size=1)
    with closing(keyring), closing(event_log):
        yield Erasing(
            settings.projector_database_url,
            settings.keys_database_url,
            event_log,
            keyring,
            now=utc_now,
            wait=stop.wait if stop else time.sleep,
        )


def following(settings: Settings) -> AbstractContextManager[threading.Thread]:
    """While the block runs, decided erasures are carried out within seconds, and their bytes leave within a day."""
    return beside("forsa erasing", _follow, settings)


def _follow(settings: Settings, stop: threading.Event) -> None:
    with erasing_of(settings, stop) as erasing:
        looked = 0.0
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                done = erasing.run().done
                if done:
                    LOG.info("erasures carried out: %d", done)
                if looked <= 0.0:
                    looked = REWRITE_POLL_SECONDS
                    _rewrite_if_due(settings, stop)
            except LATER as later:
                LOG.debug("erasing later: %s", type(later).__name__)
            except Exception as fault:  # noqa: BLE001  # `forsa doctor` names what stays; the views must go on
                LOG.error("erasing: %s", type(fault).__name__)
                pause = AFTER_FAULT_SECONDS
            looked -= pause
            stop.wait(pause)


def _rewrite_if_due(settings: Settings, stop: threading.Event) -> None:
    def end_if_asked(_progress: Progress) -> None:
        if stop.is_set():
            raise Stopped

    with connect(settings.projector_database_url) as connection:
        due = rewriting.is_due(connection)
    if due:
        means = partial(open_means, settings)
        done = rewriting.rewrite(settings.projector_database_url, settings.keys_database_url, means, end_if_asked)
        LOG.info("directory and keys written anew, up to position %d", done.position)

"""The projector's process writes the partner feeds beside its work: views and feeds never wait for one another."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager, closing
from typing import Final

import psycopg

from projections.feed_writer import FeedWriter
from projections.projector import AWAY_SECONDS, Listener
from runtime.around import beside
from runtime.settings import Settings
from runtime.wiring import open_means

LOG: Final = logging.getLogger("forsa.feeds")
AFTER_FAULT_SECONDS: Final = 5.0
AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)


def following(settings: Settings) -> AbstractContextManager[threading.Thread]:
    """While the block runs, each public event is on its feeds within a moment. A second process stands by."""
    return beside("forsa feeds", follow, settings)


def follow(settings: Settings, stop: threading.Event) -> None:
    """The feeds follow the log until `stop` is set. A database that is away is waited for, any fault is tried again."""
    mapper, keyring = open_means(settings)
    dsn = settings.projector_database_url
    with closing(keyring), closing(FeedWriter(dsn, mapper)) as writer, closing(Listener(dsn)) as listener:
        while not stop.is_set():
            try:
                listener.open()  # before the look at the log: what comes after it wakes us
                if not writer.step():
                    listener.wait(stop)
            except AWAY as lost:
                LOG.warning("the database is away: %s", type(lost).__name__)
                pause = AWAY_SECONDS
            except Exception as fault:  # noqa: BLE001  # the views must go on; `forsa doctor` sees the feeds' lag
                LOG.error("feeds: %s", type(fault).__name__)
                pause = AFTER_FAULT_SECONDS
            else:
                continue
            listener.close()
            stop.wait(pause)

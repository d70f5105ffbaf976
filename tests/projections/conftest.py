"""A projector with its own role, and readers with theirs, over an empty log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from projections import log
from projections import projector as projecting
from projections.projector import Projector, run_projector
from projections.reading import Views
from tests.projections.log_of import OpenedMeans, execute, open_means

OpenProjector = Callable[..., Projector]
SECONDS = 10  # most a test waits for something that takes milliseconds


@pytest.fixture
def means(keys_role_dsn: str) -> log.OpenMeans:
    """Opens a mapper and a keyring; another process may call it."""
    return partial(open_means, keys_role_dsn)


@pytest.fixture
def open_projector(projector_dsn: str, means: log.OpenMeans) -> Iterator[OpenProjector]:
    """Opens projectors over the log; all are closed at the end."""
    opened: list[tuple[Projector, Any]] = []

    def open_one(**given: Any) -> Projector:
        own = means()
        opened.append((Projector(projector_dsn, own.mapper, own.keyring, **given), own.keyring))
        return opened[-1][0]

    yield open_one
    for projector, keyring in opened:
        projector.close()
        keyring.close()


@pytest.fixture
def projector(open_projector: OpenProjector) -> Projector:
    """A projector of every view."""
    return open_projector()


@pytest.fixture
def views(web_dsn: str) -> Iterator[Views]:
    """The views as the web process reads them."""
    with ConnectionPool(web_dsn, kwargs={"autocommit": True}, min_size=1, max_size=4, open=True) as pool:
        yield Views(pool)


@contextmanager
def followed(dsn: str, own: OpenedMeans, **given: Any) -> Iterator[threading.Semaphore]:
    """A projector follows the log in a thread; the semaphore counts its steps."""
    stop, steps = threading.Event(), threading.Semaphore(0)
    thread = threading.Thread(
        target=run_projector,
        args=(dsn, own.mapper, own.keyring, stop),
        kwargs={"on_step": lambda _: steps.release(), **given},
    )
    thread.start()
    try:
        assert steps.acquire(timeout=SECONDS)
        yield steps
    finally:
        stop.set()
        execute(dsn, "notify forsa_events")
        thread.join(SECONDS)
        own.keyring.close()
    assert not thread.is_alive()


@pytest.fixture
def following(
    projector_dsn: str, means: Callable[[], OpenedMeans], monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Semaphore]:
    """A projector that follows the log in a thread, and polls so seldom that only a notice can wake it."""
    monkeypatch.setattr(projecting, "POLL_SECONDS", 60.0)
    monkeypatch.setattr(projecting.Listener.wait, "__defaults__", (60.0,))
    with followed(projector_dsn, means()) as steps:
        yield steps


@pytest.fixture
def polling(
    projector_dsn: str, means: Callable[[], OpenedMeans], monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Semaphore]:
    """A projector that follows the log in a thread, and no notice of the log ever reaches."""
    monkeypatch.setattr(projecting, "CHANNEL", "forsa_elsewhere")
    with followed(projector_dsn, means()) as steps:
        yield steps

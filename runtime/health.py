"""Whether a process of Forsa does its work, asked from beside it: for containers, `forsa run` and `forsa doctor`."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from domain.partner_receipts import RECEIPTS_TOPIC
from projections import ALL_VIEWS
from projections.connections import address
from projections.records.published import unpublished_feeds
from projections.records.receipt_inbox import is_read
from projections.tables import untended
from projections.view import View
from runtime.settings import Settings

WAIT_SECONDS: Final = 3

# An address that means "every interface" is not one to connect to.
EVERY_INTERFACE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, never bound


def address_of(settings: Settings) -> str:
    """Where a client on this machine reaches the web server."""
    return f"http://{EVERY_INTERFACE.get(settings.host, settings.host)}:{settings.port}"


def of_web(settings: Settings) -> str | None:
    """What is wrong with the web server; None where it is ready."""
    try:
        ready = f"{address_of(settings)}/readyz"
        with urllib.request.urlopen(ready, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - http, of our own making
            return None if answer.status == 200 else f"/readyz answers {answer.status}"
    except urllib.error.HTTPError as refused:
        return f"/readyz answers {refused.code}"
    except OSError as unreached:
        return f"not reached ({type(unreached).__name__})"


def of_projector(settings: Settings, views: Sequence[View] = ALL_VIEWS) -> str | None:
    """What is wrong with the projector; None where every view of this release is tended by one, or being built."""
    try:
        untended = untended_views(settings.projector_database_url, views)
    except psycopg.Error as unreached:
        return f"the database is not reached ({type(unreached).__name__})"
    return f"nobody keeps these views up to date: {', '.join(untended)}" if untended else None


def of_publisher(settings: Settings) -> str | None:
    """What is wrong with the publisher; None where each feed is some publisher's, waiting for a broker or not."""

    def wrong(connection: psycopg.Connection[Any]) -> str | None:
        unpublished = unpublished_feeds(connection)
        return f"nobody publishes these feeds: {', '.join(unpublished)}" if unpublished else None

    return _found(settings, wrong)


def of_receipts(settings: Settings) -> str | None:
    """What is wrong with the reader of receipts; None where the topic is some reader's, waiting for a broker or not."""
    return _found(
        settings, lambda connection: None if is_read(connection, RECEIPTS_TOPIC) else f"nobody reads {RECEIPTS_TOPIC}"
    )


def _found(settings: Settings, wrong: Callable[[psycopg.Connection[Any]], str | None]) -> str | None:
    """What is wrong by the database, or that it is not reached."""
    try:
        with psycopg.connect(address(settings.projector_database_url, "")) as connection:
            return wrong(connection)
    except psycopg.Error as unreached:
        return f"the database is not reached ({type(unreached).__name__})"


def untended_views(dsn: str, views: Sequence[View] = ALL_VIEWS) -> Sequence[str]:
    """Views of this release that no projector works on and no rebuild is making."""
    with psycopg.connect(address(dsn, "")) as connection:
        return untended(connection, [view.id for view in views])

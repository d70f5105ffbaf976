"""The one place where Forsa's parts are put together: web, projector, command line and tests all call `compose`.

Nothing is opened at import, and everything after a fork: a process composes its own.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import logging
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError
from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.casebook import Casebook
from domain.streams import EVENTS
from domain.values import today_in_casablanca
from domain.worker import login_value
from projections.connections import address, open_pool
from projections.reading import Views
from projections.records.disclosures import DisclosureLog
from runtime.databases import PROCESS_NEEDS
from runtime.grants import Grants, access_reader
from runtime.key_sources import KeysUnavailable
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper
from runtime.master_key import Secrets, secrets_from
from runtime.recorder import ForsaDatastore
from runtime.settings import Settings, read_settings
from runtime.store import EventLog
from runtime.tokens import Login, TokenRefused, TokenVerifier, token_verifier

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from api.parts import Parts

RELEASE: Final = "0.1.0"
_log = logging.getLogger(__name__)
Pool = ConnectionPool[Connection[Any]]


class Forsa(msgspec.Struct, frozen=True, kw_only=True):
    """Forsa in one process: the door to the streams, the views, the keys, and who may do what."""

    settings: Settings
    secrets: Secrets
    casebook: Casebook
    event_log: EventLog
    mapper: ForsaMapper
    keyring: Keyring
    views: Views
    grants: Grants
    pool: Pool
    now: Callable[[], datetime]

    def today(self) -> date:
        """The local calendar day, Africa/Casablanca."""
        return today_in_casablanca(self.now())

    def worker_of(self, issuer: str, subject: str) -> UUID | None:
        """The worker a login is bound to."""
        return self.event_log.find_claim(self.event_log.digest("login", login_value(issuer, subject)))

    def close(self) -> None:
        """No connection of this process is left open."""
        self.event_log.close()
        self.keyring.close()
        self.pool.close()


def utc_now() -> datetime:
    """The machine's clock, aware."""
    return datetime.now(UTC)


def compose(settings: Settings, *, now: Callable[[], datetime] = utc_now, nonce: Callable[[], UUID] = uuid4) -> Forsa:
    """Forsa of these settings. Connects at first use, so it succeeds while the database is away."""
    secrets = secrets_from(settings.master_key)
    mapper, keyring = open_means(settings)
    event_log = EventLog(settings.database_url, mapper, secrets.claim, pool_size=settings.pool_size)
    pool = reading_pool(settings.database_url, settings.pool_size)
    return Forsa(
        settings=settings,
        secrets=secrets,
        casebook=Casebook(event_log, keyring, now=now, nonce=nonce),
        event_log=event_log,
        mapper=mapper,
        keyring=keyring,
        views=Views(pool),
        grants=Grants(access_reader(event_log.application.recorder.datastore), mapper.decode),
        pool=pool,
        now=now,
    )


class Means(NamedTuple):
    """What turns stored states into events, and the keys it seals with: all that a projector needs."""

    mapper: ForsaMapper
    keyring: Keyring


def open_means(settings: Settings) -> Means:
    """Mapper and keyring of these settings; nothing is connected yet."""
    keyring = Keyring(settings.keys_database_url, secrets_from(settings.master_key))
    return Means(ForsaMapper(EVENTS, keyring), keyring)


def refuse_lossy_settings(settings: Settings) -> None:
    """Raises LosesEvents where the environment, server, database or role would lose events; not where it is away."""
    datastore = ForsaDatastore(settings.database_url, pool_size=1)
    with contextlib.suppress(OperationalError):
        _ = datastore.pool
    datastore.close()


def refuse_wrong_master_key(settings: Settings) -> None:
    """Raises WrongMasterKey where it does not open the stored keys; not where their database is away or empty."""
    away = (psycopg.OperationalError, psycopg.errors.UndefinedTable)
    with contextlib.closing(open_means(settings).keyring) as keyring, contextlib.suppress(*away):
        keyring.check_master_key()


def reading_pool(dsn: str, size: int) -> Pool:
    """Connections for the views' queries; a caller waits at most two seconds for one."""
    return open_pool(address(dsn), size, Connection)


def web_app() -> WSGIApplication:
    """The WSGI application of the environment's settings, for gunicorn: called in each worker, after the fork.

    Raises SettingsError, DevelopmentRefused (no key of an issuer), LosesEvents.
    """
    from api.app import create_app

    settings = read_settings(os.environ, PROCESS_NEEDS)
    return create_app(api_parts(compose(settings), token_verifier(settings)))


def body_digest(secrets: Secrets, body: bytes) -> bytes:
    """⚓ What a command's row keeps of what was sent: HMAC-SHA256 of method, path and raw body, or of a command id."""
    return hmac.digest(secrets.body, body, "sha256")


def api_parts(forsa: Forsa, verifier: TokenVerifier) -> Parts:
    """What the API is made of, over this process's Forsa."""
    from api.parts import Parts
    from runtime.places import Places

    def verify(token: str) -> Login | None:
        try:
            return verifier.verify(token)
        except TokenRefused as refused:
            _log.info("token refused: %s", refused.reason)
            return None

    return Parts(
        casebook=forsa.casebook,
        views=forsa.views,
        log=Places(forsa.event_log),
        disclosures=DisclosureLog(forsa.pool),
        verify=verify,
        worker_of=forsa.worker_of,
        grants_of=lambda worker: forsa.grants.of(worker, forsa.today()),
        body_digest=partial(body_digest, forsa.secrets),
        # Cursors live for minutes, so no label of their own need be kept for ever.
        cursor_key=hmac.digest(forsa.secrets.body, b"forsa.cursor.1", "sha256"),
        now=forsa.now,
        new_id=uuid4,
        not_ready=lambda: not_ready(forsa),
        outages=OUTAGES,
        release=RELEASE,
    )


OUTAGES: Final[tuple[type[Exception], ...]] = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    KeysUnavailable,
)


def not_ready(forsa: Forsa) -> Sequence[str]:
    """The first thing that keeps this process from answering: log, keys or views. Empty when ready."""
    checks: dict[str, Callable[[], object]] = {
        "log": forsa.event_log.max_position,
        "keys": lambda: psycopg.connect(forsa.settings.keys_database_url, connect_timeout=2).close(),
        "views": forsa.views.positions,
    }
    # The first only: each waits seconds for a database that is away, and whoever asks wants to know soon.
    return list(itertools.islice((name for name, check in checks.items() if _fails(check)), 1))


def _fails(check: Callable[[], object]) -> bool:
    try:
        check()
    except (psycopg.Error, PersistenceError):
        return True
    return False

"""The one place where Forsa's parts are put together: web, projector, command line and tests all call `compose`.

Nothing is opened at import, and everything after a fork: a process composes its own.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.casebook import Casebook
from domain.errors import TooOld
from domain.streams import EVENTS
from domain.values import today_in_casablanca
from domain.worker import login_value
from projections import ALL_VIEWS
from projections.connections import Line, address, asked, open_pool
from projections.reading import NotLive, Views
from projections.records.disclosures import DisclosureLog
from projections.records.feed_standing import standings
from projections.records.partner_feed import Feeds
from projections.records.receipts import Receipts
from projections.view import View
from runtime.buckets import BURST_SECONDS, Buckets
from runtime.counted import AppendMeter, CountedStreams
from runtime.feed_notices import FeedNotices
from runtime.grants import TAIL as GRANTS_TAIL
from runtime.grants import Grants, HeldGrant
from runtime.key_sources import KeysUnavailable
from runtime.keyring import Keyring
from runtime.lately import Lately
from runtime.mapper import ForsaMapper
from runtime.master_key import Secrets, secrets_from
from runtime.readiness import Readiness, first_away
from runtime.recorder import ForsaDatastore
from runtime.settings import Settings
from runtime.sites import TAIL as SITES_TAIL
from runtime.sites import Sites
from runtime.store import EventLog
from runtime.tail import Unreadable, reader
from runtime.tokens import Login, TokenRefused, TokenVerifier, token_verifier

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from api.parts import Parts
    from runtime.metrics import WebMetrics

RELEASE: Final = "0.1.0"
FEED_WAITS: Final = 3  # of a process's eight threads: the others answer whoever does not wait
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
    sites: Sites
    pool: Pool
    now: Callable[[], datetime]

    def today(self) -> date:
        """The local calendar day, Africa/Casablanca."""
        return today_in_casablanca(self.now())

    def grants_of(self, worker: UUID, at_least: int = 0) -> list[HeldGrant]:
        """The grants a worker may use now, as of this position of the log or later. Raises Unreadable."""
        return self.grants.of(worker, self.now(), self.today(), at_least)

    def holders(self) -> list[tuple[str, UUID]]:
        """(role, worker) of every grant usable now. Raises Unreadable."""
        return self.grants.holders(self.now(), self.today())

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


def compose(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    nonce: Callable[[], UUID] = uuid4,
    views: Sequence[View] = ALL_VIEWS,
    meter: AppendMeter | None = None,
) -> Forsa:
    """Forsa of these settings. Connects at first use, so it succeeds while the database is away.

    views: those of this release; another release on the same database has its own versions.
    """
    secrets = secrets_from(settings.master_key)
    mapper, keyring = open_means(settings)
    event_log = EventLog(settings.database_url, mapper, secrets.claim, pool_size=settings.pool_size)
    pool = reading_pool(settings.database_url, settings.pool_size)
    datastore = event_log.application.recorder.datastore
    return Forsa(
        settings=settings,
        secrets=secrets,
        casebook=Casebook(CountedStreams(event_log, meter) if meter else event_log, keyring, now=now, nonce=nonce),
        event_log=event_log,
        mapper=mapper,
        keyring=keyring,
        views=Views(pool, views),
        grants=Grants(reader(datastore, GRANTS_TAIL), mapper.decode),
        sites=Sites(reader(datastore, SITES_TAIL), mapper.decode),
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


def refuse_wrong_master_key(settings: Settings) -> bool:
    """Whether the stored keys could be asked. Raises WrongMasterKey where it opens none of them; there may be none."""
    with contextlib.closing(open_means(settings).keyring) as keyring:
        try:
            keyring.check_master_key()
        except psycopg.OperationalError:
            return False
        except psycopg.errors.UndefinedTable:
            pass  # not migrated yet
    return True


def reading_pool(dsn: str, size: int) -> Pool:
    """Connections for the views' queries; a caller waits at most two seconds for one."""
    return open_pool(address(dsn), size, Line)


def web_app(settings: Settings, stopping: Callable[[], bool]) -> WSGIApplication:
    """The WSGI application of these settings, for gunicorn: called in each worker, after the fork.

    stopping: whether the process was asked to end. Raises DevelopmentRefused (no key of an issuer), LosesEvents.
    """
    from api.app import create_app
    from runtime.metrics import WebMetrics, serve_metrics

    metrics = WebMetrics(RELEASE)
    forsa = compose(settings, meter=metrics)
    app = create_app(with_limits(api_parts(forsa, token_verifier(settings), metrics, stopping), settings))
    if settings.metrics_port:
        metrics.watch({"log": forsa.event_log.pool_stand, "views": forsa.pool.get_stats})
        serve_metrics(metrics.registry, settings.metrics_host, settings.metrics_port)
    return app


def _erasures_pending(forsa: Forsa) -> int:
    """How many erasures were decided and are not carried out yet."""
    from runtime.erasing import pending

    with forsa.pool.connection() as connection:
        return len(pending(connection))


def with_limits(parts: Parts, settings: Settings) -> Parts:
    """The parts with a share of the process for each login, and for each address that sends bad tokens."""
    rate = settings.rate_per_second
    if not rate:
        return parts
    workers, strangers = Buckets[UUID](rate, rate * BURST_SECONDS), Buckets[str](rate, rate * BURST_SECONDS)
    return msgspec.structs.replace(parts, wait_of_worker=workers.wait_of, wait_of_stranger=strangers.wait_of)


def body_digest(secrets: Secrets, body: bytes) -> bytes:
    """⚓ What a command's row keeps of what was sent: HMAC-SHA256 of method, path and raw body, or of a command id."""
    return hmac.digest(secrets.body, body, "sha256")


def api_parts(
    forsa: Forsa,
    verifier: TokenVerifier,
    metrics: WebMetrics | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Parts:
    """What the API is made of, over this process's Forsa."""
    from api.meter import Uncounted
    from api.parts import Parts
    from runtime.places import Places

    def verify(token: str) -> Login | None:
        try:
            return verifier.verify(token)
        except TokenRefused as refused:
            _log.info("token refused", extra={"reason": refused.reason})
            if metrics is not None:
                metrics.token_refused(refused.reason)
            return None

    readiness = Readiness(partial(first_away, forsa))
    logins = Lately[tuple[str, str], UUID | None](lambda login: forsa.worker_of(*login))
    erasures = Lately[None, int](lambda _: _erasures_pending(forsa))
    return Parts(
        casebook=forsa.casebook,
        views=forsa.views,
        log=Places(forsa.event_log),
        disclosures=DisclosureLog(forsa.pool),
        feeds=Feeds(forsa.pool),
        feed_standings=partial(asked, forsa.pool, standings),
        feed_notices=FeedNotices(forsa.settings.database_url, stopping),
        receipts=Receipts(forsa.pool),
        partners=lambda region: forsa.grants.partners(region, forsa.now(), forsa.today()),
        feed_waits=min(FEED_WAITS, forsa.settings.pool_size // 2),  # the web server has a thread a connection
        verify=verify,
        worker_of=lambda issuer, subject, at_least: logins.of((issuer, subject), afresh=at_least > 0),
        grants_of=forsa.grants_of,
        site_of=forsa.sites.of,
        sites=forsa.sites.all,
        body_digest=partial(body_digest, forsa.secrets),
        # Cursors live for minutes, so no label of their own need be kept for ever.
        cursor_key=hmac.digest(forsa.secrets.body, b"forsa.cursor.1", "sha256"),
        now=forsa.now,
        new_id=uuid4,
        not_ready=lambda: ["stopping"] if stopping() else readiness.away(),
        outages=OUTAGES,
        release=RELEASE,
        erasures_pending=partial(erasures.of, None),
        https=forsa.settings.https,
        meter=metrics or Uncounted(),
    )


OUTAGES: Final[tuple[type[Exception], ...]] = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a server that has stepped down: the next attempt finds the other
    NotLive,
    TooOld,  # an event of a newer release, beside which this one still serves: that one can answer
    KeysUnavailable,
    Unreadable,
)

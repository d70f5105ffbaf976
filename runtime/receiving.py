"""The process that reads partners' receipts, and what Prometheus is told of them: counts, and how far each partner is.

A partner is a system and no person, and there are few: its id is a label.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool

from consumers.receipts import ReceiptReader
from domain.partner_receipts import REASONS, RECEIPTS_TOPIC
from domain.values import today_in_casablanca
from projections.connections import asked
from projections.records.partner_feed import feeds
from projections.records.receipt_inbox import Inbox, Taken
from projections.records.receipts import PartnerStand, partners_of
from runtime.grants import TAIL, Grants, HeldGrant
from runtime.metrics import serve_metrics
from runtime.publishing import broker_of
from runtime.recorder import ForsaDatastore
from runtime.settings import Settings
from runtime.tail import Unreadable, reader
from runtime.wiring import OUTAGES, RELEASE, open_means, reading_pool, utc_now


def receive(settings: Settings, stop: threading.Event, topic: str = RECEIPTS_TOPIC) -> None:
    """Receipts are applied or parked as they come, until `stop` is set."""
    dsn = settings.projector_database_url
    mapper, keyring = open_means(settings)
    datastore = ForsaDatastore(dsn, pool_size=1)
    grants = Grants(reader(datastore, TAIL), mapper.decode)

    def grants_of(partner: Any) -> list[HeldGrant]:
        now = utc_now()
        return grants.of(partner, now, today_in_casablanca(now))

    with closing(keyring), closing(datastore), closing(reading_pool(dsn, 1)) as pool:
        metrics = ReceiptMetrics(pool, grants)
        serve_metrics(metrics.registry, settings.metrics_host, settings.metrics_port)
        ReceiptReader(
            Inbox(dsn, topic),
            topic,
            broker_of(settings),
            grants_of,
            outages=OUTAGES,
            on_taken=metrics.taken,
            on_waiting=metrics.waiting,
        ).run(stop)


class ReceiptMetrics(Collector):
    """What this process has taken, and how far each partner is: asked when somebody asks."""

    def __init__(self, pool: ConnectionPool[Any], grants: Grants) -> None:
        """pool: its waits are bounded. grants: of a partner that has said nothing yet, too."""
        self._pool, self._grants = pool, grants
        of = self.registry = CollectorRegistry()
        self._applied = Counter("forsa_receipts_applied", "Receipts applied by this process.", registry=of)
        self._parked = Counter("forsa_receipts_parked", "Records set aside, by reason.", ("reason",), registry=of)
        self._waiting = Gauge("forsa_receipts_waiting", "Records of the topic that were not taken yet.", registry=of)
        Gauge("forsa_release", "Always 1.", ("release",), registry=of).labels(RELEASE).set(1)
        for reason in REASONS:
            self._parked.labels(reason)
        self.registry.register(self)

    def taken(self, taken: Taken) -> None:
        """These were applied and parked."""
        self._applied.inc(taken.applied)
        for reason, count in taken.parked.items():
            self._parked.labels(reason).inc(count)

    def waiting(self, count: int) -> None:
        """So many records wait in the topic."""
        self._waiting.set(count)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: `collect` would ask a database that may be away."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each partner's lag on each of its feeds; `forsa_database_up` 0 where the database was not reached."""
        up = GaugeMetricFamily("forsa_database_up", "Whether the database was reached.")
        events = GaugeMetricFamily("forsa_partner_lag_events", "Not confirmed yet.", labels=("feed", "partner"))
        seconds = GaugeMetricFamily("forsa_partner_lag_seconds", "Since the first.", labels=("feed", "partner"))
        try:
            stands = asked(self._pool, self._stands)
            up.add_metric([], 1)
        except (psycopg.Error, Unreadable):
            stands = []
            up.add_metric([], 0)
        for each in stands:
            events.add_metric([each.feed, str(each.partner)], each.events)
            seconds.add_metric([each.feed, str(each.partner)], each.seconds)
        yield from (up, events, seconds)

    def _stands(self, connection: psycopg.Connection[Any]) -> list[PartnerStand]:
        now = utc_now()
        return [
            stand
            for feed in feeds(connection)
            for stand in partners_of(
                connection, feed.feed, self._grants.partners(feed.region, now, today_in_casablanca(now))
            )
        ]

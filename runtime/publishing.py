"""The publisher's process: every feed to its topic, and what Prometheus is told of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool

from consumers.brokers import Broker
from projections.connections import asked
from projections.records.partner_feed import feeds
from projections.records.published import Away, published
from runtime.metrics import serve_metrics
from runtime.wiring import RELEASE, reading_pool

if TYPE_CHECKING:
    from consumers.diploma_publisher import FeedPublisher
    from runtime.settings import Settings


def broker_of(settings: Settings) -> Broker:
    """The cluster these settings name."""
    return Broker(
        bootstrap=settings.kafka_bootstrap,
        replication=settings.kafka_replication,
        ca_file=settings.kafka_ca_file,
        user=settings.kafka_user,
        password=settings.kafka_password,
    )


def publish(settings: Settings, stop: threading.Event) -> None:
    """Every feed's topic follows its table until `stop` is set. Raises PublisherEnded."""
    from consumers.diploma_publisher import Publishers

    with closing(reading_pool(settings.projector_database_url, 1)) as pool:
        publishers = Publishers(settings.projector_database_url, broker_of(settings), lambda: _topics(pool))
        metrics = PublisherMetrics(pool, publishers.of)
        serve_metrics(metrics.registry, settings.metrics_host, settings.metrics_port)
        publishers.run(stop)


def _topics(pool: ConnectionPool[Any]) -> dict[str, str]:
    try:
        return {each.feed: each.topic for each in asked(pool, feeds)}
    except psycopg.OperationalError as error:
        raise Away(type(error).__name__) from error


class PublisherMetrics(Collector):
    """How far each feed is published, asked when somebody asks, and what its publisher has met."""

    def __init__(self, pool: ConnectionPool[Any], of: Mapping[str, FeedPublisher]) -> None:
        """pool: its waits are bounded. of: the publishers by feed, as they come."""
        self._pool, self._of = pool, of
        self.registry = CollectorRegistry()
        Gauge("forsa_release", "Always 1.", ("release",), registry=self.registry).labels(RELEASE).set(1)
        self.registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: `collect` would ask a database that may be away."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each feed's place and lag; `forsa_database_up` 0 where the database was not reached."""
        up = GaugeMetricFamily("forsa_database_up", "Whether the database was reached.")
        try:
            yield from self._places()
            up.add_metric([], 1)
        except psycopg.Error:
            up.add_metric([], 0)
        yield up
        yield from self._counts()

    def _places(self) -> Iterator[Metric]:
        stand = asked(self._pool, published)
        feed = ("feed",)
        sequence = GaugeMetricFamily("forsa_feed_published_sequence", "Of the last message acknowledged.", labels=feed)
        epoch = GaugeMetricFamily("forsa_feed_published_epoch", "Of the last message acknowledged.", labels=feed)
        events = GaugeMetricFamily("forsa_feed_publish_lag_events", "Messages the topic lacks.", labels=feed)
        seconds = GaugeMetricFamily("forsa_feed_publish_lag_seconds", "Since the first of them.", labels=feed)
        refused = GaugeMetricFamily("forsa_feed_refused", "1: nothing is sent to it.", labels=("feed", "reason"))
        for each in stand:
            sequence.add_metric([each.feed], each.sequence)
            epoch.add_metric([each.feed], each.epoch)
            events.add_metric([each.feed], each.lag_events)
            seconds.add_metric([each.feed], each.lag_seconds)
            if each.refused:
                refused.add_metric([each.feed, each.refused.partition(":")[0]], 1)
        yield from (sequence, epoch, events, seconds, refused)

    def _counts(self) -> Iterator[Metric]:
        feed = ("feed",)
        sent = CounterMetricFamily("forsa_feed_acknowledged", "Messages acknowledged to this process.", labels=feed)
        missed = CounterMetricFamily("forsa_feed_acks_missed", "Batches not acknowledged in time.", labels=feed)
        fresh = CounterMetricFamily("forsa_feed_fresh_producers", "Producers begun.", labels=feed)
        for name, publisher in dict(self._of).items():
            sent.add_metric([name], publisher.figures.acknowledged)
            missed.add_metric([name], publisher.figures.missed)
            fresh.add_metric([name], publisher.figures.producers)
        yield from (sent, missed, fresh)

"""What Prometheus is told, on a port of its own: counts of the web and of the projector, without any personal data.

Labels are of closed sets (routes, codes, classes, views, feeds, partners' systems), never ids of people. Web processes
share files in one directory, so any of them answers for all; the projector asks the database when it is asked, so a
stuck one is seen too.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.meter import Answered

if TYPE_CHECKING:
    from projections.reading import Views
    from projections.records.feed_standing import FeedStanding

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"  # the library's own variable, set by web_server.py before it is imported
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
MOST_REASONS: Final = 40  # of refused tokens; one that is new after so many counts as "other"
MOST_PARKED: Final = 1_000  # counted, not more

POOL_SECONDS: Final = 1.0  # between two looks at the pools

M = TypeVar("M", Counter, Histogram)
PoolStand = Callable[[], Mapping[str, int]]  # psycopg_pool's get_stats


class WebMetrics:
    """The figures of one web process. Safe to share between threads."""

    def __init__(self, release: str) -> None:
        """Where processes share their figures (web_server.py) these are of all of them, else of this one."""
        of = self.registry = CollectorRegistry()
        asked = ("route", "method", "status")
        self._requests = Counter("forsa_requests", "Requests answered.", asked, registry=of)
        self._seconds = Histogram("forsa_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS, registry=of)
        self._refusals = Counter("forsa_refusals", "Answers that were a problem, by its code.", ("code",), registry=of)
        self._outages = Counter("forsa_outages", "Answers 503, by class of what was away.", ("error",), registry=of)
        self._appends = Counter("forsa_appends", "Appends to the log, by outcome.", ("outcome",), registry=of)
        self._events = Counter("forsa_events", "Events stored.", registry=of)
        self._retries = Counter("forsa_append_retries", "Commands decided again after a conflict.", registry=of)
        self._tokens = Counter("forsa_token_refusals", "Tokens that proved nothing.", ("reason",), registry=of)
        self._in_use = _live_gauge("forsa_pool_in_use", "Connections in use.", of)
        self._waiting = _live_gauge("forsa_pool_waiting", "Who waits for a connection.", of)
        release_of = Gauge("forsa_release", "Always 1.", ("release",), registry=of, multiprocess_mode="max")
        release_of.labels(release).set(1)
        self._reasons: set[str] = set()
        self._children: dict[Any, Any] = {}

    def answered(self, answered: Answered) -> None:
        """The request is counted."""
        self._of(self._requests, answered.route, answered.method, str(answered.status)).inc()
        self._of(self._seconds, answered.route).observe(answered.seconds)
        if answered.code is not None:
            self._of(self._refusals, answered.code).inc()
        if answered.outage is not None:
            self._of(self._outages, answered.outage).inc()

    def _of(self, metric: M, *labels: str) -> M:
        """The metric's child for these labels, found once: looking for it costs more than counting."""
        found: M | None = self._children.get((metric, labels))
        if found is None:
            found = self._children[metric, labels] = metric.labels(*labels)
        return found

    def look_at(self, pools: Mapping[str, PoolStand]) -> None:
        """How these pools stand is what the figures say."""
        for name, stand in pools.items():
            stats = stand()
            self._in_use.labels(name).set(stats.get("pool_size", 0) - stats.get("pool_available", 0))
            self._waiting.labels(name).set(stats.get("requests_waiting", 0))

    def watch(self, pools: Mapping[str, PoolStand]) -> None:
        """From now on they are looked at every second, from a thread of its own, also while nobody asks anything."""

        def look() -> None:
            while True:
                self.look_at(pools)
                time.sleep(POOL_SECONDS)

        threading.Thread(target=look, name="pools", daemon=True).start()

    def appended(self, outcome: str, events: int = 0) -> None:
        """One append ended so; `events` were stored."""
        self._appends.labels(outcome).inc()
        self._events.inc(events)

    def retried(self) -> None:
        """A command was decided again."""
        self._retries.inc()

    def token_refused(self, reason: str) -> None:
        """A token was refused for this reason of ours."""
        if reason not in self._reasons:
            reason = reason if len(self._reasons) < MOST_REASONS else "other"
            self._reasons.add(reason)
        self._tokens.labels(reason).inc()


class ProjectorMetrics(Collector):
    """The figures of the projector: its own counts, and how far views and feeds are, asked when somebody asks."""

    def __init__(
        self, views: Views, release: str, feed_standings: Callable[[], Sequence[FeedStanding]] = lambda: ()
    ) -> None:
        """views, feed_standings: over a pool whose waits are bounded."""
        self._views, self._feed_standings = views, feed_standings
        self.registry = CollectorRegistry()
        self._steps = Counter("forsa_projector_steps", "Looks at the log.", registry=self.registry)
        self._position = Gauge("forsa_projector_position", "Lowest position of its views.", registry=self.registry)
        Gauge("forsa_release", "Always 1.", ("release",), registry=self.registry).labels(release).set(1)
        self.registry.register(self)

    def stepped(self, position: int) -> None:
        """The projector has looked at the log; its views stand here."""
        self._steps.inc()
        self._position.set(position)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: `collect` would ask a database that may be away."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each view's lag and parked streams, each feed's; `forsa_database_up` 0 where the database was not reached."""
        up = GaugeMetricFamily("forsa_database_up", "Whether the database was reached.")
        try:
            lags, parked = self._views.lag(), self._views.parked(limit=MOST_PARKED)
            feeds = _feed_figures(self._feed_standings())
        except psycopg.Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        labels = ("view", "version")
        events = GaugeMetricFamily("forsa_view_lag_events", "Events of the log it lacks.", labels=labels)
        seconds = GaugeMetricFamily("forsa_view_lag_seconds", "Since the first of them.", labels=labels)
        streams = GaugeMetricFamily("forsa_view_parked_streams", "Streams it could not take in.", labels=labels)
        for lag in lags:
            name = (lag.view, str(lag.version))
            events.add_metric(name, lag.events)
            seconds.add_metric(name, lag.seconds)
            streams.add_metric(name, sum((each.view, each.version) == (lag.view, lag.version) for each in parked))
        yield from (up, events, seconds, streams, *feeds)


# name after forsa_feed_ → help, and the figure
_FEED_FIGURES: Final[Mapping[str, tuple[str, Callable[[FeedStanding], float]]]] = {
    "position": ("Of the log: every event up to it has its messages.", lambda feed: feed.position),
    "epoch": ("Of its last message.", lambda feed: feed.last.epoch),
    "sequence": ("Of its last message, in its epoch.", lambda feed: feed.last.sequence),
    "lag_events": ("Public events of the log it lacks, counted up to 1,000.", lambda feed: feed.events),
    "lag_seconds": ("Since the first of them.", lambda feed: feed.seconds),
    "stopped": ("Whether it stands still before an event it cannot tell.", lambda feed: feed.stopped_by is not None),
}


def _feed_figures(feeds: Sequence[FeedStanding]) -> list[Metric]:
    figures: list[Metric] = []
    for name, (help_text, figure) in _FEED_FIGURES.items():
        gauge = GaugeMetricFamily(f"forsa_feed_{name}", help_text, labels=("feed",))
        for each in feeds:
            gauge.add_metric((each.feed,), figure(each))
        figures.append(gauge)
    return figures


def _live_gauge(name: str, help_text: str, registry: CollectorRegistry) -> Gauge:
    """A gauge a pool, summed over the processes that live."""
    return Gauge(name, help_text, ("pool",), registry=registry, multiprocess_mode="livesum")


def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> None:
    """GET /metrics answers on this port, from a thread of its own; nothing where port is 0. Raises OSError."""
    if not port:
        return
    server = _Server((host, port), _handler_of(registry))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Server(ThreadingHTTPServer):
    """Several web processes listen on one port: whichever is asked answers for all of them."""

    allow_reuse_port = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone away: nothing to say."""

    def server_bind(self) -> None:
        """Bound; never by a look at who we are in the name service, as the library's does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]


def _handler_of(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds for a request to come in
        server_version, sys_version = "forsa", ""

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == "/metrics"
            body = generate_latest(_of_all(registry)) if found else b""
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: it would hold an address."""

    return Handler


def _of_all(registry: CollectorRegistry) -> CollectorRegistry:
    """The figures of every process that shares them, else of this one."""
    if SHARED not in os.environ:
        return registry
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # the library gives this class no types
    return shared

"""`forsa serve`, `forsa project`, `forsa health`: one process each, and whether it does its work."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from runtime.cli.ending import UNAVAILABLE, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS

if TYPE_CHECKING:
    from projections.projector import Projector
    from runtime.settings import Settings


@click.command("serve")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes of the server.")
def serve_command(workers: int) -> None:
    """Serve HTTP on FORSA_HOST and FORSA_PORT until asked to end (SIGTERM)."""
    from runtime.logs import configure_logging
    from runtime.tokens import token_verifier
    from runtime.web_server import WebServer
    from runtime.wiring import refuse_lossy_settings, refuse_wrong_master_key

    settings = settings_for(*PROCESS_NEEDS)
    configure_logging(settings.log_format)
    token_verifier(settings)  # says now what each worker would die of
    refuse_taken(settings)
    refuse_lossy_settings(settings)
    refuse_wrong_master_key(settings)
    WebServer(settings, workers).run()


@click.command("project")
def project_command() -> None:
    """Keep every view up to date until asked to end (SIGTERM). A second one stands by."""
    from projections.building import LONG_LOG, Builder
    from projections.projector import AWAY_SECONDS, run_projector
    from runtime import following_erasures, following_feeds
    from runtime.logs import configure_logging
    from runtime.wiring import open_means, refuse_wrong_master_key

    settings = settings_for(*PROCESS_NEEDS)
    configure_logging(settings.log_format)
    stop = stopped_by_signals()
    while not refuse_wrong_master_key(settings) and not stop.is_set():  # a wrong one would park every learner
        stop.wait(AWAY_SECONDS)
    mapper, keyring = open_means(settings)
    dsn = settings.projector_database_url
    with (
        closing(keyring),
        closing(Builder(dsn, partial(open_means, settings))) as builder,
        _figures(settings) as stepped,
        following_erasures.following(settings),
        following_feeds.following(settings),
    ):
        run_projector(dsn, mapper, keyring, stop, build=builder.build, longest=LONG_LOG, on_step=stepped)


@contextmanager
def _figures(settings: Settings) -> Iterator[Callable[[Projector], None] | None]:
    """What to call after each step of the projector, whose metrics are served; None where no port is given for them."""
    if not settings.metrics_port:
        yield None
        return
    from projections.connections import asked
    from projections.reading import Views
    from projections.records.feed_standing import standings
    from runtime.metrics import ProjectorMetrics, serve_metrics
    from runtime.wiring import RELEASE, reading_pool

    refuse_taken(settings)
    pool = reading_pool(settings.projector_database_url, 1)
    with closing(pool):
        metrics = ProjectorMetrics(Views(pool), RELEASE, partial(asked, pool, standings))
        serve_metrics(metrics.registry, settings.metrics_host, settings.metrics_port)
        yield lambda projector: metrics.stepped(projector.position)


def refuse_taken(settings: Settings) -> None:
    """Raises Ended where another listens on the port of the metrics: the web's processes share it, with nobody else."""
    if not settings.metrics_port:
        return
    with socket.socket(socket.AF_INET6 if ":" in settings.metrics_host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.metrics_host, settings.metrics_port))
        except OSError:
            raise Ended(
                UNAVAILABLE, f"Port {settings.metrics_port} is taken: set another FORSA_METRICS_PORT."
            ) from None


class Asked(threading.Event):
    """An event that a signal's handler may set: it runs in the very thread that may be inside `wait`, lock in hand."""

    def __init__(self) -> None:
        """Not set."""
        super().__init__()
        self._cond = threading.Condition(threading.RLock())  # the library's own is not for entering twice


def stopped_by_signals() -> threading.Event:
    """Set when this process is asked to end: SIGTERM, SIGINT, SIGHUP."""
    stop = Asked()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


@click.command("health")
@click.argument("process", type=click.Choice(["web", "projector", "publisher", "receipts"]))
def health_command(process: str) -> None:
    """Exit 0 when this process does its work, 3 when not: for container health checks."""
    from runtime.health import of_projector, of_publisher, of_receipts, of_web

    settings = settings_for("FORSA_DATABASE_URL")
    of = {"web": of_web, "projector": of_projector, "publisher": of_publisher, "receipts": of_receipts}
    wrong = of[process](settings)
    if wrong:
        raise Ended(UNAVAILABLE, f"{process}: {wrong}")
    click.echo(f"{process}: ok")

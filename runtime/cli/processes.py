"""`forsa serve`, `forsa project`, `forsa health`: one process each, and whether it does its work."""

from __future__ import annotations

import signal
import threading

import click

from runtime.cli.ending import UNAVAILABLE, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS


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
    refuse_lossy_settings(settings)
    refuse_wrong_master_key(settings)
    WebServer(settings, workers).run()


@click.command("project")
def project_command() -> None:
    """Keep every view up to date until asked to end (SIGTERM). A second one stands by."""
    from projections.projector import run_projector
    from runtime.logs import configure_logging
    from runtime.wiring import open_means, refuse_wrong_master_key

    settings = settings_for(*PROCESS_NEEDS)
    configure_logging(settings.log_format)
    refuse_wrong_master_key(settings)  # it would park every learner
    stop = stopped_by_signals()
    mapper, keyring = open_means(settings)
    try:
        run_projector(settings.projector_database_url, mapper, keyring, stop)
    finally:
        keyring.close()


def stopped_by_signals() -> threading.Event:
    """Set when this process is asked to end: SIGTERM, SIGINT, SIGHUP."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


@click.command("health")
@click.argument("process", type=click.Choice(["web", "projector"]))
def health_command(process: str) -> None:
    """Exit 0 when this process does its work, 3 when not: for container health checks."""
    from runtime.health import of_projector, of_web

    settings = settings_for("FORSA_DATABASE_URL")
    wrong = of_web(settings) if process == "web" else of_projector(settings)
    if wrong:
        raise Ended(UNAVAILABLE, f"{process}: {wrong}")
    click.echo(f"{process}: ok")

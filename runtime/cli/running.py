"""`forsa run`: all of Forsa on this machine, from one command, ending with it."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from runtime.cli.ending import DOCTOR, UNAVAILABLE, Ended
from runtime.cli.processes import stopped_by_signals
from runtime.supervisor import Child, end_all, supervise

if TYPE_CHECKING:
    from runtime.settings import Settings
    from runtime.wiring import Forsa

READY_SECONDS: Final = 60
VIEWS_SECONDS: Final = 10
DEFAULT_PORT: Final = 8000


@click.command("run")
@click.option("--directory", default="var", show_default=True, type=click.Path(path_type=Path), help="Data and keys.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the web server; else FORSA_PORT, else a free one.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Web processes.")
@click.option("--kafka", is_flag=True, help="Publish to Kafka too: KAFKA_BOOTSTRAP's, else a broker of our own.")
@click.option("--demo/--no-demo", default=True, show_default=True, help="Load the invented centre into an empty log.")
def run_command(directory: Path, port: int | None, workers: int, kafka: bool, demo: bool) -> None:
    """Start a database (unless DATABASE_URL or FORSA_DATABASE_URL names one), the web server and the projector.

    Ctrl-C or SIGTERM ends all of it. Settings are left in DIRECTORY/settings.env, tokens in DIRECTORY/dev-tokens.env.
    """
    from runtime.logs import configure_logging

    stop = stopped_by_signals()
    given = {name: text for name, text in os.environ.items() if text}
    configure_logging(given.get("FORSA_LOG_FORMAT", "console"))
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory), _server_url(directory, given) as server_url, _kafka(directory, given, kafka) as brokers:
        settings, variables = _prepared(directory, given | brokers, server_url, port)
        environment = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"} | variables
        children = _children(environment, workers, kafka)
        try:
            _come_up(directory, settings, children, stop, demo, kafka)
        except BaseException:
            end_all(children)
            raise
        supervise(children, stop)


def _own_metrics_port(environment: Mapping[str, str], place: int) -> dict[str, str]:
    """The metrics of the web's neighbours stand on the ports after its own, where there is one."""
    port = environment.get("FORSA_METRICS_PORT", "")
    return {"FORSA_METRICS_PORT": str(int(port) + place)} if port.isdecimal() else {}


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """No other run uses the directory: two would overwrite each other's settings. Raises Ended."""
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Ended(UNAVAILABLE, f"Forsa runs in {directory} already: end that one, or use --directory.") from None
        yield


@contextmanager
def _server_url(directory: Path, given: Mapping[str, str]) -> Iterator[str | None]:
    """A login on the server to use, an embedded one where none is named; None where the settings name all of it."""
    if "FORSA_DATABASE_URL" in given:
        yield None
    elif "DATABASE_URL" in given:
        yield given["DATABASE_URL"]
    else:
        from runtime.embedded_postgres import EmbeddedPostgres

        with EmbeddedPostgres(directory / "postgres") as server:
            yield server.url()


@contextmanager
def _kafka(directory: Path, given: Mapping[str, str], wanted: bool) -> Iterator[dict[str, str]]:
    """Where Kafka is, as settings; where none is named, a broker of our own comes up beside the rest. Raises Ended."""
    if not wanted:
        yield {}
        return
    from runtime.kafka_jars import NoKafkaError
    from runtime.local_kafka import kept_running

    # One copy of a topic is enough for development, and all that one broker can keep.
    copies = {} if "FORSA_TOKEN_ISSUER" in given else {"FORSA_KAFKA_REPLICATION": "1"}
    copies |= {name: text for name, text in given.items() if name.startswith("FORSA_KAFKA_")}
    if named := given.get("FORSA_KAFKA_BOOTSTRAP") or given.get("KAFKA_BOOTSTRAP"):
        yield {**copies, "FORSA_KAFKA_BOOTSTRAP": named}
        return
    try:
        with kept_running(directory / "kafka") as broker:
            yield {**copies, "FORSA_KAFKA_BOOTSTRAP": broker.bootstrap}
    except NoKafkaError as lacking:
        raise Ended(UNAVAILABLE, str(lacking), "Or leave --kafka out: the feed is served over HTTP too.") from None


def _prepared(
    directory: Path, given: Mapping[str, str], server_url: str | None, port: int | None
) -> tuple[Settings, dict[str, str]]:
    """Databases, roles and keys are there; the settings to run with, and as variables (also left in a file)."""
    from runtime.databases import PROCESS_NEEDS, prepare_databases
    from runtime.development import SETTINGS_FILE, development_settings, env_lines, owner_everywhere, write_private
    from runtime.settings import read_settings

    variables = development_settings(directory, given, server_url)
    variables["FORSA_PORT"] = str(_port(variables, port))
    prepared = prepare_databases(read_settings(variables, PROCESS_NEEDS))
    for missing in prepared.missing:
        click.echo(f"Missing protection: {missing.why}. To fix: {missing.fix}", err=True)
    if prepared.missing and server_url:
        variables = owner_everywhere(variables)
    write_private(directory / SETTINGS_FILE, env_lines(variables))
    return read_settings(variables, PROCESS_NEEDS), variables


def _port(variables: Mapping[str, str], asked: int | None) -> int:
    """The port asked for, else the first free one from 8000 on. Raises Ended when the one asked for is taken."""
    host = variables.get("FORSA_HOST", "127.0.0.1")
    if asked is None and variables.get("FORSA_PORT", "").isdecimal():
        asked = int(variables["FORSA_PORT"])
    if asked is not None:
        if not _is_free(host, asked):
            raise Ended(UNAVAILABLE, f"Port {asked} is taken: end what listens there, or choose another with --port.")
        return asked
    free = next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + 1000) if _is_free(host, port)), None)
    if free is None:
        raise Ended(UNAVAILABLE, "No free port from 8000 on: choose one with --port.")
    return free


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _children(environment: Mapping[str, str], workers: int, kafka: bool) -> list[Child]:
    commands = {"web": ["serve", "--workers", str(workers)], "projector": ["project"]}
    if kafka:
        commands |= {"publisher": ["publish"], "receipts": ["receive"]}
    return [
        Child(
            name,
            [sys.executable, "-m", "runtime.cli", *command],
            {**environment, **_own_metrics_port(environment, place)},
        )
        for place, (name, command) in enumerate(commands.items())
    ]


def _come_up(
    directory: Path, settings: Settings, children: list[Child], stop: threading.Event, demo: bool, kafka: bool
) -> None:
    """The log has something in it, the web server is ready, and the operator was told how to reach it."""
    from runtime.health import address_of
    from runtime.wiring import compose

    forsa = compose(settings)
    try:
        if demo:
            _load_demo_where_missing(forsa)
        tokens = _tokens(directory, forsa, {"KAFKA_BOOTSTRAP": settings.kafka_bootstrap} if kafka else {})
        _wait_until_ready(settings, children, stop)
        # A first look should show the demo. A view that takes longer does not hold the rest up.
        forsa.views.wait_for(forsa.event_log.max_position(), timeout=VIEWS_SECONDS)
        _wait_for_feeds(forsa, stop, kafka)
    finally:
        forsa.close()
    address = address_of(settings)
    if not stop.is_set():
        from runtime.cli.welcome import show_welcome

        show_welcome(address, tokens, directory, settings.kafka_bootstrap if kafka else "")


def _wait_for_feeds(forsa: Forsa, stop: threading.Event, kafka: bool) -> None:
    """The feeds tell all that is in the log, and their topics have it; or it takes longer than views may take."""
    from projections.connections import asked
    from projections.records.partner_feed import feeds
    from projections.records.published import published

    last, end = forsa.event_log.max_position(), time.monotonic() + VIEWS_SECONDS

    def are_told() -> bool:
        written = all(each.position >= last for each in asked(forsa.pool, feeds))
        return written and not (kafka and any(each.lag_events for each in asked(forsa.pool, published)))

    while not are_told() and time.monotonic() < end and not stop.is_set():
        stop.wait(0.05)


def _load_demo_where_missing(forsa: Forsa) -> None:
    from runtime.demo import is_demo_missing, load_demo

    if is_demo_missing(forsa):
        click.echo("Loading a small invented centre …", err=True)
        load_demo(forsa)


def _tokens(directory: Path, forsa: Forsa, more: Mapping[str, str]) -> dict[str, str]:
    """A token a role, also left in a file for scripts; none where a real issuer is configured."""
    from runtime.cli.tokens import logins_by_role, tokens_for, variables_of
    from runtime.demo import places
    from runtime.development import TOKENS_FILE, env_lines, write_private
    from runtime.health import address_of
    from runtime.tokens import DevelopmentRefused

    try:
        tokens = tokens_for(forsa, logins_by_role(forsa), hours=8)
    except DevelopmentRefused:
        return {}
    base = {"BASE": address_of(forsa.settings), **more}
    write_private(directory / TOKENS_FILE, env_lines(base | places(forsa) | variables_of(tokens)))
    return tokens


def _wait_until_ready(settings: Settings, children: list[Child], stop: threading.Event) -> None:
    """/readyz answers 200, or we were asked to end. Raises Ended after a minute."""
    from runtime.health import of_web

    end = time.monotonic() + READY_SECONDS
    while not stop.is_set() and (wrong := of_web(settings)):
        if time.monotonic() > end:
            raise Ended(UNAVAILABLE, f"The web server is not ready: {wrong}. See the messages above.", DOCTOR)
        for child in children:
            child.watch()
        stop.wait(0.05)

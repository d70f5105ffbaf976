"""`forsa publish`: the feeds go to their topics."""

from __future__ import annotations

import click

from runtime.cli.environment import settings_for
from runtime.cli.processes import refuse_taken, stopped_by_signals


@click.command("publish")
def publish_command() -> None:
    """Publish every feed to its Kafka topic until asked to end (SIGTERM). A second one stands by.

    Topics that are missing are made. One that is unsafe, or holds what the feed's table does not, is refused: `forsa
    feeds` says why, and what to do. What is published can also be read without Kafka.
    """
    from runtime.logs import configure_logging
    from runtime.publishing import publish

    settings = settings_for("FORSA_DATABASE_URL", "FORSA_KAFKA_BOOTSTRAP")
    configure_logging(settings.log_format)
    stop = stopped_by_signals()
    refuse_taken(settings)
    publish(settings, stop)

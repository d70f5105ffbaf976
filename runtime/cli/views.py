"""`forsa views`: which versions of views are in the database, and the end of those that no release uses."""

from __future__ import annotations

import json

import click

from runtime.cli.ending import PROBLEMS, UNAVAILABLE, Ended
from runtime.cli.environment import settings_for


@click.group("views")
def views_command() -> None:
    """The versions of views in the database."""


@views_command.command("retire")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def retire_command(as_json: bool) -> None:
    """Drop the tables of earlier releases, once those have ended: projector and web.

    What a projector of another release still tends, or a reader has open, is kept: then exit 1. What is dropped by
    mistake is no loss: a projector that is started with that version builds it again.
    """
    from projections.rebuild import RebuildRunning
    from projections.retiring import retire

    try:
        dropped, kept = retire(settings_for("FORSA_DATABASE_URL").projector_database_url)
    except RebuildRunning as running:
        raise Ended(UNAVAILABLE, "A rebuild of this database is under way: wait for it.") from running
    if as_json:
        click.echo(json.dumps({"dropped": [each.id for each in dropped], "kept": [each.id for each in kept]}))
    else:
        for each in dropped:
            click.echo(f"dropped {each.id}")
        if not dropped and not kept:
            click.echo("no version of a view is left over")
    if kept:
        ids = ", ".join(each.id for each in kept)
        raise Ended(PROBLEMS, f"Kept, since another release uses it: {ids}. End that release, then ask again.")

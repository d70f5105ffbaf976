"""`forsa demo`: the invented centre."""

from __future__ import annotations

import json

import click

from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def demo_command(as_json: bool) -> None:
    """Load a small invented centre: two groups, 40 learners at every stage. A second time adds nothing."""
    from runtime.demo import load_demo, places
    from runtime.wiring import compose

    forsa = compose(settings_for(*PROCESS_NEEDS))
    try:
        loaded = load_demo(forsa)
        ids = places(forsa)
    finally:
        forsa.close()
    if as_json:
        click.echo(json.dumps({"done": loaded.done, "known": loaded.known, "ids": ids}, indent=2))
    else:
        click.echo(f"The people and places of the demo are invented. Acts done: {loaded.done}, known: {loaded.known}.")

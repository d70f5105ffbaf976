"""`forsa migrate`, `forsa rebuild`, `forsa doctor`, `forsa config`: the databases and what stands in them."""

from __future__ import annotations

import json
from typing import Any

import click

from runtime.cli.ending import PROBLEMS, Ended
from runtime.cli.environment import settings_for
from runtime.databases import OWNER_NEEDS, PROCESS_NEEDS


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def migrate_command(as_json: bool) -> None:
    """Make or update the databases and roles. May be repeated, and beside running processes.

    FORSA_OWNER_DATABASE_URL is a login that may create roles and databases; roles get the passwords that stand in the
    other settings.
    """
    from runtime.databases import prepare_databases

    prepared = prepare_databases(settings_for(*OWNER_NEEDS))
    missing = [{"what": each.what, "why": each.why, "fix": each.fix} for each in prepared.missing]
    if as_json:
        click.echo(json.dumps({"applied": prepared.applied, "missing": missing}, indent=2))
        return
    for name in prepared.applied:
        click.echo(f"applied {name}")
    if not prepared.applied:
        click.echo("nothing to apply: the databases are up to date")
    for each in missing:
        click.echo(f"missing protection: {each['why']}. To fix: {each['fix']}", err=True)


@click.command("rebuild")
@click.argument("views", nargs=-1)
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 16), help="That fold streams.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, without a progress bar.")
def rebuild_command(views: tuple[str, ...], processes: int, as_json: bool) -> None:
    """Rebuild these VIEWS (all without an argument) beside the live ones; the service stays up.

    Exit 0 when they stand in the place of the live ones, also where a live one was wrong, which is said on standard
    error; 1 when a rebuilt view is not what its streams fold to: nothing was replaced.
    """
    from runtime.cli.rebuilding import rebuild_views

    result = rebuild_views(settings_for(*PROCESS_NEEDS), views, processes, quiet=as_json)
    if as_json:
        click.echo(json.dumps(result, indent=2))


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor_command(as_json: bool) -> None:
    """Look at settings, databases, keys and views; name what is wrong, and the fix. Exit 1 where something is."""
    from runtime.cli.environment import environment
    from runtime.doctor import examine

    findings = examine(environment())
    if as_json:
        click.echo(json.dumps([each.to_dict() for each in findings], indent=2))
    else:
        _show_findings(findings)
    if any(not each.is_well for each in findings):
        raise Ended(PROBLEMS)


def _show_findings(findings: list[Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for each in findings:
        mark = "[green]ok[/green]   " if each.is_well else "[red]wrong[/red]"
        console.print(f"{mark} {each.name}: {each.said}", soft_wrap=True)
        if not each.is_well:
            console.print(f"      fix: {each.fix}", soft_wrap=True)


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def config_command(as_json: bool) -> None:
    """Show every setting: its variable, its value without secrets, and what it means."""
    from runtime.settings import describe

    rows = describe(settings_for())
    if as_json:
        click.echo(
            json.dumps([{"variable": name, "value": value, "help": text} for name, value, text in rows], indent=2)
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Variable", "Value", "Meaning", box=None)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)

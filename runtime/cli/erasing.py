"""`forsa erase`: erasures that were decided and not carried out yet, and carrying them out now."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import click

from runtime.cli.ending import PROBLEMS, UNAVAILABLE, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS

if TYPE_CHECKING:
    from runtime.erasing import Pending

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("erase", invoke_without_command=True)
@as_json
@click.pass_context
def erase_command(ctx: click.Context, as_json: bool) -> None:
    """List erasures that were decided and not carried out yet, oldest first; exit 1 where there are any.

    They are decided over HTTP (POST …/erasure-decisions) and carried out by the projector's process within seconds.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


def _list(as_json: bool) -> None:
    from projections.projector import connect
    from runtime.erasing import pending

    with connect(settings_for("FORSA_DATABASE_URL").projector_database_url) as connection:
        found = pending(connection)
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo("{learner}  erasure {erasure}  decided {decided_at}  {families}".format(**_shown(each)))
    if found:
        raise Ended(PROBLEMS)
    if not as_json:
        click.echo("every erasure that was decided is carried out")


def _shown(pending: Pending) -> dict[str, str | int]:
    return {
        "learner": str(pending.learner),
        "erasure": str(pending.erasure),
        "position": pending.position,
        "decided_at": pending.decided_at.isoformat(timespec="seconds"),
        "families": ",".join(pending.families),
    }


@erase_command.command("run")
@click.option("--learner", type=click.UUID, help="This learner's only.")
@as_json
def run_command(learner: UUID | None, as_json: bool) -> None:
    """Carry out now what was decided. Exit 1 where a decision still waits, for a view that is behind.

    May be interrupted and repeated at any moment. Exit 3 where another process is at it.
    """
    from runtime.cli.progress import bar
    from runtime.erasing import AnotherIsErasing, Result
    from runtime.following_erasures import erasing_of

    with erasing_of(settings_for(*PROCESS_NEEDS)) as erasing, bar() as shown:
        task = shown.add_task("keys", total=None)
        try:
            done: Result = erasing.run(
                learner=learner, report=lambda step, _: shown.update(task, description=step, advance=1)
            )
        except AnotherIsErasing as other:
            raise Ended(UNAVAILABLE, "Another process carries out erasures now: the projector's does so.") from other
    if as_json:
        click.echo(json.dumps({"done": done.done, "waiting": done.waiting}))
    else:
        click.echo(f"carried out: {done.done}; waiting: {done.waiting}")
    if done.waiting:
        raise Ended(PROBLEMS, "A view that somebody tends has not passed the decision yet: `forsa doctor` names it.")


@erase_command.command("rewrite")
@as_json
def rewrite_command(as_json: bool) -> None:
    """Write the directory and the keys anew, so that erased bytes leave PostgreSQL's files. Done daily by itself."""
    from projections.rebuild import RebuildRunning
    from runtime.rewriting import rewrite
    from runtime.wiring import open_means

    settings = settings_for(*PROCESS_NEEDS)
    try:
        done = rewrite(settings.projector_database_url, settings.keys_database_url, partial(open_means, settings))
    except RebuildRunning as running:
        raise Ended(UNAVAILABLE, "A rebuild of this database is under way: wait for it.") from running
    if as_json:
        click.echo(json.dumps({"position": done.position, "rows": done.rows, "parity": done.parity}))
    else:
        click.echo(f"directory: {done.rows} rows, {done.parity}; erasures up to position {done.position} are out of it")

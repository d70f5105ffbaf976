"""`forsa parked`: the streams that views could not take in, and having the projector try them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from uuid import UUID

import click

from runtime.cli.ending import PROBLEMS, USAGE, Ended
from runtime.cli.environment import settings_for

if TYPE_CHECKING:
    from projections.reading import Views
    from projections.records.parked import Parked

EVERY: Final = 2**31  # more streams than there are


@click.command("parked")
@click.option("--view", help="Of this view only.")
@click.option("--stream", type=click.UUID, help="This stream only.")
@click.option("--retry", is_flag=True, help="Have the projector try them again.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def parked_command(view: str | None, stream: UUID | None, retry: bool, as_json: bool) -> None:
    """List the streams that views could not take in, oldest first; they answer stale, all else goes on.

    Exit 1 where there are any. With --retry the projector tries them again, at once or when it starts; exit 0 when it
    was asked. What fails again stays parked.
    """
    from projections.reading import Views
    from runtime.wiring import reading_pool

    _refuse_unknown(view)
    with reading_pool(settings_for("FORSA_DATABASE_URL").database_url, 1) as pool:
        if retry:
            _ask_again(Views(pool), view, stream, as_json)
        else:
            _list(Views(pool), view, stream, as_json)


def _refuse_unknown(view: str | None) -> None:
    from projections import ALL_VIEWS

    names = [each.name for each in ALL_VIEWS]
    if view is not None and view not in names:
        raise Ended(USAGE, f"No view is called {view}. There are {', '.join(names)}.")


def _ask_again(views: Views, view: str | None, stream: UUID | None, as_json: bool) -> None:
    asked = views.retry_parked(view=view, stream=stream)
    said = f"{asked} asked for: `forsa parked` shows what stays" if asked else "none is parked"
    click.echo(json.dumps({"asked": asked}) if as_json else said)


def _list(views: Views, view: str | None, stream: UUID | None, as_json: bool) -> None:
    """Raises Ended where any is listed."""
    found = [
        each
        for each in views.parked(limit=EVERY)
        if (view is None or each.view == view) and (stream is None or each.stream == stream)
    ]
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo("{view} v{version}  {stream}  position {position}  {exception}  {since}".format(**_shown(each)))
    if found:
        raise Ended(PROBLEMS)
    if not as_json:
        click.echo("none is parked")


def _shown(parked: Parked) -> dict[str, str | int]:
    """`position`: of the first event the view has not taken in; `exception`: its class."""
    return {
        "view": parked.view,
        "version": parked.version,
        "stream": str(parked.stream),
        "position": parked.position,
        "exception": parked.exception,
        "since": parked.parked_at.isoformat(timespec="seconds"),
    }

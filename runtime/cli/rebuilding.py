"""The work behind `forsa rebuild`: names checked, a bar shown, refusals explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import click
import msgspec

from projections import ALL_VIEWS
from projections.rebuild import Differs, Progress, RebuildRunning, Rebuilt, Report, rebuild
from projections.view import View
from runtime.cli.ending import PROBLEMS, UNAVAILABLE, USAGE, Ended
from runtime.cli.progress import bar
from runtime.settings import Settings
from runtime.wiring import open_means

WAS_WRONG: Final = (
    "The live table of {view} was wrong: its rows were not what its streams fold to."
    " It has been replaced by the rebuilt one."
)


def rebuild_views(settings: Settings, names: Sequence[str], processes: int, *, quiet: bool) -> list[dict[str, Any]]:
    """These views (all when none is named) are rebuilt and switched; what became of each.

    quiet: without a bar and lines; that a live table was wrong is always said, on standard error.
    """
    views = _named(names)
    with _reporting(quiet) as report:
        try:
            done = rebuild(
                settings.projector_database_url,
                partial(open_means, settings),
                views=views,
                processes=processes,
                report=report,
            )
        except RebuildRunning as running:
            raise Ended(UNAVAILABLE, "Another rebuild of this database is under way: wait for it.") from running
        except Differs as differs:
            said = "A rebuilt view is not what its streams fold to; the live views are as they were."
            raise Ended(PROBLEMS, f"{said} {differs}") from differs
    for each in done:
        _say(each, quiet)
    return [msgspec.to_builtins(each) for each in done]


def _named(names: Sequence[str]) -> Sequence[View]:
    known = {view.name: view for view in ALL_VIEWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Ended(USAGE, f"No view is called {', '.join(unknown)}. There are {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)] if names else ALL_VIEWS


def _say(done: Rebuilt, quiet: bool) -> None:
    if not quiet:
        click.echo(_line(done))
    if done.parity == "differs":
        click.echo(WAS_WRONG.format(view=done.view), err=True)


def _line(done: Rebuilt) -> str:
    switched = f"switched in {done.switch_seconds * 1000:.0f} ms" if done.switched else "NOT switched"
    return f"{done.view} v{done.version}: {done.rows} rows at position {done.position}, {done.parity}, {switched}"


@contextmanager
def _reporting(quiet: bool) -> Iterator[Report | None]:
    """A function that is told how far the rebuild is; None where nobody looks."""
    if quiet:
        yield None
        return
    with bar() as shown:
        task = shown.add_task("starting", total=None)

        def report(progress: Progress) -> None:
            shown.update(task, description=progress.phase, completed=progress.done, total=progress.total)

        yield report

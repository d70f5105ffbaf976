"""`forsa`: every act of an operator, one command each. Commands are imported when they are called, so help is quick.

Exit codes: 0 done; 1 refused, or problems were found; 2 the call or the settings are wrong; 3 something needed is not
available; 70 a fault of ours; 130 interrupted. Errors go to standard error and name the fix; no traceback unless
`forsa --traceback` asks for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from runtime.cli.ending import FAULT, INTERRUPTED, USAGE, ending_of

# name → (module, one line); the command stands in the module under its own name
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("running", "Start all of Forsa here: database, web, projector, demo data."),
    "serve": ("processes", "Serve HTTP."),
    "project": ("processes", "Keep the views up to date."),
    "publish": ("publishing", "Publish the feeds to Kafka."),
    "receive": ("receiving", "Read the partners' receipts from Kafka."),
    "receipts": ("receiving", "List the receipts that were set aside."),
    "health": ("processes", "Say whether a process does its work."),
    "migrate": ("databases", "Make or update the databases and roles."),
    "appoint": ("appointing", "Record the first operator of an empty installation."),
    "rebuild": ("databases", "Rebuild views beside the live ones."),
    "views": ("views", "Drop the views' versions that no release uses."),
    "parked": ("parked", "List the streams that views could not take in, or try them again."),
    "feeds": ("feeds", "Show the partner feeds, open one for a region, or the next epoch of one."),
    "erase": ("erasing", "List erasures that were decided, carry them out, write tables anew."),
    "doctor": ("databases", "Name what is wrong, and the fix."),
    "config": ("databases", "Show the settings, without secrets."),
    "token": ("tokens", "Issue a development token."),
    "import": ("importing", "Bring in a roster of learners from a CSV file."),
    "demo": ("demonstrating", "Load a small invented centre."),
}


class Commands(click.Group):
    """The group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The command of that name, its module imported now; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"runtime.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The list of commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="forsa")
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
@click.pass_context
def cli(ctx: click.Context, traceback: bool) -> None:
    """Forsa: case management for the Second Chance Schools.

    Settings come from the environment (see `forsa config`). Exit codes: 0 done, 1 refused or problems found,
    2 wrong call or settings, 3 unavailable.
    """
    ctx.obj = traceback


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of `forsa ARGUMENTS` (the process's own where None)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(given, prog_name="forsa", standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        code, lines = ending_of(error)
        if code == FAULT and "--traceback" in given[:1]:
            raise
        for line in lines:
            click.echo(line, err=True)
        if code == FAULT:
            click.echo("`forsa --traceback …` shows where it came from.", err=True)
        return code
    return code if isinstance(code, int) else 0

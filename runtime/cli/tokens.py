"""`forsa token`: bearer tokens of the development issuer, for people and scripts on this machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from uuid import UUID

import click

from runtime.cli.ending import PROBLEMS, USAGE, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS

if TYPE_CHECKING:
    from runtime.wiring import Forsa


@click.command("token")
@click.option("--role", help="For the first worker who holds this role today.")
@click.option("--worker", type=click.UUID, help="For this worker (stream id).")
@click.option("--all", "every", is_flag=True, help="One for each role that someone holds today.")
@click.option("--hours", default=8, show_default=True, type=click.IntRange(1, 24), help="How long it is good.")
@click.option("--env", "as_env", is_flag=True, help="As `export TOKEN_CASEWORKER=…` lines, for eval.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def token_command(role: str | None, worker: UUID | None, every: bool, hours: int, as_env: bool, as_json: bool) -> None:
    """Issue a development token; refused where a real issuer is configured."""
    from runtime.wiring import compose

    if [bool(role), worker is not None, every].count(True) != 1:
        raise Ended(USAGE, "Say whom it is for: one of --role, --worker, --all.")
    forsa = compose(settings_for(*PROCESS_NEEDS))
    try:
        logins = {"worker": login_of(forsa, worker)} if worker else logins_by_role(forsa, role)
        tokens = tokens_for(forsa, logins, hours)
    finally:
        forsa.close()
    if role and not tokens:
        raise Ended(PROBLEMS, f"Nobody with a development login holds the role {role} today: see `forsa token --all`.")
    _print(tokens, as_env=as_env, as_json=as_json, single=not every)


def _print(tokens: dict[str, str], *, as_env: bool, as_json: bool, single: bool) -> None:
    from runtime.development import env_lines

    if as_json:
        click.echo(json.dumps(tokens, indent=2))
    elif as_env:
        click.echo(env_lines(variables_of(tokens)), nl=False)
    else:
        for role, token in tokens.items():
            click.echo(token if single else f"{role}\t{token}")


def variables_of(tokens: dict[str, str]) -> dict[str, str]:
    """The variable a script finds each role's token in: `TOKEN_CASEWORKER`. Not FORSA_…: it is no setting."""
    return {f"TOKEN_{role.upper()}": token for role, token in tokens.items()}


def tokens_for(forsa: Forsa, logins: dict[str, str], hours: int) -> dict[str, str]:
    """A token a name, for these subjects. Raises DevelopmentRefused."""
    from runtime.tokens import development_issuer

    issuer = development_issuer(forsa.settings)
    return {name: issuer.issue(subject, int(time.time()), hours * 3600) for name, subject in logins.items()}


def logins_by_role(forsa: Forsa, role: str | None = None) -> dict[str, str]:
    """Role → subject of the development login of the first worker granted it who has one."""
    found: dict[str, str] = {}
    for held, worker in forsa.holders():
        if held not in found and role in (None, held):
            subject = _development_login(forsa, worker)
            if subject:
                found[held] = subject
    return dict(sorted(found.items()))


def login_of(forsa: Forsa, worker: UUID) -> str:
    """The subject of this worker's development login."""
    subject = _development_login(forsa, worker)
    if subject is None:
        raise Ended(PROBLEMS, f"Worker {worker} has no login of the development issuer: bind one (POST …/logins).")
    return subject


def _development_login(forsa: Forsa, worker: UUID) -> str | None:
    from domain.errors import Refused
    from domain.sealed import Erased
    from runtime.settings import DEVELOPMENT_ISSUER

    try:
        held = forsa.casebook.load("worker", worker).state.logins.get(DEVELOPMENT_ISSUER)
    except Refused as refused:
        raise Ended(PROBLEMS, f"{worker} is no worker's id.") from refused
    login = forsa.keyring.open(worker, held) if held else None
    return None if login is None or isinstance(login, Erased) else login.subject

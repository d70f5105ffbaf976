"""`forsa appoint`: the first operator, since every access is granted by someone who has one."""

from __future__ import annotations

import json

import click

from runtime.cli.ending import PROBLEMS, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS


@click.command("appoint")
@click.option("--subject", required=True, help="The operator's login, as the token issuer names it.")
@click.option("--name", required=True, help="The operator's name.")
@click.option("--organisation", required=True, help="The operator's organisation, in French or Arabic.")
@click.option("--kind", default="ministry", show_default=True, help="Of the organisation (organisation_kind).")
@click.option("--json", "as_json", is_flag=True, help="The ids as JSON.")
def appoint_command(subject: str, name: str, organisation: str, kind: str, as_json: bool) -> None:
    """Record the first operator of an empty installation, with the access to grant everyone else's over HTTP.

    The same login again changes nothing and is told the same ids; another one is refused once anybody holds access.
    The login's issuer is FORSA_TOKEN_ISSUER.
    """
    from runtime.appointing import AccessEnded, SomebodyHolds, appoint
    from runtime.wiring import compose

    forsa = compose(settings_for(*PROCESS_NEEDS))
    try:
        ids = appoint(forsa, subject=subject, name=name, organisation=organisation, kind=kind)
    except SomebodyHolds:
        raise Ended(PROBLEMS, "Somebody holds access already: an operator grants more (POST …/grants).") from None
    except AccessEnded:
        raise Ended(PROBLEMS, "This login's access has ended: appoint another one, who grants it anew.") from None
    finally:
        forsa.close()
    said = {"worker": str(ids.worker), "organisation": str(ids.organisation), "grant": str(ids.grant)}
    click.echo(json.dumps(said) if as_json else f"operator: worker {ids.worker}")

"""`forsa appoint`: the first operator, since every access is granted by someone who has one."""

from __future__ import annotations

import json
from uuid import uuid4

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

    Refused once anybody holds access. The login's issuer is FORSA_TOKEN_ISSUER.
    """
    from domain.errors import Refused
    from domain.event import By
    from domain.organisation import GrantAccess, LocalName, RegisterOrganisation
    from domain.values import script_of
    from domain.worker import BindLogin, RecordWorker
    from runtime.wiring import compose

    forsa = compose(settings_for(*PROCESS_NEEDS))
    ids = {"worker": uuid4(), "organisation": uuid4(), "grant": uuid4()}
    worker, org, installation = ids["worker"], ids["organisation"], uuid4()
    by = By(actor=installation, role="operator", org=org, src="console")  # nobody grants access to themselves
    called = LocalName(ar=organisation) if script_of(organisation) == "arabic" else LocalName(fr=organisation)
    try:
        if forsa.holders():
            raise Ended(PROBLEMS, "Somebody holds access already: an operator grants more (POST …/grants).")
        for command in (
            RegisterOrganisation(organisation=org, kind=kind, name=called),
            RecordWorker(worker=installation, name="Forsa", organisation=org, function="system"),
            RecordWorker(worker=worker, name=name, organisation=org, function="system"),
            BindLogin(worker=worker, issuer=forsa.settings.token_issuer, subject=subject),
            GrantAccess(organisation=org, grant=ids["grant"], subject=worker, role="operator", scope="national"),
        ):
            forsa.casebook.execute(command, by)
    except Refused as refused:
        raise Ended(PROBLEMS, *(f"{broken.code} {broken.pointer}" for broken in refused.broken)) from refused
    finally:
        forsa.close()
    click.echo(json.dumps({key: str(each) for key, each in ids.items()}) if as_json else f"operator: worker {worker}")

"""`forsa import`: a roster of learners from a CSV file."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from runtime.cli.ending import PROBLEMS, Ended
from runtime.cli.environment import settings_for
from runtime.databases import PROCESS_NEEDS

if TYPE_CHECKING:
    from runtime.importing import Importer, Report
    from runtime.wiring import Forsa

ROLES = ("caseworker", "coordinator")  # who may identify learners of a centre
SHOWN = 200  # errors on the terminal; --json has them all


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--centre", required=True, type=click.UUID, help="The centre the learners come to (stream id).")
@click.option("--mode", default="validate", show_default=True, type=click.Choice(["validate", "commit"]))
@click.option("--season", type=click.IntRange(2000, 2100), help="Year the season starts in; else the present one.")
@click.option("--source", default="association", show_default=True, help="Referral source where a row names none.")
@click.option("--worker", type=click.UUID, help="Who brings them in; else a caseworker or coordinator of the centre.")
@click.option(
    "--language", default="en", show_default=True, type=click.Choice(["ar", "fr", "en"]), help="Of the errors."
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def import_command(
    file: Path,
    centre: UUID,
    mode: str,
    season: int | None,
    source: str,
    worker: UUID | None,
    language: str,
    as_json: bool,
) -> None:
    """Bring in a roster of learners: UTF-8, headers in Arabic, French or English (docs/how-to/import.md).

    `validate` decides every row and stores nothing; `commit` stores every good row. The same rows sent again are
    known, so a repaired file may be sent whole. Exit 1 where a row was refused.
    """
    from runtime.wiring import compose

    forsa = compose(settings_for(*PROCESS_NEEDS))
    try:
        importer = _importer(forsa, centre, season, source, worker)
        report = _bring_in(forsa, file, importer, commit=mode == "commit", quiet=as_json)
    finally:
        forsa.close()
    _show(report, language, as_json=as_json)
    if report.errors:
        raise Ended(PROBLEMS)


def _importer(forsa: Forsa, centre: UUID, season: int | None, source: str, worker: UUID | None) -> Importer:
    from domain.errors import Refused
    from domain.reference import code_list
    from domain.values import season_of
    from runtime.importing import Importer

    today = forsa.today()
    if not code_list("referral_source").is_code(source, today):
        known = ", ".join(code_list("referral_source").codes_on(today))
        raise Ended(PROBLEMS, f"--source {source} is no referral source: one of {known}.")
    try:
        province = forsa.casebook.load("centre", centre).state.province
    except Refused as refused:
        raise Ended(PROBLEMS, f"{centre} is no centre's id.") from refused
    return Importer(
        by=_by(forsa, centre, worker),
        centre=centre,
        province=province,
        source=source,
        season=season or season_of(today),
    )


def _by(forsa: Forsa, centre: UUID, worker: UUID | None) -> Any:
    """Who acts: the worker named, else the first who may for this centre. Raises Ended where there is none."""
    from domain.access import covers_site
    from domain.event import By

    workers = [worker] if worker else [holder for role, holder in forsa.holders() if role in ROLES]
    for each in workers:
        for grant in forsa.grants_of(each):
            if grant.role in ROLES and covers_site(grant, forsa.sites.of(centre)):
                return By(actor=each, role=grant.role, org=grant.org, src="import")
    who = f"Worker {worker} does not hold" if worker else "Nobody holds"
    roles = " or ".join(ROLES)
    raise Ended(
        PROBLEMS, f"{who} the role {roles} for this centre today: grant it first (POST …/organisations/ID/grants)."
    )


def _bring_in(forsa: Forsa, file: Path, importer: Importer, *, commit: bool, quiet: bool) -> Report:
    from domain.roster import LARGEST_BYTES, read_roster
    from runtime.importing import bring_in

    with file.open("rb") as opened:
        content = opened.read(LARGEST_BYTES + 1)  # one more than allowed is enough to refuse it
    roster = read_roster(content, forsa.today())
    with _progress(len(roster.rows), quiet) as progress:
        return bring_in(forsa, roster, importer, commit=commit, progress=progress)


def _progress(rows: int, quiet: bool) -> Any:
    if quiet or rows < SHOWN:
        return nullcontext()
    from runtime.cli.progress import counting

    return counting("rows", rows)


def _as_data(report: Report, language: str) -> dict[str, Any]:
    """The report for a program, each line with its sentence."""
    import msgspec

    lines = {"errors": report.errors, "warnings": report.warnings}
    told = {
        name: [{**msgspec.to_builtins(line), "said": line.said(language)} for line in each]
        for name, each in lines.items()
    }
    return {**msgspec.to_builtins(report), **told}


def _show(report: Report, language: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_data(report, language), indent=2, ensure_ascii=False))
        return
    for kind, lines in (("refused", report.errors), ("look at", report.warnings)):
        for line in lines[:SHOWN]:
            where = f"row {line.row}" if line.row else "file"
            at = f", {line.column}" if line.column else ""
            value = f" [{line.value}]" if line.value else ""
            click.echo(f"{where}{at}: {line.code}{value} ({kind}): {line.said(language)}")
        if len(lines) > SHOWN:
            click.echo(f"… and {len(lines) - SHOWN} more ({kind}): --json has them all")
    would = "" if report.mode == "commit" else " (nothing stored: --mode commit stores)"
    click.echo(f"{report.rows} rows: {report.added} added, {report.known} known, {report.refused} refused{would}")

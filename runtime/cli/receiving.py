"""`forsa receive`: the partners' receipts from their topic. `forsa receipts`: those that were set aside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from runtime.cli.ending import PROBLEMS, USAGE, Ended
from runtime.cli.environment import settings_for
from runtime.cli.processes import refuse_taken, stopped_by_signals
from runtime.databases import PROCESS_NEEDS

if TYPE_CHECKING:
    from projections.records.receipt_inbox import ParkedReceipt


@click.command("receive")
def receive_command() -> None:
    """Read the partners' receipts from Kafka until asked to end (SIGTERM). A second one stands by.

    A receipt says up to where a partner has seen and kept a feed. What cannot be applied is parked with its reason, and
    the next is read: `forsa receipts` lists them.
    """
    from runtime.logs import configure_logging
    from runtime.receiving import receive

    settings = settings_for(*PROCESS_NEEDS, "FORSA_KAFKA_BOOTSTRAP")
    configure_logging(settings.log_format)
    stop = stopped_by_signals()
    refuse_taken(settings)
    receive(settings, stop)


@click.command("receipts")
@click.option("--reason", help="Set aside for this reason only.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="The latest so many.")
@click.option("--body", is_flag=True, help="With the beginning of what was sent: the partner's own.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def receipts_command(reason: str | None, limit: int, body: bool, as_json: bool) -> None:
    """List the records of the receipts' topic that were set aside, the latest first, with what was expected instead.

    Nothing of them was applied; a partner sends again what was meant. Exit 1 where there are any.
    """
    from domain.partner_receipts import REASONS
    from projections.records.receipt_inbox import parked_receipts
    from runtime.wiring import reading_pool

    if reason is not None and reason not in REASONS:
        raise Ended(USAGE, f"No reason is called {reason}. There are {', '.join(REASONS)}.")
    settings = settings_for("FORSA_DATABASE_URL")
    with reading_pool(settings.database_url, 1) as pool, pool.connection() as connection:
        shown = [_shown(each, body=body) for each in parked_receipts(connection, reason, limit)]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    for each in [] if as_json else shown:
        click.echo("{at}  {topic}/{partition} offset {offset}  {size} bytes  {reason}: wanted {wanted}".format(**each))
        if body:
            click.echo(f"    key {each['key']}\n    {each['body']}")
    if shown:
        raise Ended(PROBLEMS)
    if not as_json:
        click.echo("none was set aside")


def _shown(parked: ParkedReceipt, *, body: bool) -> dict[str, str | int]:
    shown: dict[str, str | int] = {
        "at": parked.at.isoformat(timespec="seconds"),
        "topic": parked.topic,
        "partition": parked.partition,
        "offset": parked.offset,
        "size": parked.size,
        "reason": parked.reason,
        "wanted": parked.detail,
    }
    if body:  # a stranger's bytes on somebody's terminal: shown as escapes
        shown |= {"key": ascii(parked.key or b""), "body": ascii(parked.body or b"")}
    return shown

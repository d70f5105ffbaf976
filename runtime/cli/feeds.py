"""`forsa feeds`: how far each partner feed is, one more for a region, and the next epoch of one after a restore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from runtime.cli.ending import PROBLEMS, UNAVAILABLE, USAGE, Ended
from runtime.cli.environment import settings_for

if TYPE_CHECKING:
    from projections.records.feed_standing import FeedStanding
    from projections.records.partner_feed import Feed
    from projections.records.receipts import PartnerStand
    from runtime.settings import Settings

REASONS: Final = ("restore", "topic_lost", "other")  # the codes of epoch_reason


@click.group("feeds", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def feeds_command(ctx: click.Context, as_json: bool) -> None:
    """List the partner feeds: last message, what the writer and the publisher lack, how far each partner is.

    Exit 1 where one stands still: an event cannot be told, or its topic is refused.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


def _list(as_json: bool) -> None:
    """Raises Ended where one stands still."""
    from projections.records.feed_standing import standings
    from projections.records.receipts import partners_of

    with _connected(settings_for("FORSA_DATABASE_URL")) as connection:
        found = [(each, partners_of(connection, each.feed)) for each in standings(connection)]
    if as_json:
        click.echo(json.dumps([_shown(feed, partners) for feed, partners in found], indent=2))
    else:
        _show(found)
    if any(feed.stopped_by or feed.refused for feed, _ in found):
        raise Ended(PROBLEMS)


def _shown(feed: FeedStanding, partners: Sequence[PartnerStand]) -> dict[str, Any]:
    """As JSON has it: times in ISO 8601, places as `1/42`."""
    import msgspec

    told = [{**msgspec.to_builtins(each), "place": str(each.place)} for each in partners]
    shown: dict[str, Any] = msgspec.to_builtins(feed)
    return {**shown, "partners": told}


def _show(found: Sequence[tuple[FeedStanding, Sequence[PartnerStand]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("Feed", "Last", "Writer", "Published", box=None)
    for feed, _ in found:
        table.add_row(feed.feed, feed.place, _writer(feed), _publisher(feed))
    console.print(table)
    for feed, partners in found:
        if feed.refused:
            console.print(f"{feed.topic}: {feed.refused}", soft_wrap=True, markup=False)
        for each in partners:
            heard = each.heard_at.isoformat(timespec="seconds") if each.heard_at else "never"
            said = f"has {each.place}, {_late(each.events, each.seconds)}, last heard {heard}"
            console.print(f"{feed.feed}: partner {each.partner} {said}", soft_wrap=True, markup=False)


def _writer(feed: FeedStanding) -> str:
    if feed.stopped_by:
        return f"stopped at {feed.stopped_at}: {feed.stopped_by}"
    return _late(feed.events, feed.seconds)


def _publisher(feed: FeedStanding) -> str:
    if feed.published is None:
        return "nobody has begun"
    return (
        f"{feed.published}, {'refused' if feed.refused else _late(feed.unpublished_events, feed.unpublished_seconds)}"
    )


def _late(events: int, seconds: float) -> str:
    return f"{events} to come, {seconds:.0f} s late" if events else "current"


@feeds_command.command("open")
@click.argument("region")
def open_command(region: str) -> None:
    """Open the feed of a REGION (such as MA-06): the diplomas its centres prepare for, from the first one ever.

    The projector's process writes it within seconds, the publisher makes its topic.
    """
    from domain.partner_feed import feed_name
    from domain.reference import code_list
    from projections.records.opening_feeds import open_feed

    regions = {each.code: each.label("en") for each in code_list("region").entries}
    if region not in regions:
        known = ", ".join(f"{code} ({name})" for code, name in regions.items())
        raise Ended(USAGE, f"There is no region {region}. There are {known}.")
    with _connected(settings_for("FORSA_DATABASE_URL")) as connection:
        feed, opened = open_feed(connection, region)
    click.echo(f"{feed_name(region)}, topic {feed.topic}: {'opened' if opened else 'was open already'}")


@feeds_command.command("new-epoch")
@click.argument("feed")
@click.option("--reason", required=True, type=click.Choice(REASONS), help="What partners are told.")
@click.option("--stands-until", type=click.IntRange(0), help="Sequence of the last message that stands.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def new_epoch_command(feed: str, reason: str, stands_until: int | None, yes: bool) -> None:
    """Go on with a FEED in its next epoch: after a restore, when its topic is ahead of the table.

    Without --stands-until it is the last message that the topic and the table agree on. What came after it is told
    again under new ids; whoever has read beyond it starts again from the snapshot. There is no way back.
    """
    from projections.records.opening_feeds import NotInEpoch, open_epoch

    settings = settings_for("FORSA_DATABASE_URL")
    with _connected(settings) as connection:
        before = _feed_of(connection, feed)
        until = _agreed_until(settings, connection, before) if stands_until is None else stands_until
        click.echo(f"{feed} stands at {before.last}. Epoch {before.epoch + 1} begins after {before.epoch}/{until}:")
        click.echo(f"{max(before.sequence - until, 0)} messages after it stand no longer and are told again.")
        if not yes and not click.confirm("Open it?"):
            raise Ended(PROBLEMS, "Nothing was changed.")
        try:
            opened = open_epoch(connection, feed, until, reason)
        except NotInEpoch as refused:
            raise Ended(USAGE, f"--stands-until {until} is no message of the feed: {refused}.") from refused
    click.echo(f"{feed} goes on at {opened.last}: writer and publisher follow by themselves")


def _feed_of(connection: Any, feed: str) -> Feed:
    """Raises Ended for a name that is no feed's."""
    from projections.records.partner_feed import feeds

    found = {each.feed: each for each in feeds(connection)}
    if feed not in found:
        raise Ended(USAGE, f"No feed is called {feed}. There are {', '.join(found)}.")
    return found[feed]


def _agreed_until(settings: Settings, connection: Any, feed: Feed) -> int:
    """Sequence of the last message of this epoch that topic and table both have. Raises Ended: nobody can be asked."""
    from consumers.brokers import UNREACHED
    from consumers.topic_ends import agreed_until
    from projections.records.published import FeedTable
    from runtime.publishing import broker_of

    if not settings.kafka_bootstrap:
        without = "FORSA_KAFKA_BOOTSTRAP is not set, so no topic can be asked what partners have seen"
        raise Ended(USAGE, f"{without}: say --stands-until (0: they all start again from the snapshot).")
    try:
        return agreed_until(broker_of(settings), feed.topic, FeedTable(connection, feed.feed))
    except UNREACHED as away:
        said = f"The broker cannot be asked ({type(away).__name__}): start it, or say --stands-until."
        raise Ended(UNAVAILABLE, said) from away


def _connected(settings: Settings) -> Any:
    from projections.projector import connect

    return connect(settings.projector_database_url)

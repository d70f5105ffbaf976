"""What must be true when the killing is over: the log against what clients were told, keys, and views."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import psycopg

from bench.prove.load import Ledger, Place
from bench.prove.running import PROJECTOR, WEB, Running
from bench.prove.world import Copy
from domain.sealed import SealedFact, sealed_at, sealed_fields
from projections.rebuild import Differs, rebuild
from runtime.keyring import Keyring, UnknownKey
from runtime.seal import SealBroken
from runtime.wiring import open_means

EVENTS: Final = """
select notification_id, originator_id, originator_version, topic, convert_from(state, 'UTF8')::json->'by'->>'corr'
  from forsa_events where notification_id > %s order by notification_id
"""
COMMANDS: Final = "select id, first_position, last_position from commands where first_position > %s"
DENSE: Final = "select coalesce(max(notification_id), 0) - count(*) from forsa_events"
# Versions of a stream are 1, 2, 3, …; times never go backwards.
DISORDER: Final = """
select (select count(*) from (select max(originator_version) <> count(*) as wrong from forsa_events
          group by originator_id) s where wrong)
     + (select count(*) from (select recorded_at < lag(recorded_at) over (order by notification_id) as wrong
          from forsa_events) e where wrong)
"""
PARKED: Final = "select count(*) from records.parked"
PAGE: Final = 2_000


class LogFound(msgspec.Struct, frozen=True):
    """The log against a ledger. All of it is 0 where nothing was lost and nothing doubled."""

    lost: int  # commands that were acknowledged and whose events are not all where the answer said
    doubled: int  # commands with events of more than one append, acknowledged or not
    strangers: int  # events that no client's command explains
    command_rows_wrong: int  # acknowledged commands without exactly their own row in `commands`
    positions_missing: int
    disorder: int  # streams whose versions have a gap, events recorded before the one before


def log_found(copy: Copy, ledger: Ledger) -> LogFound:
    """What the log holds of the commands of this ledger."""
    with copy.connect() as connection:
        told = _events_by_correlation(connection, copy.told)
        rows = {UUID(bytes=bytes(row[0])): row[1:] for row in _rows(connection, COMMANDS, copy.told)}
        lost = doubled = 0
        for each in ledger.acknowledged:
            found = told.pop(each.correlation, set())
            lost += not found.issuperset(each.events)
            doubled += not found.issubset(each.events)
        unknown = {correlation: told.pop(correlation, set()) for correlation in ledger.given_up}
        doubled += sum(_appends(places) > 1 for places in unknown.values())
        return LogFound(
            lost=lost,
            doubled=doubled,
            strangers=sum(len(places) for places in told.values()),
            command_rows_wrong=sum(
                rows.get(each.key) != (each.events[0][0], each.position) for each in ledger.acknowledged
            ),
            positions_missing=_count(connection, DENSE),
            disorder=_count(connection, DISORDER),
        )


def _events_by_correlation(connection: psycopg.Connection[Any], after: int) -> dict[UUID | None, set[Place]]:
    found: dict[UUID | None, set[Place]] = defaultdict(set)
    for position, stream, version, tag, correlation in _rows(connection, EVENTS, after):
        found[UUID(correlation) if correlation else None].add((position, stream, version, tag))
    return found


def _appends(places: Iterable[Place]) -> int:
    """How many appends these events came with: a command never writes to a stream and tag twice in one."""
    return max(Counter((stream, tag) for _, stream, _, tag in places).values(), default=0)


def _rows(connection: psycopg.Connection[Any], query: str, *parameters: object) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    return int(_rows(connection, query)[0][0])


def sealed_without_key(copy: Copy) -> int:
    """Sealed values of the log that no stored key opens."""
    means = open_means(copy.settings)
    with closing(means.keyring), copy.connect() as connection:
        return sum(not _opens(means.keyring, *fact) for fact in _sealed_facts(connection, means.mapper.decode))


def _sealed_facts(connection: psycopg.Connection[Any], decode: Any) -> Iterator[tuple[UUID, SealedFact[Any]]]:
    query = "select originator_id, originator_version, topic, state from forsa_events"
    for stream, version, tag, state in _rows(connection, query):
        event = decode(bytes(state))
        for field in sealed_fields(cast("Hashable", type(event))):
            sealed = sealed_at(event, field)
            if sealed is not None:
                yield stream, SealedFact(version, tag, field, sealed)


def _opens(keyring: Keyring, stream: UUID, fact: SealedFact[Any]) -> bool:
    try:
        keyring.open(stream, fact)
    except (UnknownKey, SealBroken):
        return False
    return True


class ViewsFound(msgspec.Struct, frozen=True):
    """The views against the log."""

    different: int  # views that are not what a clean rebuild makes of the log, or could not be compared
    parked: int  # streams that a view could not take in


def views_found(running: Running, *, processes: int) -> ViewsFound:
    """The views have come to the log's end, their processes ended, and each was compared with a clean rebuild.

    processes: of the rebuild. Raises NotInTime where the views do not come to the end of the log.
    """
    copy = running.copy
    with copy.connect() as connection:
        last = _count(connection, "select coalesce(max(notification_id), 0) from forsa_events")
        running.until(lambda: running.viewed() >= last, "the views are at the log's end")
        running.stop()
        parked = _count(connection, PARKED)
    settings = copy.settings
    try:
        done = rebuild(settings.projector_database_url, partial(open_means, settings), processes=processes)
    except Differs:
        return ViewsFound(1, parked)
    return ViewsFound(sum(each.parity != "equal" for each in done), parked)


def deaths_by_themselves(running: Running) -> int:
    """How often a process died that nobody had killed."""
    return sum(name in (WEB, PROJECTOR) for name in running.deaths)

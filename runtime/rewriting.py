"""Taking erased bytes out of PostgreSQL's files: the directory is rebuilt beside itself, the keys are written anew.

What was deleted or overwritten stands in a table's file until its place is used again. So a table with erasures is
written anew within a day, and its old file goes with the next checkpoint; write-ahead log is recycled soon after.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from projections import learner_directory, log, purging
from projections.building import LONG_LOG
from projections.projector import connect
from projections.rebuild import Rebuilt, Report, rebuild

WITHIN: Final = timedelta(hours=20)  # after an erasure: with the rewrite itself, within a day
DIRECTORY, KEYS = "directory", "keys"

# Position of the last erasure that was carried out, and that of the oldest which is in the files still. The first of
# the two conditions on topic is the partial index's own, word for word: without it the planner reads the whole log.
LAST: Final[LiteralString] = """
select coalesce(max(notification_id), 0) from forsa_events
 where topic in ('learner.erasure-decided', 'learner.personal-data-erased') and topic = 'learner.personal-data-erased'
"""
OVERDUE: Final[LiteralString] = """
select exists (
  select from forsa_events e
   where topic in ('learner.erasure-decided', 'learner.personal-data-erased') and topic = 'learner.personal-data-erased'
     and notification_id > (select coalesce(min(coalesce(r.position, 0)), 0)
                              from (values ('directory'), ('keys')) w(what) left join records.rewrites r using (what))
     and recorded_at < clock_timestamp() - %s)
"""
NOTE: Final[LiteralString] = """
insert into records.rewrites (what, position) values (%s, %s)
on conflict (what) do update set position = greatest(rewrites.position, excluded.position), at = clock_timestamp()
"""


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """What was written anew: every erasure recorded up to `position` has left the files at the next checkpoint."""

    position: int
    rows: int  # of the directory
    parity: str


def is_due(connection: psycopg.Connection[Any], within: timedelta = WITHIN) -> bool:
    """Whether an erasure that was carried out so long ago is in the files still."""
    row = connection.execute(OVERDUE, (within,)).fetchone()
    return row == (True,)


def rewrite(projector_dsn: str, keys_dsn: str, open_means: log.OpenMeans, report: Report | None = None) -> Rewritten:
    """The directory and the keys hold no erased bytes: the directory serves meanwhile, keys wait for a moment.

    report: is told how far the directory's rebuild is; what it raises ends the rewrite. May be repeated.
    Raises what `rebuild` raises, and a lock time-out where somebody uses the keys too long.
    """
    with connect(projector_dsn) as connection:
        row = connection.execute(LAST).fetchone()
        position = int(row[0]) if row else 0
        processes = 2 if log.last_position(connection) > LONG_LOG else 1
        views = [learner_directory.VIEW]
        done: Rebuilt = rebuild(projector_dsn, open_means, views=views, processes=processes, report=report)[0]
        purging.rewrite_idle(connection)
        connection.execute(NOTE, (DIRECTORY, position))
        with psycopg.connect(keys_dsn, autocommit=True, connect_timeout=2) as keys:
            keys.execute("select rewrite_keys()")
        connection.execute(NOTE, (KEYS, position))
    return Rewritten(position=position, rows=done.rows, parity=done.parity)

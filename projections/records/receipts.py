"""What partners say they have read: each receipt judged and applied once, whichever way it came; and how far they are.

Not a view: what a partner said is told by no event. Whoever judges a partner's receipts holds that partner's lock, so
that Kafka and HTTP see what the other has applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from domain.access import Held
from domain.partner_feed import START, Place
from domain.partner_receipts import FeedStand, Receipt, refusal_of
from projections.connections import asked
from projections.records.partner_feed import feeds

Connection = psycopg.Connection[Any]
Grants = Mapping[UUID, Sequence[Held]]  # of each partner, as of now

KAFKA, HTTP = "kafka", "http"


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as it was applied."""

    feed: str
    place: Place
    receipt: str
    at: datetime


class PartnerStand(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partner has confirmed a feed, and how much it has not."""

    feed: str
    partner: UUID
    place: Place  # 1/0: nothing yet
    heard_at: datetime | None  # when it last spoke of this feed; None: never
    events: int  # that stand, and that it has not confirmed
    seconds: float  # since the first of them was written; 0 without one


class Receipts:
    """What partners have confirmed, on a pool of autocommit connections. Safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        """Connects at first use."""
        self._pool = pool

    def confirm(self, receipt: Receipt, grants: Sequence[Held]) -> Confirmed | str:
        """The receipt is applied, or was before: the same row then. Else the reason why it is not.

        `replayed`: another one was applied under its id. grants: the partner's, as of now.
        """

        def act(connection: Connection) -> Confirmed | str:
            with connection.transaction():
                reason = judge(connection, [receipt], {receipt.partner: grants})[0]
                if reason is None:
                    add(connection, [receipt], HTTP)
                return reason if reason not in (None, "replayed") else _applied(connection, receipt) or "replayed"

        return asked(self._pool, act)

    def of_feed(self, feed: str, also: Iterable[UUID] = ()) -> list[PartnerStand]:
        """How far each partner is that has spoken of this feed, and each of `also`."""
        return asked(self._pool, lambda connection: partners_of(connection, feed, also))


def judge(connection: Connection, receipts: Sequence[Receipt], grants: Grants) -> list[str | None]:
    """For each receipt in its order the reason why it is not to be applied; None: it is. In a transaction.

    Until the transaction ends nobody else judges receipts of these partners.
    """
    partners = sorted({each.partner for each in receipts})
    connection.execute(_LOCK, (partners,))
    stands = feed_stands(connection)
    known = _known(connection, receipts)
    confirmed = _confirmed(connection, {(each.partner, each.feed) for each in receipts})
    reasons = []
    for each in receipts:
        reason = refusal_of(
            each,
            grants.get(each.partner, ()),
            stands.get(each.feed),
            known=(each.partner, each.receipt) in known,
            confirmed=confirmed.get((each.partner, each.feed)),
        )
        if reason is None:
            known.add((each.partner, each.receipt))
            confirmed[each.partner, each.feed] = each.place
        reasons.append(reason)
    return reasons


def add(connection: Connection, receipts: Iterable[Receipt], via: str) -> None:
    """These receipts are applied: they were judged in this transaction."""
    rows = [(each.partner, each.receipt, each.feed, *each.place, via) for each in receipts]
    connection.cursor().executemany(_ADD, rows)


def feed_stands(connection: Connection) -> dict[str, FeedStand]:
    """How far each feed has come, by name."""
    closed: dict[str, dict[int, int]] = {}
    for feed, epoch, stands_until in connection.execute("select feed, epoch, stands_until from records.feed_epochs"):
        closed.setdefault(feed, {})[epoch] = stands_until
    return {
        each.feed: FeedStand(region=each.region, last=each.last, closed=closed.get(each.feed, {}))
        for each in feeds(connection)
    }


def partners_of(connection: Connection, feed: str, also: Iterable[UUID] = ()) -> list[PartnerStand]:
    """How far each partner is that has spoken of this feed, and each of `also`, by id; none for an unknown feed."""
    stand = feed_stands(connection).get(feed)
    if stand is None:
        return []
    spoken = connection.execute(_PARTNERS, {"feed": feed}).fetchall()
    heard = {partner: (Place(epoch, sequence), at) for partner, epoch, sequence, at in spoken}
    return [
        PartnerStand(
            feed=feed,
            partner=partner,
            place=place,
            heard_at=at,
            events=stand.behind(place),
            seconds=_unread_seconds(connection, feed, place),
        )
        for partner, (place, at) in sorted({**dict.fromkeys(also, (START, None)), **heard}.items())
    ]


def _unread_seconds(connection: Connection, feed: str, place: Place) -> float:
    which = {"feed": feed, "epoch": place.epoch, "sequence": place.sequence}
    row = connection.execute(_UNREAD, which, prepare=True).fetchone()
    return float(row[0]) if row else 0.0


def _applied(connection: Connection, receipt: Receipt) -> Confirmed | None:
    """The row of this very receipt; None where its id stands for another."""
    query = "select feed, epoch, sequence, at from records.receipts where (partner, receipt) = (%s, %s)"
    row = connection.execute(query, (receipt.partner, receipt.receipt)).fetchone()
    if row is None or (row[0], Place(row[1], row[2])) != (receipt.feed, receipt.place):
        return None
    return Confirmed(feed=receipt.feed, place=receipt.place, receipt=receipt.receipt, at=row[3])


def _known(connection: Connection, receipts: Sequence[Receipt]) -> set[tuple[UUID, str]]:
    asked_for = [each.partner for each in receipts], [each.receipt for each in receipts]
    return set(connection.execute(_KNOWN, asked_for, prepare=True).fetchall())


def _confirmed(connection: Connection, pairs: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Place]:
    wanted = sorted(pairs)
    rows = connection.execute(_LAST, ([each[0] for each in wanted], [each[1] for each in wanted]), prepare=True)
    return {(partner, feed): Place(epoch, sequence) for partner, feed, epoch, sequence in rows}


# In the order of their ids; one who locks several is alone in that (the topic's one reader), so nobody waits in a ring.
_LOCK: Final[LiteralString] = """
select pg_advisory_xact_lock(hashtextextended('forsa.receipts.' || partner, 0)) from unnest(%s::uuid[]) as n(partner)
"""
_KNOWN: Final[LiteralString] = """
select partner, receipt from records.receipts
 where (partner, receipt) in (select * from unnest(%s::uuid[], %s::text[]))
"""
_LAST: Final[LiteralString] = """
select partner, feed, epoch, sequence from unnest(%s::uuid[], %s::text[]) as n(partner, feed), lateral (
  select epoch, sequence from records.receipts where (feed, partner) = (n.feed, n.partner)
   order by epoch desc, sequence desc limit 1) last
"""
_ADD: Final[LiteralString] = """
insert into records.receipts (partner, receipt, feed, epoch, sequence, via) values (%s, %s, %s, %s, %s, %s)
"""
# From partner to partner by the index: receipts are many, partners few.
_PARTNERS: Final[LiteralString] = """
with recursive spoken(partner) as (
  (select partner from records.receipts where feed = %(feed)s order by partner limit 1)
  union all
  select (select partner from records.receipts r where feed = %(feed)s and r.partner > spoken.partner
           order by partner limit 1) from spoken where spoken.partner is not null)
select partner, epoch, sequence, at from spoken, lateral (
  select epoch, sequence, at from records.receipts r where feed = %(feed)s and r.partner = spoken.partner
   order by epoch desc, sequence desc, at desc limit 1) last
"""
_UNREAD: Final[LiteralString] = """
select extract(epoch from clock_timestamp() - written_at)
  from records.feed_rows left join records.feed_epochs over using (feed, epoch)
 where feed = %(feed)s and (feed_rows.epoch, sequence) > (%(epoch)s, %(sequence)s)
   and (over.stands_until is null or sequence <= over.stands_until)
 order by feed_rows.epoch, sequence limit 1
"""

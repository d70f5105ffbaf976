"""What the API is made of: everything it needs from the rest, as one frozen struct that runtime/wiring.py fills.

The API knows no database and no key: whatever cannot be reached raises one of `outages`, which becomes a 503.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from api.meter import Meter, Uncounted
from domain.access import Held, Site
from domain.casebook import Casebook
from projections.reading import Views
from projections.records.disclosures import DisclosureLog
from projections.records.feed_standing import FeedStanding
from projections.records.partner_feed import Feeds
from projections.records.receipts import Receipts


class Login(Protocol):
    """Whom a verified token speaks for."""

    @property
    def issuer(self) -> str:
        """The token's issuer."""
        ...

    @property
    def subject(self) -> str:
        """The issuer's name for them."""
        ...


class Place(msgspec.Struct, frozen=True):
    """Where one event stands, without what it says."""

    position: int
    stream: UUID
    version: int
    tag: str
    recorded_at: datetime


class Log(Protocol):
    """What the API asks of the log beyond the casebook: places and moments, never contents."""

    def places_between(self, first: int, last: int) -> Sequence[Place]:
        """The events of these positions, both included, in order."""
        ...

    def places_of(self, stream: UUID, after_version: int) -> Sequence[Place]:
        """The stream's events after a version, in order."""
        ...

    def position_at(self, moment: datetime) -> int | None:
        """Position of the last event recorded by that moment (aware); None for a moment later than now."""
        ...

    def max_position(self) -> int:
        """Position of the last event, 0 for an empty log."""
        ...


class FeedNotices(Protocol):
    """The moment rows of a partner feed are written."""

    def count(self, feed: str) -> int:
        """A number that is another one after rows were written: asked before the feed is read."""
        ...

    def wait(self, feed: str, count: int, seconds: float) -> bool:
        """Waits at most so long for the feed's count to be another one; False: the process ends, nobody waits now."""
        ...


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The API's parts. Functions of the outside world raise one of `outages` when it cannot be reached."""

    casebook: Casebook  # with its streams and its keyring
    views: Views
    log: Log
    disclosures: DisclosureLog
    feeds: Feeds
    feed_standings: Callable[[], Sequence[FeedStanding]]  # of every feed, by name
    feed_notices: FeedNotices
    receipts: Receipts
    partners: Callable[[str | None], Sequence[UUID]]  # region, None: all of it → who may read its feed as a partner
    feed_waits: int  # requests of this process that may wait for a feed at once; each holds a thread
    verify: Callable[[str], Login | None]  # bearer token → login; None where the token proves nothing
    worker_of: Callable[[str, str, int], UUID | None]  # issuer, subject, position to be known → the worker's stream
    grants_of: Callable[[UUID, int], Sequence[Held]]  # worker, position to be known → the grants usable now
    site_of: Callable[[UUID], Site | None]  # centre → where it stands and who runs it
    sites: Callable[[], Sequence[Site]]  # every centre's
    body_digest: Callable[[bytes], bytes]  # HMAC with the secret of command bodies
    cursor_key: bytes  # 32 bytes: cursors are encrypted with it
    now: Callable[[], datetime]  # aware UTC
    new_id: Callable[[], UUID]  # a fresh random id
    not_ready: Callable[[], Sequence[str]]  # what keeps this process from answering; empty when ready
    outages: tuple[type[Exception], ...]  # raised while a database is away; asked again later it may work
    release: str  # of the program that runs
    erasures_pending: Callable[[], int] = lambda: 0  # decided and not carried out yet, a second ago at most
    https: bool = False  # whether clients come by https
    wait_of_worker: Callable[[UUID], float] = lambda _: 0.0  # seconds until they may ask again; taken now when 0
    wait_of_stranger: Callable[[str], float] = lambda _: 0.0  # the same for an address that sent a bad token
    meter: Meter = Uncounted()

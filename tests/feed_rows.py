"""Rows of a partner feed as its writer writes them, of lives of diplomas that no learner stands behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from domain.event import By, EventRef
from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
    PrintedName,
    Register,
)
from domain.partner_feed import (
    NATIONAL,
    EpochOpenedV1,
    Place,
    PublicDiploma,
    diploma_after,
    diploma_told,
    epoch_message,
    feed_name,
    message_of,
    read_message,
    topic_of,
)
from domain.sealed import clear
from projections.records.partner_feed import CHANNEL, Feed, feeds

DAY: Final = date(2026, 6, 30)
MOMENT: Final = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
LATER: Final = (DiplomaCorrected, DiplomaHandedOver, DiplomaDuplicateIssued, DiplomaMinutesRectified, DiplomaAnnulled)


Row = tuple[int, UUID | None, bytes]  # sequence, diploma, message


def number_of(diploma: UUID) -> str:
    """A register number."""
    return f"{diploma.int % 100_000}/26"


def awarded(draw: Random, names: str = "أمينة الإدريسي") -> DiplomaAwarded:
    """The award of a new diploma."""
    diploma, enrolment, actor, other = (UUID(int=draw.getrandbits(128), version=4) for _ in range(4))
    return DiplomaAwarded(
        on=DAY, by=By(actor=actor, role="en_agent", org=other, src="api"), diploma=diploma, enrolment=enrolment,
        centre=other, convention=other, register=Register(other, "qualification", 2026), number=number_of(diploma),
        title="qualification", trade="COU", level="level_2", minutes=EventRef(other, 4), awarded_on=DAY,
        partner_reference=UUID(int=draw.getrandbits(128), version=4), printed=clear(PrintedName(arabic=names)),
    )  # fmt: skip


def later(award: DiplomaAwarded, of: type[Any], day: date) -> Any:
    """What happened to an awarded diploma afterwards."""
    said: dict[type[Any], dict[str, Any]] = {
        DiplomaCorrected: {
            "corrects": 1, "changed": ["number"], "number": f"{award.number}b", "title": award.title,
            "trade": award.trade, "level": award.level, "awarded_on": award.awarded_on, "printed": None,
        },
        DiplomaHandedOver: {"copy": 0, "recipient": "holder", "receipt": None},
        DiplomaDuplicateIssued: {"copy": 1, "ground": "lost"},
        DiplomaMinutesRectified: {"minutes": award.minutes},
        DiplomaAnnulled: {"ground": "court_decision", "authority": award.register.delegation, "act_reference": "26/4"},
    }  # fmt: skip
    return of(on=day, by=award.by, diploma=award.diploma, enrolment=award.enrolment, **said[of])


def lives(draw: Random, events: int) -> Iterator[Any]:
    """So many public events of diplomas, in an order that their lives allow."""
    open_awards: list[DiplomaAwarded] = []
    for number in range(events):
        if not open_awards or draw.random() < 0.5:
            open_awards.append(awarded(draw))
            yield open_awards[-1]
            continue
        award, of = draw.choice(open_awards), draw.choice(LATER)
        if of is DiplomaAnnulled:
            open_awards.remove(award)
        yield later(award, of, DAY + timedelta(days=number % 90))


class FeedRows:
    """A feed's rows, written as the projector's role; one transaction a call, with its notice."""

    def __init__(self, dsn: str, region: str | None = None) -> None:
        """The feed is there: of a region, or the national one."""
        self.feed, self._dsn, self._diplomas = feed_name(region), dsn, dict[UUID, PublicDiploma]()
        if region is not None:
            statement = "insert into records.feeds (feed, region, topic) values (%s, %s, %s) on conflict do nothing"
            with psycopg.connect(dsn) as connection:
                connection.execute(statement, (self.feed, region, topic_of(self.feed)))

    def tell(self, events: Iterable[Any]) -> list[bytes]:
        """One message an event follows; they are returned."""
        with psycopg.connect(self._dsn) as connection:
            found = self._state(connection)
            rows: list[Row] = []
            for sequence, event in enumerate(events, found.sequence + 1):
                after = diploma_after(self._diplomas.get(event.diploma), event)
                self._diplomas[event.diploma] = after
                message = message_of(self.feed, Place(found.epoch, sequence), event, after, MOMENT)
                rows.append((sequence, event.diploma, message))
            self._write(connection, found.epoch, rows)
        return [message for *_, message in rows]

    def open_epoch(self, stands_until: int) -> bytes:
        """The message that opens the next epoch: of this one, what comes after `stands_until` is untold."""
        close = (
            "insert into records.feed_epochs (feed, epoch, stands_until, position, reason)"
            " values (%s, %s, %s, 0, 'restore')"
        )
        with psycopg.connect(self._dsn) as connection:
            found = self._state(connection)
            connection.execute(close, (self.feed, found.epoch, stands_until))
            opened = EpochOpenedV1(previous_epoch=found.epoch, stands_until=stands_until, reason="restore")
            message = epoch_message(self.feed, found.epoch + 1, opened, MOMENT)
            self._write(connection, found.epoch + 1, [(1, None, message)])
        told = (each for each in self.all_rows() if read_message(each).subject != self.feed)
        self._diplomas = {each.id: each for each in map(diploma_told, told)}
        return message

    def all_rows(self) -> list[bytes]:
        """The messages that stand, in order, as the table has them."""
        query = (
            "select event from records.feed_rows r where feed = %s and not exists (select from records.feed_epochs e"
            " where (e.feed, e.epoch) = (r.feed, r.epoch) and sequence > stands_until) order by epoch, sequence"
        )
        with psycopg.connect(self._dsn) as connection:
            return [row[0] for row in connection.execute(query.encode(), (self.feed,)).fetchall()]

    def _state(self, connection: psycopg.Connection[Any]) -> Feed:
        return next(each for each in feeds(connection) if each.feed == self.feed)

    def _write(
        self, connection: psycopg.Connection[Any], epoch: int, rows: list[tuple[int, UUID | None, bytes]]
    ) -> None:
        copy = "copy records.feed_rows (feed, epoch, sequence, position, diploma, event) from stdin"
        with connection.cursor().copy(copy) as copied:
            for sequence, diploma, message in rows:
                copied.write_row((self.feed, epoch, sequence, sequence, diploma, message))
        if rows:
            moved = "update records.feeds set epoch = %s, sequence = %s, position = %s where feed = %s"
            connection.execute(moved, (epoch, rows[-1][0], rows[-1][0], self.feed))
            connection.execute("select pg_notify(%s, %s)", (CHANNEL, self.feed))


def register_of(messages: Iterable[bytes]) -> dict[str, Any]:
    """What a reader holds who keeps the last message of each diploma: by id, as its JSON says it."""
    held: dict[str, Any] = {}
    for each in messages:
        told = msgspec.json.decode(each)["data"]
        if "diploma" in told:
            held[told["diploma"]["id"]] = told["diploma"]
    return held


__all__ = ["NATIONAL", "FeedRows", "awarded", "later", "lives", "register_of"]

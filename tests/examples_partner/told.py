"""A feed as Forsa tells it, of invented diplomas: its messages, what stands of them, the register they make."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from domain.event import Event
from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
)
from domain.partner_feed import (
    MESSAGE_TYPES,
    NATIONAL,
    EpochOpenedV1,
    Place,
    PublicDiploma,
    diploma_after,
    diploma_told,
    epoch_message,
    message_of,
    read_message,
)
from tests.contracts.stored_examples import BY, EVENTS, ON, ORGANISATION
from tests.examples.people import id_of

MESSAGE_NAMES: Final = tuple(each.name for each in MESSAGE_TYPES)
AWARDED: Final = next(each for each in EVENTS if isinstance(each, DiplomaAwarded))
BEGAN: Final = datetime(2026, 11, 16, 9, tzinfo=UTC)


def award(number: int) -> DiplomaAwarded:
    """The award of another diploma."""
    ids = {"diploma": id_of(f"diploma/{number}"), "partner_reference": id_of(f"holder/{number}")}
    return msgspec.structs.replace(AWARDED, number=f"D-2027-{number:04}", **ids)


def acts(diploma: PublicDiploma) -> Iterator[Event]:
    """What may still happen to it."""
    about = {"on": ON, "by": BY, "diploma": diploma.id, "enrolment": AWARDED.enrolment}
    facts = {"title": diploma.title, "trade": diploma.trade, "level": diploma.level, "awarded_on": diploma.awarded_on}
    number = f"{diploma.number.split('/')[0]}/{diploma.revision}"
    yield DiplomaCorrected(**about, **facts, corrects=1, changed=["number"], number=number, printed=None)
    yield DiplomaHandedOver(**about, copy=diploma.duplicates, recipient="holder", receipt=None)
    yield DiplomaDuplicateIssued(**about, copy=diploma.duplicates + 1, ground="lost")
    yield DiplomaMinutesRectified(**about, minutes=AWARDED.minutes)
    yield DiplomaAnnulled(**about, ground="jury_error", authority=ORGANISATION, act_reference="A-1")


class Told:
    """A feed's messages in their order, epochs that are over among them."""

    def __init__(self, seed: int = 1, feed: str = NATIONAL) -> None:
        """Another seed: other acts, in another order."""
        self.feed, self.rows, self.place = feed, list[bytes](), Place(1, 0)
        self.closed: dict[int, int] = {}
        self._chance, self._diplomas = random.Random(seed), 0

    def tell(self, count: int) -> list[bytes]:
        """So many messages more: awards, and what happens to diplomas."""
        return [self._tell_one() for _ in range(count)]

    def _tell_one(self) -> bytes:
        open_ones = [each for each in self.diplomas().values() if each.status == "in_force"]
        if len(open_ones) < 2 or self._chance.random() < 0.5:
            self._diplomas += 1
            event: Event = award(self._diplomas)
            after = diploma_after(None, event)
        else:
            before = self._chance.choice(open_ones)
            event = self._chance.choice(list(acts(before)))
            after = diploma_after(before, event)
        self.place = Place(self.place.epoch, self.place.sequence + 1)
        moment = BEGAN + timedelta(seconds=len(self.rows))
        return self._add(message_of(self.feed, self.place, event, after, moment))

    def open_epoch(self, stands_until: int) -> bytes:
        """The feed goes on in another epoch; of this one what stands ends there."""
        opened = EpochOpenedV1(previous_epoch=self.place.epoch, stands_until=stands_until, reason="restore")
        self.closed[self.place.epoch] = stands_until
        self.place = Place(self.place.epoch + 1, 1)
        return self._add(epoch_message(self.feed, self.place.epoch, opened, BEGAN))

    def _add(self, row: bytes) -> bytes:
        self.rows.append(row)
        return row

    def standing(self) -> list[bytes]:
        """The messages that stand, in order."""
        return [row for row in self.rows if self._stands(read_message(row).place)]

    def _stands(self, place: Place) -> bool:
        return place.sequence <= self.closed.get(place.epoch, place.sequence)

    def diplomas(self) -> dict[str, PublicDiploma]:
        """Each diploma as its last message that stands tells it."""
        told = [row for row in self.standing() if read_message(row).subject != self.feed]
        return {str(each.id): each for each in map(diploma_told, told)}

    def register(self) -> dict[str, Any]:
        """What a partner's register says when it has read everything."""
        return {each: json.loads(msgspec.json.encode(diploma)) for each, diploma in self.diplomas().items()}

    def store(self, dsn: str) -> None:
        """The tables of the feeds hold exactly this, as the writer would have written it."""
        with psycopg.connect(dsn) as connection:
            have = {*connection.execute(HAVE, [self.feed])}
            for epoch, until in self.closed.items():
                connection.execute(CLOSE, [self.feed, epoch, until])
            for position, row in enumerate(self.rows, 1):
                message = read_message(row)
                if message.place not in have:
                    diploma = None if message.subject == self.feed else message.subject
                    connection.execute(ROW, [self.feed, *message.place, position, diploma, row])
            connection.execute(MOVE, [*self.place, len(self.rows), self.feed])
            connection.execute("select pg_notify('forsa_feed', %s)", [self.feed])


HAVE: Final = "select epoch, sequence from records.feed_rows where feed = %s"
CLOSE: Final = """insert into records.feed_epochs (feed, epoch, stands_until, position, reason)
  values (%s, %s, %s, 0, 'restore') on conflict do nothing"""
ROW: Final = (
    "insert into records.feed_rows (feed, epoch, sequence, position, diploma, event) values (%s,%s,%s,%s,%s,%s)"
)
MOVE: Final = "update records.feeds set epoch = %s, sequence = %s, position = %s where feed = %s"

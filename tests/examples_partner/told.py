"""A feed as Forsa tells it, of invented diplomas: its messages, what stands of them, the register they make."""

from __future__ import annotations

import random
from typing import Any, Final

from domain.partner_feed import (
    IN_FORCE,
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
from tests.feed_rows import DAY, LATER, MOMENT, awarded, later, register_of

TYPES: Final = {each.name for each in MESSAGE_TYPES}


class Told:
    """A feed's messages in their order, epochs that are over among them."""

    def __init__(self, seed: int = 1, feed: str = NATIONAL) -> None:
        """Another seed: other acts, in another order."""
        self.feed, self.rows, self.place = feed, list[bytes](), Place(1, 0)
        self._closed: dict[int, int] = {}
        self._chance, self._awards = random.Random(seed), dict[Any, Any]()

    def tell(self, count: int) -> list[bytes]:
        """So many messages more: awards, and what happens to diplomas."""
        return [self._tell_one() for _ in range(count)]

    def _tell_one(self) -> bytes:
        known = self._diplomas()
        open_ones = [each for each in known.values() if each.status == IN_FORCE]
        if len(open_ones) < 2 or self._chance.random() < 0.5:
            event: Any = awarded(self._chance)
            self._awards[event.diploma] = event
        else:
            event = later(self._awards[self._chance.choice(open_ones).id], self._chance.choice(LATER), DAY)
        self.place = Place(self.place.epoch, self.place.sequence + 1)
        after = diploma_after(known.get(event.diploma), event)
        return self._add(message_of(self.feed, self.place, event, after, MOMENT))

    def open_epoch(self, stands_until: int) -> bytes:
        """The feed goes on in another epoch; of this one what stands ends there."""
        opened = EpochOpenedV1(previous_epoch=self.place.epoch, stands_until=stands_until, reason="restore")
        self._closed[self.place.epoch] = stands_until
        self.place = Place(self.place.epoch + 1, 1)
        return self._add(epoch_message(self.feed, self.place.epoch, opened, MOMENT))

    def _add(self, row: bytes) -> bytes:
        self.rows.append(row)
        return row

    def standing(self) -> list[bytes]:
        """The messages that stand, in order."""
        return [row for row in self.rows if self._stands(read_message(row).place)]

    def _stands(self, place: Place) -> bool:
        return place.sequence <= self._closed.get(place.epoch, place.sequence)

    def _diplomas(self) -> dict[Any, PublicDiploma]:
        told = [row for row in self.standing() if read_message(row).subject != self.feed]
        return {each.id: each for each in map(diploma_told, told)}

    def register(self) -> dict[str, Any]:
        """What a partner's register says when it has read everything."""
        return register_of(self.standing())

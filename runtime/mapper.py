"""Events to stored bytes and back, through the closed table of tags; personal values are sealed on the way in.

A tag is looked up in the table and nowhere else: nothing that stands in the database is ever imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError, StoredEvent

from domain.errors import TooOld
from domain.event import Event
from domain.sealed import Clear, SealedField, sealed_at, sealed_fields, tag_of
from runtime.keyring import Keyring

S = TypeVar("S", bound=msgspec.Struct)


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event with its place, in the shape the library asks of a domain event."""

    originator_id: UUID
    originator_version: int
    event: Event


class StoredEventBroken(MapperDeserialisationError):
    """A stored state is not an event of its tag: the message names tag and field, never content."""


class _TagOnly(msgspec.Struct):
    t: str = ""


class ForsaMapper(Mapper[UUID]):
    """The library's mapper over our table; hand it to an Application by overriding `construct_mapper`."""

    def __init__(self, tags: Mapping[str, type[Event]], keyring: Keyring) -> None:
        """`tags` is the closed table tag → class; ValueError where an entry does not fit its class."""
        super().__init__(JSONTranscoder())
        for tag, event_class in tags.items():
            if tag_of(event_class) != tag:
                raise ValueError(f"{event_class.__name__} has the tag {tag_of(event_class)}, the table says {tag}")
        self._keyring = keyring
        self._tags = dict(tags)
        # `why.text` is in every class and nearly always absent: with no other field one look at `why` is enough.
        self._sealed = {each: sealed_fields(each) for each in tags.values()}
        self._only_why = {each for each, fields in self._sealed.items() if {f.path[0] for f in fields} <= {"why"}}
        union: Any = Union[tuple(tags.values())]  # noqa: UP007  # `|` cannot be spelled for a tuple
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(union).decode
        self._decode_many = msgspec.json.Decoder(list[union]).decode

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The row of this event: topic = tag, state = JSON with every clear value sealed.

        KeyError for a class outside the table; KeyDestroyed; TypeError for a clear value where none may stand.
        """
        stream, version = domain_event.originator_id, domain_event.originator_version
        event: Event = domain_event.event  # type: ignore[attr-defined]  # always a Recorded
        fields = self._sealed[type(event)]
        if self._may_hold_clear(event):
            event = self._sealed_event(event, fields, stream, version)
        return StoredEvent(stream, version, tag_of(type(event)), self._encode(event))

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The `Recorded` of this row. Raises TooOld, StoredEventBroken."""
        event = self.decode(stored_event.state)
        if tag_of(type(event)) != stored_event.topic:
            raise StoredEventBroken(f"a row with topic {stored_event.topic} holds a {tag_of(type(event))}")
        stream = stored_event.originator_id
        assert isinstance(stream, UUID), "ids of streams are UUIDs"  # the library allows str ids too
        return Recorded(stream, stored_event.originator_version, event)

    def decode(self, state: bytes) -> Event:
        """The event of one stored state. Raises TooOld, StoredEventBroken."""
        try:
            event: Event = self._decode(state)
        except msgspec.MsgspecError as refused:
            raise self._refused(b"[" + state + b"]", refused) from refused
        return event

    def decode_many(self, joined: bytes) -> list[Event]:
        """The events of stored states joined by commas, as `string_agg` gives them, in that order."""
        try:
            events: list[Event] = self._decode_many(b"[" + joined + b"]")
        except msgspec.MsgspecError as refused:
            raise self._refused(b"[" + joined + b"]", refused) from refused
        return events

    def wanted_keys(self, recorded: Iterable[Recorded]) -> Sequence[tuple[UUID, str]]:
        """The (stream, family) pairs that sealing these events needs: prepare them in one round trip."""
        return list(
            {
                (each.originator_id, field.of.FAMILY)
                for each in recorded
                for field in self._sealed[type(each.event)]
                if isinstance(sealed_at(each.event, field), Clear)
            }
        )

    def prepare(self, recorded: Sequence[Recorded]) -> None:
        """The keys that sealing these events needs are at hand, fetched or made in one round trip for all of them."""
        wanted = self.wanted_keys(each for each in recorded if self._may_hold_clear(each.event))
        if wanted:
            self._keyring.prepare(wanted)

    def _may_hold_clear(self, event: Event) -> bool:
        return event.why is not msgspec.UNSET or type(event) not in self._only_why

    def _sealed_event(self, event: Event, fields: tuple[SealedField, ...], stream: UUID, version: int) -> Event:
        tag = tag_of(type(event))
        for field in fields:
            value: Any = sealed_at(event, field)
            if isinstance(value, Clear):
                event = _replaced(event, field.path, self._keyring.seal(stream, version, tag, field, value.value))
        return event

    def _refused(self, joined: bytes, reason: msgspec.MsgspecError) -> Exception:
        """TooOld when a tag is not in the table, else what is wrong with the state."""
        try:
            found = [each.t for each in msgspec.json.decode(joined, type=list[_TagOnly])]
        except msgspec.MsgspecError:
            return StoredEventBroken(f"a stored state is no event: {reason}")
        if unknown := next((tag for tag in found if tag not in self._tags), None):
            return TooOld(f"this release does not know the tag {unknown}: a newer one has written it")
        among = ", ".join(sorted(set(found)))
        return StoredEventBroken(f"a stored state does not fit its tag (among {among}): {reason}")


def _replaced(struct: S, path: tuple[str, ...], value: object) -> S:
    """A copy of the frozen struct with this value at the end of the path."""
    name, *rest = path
    inner = _replaced(getattr(struct, name), tuple(rest), value) if rest else value
    return msgspec.structs.replace(struct, **{name: inner})

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import TooOld
from domain.event import By, Event, EventRef, ReasonText, Why
from domain.sealed import ERASED, Clear, Sealed, clear, fact_of, sealed_at, sealed_fields
from runtime.keyring import KeyDestroyed, Keyring
from runtime.mapper import ForsaMapper, Recorded, StoredEventBroken
from tests.runtime.sealing_examples import BY, ON, TAGS, WHY, Counted, Name, Named, Phone, keyring

STREAM = UUID("00112233-4455-6677-8899-aabbccddeeff")
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
ENVELOPE = (
    b'"on":"2026-09-01","by":{"actor":"00000000-0000-0000-0000-000000000001","role":"caseworker",'
    b'"org":"00000000-0000-0000-0000-000000000002","src":"api"}'
)
COUNTED = b'{"t":"example.counted",' + ENVELOPE + b',"hours":90}'


@pytest.fixture
def keys(keys_dsn: str) -> Iterator[Keyring]:
    made = keyring(keys_dsn)
    yield made
    made.close()


@pytest.fixture
def mapper(keys: Keyring) -> ForsaMapper:
    return ForsaMapper(TAGS, keys)


@pytest.fixture
def clear_mapper() -> ForsaMapper:
    """Its keys cannot be reached: what works with it needs none."""
    return ForsaMapper(TAGS, keyring(NOWHERE))


# ---- the stored form


def test_an_event_is_one_json_object_with_tag_envelope_and_fields(clear_mapper: ForsaMapper) -> None:
    """docs/decisions/2026-11-22-stored-form.md: no `why` where none was asked, no empty field in `by`."""
    stored = clear_mapper.to_stored_event(Recorded(STREAM, 3, Counted(on=ON, by=BY, hours=90)))
    assert stored == StoredEvent(STREAM, 3, "example.counted", COUNTED)
    assert clear_mapper.to_domain_event(stored) == Recorded(STREAM, 3, Counted(on=ON, by=BY, hours=90))


def test_a_full_envelope_is_stored_and_read_whole(clear_mapper: ForsaMapper) -> None:
    by = msgspec.structs.replace(
        BY, cause=EventRef(STREAM, 2), corr=UUID(int=5), dev="tablet-7", cap=datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
    )
    event = Counted(on=ON, by=by, why=Why("entry_error"), hours=90)
    state = clear_mapper.to_stored_event(Recorded(STREAM, 1, event)).state
    assert state == COUNTED.replace(
        b'"src":"api"}',
        b'"src":"api","cause":["00112233-4455-6677-8899-aabbccddeeff",2],"corr":"00000000-0000-0000-0000-000000000005",'
        b'"dev":"tablet-7","cap":"2026-09-01T08:30:00Z"},"why":{"code":"entry_error","text":null}',
    )
    assert clear_mapper.decode(state) == event


def test_a_field_of_a_later_release_is_read_over(clear_mapper: ForsaMapper) -> None:
    assert clear_mapper.decode(COUNTED.replace(b'"hours"', b'"minutes":5400,"hours"')).hours == 90  # type: ignore[attr-defined]


def test_a_field_added_later_reads_none_from_an_older_event(clear_mapper: ForsaMapper) -> None:
    old = b'{"t":"example.named",' + ENVELOPE + b',"name":{"f":"identity.1","h":"","c":""}}'
    assert clear_mapper.decode(old).phone is None  # type: ignore[attr-defined]


# ---- sealing


def test_every_personal_value_is_sealed_on_the_way_in(mapper: ForsaMapper, keys: Keyring) -> None:
    event = Named(on=ON, by=BY, why=WHY, name=clear(Name("محمد", "Mohamed")), phone=clear(Phone("+212600000000")))
    stored = mapper.to_stored_event(Recorded(STREAM, 4, event))
    for secret in ("محمد", "Mohamed", "+2126", "typed twice"):
        assert secret.encode() not in stored.state
    read = mapper.decode(stored.state)
    families = [sealed.f for field in sealed_fields(Named) if (sealed := sealed_at(read, field))]
    assert families == ["sensitive.1", "identity.1", "contacts.1"]
    name, phone = fact_of(read, "name", 4), fact_of(read, "phone", 4)
    assert name
    assert phone
    assert keys.open_many([(STREAM, name), (STREAM, phone)]) == [Name("محمد", "Mohamed"), Phone("+212600000000")]
    assert isinstance(event.name, Clear), "the event that was decided is left as it was"


def test_the_words_of_a_reason_are_sealed_in_every_event(mapper: ForsaMapper) -> None:
    state = mapper.to_stored_event(Recorded(STREAM, 1, Counted(on=ON, by=BY, why=WHY, hours=1))).state
    assert b'"why":{"code":"entry_error","text":{"f":"sensitive.1","h":"' in state
    assert b"typed twice" not in state


def test_a_key_is_stored_before_the_event_can_be(mapper: ForsaMapper, keys_dsn: str) -> None:
    mapper.to_stored_event(Recorded(STREAM, 1, Named(on=ON, by=BY, name=clear(Name("محمد")))))
    with psycopg.connect(keys_dsn) as connection:
        assert connection.execute("select stream, family from keys").fetchall() == [(STREAM, "identity")]


def test_what_is_sealed_already_stays_as_it_is(mapper: ForsaMapper, clear_mapper: ForsaMapper) -> None:
    stored = mapper.to_stored_event(Recorded(STREAM, 1, Named(on=ON, by=BY, name=clear(Name("محمد")))))
    assert clear_mapper.to_stored_event(clear_mapper.to_domain_event(stored)) == stored


def test_the_keys_a_batch_needs_are_named_once(mapper: ForsaMapper) -> None:
    other = uuid4()
    events = [
        Recorded(STREAM, 1, Named(on=ON, by=BY, name=clear(Name("a")))),
        Recorded(STREAM, 2, Named(on=ON, by=BY, name=clear(Name("b")))),
        Recorded(other, 1, Counted(on=ON, by=BY, why=WHY, hours=1)),
        Recorded(other, 2, Counted(on=ON, by=BY, hours=1)),
    ]
    assert sorted(mapper.wanted_keys(events)) == sorted([(STREAM, "identity"), (other, "sensitive")])


def test_nothing_is_stored_under_a_destroyed_key(mapper: ForsaMapper, keys: Keyring) -> None:
    event = Named(on=ON, by=BY, name=clear(Name("محمد")))
    stored = mapper.to_stored_event(Recorded(STREAM, 1, event))
    keys.destroy(STREAM, ["identity"])
    fact = fact_of(mapper.decode(stored.state), "name", 1)
    assert fact
    assert keys.open(STREAM, fact) is ERASED
    with pytest.raises(KeyDestroyed):
        mapper.to_stored_event(Recorded(STREAM, 2, event))


class Listed(msgspec.Struct, frozen=True):
    """An entry of a list, where no sealed value may stand."""

    name: Sealed[Name]


class NamesListed(Event, frozen=True, kw_only=True, tag="example.names-listed"):
    """What an event must not be: its list holds sealed values."""

    names: list[Listed]


def test_a_clear_value_that_was_not_sealed_stops_the_event() -> None:
    mapper = ForsaMapper({"example.names-listed": NamesListed}, keyring(NOWHERE))
    event = NamesListed(on=ON, by=BY, names=[Listed(clear(Name("محمد")))])
    with pytest.raises(TypeError, match="Clear") as refused:
        mapper.to_stored_event(Recorded(STREAM, 1, event))
    assert "محمد" not in str(refused.value)


# ---- reading


def test_states_joined_by_commas_are_read_in_order(clear_mapper: ForsaMapper) -> None:
    states = [COUNTED.replace(b"90", str(hours).encode()) for hours in range(5)]
    assert [event.hours for event in clear_mapper.decode_many(b",".join(states))] == [0, 1, 2, 3, 4]  # type: ignore[attr-defined]
    assert clear_mapper.decode_many(b"") == []


@pytest.mark.parametrize("tag", ["example.of-tomorrow", "tests.runtime.sealing_examples:Counted", "os:system", ""])
def test_an_unknown_tag_stops_the_process_by_name(clear_mapper: ForsaMapper, tag: str) -> None:
    """And is never imported: a tag that spells a Python path is as unknown as any other."""
    state = COUNTED.replace(b"example.counted", tag.encode())
    for read in (clear_mapper.decode, lambda state: clear_mapper.decode_many(COUNTED + b"," + state)):
        with pytest.raises(TooOld if tag else StoredEventBroken) as refused:
            read(state)
        assert tag in str(refused.value)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        COUNTED.replace(b"90", b'"90"'),
        COUNTED.replace(b"90", b"90.5"),
        COUNTED.replace(b'"hours":90', b'"x":1'),
        COUNTED.replace(b"2026-09-01", b"2026-09-31"),
        COUNTED.replace(b'"example.counted"', b"7"),
        COUNTED + b"," + COUNTED,
    ],
)
def test_a_state_that_is_no_event_is_a_clear_error(clear_mapper: ForsaMapper, state: bytes) -> None:
    with pytest.raises(StoredEventBroken) as refused:
        clear_mapper.decode(state)
    assert isinstance(refused.value, MapperDeserialisationError)
    assert str(refused.value)


def test_a_row_whose_topic_is_not_its_tag_is_an_error(clear_mapper: ForsaMapper) -> None:
    with pytest.raises(StoredEventBroken, match=r"example\.named"):
        clear_mapper.to_domain_event(StoredEvent(STREAM, 1, "example.named", COUNTED))


def test_the_table_must_name_each_class_by_its_own_tag() -> None:
    with pytest.raises(ValueError, match="Counted"):
        ForsaMapper({"example.other": Counted}, keyring(NOWHERE))


def test_a_class_outside_the_table_is_not_stored() -> None:
    with pytest.raises(KeyError):
        ForsaMapper({"example.named": Named}, keyring(NOWHERE)).to_stored_event(
            Recorded(STREAM, 1, Counted(on=ON, by=BY, hours=1))
        )


@given(hours=st.integers(-(2**63), 2**63 - 1), role=st.text(st.characters(exclude_categories=["Cs"])), on=st.dates())
def test_every_event_comes_back_as_it_was(hours: int, role: str, on: object) -> None:
    mapper = ForsaMapper(TAGS, keyring(NOWHERE))
    event = Counted(on=on, by=By(actor=STREAM, role=role, org=STREAM, src="import"), hours=hours)  # type: ignore[arg-type]
    stored = mapper.to_stored_event(Recorded(STREAM, 1, event))
    assert mapper.to_domain_event(stored) == Recorded(STREAM, 1, event)


def test_no_repr_shows_content() -> None:
    event = Named(on=ON, by=BY, why=Why("x", clear(ReasonText("secret"))), name=clear(Name("محمد")))
    assert "secret" not in repr(event)
    assert "محمد" not in repr(Recorded(STREAM, 1, event))
    assert repr(Phone("+212600000000")) == "<Phone>"

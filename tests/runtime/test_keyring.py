from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import conninfo

from domain.sealed import ERASED, Clear, SealedFact, clear
from runtime.key_rows import KeyRow, KeyRows, Pair
from runtime.keyring import HELD_SECONDS, KeyDestroyed, KeyInUse, Keyring, PersonErased, UnknownKey
from runtime.master_key import master_key_of, secrets_from
from runtime.seal import (
    SealBroken,
    WrongMasterKey,
    bound_to,
    bytes_of,
    commitment_of,
    event_key_of,
    open_with_event_key,
    seal_with_event_key,
    text_of,
)
from tests.runtime.sealing_examples import NAME, PHONE, Clock, Name, Phone, keyring, sealed_name

STREAM = UUID("00112233-4455-6677-8899-aabbccddeeff")
FAMILY_KEY = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture
def role_dsn(keys_dsn: str) -> str:
    """The keys database as the web process reaches it: a role that may add and destroy, no more."""
    return conninfo.make_conninfo(keys_dsn, user="forsa_keys", password="test")


@pytest.fixture
def keys(role_dsn: str) -> Iterator[Keyring]:
    made = keyring(role_dsn)
    yield made
    made.close()


@pytest.fixture
def elsewhere(role_dsn: str) -> Iterator[Keyring]:
    """The same keys in another process, with a clock of its own."""
    made = keyring(role_dsn)
    yield made
    made.close()


def rows_of(dsn: str, stream: UUID) -> list[tuple[str, int, bool, bool]]:
    with psycopg.connect(dsn) as connection:
        ask = "select family, generation, wrapped is null, whole from keys where stream = %s order by 1, 2"
        return connection.execute(ask, (stream,)).fetchall()


def count_questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the keys' database from now on: each round trip and its size."""
    asked: list[str] = []
    find, add = KeyRows.find, KeyRows.add

    def counted_find(rows: KeyRows, pairs: Collection[Pair]) -> list[KeyRow]:
        asked.append(f"find {len(pairs)}")
        return find(rows, pairs)

    def counted_add(rows: KeyRows, new: Sequence[KeyRow]) -> None:
        asked.append(f"add {len(new)}")
        add(rows, new)

    monkeypatch.setattr(KeyRows, "find", counted_find)
    monkeypatch.setattr(KeyRows, "add", counted_add)
    return asked


# ---- the sealed form


def test_the_event_key_and_the_sealed_form_never_change() -> None:
    """Expected values were computed without this code, from docs/decisions/2026-11-22-sealing.md."""
    event_key = event_key_of(FAMILY_KEY, STREAM, 7, "/name")
    assert event_key.hex() == "a006827de60e08390fc52b88c2d605c5b4cf263bf5061aabfe4182b42a8d437a"
    plain = '{"ar":"محمد"}'.encode()
    sealed = seal_with_event_key(event_key, bytes(range(12)), "identity.1", STREAM, 7, "example.named", plain)
    assert sealed.h == "M8lA5NnBhVkA94ws4S3GUotMhuB4PYU4BBrNumfW7Jo"
    assert sealed.c == "AAECAwQFBgcICQoLvqZV9rwNU/4xPY9ZwNBofv9iXrNqcU2yyBbDh8mbXAg0"


def test_the_secrets_of_a_master_key_never_change() -> None:
    """Expected values: RFC 5869 by hand, salt of 32 zero bytes, one block."""
    secrets = secrets_from(FAMILY_KEY)
    assert secrets.claim.hex() == "6a4990a9ae3a2deaebeef8eb6a49187c2cf1caab00ca6e84dbf1a9bc0a6e41fc"
    assert secrets.body.hex() == "024ac180c0b5bf17602a6443eb310a5935aa5db384174ee6ada3bbd5bf6a8279"
    assert secrets.wrap.hex() == "3d150710b54dd4ea4f59449ce8d50f06a7dd70f5a86fc5ec38477ad1773e38c9"
    assert repr(secrets) == "<Secrets>"


@pytest.mark.parametrize("text", [FAMILY_KEY.hex(), FAMILY_KEY.hex().upper(), text_of(FAMILY_KEY) + "=\n"])
def test_a_master_key_is_hexadecimal_or_base64(text: str) -> None:
    assert master_key_of(text) == FAMILY_KEY


@pytest.mark.parametrize("text", ["", "abc", "z" * 64, text_of(bytes(31)), text_of(bytes(33)), "é" * 43])
def test_another_master_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        master_key_of(text)
    assert not text or text not in str(refused.value)


@given(raw=st.binary(max_size=40))
def test_base64_comes_back(raw: bytes) -> None:
    assert bytes_of(text_of(raw)) == raw
    assert "=" not in text_of(raw)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ar=TEXT, fr=st.none() | TEXT, version=st.integers(1, 2**63 - 1), stream=st.uuids())
def test_what_was_sealed_opens(keys: Keyring, ar: str, fr: str | None, version: int, stream: UUID) -> None:
    assert keys.open(stream, sealed_name(keys, stream, version, Name(ar, fr))) == Name(ar, fr)


def test_the_same_value_never_looks_the_same_twice(keys: Keyring) -> None:
    first, second = sealed_name(keys, STREAM), sealed_name(keys, STREAM)
    assert first.sealed.h == second.sealed.h
    assert first.sealed.c != second.sealed.c


def test_a_sealed_value_opens_in_its_own_place_only(keys: Keyring) -> None:
    fact, other = sealed_name(keys, STREAM), uuid4()
    keys.prepare([(other, "identity"), (STREAM, "contacts")])
    contacts = msgspec.structs.replace(fact.sealed, f="contacts.1")
    moved = [
        (other, fact),
        (STREAM, SealedFact(2, fact.tag, NAME, fact.sealed)),
        (STREAM, SealedFact(1, "example.renamed", NAME, fact.sealed)),
        (STREAM, SealedFact(1, fact.tag, PHONE, fact.sealed)),
        (STREAM, SealedFact(1, fact.tag, NAME, contacts)),
    ]
    for stream, at in moved:
        with pytest.raises(SealBroken):
            keys.open(stream, at)


@pytest.mark.parametrize("field", ["h", "c"])
def test_an_altered_value_does_not_open(keys: Keyring, field: str) -> None:
    fact = sealed_name(keys, STREAM)
    text = getattr(fact.sealed, field)
    for changed in ("", text[:-1], text[:20] + ("A" if text[20] != "A" else "B") + text[21:], text + "é"):
        altered = msgspec.structs.replace(fact.sealed, **{field: changed})
        with pytest.raises(SealBroken):
            keys.open(STREAM, SealedFact(1, fact.tag, NAME, altered))


@pytest.mark.parametrize("f", ["", "identity", "identity.", ".1", "identity.x", "identity.-1", "identity.١"])
def test_a_malformed_family_is_broken_not_erased(keys: Keyring, f: str) -> None:
    fact = sealed_name(keys, STREAM)
    with pytest.raises(SealBroken):
        keys.open(STREAM, SealedFact(1, fact.tag, NAME, msgspec.structs.replace(fact.sealed, f=f)))


def test_a_ciphertext_made_for_two_keys_opens_under_the_committed_one_only() -> None:
    """AES-GCM does not commit to its key: the forged box below decrypts under both. `h` is why only one is taken."""
    keys, aad = (os.urandom(32), os.urandom(32)), bound_to(STREAM, 1, "example.named", "identity.1")
    box = _box_for_two(*keys, aad)
    for key in keys:
        sealed = seal_with_event_key(key, bytes(12), "identity.1", STREAM, 1, "example.named", b"x")
        forged = msgspec.structs.replace(sealed, c=text_of(box))
        other = keys[1] if key is keys[0] else keys[0]
        assert forged.h == commitment_of(key)
        open_with_event_key(key, forged, STREAM, 1, "example.named")
        with pytest.raises(SealBroken):
            open_with_event_key(other, forged, STREAM, 1, "example.named")


def test_one_event_key_opens_its_own_field_and_no_other(keys: Keyring) -> None:
    fact, next_one = sealed_name(keys, STREAM), sealed_name(keys, STREAM, 2, Name("يوسف"))
    shown = keys.event_key(STREAM, fact)
    assert open_with_event_key(shown, fact.sealed, STREAM, 1, fact.tag) == msgspec.json.encode(Name("محمد"))
    with pytest.raises(SealBroken):
        open_with_event_key(shown, next_one.sealed, STREAM, 2, next_one.tag)


def test_only_the_fields_own_type_is_sealed(keys: Keyring) -> None:
    with pytest.raises(TypeError):
        keys.seal(STREAM, 1, "example.named", NAME, Phone("+212600000000"))


# ---- opening


def test_a_value_that_is_still_clear_gives_itself(keys: Keyring) -> None:
    assert isinstance(clear(Name("محمد")), Clear)
    assert keys.open(STREAM, SealedFact(1, "example.named", NAME, clear(Name("محمد")))) == Name("محمد")


def test_many_facts_open_in_order_with_one_question(
    keys: Keyring, elsewhere: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [uuid4() for _ in range(20)]
    facts = [(stream, sealed_name(keys, stream, 1, Name(str(i)))) for i, stream in enumerate(streams)]
    keys.destroy(streams[3], ["identity"])
    facts[5] = (streams[5], SealedFact(1, "example.named", NAME, clear(Name("5"))))
    asked = count_questions(monkeypatch)
    opened = elsewhere.open_many(facts)
    assert opened == [ERASED if i == 3 else Name(str(i)) for i in range(20)]
    assert asked == ["find 19"]


def test_an_unknown_key_is_an_error_and_never_erased(keys: Keyring) -> None:
    fact = sealed_name(keys, STREAM)
    with pytest.raises(UnknownKey):
        keys.open(uuid4(), fact)
    with pytest.raises(UnknownKey):
        keys.open(STREAM, SealedFact(1, fact.tag, NAME, msgspec.structs.replace(fact.sealed, f="identity.2")))


# ---- making keys


def test_a_prepared_key_is_committed_where_others_see_it(keys: Keyring, keys_dsn: str) -> None:
    keys.prepare([(STREAM, "identity"), (STREAM, "contacts")])
    assert rows_of(keys_dsn, STREAM) == [("contacts", 1, False, False), ("identity", 1, False, False)]


def test_a_batch_costs_one_question_when_its_keys_exist(
    keys: Keyring, elsewhere: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [(uuid4(), family) for family in ("identity", "contacts") for _ in range(50)]
    asked = count_questions(monkeypatch)
    keys.prepare(wanted)
    keys.prepare(wanted)
    assert asked == ["find 100", "add 100", "find 100"]
    elsewhere.prepare(wanted)
    assert asked[3:] == ["find 100"]


def test_two_processes_that_make_the_same_keys_use_the_same_ones(role_dsn: str) -> None:
    streams = [uuid4() for _ in range(40)]
    barrier, opened = threading.Barrier(4), list[tuple[UUID, SealedFact[Name]]]()

    def work(order: int) -> None:
        mine = keyring(role_dsn)
        barrier.wait()
        mine.prepare([(stream, "identity") for stream in streams[::order]])
        opened.extend((stream, sealed_name(mine, stream)) for stream in streams)
        mine.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    third = keyring(role_dsn)
    assert third.open_many(opened) == [Name("محمد")] * 160
    third.close()


def test_keys_added_in_opposite_order_do_not_wait_for_each_other(role_dsn: str) -> None:
    rows = [KeyRow(uuid4(), "identity", 1, b"wrapped") for _ in range(3000)]
    barrier, failed = threading.Barrier(2), list[Exception]()

    def work(order: int) -> None:
        mine = KeyRows(role_dsn)
        mine.find([])
        barrier.wait()
        try:
            mine.add(rows[::order])
        except psycopg.Error as error:
            failed.append(error)
        mine.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_wrapped_key_opens_in_its_own_row_only(keys: Keyring, keys_dsn: str) -> None:
    fact, other = sealed_name(keys, STREAM), uuid4()
    with psycopg.connect(keys_dsn) as connection:
        copy = "insert into keys select %s, family, 1, wrapped from keys where stream = %s"
        connection.execute(copy, (other, STREAM))
    with pytest.raises(SealBroken, match="another master key, or a row that was moved"):
        keys.open(other, fact)


def test_another_master_key_makes_no_key_beside_those_it_cannot_open(keys: Keyring, role_dsn: str) -> None:
    keys.prepare([(uuid4(), "identity")])
    keys.check_master_key()
    stranger, newcomer = keyring(role_dsn, master=bytes(32)), uuid4()
    with pytest.raises(WrongMasterKey):
        stranger.prepare([(newcomer, "identity")])
    stranger.close()
    assert rows_of(role_dsn, newcomer) == []


def test_another_master_key_opens_nothing(keys: Keyring, role_dsn: str) -> None:
    fact = sealed_name(keys, STREAM)
    stranger = keyring(role_dsn, master=bytes(32))
    with pytest.raises(SealBroken, match="another master key"):
        stranger.open(STREAM, fact)
    stranger.close()


# ---- holding keys


def test_a_key_is_held_five_seconds_and_then_overwritten(role_dsn: str) -> None:
    clock = Clock()
    keys = keyring(role_dsn, clock)
    keys.prepare([(STREAM, "identity")])
    held = keys._held[STREAM, "identity"].generations[1]
    assert held is not None
    assert any(held)
    clock.seconds += HELD_SECONDS
    keys.prepare([])
    assert not keys._held
    assert held == bytearray(32)
    keys.close()


def test_forgetting_overwrites_every_key(keys: Keyring) -> None:
    keys.prepare([(STREAM, "identity"), (STREAM, "contacts")])
    held = [key for each in keys._held.values() for key in each.generations.values()]
    keys.forget()
    assert held == [bytearray(32)] * 2
    assert not keys._held


def test_a_lost_connection_is_replaced(keys: Keyring, keys_dsn: str) -> None:
    fact = sealed_name(keys, STREAM)
    keys.forget()
    with psycopg.connect(keys_dsn, autocommit=True) as connection:
        end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'forsa_keys'"
        assert connection.execute(end + " and datname = current_database()").fetchall() == [(True,)]
    assert keys.open(STREAM, fact) == Name("محمد")


# ---- destroying keys


def test_a_destroyed_key_gives_erased_at_once_in_the_same_process(keys: Keyring) -> None:
    fact = sealed_name(keys, STREAM)
    assert keys.open(STREAM, fact) == Name("محمد")
    keys.destroy(STREAM, ["identity"])
    keys.destroy(STREAM, ["identity"])
    assert keys.open(STREAM, fact) is ERASED
    with pytest.raises(KeyDestroyed):
        keys.event_key(STREAM, fact)


def test_a_destroyed_key_gives_erased_in_another_process_within_five_seconds(keys: Keyring, role_dsn: str) -> None:
    clock = Clock()
    elsewhere = keyring(role_dsn, clock)
    fact = sealed_name(keys, STREAM)
    assert elsewhere.open(STREAM, fact) == Name("محمد")
    keys.destroy(STREAM, ["identity"])
    clock.seconds += HELD_SECONDS - 0.001
    assert elsewhere.open(STREAM, fact) == Name("محمد")  # held: what the five seconds mean
    clock.seconds += 0.001
    assert elsewhere.open(STREAM, fact) is ERASED
    elsewhere.close()


def test_other_families_outlive_a_destroyed_one(keys: Keyring) -> None:
    fact = sealed_name(keys, STREAM)
    phone = keys.seal(STREAM, 1, "example.named", PHONE, Phone("+212600000000"))
    keys.destroy(STREAM, ["identity"])
    assert keys.open(STREAM, fact) is ERASED
    assert keys.open(STREAM, SealedFact(1, "example.named", PHONE, phone)) == Phone("+212600000000")


def test_nothing_is_sealed_with_a_destroyed_key(keys: Keyring, elsewhere: Keyring) -> None:
    sealed_name(keys, STREAM)
    keys.destroy(STREAM, ["identity", "contacts"])
    for each in (keys, elsewhere):
        each.prepare([(STREAM, "identity"), (STREAM, "contacts")])
        with pytest.raises(KeyDestroyed):
            sealed_name(each, STREAM)
        with pytest.raises(KeyDestroyed):  # never made before it was destroyed: not made now either
            each.seal(STREAM, 1, "example.named", PHONE, Phone("+212600000000"))


@pytest.mark.parametrize(
    "attempt",
    [
        "update keys set wrapped = '\\x00', destroyed_at = null",
        "update keys set master = 2",  # without being wrapped again
        "update keys set generation = 9",
        "delete from keys",
        "truncate keys",
    ],
)
def test_a_destroyed_row_stays_and_never_returns(keys: Keyring, keys_dsn: str, attempt: str) -> None:
    sealed_name(keys, STREAM)
    keys.destroy(STREAM, ["identity"])
    with psycopg.connect(keys_dsn) as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute(attempt.encode())
    assert rows_of(keys_dsn, STREAM) == [("identity", 1, True, False)]


def test_the_next_master_key_may_wrap_a_living_key_again(keys: Keyring, keys_dsn: str) -> None:
    """One step at a time, and never a destroyed one: what a change of the master key needs later."""
    keys.prepare([(STREAM, "identity"), (STREAM, "contacts")])
    keys.destroy(STREAM, ["contacts"])
    with psycopg.connect(keys_dsn, autocommit=True) as connection:
        connection.execute("update keys set wrapped = '\\x01', master = 2 where family = 'identity'")
        for attempt in (
            b"update keys set wrapped = '\\x02', master = 4 where family = 'identity'",
            b"update keys set wrapped = '\\x02' where family = 'identity'",
            b"update keys set wrapped = '\\x02', master = 2 where family = 'contacts'",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(attempt)


# ---- generations


def test_the_next_generation_opens_after_the_last_was_destroyed(keys: Keyring, elsewhere: Keyring) -> None:
    before = sealed_name(keys, STREAM)
    keys.destroy(STREAM, ["identity"])
    with pytest.raises(KeyDestroyed):
        sealed_name(elsewhere, STREAM)
    assert keys.new_generation(STREAM, "identity") == 2
    after = sealed_name(elsewhere, STREAM, 2)  # it had seen the destroyed one: it asks again before it refuses
    assert after.sealed.f == "identity.2"
    assert elsewhere.open_many([(STREAM, before), (STREAM, after)]) == [ERASED, Name("محمد")]


def test_no_generation_opens_beside_one_in_use(keys: Keyring) -> None:
    with pytest.raises(UnknownKey):
        keys.new_generation(STREAM, "identity")
    sealed_name(keys, STREAM)
    with pytest.raises(KeyInUse):
        keys.new_generation(STREAM, "identity")


def test_no_generation_opens_after_the_person_was_erased(keys: Keyring, elsewhere: Keyring, keys_dsn: str) -> None:
    fact = sealed_name(keys, STREAM)
    keys.destroy(STREAM, ["contacts"])
    keys.destroy_person(STREAM)
    keys.destroy_person(STREAM)
    keys.destroy(STREAM, ["identity"])
    assert all(destroyed and whole for _, _, destroyed, whole in rows_of(keys_dsn, STREAM))
    assert elsewhere.open(STREAM, fact) is ERASED
    for family in ("identity", "contacts", "sensitive", "register", "worker"):
        with pytest.raises(PersonErased):
            elsewhere.new_generation(STREAM, family)
    with pytest.raises(KeyDestroyed):
        sealed_name(elsewhere, STREAM)


def test_of_two_that_open_the_next_generation_one_does(role_dsn: str, keys: Keyring) -> None:
    keys.destroy(STREAM, ["identity"])
    barrier, came_out = threading.Barrier(2), list[str]()

    def work() -> None:
        mine = keyring(role_dsn)
        barrier.wait()
        try:
            came_out.append(str(mine.new_generation(STREAM, "identity")))
        except KeyInUse:
            came_out.append("in use")
        mine.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came_out) == ["2", "in use"]


# ---- a box that opens under two keys, as a forger makes it


def _box_for_two(one: bytes, two: bytes, aad: bytes) -> bytes:
    """Nonce, two blocks and a tag that AES-GCM accepts under both keys: the second block solves for equal tags."""
    nonce, first = os.urandom(12), os.urandom(16)
    lengths = (8 * len(aad)).to_bytes(8, "big") + (8 * 32).to_bytes(8, "big")
    padded = aad + bytes(-len(aad) % 16)
    sums = []
    for key in (one, two):
        h = int.from_bytes(_aes(key, bytes(16)), "big")
        total = 0
        for block in [padded[i : i + 16] for i in range(0, len(padded), 16)] + [first, bytes(16), lengths]:
            total = _times(total ^ int.from_bytes(block, "big"), h)
        mask = int.from_bytes(_aes(key, nonce + b"\x00\x00\x00\x01"), "big")
        sums.append((total ^ mask, _times(h, h)))
    (sum_one, square_one), (sum_two, square_two) = sums
    second = _times(sum_one ^ sum_two, _inverse(square_one ^ square_two))
    tag = sum_one ^ _times(second, square_one)
    return nonce + first + second.to_bytes(16, "big") + tag.to_bytes(16, "big")


def _aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _times(x: int, y: int) -> int:
    """The product x · y in GCM's field (NIST SP 800-38D §6.3)."""
    z = 0
    for i in range(127, -1, -1):
        z ^= y if x >> i & 1 else 0
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return z


def _inverse(x: int) -> int:
    """The inverse of x: its power 2^128 - 2."""
    result, power = 1 << 127, x
    for _ in range(127):
        power = _times(power, power)
        result = _times(result, power)
    return result


def test_the_generation_that_the_facts_state_is_opened_by_whoever_needs_it_first(keys_role_dsn: str) -> None:
    """An act that was cut short after the ground was stated leaves nothing to repair."""
    with closing(keyring(keys_role_dsn)) as keys, closing(keyring(keys_role_dsn)) as another:
        keys.prepare([(STREAM, "identity")])
        with pytest.raises(KeyInUse):
            keys.open_generation(STREAM, "identity", 2)
        keys.destroy(STREAM, ["identity"])
        for opens in (keys, another, keys):
            opens.open_generation(STREAM, "identity", 2)
            assert sealed_name(opens, STREAM).sealed.f == "identity.2"
        with pytest.raises(UnknownKey):
            keys.open_generation(STREAM, "identity", 4)
        keys.destroy_person(STREAM)
        with pytest.raises(PersonErased):
            keys.open_generation(STREAM, "identity", 3)

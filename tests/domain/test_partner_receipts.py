"""A partner's receipt as it may come: read, or a reason; and the lag as it counts what stands."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.partner_feed import NATIONAL, Place
from domain.partner_receipts import LARGEST_BYTES, PARTNER_SOURCE, REASONS, FeedStand, Receipt, read_receipt

PARTNER = UUID("00000000-0000-4000-8000-000000000011")
KEY = str(PARTNER).encode()
EVENT = {
    "specversion": "1.0", "id": "r-1", "source": f"{PARTNER_SOURCE}{PARTNER}", "type": "ma.forsa.receipt.seen.v1",
    "data": {"feed": NATIONAL, "epoch": 1, "sequence": 42},
}  # fmt: skip
READ = Receipt(partner=PARTNER, receipt="r-1", feed=NATIONAL, place=Place(1, 42))
OPERATE = Path(__file__).parents[2] / "docs/how-to/operate.md"


def told(value: bytes, key: bytes | None = KEY, **headers: bytes) -> Receipt | str:
    """What is read of a record."""
    return read_receipt(value, list(headers.items()), key)


def body(**other: object) -> bytes:
    """The event in JSON, these attributes in place of its own."""
    return msgspec.json.encode({**EVENT, **other})


def test_it_is_read_in_either_mode_whatever_stands_beside_it() -> None:
    data = b'{"feed":"entraide-nationale","epoch":1,"sequence":42,"later":null}'
    headers = {f"ce_{name}": str(text).encode() for name, text in EVENT.items() if name != "data"}
    assert told(body(subject="anything", extension=[1])) == READ
    assert told(data, **headers, ce_time=b"soon", traceparent=b"\xff") == READ
    assert told(body(), str(PARTNER).upper().encode()) == READ


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "truncated"),
        (b'{"specversion":"1.0","id"', "truncated"),
        (b"[" * 60_000, "unreadable-json"),
        (b"[" * (LARGEST_BYTES + 1), "too-large"),
        (b'{"id":"\xc3("}', "unreadable-json"),
        (b'{"id":1e999999}', "unreadable-json"),
        (body() + b"{}", "unreadable-json"),
        (b'"receipt"', "not-a-cloudevent"),
        (msgspec.json.encode([EVENT]), "not-a-cloudevent"),
        (body(id=""), "not-a-cloudevent"),
        (body(id=" r"), "not-a-cloudevent"),
        (body(id="r\x00"), "not-a-cloudevent"),
        (body(id="ر"), "not-a-cloudevent"),
        (body(id="r" * 101), "not-a-cloudevent"),
        (body(id=7), "not-a-cloudevent"),
        (body(specversion="0.3"), "unknown-version"),
        (body(type="ma.forsa.receipt.seen.v10"), "unknown-version"),
        (body(type="ma.forsa.receipt.seen"), "unknown-type"),
        (body(source=f"urn:other:{PARTNER}"), "unknown-partner"),
        (body(source=f"{PARTNER_SOURCE}{PARTNER.hex}"), "unknown-partner"),
        (body(data=None), "not-a-receipt"),
        (body(data={"feed": NATIONAL, "epoch": 1, "sequence": 2**63}), "not-a-receipt"),
        (body(data={"feed": NATIONAL, "epoch": 1, "sequence": 1.5}), "not-a-receipt"),
        (body(data={"feed": NATIONAL, "epoch": True, "sequence": 1}), "not-a-receipt"),
        (body(data={"feed": "f" * 61, "epoch": 1, "sequence": 1}), "not-a-receipt"),
    ],
)
def test_what_is_none_has_its_reason(value: bytes, reason: str) -> None:
    assert told(value) == reason


@pytest.mark.parametrize("key", [None, b"", b"another", KEY + b"\n", KEY[:-1]])
def test_the_key_is_the_partner_that_the_source_names(key: bytes | None) -> None:
    assert told(body(), key) == "wrong-key"


@given(st.binary(max_size=300), st.binary(max_size=40) | st.none(), st.lists(st.tuples(st.text(), st.binary())))
def test_no_bytes_raise(value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    assert read_receipt(value, headers, key) in REASONS


@given(st.data())
def test_a_spoilt_receipt_is_a_receipt_or_has_a_reason(data: st.DataObject) -> None:
    whole = bytearray(body())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = told(bytes(whole))
    assert isinstance(found, Receipt) or found in REASONS


def test_the_lag_is_of_what_stands() -> None:
    stand = FeedStand(region=None, last=Place(3, 7), closed={1: 40, 2: 0})
    for place, lag in ((Place(1, 0), 47), (Place(1, 40), 7), (Place(1, 55), 7), (Place(2, 9), 7), (Place(3, 7), 0)):
        assert stand.behind(place) == lag, place


def test_operators_find_each_reason_in_the_manual() -> None:
    """With the very words that stand beside what was set aside."""
    section = OPERATE.read_text(encoding="utf-8").partition("### Receipts")[2]
    table = [line for line in section.splitlines() if line.startswith("| `")][: len(REASONS)]
    assert table == [f"| `{code}` | {wanted} |" for code, wanted in REASONS.items()]

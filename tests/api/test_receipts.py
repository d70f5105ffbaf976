"""Receipts over HTTP: applied once under their key, refused with what is wrong, shown as how far each partner is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from domain.casebook import Append, NewEvent
from domain.organisation import AccessRevoked
from domain.partner_feed import NATIONAL, START, Place, feed_name, read_message
from domain.partner_receipts import Receipt
from projections.records.receipts import KAFKA, PartnerStand, Receipts, add, partners_of
from runtime.grants import HeldGrant
from tests.api.regions import Holder, api_with
from tests.api.stack import DAY, SYSTEM, Api, ident, worker
from tests.api.test_bad_input import assert_problem
from tests.feed_rows import FeedRows, lives

REGION, OTHER = "MA-01", "MA-06"
OFFICE: Final = ident("delegation")
HOLDERS: Final = [
    Holder("regional partner", "partner", "region", REGION, OFFICE),
    Holder("other partner", "partner", "region", OTHER, OFFICE),
    Holder("regional agent", "en_agent", "region", OTHER, OFFICE),
]
HERE: Final = f"/v1/feeds/{NATIONAL}/receipts"
GRANT: Final = HeldGrant("partner", "national", "", OFFICE)


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Api]:
    with api_with(web_dsn, keys_role_dsn, token_key, HOLDERS) as api:
        yield api


@pytest.fixture
def rows(projector_dsn: str) -> FeedRows:
    """The national feed with ten messages."""
    rows = FeedRows(projector_dsn)
    rows.tell(lives(Random(1), 10))
    return rows


def confirm(api: Api, sequence: int, key: str, *, epoch: int = 1, role: str = "partner", path: str = HERE) -> Any:
    """The answer to a receipt."""
    return api.post(path, {"epoch": epoch, "sequence": sequence}, role, key)


def shown(api: Api, role: str = "operator", path: str = HERE) -> dict[str, Any]:
    """How far each partner is, by its id."""
    response = api.get(path, role)
    assert response.status_code == 200, response.get_data(as_text=True)
    return {each["partner"]: each for each in response.get_json()["items"]}


@pytest.mark.usefixtures("rows")
def test_a_receipt_is_applied_once_and_answered_alike_for_ever(api: Api) -> None:
    first = confirm(api, 3, "receipt-1")
    assert first.status_code == 200
    assert (first.get_json()["place"], first.get_json()["receipt"]) == ("1/3", "receipt-1")
    confirm(api, 7, "receipt-2")
    again = confirm(api, 3, "receipt-1")
    assert (again.status_code, again.data) == (200, first.data)
    assert shown(api)[str(worker("partner"))]["place"] == "1/7"


@pytest.mark.usefixtures("rows")
def test_a_known_key_for_another_place_is_refused(api: Api) -> None:
    confirm(api, 3, "receipt-1")
    assert_problem(confirm(api, 4, "receipt-1"), 422, "idempotency-key-reused")


@pytest.mark.usefixtures("rows")
def test_a_place_before_the_confirmed_one_is_refused_naming_both(api: Api) -> None:
    confirm(api, 7, "receipt-1")
    body = assert_problem(confirm(api, 6, "receipt-2"), 409, "receipt-out-of-order")
    assert body["place"] == "1/7"
    assert body["errors"][0]["params"] == {"asked": "1/6", "last": "1/7"}
    assert confirm(api, 7, "receipt-3").status_code == 200  # nothing new is no step back


@pytest.mark.usefixtures("rows")
def test_a_place_the_feed_has_not_come_to_is_refused(api: Api) -> None:
    assert assert_problem(confirm(api, 11, "receipt-1"), 409, "feed-behind-reader")["place"] == "1/10"
    body = assert_problem(confirm(api, 1, "receipt-2", epoch=2), 409, "feed-behind-reader")
    assert body["errors"][0]["pointer"] == "/epoch"
    assert shown(api)[str(worker("partner"))]["heard_at"] is None


def test_after_a_restore_what_was_untold_cannot_be_confirmed(api: Api, rows: FeedRows) -> None:
    rows.open_epoch(6)
    assert_problem(confirm(api, 7, "receipt-1"), 409, "feed-behind-reader")
    assert confirm(api, 6, "receipt-2").status_code == 200
    assert shown(api)[str(worker("partner"))]["lag_events"] == 1  # what opens the epoch
    assert confirm(api, 1, "receipt-3", epoch=2).status_code == 200
    assert_problem(confirm(api, 6, "receipt-4"), 409, "receipt-out-of-order")


def test_of_a_feed_that_is_not_yours_nothing_is_told(api: Api, projector_dsn: str) -> None:
    """As of one that is not there; whichever way it is asked."""
    FeedRows(projector_dsn, REGION).tell(lives(Random(2), 2))
    own, none = f"/v1/feeds/{feed_name(REGION)}/receipts", "/v1/feeds/none/receipts"
    assert confirm(api, 2, "receipt-1", role="regional partner", path=own).status_code == 200
    for path in (own, none):
        assert_problem(confirm(api, 2, "receipt-1", role="other partner", path=path), 404, "not-found")
        assert_problem(api.get(path, "other partner"), 404, "not-found")
    assert_problem(confirm(api, 1, "receipt-1", role="other partner"), 404, "not-found")
    for role in ("operator", "en_agent"):
        assert_problem(confirm(api, 1, "receipt-1", role=role), 403, "not-your-role")


@pytest.mark.usefixtures("rows")
def test_a_partner_whose_grant_was_taken_back_is_heard_no_more(api: Api) -> None:
    assert confirm(api, 3, "receipt-1").status_code == 200
    revoked = AccessRevoked(on=DAY, by=SYSTEM, grant=ident("partner partner"))
    version = api.version(OFFICE) + 1
    api.forsa.event_log.append(Append((NewEvent(OFFICE, version, revoked),)))
    position = api.position()
    path = f"{HERE}?at_least={position}"
    assert_problem(confirm(api, 4, "receipt-2", path=path), 403, "not-your-role")
    assert shown(api)[str(worker("partner"))]["place"] == "1/3"  # what was said stays said


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"epoch": 1}, "missing-field"),
        ({"epoch": 0, "sequence": 1}, "wrong-type"),
        ({"epoch": 1, "sequence": 0}, "wrong-type"),
        ({"epoch": 2**31, "sequence": 1}, "wrong-type"),
        ({"epoch": "1", "sequence": 1}, "wrong-type"),
        ({"epoch": 1, "sequence": 1, "feed": NATIONAL}, "unknown-field"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_a_wrong_form_is_told_by_field(api: Api, body: Any, code: str) -> None:
    said = assert_problem(api.post(HERE, body, "partner"), 422, "invalid-body")
    assert [each["code"] for each in said["errors"]] == [code]


@pytest.mark.usefixtures("rows")
def test_a_receipt_needs_its_key(api: Api) -> None:
    response = api.post_raw(HERE, b'{"epoch": 1, "sequence": 1}', "partner", Idempotency_Key="")
    assert_problem(response, 400, "idempotency-key-missing")


def test_who_sees_how_far_whom(api: Api, projector_dsn: str) -> None:
    """Operator and authority every partner of the feed, also a silent one; a partner itself alone."""
    FeedRows(projector_dsn, REGION).tell(lives(Random(2), 4))
    own = f"/v1/feeds/{feed_name(REGION)}/receipts"
    confirm(api, 3, "receipt-1", role="regional partner", path=own)
    partner, regional = str(worker("partner")), str(worker("regional partner"))
    for role in ("operator", "en_agent"):
        seen = shown(api, role, own)
        assert {each: (seen[each]["place"], seen[each]["lag_events"]) for each in seen} == {
            partner: ("1/0", 4),
            regional: ("1/3", 1),
        }
        assert seen[partner]["heard_at"] is None
        assert seen[regional]["lag_seconds"] > 0
    assert shown(api, "regional partner", own).keys() == {regional}
    assert shown(api, "partner", own).keys() == {partner}
    assert_problem(api.get(own, "regional agent"), 404, "not-found")
    assert_problem(api.get(own, "caseworker"), 403, "not-your-role")
    confirm(api, 4, "receipt-2", role="regional partner", path=own)
    assert shown(api, "operator", own)[regional]["lag_seconds"] == 0


def test_kafka_and_http_know_of_one_another(api: Api, rows: FeedRows, log_dsn: str) -> None:
    """What came over Kafka is answered over HTTP as known, and a step back is one whichever way it comes."""
    receipt = Receipt(partner=worker("partner"), receipt="receipt-1", feed=rows.feed, place=Place(1, 5))
    with psycopg.connect(log_dsn) as connection:
        add(connection, [receipt], KAFKA)
    assert confirm(api, 5, "receipt-1").get_json()["place"] == "1/5"
    assert_problem(confirm(api, 4, "receipt-2"), 409, "receipt-out-of-order")


def test_two_who_speak_for_one_partner_at_once_are_judged_one_after_the_other(log_dsn: str, rows: FeedRows) -> None:
    """While one is judged the other waits, and then sees what was applied."""
    partner = ident("partner at once")

    def receipt(name: str, sequence: int) -> Receipt:
        return Receipt(partner=partner, receipt=name, feed=rows.feed, place=Place(1, sequence))

    with (
        psycopg.connect(log_dsn) as other,
        ConnectionPool[Any](log_dsn, kwargs={"autocommit": True, "options": "-c lock_timeout=300ms"}) as pool,
    ):
        receipts = Receipts(pool)
        other.execute("select pg_advisory_xact_lock(hashtextextended('forsa.receipts.' || %s::uuid, 0))", (partner,))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            receipts.confirm(receipt("a", 3), [GRANT])
        add(other, [receipt("b", 4)], KAFKA)
        other.commit()
        assert receipts.confirm(receipt("a", 3), [GRANT]) == "out-of-order"


def test_the_lag_counts_what_stands_and_nothing_else(projector_dsn: str, rows: FeedRows) -> None:
    """Over epochs that were closed: compared with what is read after the place, row by row."""
    rows.open_epoch(4)
    rows.tell(lives(Random(3), 3))
    rows.open_epoch(1)
    rows.tell(lives(Random(4), 2))
    partner = UUID(int=7)
    with psycopg.connect(projector_dsn) as connection:
        for place in [START, Place(1, 3), Place(1, 4), Place(2, 1), Place(3, 1), Place(3, 3)]:
            stand = stand_at(connection, rows.feed, partner, place)
            standing = [each for each in rows.all_rows() if place_of(each) > place]
            assert stand.events == len(standing), place
            assert (stand.seconds > 0) == bool(standing), place


def stand_at(connection: psycopg.Connection[Any], feed: str, partner: UUID, place: Place) -> PartnerStand:
    """How far a partner is that has confirmed up to a place; nothing of it is kept."""
    with connection.transaction(force_rollback=True):
        if place.sequence:
            add(connection, [Receipt(partner=partner, receipt="a", feed=feed, place=place)], KAFKA)
        return partners_of(connection, feed, [partner])[0]


def place_of(message: bytes) -> Place:
    """Where a stored message stands."""
    return read_message(message).place

"""Who may act today: read from the log by position, at most five seconds old, nobody where it cannot be read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from domain.event import By
from domain.organisation import AccessGranted, AccessRevoked
from runtime.grants import TAIL, Grants
from runtime.mapper import ForsaMapper
from runtime.recorder import ForsaRecorder
from runtime.tail import Row, Unreadable, reader
from runtime.wiring import Forsa

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
WORKER, ORG = UUID(int=1), UUID(int=2)
BY = By(actor=UUID(int=3), role="operator", org=ORG, src="api")


def granted(number: int, role: str = "caseworker", *, first: date = TODAY, last: date | None = None) -> AccessGranted:
    return AccessGranted(
        on=TODAY,
        by=BY,
        grant=UUID(int=100 + number),
        subject=WORKER,
        role=role,
        scope="national",
        scope_id="",
        purpose="duty",
        valid_from=first,
        valid_to=last,
    )


class Log:
    """Access events by position, a clock that is set by hand, and a switch to take it away."""

    def __init__(self, *events: AccessGranted) -> None:
        self.events = list(events)
        self.seconds = 0.0
        self.is_away = False
        self.asked: list[int] = []

    def read(self, after: int) -> Sequence[Row]:
        self.asked.append(after)
        if self.is_away:
            raise Unreadable
        return [(at, ORG, str(at).encode()) for at in range(after + 1, len(self.events) + 1)]

    def grants(self) -> Grants:
        return Grants(self.read, lambda state: self.events[int(state) - 1], lambda: self.seconds)


def roles(grants: Grants) -> list[str]:
    return [grant.role for grant in grants.of(WORKER, NOW, TODAY)]


def test_a_grant_holds_from_its_first_to_its_last_day() -> None:
    day = timedelta(1)
    log = Log(
        granted(1, "educator", first=TODAY + day),
        granted(2, "auditor", first=TODAY - 9 * day, last=TODAY - day),
        granted(3, "caseworker", first=TODAY - day, last=TODAY),
    )
    grants = log.grants()
    assert grants.of(WORKER, NOW, TODAY) == [("caseworker", "national", "", ORG, None, None)]
    assert roles(grants) == ["caseworker"]
    assert grants.of(UUID(int=9), NOW, TODAY) == []


def test_a_first_grant_works_at_once_and_a_further_one_within_a_second() -> None:
    log = Log()
    grants = log.grants()
    assert roles(grants) == []
    log.events.append(granted(1))
    assert roles(grants) == ["caseworker"]
    log.events.append(granted(2, "coordinator"))
    log.seconds += 1.0
    assert roles(grants) == ["caseworker", "coordinator"]


def test_a_grant_is_revoked_where_it_was_granted_and_an_id_used_elsewhere_too_stands() -> None:
    other_org, other = UUID(int=5), UUID(int=6)
    elsewhere = msgspec.structs.replace(granted(1), subject=other)
    revoked = AccessRevoked(on=TODAY, by=BY, grant=granted(1).grant)
    events = [(ORG, granted(1)), (other_org, elsewhere), (ORG, revoked)]
    rows = [(at, org, str(at).encode()) for at, (org, _) in enumerate(events, 1)]
    grants = Grants(lambda after: rows[after:], lambda state: events[int(state) - 1][1])
    assert grants.of(WORKER, NOW, TODAY) == []
    assert [held.org for held in grants.of(other, NOW, TODAY)] == [other_org]


def test_only_what_is_new_is_read() -> None:
    log = Log(granted(1), granted(2, "educator"))
    grants = log.grants()
    for _ in range(3):
        roles(grants)
        log.seconds += 1.5
    assert log.asked == [0, 2, 2]


def test_an_unreadable_log_denies_after_five_seconds() -> None:
    log = Log(granted(1))
    grants = log.grants()
    assert roles(grants) == ["caseworker"]
    log.is_away = True
    log.seconds = 5.0
    assert roles(grants) == ["caseworker"]
    log.seconds = 5.1
    with pytest.raises(Unreadable):
        roles(grants)
    with pytest.raises(Unreadable):
        grants.holders(NOW, TODAY)
    asked = len(log.asked)
    with pytest.raises(Unreadable):
        roles(grants)
    assert len(log.asked) == asked, "asked again at once"
    log.is_away = False
    log.seconds += 0.25
    assert roles(grants) == ["caseworker"]


def test_the_tail_is_read_from_the_log_over_its_own_index(forsa: Forsa, recorder: ForsaRecorder, log_dsn: str) -> None:
    import psycopg

    from runtime.demo import load_demo

    load_demo(forsa)
    rows = reader(recorder.datastore, TAIL)(0)
    assert len(rows) > 12
    assert reader(recorder.datastore, TAIL)(rows[-1][0]) == []
    assert {role for role, _ in forsa.holders()} >= {"caseworker", "operator"}
    with psycopg.connect(log_dsn) as connection:
        connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        plan = "\n".join(str(row[0]) for row in connection.execute(b"explain " + TAIL, (0,)))
    assert "forsa_events_who_may_idx" in plan


def test_a_log_that_is_away_is_unreadable(forsa: Forsa) -> None:
    from runtime.recorder import ForsaDatastore

    away = ForsaDatastore("postgresql://nobody@127.0.0.1:1/forsa")
    with pytest.raises(Unreadable):
        reader(away, TAIL)(0)
    assert isinstance(forsa.mapper, ForsaMapper)

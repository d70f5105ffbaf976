"""Logs for the bench: invented learners' events in real stored form, copied in as the append would store them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Final
from uuid import UUID, uuid5

import msgspec
import psycopg

from bench.place import Place
from domain.event import By, Event
from domain.learner.admission import GroupJoined, LearnerEnrolled, LearnerOriented, Profile
from domain.learner.identification import EligibilityAssessed, Identity, LearnerIdentified, PersonName, Referral
from domain.learner.training import AttendanceRecorded, CompetenceAssessed, DayMark
from domain.sealed import Sealed, clear, tag_of
from domain.streams import EVENTS
from runtime.keyring import Keyring
from runtime.mapper import ForsaMapper, Recorded

SPACE: Final = UUID("7c1d1d1e-0000-4000-8000-00000000be7c")
START: Final = date(2025, 10, 6)  # a Monday
BY: Final = By(actor=uuid5(SPACE, "educator"), role="educator", org=uuid5(SPACE, "association"), src="api")
CENTRE, CONVENTION, GROUP = (uuid5(SPACE, name) for name in ("centre", "convention", "group"))
SHEET_ROWS: Final = 20
# As long as the same identity would be in the clear: what a log without sealing holds in its place.
SEALED: Final = Sealed[Identity](f="identity.1", h="", c="B" * 200)


def learner_id(number: int) -> UUID:
    """The stream of the learner of that number."""
    return uuid5(SPACE, f"learner {number}")


def identified(number: int, *, sealed: bool = True) -> LearnerIdentified:
    """The first event of a learner: clear values to seal, or ready-made ones that no key opens."""
    name = PersonName("ياسين", f"بناني {number}", "arabic")
    identity = Identity(names=[name], sex="m", birth_date=date(2010, 3, 1 + number % 28))
    return LearnerIdentified(
        on=START,
        by=BY,
        file_number=f"2025-CAS-{number:06d}-X",
        season=2025,
        province="CAS",
        referral=clear(Referral("caravan"))
        if sealed
        else msgspec.convert({"f": "sensitive.1", "h": "", "c": ""}, Sealed[Referral]),
        identity=clear(identity) if sealed else SEALED,
    )


def admitted(number: int) -> list[Event]:
    """Events 2 to 5 of a learner: assessed, oriented, enrolled, seated."""
    enrolment = uuid5(SPACE, f"enrolment {number}")
    profile = Profile("m", 15, "CAS", "urban", "3AC", "dropped_out", "new")
    return [
        EligibilityAssessed(
            on=START, by=BY, season=2025, convention=CONVENTION, age_low=15, age_high=15, age_min=13, age_max=20,
            reference_date=date(2025, 12, 31), school_status="dropped_out", result="eligible", parameters=0,
            replaces=None, flags=[],
        ),
        LearnerOriented(on=START, by=BY, season=2025, level="level_2", trades=["ELB"], rationale=None, replaces=None),
        LearnerEnrolled(
            on=START, by=BY, enrolment=enrolment, season=2025, centre=CENTRE, convention=CONVENTION, level="level_2",
            trade="ELB", session_type="regular", starts_on=START, without=[], age_low=15, age_high=15,
            age_min=13, age_max=20, reference_date=date(2025, 12, 31), assessment=2, derogation=None, profile=profile,
            flags=[],
        ),
        GroupJoined(on=START, by=BY, enrolment=enrolment, group=GROUP),
    ]  # fmt: skip


def attendance(number: int, week: int, component: str = "workshop") -> AttendanceRecorded:
    """A learner's week of five days."""
    monday = START + timedelta(weeks=week)
    days = [
        DayMark(monday + timedelta(days=day), "present" if (number + day) % 7 else "absent", 180) for day in range(5)
    ]
    return AttendanceRecorded(
        on=monday + timedelta(days=4), by=BY, enrolment=uuid5(SPACE, f"enrolment {number}"), group=GROUP, week=monday,
        component=component, days=days, sheet=None, entered_on=monday + timedelta(days=4), replaces=None, flags=[],
    )  # fmt: skip


def stream_of(number: int, length: int, *, sealed: bool = True) -> list[Event]:
    """A learner's stream of that many events: identified, admitted, then weeks of attendance and some competences."""
    events: list[Event] = [identified(number, sealed=sealed), *admitted(number)]
    for turn in range(length - len(events)):
        component = ("workshop", "class", "personal_development")[turn % 3]
        if turn % 7 == 6:
            enrolment = uuid5(SPACE, f"enrolment {number}")
            module = f"M{turn}"
            events.append(
                CompetenceAssessed(
                    on=START, by=BY, enrolment=enrolment, module=module, result="acquired", replaces=None
                )
            )
        else:
            events.append(attendance(number, turn // 3, component))
    return events[:length]


def in_sheet_order(learners: int, weeks: int, *, sealed: bool = True) -> Iterator[tuple[UUID, int, Event]]:
    """A centre's year as it is typed: everyone admitted, then week by week sheets of 20 learners."""
    for number in range(learners):
        for version, event in enumerate([identified(number, sealed=sealed), *admitted(number)], 1):
            yield learner_id(number), version, event
    for week in range(weeks):
        for number in range(learners):  # rows of one sheet stand together: sheets are learners 0-19, 20-39, …
            yield learner_id(number), 6 + week, attendance(number, week)


def by_stream(learners: int, length: int, *, sealed: bool = True) -> Iterator[tuple[UUID, int, Event]]:
    """Whole streams one after the other."""
    for number in range(learners):
        for version, event in enumerate(stream_of(number, length, sealed=sealed), 1):
            yield learner_id(number), version, event


def fill(here: Place, rows: Iterable[tuple[UUID, int, Event]]) -> int:
    """These events are the whole log, positions dense from 1; returns how many. Statistics are up to date."""
    keyring = here.keyring()
    mapper = ForsaMapper(EVENTS, keyring)
    dsn = here.log
    at = datetime(2026, 1, 1, tzinfo=UTC)
    count = 0
    with psycopg.connect(dsn) as connection:
        connection.execute("truncate forsa_events, claims, commands")
        columns = "originator_id, originator_version, topic, state, notification_id, recorded_at"
        with connection.cursor().copy(f"copy forsa_events ({columns}) from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int8", "text", "bytea", "int8", "timestamptz"])
            for count, (stream, version, event) in enumerate(_with_keys(keyring, mapper, rows), 1):
                state = mapper.to_stored_event(Recorded(stream, version, event)).state
                copy.write_row((stream, version, tag_of(type(event)), state, count, at + timedelta(microseconds=count)))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze forsa_events")
    return count


def _with_keys(
    keyring: Keyring, mapper: ForsaMapper, rows: Iterable[tuple[UUID, int, Event]]
) -> Iterator[tuple[UUID, int, Event]]:
    """The rows, with the keys of each thousand made before they are sealed."""
    rest = iter(rows)
    while some := list(islice(rest, 1000)):
        keyring.prepare(mapper.wanted_keys([Recorded(*row) for row in some]))
        yield from some


def copy_out_seconds(dsn: str) -> float:
    """Seconds COPY takes to send the whole log, binary, to this process: the limit nothing can read faster than."""
    with psycopg.connect(dsn) as connection:
        began = perf_counter()
        columns = "notification_id, originator_id, originator_version, topic, state"
        query = f"copy (select {columns} from forsa_events) to stdout (format binary)"
        with connection.cursor().copy(query) as copy:
            for _ in copy:
                pass
        return perf_counter() - began

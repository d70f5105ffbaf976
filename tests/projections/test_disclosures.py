"""The disclosure log: rows are added and read, by the web's role too, and nothing else ever happens to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

import msgspec
import psycopg
import pytest

from projections.connections import open_pool
from projections.records.disclosures import Disclosure, DisclosureLog, NotDisclosed, Shown

SPACE = UUID("b7b0c4b2-33f5-4f0e-8a3f-9d5d5f6f1c22")
AMINA, SALMA, READER, ORG = (uuid5(SPACE, name) for name in ("amina", "salma", "reader", "org"))
DENIED = psycopg.errors.InsufficientPrivilege


def a_look(number: int, *subjects: UUID) -> Disclosure:
    """The request of this number showed these learners."""
    return Disclosure(
        request=UUID(int=number), reader=READER, role="caseworker", org=ORG, what="learners.get-learner",
        shown=tuple(Shown(learner, "full", True) for learner in subjects),
    )  # fmt: skip


@pytest.fixture
def log(web_dsn: str) -> Iterator[DisclosureLog]:
    """An empty log with the web process's rights."""
    with open_pool(web_dsn, 2, psycopg.Connection[Any]) as pool:
        yield DisclosureLog(pool)


def test_looks_at_a_learner_are_read_newest_first_and_page_by_page(log: DisclosureLog) -> None:
    for number in range(1, 6):
        log.write(a_look(number, AMINA, *([SALMA] if number % 2 else [])))
    assert [each.request.int for each in log.of_learner(AMINA, limit=2)] == [5, 4]
    (_, last) = log.of_learner(AMINA, limit=2)
    assert [each.request.int for each in log.of_learner(AMINA, before=last.number)] == [3, 2, 1]
    assert [each.request.int for each in log.of_learner(SALMA)] == [5, 3, 1]
    assert log.of_learner(READER) == []


def test_a_look_is_kept_as_it_was(log: DisclosureLog) -> None:
    """Of each learner of a page what was shown of that one, and nothing of what was shown of the others."""
    shown = (Shown(AMINA, "episode", False, ORG), Shown(SALMA, "full", True), Shown(READER, "mentioned"))
    written = msgspec.structs.replace(a_look(1), shown=shown, as_of_position=7)
    log.write(written)
    said = {name: value for name, value in msgspec.structs.asdict(written).items() if name != "shown"}
    for each in shown:
        (look,) = log.of_learner(each.learner)
        of_this = {"level": each.level, "named": each.named, "emergency": each.emergency}
        assert msgspec.structs.asdict(look) == said | of_this | {"number": look.number, "at": look.at}
        assert look.at.tzinfo is not None


def test_a_row_says_of_each_learner_how_much(log_dsn: str, log: DisclosureLog) -> None:
    log.write(a_look(1, AMINA, SALMA))
    columns = "request, reader, role, org, what, subjects, levels, named, emergencies"
    for short in ("levels", "named", "emergencies"):
        values = columns.replace(short, f"{short}[1:1]")
        with psycopg.connect(log_dsn) as owner, pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(
                f"insert into records.disclosures ({columns}) select {values} from records.disclosures".encode()
            )


def test_a_disclosure_of_nobody_is_none(log: DisclosureLog) -> None:
    with pytest.raises(NotDisclosed):
        log.write(a_look(1))


@pytest.mark.parametrize(
    "statement",
    ["update records.disclosures set role = ''", "delete from records.disclosures", "truncate records.disclosures",
     "insert into records.disclosures (at) values (now())"],
)  # fmt: skip
def test_the_web_may_not_change_what_was_written_nor_say_when_it_was(
    log: DisclosureLog, web_dsn: str, statement: str
) -> None:
    log.write(a_look(1, AMINA))
    with psycopg.connect(web_dsn) as web, pytest.raises(DENIED):
        web.execute(statement.encode())
    assert len(log.of_learner(AMINA)) == 1


@pytest.mark.parametrize(
    "statement",
    ["update records.disclosures set role = ''", "delete from records.disclosures", "truncate records.disclosures",
     "update records.disclosures set role = '' where false"],
)  # fmt: skip
def test_not_even_the_owner_changes_a_row_by_mistake(log_dsn: str, log: DisclosureLog, statement: str) -> None:
    log.write(a_look(1, AMINA))
    with (
        psycopg.connect(log_dsn) as owner,
        pytest.raises(psycopg.errors.RaiseException, match="stands as it was written"),
    ):
        owner.execute(statement.encode())
    assert len(log.of_learner(AMINA)) == 1


def test_a_row_is_durable_whatever_the_session_was_set_to(web_dsn: str) -> None:
    with psycopg.connect(web_dsn, options="-c synchronous_commit=off") as web:
        web.execute(
            "insert into records.disclosures (request, reader, role, org, what, subjects, levels, named, emergencies)"
            " values (gen_random_uuid(), gen_random_uuid(), 'r', gen_random_uuid(), 'w', array[gen_random_uuid()],"
            " array['full'], array[true], array[null]::uuid[])"
        )
        assert web.execute("show synchronous_commit").fetchone() == ("on",)


def test_a_connection_that_was_lost_is_tried_once_more_on_a_fresh_one(log_dsn: str, log: DisclosureLog) -> None:
    log.write(a_look(1, AMINA))
    with psycopg.connect(log_dsn) as owner:
        owner.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'forsa_web'")
    log.write(a_look(2, AMINA))
    assert [each.request.int for each in log.of_learner(AMINA)] == [2, 1]


def test_a_right_that_is_missing_is_an_outage_too(log_dsn: str, log: DisclosureLog) -> None:
    with psycopg.connect(log_dsn, autocommit=True) as owner:
        owner.execute("revoke insert on records.disclosures from forsa_web")
        try:
            with pytest.raises(NotDisclosed, match="InsufficientPrivilege"):
                log.write(a_look(1, AMINA))
        finally:
            columns = "request, reader, role, org, what, as_of_position, subjects, levels, named, emergencies"
            owner.execute(f"grant insert ({columns}) on records.disclosures to forsa_web".encode())

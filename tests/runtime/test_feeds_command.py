"""`forsa feeds`: what an operator sees of each feed, opens for a region, and goes on with after a restore."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from consumers.diploma_publisher import publish_waiting
from domain.partner_feed import NATIONAL, Place, read_message
from domain.reference import code_list
from projections.feed_writer import FeedWriter
from projections.records.partner_feed import feeds, rows_after
from runtime.cli import main
from runtime.cli.feeds import REASONS
from runtime.settings import read_settings
from runtime.wiring import open_means
from tests.consumers.feed_table import FeedRows, development
from tests.examples.diplomas import BOTH_CENTRES, REGION, awarded, later, week
from tests.projections.log_of import execute, store

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def writer(environment: dict[str, str]) -> Iterator[FeedWriter]:
    """The writer of a projector's process."""
    (mapper, keyring), dsn = open_means(read_settings(environment)), environment["FORSA_PROJECTOR_DATABASE_URL"]
    with closing(keyring), closing(FeedWriter(dsn, mapper, look_seconds=0.0)) as writer:
        yield writer


def listed(capsys: Printed) -> dict[str, Any]:
    """What `forsa feeds --json` says of each feed."""
    main(["feeds", "--json"])
    return {each["feed"]: each for each in json.loads(capsys.readouterr().out)}


def place_of(dsn: str, feed: str = NATIONAL) -> Place:
    """Of the feed's last message."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return next(each.last for each in feeds(connection) if each.feed == feed)


def test_each_feed_is_listed_with_what_it_lacks(
    writer: FeedWriter, event_log: Any, log_dsn: str, capsys: Printed
) -> None:
    store(event_log, week(2))
    assert main(["feeds"]) == 0
    assert "5 to come, 0 s late" in capsys.readouterr().out
    writer.catch_up()
    partner = uuid4()
    execute(
        log_dsn,
        f"insert into records.feed_published (feed, epoch, sequence) values ('{NATIONAL}', 1, 3)",
        "insert into records.receipts (partner, receipt, feed, epoch, sequence, via)"
        f" values ('{partner}', 'a', '{NATIONAL}', 1, 1, 'http')",
    )
    said = listed(capsys)[NATIONAL]
    assert (said["place"], said["events"], said["published"], said["unpublished_events"]) == ("1/5", 0, "1/3", 2)
    (known,) = said["partners"]
    assert (known["partner"], known["place"], known["events"]) == (str(partner), "1/1", 4)
    assert main(["feeds"]) == 0
    shown = capsys.readouterr().out
    assert f"partner {partner} has 1/1, 4 to come" in shown
    assert "1/3, 2 to come" in shown


def test_a_feed_that_stands_still_says_why_and_ends_with_1(
    writer: FeedWriter, event_log: Any, log_dsn: str, capsys: Printed
) -> None:
    store(event_log, (awarded(0), later(1, 1)))
    writer.catch_up()
    assert main(["feeds"]) == 1
    assert "stopped at 2: AssertionError" in capsys.readouterr().out
    refused = "topic-ahead: next `forsa feeds new-epoch`"
    execute(
        log_dsn,
        "update records.feeds set stopped_at = null, stopped_by = null",
        f"insert into records.feed_published values ('{NATIONAL}', 1, 0, now(), '{refused}')",
    )
    assert main(["feeds"]) == 1
    assert f"forsa.diploma.events.v1: {refused}" in capsys.readouterr().out


def test_the_feed_of_a_region_is_opened_once(writer: FeedWriter, event_log: Any, log_dsn: str, capsys: Printed) -> None:
    store(event_log, (*BOTH_CENTRES, awarded(0), awarded(1), awarded(2)))
    assert main(["feeds", "open", REGION]) == 0
    said = capsys.readouterr().out
    assert said == "entraide-nationale-ma-06, topic forsa.diploma.events.v1.ma-06: opened\n"
    assert main(["feeds", "open", REGION]) == 0
    assert capsys.readouterr().out.endswith("was open already\n")
    writer.catch_up()
    assert place_of(log_dsn, "entraide-nationale-ma-06") == Place(1, 2)
    assert main(["feeds", "open", "MA-99"]) == 2
    assert "MA-06 (" in capsys.readouterr().err


def test_a_new_epoch_says_what_it_does_and_asks(
    writer: FeedWriter, event_log: Any, log_dsn: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(event_log, week(2))
    writer.catch_up()
    act = ["feeds", "new-epoch", NATIONAL, "--reason", "restore", "--stands-until", "3"]
    for answer, code, place in (("n", 1, Place(1, 5)), ("y", 0, Place(2, 1))):
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda _, answer=answer: answer)
        assert main(act) == code
        said = capsys.readouterr()
        assert "stands at 1/5. Epoch 2 begins after 1/3" in said.out
        assert "2 messages after it" in said.out
        assert place_of(log_dsn) == place
    writer.catch_up()
    assert place_of(log_dsn) == Place(2, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((NATIONAL, "--stands-until", "6"), "--stands-until 6 is no message of the feed: the last message is 1/5"),
        ((NATIONAL,), "FORSA_KAFKA_BOOTSTRAP is not set"),
        (("entraide", "--stands-until", "0"), "There are entraide-nationale"),
    ],
)
def test_an_epoch_that_cannot_be_opened_names_the_way_out(
    arguments: tuple[str, ...], said: str, writer: FeedWriter, event_log: Any, log_dsn: str, capsys: Printed
) -> None:
    store(event_log, week(2))
    writer.catch_up()
    assert main(["feeds", "new-epoch", *arguments, "--reason", "other", "--yes"]) == 2
    assert said in capsys.readouterr().err
    assert place_of(log_dsn) == Place(1, 5)


def test_the_reasons_are_those_of_the_code_list() -> None:
    assert sorted(REASONS) == sorted(each.code for each in code_list("epoch_reason").entries)


def test_an_epoch_after_a_restore_begins_where_topic_and_table_part(
    kafka: str, topic: str, environment: dict[str, str], log_dsn: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was restored to 30 and has gone on to 33 with other messages than the topic has."""
    monkeypatch.setenv("FORSA_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("FORSA_KAFKA_REPLICATION", "1")
    rows, dsn = FeedRows(log_dsn, topic), environment["FORSA_PROJECTOR_DATABASE_URL"]
    rows.write(40)
    publish_waiting(dsn, development(kafka), rows.feed, topic)
    rows.restore(30)
    rows.write(3, read_message(rows.all[0]).time.replace(year=2027))
    assert main(["feeds", "new-epoch", rows.feed, "--reason", "restore", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "stands at 1/33. Epoch 2 begins after 1/30" in said
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        told = [str(read_message(each).place) for each in rows_after(connection, rows.feed, Place(1, 28), 10)]
    assert told == ["1/29", "1/30", "2/1"]


def test_a_broker_that_is_away_is_said(
    environment: dict[str, str], writer: FeedWriter, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORSA_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("FORSA_KAFKA_REPLICATION", "1")
    assert main(["feeds", "new-epoch", NATIONAL, "--reason", "restore", "--yes"]) == 3
    assert "The broker cannot be asked" in capsys.readouterr().err

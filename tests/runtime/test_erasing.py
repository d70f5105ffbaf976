"""Erasures as operators see them: carried out by the projector's process, listed, named when stuck, out of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from bench.prove.canary import found_in_files
from domain.event import By
from domain.kind import Command
from domain.learner.identification import Identifier, IdentifyLearner, NameGiven
from domain.learner.privacy import DecideErasure, RequestErasure
from projections import learner_directory
from projections.projector import Projector
from runtime.cli import main
from runtime.erasing import ERASING_LOCK, pending
from runtime.following_erasures import erasing_of, following
from runtime.rewriting import is_due, rewrite
from runtime.settings import Settings, read_settings
from runtime.wiring import Forsa, compose, open_means
from tests.runtime.forsa_run import until
from tests.runtime.servers import ask, environment_of, forsa_on, prepared

CANARY = ("Zebergdanaqx", "Elkanarqatifi", "الكنارقطيفي", "ZQX7719044")
CASEWORKER, OFFICER = uuid4(), uuid4()
FAMILIES = ["identity", "contacts", "sensitive"]


def by(actor: UUID, role: str) -> By:
    """Somebody acting for an organisation that nothing here looks at."""
    return By(actor=actor, role=role, org=uuid4(), src="console")


def erased(forsa: Forsa) -> UUID:
    """A learner with unmistakable names whose erasure was decided."""
    learner, erasure = uuid4(), uuid4()
    names = [NameGiven(CANARY[0], CANARY[1]), NameGiven("سلمى", CANARY[2])]
    acts: list[tuple[Command, By]] = [
        (
            IdentifyLearner(
                learner=learner, province="TNG", source="self", names=names, sex="f",
                identifiers=[Identifier("massar", CANARY[3])],
            ),
            by(CASEWORKER, "caseworker"),
        ),
        (
            RequestErasure(learner=learner, erasure=erasure, families=FAMILIES, asked_by="guardian"),
            by(CASEWORKER, "caseworker"),
        ),
        (
            DecideErasure(learner=learner, erasure=erasure, families=FAMILIES, legal_basis="objection"),
            by(OFFICER, "data_protection_officer"),
        ),
    ]  # fmt: skip
    for command, sender in acts:
        forsa.casebook.execute(command, sender)
        if isinstance(command, IdentifyLearner):
            caught_up(forsa.settings)  # so that the name has stood in the directory
    return learner


def caught_up(settings: Settings) -> None:
    """Every view is current; nobody tends it afterwards."""
    means = open_means(settings)
    projector = Projector(settings.projector_database_url, means.mapper, means.keyring)
    projector.catch_up()
    projector.close()
    means.keyring.close()


@pytest.fixture
def forsa(environment: dict[str, str]) -> Iterator[Forsa]:
    """Forsa over the test's databases."""
    forsa = compose(read_settings(environment))
    yield forsa
    forsa.close()


def test_the_projectors_process_carries_it_out_by_itself(forsa: Forsa, projector_dsn: str) -> None:
    caught_up(forsa.settings)
    with following(forsa.settings) as thread, psycopg.connect(projector_dsn, autocommit=True) as connection:
        learner = erased(forsa)
        assert [each.learner for each in pending(connection)] == [learner]
        until(lambda: not pending(connection))
        assert thread.is_alive()
    assert forsa.casebook.load("learner", learner).state.privacy.pending == {}


def test_what_waits_is_listed_and_carried_out_from_the_command_line(
    forsa: Forsa, capsys: pytest.CaptureFixture[str], projector_dsn: str
) -> None:
    assert main(["erase"]) == 0
    assert "carried out" in capsys.readouterr().out
    learner, other = erased(forsa), erased_other(forsa)
    assert main(["erase", "--json"]) == 1
    assert [each["learner"] for each in json.loads(capsys.readouterr().out)] == [str(learner), str(other)]
    assert main(["erase", "run", "--learner", str(learner), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"done": 1, "waiting": 0}
    with psycopg.connect(projector_dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (ERASING_LOCK,))
        assert main(["erase", "run"]) == 3
    assert main(["erase", "run"]) == 0
    assert main(["erase"]) == 0


def erased_other(forsa: Forsa) -> UUID:
    """Another learner, whose Massar code the first one's decision has freed."""
    return erased(forsa)


def test_the_doctor_names_what_was_not_carried_out_within_an_hour(
    forsa: Forsa, log_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    learner = erased(forsa)
    assert "erasures" not in _findings(capsys)
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("update forsa_events set recorded_at = recorded_at - interval '61 minutes'")
    said = _findings(capsys)["erasures"]
    assert str(learner) in said
    assert main(["erase", "run"]) == 0
    capsys.readouterr()
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("update forsa_events set recorded_at = recorded_at - interval '25 hours'")
    found = _findings(capsys)
    assert "erasures" not in found
    assert "older than a day" in found["files of the directory and the keys"]
    assert main(["erase", "rewrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["position"] == forsa.event_log.max_position()
    assert "files of the directory and the keys" not in _findings(capsys)


def _findings(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What the doctor finds wrong: name → what it says."""
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    return {each["name"]: each["said"] for each in found if not each["is_well"]}


def test_a_rewrite_is_due_within_a_day_of_an_erasure_and_not_again(forsa: Forsa, projector_dsn: str) -> None:
    with psycopg.connect(projector_dsn, autocommit=True) as connection:
        caught_up(forsa.settings)
        assert not is_due(connection, timedelta(0))
        erased(forsa)
        assert not is_due(connection, timedelta(0)), "nothing is erased by deciding"
        with erasing_of(forsa.settings) as erasing:
            erasing.run()
        assert not is_due(connection)
        assert is_due(connection, timedelta(0))
        _rewritten(forsa.settings)
        assert not is_due(connection, timedelta(0))


def test_the_projectors_process_takes_old_erasures_out_of_the_files_by_itself(
    forsa: Forsa, projector_dsn: str, log_dsn: str
) -> None:
    erased(forsa)
    with erasing_of(forsa.settings) as erasing:
        erasing.run()
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("update forsa_events set recorded_at = recorded_at - interval '21 hours'")
    with psycopg.connect(projector_dsn, autocommit=True) as connection, following(forsa.settings):
        until(lambda: not is_due(connection, timedelta(0)))


def _rewritten(settings: Settings) -> None:
    rewrite(settings.projector_database_url, settings.keys_database_url, partial(open_means, settings))


def test_after_the_rewrite_and_the_next_recycling_no_file_of_the_server_says_the_name(tmp_path: Path) -> None:
    """Its tables' files after a checkpoint; its write-ahead log once the old segments are gone."""
    server = prepared(tmp_path / "server")
    try:
        with forsa_on(server) as forsa:
            erased(forsa)
            with erasing_of(read_settings(environment_of(server))) as erasing:
                assert erasing.run().done == 1
            ask(server.url("log"), "checkpoint")
            data = tmp_path / "server" / "data"
            assert any(name.startswith("base/") for name in found_in_files(data, CANARY)), "deleted rows stay in files"
            keys = ask(server.url("keys"), "select pg_relation_filenode('keys')")
            _rewritten(forsa.settings)
            assert ask(server.url("keys"), "select pg_relation_filenode('keys')") != keys
        ask(server.url("log"), "alter system set wal_recycle = off")
        ask(server.url("log"), "select pg_reload_conf()")
        for _ in range(2):
            ask(server.url("log"), "select pg_switch_wal()")
            ask(server.url("log"), "checkpoint")
        assert found_in_files(data, CANARY) == {}
        assert ask(server.url("log"), f"select count(*) from views.{learner_directory.VIEW.id}") == 0
    finally:
        server.stop()

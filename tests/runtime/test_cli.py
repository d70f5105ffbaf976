"""Every command of `forsa` on real databases: what it prints, what it stores, how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.errors import Refused
from domain.event import By
from domain.group import GroupIsFull
from domain.kind import ReasonGiven
from domain.organisation import RevokeAccess
from projections import learner_record
from projections.feed_writer import FeedWriter
from projections.projector import Projector
from runtime import appointing, doctor
from runtime.cli import COMMANDS, main
from runtime.demo.setting import CENTRE
from runtime.demo.telling import id_of
from runtime.settings import read_settings
from runtime.tokens import development_issuer
from runtime.wiring import Forsa, compose, open_means
from tests.projections import release_1
from tests.projections.log_of import picky
from tests.runtime.forsa_run import ROOT
from tests.runtime.issuer import serving
from tests.runtime.seeding import seed
from tests.runtime.token_examples import KEY

LEARNER = id_of("learner", 1)
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def forsa(environment: dict[str, str]) -> Iterator[Forsa]:
    forsa = compose(read_settings(environment))
    yield forsa
    forsa.close()


@pytest.fixture
def seeded(forsa: Forsa, log_dsn: str, keys_dsn: str) -> Forsa:
    """With the invented centre in it."""
    seed(forsa, log_dsn, keys_dsn)
    return forsa


def catch_up(forsa: Forsa) -> None:
    mapper, keyring = open_means(forsa.settings)
    projector = Projector(forsa.settings.projector_database_url, mapper, keyring)
    projector.catch_up()
    projector.close()
    keyring.close()


def write_feeds(forsa: Forsa) -> None:
    mapper, keyring = open_means(forsa.settings)
    with closing(keyring), closing(FeedWriter(forsa.settings.projector_database_url, mapper)) as writer:
        writer.catch_up()


# ── calling ──


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from runtime.cli import main; assert main(['--help']) == 0;"
        "assert not {'psycopg', 'flask', 'rich', 'eventsourcing'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: Printed) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: forsa {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["token"], ["health", "nobody"], []])
def test_a_wrong_call_ends_with_2(arguments: list[str], environment: dict[str, str], capsys: Printed) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_wrong_settings_are_all_named_at_once(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.delenv("FORSA_MASTER_KEY")
    monkeypatch.setenv("FORSA_PORT", "high")
    monkeypatch.setenv("FORSA_DATABSE_URL", "x")
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    assert "FORSA_MASTER_KEY is not set" in said
    assert "FORSA_PORT must be" in said
    assert "the nearest is FORSA_DATABASE_URL" in said


def test_a_database_that_is_away_ends_with_3_and_no_traceback(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("FORSA_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/forsa")
    assert main(["token", "--all"]) == 3
    assert main(["demo"]) == 3
    said = capsys.readouterr().err
    assert "forsa doctor" in said
    assert "Traceback" not in said
    assert "secret" not in said


def test_a_fault_of_ours_names_its_class_only(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("Amina El Bakkali")

    monkeypatch.setattr("runtime.settings.describe", fail)
    assert main(["config"]) == 70
    said = capsys.readouterr().err
    assert "builtins.ZeroDivisionError" in said
    assert "Amina" not in said


def test_a_refusal_ends_with_its_sentence_and_the_way_out(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def refuse(*_: object) -> None:
        raise Refused(GroupIsFull(capacity=12))

    monkeypatch.setattr("runtime.settings.describe", refuse)
    assert main(["config"]) == 1
    assert capsys.readouterr().err.startswith("The group is full (")


def test_config_shows_every_setting_without_a_secret(environment: dict[str, str], capsys: Printed) -> None:
    assert main(["config", "--json"]) == 0
    shown = {row["variable"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    assert shown["FORSA_MASTER_KEY"] == "set"
    assert "forsa_web at" in shown["FORSA_DATABASE_URL"]
    assert ":test@" not in str(shown)


# ── databases ──


def test_migrating_again_changes_nothing(environment: dict[str, str], capsys: Printed) -> None:
    assert main(["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"applied": [], "missing": []}
    assert main(["migrate"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_a_rebuild_says_what_became_of_each_view(seeded: Forsa, capsys: Printed) -> None:
    catch_up(seeded)
    assert main(["rebuild", "--json", "--processes", "1", "learner_record"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert [(each["view"], each["rows"], each["parity"], each["switched"]) for each in done] == [
        ("learner_record", 40, "equal", True)
    ]


def test_a_rebuild_without_a_terminal_says_in_text_how_far_it_came(
    seeded: Forsa, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):  # with them anything passes for a terminal
        monkeypatch.delenv(name, raising=False)
    catch_up(seeded)
    assert main(["rebuild", "--processes", "1", "learner_record"]) == 0
    printed, last = capsys.readouterr(), seeded.event_log.max_position()
    assert re.fullmatch(rf"switching ━+ {last}/{last} [0-9:]+ left [0-9:]+\n", printed.err)
    assert f"40 rows at position {last}, equal, switched in" in printed.out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_rebuild_says_in_words_that_the_live_table_was_wrong_and_is_replaced(
    seeded: Forsa, log_dsn: str, capsys: Printed, more: list[str]
) -> None:
    catch_up(seeded)
    with psycopg.connect(log_dsn) as connection:
        connection.execute(f"delete from views.{learner_record.VIEW.id} where stream = %s".encode(), (LEARNER,))
    assert main(["rebuild", "--processes", "1", "learner_record", "group_register", *more]) == 0
    printed = capsys.readouterr()
    assert "The live table of learner_record was wrong" in printed.err
    assert "has been replaced" in printed.err
    assert "group_register was wrong" not in printed.err
    assert ("differs" in printed.out, "40" in printed.out) == (True, True)
    assert main(["rebuild", "--json", "--processes", "1", "learner_record"]) == 0
    assert capsys.readouterr().err == ""


def test_a_rebuild_of_a_view_that_is_none_names_those_that_are(environment: dict[str, str], capsys: Printed) -> None:
    assert main(["rebuild", "caseload"]) == 2
    assert "learner_record" in capsys.readouterr().err


def test_a_projector_that_does_not_run_is_not_healthy(environment: dict[str, str], capsys: Printed) -> None:
    assert main(["health", "projector"]) == 3
    assert "nobody keeps these views" in capsys.readouterr().err


def test_what_an_ended_release_left_is_retired_and_what_another_tends_is_kept(
    environment: dict[str, str], projector_dsn: str, forsa: Forsa, capsys: Printed
) -> None:
    assert main(["views", "retire"]) == 0
    assert "no version of a view is left over" in capsys.readouterr().out
    mapper, keyring = open_means(forsa.settings)
    with closing(keyring), closing(Projector(projector_dsn, mapper, keyring, views=release_1.VIEWS)) as earlier:
        earlier.step()
        assert main(["views", "retire"]) == 1
        assert "another release uses it: learner_directory_v1, learner_record_v1" in capsys.readouterr().err
    assert main(["views", "retire", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"dropped": ["learner_directory_v1", "learner_record_v1"], "kept": []}


# ── tokens ──


def test_a_token_a_role_proves_the_login_of_a_worker_who_holds_it(seeded: Forsa, capsys: Printed) -> None:
    assert main(["token", "--all", "--json"]) == 0
    tokens = json.loads(capsys.readouterr().out)
    assert len(tokens) == 14
    verifier = development_issuer(seeded.settings).verifier()
    for role, token in tokens.items():
        login = verifier.verify(token)
        worker = seeded.worker_of(login.issuer, login.subject)
        assert worker is not None
        assert role in {grant.role for grant in seeded.grants_of(worker)}


def test_a_token_for_one_role_or_worker_is_printed_alone(seeded: Forsa, capsys: Printed) -> None:
    for whom in (["--role", "educator"], ["--worker", str(id_of("worker", "educator"))]):
        assert main(["token", *whom]) == 0
        login = development_issuer(seeded.settings).verifier().verify(capsys.readouterr().out.strip())
        assert login.subject == "demo-educator"


def test_tokens_as_variables_for_a_shell(seeded: Forsa, capsys: Printed) -> None:
    assert main(["token", "--all", "--env"]) == 0
    assert "export TOKEN_EN_AGENT=ey" in capsys.readouterr().out


def test_no_token_for_a_role_nobody_holds_or_a_worker_nobody_knows(forsa: Forsa, capsys: Printed) -> None:
    assert main(["token", "--role", "caseworker"]) == 1
    assert main(["token", "--worker", str(UUID(int=1))]) == 1
    assert "is no worker's id" in capsys.readouterr().err


@pytest.mark.parametrize("source", [("FILE", "keys.json"), ("URL", "https://login.example.ma/keys")])
def test_no_development_token_beside_a_real_issuer(
    seeded: Forsa, source: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.delenv("FORSA_TOKEN_KEY_FILE")
    monkeypatch.setenv("FORSA_TOKEN_ISSUER", "https://login.example.ma")
    monkeypatch.setenv(f"FORSA_TOKEN_JWKS_{source[0]}", source[1])
    for whom in (["--all"], ["--role", "educator"], ["--worker", str(id_of("worker", "educator"))]):
        assert main(["token", *whom]) == 2
        printed = capsys.readouterr()
        assert "real issuer" in printed.err
        assert printed.out == ""


def test_a_token_is_good_for_a_day_at_most(environment: dict[str, str], capsys: Printed) -> None:
    assert main(["token", "--all", "--hours", "25"]) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), ("hidden", "not a JSON Web Key Set"), ('{"keys": []}', "at least one")],
)
def test_nothing_is_served_without_the_issuers_keys(
    environment: dict[str, str],
    content: str | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Printed,
) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.delenv("FORSA_TOKEN_KEY_FILE")
    monkeypatch.setenv("FORSA_TOKEN_ISSUER", "https://login.example.ma")
    monkeypatch.setenv("FORSA_TOKEN_JWKS_FILE", str(file))
    assert main(["serve"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("FORSA_TOKEN_JWKS_FILE: ")
    assert told in printed
    assert "hidden" not in printed


# ── a roster ──

ROSTER = """الاسم الشخصي;Prénom;Nom;Sexe;تاريخ الازدياد;Code Massar;الهاتف
كريمة;Karima;Alaoui;F;03/05/2010;J990000001;0612345678
;Saad;Amrani;ذكر;2011-02-30;;
;Omar;Benali;garçon;2009;;
"""


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8")
    return path


def report_of(roster: Path, capsys: Printed, *more: str, code: int) -> dict[str, object]:
    assert main(["import", str(roster), "--centre", str(CENTRE), "--json", *more]) == code
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return {name: report[name] for name in ("mode", "rows", "added", "known", "refused")}


def test_validating_a_roster_stores_nothing(seeded: Forsa, roster: Path, capsys: Printed) -> None:
    before = seeded.event_log.max_position()
    said = report_of(roster, capsys, code=1)
    assert said == {"mode": "validate", "rows": 3, "added": 2, "known": 0, "refused": 1}
    assert seeded.event_log.max_position() == before


def test_committing_stores_the_good_rows_and_a_repaired_file_adds_only_what_is_new(
    seeded: Forsa, roster: Path, capsys: Printed
) -> None:
    commit = ("--mode", "commit")
    assert report_of(roster, capsys, *commit, code=1)["added"] == 2
    position = seeded.event_log.max_position()
    assert report_of(roster, capsys, *commit, code=1) == {
        "mode": "commit", "rows": 3, "added": 0, "known": 2, "refused": 1
    }  # fmt: skip
    assert seeded.event_log.max_position() == position
    roster.write_text(ROSTER.replace("2011-02-30", "2011-02-28"), encoding="utf-8")
    assert report_of(roster, capsys, *commit, code=0)["added"] == 1
    by_another = ("--worker", str(id_of("worker", "coordinator")))
    assert report_of(roster, capsys, *commit, *by_another, code=0)["known"] == 3
    assert seeded.event_log.max_position() == position + 1


def test_an_import_sent_again_does_not_undo_a_correction(seeded: Forsa, roster: Path, capsys: Printed) -> None:
    report_of(roster, capsys, "--mode", "commit", code=1)
    claim = seeded.event_log.digest("massar", "J990000001")
    learner = seeded.event_log.find_claim(claim)
    assert learner is not None
    assert seeded.casebook.load("learner", learner).state.version == 2
    report_of(roster, capsys, "--mode", "commit", "--worker", str(id_of("worker", "coordinator")), code=1)
    assert seeded.casebook.load("learner", learner).state.version == 2


def test_a_row_the_log_refuses_is_named_with_its_way_out(seeded: Forsa, tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("given name,sex,massar\nAli,m,J130000001\n", encoding="utf-8")
    for mode in ("validate", "commit"):
        assert main(["import", str(path), "--centre", str(CENTRE), "--mode", mode]) == 1
        said = capsys.readouterr().out
        assert "row 2: massar-in-use (refused): " in said
        assert "1 rows: 0 added, 0 known, 1 refused" in said


def test_an_import_needs_a_centre_and_someone_who_may(seeded: Forsa, roster: Path, capsys: Printed) -> None:
    assert main(["import", str(roster), "--centre", str(UUID(int=1))]) == 1
    assert main(["import", str(roster), "--centre", str(CENTRE), "--source", "nobody"]) == 1
    assert main(["import", str(roster), "--centre", str(CENTRE), "--worker", str(id_of("worker", "auditor"))]) == 1
    said = capsys.readouterr().err
    assert "is no centre's id" in said
    assert "is no referral source" in said
    assert "does not hold the role caseworker or coordinator" in said


# ── parked streams ──


@pytest.fixture
def fussy(seeded: Forsa) -> Iterator[tuple[Projector, Event]]:
    """A projector whose view of records cannot take in LEARNER before the event is set."""
    mapper, keyring = open_means(seeded.settings)
    view, healed = picky(learner_record.VIEW, LEARNER)
    projector = Projector(seeded.settings.projector_database_url, mapper, keyring, views=[view])
    projector.catch_up()
    yield projector, healed
    projector.close()
    keyring.close()


def test_parked_streams_are_listed_until_a_retry_heals_them(fussy: tuple[Projector, Event], capsys: Printed) -> None:
    projector, healed = fussy
    assert main(["parked"]) == 1
    line = capsys.readouterr().out
    assert line.startswith(f"learner_record v{learner_record.VIEW.version}  {LEARNER}  position ")
    assert "ZeroDivisionError" in line
    assert main(["parked", "--retry"]) == 0
    projector.step()
    assert main(["parked"]) == 1, "what fails again stays"
    healed.set()
    capsys.readouterr()
    assert main(["parked", "--json", "--retry", "--stream", str(LEARNER)]) == 0
    assert json.loads(capsys.readouterr().out) == {"asked": 1}
    projector.step()
    assert main(["parked"]) == 0
    assert capsys.readouterr().out == "none is parked\n"


def test_parked_streams_are_asked_for_by_view_and_stream(fussy: tuple[Projector, Event], capsys: Printed) -> None:
    projector, healed = fussy
    healed.set()
    for other in (["--view", "entries"], ["--stream", str(CENTRE)]):
        assert main(["parked", "--json", *other]) == 0
        assert json.loads(capsys.readouterr().out) == []
        assert main(["parked", "--json", "--retry", *other]) == 0
        assert json.loads(capsys.readouterr().out) == {"asked": 0}
    projector.step()
    assert main(["parked", "--json", "--view", "learner_record", "--stream", str(LEARNER)]) == 1
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["view"], shown["stream"], shown["exception"]) == ("learner_record", str(LEARNER), "ZeroDivisionError")
    assert shown.keys() == {"view", "version", "stream", "position", "exception", "since"}
    assert main(["parked", "--view", "caseload"]) == 2
    assert "learner_record" in capsys.readouterr().err


# ── doctor ──


def wrong(capsys: Printed, code: int = 1) -> dict[str, str]:
    """What doctor finds wrong: name → fix. Nobody projects in these tests, so the projector is left out."""
    assert main(["doctor", "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    return {each["name"]: each["fix"] for each in found if not each["is_well"] and each["name"] != "projector"}


@pytest.fixture
def durable(log_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server started with --fast, which has them off, seems to have fsync and full_page_writes on."""
    faked = {f"show {name}": "on" for name in ("fsync", "full_page_writes")}
    with psycopg.connect(log_dsn) as connection:
        if connection.execute("show fsync").fetchone() == ("off",):
            asked = doctor._one
            monkeypatch.setattr(doctor, "_one", lambda session, query: faked.get(query) or asked(session, query))


@pytest.fixture
def projecting(seeded: Forsa) -> Iterator[Projector]:
    """A projector that tends every view, current."""
    mapper, keyring = open_means(seeded.settings)
    projector = Projector(seeded.settings.projector_database_url, mapper, keyring)
    projector.catch_up()
    yield projector
    projector.close()
    keyring.close()


def test_doctor_ends_with_0_where_all_is_well_and_with_1_when_the_projector_ends(
    durable: None, seeded: Forsa, projecting: Projector, capsys: Printed
) -> None:
    write_feeds(seeded)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"settings", "fsync", "projector", "view lag", "parked rows"} <= {each["name"] for each in found}
    assert all(each["is_well"] and not each["fix"] for each in found)
    assert main(["doctor"]) == 0
    assert "wrong" not in capsys.readouterr().out
    projecting.close()
    assert main(["doctor"]) == 1
    (named,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert named.startswith("wrong projector: nobody tends learner_record")


def test_doctor_finds_nothing_else_where_nobody_projects(durable: None, seeded: Forsa, capsys: Printed) -> None:
    catch_up(seeded)
    write_feeds(seeded)
    assert wrong(capsys) == {}


LATE_FEED = """
update forsa_events set topic = 'learner.diploma-awarded' where notification_id = 1;
update records.feeds set position = 0
"""
REFUSED_TOPIC = """
insert into records.feed_published (feed, epoch, sequence, refused)
  values ('entraide-nationale', 1, 0, 'topic-ahead: next, forsa feeds new-epoch')
"""
LATE_TOPIC = """
insert into records.feed_published (feed, epoch, sequence) values ('entraide-nationale', 1, 0);
insert into records.feed_rows (feed, epoch, sequence, position, event, written_at)
  values ('entraide-nationale', 1, 1, 1, '', now() - interval '1 hour');
update records.feeds set sequence = 1
"""


@pytest.mark.parametrize(
    ("statement", "name", "fix"),
    [
        ("delete from forsa_migrations where number > 1", "migrations of the log", "forsa migrate"),
        ("update forsa_migrations set sha256 = 'x' where number = 1", "migrations of the log", "restore"),
        ("grant insert on forsa_events to forsa_web", "log's protection", "forsa_web"),
        ("update views.view_state set position = 0", "view lag", "forsa rebuild"),
        (
            "insert into views.view_state (view, version) values ('learner_record', 1)",
            "views of other releases",
            "forsa views retire",
        ),
        (
            "insert into records.parked values ('entries', 1, gen_random_uuid(), 7, 'KeyError')",
            "parked rows",
            "forsa parked --retry",
        ),
        ("grant insert on records.feed_rows to forsa_web", "feeds' protection", "forsa_web"),
        ("revoke insert on records.feed_rows from forsa_projector", "partner feeds", "forsa_projector"),
        (
            "update records.feeds set stopped_at = 1, stopped_by = 'KeyError'",
            "feed entraide-nationale",
            "deploy the fix",
        ),
        (LATE_FEED, "feed entraide-nationale", "start the projector"),
        (REFUSED_TOPIC, "topic forsa.diploma.events.v1", "forsa feeds new-epoch"),
        (LATE_TOPIC, "topic forsa.diploma.events.v1", "forsa publish"),
    ],
)
def test_doctor_names_what_is_wrong_and_the_fix(
    statement: str, name: str, fix: str, seeded: Forsa, log_dsn: str, capsys: Printed
) -> None:
    catch_up(seeded)
    with psycopg.connect(log_dsn) as connection:
        connection.execute("update forsa_events set recorded_at = recorded_at - interval '1 hour'")
        kept = connection.execute("select number, name, sha256, applied_at from forsa_migrations").fetchall()
        connection.execute(statement.encode())
    try:
        assert fix in wrong(capsys)[name]
    finally:
        with psycopg.connect(log_dsn) as connection:
            connection.execute("revoke insert on forsa_events, records.feed_rows from forsa_web")
            connection.execute("grant insert on records.feed_rows to forsa_projector; truncate forsa_migrations")
            connection.cursor().executemany("insert into forsa_migrations values (%s, %s, %s, %s)", kept)


def test_doctor_says_whether_the_issuers_keys_can_be_had(
    durable: None, seeded: Forsa, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.delenv("FORSA_TOKEN_KEY_FILE")
    monkeypatch.setenv("FORSA_TOKEN_ISSUER", "https://login.example.ma")
    with serving() as issuer:
        monkeypatch.setenv("FORSA_TOKEN_JWKS_URL", issuer.url)
        issuer.says(KEY)
        assert "issuer's keys" not in wrong(capsys)
        issuer.says()
        assert "FORSA_TOKEN_JWKS_URL" in wrong(capsys)["issuer's keys"]
    assert "FORSA_TOKEN_JWKS_URL" in wrong(capsys)["issuer's keys"]


def test_doctor_finds_a_setting_that_loses_events(seeded: Forsa, log_dsn: str, capsys: Printed) -> None:
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        database = connection.info.dbname
        connection.execute(f'alter database "{database}" set synchronous_commit = off'.encode())
        try:
            assert "loses events" in wrong(capsys)["synchronous_commit"]
            assert main(["serve"]) == 3
            assert "synchronous_commit=off loses" in capsys.readouterr().err
        finally:
            connection.execute(f'alter database "{database}" set synchronous_commit = on'.encode())


def test_doctor_finds_another_master_key(seeded: Forsa, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    monkeypatch.setenv("FORSA_MASTER_KEY", "11" * 32)
    assert "FORSA_MASTER_KEY" in wrong(capsys)["master key"]


def test_nothing_is_written_with_another_master_key(
    seeded: Forsa, roster: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """What it seals could not be read once the right one is back."""
    before = seeded.event_log.max_position()
    monkeypatch.setenv("FORSA_MASTER_KEY", "11" * 32)
    for command in (["serve"], ["project"], ["import", str(roster), "--centre", str(CENTRE), "--mode", "commit"]):
        assert main(command) == 2
        assert "set the FORSA_MASTER_KEY they were made with" in capsys.readouterr().err
    assert seeded.event_log.max_position() == before


def test_doctor_finds_a_database_that_is_away_and_settings_that_are_missing(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("FORSA_KEYS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/keys")
    assert "keys database" in wrong(capsys)
    monkeypatch.delenv("FORSA_KEYS_DATABASE_URL")
    assert "settings" in wrong(capsys)


# ── the first operator ──


APPOINT = ("appoint", "--name", "Amal", "--organisation", "Ministère", "--json", "--subject")


def test_the_first_operator_is_appointed_once(forsa: Forsa, capsys: Printed) -> None:
    assert main([*APPOINT, "amal@example.ma"]) == 0
    said = capsys.readouterr().out
    worker = UUID(json.loads(said)["worker"])
    assert forsa.worker_of(forsa.settings.token_issuer, "amal@example.ma") == worker
    assert [grant.role for grant in forsa.grants_of(worker)] == ["operator"]
    position = forsa.event_log.max_position()
    assert main([*APPOINT, "amal@example.ma"]) == 0  # the answer was lost, perhaps
    assert capsys.readouterr().out == said
    assert main([*APPOINT, "badr@example.ma"]) == 1
    assert "holds access already" in capsys.readouterr().err
    assert forsa.event_log.max_position() == position


def test_an_appointment_cut_short_after_any_act_is_completed_by_saying_it_again(
    forsa: Forsa, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_act = appointing._acts
    for acts in (1, 2, 3, 4):
        with monkeypatch.context() as cut:
            cut.setattr(appointing, "_acts", lambda *args, acts=acts: islice(every_act(*args), acts))
            assert main([*APPOINT, "amal@example.ma"]) == 1  # nobody holds access yet
        assert forsa.event_log.max_position() == acts
    capsys.readouterr()
    assert main([*APPOINT, "amal@example.ma"]) == 0
    worker = UUID(json.loads(capsys.readouterr().out)["worker"])
    assert [grant.role for grant in forsa.grants_of(worker)] == ["operator"]
    assert forsa.event_log.max_position() == 5


def test_an_appointment_whose_access_has_ended_is_not_said_to_stand(forsa: Forsa, capsys: Printed) -> None:
    assert main([*APPOINT, "amal@example.ma"]) == 0
    ids = {name: UUID(each) for name, each in json.loads(capsys.readouterr().out).items()}
    by = By(actor=uuid4(), role="operator", org=ids["organisation"], src="console")
    revoke = RevokeAccess(organisation=ids["organisation"], grant=ids["grant"], why=ReasonGiven("other"))
    forsa.casebook.execute(revoke, by)
    assert main([*APPOINT, "amal@example.ma"]) == 1
    assert "has ended" in capsys.readouterr().err


def test_the_library_option_that_loses_events_is_refused(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    assert main(["serve"]) == 3
    assert "POSTGRES_ENABLE_DB_FUNCTIONS" in capsys.readouterr().err

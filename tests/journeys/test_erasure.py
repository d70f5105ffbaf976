"""A learner who can be forgotten: asked over HTTP, decided by another, carried out by nobody's hand, found nowhere."""

from __future__ import annotations

import itertools
import logging
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from werkzeug.test import TestResponse

from bench.prove.canary import found_in, found_in_tables
from domain.learner.identification import IdentityRecorded
from domain.learner.privacy import PersonalDataErased
from domain.learner.state import Learner
from domain.sealed import Erased
from projections import ALL_VIEWS, learner_directory
from projections.projector import Projector
from projections.rebuild import digest, rebuild
from projections.tables import table
from projections.view import View
from runtime.erasing import AnotherIsErasing, Erasing, pending
from runtime.keyring import HELD_SECONDS, Keyring, PersonErased
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import IDENTIFICATION, NOW, Api, composed, enrolled, ident, identified, worker
from tests.projections.log_of import open_means

OFFICER = "data_protection_officer"
PHONE, STREET, MASSAR = "+212699417733", "زنقة كنارزبرجد", "ZQX7719044"
ARABIC, LATIN = ("زبرجدانة", "الكنارقطيفي"), ("Zebergdanaqx", "Elkanarqatifi")
PLACE, SCHOOL, ACT, WORDS = "Qanarbirthville", "Collège Qxkanarschool", "QXKANAR-5519", "ثقة كنارسببية"
EMPLOYER, PAPER, DOCKET = "Atelier Qxkanarwork", "DOCQXKANAR81", "DOCKET-QXKANAR-204"
CANARY = (PHONE, STREET, MASSAR, *ARABIC, *LATIN, PLACE, "Qxkanarschool", ACT, WORDS, "Qxkanarwork", PAPER, DOCKET)
EVERYTHING = ["identity", "contacts", "sensitive"]


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Iterator[Api]:
    """The API over an empty store but for the world."""
    forsa = composed(web_dsn, keys_role_dsn, tmp_path / "token-key.json")
    yield Api(forsa, DevelopmentIssuer(tmp_path / "token-key.json", "forsa"))
    forsa.close()


@pytest.fixture
def projector(projector_dsn: str, keys_role_dsn: str, api: Api) -> Iterator[Projector]:
    """A projector that has taken in the world."""
    means = open_means(keys_role_dsn)
    projector = Projector(projector_dsn, means.mapper, means.keyring)
    projector.catch_up()
    yield projector
    projector.close()
    means.keyring.close()


@pytest.fixture
def erasing(projector_dsn: str, keys_role_dsn: str, api: Api, keyring: Keyring) -> Erasing:
    """Carries erasures out, at once: no process of these tests holds a key but the API's, which forgets below."""
    return Erasing(projector_dsn, keys_role_dsn, api.forsa.event_log, keyring, now=lambda: NOW, settle_seconds=0.0)


def a_whole_path(api: Api) -> str:
    """A learner who says a word of the canary wherever personal data may be said; returns their id."""
    names = [{"given": given, "family": family} for given, family in (ARABIC, LATIN)]
    identity = {"names": names, "sex": "f", "birth_date": "2010-05-03"}
    numbers = {"identifiers": [{"type": "massar", "value": MASSAR}]}
    learner = identified(api, **identity, **numbers, source_organisation=SCHOOL)
    match = {"If_Match": f'"{api.version(UUID(learner))}"'}
    more = {"birth_place": PLACE, "phone": PHONE, "address": STREET}
    at = f"/v1/learners/{learner}"
    api.done(f"{at}/identities", {**identity, **numbers, **more}, **match)
    api.done(f"{at}/identity-verifications", {"document_type": "birth_certificate", "document_number": PAPER})
    said = {"reason": "disability", "authority": "provincial_directorate", "act_reference": ACT}
    api.done(f"{at}/derogations", said, "provincial_directorate")
    held = {"families": ["contacts"], "authority": str(ident("ministry")), "reference": DOCKET}
    hold = api.done(f"{at}/holds", held, OFFICER)["ids"]["hold"]
    api.done(f"{at}/hold-liftings", {"hold": hold}, OFFICER)
    enrolment = enrolled(api, learner)
    said = {"enrolment": enrolment, "exit": "completed", "ended_on": "2026-11-20"}
    api.done(f"{at}/enrolment-ends", {**said, "why": {"code": "other", "text": WORDS}})
    said = {"enrolment": enrolment, "kind": "employment", "organisation": EMPLOYER, "province": "TNG"}
    api.done(f"{at}/outcomes", {**said, "starts_on": "2026-11-21"})
    return learner


def decided(api: Api, learner: str, families: list[str] = EVERYTHING, **more: Any) -> str:
    """The erasure's id, once it was asked for by one and decided by another."""
    at = f"/v1/learners/{learner}"
    asked = api.done(f"{at}/erasure-requests", {"families": families, "asked_by": "guardian"})
    erasure = str(asked["ids"]["erasure"])
    said = {"erasure": erasure, "families": families, "legal_basis": "consent_withdrawn", **more}
    api.done(f"{at}/erasure-decisions", said, OFFICER)
    return erasure


def stated(api: Api, learner: str, *families: str) -> TestResponse:
    """The answer to a new ground for these families: a guardian's consent."""
    said = {"families": families, "ground": "consent", "given_by": "guardian"}
    return api.post(f"/v1/learners/{learner}/new-grounds", said, "coordinator")


def state(api: Api, learner: str) -> Learner:
    """The learner as the log has them."""
    found: Learner = api.forsa.casebook.load("learner", UUID(learner)).state
    return found


def answers(api: Api, learner: str, before: str) -> Iterator[tuple[str, TestResponse]]:
    """(address, answer) of every GET that can be asked of this learner, now and as of before, and of the searches."""
    for rule in api.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.rule.startswith("/v1/"):
            continue
        if {"name", "code"} & rule.arguments:
            continue
        versions = range(1, 1 + (api.version(UUID(learner)) if "version" in rule.arguments else 1))
        for version, role in itertools.product(versions, (OFFICER, "coordinator", "auditor")):
            address = re.sub(r"<int:version>", str(version), rule.rule)
            address = re.sub(r"<[^>]+>", learner, address)
            yield address, api.get(address, role)
            yield f"{address} then", api.get(f"{address}?as_of={before}", role)
    for word in CANARY:
        found = api.post("/v1/learner-searches", {"text": word})
        assert found.status_code == 200
        yield f"search {word}", found


def naming(asked: Iterable[tuple[str, TestResponse]]) -> set[str]:
    """The addresses that answered with a word of the canary, and 200 all of them."""
    found = {address: answer for address, answer in asked if found_in(answer.get_data(), CANARY)}
    assert {answer.status_code for answer in found.values()} <= {200}
    return set(found)


def test_a_learner_who_was_erased_is_found_nowhere(
    api: Api,
    projector: Projector,
    erasing: Erasing,
    log_dsn: str,
    keys_dsn: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every table of both databases, every answer, every line of our log, and a cursor that was given out before."""
    caplog.set_level(logging.DEBUG)
    learner, other = a_whole_path(api), a_whole_path_of_another(api)
    projector.catch_up()
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        connection.execute("analyze")  # the server's samples of values are no place for a name
    assert set(found_in_tables(log_dsn, CANARY)) == {f"views.{learner_directory.VIEW.id}"}, "the search must find"
    assert found_in(api.get(f"/v1/learners/{learner}", "coordinator").get_data(), CANARY)
    cursor = api.post("/v1/learner-searches?limit=1", {"text": "ليلى"}).headers.get("Link", "")
    at, then = f"/v1/learners/{learner}", moment(log_dsn)
    named = naming(answers(api, learner, then))
    searched = {f"search {word}" for word in (*ARABIC, *LATIN, MASSAR)}
    assert named >= {at, f"{at} then", f"{at}/subject-file", *searched}, "asked before, these must name them"
    decided(api, learner)
    projector.catch_up()
    assert erasing.run().done == 1
    api.forsa.keyring.forget()

    assert found_in_tables(log_dsn, CANARY) == {}
    assert found_in_tables(keys_dsn, CANARY) == {}
    assert naming(answers(api, learner, then)) == set()
    past = api.get(f"{at}?as_of={then}", "coordinator")
    assert (past.status_code, past.get_json()["identity"], past.get_json()["erased"]) == (200, None, True)
    assert found_in(caplog.text.encode(), CANARY) == set()
    assert found_in(cursor_bytes(cursor), CANARY) == set()
    assert state(api, other).identification.identity is not None
    assert api.get(f"/v1/learners/{other}").get_json()["identity"] is not None


def moment(log_dsn: str) -> str:
    """When the last event was recorded, as `as_of` takes it."""
    query = "select to_char(max(recorded_at) at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from forsa_events"
    with psycopg.connect(log_dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def a_whole_path_of_another(api: Api) -> str:
    """Somebody else, who stays."""
    return identified(api, names=[{"given": "ليلى", "family": "المرابط"}])


def cursor_bytes(link: str) -> bytes:
    """What a client could make of the cursor of a Link header without our key."""
    found = re.search(r"cursor=([\w-]+)", link)
    text = found[1] if found else ""
    return text.encode() + urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_what_stands_in_the_clear_stays_and_the_views_are_what_a_rebuild_makes(
    api: Api, projector: Projector, erasing: Erasing, projector_dsn: str, keys_role_dsn: str, log_dsn: str
) -> None:
    learner = a_whole_path(api)
    projector.catch_up()
    before = clear_columns(log_dsn)
    decided(api, learner)
    projector.catch_up()
    erasing.run()
    projector.catch_up()
    assert clear_columns(log_dsn) == before
    live = {view.id: rows_digest(log_dsn, view) for view in ALL_VIEWS}
    done = rebuild(projector_dsn, partial(open_means, keys_role_dsn), processes=1)
    assert {each.parity for each in done} == {"equal"}
    assert {view.id: rows_digest(log_dsn, view) for view in ALL_VIEWS} == live


def clear_columns(dsn: str) -> list[tuple[Any, ...]]:
    """What lists and figures are made of: the record's clear columns but for its version, and counts of every kind."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "select stream, status, file_number, season, province, enrolled_season, centre, convention, flags"
            " from views.learner_record_v3 order by stream"
        ).fetchall()
        rows += connection.execute(
            "select tag, count(*) from views.entries_v1 where tag !~ 'eras' group by tag order by tag"
        ).fetchall()
    return rows


def rows_digest(dsn: str, view: View) -> tuple[int, int]:
    """Count and hash of a view's rows."""
    with psycopg.connect(dsn) as connection:
        return digest(connection, table(view))


def test_it_waits_for_a_view_that_has_not_passed_the_decision(
    api: Api, projector: Projector, erasing: Erasing, keys_dsn: str
) -> None:
    """Else a page under way could write the name again after it was looked for."""
    learner = identified(api)
    projector.catch_up()
    decided(api, learner)
    assert (erasing.run().done, erasing.run().waiting) == (0, 1)
    with psycopg.connect(keys_dsn) as connection:
        destroyed = connection.execute("select count(*) from keys where wrapped is null").fetchone()
    assert destroyed == (0,), "no key dies before"
    assert "identity" in state(api, learner).privacy.closed
    projector.catch_up()
    assert erasing.run().done == 1
    assert state(api, learner).privacy.pending == {}


def test_from_the_decision_on_nothing_of_it_is_recorded_or_read(api: Api, projector: Projector) -> None:
    """Before any key dies."""
    learner = a_whole_path(api)
    decided(api, learner)
    projector.catch_up()
    with api.nothing_recorded():
        match = {"If_Match": f'"{api.version(UUID(learner))}"'}
        said = {"names": [{"given": "ندى"}], "sex": "f"}
        refused = api.post(f"/v1/learners/{learner}/identities", said, **match)
        assert (refused.status_code, refused.get_json()["code"]) == (409, "keys-destroyed")
        said = {"document_type": "birth_certificate"}
        refused = api.post(f"/v1/learners/{learner}/identity-verifications", said)
        assert refused.get_json()["code"] == "identity-erased"
    shown = api.get(f"/v1/learners/{learner}").get_json()
    assert (shown["identity"], shown["contacts"]) == (None, None)
    found = api.post("/v1/learner-searches", {"text": LATIN[0]}).get_json()["items"]
    assert found == []


def test_their_massar_code_is_free_at_once_and_their_file_number_never(api: Api) -> None:
    learner = a_whole_path(api)
    number = {"identifiers": [{"type": "massar", "value": MASSAR}]}
    taken = api.post("/v1/learners", {**IDENTIFICATION, **number})
    assert taken.get_json()["code"] == "massar-in-use"
    decided(api, learner)
    identified(api, **number)
    claim = api.forsa.event_log.digest("file-number", state(api, learner).identification.file_number)
    assert api.forsa.event_log.find_claim(claim) == UUID(learner)


def test_who_returns_has_a_new_key_and_what_was_erased_stays_so(
    api: Api, projector: Projector, erasing: Erasing, keys_dsn: str
) -> None:
    learner = a_whole_path(api)
    at = f"/v1/learners/{learner}"
    decided(api, learner)
    early = stated(api, learner, "identity")
    assert early.get_json()["code"] == "nothing-to-reopen"
    projector.catch_up()
    erasing.run()
    api.forsa.keyring.forget()
    assert stated(api, learner, "identity", "contacts").status_code == 201
    match = {"If_Match": f'"{api.version(UUID(learner))}"'}
    said = {"names": [{"given": "نورهان"}], "sex": "f", "phone": "+212600000009"}
    api.done(f"{at}/identities", said, **match)
    projector.catch_up()
    shown = api.get(at, at_least=str(api.position())).get_json()
    assert shown["identity"]["names"][0]["given"] == "نورهان"
    assert shown["contacts"]["phone"] == "+212600000009"
    event = api.forsa.event_log.load([UUID(learner)])[UUID(learner)].events[-1]
    assert isinstance(event, IdentityRecorded)
    assert event.identity.f == "identity.2"
    assert [each["learner"] for each in api.post("/v1/learner-searches", {"text": "نورهان"}).get_json()["items"]] == [
        learner
    ]
    assert found_in_tables(keys_dsn, CANARY) == {}
    assert api.post("/v1/learner-searches", {"text": LATIN[0]}).get_json()["items"] == []
    # a second erasure takes the second key, and a third ground opens the third
    decided(api, learner, ["identity"])
    projector.catch_up()
    assert erasing.run().done == 1
    api.forsa.keyring.forget()
    assert stated(api, learner, "identity").status_code == 201
    match = {"If_Match": f'"{api.version(UUID(learner))}"'}
    api.done(f"{at}/identities", {"names": [{"given": "هاجر"}], "sex": "f"}, **match)
    event = api.forsa.event_log.load([UUID(learner)])[UUID(learner)].events[-1]
    assert isinstance(event, IdentityRecorded)
    assert event.identity.f == "identity.3"


def test_the_whole_person_never_returns(api: Api, projector: Projector, erasing: Erasing, keyring: Keyring) -> None:
    learner = identified(api)
    decided(api, learner, [*EVERYTHING, "register"], whole=True)
    projector.catch_up()
    assert erasing.run().done == 1
    assert stated(api, learner, "identity").get_json()["code"] == "erased-for-good"
    with pytest.raises(PersonErased):
        keyring.new_generation(UUID(learner), "identity")


class Cut(Exception):
    """The run ends here."""


def test_a_run_that_is_cut_anywhere_is_carried_on_by_the_next(
    api: Api, projector: Projector, erasing: Erasing, log_dsn: str
) -> None:
    """Every step of every learner: three learners, three steps each. `make prove` kills real processes there."""
    learners = [identified(api) for _ in range(3)]
    for learner in learners:
        decided(api, learner)
    projector.catch_up()
    cuts: list[str] = []
    for nth in itertools.count():
        steps = itertools.count()

        def cut(step: str, _learner: UUID, last: int = nth, steps: Iterator[int] = steps) -> None:
            if next(steps) == last:
                cuts.append(step)
                raise Cut

        try:
            erasing.run(report=cut)
            break
        except Cut:
            continue
    assert set(cuts) == {"keys", "directory", "recorded"}
    for learner in learners:
        events = api.forsa.event_log.load([UUID(learner)])[UUID(learner)].events
        (done,) = [each for each in events if isinstance(each, PersonalDataErased)]
        assert all(item.left == 0 for item in done.checklist)
        assert {item.place: item.looked for item in done.checklist}["keys"] == len(EVERYTHING)
        assert (done.by.role, done.by.src) == ("system", "system")
        assert {item.place for item in done.checklist} == {"views", "keys", "directory", "claims"}
        assert done.by.cause is not None
    with psycopg.connect(log_dsn) as connection:
        assert pending(connection) == []


def test_two_processes_do_not_carry_out_at_once(api: Api, erasing: Erasing, projector: Projector, log_dsn: str) -> None:
    decided(api, identified(api))
    projector.catch_up()

    def another(_step: str, _learner: UUID) -> None:
        with pytest.raises(AnotherIsErasing):
            erasing.run()

    assert erasing.run(report=another).done == 1


def test_a_row_that_a_parked_stream_left_is_purged_too(
    api: Api, projector: Projector, erasing: Erasing, log_dsn: str
) -> None:
    """A parked stream's rows stand still, whatever its view has passed; another version's table is nobody's."""
    learner = a_whole_path(api)
    projector.catch_up()
    with psycopg.connect(log_dsn, autocommit=True) as connection:
        live = learner_directory.VIEW.id
        connection.execute(f"create table views.learner_directory_v1 as table views.{live}".encode())
        connection.execute("alter table views.learner_directory_v1 owner to forsa_projector")
        decided(api, learner)
        projector.catch_up()
        back = f"insert into views.{live} select * from views.learner_directory_v1 on conflict do nothing"
        connection.execute(back.encode())
        assert erasing.run().done == 1
        for name in (live, "learner_directory_v1"):
            row = connection.execute(f"select count(*) from views.{name} where stream = %s".encode(), (learner,))
            assert row.fetchone() == (0,)


def test_nobody_holds_a_destroyed_key_when_it_is_said_to_be_erased(
    api: Api, projector: Projector, projector_dsn: str, keys_role_dsn: str, keyring: Keyring
) -> None:
    """A web process may hold a key for five seconds: the run waits until that is over."""
    learner = identified(api)
    projector.catch_up()
    position = api.position()
    decided(api, learner)
    projector.catch_up()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        assert state(api, learner).privacy.pending
        waited.append(seconds)
        time.sleep(seconds)

    erasing = Erasing(projector_dsn, keys_role_dsn, api.forsa.event_log, keyring, now=lambda: NOW, wait=wait)
    assert erasing.run().done == 1
    assert waited
    assert HELD_SECONDS - 1 < sum(waited) < HELD_SECONDS + 1
    before = api.forsa.casebook.load("learner", UUID(learner), position).state
    assert isinstance(api.forsa.keyring.open(UUID(learner), before.identification.identity), Erased)


def test_a_subjects_file_says_what_is_held_who_looked_and_what_was_erased(
    api: Api, projector: Projector, erasing: Erasing
) -> None:
    learner = a_whole_path(api)
    at = f"/v1/learners/{learner}/subject-file"
    projector.catch_up()
    api.get(f"/v1/learners/{learner}", "coordinator")
    file = api.get(at, OFFICER).get_json()
    said = found_in(api.get(at, OFFICER).get_data(), CANARY)
    assert said == set(CANARY)
    assert {each["family"] for each in file["held"]} == {"identity", "contacts", "sensitive"}
    assert all(each["recorded_at"] for each in file["held"])
    assert [each["reader"] for each in file["looks"]] == [str(worker("coordinator"))]
    assert (file["passed_on"], file["erasures"], file["holds"]) == ([], [], [])
    assert file["profiles"][0]["profile"]["sex"] == "f"
    looks = api.get(at, OFFICER).get_json()["looks"]
    assert [each["what"] for each in looks[:2]] == ["learners.get-learner-subject-file"] * 2
    for role in ("caseworker", "auditor", "operator"):
        assert api.get(at, role).status_code == 403
    mine = api.get(at, "coordinator").get_json()["held"]
    withheld = [each for each in mine if each["withheld"]]
    assert [(each["family"], each["role"], each["value"]) for each in withheld] == [
        ("sensitive", "provincial_directorate", None)
    ]
    erasure = decided(api, learner, ["identity", "contacts"])
    projector.catch_up()
    erasing.run()
    api.forsa.keyring.forget()
    after = api.get(at, OFFICER).get_json()
    assert {each["family"] for each in after["held"] if not each["erased"]} == {"sensitive"}
    assert after["closed"] == ["identity", "contacts"]
    assert [each["erasure"] for each in after["erasures"]] == [erasure]
    assert after["erasures"][0]["erased"] == after["version"]

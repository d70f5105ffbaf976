"""A learner who can be forgotten: asked over HTTP, decided by another, carried out by nobody's hand, found nowhere."""

from __future__ import annotations

import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bench.prove.canary import found_in, found_in_tables
from domain.learner.state import Learner
from projections import learner_directory
from projections.projector import Projector
from runtime.erasing import Erasing
from runtime.keyring import Keyring
from runtime.tokens import DevelopmentIssuer
from tests.api.stack import NOW, Api, composed, enrolled, identified
from tests.projections.log_of import open_means

OFFICER = "data_protection_officer"
PHONE, STREET, MASSAR = "+212699417733", "زنقة كنارزبرجد", "ZQX7719044"
ARABIC, LATIN = ("زبرجدانة", "الكنارقطيفي"), ("Zebergdanaqx", "Elkanarqatifi")
PLACE, SCHOOL, ACT, WORDS = "Qanarbirthville", "Collège Qxkanarschool", "QXKANAR-5519", "ثقة كنارسببية"
EMPLOYER, PAPER = "Atelier Qxkanarwork", "DOCQXKANAR81"
CANARY = (PHONE, STREET, MASSAR, *ARABIC, *LATIN, PLACE, "Qxkanarschool", ACT, WORDS, "Qxkanarwork", PAPER)
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


def state(api: Api, learner: str) -> Learner:
    """The learner as the log has them."""
    found: Learner = api.forsa.casebook.load("learner", UUID(learner)).state
    return found


def answers(api: Api, learner: str) -> Iterator[tuple[str, str]]:
    """(address, body) of every GET that can be asked of this learner, and of the lists and searches."""
    for rule in api.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.rule.startswith("/v1/"):
            continue
        ids = dict.fromkeys(rule.arguments, learner) | {"version": "1"}
        if {"name", "code"} & rule.arguments:
            continue
        for version in range(1, 1 + (api.version(UUID(learner)) if "version" in rule.arguments else 1)):
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda at, v=version: {**ids, "version": str(v)}[at[1]], rule.rule)
            for role in (OFFICER, "coordinator", "auditor"):
                yield address, api.get(address, role).get_data(as_text=True)
    for word in CANARY:
        found = api.post("/v1/learner-searches", {"text": word})
        assert found.status_code == 200
        yield f"search {found.get_json()['items']}", found.get_data(as_text=True)


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
    decided(api, learner)
    projector.catch_up()
    assert erasing.run().done == 1
    api.forsa.keyring.forget()

    assert found_in_tables(log_dsn, CANARY) == {}
    assert found_in_tables(keys_dsn, CANARY) == {}
    for address, body in answers(api, learner):
        assert found_in(body.encode(), CANARY) == set(), address
    assert found_in(caplog.text.encode(), CANARY) == set()
    assert found_in(cursor_bytes(cursor), CANARY) == set()
    assert state(api, other).identification.identity is not None
    assert api.get(f"/v1/learners/{other}").get_json()["identity"] is not None


def a_whole_path_of_another(api: Api) -> str:
    """Somebody else, who stays."""
    return identified(api, names=[{"given": "ليلى", "family": "المرابط"}])


def cursor_bytes(link: str) -> bytes:
    """What a client could make of the cursor of a Link header without our key."""
    found = re.search(r"cursor=([\w-]+)", link)
    text = found[1] if found else ""
    return text.encode() + urlsafe_b64decode(text + "=" * (-len(text) % 4))

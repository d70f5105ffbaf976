"""A child in danger at a centre that knows nothing of her: from the number on a paper to the review of the access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from projections.projector import Projector
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import compose
from tests.api.regions import ENROLMENT, LEARNER, PLACES, Holder, centre_of, held_by, stood_up
from tests.api.stack import NOW, Api, composed, ident, settings_of

ORG = ident(PLACES["far"].association)
HOLDERS = [
    Holder("far coordinator", "coordinator", "centre", str(centre_of("far")), ORG),
    Holder("far superior", "provincial_directorate", "province", PLACES["far"].province, ident("directorate")),
    Holder("far colleague", "coordinator", "organisation", str(ORG), ORG),
    Holder("own coordinator", "coordinator", "centre", str(centre_of("own")), ident("association")),
    Holder("far operator", "operator", "national", "", ORG),
]
ACCESSES = f"/v1/organisations/{ORG}/emergency-accesses"


class Clock:
    """The time, set by hand."""

    now = NOW


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, projector_dsn: str, tmp_path: Path, clock: Clock) -> Iterator[Api]:
    forsa = composed(web_dsn, keys_role_dsn, tmp_path / "key.json")
    stood_up(forsa)
    held_by(forsa, HOLDERS)
    projector = Projector(projector_dsn, forsa.mapper, forsa.keyring)
    projector.catch_up()
    projector.close()
    forsa.close()
    later = compose(settings_of(web_dsn, keys_role_dsn, tmp_path / "key.json"), now=lambda: clock.now)
    issuer = DevelopmentIssuer(tmp_path / "key.json", "forsa")
    api = Api(later, issuer)
    api.tokens |= {holder.login: issuer.issue(holder.login, api.issued_at) for holder in HOLDERS}
    yield api
    later.close()


def _number(api: Api) -> str:
    state = api.forsa.casebook.load("learner", LEARNER).state
    return str(state.identification.file_number)


def _opened(api: Api) -> str:
    said = {"learner": str(LEARNER), "why": {"code": "immediate_danger"}}
    return str(api.done(ACCESSES, said, "far coordinator")["ids"]["emergency"])


def _known(api: Api) -> None:
    """Who asks for what they have written is answered at once, not a second later."""
    path = f"/v1/learners/{LEARNER}/possible-commands?at_least={api.position()}"
    assert api.get(path, "far coordinator").status_code == 200


def test_from_the_number_on_a_paper_to_the_record_for_three_hours(api: Api, clock: Clock) -> None:
    path = f"/v1/learners/{LEARNER}"
    assert api.get(path, "far coordinator").status_code == 404
    typed = _number(api).lower().replace("-", " ")
    found = api.post("/v1/learner-lookups", {"file_number": typed}, "far coordinator").get_json()
    assert found == {"learner": str(LEARNER), "links": {"open-emergency-access": ACCESSES}}
    emergency = _opened(api)
    _known(api)
    shown = api.get(path, "far coordinator").get_json()
    assert shown["sight"] == "full"
    assert shown["identity"]["names"][0]["given"] == "سلمى"
    looks = api.get(f"{path}/disclosures", "own coordinator").get_json()["items"]
    assert [(each["what"], each["level"], each["named"], each["emergency"]) for each in looks] == [
        ("learners.get-learner", "full", True, emergency),
        ("learners.get-learner-possible-commands", "full", True, emergency),
        ("learners.look-up-learner", "mentioned", False, None),
    ]
    clock.now += timedelta(hours=3)
    assert api.get(path, "far coordinator").status_code == 404


def test_an_emergency_access_is_for_reading_and_for_its_opener(api: Api) -> None:
    _opened(api)
    assert (
        api.get(f"/v1/learners/{LEARNER}/possible-commands?at_least={api.position()}", "far coordinator").status_code
        == 200
    )
    said = {"enrolment": str(ENROLMENT), "exit": "completed"}
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{LEARNER}/enrolment-ends", said, "far coordinator")
    assert response.status_code in (403, 404)
    assert api.get(f"/v1/learners/{LEARNER}", "far colleague").status_code == 404


def test_a_superior_finds_and_reviews_it_and_nobody_their_own(api: Api) -> None:
    emergency, organisation = _opened(api), f"/v1/organisations/{ORG}"
    assert api.get(organisation, "own coordinator").get_json()["state"]["emergencies"] == []
    (found,) = api.get(organisation, "far superior").get_json()["state"]["emergencies"]
    assert (found["emergency"], found["learner"], found["role"]) == (emergency, str(LEARNER), "coordinator")
    assert (found["reason"], found["finding"]) == ("immediate_danger", None)
    said = {"emergency": found["emergency"], "finding": "justified"}
    own = api.post(f"{organisation}/emergency-reviews", said, "far coordinator")
    assert (own.status_code, own.get_json()["code"]) == (409, "reviewed-by-opener")
    assert api.post(f"{organisation}/emergency-reviews", said, "far superior").status_code == 201


@pytest.mark.parametrize(("number", "status"), [("2026-TNG-000000-0", 404), ("سلمى", 404), ("", 422)])
def test_a_number_that_is_nobodys_finds_nobody(api: Api, number: str, status: int) -> None:
    assert api.post("/v1/learner-lookups", {"file_number": number}, "far coordinator").status_code == status


def test_the_operator_looks_nobody_up(api: Api) -> None:
    said = {"file_number": _number(api)}
    assert api.post("/v1/learner-lookups", said, "far operator").status_code == 403
    assert (
        api.post(ACCESSES, {"learner": str(LEARNER), "why": {"code": "immediate_danger"}}, "far operator").status_code
        == 403
    )


def test_an_emergency_for_nobody_is_refused(api: Api) -> None:
    said = {"learner": str(ident("nobody")), "why": {"code": "immediate_danger"}}
    response = api.post(ACCESSES, said, "far coordinator")
    assert (response.status_code, response.get_json()["code"]) == (422, "unknown-stream")

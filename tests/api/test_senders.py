"""Who may send what: a token, a worker, a role that the route's row names and that is granted today."""

from __future__ import annotations

from uuid import uuid4

import pytest

from api import permissions
from api.app import create_app
from api.permissions import RouteWithoutRow
from runtime.wiring import api_parts
from tests.api.stack import IDENTIFICATION, Api, ident


def test_without_a_token_that_proves_somebody_nothing_is_answered(api: Api, subtests: pytest.Subtests) -> None:
    for header in (None, "Bearer", "Bearer ", "Basic abc", "Bearer not.a.token", "bearer " + "x" * 9000):
        headers = {"Authorization": header} if header else {}
        with subtests.test(header=header and header[:20]), api.nothing_recorded():
            response = api.app.test_client().post("/v1/learners", json=IDENTIFICATION, headers=headers)
            assert (response.status_code, response.get_json()["code"]) == (401, "unauthenticated")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_login_bound_to_no_worker_is_told_so(api: Api) -> None:
    response = api.post("/v1/learners", IDENTIFICATION, "nobody")
    assert (response.status_code, response.get_json()["code"]) == (403, "login-not-bound")


def test_a_role_the_row_does_not_name_is_told_which_may(api: Api) -> None:
    with api.nothing_recorded():
        response = api.post("/v1/learners", IDENTIFICATION, "auditor", Accept_Language="en")
    body = response.get_json()
    assert (response.status_code, body["code"]) == (403, "not-your-role")
    assert body["roles"] == ["caseworker", "coordinator", "educator"]
    assert "caseworker" in body["detail"]


def test_a_role_is_looked_at_before_the_body(api: Api) -> None:
    assert api.post_raw("/v1/learners", b"{", "auditor").status_code == 403


@pytest.mark.parametrize(("asked", "acts"), [({}, "coordinator"), ({"X_Forsa_Role": "educator"}, "educator")])
def test_of_several_roles_the_one_asked_for_acts_else_the_usual_one(api: Api, asked: dict[str, str], acts: str) -> None:
    learner = uuid4()
    api.done("/v1/learners", {**IDENTIFICATION, "learner": str(learner)}, "coordinator", **asked)
    assert api.forsa.event_log.load([learner])[learner].events[0].by.role == acts


def test_a_role_asked_for_and_not_held_is_refused(api: Api) -> None:
    response = api.post("/v1/learners", IDENTIFICATION, X_Forsa_Role="coordinator")
    assert response.status_code == 403


def test_a_role_that_is_none_is_a_wrong_header(api: Api) -> None:
    response = api.post("/v1/learners", IDENTIFICATION, X_Forsa_Role="boss")
    assert (response.status_code, response.get_json()["errors"][0]["parameter"]) == (422, "X-Forsa-Role")


def test_the_larger_act_is_kept_with_the_event(api: Api) -> None:
    larger, learner = uuid4(), uuid4()
    api.done("/v1/learners", {**IDENTIFICATION, "learner": str(learner)}, X_Correlation_Id=str(larger))
    assert api.forsa.event_log.load([learner])[learner].events[0].by.corr == larger


def test_a_route_without_a_row_stops_the_start(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: roles for name, roles in permissions.READS.items() if name != "learners.get-learner"}
    monkeypatch.setattr(permissions, "READS", rows)
    parts = api_parts(api.forsa, None)  # type: ignore[arg-type]  # no request is made
    with pytest.raises((RouteWithoutRow, KeyError)):
        create_app(parts)


def test_answers_are_not_kept_and_not_sniffed(api: Api) -> None:
    response = api.get(f"/v1/centres/{ident('centre')}")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"

"""The acts that make a refusal right: one table over every code, and links that lead to a command's own route."""

from __future__ import annotations

import pytest

from api.problems import STATUS, codes_of_rules
from api.remedies import BEFORE, BY_STATUS, NONE, REMEDIES, first_step
from domain.errors import NotAllowedNow, code_of
from domain.streams import COMMANDS, KINDS
from tests.api.stack import Api, group_of, ident, identified, seated

NAMES = {spec.name for spec in COMMANDS}


def test_every_refusal_has_its_acts_or_is_said_to_have_none() -> None:
    rules = codes_of_rules().keys()
    assert rules == ((REMEDIES.keys() - STATUS.keys()) | NONE | {BY_STATUS})
    assert not REMEDIES.keys() & NONE
    assert code_of(NotAllowedNow) == BY_STATUS


def test_every_act_named_is_a_command() -> None:
    named = {name for names in REMEDIES.values() for name in names} | BEFORE.keys() | set(BEFORE.values())
    assert sorted(named - NAMES) == []


@pytest.mark.parametrize(
    ("kind", "status", "refused", "step"),
    [
        ("learner", "identified", "list-candidate", "enrol-learner"),
        ("learner", "identified", "verify-outcome", "enrol-learner"),
        ("learner", "graduated", "list-candidate", "end-enrolment"),
        ("learner", "candidate", "declare-outcome", "end-enrolment"),
        ("learner", "left", "verify-outcome", "declare-outcome"),
        ("learner", "enrolled", "enrol-learner", "end-enrolment"),
        ("diploma-session", "open", "award-diplomas", "close-candidate-list"),
        ("diploma-session", "closed", "award-diplomas", "sign-minutes"),
    ],
)
def test_a_status_that_forbids_an_act_allows_the_one_that_leads_there(
    kind: str, status: str, refused: str, step: str
) -> None:
    assert first_step(kind, status, refused) == (step,)
    assert step in KINDS[kind].life_cycle[status]


def test_a_refusal_links_the_act_on_the_stream_of_its_request(api: Api) -> None:
    learner = identified(api)
    answer = api.post(
        f"/v1/learners/{learner}/group-memberships", {"group": group_of(api), "enrolment": str(ident("none"))}
    )
    (error,) = answer.get_json()["errors"]
    (act,) = error["acts"]
    assert (act["command"], act["method"]) == ("enrol-learner", "POST")
    assert act["href"] == f"/v1/learners/{learner}/enrolments"
    assert act["title"]
    assert act["roles"] == ["caseworker", "coordinator"]


def test_an_act_on_a_stream_that_the_request_does_not_name_has_no_link(api: Api) -> None:
    answer = api.post(f"/v1/learners/{identified(api)}/competences", {}, role="en_agent")
    assert answer.status_code == 403
    (act,) = answer.get_json()["acts"]
    assert act["command"] == "grant-access"
    assert "href" not in act


def test_every_link_of_a_refused_command_leads_to_that_commands_route(api: Api) -> None:
    """Every stream's possible commands, whatever its status: what is refused links acts that are routes."""
    learner = identified(api)
    group = group_of(api)
    other, _ = seated(api, group)
    routes = api.app.url_map.bind("localhost")
    streams = {f"/v1/learners/{learner}", f"/v1/learners/{other}", f"/v1/groups/{group}"}
    for stream in sorted({*streams, f"/v1/centres/{ident('centre')}"}):
        shown = api.get(f"{stream}/possible-commands", role="coordinator").get_json()
        for reason in (reason for each in shown["commands"] for reason in each["reasons"]):
            for act in reason["acts"]:
                if "href" in act:
                    endpoint, _ = routes.match(act["href"], method=act["method"])
                    assert endpoint.endswith(f".{act['command']}"), act

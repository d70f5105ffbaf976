"""Commands over HTTP: what was asked, what was answered, and what stands in the log afterwards."""

from __future__ import annotations

from uuid import UUID, uuid4

from tests.api.stack import IDENTIFICATION, IDENTITY, Api, group_of, identified, seated


def test_a_command_answers_with_its_events_their_position_and_where_to_read_on(api: Api) -> None:
    learner = uuid4()
    response = api.post("/v1/learners", {**IDENTIFICATION, "learner": str(learner)})
    assert response.status_code == 201
    assert response.get_json() == {
        "position": api.position(),
        "ids": {"learner": str(learner)},
        "events": [{"stream": str(learner), "kind": "learner", "version": 1, "tag": "learner.identified"}],
        "links": {
            "self": f"/v1/learners/{learner}",
            "timeline": f"/v1/learners/{learner}/timeline",
            "audit-trail": f"/v1/learners/{learner}/audit-trail",
            "possible-commands": f"/v1/learners/{learner}/possible-commands",
        },
    }
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Location"] == f"/v1/learners/{learner}"
    (event,) = api.forsa.event_log.load([learner])[learner].events
    assert (event.by.role, event.by.src, str(event.on)) == ("caseworker", "api", "2026-11-22")


def test_a_group_takes_learners_until_it_is_full(api: Api) -> None:
    """DOMAIN rule 11."""
    group = group_of(api, capacity=1)
    seated(api, group)
    assert api.version(UUID(group)) == 2


def test_a_command_that_replaces_asks_the_version_that_was_seen(api: Api) -> None:
    learner = identified(api)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/identities", IDENTITY)
    assert (response.status_code, response.get_json()["code"]) == (428, "if-match-missing")

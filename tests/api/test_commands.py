"""Commands over HTTP: what was asked, what was answered, and what stands in the log afterwards."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from tests.api.stack import ENROLMENT, IDENTIFICATION, IDENTITY, Api, enrolled, group_of, identified, seated, worker


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


def test_ids_that_a_client_leaves_out_are_made_and_told(api: Api) -> None:
    learner = identified(api)
    enrolment = enrolled(api, learner)
    state = api.forsa.casebook.load("learner", UUID(learner)).state
    assert list(state.admission.enrolments) == [UUID(enrolment)]


def test_an_act_on_two_streams_says_both(api: Api) -> None:
    group = group_of(api)
    learner = identified(api)
    enrolment = enrolled(api, learner)
    said = {"enrolment": enrolment, "group": group}
    answer = api.done(f"/v1/learners/{learner}/group-memberships", said)
    assert [each["tag"] for each in answer["events"]] == ["learner.group-joined", "group.seat-taken"]


def test_what_changes_nothing_is_answered_so(api: Api) -> None:
    learner = identified(api)
    first = api.post(f"/v1/learners/{learner}/identities", IDENTITY, If_Match='"1"')
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/identities", IDENTITY, If_Match=first.headers.get("ETag", '"1"'))
    body = response.get_json()
    assert (response.status_code, body["events"], body["position"]) == (200, [], None)
    assert response.headers["ETag"] == f'"{api.version(UUID(learner))}"'


# ── the same request twice ──


def test_the_same_request_twice_is_applied_once_and_answered_the_same(api: Api, subtests: pytest.Subtests) -> None:
    for key in ("0b9bbf4e-3f0f-4f2e-8f6c-0d4f5b7c2a11", '"a sheet of monday"', "a b"):
        with subtests.test(key=key):
            first = api.post("/v1/learners", IDENTIFICATION, key=key)
            with api.nothing_recorded():
                second = api.post("/v1/learners", IDENTIFICATION, key=key)
            assert (second.status_code, second.get_json()) == (201, first.get_json())
            for name in ("ETag", "Location"):
                assert second.headers[name] == first.headers[name]


def test_ids_that_were_made_are_told_again(api: Api) -> None:
    learner = identified(api)
    path = f"/v1/learners/{learner}/enrolments"
    first, second = (api.post(path, ENROLMENT, key="enrol") for _ in range(2))
    assert first.get_json() == second.get_json()


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    api.post("/v1/learners", IDENTIFICATION, key="k")
    with api.nothing_recorded():
        response = api.post("/v1/learners", {**IDENTIFICATION, "sex": "m"}, key="k")
    assert (response.status_code, response.get_json()["code"]) == (422, "idempotency-key-reused")


def test_the_same_key_at_another_address_is_refused(api: Api) -> None:
    learner = identified(api)
    body = {"level": "level_2", "trades": []}
    api.post(f"/v1/learners/{learner}/orientations", body, key="k")
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{uuid4()}/orientations", body, key="k")
    assert (response.status_code, response.get_json()["code"]) == (422, "idempotency-key-reused")


def test_two_workers_may_use_the_same_key(api: Api) -> None:
    first = api.post("/v1/learners", IDENTIFICATION, key="k")
    second = api.post("/v1/learners", IDENTIFICATION, "educator", key="k")
    assert first.get_json()["ids"] != second.get_json()["ids"]


def test_a_request_without_a_usable_key_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    for key in ("", '""', "x" * 65, "مفتاح"):
        headers = {**api.headers("caseworker"), **({"Idempotency-Key": key.encode().decode("latin-1")} if key else {})}
        with subtests.test(key=key), api.nothing_recorded():
            response = api.app.test_client().post("/v1/learners", json=IDENTIFICATION, headers=headers)
            assert (response.status_code, response.get_json()["code"]) == (400, "idempotency-key-missing")


def test_a_lost_answer_is_given_again_although_its_etag_is_old_by_now(api: Api) -> None:
    learner = identified(api)
    said = {**IDENTITY, "birth_place": "طنجة"}
    lost = api.post(f"/v1/learners/{learner}/identities", said, key="k", If_Match='"1"')
    api.done(f"/v1/learners/{learner}/orientations", {"level": "level_2", "trades": ["COU"]})
    with api.nothing_recorded():
        again = api.post(f"/v1/learners/{learner}/identities", said, key="k", If_Match='"1"')
    assert (lost.status_code, again.status_code) == (201, 201)
    assert again.get_json() == lost.get_json()
    assert again.headers["ETag"] == '"2"'


def test_duplicates_that_race_are_applied_once_and_all_get_the_answer(api: Api) -> None:
    answers: list[TestResponse] = []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        answers.append(api.post("/v1/learners", IDENTIFICATION, key="race"))

    before = api.position()
    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.position() == before + 1
    assert [each.status_code for each in answers] == [201] * 6
    assert len({each.get_data() for each in answers}) == 1


# ── versions seen ──


def test_a_command_that_replaces_asks_the_version_that_was_seen(api: Api) -> None:
    learner = identified(api)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/identities", IDENTITY)
    assert (response.status_code, response.get_json()["code"]) == (428, "if-match-missing")


def test_a_stale_version_is_told_what_happened_since(api: Api) -> None:
    learner = identified(api)
    api.done(f"/v1/learners/{learner}/orientations", {"level": "level_2", "trades": []}, "coordinator")
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/identities", {**IDENTITY, "sex": "m"}, If_Match='"1"')
    body = response.get_json()
    assert (response.status_code, body["code"], response.headers["ETag"]) == (412, "stale-version", '"2"')
    (missed,) = body["missed"]
    assert (missed["version"], missed["tag"]) == (2, "learner.oriented")
    assert (missed["actor"], missed["role"]) == (str(worker("coordinator")), "coordinator")
    assert missed["recorded_at"]


def test_a_version_of_the_future_is_stale_too(api: Api) -> None:
    learner = identified(api)
    response = api.post(f"/v1/learners/{learner}/identities", IDENTITY, If_Match='"9"')
    assert (response.status_code, response.get_json()["missed"]) == (412, [])


def test_if_match_is_honoured_where_it_is_not_asked(api: Api) -> None:
    learner = identified(api)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/orientations", {"level": "level_2", "trades": []}, If_Match='"7"')
    assert response.status_code == 412


def test_an_entity_tag_that_is_no_version_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    learner = identified(api)
    for tag in ("1", "*", 'W/"1"', '"x"', '"1", "2"'):
        with subtests.test(tag=tag), api.nothing_recorded():
            response = api.post(f"/v1/learners/{learner}/identities", IDENTITY, If_Match=tag)
            assert (response.status_code, response.get_json()["code"]) == (422, "bad-parameter")


# ── attendance ──

WEEK = "2026-11-16"


def _sheet(learners: list[str], status: str = "present") -> dict[str, object]:
    days = [{"date": "2026-11-16", "status": status}, {"date": "2026-11-17", "status": "absent"}]
    return {"week": WEEK, "component": "workshop", "rows": [{"learner": each, "days": days} for each in learners]}


def _held(api: Api, group: str) -> None:
    sessions = [{"date": f"2026-11-{day}", "component": "workshop", "minutes": 180} for day in (16, 17)]
    api.done(f"/v1/groups/{group}/held-sessions", {"week": WEEK, "sessions": sessions}, "educator")


def test_an_unknown_learner_on_a_sheet_is_pointed_at_in_its_row(api: Api) -> None:
    group = group_of(api)
    learners = [seated(api, group)[0] for _ in range(2)]
    with api.nothing_recorded():
        response = api.post(f"/v1/groups/{group}/attendance", _sheet([*learners, str(uuid4())]), "educator")
    errors = response.get_json()["errors"]
    assert [(each["code"], each["pointer"]) for each in errors] == [("unknown-stream", "/rows/2/learner")]


def test_a_groups_week_is_recorded_in_one_request_and_read_in_one(api: Api) -> None:
    group = group_of(api)
    _held(api, group)
    learners = [seated(api, group)[0] for _ in range(3)]
    answer = api.done(f"/v1/groups/{group}/attendance", _sheet(learners[:2]), "educator")
    assert [each["stream"] for each in answer["events"]] == learners[:2]
    week = api.get(f"/v1/groups/{group}/attendance?week={WEEK}&component=workshop", "educator").get_json()
    assert [each["minutes"] for each in week["sessions"]] == [180, 180]
    assert {each["learner"]: each["days"][0]["status"] for each in week["rows"]} == {
        learners[0]: "present",
        learners[1]: "present",
        learners[2]: None,
    }
    assert [each["minutes"] for each in week["rows"][0]["days"][:2]] == [180, 0]


def test_the_same_sheet_again_changes_nothing(api: Api) -> None:
    """DOMAIN rule 15."""
    group = group_of(api)
    _held(api, group)
    learner, _ = seated(api, group)
    api.done(f"/v1/groups/{group}/attendance", _sheet([learner]), "educator")
    with api.nothing_recorded():
        response = api.post(f"/v1/groups/{group}/attendance", _sheet([learner]), "educator")
    assert (response.status_code, response.get_json()["events"]) == (200, [])


def test_a_cell_that_differs_is_refused_with_both_values(api: Api) -> None:
    """DOMAIN rule 15."""
    group = group_of(api)
    _held(api, group)
    learner, _ = seated(api, group)
    api.done(f"/v1/groups/{group}/attendance", _sheet([learner]), "educator")
    with api.nothing_recorded():
        response = api.post(f"/v1/groups/{group}/attendance", _sheet([learner], "late"), "educator")
    (error,) = response.get_json()["errors"]
    assert (response.status_code, error["code"]) == (409, "attendance-differs")
    assert error["pointer"] == "/rows/0/days/0"
    assert (error["params"]["stored"], error["params"]["sent"]) == ("present 180", "late 180")
    assert error["params"]["learner"] == learner


def test_who_left_is_still_in_the_weeks_they_sat_in(api: Api) -> None:
    group = group_of(api)
    learner, enrolment = seated(api, group)
    said = {"enrolment": enrolment, "exit": "dropped_out", "ended_on": "2026-11-18"}
    api.done(f"/v1/learners/{learner}/enrolment-ends", said)
    path = f"/v1/groups/{group}/attendance?component=workshop&week="
    assert [each["learner"] for each in api.get(path + "2026-11-16", "educator").get_json()["rows"]] == [learner]
    assert api.get(path + "2026-11-23", "educator").get_json()["rows"] == []
    assert api.get(path + "2026-10-26", "educator").get_json()["rows"] == []

"""Reads over HTTP: now and as of a moment, never silently stale, in the language asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from flask import g

from api.app import create_app
from api.permissions import Sender
from api.possible import CommandShown, possible_commands
from domain.casebook import Loaded, Stream
from domain.kind import Kind
from domain.parameter import NATIONAL
from domain.streams import COMMANDS, KINDS
from projections import entries, learner_record
from projections.projector import Projector
from projections.view import View
from runtime.grants import HeldGrant
from tests.api.stack import (
    CENTRE,
    CONVENTION,
    IDENTITY,
    NOW,
    ROLES,
    Api,
    enrolled,
    group_of,
    ident,
    identified,
    seated,
    worker,
)

# ── the record ──


def test_a_record_shows_the_person_and_where_they_stand(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    enrolment = enrolled(api, learner)
    project()
    response = api.get(f"/v1/learners/{learner}", Accept_Language="fr")
    body = response.get_json()
    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert response.headers["Cache-Control"] == "no-store"
    assert (body["version"], body["position"], body["stale"], body["erased"]) == (2, api.position(), False, False)
    assert (body["status"], body["status_text"]) == ("enrolled", "inscrit(e), en formation")
    assert body["identity"]["names"] == [{"given": "أمينة", "family": "الإدريسي", "script": "arabic"}]
    assert [each["enrolment"] for each in body["record"]["enrolments"]] == [enrolment]


def test_an_etag_read_is_the_one_a_replacing_command_takes(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    project()
    tag = api.get(f"/v1/learners/{learner}").headers["ETag"]
    api.done(f"/v1/learners/{learner}/identities", {**IDENTITY, "birth_place": "طنجة"}, If_Match=tag)


def test_an_erased_person_has_no_name(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    project()
    api.forsa.keyring.destroy(UUID(learner), ["identity"])
    body = api.get(f"/v1/learners/{learner}").get_json()
    assert (body["erased"], body["identity"]) == (True, None)


def test_what_was_known_at_a_moment_is_asked_with_as_of(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    then = _recorded_at(api)
    known = api.get(f"/v1/learners/{learner}?as_of={quote(then.isoformat())}").get_json()
    enrolled(api, learner)
    project()
    assert api.get(f"/v1/learners/{learner}").get_json()["status"] == "enrolled"
    again = api.get(f"/v1/learners/{learner}?as_of={quote(then.isoformat())}").get_json()
    assert (again["status"], again["version"]) == ("identified", 1)
    assert again == known


def test_before_they_were_identified_nobody_knew_of_them(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    project()
    before = _recorded_at(api) - timedelta(microseconds=1)
    for path in (f"/v1/learners/{learner}", f"/v1/learners/{learner}/timeline"):
        response = api.get(f"{path}?as_of={quote(before.isoformat())}")
        assert (response.status_code, response.get_json()["code"]) == (404, "not-known-then")


def test_a_past_moment_never_holds_a_later_position(api: Api) -> None:
    learner = identified(api)
    response = api.get(f"/v1/learners/{learner}?as_of={quote(_recorded_at(api).isoformat())}&at_least=999999")
    assert (response.status_code, response.get_json()["code"]) == (422, "at-least-ahead")


def test_a_position_that_the_log_has_not_is_refused_with_the_last_one(api: Api, subtests: pytest.Subtests) -> None:
    learner = identified(api)
    last = api.position()
    for path in (
        f"/v1/learners/{learner}",
        f"/v1/learners/{learner}/timeline",
        "/v1/learners",
        f"/v1/centres/{CENTRE}",
    ):
        with subtests.test(path=path):
            response = api.get(f"{path}?at_least={last + 1}", "coordinator", Accept_Language="en")
            body = response.get_json()
            assert (response.status_code, body["code"], body["position"]) == (422, "at-least-ahead", last)
            assert (body["errors"][0]["parameter"], str(last) in body["title"]) == ("at_least", True)


def test_a_moment_later_than_now_is_refused(api: Api) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    response = api.get(f"/v1/learners/{uuid4()}?as_of={quote(later)}")
    assert (response.status_code, response.get_json()["code"]) == (422, "as-of-in-future")


def test_a_moment_that_is_no_moment_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    for moment in ("yesterday", "2026-11-22", "2026-11-22T09:00:00", "2026-13-01T00:00:00Z", "", "1e9"):
        with subtests.test(moment=moment):
            response = api.get(f"/v1/learners/{uuid4()}?as_of={moment}")
            assert (response.status_code, response.get_json()["code"]) == (422, "bad-parameter")


def test_moments_have_an_offset_and_perhaps_a_fraction(api: Api, subtests: pytest.Subtests) -> None:
    for moment in ("2020-11-22T09:00:00Z", "2020-11-22t09:00:00.5%2B01:00", "2020-11-22T09:00:00+01:00"):
        with subtests.test(moment=moment):
            assert api.get(f"/v1/centres/{CENTRE}?as_of={moment}").status_code == 404  # long before it was recorded


def _recorded_at(api: Api) -> datetime:
    """When the last event was recorded."""
    return api.forsa.event_log.recorder.recorded_at_of(api.position())


# ── read your writes ──


def test_a_read_waits_for_what_was_just_written_else_says_so(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    path = f"/v1/learners/{learner}?at_least={api.position()}"
    response = api.get(path)
    assert (response.status_code, response.get_json()["code"]) == (503, "at-least-not-reached")
    assert response.headers["Retry-After"] == "1"
    project()
    assert api.get(path).status_code == 200


def test_a_read_that_waits_gets_its_answer_when_the_views_come_there(api: Api, projector_dsn: str) -> None:
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    projector.catch_up()
    stop = threading.Event()

    def project() -> None:
        while not stop.is_set():
            projector.step()

    running = threading.Thread(target=project)
    running.start()
    try:
        for _ in range(5):
            learner = identified(api)
            assert api.get(f"/v1/learners/{learner}?at_least={api.position()}").status_code == 200
    finally:
        stop.set()
        running.join()
        projector.close()


def test_a_learner_that_no_view_has_seen_is_not_found(api: Api, project: Callable[[], int]) -> None:
    assert api.get(f"/v1/learners/{identified(api)}").status_code == 404


def test_views_that_are_not_whole_yet_are_a_503_that_says_when_to_come_back(api: Api, projector_dsn: str) -> None:
    """As while a release's new version of a view is being built: never half a view, and no traffic until then."""
    learner = identified(api)
    reads = [f"/v1/learners/{learner}", f"/v1/learners/{learner}/timeline", "/v1/learners", "/v1/groups"]
    for response in map(api.get, reads):
        assert (response.status_code, response.get_json()["code"]) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"
    assert api.get("/readyz", None).get_json()["not_ready"] == ["views"]
    assert {each["status"] for each in api.get("/status", None).get_json()["views"]} == {"missing"}
    with closing(Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)) as projector:
        projector.step()
    assert {response.status_code for response in map(api.get, reads)} == {200}
    assert api.get("/readyz", None).status_code == 200


def test_parameters_that_are_not_understood_are_refused(api: Api, subtests: pytest.Subtests) -> None:
    for query in ("at_least=x", "at_least=-1", "as_of=x", "at_least=1&at_least=2"):
        with subtests.test(query=query):
            response = api.get(f"/v1/centres/{CENTRE}?{query}")
            assert (response.status_code, response.get_json()["code"]) == (422, "bad-parameter")
            assert response.get_json()["errors"][0]["parameter"] == query.partition("=")[0]
            assert response.get_json()["errors"][0]["params"]["expected"]


def test_a_parameter_that_is_none_names_those_that_are(api: Api) -> None:
    response = api.get(f"/v1/centres/{CENTRE}?colour=red")
    assert (response.status_code, response.get_json()["code"]) == (422, "unknown-parameter")
    assert response.get_json()["errors"][0]["params"] == {"name": "colour", "expected": "as_of, at_least"}


def test_a_stream_that_a_view_could_not_take_in_is_answered_stale(
    api: Api, project: Callable[[], int], log_dsn: str, subtests: pytest.Subtests
) -> None:
    parked, other = identified(api), identified(api)
    project()
    for view, path in ((learner_record.VIEW, ""), (entries.VIEW, "/timeline"), (entries.VIEW, "/audit-trail")):
        with subtests.test(path=path):
            _park(log_dsn, view, parked)
            assert api.get(f"/v1/learners/{parked}{path}", "provincial_directorate").get_json()["stale"] is True
            assert api.get(f"/v1/learners/{other}{path}", "provincial_directorate").get_json()["stale"] is False


def test_a_record_that_was_parked_before_it_had_a_row_is_unavailable_not_unknown(
    api: Api, project: Callable[[], int], log_dsn: str
) -> None:
    project()
    learner = identified(api)
    _park(log_dsn, learner_record.VIEW, UUID(learner))
    response = api.get(f"/v1/learners/{learner}")
    assert (response.status_code, response.get_json()["code"]) == (503, "unavailable")


def _park(log_dsn: str, view: View, stream: str | UUID) -> None:
    """The view could not take in this stream's last event."""
    with psycopg.connect(log_dsn) as connection:
        connection.execute(
            "insert into records.parked (view, version, stream, position, exception) values (%s, %s, %s, 1, 'KeyError')"
            " on conflict do nothing",
            (view.name, view.version, stream),
        )


# ── lists and search ──


def test_a_list_goes_on_by_its_link_until_all_are_seen_once(api: Api, project: Callable[[], int]) -> None:
    learners = {identified(api) for _ in range(5)}
    project()
    seen: list[str] = []
    path: str | None = "/v1/learners?limit=2"
    while path:
        response = api.get(path)
        items = response.get_json()["items"]
        assert len(items) <= 2
        seen += [each["learner"] for each in items]
        path = response.headers["Link"].split(">")[0][1:] if "Link" in response.headers else None
    assert (set(seen), len(seen)) == (learners, 5)


def test_a_list_shows_no_name(api: Api, project: Callable[[], int]) -> None:
    identified(api)
    project()
    assert "أمينة" not in api.get("/v1/learners").get_data(as_text=True)


def test_a_list_is_narrowed_by_centre_season_and_status(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    enrolled(api, learner)
    identified(api)
    project()
    for query in (f"centre={CENTRE}", "season=2026", "status=enrolled", f"centre={CENTRE}&season=2026"):
        assert [each["learner"] for each in api.get(f"/v1/learners?{query}").get_json()["items"]] == [learner]
    assert api.get(f"/v1/learners?centre={uuid4()}").get_json()["items"] == []


def test_a_list_refuses_what_it_cannot_read(api: Api, subtests: pytest.Subtests) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "centre=x", "season=x", "season=1", "status=x"):
        with subtests.test(query=query):
            response = api.get(f"/v1/learners?{query}")
            assert (response.status_code, response.get_json()["code"]) == (422, "bad-parameter")


def test_a_cursor_ends_after_a_day(api: Api, project: Callable[[], int]) -> None:
    identified(api), identified(api)
    project()
    following = api.get("/v1/learners?limit=1").headers["Link"].split(">")[0][1:]
    for hours, status in ((23, 200), (25, 422)):
        later = msgspec.structs.replace(api.parts, now=lambda hours=hours: NOW + timedelta(hours=hours))
        client = create_app(later).test_client()
        assert client.get(following, headers=api.headers("caseworker")).status_code == status


def test_a_cursor_is_read_by_its_own_list_only(api: Api, project: Callable[[], int]) -> None:
    for _ in range(2):
        identified(api)
    project()
    cursor = api.get("/v1/learners?limit=1").headers["Link"].split("cursor=")[1].split(">")[0]
    flipped = ("A" if cursor[20] != "A" else "B").join((cursor[:20], cursor[21:]))
    for text in ("x", "", "é", flipped, "A" * 2000):
        response = api.get(f"/v1/learners?cursor={quote(text)}")
        assert (response.status_code, response.get_json()["code"]) == (422, "bad-cursor")
    response = api.post(f"/v1/learner-searches?cursor={cursor}", {"text": "أمينة"})
    assert (response.status_code, response.get_json()["code"]) == (422, "bad-cursor")


def test_a_learner_is_found_by_either_spelling(api: Api, project: Callable[[], int], subtests: pytest.Subtests) -> None:
    learner = identified(api)
    identified(api, names=[{"given": "ياسين", "family": "العمراني"}])
    project()
    for text in ("أمينة الإدريسي", "امينه", "Amina", "amina el idrissi"):
        with subtests.test(text=text), api.nothing_recorded():
            client = api.app.test_client()
            response = client.post("/v1/learner-searches", json={"text": text}, headers=api.headers("caseworker"))
            assert response.status_code == 200
            first = response.get_json()["items"][0]
            assert (first["learner"], first["arabic"]) == (learner, "أمينة الإدريسي")


def test_a_learner_is_found_by_the_file_number(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    project()
    number = api.get(f"/v1/learners/{learner}").get_json()["record"]["file_number"]
    found = api.post("/v1/learner-searches", {"text": number.lower()}).get_json()["items"]
    assert [each["learner"] for each in found] == [learner]


def test_a_search_goes_on_by_its_link(api: Api, project: Callable[[], int]) -> None:
    learners = {identified(api) for _ in range(3)}
    project()
    seen: list[str] = []
    path: str | None = "/v1/learner-searches?limit=2"
    while path:
        response = api.post(path, {"text": "أمينة"})
        seen += [each["learner"] for each in response.get_json()["items"]]
        path = response.headers["Link"].split(">")[0][1:] if "Link" in response.headers else None
    assert (set(seen), len(seen)) == (learners, 3)


# ── what happened ──


def test_the_timeline_tells_in_the_language_asked_for(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    enrolled(api, learner)
    project()
    tellings = {}
    for language in ("ar", "fr", "en"):
        items = api.get(f"/v1/learners/{learner}/timeline", Accept_Language=language).get_json()["items"]
        assert [each["tag"] for each in items] == ["learner.identified", "learner.enrolled"]
        tellings[language] = items[1]["sentence"]
    assert len(set(tellings.values())) == 3
    assert "مركز" in tellings["ar"]  # the centre's name, not its id
    assert str(CENTRE) not in tellings["ar"]


def test_the_timeline_leads_to_the_raw_event_with_what_is_sealed_still_sealed(
    api: Api, project: Callable[[], int]
) -> None:
    learner = identified(api)
    project()
    (item,) = api.get(f"/v1/learners/{learner}/timeline").get_json()["items"]
    raw = api.get(item["raw"], "provincial_directorate").get_json()
    assert (raw["tag"], raw["version"], raw["position"]) == ("learner.identified", 1, item["position"])
    assert raw["event"]["identity"].keys() == {"f", "h", "c"}
    assert api.get(f"/v1/learners/{learner}/events/2", "provincial_directorate").status_code == 404


def test_the_audit_trail_tells_who_when_what_and_why(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    api.done(f"/v1/learners/{learner}/orientations", {"level": "level_2", "trades": []}, "coordinator")
    said = {"version": 2, "why": {"code": "entry_error", "text": "كتبت سطر زميله"}}
    api.done(f"/v1/learners/{learner}/withdrawals", said)
    project()
    body = api.get(f"/v1/learners/{learner}/audit-trail", "provincial_directorate")
    items = body.get_json()["items"]
    assert [each["what"].partition(".")[2] for each in items] == ["identified", "oriented", "fact-withdrawn"]
    last = items[-1]
    assert (last["actor"], last["role"], last["why"]) == (str(worker("caseworker")), "caseworker", "entry_error")
    assert (last["before"]["in_force"], last["after"]["in_force"]) == (True, False)
    assert last["recorded_at"]
    assert "زميله" not in body.get_data(as_text=True)


def test_history_is_paged_and_dated(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    then = _recorded_at(api)
    enrolled(api, learner)
    project()
    first = api.get(f"/v1/learners/{learner}/timeline?limit=1")
    following = first.headers["Link"].split(">")[0][1:]
    assert [each["version"] for each in api.get(following).get_json()["items"]] == [2]
    asked = api.get(f"/v1/learners/{learner}/timeline?as_of={quote(then.isoformat())}").get_json()
    assert [each["version"] for each in asked["items"]] == [1]


def test_a_past_that_the_view_has_not_reached_is_not_told_in_part(api: Api, project: Callable[[], int]) -> None:
    learner = identified(api)
    project()
    enrolled(api, learner)
    path = f"/v1/learners/{learner}/timeline?as_of={quote(_recorded_at(api).isoformat())}"
    assert api.get(path).status_code == 503
    project()
    assert len(api.get(path).get_json()["items"]) == 2


def test_a_stream_of_another_kind_has_no_history_here(api: Api, project: Callable[[], int]) -> None:
    group = group_of(api)
    project()
    for what in ("", "/timeline", "/audit-trail", "/possible-commands", "/events/1"):
        assert api.get(f"/v1/learners/{group}{what}", "coordinator").status_code == 404


def test_every_kind_tells_its_history(api: Api, project: Callable[[], int]) -> None:
    project()
    items = api.get(f"/v1/centres/{CENTRE}/timeline").get_json()["items"]
    assert [each["tag"] for each in items] == ["centre.opened", "centre.trades-approved"]


# ── what may be done ──


def test_possible_commands_follow_status_and_role(api: Api) -> None:
    learner = identified(api)
    body = api.get(f"/v1/learners/{learner}/possible-commands", Accept_Language="fr").get_json()
    commands = {each["command"]: each for each in body["commands"]}
    assert (body["status"], body["roles"]) == ("identified", ["caseworker"])
    assert commands["enrol-learner"]["allowed"]
    assert commands["enrol-learner"]["href"] == f"/v1/learners/{learner}/enrolments"
    assert commands["record-identity"]["if_match"]
    joining = commands["join-group"]
    assert (joining["allowed"], [each["code"] for each in joining["reasons"]]) == (False, ["not-allowed-now"])
    assert "enrolled" in joining["reasons"][0]["params"]["in_status"]
    derogating = commands["grant-derogation"]["reasons"]
    assert [each["code"] for each in derogating] == ["not-your-role"]
    assert derogating[0]["params"]["roles"] == ["provincial_directorate"]


def _possible(api: Api, kind: Kind, status: str, role: str) -> list[CommandShown]:
    """For a worker who holds this role nationally: the scope is never what stands against it."""
    grant = HeldGrant(role, "national", "", uuid4())
    stream = Loaded(kind, Stream(uuid4(), ()), kind.empty)
    with api.app.test_request_context():
        g.sender = Sender(uuid4(), (grant,), (grant,))
        return possible_commands(api.parts, stream, status)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_command_is_possible_in_the_statuses_and_roles_of_the_tables_and_in_no_other(api: Api, kind: Kind) -> None:
    """Every status × role × command of the kind, against the life cycle and the commands' rows."""
    specs = [spec for spec in COMMANDS if spec.kind == kind.name and not spec.opens_stream]
    for status, names in kind.life_cycle.items():
        for role in ROLES:
            shown = _possible(api, kind, status, role)
            expected = [
                (spec.name, *[code for code, holds in (("not-allowed-now", spec.name not in names),
                                                       ("not-your-role", role not in spec.roles)) if holds])
                for spec in specs
            ]  # fmt: skip
            assert [(each.command, *[reason.code for reason in each.reasons]) for each in shown] == expected
            assert [each.allowed for each in shown] == [len(each) == 1 for each in expected]


def test_what_is_possible_is_what_is_taken(api: Api) -> None:
    """The list and the refusals read one table."""
    learner, _ = seated(api, group_of(api))
    body = api.get(f"/v1/learners/{learner}/possible-commands").get_json()
    for each in body["commands"]:
        codes = {reason["code"] for reason in each["reasons"]}
        response = api.post(each["href"], {}, If_Match='"3"')
        assert (response.status_code == 403) == ("not-your-role" in codes), each["command"]


# ── the small kinds ──


def test_small_kinds_show_their_state(api: Api, subtests: pytest.Subtests) -> None:
    small: dict[str, dict[str, object]] = {
        f"centres/{CENTRE}": {"trades": {"2026": ["COU"]}, "places": 40},
        f"conventions/{CONVENTION}": {"number": "2026/TNG/07", "age_max": 20},
        f"organisations/{ident('association')}": {"kind": "association"},
        f"workers/{worker('educator')}": {"organisation": str(ident("association")), "function": "other"},
    }
    for path, shown in small.items():
        with subtests.test(path=path):
            response = api.get(f"/v1/{path}")
            body = response.get_json()
            assert response.headers["ETag"] == f'"{body["version"]}"'
            assert shown.items() <= body["state"].items()


def test_amounts_are_decimal_strings_with_their_currency(api: Api) -> None:
    state = api.get(f"/v1/conventions/{CONVENTION}").get_json()["state"]
    assert state["seasons"][0]["amount"] == {"value": "160000.00", "currency": "MAD"}


def test_a_worker_is_shown_without_the_person(api: Api) -> None:
    assert "عامل" not in api.get(f"/v1/workers/{worker('educator')}").get_data(as_text=True)


def test_parameters_show_their_defaults_and_what_was_set(api: Api) -> None:
    said = {"name": "age_max", "value": "21", "valid_from": "2026-11-01", "authority": "26/1"}
    api.done(f"/v1/parameters/{NATIONAL}/settings", said, "ministry")
    shown = api.get(f"/v1/parameters/{NATIONAL}").get_json()["state"]["settings"]
    assert [each["value"] for each in shown if each["name"] == "age_max"] == ["20", "21"]
    assert api.get(f"/v1/parameters/{uuid4()}").status_code == 404


def test_a_diploma_session_shows_its_candidates(api: Api) -> None:
    said = {
        "authority": str(ident("delegation")),
        "held_from": "2026-11-01",
        "held_to": "2026-11-05",
        "centres": [str(CENTRE)],
        "trades": ["COU"],
        "year": 2026,
    }
    session = api.done("/v1/diploma-sessions", said, "en_agent")["ids"]["diploma_session"]
    body = api.get(f"/v1/diploma-sessions/{session}", "en_agent").get_json()
    assert (body["status"], body["state"]["candidates"]) == ("open", [])


def test_the_register_shows_how_full_the_centres_groups_are(api: Api, project: Callable[[], int]) -> None:
    group = group_of(api)
    seated(api, group)
    project()
    body = api.get(f"/v1/groups?centre={CENTRE}&season=2026").get_json()
    found = {each["group"]: (each["seats_taken"], each["centre"]) for each in body["items"]}
    assert found[str(group)] == (1, str(CENTRE))
    assert api.get(f"/v1/groups?centre={uuid4()}").get_json()["items"] == []
    assert api.get("/v1/groups?season=twenty").status_code == 422

"""Every look at a learner is written down before the answer leaves: one row a request, exactly the ids it shows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.disclosing import DISCLOSING, NOT_DISCLOSING, ReadUndecided, check_every_read, learners_in
from api.permissions import READS, roles_of
from domain.event import Event
from domain.partner_feed import NATIONAL
from domain.streams import KINDS
from projections.projector import Projector
from runtime.demo import load_demo
from runtime.demo.paths import TOLD
from runtime.demo.people import COLLEAGUES
from runtime.demo.setting import WORKSHOP
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa, api_parts, compose
from tests.api.stack import CENTRE, Api, group_of, identified, seated, settings_of
from tests.contracts.stored_examples import EVENTS

ANY_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COLUMNS = "request, reader, role, org, what, as_of_position, subjects, levels, named, emergencies"
SAMPLE = 2  # streams of a kind
DIPLOMAS: Final = (
    "select diploma, delegation, diploma_kind, year, number from views.diploma_register_v1 order by 1 limit %s"
)
SHOWING: Final = ("learners", "groups", "diploma-sessions", "diplomas")  # groups of routes that have learners to show

Rows = list[tuple[Any, ...]]


class Held(NamedTuple):
    """A diploma in the register."""

    diploma: UUID
    delegation: UUID
    kind: str
    year: int
    number: str

    @property
    def asked_by_number(self) -> str:
        """The query that finds it."""
        return urlencode({name: getattr(self, name) for name in ("delegation", "kind", "year", "number")})


class Watched:
    """Learners over HTTP, people's tokens by role, and the rows that were written."""

    def __init__(self, app: Flask, tokens: Mapping[str, str], learners: Iterable[UUID], log_dsn: str) -> None:
        """Everything is projected already."""
        self.app, self.tokens, self.learners, self.log_dsn = app, tokens, set(learners), log_dsn
        self.one = min(self.learners)

    def client(self) -> FlaskClient:
        """A client without a token."""
        return self.app.test_client()

    def ask(self, path: str, role: str = "caseworker", method: str = "GET", **sent: Any) -> TestResponse:
        """The answer to a worker of this role."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return self.client().open(path, method=method, headers=headers, **sent)

    def rows(self) -> Rows:
        """(request, reader, role, what, how much, as_of_position, subjects) of every row, in the order written."""
        query = (
            "select request, reader, role, what,"
            " array(select (level, named)::text from unnest(levels, named) t(level, named)),"
            " as_of_position, subjects from records.disclosures order by id"
        )
        with psycopg.connect(self.log_dsn) as owner:
            return owner.execute(query).fetchall()

    def diplomas(self) -> list[Held]:
        """Some diplomas of the register."""
        with psycopg.connect(self.log_dsn) as owner:
            return [Held(*row) for row in owner.execute(DIPLOMAS, (SAMPLE,)).fetchall()]

    def named_in(self, text: str) -> set[UUID]:
        """The learners whose id stands anywhere in this text."""
        return self.learners & {UUID(each) for each in ANY_UUID.findall(text)}

    def shown_in(self, response: TestResponse) -> set[UUID]:
        """The learners whose id stands anywhere in the body or a header."""
        return self.named_in(response.get_data(as_text=True) + str(response.headers))

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """The web's role may add no row."""
        with psycopg.connect(self.log_dsn, autocommit=True) as owner:
            owner.execute("revoke insert on records.disclosures from forsa_web")
            try:
                yield
            finally:
                owner.execute(f"grant insert ({COLUMNS}) on records.disclosures to forsa_web".encode())


@pytest.fixture
def demo(log_dsn: str, web_dsn: str, keys_role_dsn: str, projector_dsn: str, token_key: Path) -> Iterator[Watched]:
    """The demo's centre, told and projected: every kind of event, and grants that reach no further than they should."""
    forsa = compose(settings_of(web_dsn, keys_role_dsn, token_key))
    load_demo(forsa)
    project(forsa, projector_dsn)
    issuer, now = DevelopmentIssuer(token_key, "forsa"), int(time.time())
    tokens = {each.role: issuer.issue(f"demo-{each.role}", now) for each in COLLEAGUES}
    yield Watched(create_app(api_parts(forsa, issuer.verifier())), tokens, (each.learner for each in TOLD), log_dsn)
    forsa.close()


@pytest.fixture
def few(api: Api, log_dsn: str, projector_dsn: str) -> Watched:
    """A learner who is seated, and one who is not."""
    learners = UUID(seated(api, group_of(api))[0]), UUID(identified(api))
    project(api.forsa, projector_dsn)
    return Watched(api.app, api.tokens, learners, log_dsn)


def project(forsa: Forsa, projector_dsn: str) -> None:
    """Every view is up to date."""
    projector = Projector(projector_dsn, forsa.mapper, forsa.keyring)
    projector.catch_up()
    projector.close()


# ── every route ──


def test_each_read_writes_one_row_with_exactly_the_learners_it_shows(demo: Watched, subtests: pytest.Subtests) -> None:
    answered: set[str] = set()
    for endpoint, path, sent in addresses(demo):
        before = len(demo.rows())
        with subtests.test(endpoint=endpoint, path=path):
            response = first_answer(demo, endpoint, path, sent)
            written = demo.rows()[before:]
            shown = demo.shown_in(response) | demo.named_in(path)
            assert [set(row[-1]) for row in written] == ([shown] if shown else [])
            assert all(row[3] == endpoint for row in written)
            assert all(str(row[0]) == response.headers["X-Request-Id"] for row in written)
            if shown:
                answered.add(endpoint)
                assert endpoint in DISCLOSING
    showing = {name for name in DISCLOSING if name.split(".")[0] in SHOWING}
    telling = {"groups.get-group-timeline", "diploma-sessions.get-diploma-session-timeline"}  # no sentence has an id
    assert answered >= showing - telling


def first_answer(demo: Watched, endpoint: str, path: str, sent: dict[str, Any]) -> TestResponse:
    """The 200 of the first role that gets one; those before it get nothing, and nothing is written of them."""
    before = len(demo.rows())
    for role in roles_of(endpoint):
        if role not in demo.tokens:
            continue
        response = demo.ask(path, role, **sent)
        if response.status_code == 200:
            return response
        assert demo.shown_in(response) <= demo.named_in(path)
        assert len(demo.rows()) == before
    pytest.fail(f"nobody may read {path}")


def addresses(demo: Watched) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(endpoint, path, what else is sent) of every route that reads, on a few streams of each kind."""
    kinds = {kind.plural: kind.name for kind in KINDS.values()}
    diplomas = demo.diplomas()
    number = demo.ask("/v1/learners?limit=1").get_json()["items"][0]["file_number"]
    asked: dict[str, dict[str, Any]] = {
        "learners.list-learners": {"query_string": "limit=7"},
        "learners.look-up-learner": {"method": "POST", "json": {"file_number": number}},
        "learners.search-learners": {"method": "POST", "json": {"text": "Amina"}},
        "diplomas.find-diploma": {"query_string": diplomas[0].asked_by_number},
        "groups.get-attendance": {"query_string": f"week={monday_of(demo)}&component=workshop"},
    }
    for rule in demo.app.url_map.iter_rules():
        if rule.endpoint not in READS:
            continue
        path = re.sub(r"<uuid:\w+>", "{stream}", rule.rule).replace("<int:version>", "{version}")
        path = path.replace("<feed>", NATIONAL)
        of = rule.endpoint.split(".")[0]
        streams: Sequence[tuple[UUID | None, int]] = [(None, 1)]
        if "{stream}" in path:
            streams = streams_of(demo, kinds[of]) if of in kinds else [(each.diploma, 1) for each in diplomas]
        for stream, last in streams:
            for version in sorted({1, (1 + last) // 2, last}) if "{version}" in path else [last]:
                yield rule.endpoint, path.format(stream=stream, version=version), asked.get(rule.endpoint, {})


def streams_of(demo: Watched, kind: str) -> Sequence[tuple[UUID | None, int]]:
    """Some streams of this kind, the longest first, and their versions."""
    query = (
        "select originator_id, max(originator_version) from forsa_events where topic like %s"
        " group by 1 order by 2 desc, 1 limit %s"
    )
    with psycopg.connect(demo.log_dsn) as owner:
        return owner.execute(query, (f"{kind}.%", SAMPLE)).fetchall()


def monday_of(demo: Watched) -> str:
    """A week in which the workshop's sessions were held."""
    query = "select convert_from(state, 'UTF8')::json->>'week' from forsa_events where topic = 'group.sessions-held'"
    with psycopg.connect(demo.log_dsn) as owner:
        row = owner.execute(f"{query} and originator_id = %s limit 1".encode(), (WORKSHOP,)).fetchone()
    assert row
    return str(row[0])


def test_every_read_is_said_to_show_learners_or_none() -> None:
    check_every_read()
    assert READS.keys() == DISCLOSING | NOT_DISCLOSING


def test_an_application_with_an_undecided_read_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READS, "learners.get-learner-secrets", ("caseworker",))
    with pytest.raises(ReadUndecided, match="get-learner-secrets"):
        check_every_read()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_names_learners_in_fields_of_that_name_alone(event: Event) -> None:
    """What finds the learners in a body looks for `learner`: no event may call one by another name."""
    fields = [name for name in type(event).__struct_fields__ if "learner" in name]
    assert set(fields) <= {"learner", "learners"}
    assert all(isinstance(each, UUID) for each in learners_in(event))


# ── fail closed ──


def test_a_row_that_cannot_be_stored_is_a_503_that_shows_nothing(few: Watched, subtests: pytest.Subtests) -> None:
    paths = [f"/v1/learners/{few.one}{more}" for more in ("", "/timeline", "/possible-commands", "/events/1")]
    with few.unwritable():
        for path in [*paths, "/v1/learners", f"/v1/learners/{few.one}/disclosures"]:
            with subtests.test(path=path):
                response = few.ask(path, "coordinator")
                assert (response.status_code, response.get_json()["code"]) == (503, "unavailable")
                assert response.headers["Retry-After"]
                assert not few.shown_in(response)
                assert "ETag" not in response.headers
    assert few.rows() == []
    assert few.ask(paths[0]).status_code == 200


def test_what_shows_no_learner_is_answered_all_the_same(few: Watched) -> None:
    with few.unwritable():
        assert few.ask(f"/v1/centres/{CENTRE}").status_code == 200
        assert few.ask(f"/v1/learners?centre={uuid4()}").status_code == 200


def test_an_answer_whose_view_forgot_to_say_whom_it_shows_does_not_leave(
    few: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.learners.disclose", lambda *_, **__: None)
    response = few.ask(f"/v1/learners/{few.one}")
    assert (response.status_code, response.get_json()["code"]) == (500, "internal-error")
    assert not few.shown_in(response)
    assert "ETag" not in response.headers


# ── what counts as a look ──


def test_a_read_that_is_sent_again_is_another_look(few: Watched) -> None:
    path = f"/v1/learners/{few.one}"
    requests = {few.ask(path).headers["X-Request-Id"] for _ in range(2)}
    assert {str(row[0]) for row in few.rows()} == requests
    assert len(requests) == 2


def test_a_head_and_a_conditional_read_are_looks_too(few: Watched) -> None:
    path = f"/v1/learners/{few.one}"
    tag = few.ask(path, method="HEAD").headers["ETag"]
    headers = {"Authorization": f"Bearer {few.tokens['caseworker']}", "If-None-Match": tag}
    assert few.client().get(path, headers=headers).status_code == 200
    assert len(few.rows()) == 2


def test_what_is_not_shown_is_not_written_down(few: Watched) -> None:
    learner = few.one
    refused = [
        few.client().get(f"/v1/learners/{learner}"),
        few.ask(f"/v1/learners/{learner}", "accountant"),
        few.ask(f"/v1/learners/{uuid4()}"),
        few.ask(f"/v1/learners/{learner}?as_of=2020-01-01T00:00:00Z"),
        few.ask(f"/v1/learners/{learner}?as_of=2999-01-01T00:00:00Z"),
        few.ask(f"/v1/learners/{learner}?colour=red"),
        few.ask(f"/v1/learners/{learner}", method="DELETE"),
    ]
    assert [each.status_code for each in refused] == [401, 403, 404, 404, 422, 422, 405]
    assert few.ask(f"/v1/learners/{learner}", method="OPTIONS").status_code == 200
    assert few.rows() == []


def test_a_row_says_who_looked_in_which_role_by_which_route_and_how_much_they_saw(few: Watched) -> None:
    response = few.ask(f"/v1/learners/{few.one}", "ministry")
    ((request, reader, role, what, shown, as_of, subjects),) = few.rows()
    assert (str(request), role, what) == (response.headers["X-Request-Id"], "ministry", "learners.get-learner")
    assert (shown, as_of, subjects) == (["(full,f)"], None, [few.one])
    assert reader not in few.learners


def test_a_look_at_a_past_moment_says_which(few: Watched) -> None:
    with psycopg.connect(few.log_dsn) as owner:
        row = owner.execute("select max(recorded_at)::text, max(notification_id) from forsa_events").fetchone()
    assert row
    then = {"as_of": row[0].replace(" ", "T") + ":00"}
    assert few.ask(f"/v1/learners/{few.one}", query_string=then).status_code == 200
    assert few.rows()[0][5] == row[1]


# ── who may read the log ──


def test_the_centres_coordinator_and_the_protection_officer_see_who_looked_newest_first(few: Watched) -> None:
    learner = few.one
    few.ask(f"/v1/learners/{learner}", "educator")
    few.ask(f"/v1/learners/{learner}/timeline", "counsellor")
    for role in ("coordinator", "data_protection_officer"):
        items = few.ask(f"/v1/learners/{learner}/disclosures", role).get_json()["items"]
        assert [each["role"] for each in items][-2:] == ["counsellor", "educator"]
        assert items[-1]["what"] == "learners.get-learner"
        assert items[-1].keys() == {
            "at",
            "reader",
            "role",
            "org",
            "what",
            "level",
            "named",
            "emergency",
            "as_of_position",
            "request",
        }
        few.ask(f"/v1/learners/{learner}/disclosures", "coordinator")
    assert few.rows()[-1][3] == "learners.get-learner-disclosures"  # a look at the log is a look


def test_the_log_goes_on_by_its_link_until_every_look_was_seen_once(few: Watched) -> None:
    learner, other = sorted(few.learners)[:2]
    told = [few.ask(f"/v1/learners/{learner}").headers["X-Request-Id"] for _ in range(5)]
    few.ask(f"/v1/learners/{other}")
    seen: list[str] = []
    path: str | None = f"/v1/learners/{learner}/disclosures?limit=2"
    while path:
        response = few.ask(path, "coordinator")
        seen += [each["request"] for each in response.get_json()["items"]]
        path = response.headers["Link"].split(">")[0][1:] if "Link" in response.headers else None
    assert seen == told[::-1]


def test_others_may_not_read_who_looked(few: Watched) -> None:
    learner = few.one
    for role in ("caseworker", "educator", "ministry", "provincial_directorate", "aref", "auditor", "accountant"):
        assert few.ask(f"/v1/learners/{learner}/disclosures", role).status_code == 403
    assert few.ask(f"/v1/learners/{uuid4()}/disclosures", "coordinator").status_code == 404
    assert few.rows() == []


# ── names withheld ──


def test_whoever_may_not_know_names_is_shown_no_number_that_leads_to_one(
    demo: Watched, subtests: pytest.Subtests
) -> None:
    """An auditor finds the learners of the mission by a list, and no paper's number in anything read of them."""
    known = demo.ask("/v1/learners?limit=100", "coordinator").get_json()["items"]
    graduate = next(each for each in known if each["diplomas"])
    numbers = {graduate["file_number"], *(each["number"] for each in graduate["diplomas"])}
    numbers |= {f"{mark}{each['candidate_number']}" for each in graduate["candidatures"] for mark in (" ", '"')}
    learner, session = graduate["learner"], graduate["candidatures"][0]["session"]
    events = [f"/v1/learners/{learner}/events/{version}" for version in range(1, graduate["version"] + 1)]
    history = [f"/v1/learners/{learner}{more}" for more in ("", "/timeline?limit=100", "/audit-trail?limit=100")]
    of_session = {"ministry": [f"/v1/diploma-sessions/{session}"], "auditor": []}  # an auditor is shown no session
    for role in ("auditor", "ministry"):
        listed = demo.ask("/v1/learners?limit=100", role).get_json()["items"]
        assert learner in {each["learner"] for each in listed}
        for path in [*events, *history, "/v1/learners?limit=100", *of_session[role]]:
            with subtests.test(role=role, path=path):
                response = demo.ask(path, role)
                assert response.status_code == 200 or (role == "auditor" and path in events)  # not of the mission
                assert not {each for each in numbers if each in response.get_data(as_text=True)}

"""Who may, whole: every route and command × every role it names × where their grant lies, against docs/permissions.md.

A command counts as allowed when it gets past authorisation, whatever the rules then say of it: nothing is stored here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from flask import Response
from werkzeug.test import TestResponse

from api import examples
from api.app import create_app
from api.commands import rule_of
from api.examples import EXAMPLES
from api.permissions import PUBLIC, READS, WRITES
from domain.casebook import Append, Appended, Casebook
from domain.event import By
from domain.kind import CommandSpec
from domain.learner.admission import LearnerEnrolled
from domain.learner.identification import IdentifyLearner
from domain.organisation import Mission
from domain.parameter import NATIONAL
from domain.partner_feed import feed_name
from domain.reference import code_list
from domain.streams import COMMANDS, KINDS
from projections.projector import Projector
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa, api_parts
from tests.api.regions import (
    CONVENTION,
    DIPLOMA,
    ENROLMENT,
    GROUP,
    LEARNER,
    NUMBER,
    PLACES,
    SESSION,
    TRANSFER,
    Holder,
    centre_of,
    held_by,
    stood_up,
)
from tests.api.stack import CENTRE, composed, ident
from tests.feed_rows import FeedRows

PAGE: Final = Path(__file__).parents[2] / "docs" / "permissions.md"
ROLES: Final = code_list("role").codes_on(date(2026, 11, 22))  # those a grant may give
SCOPES: Final[Mapping[str, tuple[str, str]]] = {
    "own centre": ("centre", str(CENTRE)),
    "former centre": ("centre", str(centre_of("former"))),
    "asked centre": ("centre", str(centre_of("asked"))),
    "same association": ("centre", str(centre_of("sister"))),
    "same province": ("centre", str(centre_of("near"))),
    "other region": ("centre", str(centre_of("far"))),
    "its province": ("province", "TNG"),
    "another province": ("province", "LAA"),
    "its region": ("region", "MA-01"),
    "its convention": ("convention", str(CONVENTION)),
    "national": ("national", ""),
}
_PLACE_OF: Final = dict(zip(list(SCOPES)[:6], PLACES, strict=True))
STREAMS: Final[Mapping[str, UUID]] = {
    "learner": LEARNER,
    "group": GROUP,
    "diploma-session": SESSION,
    "centre": CENTRE,
    "convention": CONVENTION,
    "organisation": ident("association"),
    "parameter": NATIONAL,
    "worker": ident("worker educator"),
}
# the ids of the documented bodies → those of this world
IDS: Final[Mapping[str, str]] = {
    examples.ASSOCIATION: str(ident("association")),
    examples.MINISTRY: str(ident("ministry")),
    examples.DELEGATION: str(ident("delegation")),
    examples.WORKER: str(ident("worker counsellor")),
    examples.EDUCATOR: str(ident("worker educator")),
    examples.JURY: str(ident("worker en_agent")),
    examples.CENTRE: str(CENTRE),
    examples.CONVENTION: str(CONVENTION),
    examples.GROUP: str(GROUP),
    examples.SESSION: str(SESSION),
    examples.LEARNER: str(LEARNER),
    examples.ENROLMENT: str(ENROLMENT),
    examples.TRANSFER: str(TRANSFER),
    examples.DIPLOMA: str(DIPLOMA),
    examples.OTHER_CENTRE: str(centre_of("sister")),
}
TODAY: Final[Mapping[str, Mapping[str, Any]]] = {
    "SetParameter": {"why": {"code": "paper_arrived_late"}},
    "SetTimetable": {"why": {"code": "paper_arrived_late"}},
    "EndEnrolment": {"ended_on": "2026-11-20"},
}
# what a read that is not of one stream is asked for
QUERIES: Final[Mapping[str, str]] = {
    "/attendance": "week=2026-11-16&component=workshop",
    "/v1/diplomas": f"delegation={ident('delegation')}&kind=vocational_diploma&year=2026&number={NUMBER}",
}
NONE, ALL = "–", "all"
MISSION: Final = Mission(date(2025, 9, 1), date(2027, 8, 31), names=False)  # of both seasons
WOULD_STORE: Final = 202  # no answer of ours: the command was allowed and decided


class WouldStore(Exception):
    """The command was allowed and decided."""


class NothingStored:
    """The log, but that appends end here."""

    def __init__(self, forsa: Forsa) -> None:
        self._log = forsa.event_log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, _append: Append) -> Appended:
        raise WouldStore


def login_of(role: str, scope: str) -> str:
    return f"{role} @ {scope}"


def _holders() -> Iterator[Holder]:
    authority = {"provincial_directorate": "directorate", "aref": "academy", "en_agent": "delegation"}
    for role in ROLES:
        for name, scope in SCOPES.items():
            place = PLACES[_PLACE_OF[name]].association if name in _PLACE_OF else "ministry"
            org = authority.get(role, place) if name in ("own centre", "its province", "its region") else place
            yield Holder(login_of(role, name), role, *scope, ident(org), MISSION if role == "auditor" else None)


class Matrix:
    """Asks every question once."""

    def __init__(self, forsa: Forsa, issuer: DevelopmentIssuer) -> None:
        self.forsa, self._issuer = forsa, issuer
        parts = api_parts(forsa, issuer.verifier())
        book = Casebook(NothingStored(forsa), forsa.keyring, now=forsa.now, nonce=parts.new_id)
        self.parts = msgspec.structs.replace(parts, casebook=book)
        app = create_app(self.parts)
        app.register_error_handler(WouldStore, lambda _: Response(status=WOULD_STORE))
        self.client = app.test_client()
        versions = [version for version, event in enumerate(forsa.event_log.load([LEARNER])[LEARNER].events, 1)
                    if isinstance(event, LearnerEnrolled)]  # fmt: skip
        self.enrolled_at = dict(zip(("former centre", "own centre"), versions, strict=True))
        number = forsa.casebook.load("learner", LEARNER).state.identification.file_number
        self.sent = {"search-learners": {"text": "سلمى"}, "look-up-learner": {"file_number": number}}
        self.sent["confirm-feed"] = {"epoch": 1, "sequence": 1}
        self._now = int(time.time())
        self._tokens: dict[str, str] = {}

    def asked(self, method: str, path: str, login: str, body: Any = None, **headers: str) -> TestResponse:
        token = self._tokens.setdefault(login, self._issuer.issue(login, self._now))
        said = {"Authorization": f"Bearer {token}", "Accept-Language": "en", **headers}
        return self.client.open(path, method=method, json=body, headers=said)

    def read(self, name: str, rule: str, method: str, login: str) -> TestResponse:
        episode = "former centre" if login.endswith("@ former centre") else "own centre"
        path = _path(rule, self.enrolled_at[episode] if name == "get-learner-event" else 1)
        key = {"Idempotency-Key": str(self.parts.new_id())}
        return self.asked(method, path, login, self.sent[name] if method == "POST" else None, **key)

    def told(self, spec: CommandSpec, login: str) -> TestResponse:
        stream = STREAMS[spec.kind]
        path = rule_of(spec).replace(f"<uuid:{spec.stream}>", str(stream))
        version = self.forsa.event_log.load([stream])[stream].version
        more = {"If-Match": f'"{version}"'} if spec.replaces else {}
        return self.asked("POST", path, login, _body(spec), **{"Idempotency-Key": str(self.parts.new_id()), **more})


def _translated(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {name: _translated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_translated(each) for each in value]
    return IDS.get(value, value) if isinstance(value, str) else value


def _body(spec: CommandSpec) -> Any:
    """The documented body, with what this world's day asks for beside it."""
    name = spec.command.__name__
    return _translated({**EXAMPLES[name], **TODAY.get(name, {})})


def _path(rule: str, version: int = 1) -> str:
    kind = next((each for each in KINDS.values() if f"/{each.plural}/" in rule), None)
    name = kind.name.replace("-", "_") if kind else ""
    path = rule.replace("<uuid:stream>", str(STREAMS[kind.name]) if kind else "").replace("<int:version>", str(version))
    path = path.replace(f"<uuid:{name}>", str(STREAMS[kind.name]) if kind else "")
    path = path.replace("<feed>", feed_name("MA-01"))
    path = path.replace("<uuid:diploma>", str(DIPLOMA))
    return next((f"{path}?{query}" for end, query in QUERIES.items() if path.endswith(end)), path)


def _is_let_in(response: TestResponse) -> bool:
    """Whether it was shown, or got as far as the rules. A body the form refuses would hide what the scope says."""
    code = (response.get_json(silent=True) or {}).get("code")
    refused = response.status_code in (403, 404) or code == "unknown-stream"
    assert refused or response.status_code in (200, 409, WOULD_STORE), (response.status_code, response.get_data(True))
    return not refused


def _cell(let_in: list[str], roles: tuple[str, ...]) -> str:
    return ALL if len(let_in) == len(roles) else ", ".join(let_in) or NONE


@pytest.fixture
def matrix(web_dsn: str, keys_role_dsn: str, projector_dsn: str, tmp_path: Path) -> Iterator[Matrix]:
    """The places, their workers, and every view up to date."""
    forsa = composed(web_dsn, keys_role_dsn, tmp_path / "key.json")
    stood_up(forsa)
    FeedRows(projector_dsn, "MA-01")
    held_by(forsa, _holders())
    projector = Projector(projector_dsn, forsa.mapper, forsa.keyring)
    projector.catch_up()
    projector.close()
    yield Matrix(forsa, DevelopmentIssuer(tmp_path / "key.json", "forsa"))
    forsa.close()


def test_the_whole_matrix_is_the_one_in_the_docs(matrix: Matrix) -> None:
    rows = [*_reads(matrix), *_commands(matrix)]
    made = _page(rows)
    if made != PAGE.read_text(encoding="utf-8"):
        there = Path("build") / PAGE.name
        there.parent.mkdir(exist_ok=True)
        there.write_text(made, encoding="utf-8")
        pytest.fail(f"who may has changed: compare {there} with {PAGE.name}, and keep it there if that is meant")


def _reads(matrix: Matrix) -> Iterator[list[str]]:
    rules = {rule.endpoint: rule for rule in matrix.client.application.url_map.iter_rules()}
    for endpoint, roles in READS.items():
        rule = rules[endpoint]
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        name = endpoint.partition(".")[2]
        yield _row(name, roles, lambda login, name=name, rule=rule, method=method: matrix.read(
            name, rule.rule, method, login))  # fmt: skip


def _commands(matrix: Matrix) -> Iterator[list[str]]:
    for spec in COMMANDS:
        yield _row(spec.name, spec.roles, lambda login, spec=spec: matrix.told(spec, login))


def _row(name: str, roles: tuple[str, ...], ask: Any) -> list[str]:
    for role in set(ROLES) - set(roles):
        assert ask(login_of(role, "national")).get_json()["code"] == "not-your-role", (name, role)
    cells = []
    for scope in SCOPES:
        answers = {role: ask(login_of(role, scope)) for role in roles}
        cells.append(_cell([role for role, each in answers.items() if _is_let_in(each)], roles))
    return [name, ", ".join(roles), *cells]


HEAD: Final = """# Who may

Generated by the test that asks every question (`tests/api/test_permission_matrix.py`): which of the roles named are
let in, by where their grant lies as seen from one learner, who is at a centre now, was at a former one, and whose
transfer to a third was asked for. `all`: all of the roles named; `–`: none. What a reader is shown differs: a former
centre sees its own episode, a centre that was asked a summary, an auditor no names. Whoever holds no role gets 403.

"""


def _page(rows: list[list[str]]) -> str:
    head = ["operation", "roles", *SCOPES]
    lines = [head, ["---"] * len(head), *([f"`{row[0]}`", *row[1:]] for row in rows)]
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_a_learner_out_of_scope_is_answered_like_one_who_is_not_there(matrix: Matrix) -> None:
    """The same bytes but for the request's id, on every route of a learner."""
    unknown = ident("nobody at all")
    for rule in matrix.client.application.url_map.iter_rules():
        if "<uuid:" not in rule.rule or "/v1/learners/" not in rule.rule or rule.endpoint in PUBLIC:
            continue
        roles = READS.get(rule.endpoint) or WRITES[rule.endpoint]
        login = login_of(roles[0], "other region")
        spec = next((each for each in COMMANDS if rule.endpoint.endswith(f".{each.name}")), None)
        told = []
        for learner in (LEARNER, unknown):
            path = _path(rule.rule.replace("<uuid:learner>", str(learner)).replace("<uuid:stream>", str(learner)))
            body = _translated(EXAMPLES[spec.command.__name__]) if spec else None
            headers = {"Idempotency-Key": str(matrix.parts.new_id()), "If-Match": '"1"'} if spec else {}
            response = matrix.asked("POST" if spec else "GET", path, login, body, **headers)
            kept = {name: value for name, value in response.headers if name not in ("X-Request-Id", "Date")}
            told.append((response.status_code, kept, response.get_data().replace(str(learner).encode(), b"ID")))
        assert told[0] == told[1], rule.rule
        assert told[0][0] == 404, (rule.rule, told[0])


def test_a_centre_that_was_asked_is_shown_what_it_answers(matrix: Matrix) -> None:
    """And no link that leads it to nothing."""
    shown = matrix.asked("GET", f"/v1/learners/{LEARNER}", login_of("coordinator", "asked centre")).get_json()
    assert (shown["sight"], shown["links"].keys()) == ("summary", {"self", "possible-commands"})
    assert shown["transfer"]["transfer"]
    assert shown["transfer"]["to_centre"] == shown["record"]["standing"]["asked"]
    former = matrix.asked("GET", f"/v1/learners/{LEARNER}", login_of("coordinator", "former centre")).get_json()
    assert (former["sight"], former["transfer"]) == ("episode", None)


def test_who_holds_nothing_is_refused_everywhere(matrix: Matrix) -> None:
    for rule in matrix.client.application.url_map.iter_rules():
        if rule.endpoint not in PUBLIC:
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            response = matrix.asked(method, _path(rule.rule), "nobody at all", {} if method == "POST" else None)
            assert response.status_code == 403, rule.rule


def test_a_learner_out_of_scope_on_a_sheet_is_told_like_one_who_is_not_there(matrix: Matrix) -> None:
    """Also beside one who is not: which of the two is there cannot be told."""
    spec = next(each for each in COMMANDS if each.name == "record-attendance")
    path, login = rule_of(spec).replace(f"<uuid:{spec.stream}>", str(GROUP)), login_of("educator", "own centre")
    foreign = learner_elsewhere(matrix)
    nobody = [ident(f"nobody {number}") for number in range(2)]
    body = _translated(EXAMPLES["RecordAttendance"])
    told = []
    for first in (foreign, nobody[0]):
        rows = [{**body["rows"][0], "learner": str(each)} for each in (first, nobody[1])]
        headers = {"Idempotency-Key": str(matrix.parts.new_id())}
        response = matrix.asked("POST", path, login, {**body, "rows": rows}, **headers)
        assert [each["pointer"] for each in response.get_json()["errors"]] == ["/rows/0/learner", "/rows/1/learner"]
        said = {name: value for name, value in response.get_json().items() if name != "request_id"}
        told.append((response.status_code, str(said).replace(str(first), "ID")))
    assert told[0] == told[1]


def learner_elsewhere(matrix: Matrix) -> UUID:
    """A learner whom another region's association identified."""
    by = By(actor=ident("somebody"), role="caseworker", org=ident("far association"), src="api")
    said = {"province": "LAA", "source": "self", "names": [{"given": "سلمى"}], "sex": "f"}
    learner = ident("learner elsewhere")
    command = msgspec.convert({**said, "learner": str(learner)}, IdentifyLearner)
    matrix.forsa.casebook.execute(command, by)
    return learner

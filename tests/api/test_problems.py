"""Problems: one status for every code there is, texts in three languages, and no 500 whatever is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import problems
from api.commands import rule_of
from api.examples import CENTRE, CONVENTION, DELEGATION, ENROLMENT, EXAMPLES, GROUP, LEARNER, OUTCOME, SESSION
from api.problems import OF_FORM, STATUS, codes_of_rules, status_of
from domain.errors import UnknownStream
from domain.kind import CommandSpec
from domain.parameter import NATIONAL
from domain.streams import COMMANDS
from domain.texts import LANGUAGES, has
from tests.api import stack
from tests.api.stack import Api, group_of, ident, seated


def test_every_refusal_has_one_status() -> None:
    rules = codes_of_rules()
    assert rules.keys() >= OF_FORM
    assert not rules.keys() & STATUS.keys(), "a code means one thing"
    empty = {name: "" for rule in rules.values() for name in rule.__struct_fields__}
    for rule in rules.values():
        given_fields = {name: empty[name] for name in rule.__struct_fields__ if name != "pointer"}
        if rule is not UnknownStream:
            assert status_of(rule(**given_fields)) in (409, 422)
    unknown = UnknownStream(kind="learner", id=UUID(int=1))
    assert (status_of(unknown), status_of(UnknownStream(pointer="/centre", kind="centre", id=UUID(int=1)))) == (
        404,
        422,
    )


def test_every_problem_is_answered_somewhere() -> None:
    """A code that is documented and never met is a promise nobody keeps."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(problems.__file__).parent.glob("*.py"))
    assert [code for code in STATUS if source.count(f'"{code}"') < 2] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_texts(language: str) -> None:
    keys = [f"problem.{code}" for code in STATUS] + [f"refusal.{code}" for code in codes_of_rules()]
    assert [key for key in keys if not (has(key, language) and has(f"{key}.way-out", language))] == []


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.dates().map(str)
    | st.uuids().map(str)
    | st.sampled_from(
        ["f", "m", "TNG", "COU", "level_2", "workshop", "present", "2026-11-16", "0001-01-01", "9999-12-31"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, part in inner for each in _places(part, (*path, key)))]


@st.composite
def _spoilt(draw: st.DrawFn) -> tuple[CommandSpec, Any]:
    """A command's example with up to three of its places taken out or replaced."""
    spec = draw(st.sampled_from(COMMANDS))
    body = json.loads(json.dumps(EXAMPLES[spec.command.__name__]))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_places(body)))
        if not path:
            body = draw(st.one_of(st.just(body), ANYTHING))
            continue
        part = body
        for key in path[:-1]:
            part = part[key]
        if isinstance(part, dict) and draw(st.booleans()):
            del part[path[-1]]
        else:
            part[path[-1]] = draw(ANYTHING)
    return spec, body


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=_spoilt())
def test_whatever_is_sent_the_answer_is_no_500(api: Api, sent: tuple[CommandSpec, Any]) -> None:
    spec, body = sent
    real = _real_ids(api)
    text = json.dumps(body)
    for example, there in real.items():
        text = text.replace(example, there)
    paths = {"group": GROUP, "learner": LEARNER, "centre": CENTRE, "diploma-session": SESSION, "worker": "worker"}
    stream = {"organisation": str(ident("association")), "parameter": str(NATIONAL)}.get(spec.kind) or real.get(
        paths.get(spec.kind, ""), str(stack.worker("educator"))
    )
    path = rule_of(spec).replace(f"<uuid:{spec.stream}>", stream)
    version = api.version(UUID(stream))
    response = api.post_raw(path, text.encode("utf-8", "surrogatepass"), spec.roles[0], If_Match=f'"{version}"')
    assert response.status_code < 500, (path, text, response.get_data(as_text=True))
    assert response.status_code in (200, 201) or response.mimetype == "application/problem+json"


_WORLDS: dict[int, dict[str, str]] = {}


def _real_ids(api: Api) -> dict[str, str]:
    """Ids of the examples → ids of streams that are there; made once an API."""
    if id(api) not in _WORLDS:
        group = group_of(api)
        learner, enrolment = seated(api, group)
        said = {**EXAMPLES["OpenDiplomaSession"], "authority": str(ident("delegation")), "centres": [str(stack.CENTRE)]}
        session = api.done("/v1/diploma-sessions", said, "en_agent")["ids"]["diploma_session"]
        _WORLDS[id(api)] = {
            CENTRE: str(stack.CENTRE),
            CONVENTION: str(stack.CONVENTION),
            DELEGATION: str(ident("delegation")),
            GROUP: group,
            LEARNER: learner,
            ENROLMENT: enrolment,
            SESSION: session,
            OUTCOME: str(ident("outcome")),
        }
    return _WORLDS[id(api)]


def test_every_code_is_listed_once_with_its_texts_and_its_acts(api: Api) -> None:
    listed = api.get("/v1/problems", None, Accept_Language="fr").get_json()["problems"]
    assert sorted(each["code"] for each in listed) == sorted((*codes_of_rules(), *STATUS))
    for each in listed:
        assert each == api.get(f"/v1/problems/{each['code']}", None, Accept_Language="fr").get_json()
    of_full = next(each for each in listed if each["code"] == "group-is-full")
    assert (of_full["status"], of_full["rule"], of_full["commands"]) == (409, 11, ["open-group"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_codes_explains_each_under_an_anchor_of_its_own(api: Api, language: str) -> None:
    page = api.get(f"/docs/problems-{language}", None)
    text = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in text[:100]
    assert sorted(re.findall(r'<article id="([^"]+)"', text)) == sorted((*codes_of_rules(), *STATUS))
    assert not re.search(r"https?://|<script|style=|[\u2068{}]|\[[a-z_]+\]", text)
    assert api.get("/docs/problems", None, Accept_Language=language).get_data(as_text=True) == text
    for address in set(re.findall(r'href="(/[^"#]+)"', text)):
        assert api.get(address, None).status_code == 200


def test_the_type_of_a_problem_leads_a_reader_to_the_page_and_a_program_to_the_data(api: Api) -> None:
    address = api.get("/v1/nothing").get_json()["type"]
    to_a_reader = api.get(address, None, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (to_a_reader.status_code, to_a_reader.headers["Location"]) == (303, "/docs/problems#not-found")
    for accept in ("*/*", "application/json", "application/problem+json, application/json"):
        assert api.get(address, None, Accept=accept).get_json()["code"] == "not-found"
    assert "Accept-Language" in to_a_reader.headers["Vary"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("?cursor=Zm9yZ2Vk", "bad-cursor", "cursor"),
        ("?as_of=2100-01-01T00:00:00Z", "as-of-in-future", "as_of"),
        ("?as_of=yesterday", "bad-parameter", "as_of"),
        ("?at_least=999999999", "at-least-ahead", "at_least"),
        ("?at_least=soon", "bad-parameter", "at_least"),
    ],
)
def test_what_a_read_asks_for_wrongly_is_told_with_its_place_in_each_language(
    api: Api, project: Callable[[], int], query: str, code: str, parameter: str, language: str
) -> None:
    group = group_of(api)
    project()
    path = f"/v1/groups/{group}/timeline" if parameter == "cursor" else f"/v1/groups/{group}"
    answer = api.get(path + query, "coordinator", Accept_Language=language)
    said = answer.get_json()
    (error,) = said["errors"]
    assert (answer.status_code, said["code"], error["parameter"]) == (422, code, parameter)
    assert answer.headers["Content-Language"].startswith(language)
    arabic = re.compile("[\u0620-\u064a]{2}")
    for sentence in (said["title"], said["detail"], error["detail"], error["way_out"]):
        assert bool(arabic.search(sentence)) == (language == "ar")


def test_a_language_nobody_can_read_is_told_in_arabic(api: Api) -> None:
    answer = api.get("/livez", None, Accept_Language="§§")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "bad-parameter")
    assert answer.get_json()["errors"][0]["parameter"] == "Accept-Language"
    assert answer.headers["Content-Language"] == "ar-MA"

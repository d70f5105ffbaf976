"""The OpenAPI document: valid, whole, without leftovers of the libraries that made it, and browsable offline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate

from api.examples import EXAMPLES
from api.feed_examples import ANSWERS
from api.permissions import PUBLIC, READS, WRITES
from api.problems import STATUS, codes_of_rules
from api.schema_of import AMOUNTS, CODE_LISTS, NEW_ID, schema_of
from domain.kind import CommandSpec
from domain.parameters import DEFINITIONS
from domain.reference import list_names
from domain.streams import COMMANDS
from tests.api.stack import Api

ARABIC = re.compile("[\u0600-\u06ff]")


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    """The document as it is served."""
    response = api.get("/v1/openapi.json", None)
    assert response.status_code == 200
    made: dict[str, Any] = response.get_json()
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation)."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post"):
                yield path, method, operation


def test_the_document_is_valid_openapi_31(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_nothing_is_left_of_older_versions_and_of_the_libraries(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    ours = ("x-answer", "x-command", "x-media", "x-statuses")
    for leftover in ("nullable", "DEFAULT_ERROR", "PaginationMetadata", "UNPROCESSABLE", *ours):
        assert leftover not in text
    assert not [name for name in document["components"]["schemas"] if name in ("Error1", "ErrorSchema")]


def test_every_route_with_a_row_is_documented_under_its_name(api: Api, document: dict[str, Any]) -> None:
    names = [f"{operation['tags'][0]}.{operation['operationId']}" for _, _, operation in operations(document)]
    public = {name for name in PUBLIC if name.startswith("house.")}
    assert sorted(names) == sorted(READS.keys() | WRITES.keys() | public)
    assert len({operation["operationId"] for _, _, operation in operations(document)}) == len(names)
    assert {rule.endpoint for rule in api.app.url_map.iter_rules()} == set(names) | PUBLIC


def test_every_operation_says_what_it_does_who_may_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        assert operation["summary"], path
        is_public = operation["tags"] == ["house"]
        assert operation["security"] == ([] if is_public else [{"bearer": []}])
        assert bool(operation.get("x-roles")) != is_public, path
        asked = {"404", "422", "500", "503"} | (set() if is_public else {"401", "403"})
        assert asked <= operation["responses"].keys(), path
        for status in {"200", "201"} & operation["responses"].keys():
            shown, *files = operation["responses"][status]["content"].values()
            assert files in ([], [{"schema": {"type": "string", "format": "binary"}}]), path
            assert "$ref" in {**shown["schema"], **shown["schema"].get("items", {})}, path
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_commands_ask_for_their_key_and_replacing_ones_for_the_version(document: dict[str, Any]) -> None:
    specs = {spec.name: spec for spec in COMMANDS}
    for path, method, operation in operations(document):
        if method == "post" and operation["operationId"] in specs:
            refs = {each["$ref"].rpartition("/")[2] for each in operation["parameters"] if "$ref" in each}
            assert "IdempotencyKey" in refs, path
            assert ("IfMatch" in refs) == specs[operation["operationId"]].replaces
            assert ("428" in operation["responses"]) == specs[operation["operationId"]].replaces


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for ref in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        part: Any = document
        for step in ref.split("/"):
            part = part[step]
        assert part


def test_every_answers_example_is_one_of_its_schema(document: dict[str, Any]) -> None:
    shown = {
        operation["operationId"]: operation["responses"]["200"]["content"] for _, _, operation in operations(document)
    }
    assert ANSWERS.keys() <= shown.keys()
    for name, example in ANSWERS.items():
        (content,) = shown[name].values()
        assert content["example"] == example
        judged = Draft202012Validator({**content["schema"], "components": document["components"]})
        judged.validate(example)
        with pytest.raises(ValidationError):
            judged.validate({})


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_every_commands_example_is_a_form_of_it(spec: CommandSpec) -> None:
    example = EXAMPLES[spec.command.__name__]
    assert schema_of(spec)().load(example) is not None


def test_examples_speak_of_people_in_arabic_script(document: dict[str, Any]) -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["example"]
        for _, _, operation in operations(document)
        if "requestBody" in operation
    ]
    assert len(bodies) == len(COMMANDS) + 3  # two searches and a receipt
    assert sum(bool(ARABIC.search(json.dumps(body, ensure_ascii=False))) for body in bodies) >= 7


def test_what_is_right_later_says_when(document: dict[str, Any]) -> None:
    said = {
        name for name, each in document["components"]["responses"].items() if "Retry-After" in each.get("headers", {})
    }
    assert said == {"Problem429", "Problem503"}


def test_code_lists_and_amounts_name_fields_that_exist() -> None:
    fields: set[str] = set()

    def walk(form: Any) -> None:
        for name, field in form().fields.items():
            fields.add(f"{form.__name__.removesuffix('Form')}.{name}")
            inner = getattr(field, "inner", field)
            if hasattr(inner, "nested"):
                walk(inner.nested)

    for spec in COMMANDS:
        walk(schema_of(spec))
    assert CODE_LISTS.keys() <= fields
    assert set(CODE_LISTS.values()) <= {*list_names(), "parameter"}
    assert {name.partition(".")[2] for name in fields} >= AMOUNTS
    assert all(f"{command.__name__}.{field}" in fields for command, field in NEW_ID.items())
    assert DEFINITIONS


def test_a_problem_code_is_explained_in_the_language_asked_for(api: Api) -> None:
    for code in ("group-is-full", "stale-version", "unknown-code"):
        response = api.get(f"/v1/problems/{code}", None, Accept_Language="fr")
        body = response.get_json()
        assert (response.status_code, body["code"], response.headers["Content-Language"]) == (200, code, "fr")
        assert body["title"]
        assert body["way_out"]
    assert api.get("/v1/problems/group-is-full", None).get_json()["rule"] == 11
    for code in (*codes_of_rules(), *STATUS):
        assert api.get(f"/v1/problems/{code}", None).status_code == 200, code
    assert api.get("/v1/problems/nothing", None).status_code == 404


def test_the_manual_is_served_offline(api: Api) -> None:
    page = api.get("/docs", None)
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"https?://", text)
    for name in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert api.get(name, None).status_code == 200, name
        assert not re.search(r"https?://", api.get(name, None).get_data(as_text=True))
    assert api.get("/docs/other.js", None).status_code == 404


def test_health_is_told_without_a_token(api: Api, project: Callable[[], int]) -> None:
    assert api.get("/livez", None).get_json() == {"ok": True}
    assert api.get("/readyz", None).status_code == 200
    status = api.get("/status", None).get_json()
    assert status["position"] == api.position()
    assert {"view", "events", "seconds"} <= status["views"][0].keys()
    assert status["parked"] == 0


def test_codes_are_listed_with_their_labels(api: Api) -> None:
    names = api.get("/v1/code-lists", None).get_json()["names"]
    assert {name for name in CODE_LISTS.values() if name != "parameter"} <= set(names)
    codes = api.get("/v1/code-lists/sex", None).get_json()["codes"]
    assert [each["code"] for each in codes] == ["f", "m"]
    assert all(ARABIC.search(each["ar"]) for each in codes)
    assert api.get("/v1/code-lists/nothing", None).status_code == 404

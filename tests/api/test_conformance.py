"""What the OpenAPI document promises holds for drawn requests: no 5xx, no answer and no body that is not documented.

A hundred cases an operation, as a worker whose role and scope let every operation in; every second one asks for what is
there, so that it gets past "not found".
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup, ServerError
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import JsonSchemaError, UndefinedStatusCode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.permissions import PUBLIC, READS, WRITES
from domain.parameter import NATIONAL
from domain.partner_feed import NATIONAL as NATIONAL_FEED
from projections.projector import Projector
from tests.api.regions import CONVENTION, DIPLOMA, GROUP, LEARNER, SESSION, TRANSFER, stood_up
from tests.api.stack import CENTRE, Api, ident, worker
from tests.feed_rows import FeedRows, lives

CASES: Final = 100
SHARDS: Final = 8
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
THERE: Final[Mapping[str, UUID | str]] = {
    "learner": LEARNER,
    "group": GROUP,
    "diploma_session": SESSION,
    "centre": CENTRE,
    "convention": CONVENTION,
    "organisation": ident("association"),
    "worker": worker("educator"),
    "transfer": TRANSFER,
    "feed": NATIONAL_FEED,
    "diploma": DIPLOMA,
}
OPERATIONS: Final = sorted(endpoint.partition(".")[2] for endpoint in PUBLIC | READS.keys() | WRITES.keys())
UNDOCUMENTED: Final = {"openapi", "docs", "docs-file"}  # the document and the pages that show it
QUIET: Final = hypothesis.settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a failure is shown as it was drawn: shrinking would ask thousands more
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def told(api: Api, projector_dsn: str) -> Api:
    """A world with a learner who has a past, and every view up to date."""
    stood_up(api.forsa)
    FeedRows(projector_dsn).tell(lives(Random(1), 30))
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    projector.catch_up()
    projector.close()
    return api


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_answer_is_one_the_document_promises(told: Api, shard: int, subtests: pytest.Subtests) -> None:
    by_id = _operations(told, _document(told))
    assert by_id.keys() == set(OPERATIONS) - UNDOCUMENTED
    for name in [each for each in OPERATIONS if each in by_id][shard::SHARDS]:
        with subtests.test(operation=name):
            assert _tried(told, name, by_id[name]) >= CASES


def test_a_status_that_is_not_documented_is_found(told: Api) -> None:
    document = _document(told)
    del document["paths"]["/v1/learners/{learner}"]["get"]["responses"]["404"]
    with pytest.raises(FailureGroup) as found:
        _tried(told, "get-learner", _operations(told, document)["get-learner"])
    assert {type(each) for each in found.value.exceptions} == {UndefinedStatusCode}


def test_a_field_that_is_missing_is_found(told: Api) -> None:
    document = _document(told)
    document["components"]["schemas"]["Health"]["required"].append("since")
    with pytest.raises(FailureGroup) as found:
        _tried(told, "live", _operations(told, document)["live"])
    assert {type(each) for each in found.value.exceptions} == {JsonSchemaError}


def test_a_fault_of_the_service_is_found(told: Api) -> None:
    told.app.view_functions["house.code-lists"] = lambda: str(1 // 0)
    with pytest.raises(FailureGroup) as found:
        _tried(told, "code-lists", _operations(told, _document(told))["code-lists"])
    assert ServerError in {type(each) for each in found.value.exceptions}


def _document(told: Api) -> dict[str, Any]:
    document: dict[str, Any] = told.get("/v1/openapi.json", None).get_json()
    return document


def _operations(told: Api, document: dict[str, Any]) -> dict[str, Any]:
    """The document's operations by their names; each must be one that can be read."""
    schema = schemathesis.openapi.from_dict(document)
    schema.app = told.app
    found = list(schema.get_all_operations())
    assert all(isinstance(each, Ok) for each in found)
    return {each.ok().definition.raw["operationId"]: each.ok() for each in found if isinstance(each, Ok)}


def _tried(told: Api, name: str, operation: Any) -> int:
    """How many requests were made, each answered as promised."""
    roles = {**READS, **WRITES}.get(_endpoint_of(name), ())
    tried = 0
    both = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @QUIET
    @given(case=both, there=st.booleans())
    def ask(case: Case[Any], there: bool) -> None:
        nonlocal tried
        tried += 1
        if there:
            case.path_parameters = {key: _there(operation, key, value) for key, value in case.path_parameters.items()}
        headers = {"Authorization": f"Bearer {told.tokens[roles[0]]}"} if roles else {}
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
    return tried


def _endpoint_of(name: str) -> str:
    return next(each for each in PUBLIC | READS.keys() | WRITES.keys() if each.partition(".")[2] == name)


def _there(operation: Any, name: str, drawn: Any) -> Any:
    """The id of something that is there, for the parameter of an address."""
    if name == "version":
        return 1
    plural = operation.path.split("/")[2] if name == "stream" else name
    if plural == "parameters" or name == "parameter":
        return str(NATIONAL)
    singular = plural.removesuffix("s").replace("-", "_")
    return str(THERE[singular]) if singular in THERE else drawn

"""What the OpenAPI document promises holds for drawn requests: no 5xx, no answer and no body that is not documented.

A hundred cases an operation, as a worker whose role and scope let every operation in; every second one asks for what is
there, so that it gets past "not found".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.permissions import PUBLIC, READS, WRITES
from domain.parameter import NATIONAL
from projections.projector import Projector
from tests.api.regions import CONVENTION, GROUP, LEARNER, SESSION, TRANSFER, stood_up
from tests.api.stack import CENTRE, Api, ident, worker

CASES: Final = 100
SHARDS: Final = 8
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
THERE: Final[Mapping[str, UUID]] = {
    "learner": LEARNER,
    "group": GROUP,
    "diploma_session": SESSION,
    "centre": CENTRE,
    "convention": CONVENTION,
    "organisation": ident("association"),
    "worker": worker("educator"),
    "transfer": TRANSFER,
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
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    projector.catch_up()
    projector.close()
    return api


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_answer_is_one_the_document_promises(told: Api, shard: int, subtests: pytest.Subtests) -> None:
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", told.app)
    operations = [found for each in schema.get_all_operations() if (found := each.ok()) is not None]
    assert len(operations) == len(list(schema.get_all_operations()))
    by_id = {each.definition.raw["operationId"]: each for each in operations}
    assert by_id.keys() == set(OPERATIONS) - UNDOCUMENTED
    for name in [each for each in OPERATIONS if each in by_id][shard::SHARDS]:
        with subtests.test(operation=name):
            assert _tried(told, name, by_id[name]) >= CASES


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

"""The contract with partners as programs fetch it, without a token."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.partner_feed import read_message
from runtime.contracts import PLACE
from tests.api.stack import Api
from tests.contracts.messages import corpus


def test_the_document_and_every_schema_are_served_as_they_are_committed(api: Api) -> None:
    listed: Any = api.get("/v1/contracts", None).get_json()
    assert _fetched(api, listed["asyncapi"]) == json.loads((PLACE / "asyncapi.json").read_text())
    committed = {path.name: json.loads(path.read_text()) for path in (PLACE / "schemas").iterdir()}
    served = {each["address"].rpartition("/")[2]: _fetched(api, each["address"]) for each in listed["schemas"]}
    assert served == committed


def _fetched(api: Api, address: str) -> Any:
    answer = api.get(address, None)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert answer.mimetype == ("application/schema+json" if "/schemas/" in address else "application/json")
    return json.loads(answer.data)


@pytest.mark.parametrize("name", [each for each in corpus() if "receipt" not in each])
def test_a_message_s_dataschema_leads_to_its_schema_as_the_document_says(api: Api, name: str) -> None:
    urn = read_message(corpus()[name]).dataschema
    address = "/v1/contracts/schemas/" + urn.removeprefix("urn:forsa:schema:").replace(":", ".") + ".json"
    assert _fetched(api, address)["$id"] == urn


def test_a_schema_there_is_none_of_is_not_found(api: Api) -> None:
    for name in ("diploma.awarded.2.json", "diploma.awarded.1", "../asyncapi.json"):
        assert api.get(f"/v1/contracts/schemas/{name}", None).status_code == 404

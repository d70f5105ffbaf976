"""What partners were promised holds: documents as the code has them, valid, never narrower than what was released."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker, ValidationError

from api.asyncapi import VERSION, asyncapi
from api.contract_schemas import CONTRACTS, FIELDS, MESSAGE, RECEIPT, TOLD, URN, schema_of
from consumers.binary_mode import read_attributes, record_of
from domain.partner_feed import MESSAGE_TYPES, read_message
from domain.partner_receipts import Receipt, read_receipt
from runtime import contracts
from runtime.contracts import DOCUMENT, PLACE, breaks, read, written
from tests.contracts.golden import as_of
from tests.contracts.messages import DIRECTORY, corpus, made

RELEASED = read(PLACE / "released")
NOW = contracts.contracts()
CORPUS = corpus()
DATA_OF = {each.type: each.data for each in CONTRACTS}
SCHEMA_OF = {each.type: schema_of(each) for each in CONTRACTS}

each_message = pytest.mark.parametrize("stored", CORPUS.values(), ids=CORPUS)


# ---------------------------------------------------------------- the documents


def test_the_committed_documents_are_what_the_code_has() -> None:
    """`python -m runtime.contracts` writes them."""
    files = {str(path.relative_to(PLACE)): path.read_text() for path in _files(PLACE)}
    assert files == {name: written(content) for name, content in NOW.items()}


def _files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*.json") if "released" not in path.parts]


def test_the_document_is_valid_asyncapi_3() -> None:
    validator = Draft7Validator(json.loads((DIRECTORY.parent / "asyncapi/3.0.0.json").read_text()))
    assert [f"{wrong.json_path}: {wrong.message}" for wrong in validator.iter_errors(asyncapi())] == []
    spoilt = asyncapi()
    spoilt["channels"]["nation"]["bindings"]["kafka"]["partitions"] = 0
    assert [wrong.json_path for wrong in validator.iter_errors(spoilt)] == ["$.channels.nation"]


def test_every_reference_in_it_leads_somewhere() -> None:
    document = asyncapi()
    for ref in _refs(document):
        part: Any = document
        for step in ref.removeprefix("#/").split("/"):
            part = part[step]


def _refs(part: Any) -> list[str]:
    if isinstance(part, list):
        return [ref for each in part for ref in _refs(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [ref for each in part.values() for ref in _refs(each)]


def test_every_schema_is_valid_and_named_as_messages_name_it() -> None:
    for each in CONTRACTS:
        Draft202012Validator.check_schema(schema_of(each))
    assert {each.schema for each in TOLD} == {each.schema for each in MESSAGE_TYPES}
    assert {each.schema for each in CONTRACTS} == {f"{URN}{name}:1" for name in _names()}


def _names() -> set[str]:
    return {path.stem.removesuffix(".1") for path in (PLACE / "schemas").iterdir()}


def test_every_field_has_its_meaning_and_no_meaning_is_left_over() -> None:
    schemas = asyncapi()["components"]["schemas"].values()
    assert {name for each in schemas for name in each["properties"]} == set(FIELDS)


def test_no_list_of_values_is_closed() -> None:
    """A code that is added to a list breaks no reader."""
    assert '"enum"' not in json.dumps(NOW)


# ---------------------------------------------------------------- the corpus


@each_message
def test_every_message_ever_sent_is_one_of_its_schema(stored: bytes) -> None:
    event = json.loads(stored)
    _validate(SCHEMA_OF[event["type"]], event["data"])
    if event["type"] != RECEIPT.type:
        _validate(SCHEMA_OF[MESSAGE.type], event)
        assert SCHEMA_OF[event["type"]]["$id"] == event["dataschema"]


def _validate(schema: dict[str, Any], content: Any) -> None:
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(content)


@each_message
def test_every_message_ever_sent_is_read_whole(stored: bytes) -> None:
    event = json.loads(stored)
    if event["type"] == RECEIPT.type:
        key = event["source"].rpartition(":")[2].encode()
        assert isinstance(read_receipt(stored, [], key), Receipt)
    else:
        assert msgspec.json.decode(read_message(stored).data) == event["data"]
    data = msgspec.json.decode(json.dumps(event["data"]), type=DATA_OF[event["type"]])
    assert as_of(event["data"], msgspec.to_builtins(data)) == event["data"]


@each_message
def test_its_headers_over_kafka_are_those_the_document_promises(stored: bytes) -> None:
    event = json.loads(stored)
    if event["type"] == RECEIPT.type:
        headers = {f"ce_{name}": text for name, text in event.items() if name != "data"}
    else:
        headers = {name: text.decode() for name, text in record_of(read_attributes(stored)).headers}
    messages = asyncapi()["components"]["messages"].values()
    (promised,) = [each["headers"] for each in messages if each["name"] == event["type"]]
    _validate(promised, headers)
    assert headers.keys() <= promised["properties"].keys()


def test_every_type_has_its_message_and_what_is_sent_now_is_in_the_corpus() -> None:
    """`python -m tests.contracts.messages` writes what is missing. A file that is there is never changed."""
    assert {json.loads(each)["type"] for each in CORPUS.values()} == {each.type for each in (*TOLD, RECEIPT)}
    assert {name: CORPUS[name] for name in made()} == made()


def test_what_is_no_message_is_refused_by_the_schemas() -> None:
    award = json.loads(CORPUS["ma.forsa.diploma.awarded.v1"])
    for wrong in ({"id": "entraide-nationale/1"}, {"feedsequence": 0}, {"specversion": "0.3"}, {"data": None}):
        with pytest.raises(ValidationError):
            _validate(SCHEMA_OF[MESSAGE.type], award | wrong)
    for name in ("occurred_on", "diploma"):
        with pytest.raises(ValidationError):
            _validate(SCHEMA_OF[award["type"]], {key: each for key, each in award["data"].items() if key != name})


# ---------------------------------------------------------------- the gate


def test_nothing_that_was_released_is_broken() -> None:
    assert breaks(RELEASED, NOW) == []


def test_what_differs_from_the_released_contract_has_another_version() -> None:
    """`python -m runtime.contracts --release` makes it the released one, once VERSION says so."""
    assert RELEASED == NOW or RELEASED[DOCUMENT]["info"]["version"] != VERSION


AWARD = "schemas/diploma.awarded.1.json"
Change = Callable[[dict[str, Any]], object]


def _diploma(now: dict[str, Any]) -> Any:
    return now[AWARD]["$defs"]["PublicDiploma"]


def _renamed(now: dict[str, Any]) -> None:
    fields = _diploma(now)["properties"]
    fields["serial"] = fields.pop("number")


BREAKS: dict[str, Change] = {
    "a field is gone": lambda now: _diploma(now)["properties"].pop("handed_over_on"),
    "a field has another name": _renamed,
    "a field has another type": lambda now: _diploma(now)["properties"]["revision"].update(type="string"),
    "a field may not be null any more": lambda now: _diploma(now)["properties"].update(trade={"type": "string"}),
    "a field may be null now": lambda now: _diploma(now)["properties"]["title"].update(type=["string", "null"]),
    "a field has another form": lambda now: _diploma(now)["properties"]["awarded_on"].update(format="date-time"),
    "an optional field must be there": lambda now: _diploma(now)["required"].append("duplicates"),
    "a new field must be there": lambda now: (
        _diploma(now)["properties"].update(grade={"type": "integer"}), _diploma(now)["required"].append("grade")
    ),
    "a field need not be there any more": lambda now: _diploma(now)["required"].remove("number"),
    "values are closed": lambda now: _diploma(now)["properties"]["status"].update(enum=["in_force", "annulled"]),
    "fields are closed": lambda now: _diploma(now).update(additionalProperties=False),
    "a receipt must say more": lambda now: now["schemas/receipt.seen.1.json"]["required"].append("note"),
    "a receipt is narrower": lambda now: (
        now["schemas/receipt.seen.1.json"]["properties"]["sequence"].update(maximum=10)
    ),
    "a schema is gone": lambda now: now.pop("schemas/diploma.annulled.1.json"),
    "a schema has another name": lambda now: now[AWARD].update({"$id": "urn:forsa:schema:diploma.awarded:2"}),
    "a topic has another name": lambda now: now[DOCUMENT]["channels"]["nation"].update(address="diplomas"),
    "a topic has more partitions": lambda now: (
        now[DOCUMENT]["channels"]["nation"]["bindings"]["kafka"].update(partitions=3)
    ),
    "a message is not sent any more": lambda now: (
        now[DOCUMENT]["channels"]["nation"]["messages"].pop("diploma.annulled.1")
    ),
    "a message has another type": lambda now: (
        now[DOCUMENT]["components"]["messages"]["diploma.awarded.1"].update(name="awarded")
    ),
    "a header is gone": lambda now: (
        now[DOCUMENT]["components"]["messages"]["diploma.awarded.1"]["headers"]["properties"].pop("ce_feedsequence")
    ),
    "a header says something else": lambda now: (
        now[DOCUMENT]["components"]["messages"]["diploma.awarded.1"]["headers"]["properties"].update(
            ce_type={"const": "ma.forsa.diploma.awarded.v2"}
        )
    ),
    "an operation is gone": lambda now: now[DOCUMENT]["operations"].pop("serveFeed"),
    "a page has fewer messages": lambda now: (
        now[DOCUMENT]["operations"]["serveFeed"]["bindings"]["http"]["query"]["properties"]["limit"].update(maximum=10)
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS)
def test_the_gate_finds_whatever_would_break_a_reader(change: Change) -> None:
    now = copy.deepcopy(NOW)
    change(now)
    assert breaks(NOW, now) != []


ADDITIONS: dict[str, Change] = {
    "a field that need not be there": lambda now: _diploma(now)["properties"].update(grade={"type": "integer"}),
    "a message": lambda now: now[DOCUMENT]["channels"]["nation"]["messages"].update({"diploma.lost.1": {"$ref": "#"}}),
    "a schema": lambda now: now.update({"schemas/diploma.lost.1.json": {}}),
    "a parameter": lambda now: now[DOCUMENT]["operations"]["serveFeed"]["bindings"]["http"]["query"][
        "properties"
    ].update(until={}),
    "other words": lambda now: _diploma(now)["properties"]["number"].update(description="The number."),
    "another order": lambda now: _diploma(now)["required"].reverse(),
}


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS)
def test_the_gate_lets_pass_what_readers_take_without_a_change(change: Change) -> None:
    now = copy.deepcopy(NOW)
    change(now)
    assert breaks(NOW, now) == []


def test_a_release_that_would_break_a_reader_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contracts, "PLACE", tmp_path)
    assert contracts.main(["--release"]) == 0
    released = read(tmp_path / "released")
    broken = copy.deepcopy(NOW)
    _diploma(broken)["properties"].pop("number")
    monkeypatch.setattr(contracts, "contracts", lambda: broken)
    assert contracts.main(["--release"]) == 1
    assert f"breaks readers: /{AWARD}/$defs/PublicDiploma/properties/number: is gone" in capsys.readouterr().err
    assert read(tmp_path / "released") == released

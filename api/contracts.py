"""The contract with partners, for programs, without a token: the AsyncAPI document and the schemas it names."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from flask import Response

from api.answers import add_read, answer
from api.asyncapi import VERSION, asyncapi
from api.blueprint import ForsaBlueprint
from api.contract_schemas import CONTRACTS, schema_of
from api.problems import OK, Problem

PLACE: Final = "/v1/contracts"
CACHED: Final = {"Cache-Control": "public, max-age=3600"}  # not for ever: within a major version something may be added
SCHEMA_MEDIA: Final = "application/schema+json"
NAMED: Final = {f"{each.name}.json": each for each in CONTRACTS}


class SchemaShown(msgspec.Struct, frozen=True):
    """A schema: the URN by which messages name it, the type of the messages it is of, and where it is."""

    schema: str
    type: str
    address: str


class Contracts(msgspec.Struct, frozen=True):
    """The contract's version, its AsyncAPI document, and every schema."""

    version: str
    asyncapi: str
    schemas: list[SchemaShown]


class AsyncApiDocument(msgspec.Struct, frozen=True):
    """An AsyncAPI 3.0 document."""

    asyncapi: str
    info: dict[str, Any]
    servers: dict[str, Any]
    channels: dict[str, Any]
    operations: dict[str, Any]
    components: dict[str, Any]


class JsonSchema(msgspec.Struct, frozen=True):
    """A JSON Schema of an object."""

    title: str
    type: str
    properties: dict[str, Any]


def register_contracts(blueprint: ForsaBlueprint) -> None:
    """The routes of the contract."""
    add_read(blueprint, PLACE, "contracts", get_contracts, Contracts)
    add_read(blueprint, f"{PLACE}/asyncapi.json", "asyncapi", get_asyncapi, AsyncApiDocument)
    one = f"{PLACE}/schemas/<name>"
    add_read(blueprint, one, "contract-schema", get_contract_schema, JsonSchema, media=SCHEMA_MEDIA)


def get_contracts() -> Response:
    """What is agreed with partners of the feed: where its AsyncAPI document and its JSON Schemas are."""
    schemas = [SchemaShown(each.schema, each.type, f"{PLACE}/schemas/{name}") for name, each in NAMED.items()]
    return answer(Contracts(VERSION, f"{PLACE}/asyncapi.json", schemas), headers=CACHED)


def get_asyncapi() -> Response:
    """The AsyncAPI 3.0 document of the partner feed, over Kafka and over HTTP, and of receipts."""
    return Response(_document(), OK, CACHED, mimetype="application/json")


def get_contract_schema(name: str) -> Response:
    """The JSON Schema (2020-12) that `dataschema` of a message names: `urn:forsa:schema:NAME:1` is `NAME.1.json`."""
    if name not in NAMED:
        raise Problem("not-found")
    return Response(_schema(name), OK, CACHED, mimetype=SCHEMA_MEDIA)


@cache
def _document() -> bytes:
    return msgspec.json.encode(asyncapi())


@cache
def _schema(name: str) -> bytes:
    return msgspec.json.encode(schema_of(NAMED[name]))

"""The AsyncAPI 3.0 document of what partners and Forsa send each other, over Kafka and over HTTP."""

from __future__ import annotations

from typing import Any, Final

from api.contract_schemas import MADE, MESSAGE, RECEIPT, TOLD, URN, Contract, described, schema_of
from api.reference import MOST_MESSAGES, MOST_WAIT_SECONDS, PLACE, USUAL_MESSAGES
from domain.partner_feed import EPOCH_OPENED, NATIONAL, SOURCE, TOPIC
from domain.partner_receipts import LARGEST_BYTES, PARTNER_SOURCE, RECEIPTS_TOPIC

Part = dict[str, Any]

VERSION: Final = "1.0.0"  # of the contract: the second number grows with what is added
KAFKA: Final = "0.5.0"  # of AsyncAPI's bindings
HTTP: Final = "0.3.0"
ABOUT: Final = f"""Diplomas of the Second Chance Schools, told to Entraide Nationale and other partners; their receipts.

A feed is an audience: `{NATIONAL}` has every diploma, `{NATIONAL}-REGION` those of a region's centres.
Each message is a CloudEvent 1.0 with the whole public record of its diploma after what it tells: whoever keeps the last
message of each diploma holds the register. Over Kafka (binary mode, a topic of one partition) and over HTTP (a batch)
they are the same, with the same ids, in the same order. Delivery is at least once: deduplicate by `id`. `feedsequence`
has no gap within an epoch: stop at a gap and fetch what is missing over HTTP. A message once sent is never changed.

`dataschema` names the schema of the data: `{URN}NAME:MAJOR` is served at `/v1/contracts/schemas/NAME.MAJOR.json`,
without a token. Within a major version fields are only added, and only optional ones, and codes are added to lists
(`/v1/code-lists/NAME`): take what you do not know. No name is in any message; who may, reads the details of a diploma
at `/v1/diplomas/ID`."""


def asyncapi() -> Part:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:forsa:partner-feed",
        "info": {
            "title": "Forsa, the partner feed",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": {**{each.name: _told(each) for each in TOLD}, RECEIPT.name: _receipt(), "batch": _batch()},
            "schemas": _schemas(),
            "securitySchemes": {
                "scram": {"type": "scramSha512", "description": "A user of the cluster, over TLS."},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _servers() -> Part:
    return {
        "kafka": {
            "host": "{brokers}",
            "protocol": "kafka-secure",
            "description": "The cluster; $KAFKA_BOOTSTRAP in development.",
            "variables": {"brokers": {"description": "host:port", "examples": ["kafka.example.ma:9093"]}},
            "security": [_ref("securitySchemes", "scram")],
        },
        "http": {
            "host": "{host}",
            "protocol": "https",
            "description": "Forsa over HTTP, for partners without Kafka; its other routes are in /v1/openapi.json.",
            "variables": {"host": {"description": "host or host:port", "examples": ["forsa.example.ma"]}},
            "security": [_ref("securitySchemes", "token")],
        },
    }


def _channels() -> Part:
    messages = {each.name: _ref("messages", each.name) for each in TOLD}
    receipt = {RECEIPT.name: _ref("messages", RECEIPT.name)}
    feed = {"feed": {"description": "The feed's name, of those /v1/feeds lists.", "examples": [NATIONAL]}}
    return {
        "nation": _topic(TOPIC, "Every diploma.", messages, _of_feed()),
        "region": _topic(f"{TOPIC}.{{region}}", "The diplomas of a region's centres, where asked for.", messages,
                         _of_feed(), region={"description": "ISO 3166-2, lower case.", "examples": ["ma-06"]}),
        "receipts": _topic(RECEIPTS_TOPIC, "What partners say back: seen up to here.", receipt, {}),
        "feed": _http("/v1/feeds/{feed}", "A feed's messages in order, from any place.",
                      {"batch": _ref("messages", "batch")}, feed),
        "feedReceipts": _http("/v1/feeds/{feed}/receipts", "A partner's receipt, for partners without Kafka.",
                              {"body": {"name": "receipt over HTTP", "payload": _place_in_feed()}}, feed),
    }  # fmt: skip


def _topic(address: str, description: str, messages: Part, configuration: Part, **parameters: Part) -> Part:
    kafka = {"kafka": {**configuration, "bindingVersion": KAFKA}}
    made = {"address": address, "description": description, "servers": [{"$ref": "#/servers/kafka"}]}
    return {**made, "messages": messages, **({"parameters": parameters} if parameters else {}), "bindings": kafka}


def _of_feed() -> Part:
    """One partition, since order is a promise, and nothing is ever thrown away."""
    kept = {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1}
    return {"partitions": 1, "topicConfiguration": kept}


def _http(address: str, description: str, messages: Part, parameters: Part) -> Part:
    made = {"address": address, "description": description, "servers": [{"$ref": "#/servers/http"}]}
    return {**made, "messages": messages, "parameters": parameters}


def _operations() -> Part:
    return {
        "tellNation": _operation("send", "nation", "Forsa tells of every diploma."),
        "tellRegion": _operation("send", "region", "Forsa tells a region of its diplomas."),
        "takeReceipt": _operation("receive", "receipts", "Forsa takes a receipt; a bad one is parked with a reason."),
        "serveFeed": {
            **_operation("send", "feed", "Forsa answers with the next messages; `wait` keeps the request open."),
            "bindings": {"http": {"method": "GET", "query": _query(), "bindingVersion": HTTP}},
        },
        "takeReceiptOverHttp": {
            **_operation("receive", "feedReceipts", "The same; Idempotency-Key is the receipt's id."),
            "bindings": {"http": {"method": "POST", "bindingVersion": HTTP}},
        },
    }


def _operation(action: str, channel: str, summary: str) -> Part:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _query() -> Part:
    number = {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES, "default": USUAL_MESSAGES}
    return {
        "type": "object",
        "properties": {
            "after": {"type": "string", "pattern": PLACE, "description": "epoch/sequence of the last message you have"},
            "limit": number,
            "wait": {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_SECONDS, "default": 0},
        },
    }


def _told(contract: Contract) -> Part:
    """A message of a feed, as Kafka carries it."""
    about_feed = contract.type == EPOCH_OPENED.name
    key = {"type": "string", "description": "The feed's name." if about_feed else "The diploma's id."}
    summary = schema_of(contract)["description"].split("\n", 1)[0]
    return _message(contract, summary, key, _headers(contract, SOURCE))


def _receipt() -> Part:
    key = {"type": "string", "format": "uuid", "description": "The partner's id, as in `source`."}
    made = _message(RECEIPT, "Everything up to this place was seen and kept.", key, _headers(RECEIPT, PARTNER_SOURCE))
    note = f"Binary mode as here, or structured mode with the same attributes. At most {LARGEST_BYTES} bytes."
    return {**made, "description": note}


def _message(contract: Contract, summary: str, key: Part, headers: Part) -> Part:
    return {
        "name": contract.type,
        "title": contract.name,
        "summary": summary,
        "contentType": "application/json",
        "headers": headers,
        "payload": _ref("schemas", contract.data.__name__),
        "bindings": {"kafka": {"key": key, "bindingVersion": KAFKA}},
        "x-dataschema": contract.schema,
    }


def _headers(contract: Contract, source: str) -> Part:
    """CloudEvents in Kafka's binary mode: every attribute a header, in UTF-8."""
    text = {"type": "string"}
    fields: Part = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**text, "maxLength": 100} if contract is RECEIPT else {**text, **MADE["id"]},
        "ce_source": {**text, "pattern": f"^{source}"},
        "ce_type": {"const": contract.type},
    }
    asked = list(fields)
    if contract is not RECEIPT:
        fields |= {
            "ce_subject": text,
            "ce_time": {**text, "format": "date-time"},
            "content-type": {"const": "application/json"},
            "ce_dataschema": {"const": contract.schema},
            "ce_feed": text,
            "ce_feedepoch": {**text, "pattern": "^[1-9][0-9]*$"},
            "ce_feedsequence": {**text, "pattern": "^[1-9][0-9]*$"},
        }
        asked = list(fields)
    return {"type": "object", "properties": fields, "required": asked}


def _batch() -> Part:
    return {
        "name": "batch",
        "title": "A page of a feed",
        "summary": "Whole messages in their order, each with its attributes and data; empty where there is none yet.",
        "contentType": "application/cloudevents-batch+json",
        "payload": {"type": "array", "items": _ref("schemas", MESSAGE.data.__name__), "maxItems": MOST_MESSAGES},
        "bindings": {"http": {"statusCode": 200, "bindingVersion": HTTP}},
    }


def _place_in_feed() -> Part:
    """A receipt's data without the feed, which stands in the address."""
    whole = _schemas()[RECEIPT.data.__name__]
    fields = {name: each for name, each in whole["properties"].items() if name != "feed"}
    return {"type": "object", "properties": fields, "required": list(fields)}


def _schemas() -> Part:
    types = [each.data for each in (*TOLD, RECEIPT)]
    whole = {name: each for name, each in schema_of(MESSAGE).items() if not name.startswith("$")}
    return {**described(types, "#/components/schemas/{name}"), MESSAGE.data.__name__: whole}


def _ref(kind: str, name: str) -> Part:
    return {"$ref": f"#/components/{kind}/{name}"}

"""JSON Schemas of what partners and Forsa send each other, made from the structs that are encoded and decoded.

Within a major version fields are only added, and only optional ones: readers take fields they do not know. Codes stand
as plain strings, since a list may get another code; the description names the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, Final, NamedTuple

import msgspec

from domain.partner_feed import ANNULLED, IN_FORCE, MESSAGE_TYPES, SOURCE, Message
from domain.partner_receipts import SEEN_V1, SeenV1

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
URN: Final = "urn:forsa:schema:"


class Contract(NamedTuple):
    """What one kind of message holds. schema: its URN, as messages name it. type: of the CloudEvent."""

    schema: str
    data: type[msgspec.Struct]
    type: str

    @property
    def name(self) -> str:
        """As in addresses and file names: `diploma.awarded.1`."""
        return self.schema.removeprefix(URN).replace(":", ".")


TOLD: Final = tuple(Contract(each.schema, each.data, each.name) for each in MESSAGE_TYPES)
RECEIPT: Final = Contract(f"{URN}receipt.seen:1", SeenV1, SEEN_V1)
MESSAGE: Final = Contract(f"{URN}feed.message:1", Message, "A message of a feed, whole")
CONTRACTS: Final = (*TOLD, RECEIPT, MESSAGE)

# What each field means, wherever it stands. A field without its line stops the tests.
FIELDS: Final[Mapping[str, str]] = {
    "annulled_on": "The day it was annulled; null while it is in force.",
    "authority": "The organisation that decided it.",
    "awarded_on": "The day the jury signed.",
    "centre": "The school that prepared for it, where it was awarded.",
    "changed": "What was corrected, codes of the list `diploma_item`. `printed_names`: names changed; never which.",
    "convention": "The convention it was prepared under.",
    "copy": "0: the original; n: the n-th duplicate.",
    "data": f"Of the schema `dataschema` names: {URN}NAME:MAJOR is served at /v1/contracts/schemas/NAME.MAJOR.json.",
    "datacontenttype": "Of `data`: always application/json.",
    "dataschema": "The schema of `data`, with its major version.",
    "delegation": "The delegation of Entraide Nationale that keeps the register.",
    "diploma": "The whole public record of the diploma after what this message tells.",
    "duplicates": "How many duplicates were issued so far.",
    "earlier_numbers": "The numbers it had before it was corrected, oldest first: a paper with one is this diploma's.",
    "epoch": "The epoch of the feed that `sequence` counts in.",
    "feed": "The feed's name.",
    "feedepoch": "The epoch of the feed: another one begins after a restore.",
    "feedsequence": "The place in the epoch: 1, 2, 3 … without a gap.",
    "handed_over_on": "The day the original was handed over; null before.",
    "id": "Of a diploma: permanent. Of a message: `feed/epoch/sequence`, to deduplicate by, over Kafka and HTTP.",
    "kind": "The register's kind, a code of the list `diploma_kind`.",
    "learner_reference": "Stands for the learner, another one for each diploma: it leads nowhere else.",
    "level": "A code of the list `programme_level`.",
    "minutes_rectified_on": "The day the minutes it rests on were last rectified; null: never.",
    "number": "In its register; unique for ever.",
    "occurred_on": "The day it happened, of the calendar of Casablanca.",
    "previous_epoch": "The epoch that is over.",
    "reason": "Why, a code of the list `epoch_reason`.",
    "register": "The register its number is unique in.",
    "revision": "How many messages of this feed told of this diploma, this one counted.",
    "sequence": "The last message of that epoch that was seen and kept, with all before it.",
    "session": "The exam session whose signed minutes it rests on.",
    "source": f"{SOURCE}FEED.",
    "specversion": "Of CloudEvents: 1.0.",
    "stands_until": "The last message of the previous epoch that stands: what came after it is told anew.",
    "status": f"{IN_FORCE} or {ANNULLED}.",
    "subject": "The diploma's id; the feed's name where the message is about the feed itself.",
    "time": "When it was recorded.",
    "title": "Which diploma, a code of the list `diploma_kind`.",
    "trade": "A code of the list `trade`; null: of none.",
    "type": "What it tells, with its major version.",
    "year": "Of the register.",
}

# What the struct's types do not say of a message: it is made with every attribute, and in these forms only.
MADE: Final[Mapping[str, Schema]] = {
    "specversion": {"const": "1.0"},
    "id": {"pattern": "^[a-z][a-z0-9-]*/[1-9][0-9]*/[1-9][0-9]*$"},
    "source": {"format": "uri"},
    "time": {"format": "date-time"},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {"format": "uri"},
    "feedepoch": {"minimum": 1},
    "feedsequence": {"minimum": 1},
    "data": {"type": "object"},
}


def schema_of(contract: Contract) -> Schema:
    """The JSON Schema (2020-12) of the data of these messages, complete in itself."""
    defs = described([contract.data], "#/$defs/{name}")
    own = defs.pop(contract.data.__name__)
    if contract is MESSAGE:
        own = _made(own)
    head = {"$schema": DIALECT, "$id": contract.schema}
    return {**head, **own, "title": contract.type, **({"$defs": defs} if defs else {})}


def described(types: list[type[msgspec.Struct]], ref_template: str) -> dict[str, Schema]:
    """Schemas by the names of their structs, each property with its meaning."""
    _, schemas = msgspec.json.schema_components(types, ref_template=ref_template)
    return {name: _described(schema) for name, schema in sorted(schemas.items())}


def _made(schema: Schema) -> Schema:
    fields = {name: {**each, **MADE.get(name, {})} for name, each in schema["properties"].items()}
    for each in fields.values():
        each.pop("default", None)
    return {**schema, "properties": fields, "required": list(fields)}


def _described(schema: Schema) -> Schema:
    fields = {name: {**each, "description": FIELDS[name]} for name, each in schema["properties"].items()}
    return {**schema, "description": cleandoc(schema["description"]), "properties": fields}

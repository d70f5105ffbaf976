"""`python -m tests.contracts.make_goldens` writes the golden files that are missing, and never touches one that is.

A golden file that exists has been shipped: data in that form may be stored for ever. What it forbids needs a new tag.
A field added to a shipped event needs a second example of it beside the first: it makes `<tag>.2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from domain.event import NIL, Event
from domain.sealed import Personal, tag_of
from runtime.mapper import Recorded
from tests.contracts import stored_examples
from tests.contracts.golden import EVENTS_DIR, MAPPER, PERSONAL_DIR, Form, Golden, file_of, least_of, values_of


def golden_of(example: msgspec.Struct, encoded: bytes, decode: Callable[[bytes], Any]) -> Golden:
    """The golden of an example: its bytes as encoded, and the least the same type may be read from."""
    least = msgspec.json.encode(least_of(inspect.type_info(type(example)), msgspec.json.decode(encoded)))
    return Golden(
        full=Form(encoded.decode(), values_of(example)),
        least=Form(least.decode(), values_of(decode(least))),
    )


def golden_event(event: Event) -> Golden:
    """The golden of an event, through the mapper that stores events."""
    return golden_of(event, MAPPER.to_stored_event(Recorded(NIL, 1, event)).state, MAPPER.decode)


def golden_personal(value: Personal) -> Golden:
    """The golden of a sealed content: the JSON that is sealed."""
    return golden_of(value, msgspec.json.encode(value), msgspec.json.Decoder(type(value)).decode)


def write_missing(path: Path, golden: Golden) -> bool:
    """The file is there; True where it was not. An existing one is left as it is, whatever it holds."""
    try:
        with path.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(golden), indent=1) + b"\n")
    except FileExistsError:
        return False
    return True


def make() -> list[Path]:
    """Writes what is missing; returns it."""
    forms = Counter[str]()
    wanted = []
    for each in stored_examples.EVENTS:
        forms[tag := tag_of(type(each))] += 1
        name = tag if forms[tag] == 1 else f"{tag}.{forms[tag]}"
        wanted.append((file_of(EVENTS_DIR, name), golden_event(each)))
    wanted += [(file_of(PERSONAL_DIR, type(each).__name__), golden_personal(each)) for each in stored_examples.PERSONAL]
    for directory in (EVENTS_DIR, PERSONAL_DIR):
        directory.mkdir(exist_ok=True)
    return [path for path, golden in wanted if write_missing(path, golden)]


if __name__ == "__main__":
    made = make()
    for path in made:
        print(f"made {path.parent.name}/{path.name}")
    print(f"{len(made)} made; golden files that exist are never changed")

"""`python -m runtime.contracts` writes docs/contracts as the code has it; `--release` makes it what readers rely on.

docs/contracts/released is the last contract that partners were given. What would break one of them is refused: within a
major version fields, messages and channels are only added, and fields only as optional ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.asyncapi import asyncapi
from api.contract_schemas import CONTRACTS, schema_of

PLACE: Final = Path(__file__).parents[1] / "docs/contracts"
DOCUMENT: Final = "asyncapi.json"
SAID: Final = frozenset({"title", "description", "summary", "version", "examples"})  # for people: may change


def contracts() -> dict[str, dict[str, Any]]:
    """File name → content of every file of the contract, as the code has it."""
    return {DOCUMENT: asyncapi(), **{f"schemas/{each.name}.json": schema_of(each) for each in CONTRACTS}}


def written(content: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read(directory: Path) -> dict[str, dict[str, Any]]:
    """The contract that stands in a directory, by file name."""
    files = [directory / DOCUMENT, *sorted((directory / "schemas").glob("*.json"))]
    return {str(path.relative_to(directory)): json.loads(path.read_text(encoding="utf-8")) for path in files}


def breaks(released: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What a reader of the released contract would not bear in the one of now, each with its place."""
    return list(_breaks(released, now, ""))


def _breaks(then: Any, now: Any, place: str) -> Iterator[str]:
    if not isinstance(then, dict) or not isinstance(now, dict):
        if _sorted(then) != _sorted(now):
            yield f"{place}: was {json.dumps(then)}, is {json.dumps(now)}"
        return
    for name, each in then.items():
        if name in SAID and not _is_map_of_names(place):
            continue
        if name not in now:
            yield f"{place}/{name}: is gone"
        elif name == "required":
            yield from _newly(each, now[name], place)
        else:
            yield from _breaks(each, now[name], f"{place}/{name}")
    yield from _added(then, now, place)


def _added(then: Mapping[str, Any], now: Mapping[str, Any], place: str) -> Iterator[str]:
    """New names are welcome where names are listed; anything else that is new narrows what was promised."""
    if place and not _is_map_of_names(place):
        for name in now.keys() - then.keys() - SAID:
            yield f"{place}/{name}: is new"


def _newly(then: list[str], now: list[str], place: str) -> Iterator[str]:
    for name in sorted(set(then) ^ set(now)):
        yield f"{place}/properties/{name}: {'need not be there any more' if name in then else 'must be there now'}"


def _is_map_of_names(place: str) -> bool:
    """Whether the keys there are names that the contract gives, rather than words of its language."""
    return place.rpartition("/")[2] in NAMES_IN and not place.endswith("/properties/properties")


NAMES_IN: Final = frozenset({"properties", "$defs", "schemas", "messages", "channels", "operations", "servers"})


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


def write(directory: Path) -> None:
    """The directory holds the contract of now, and no schema beside it."""
    (directory / "schemas").mkdir(parents=True, exist_ok=True)
    for path in (directory / "schemas").glob("*.json"):
        path.unlink()
    for name, content in contracts().items():
        (directory / name).write_text(written(content), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Exit code of `python -m runtime.contracts [--release]`; 1 where a release would break a reader."""
    released = PLACE / "released"
    wrong = breaks(read(released), contracts()) if released.exists() else []
    write(PLACE)
    if "--release" in arguments and not wrong:
        write(released)
    for each in wrong:
        sys.stderr.write(f"breaks readers: {each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

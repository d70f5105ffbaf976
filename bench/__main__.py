"""`python -m bench [PART …]`: every part, or those named; exit 1 when a figure misses half its target."""

from __future__ import annotations

import sys
from importlib import import_module
from time import perf_counter

from bench.place import Place, place, refuse_lossy_server
from bench.report import Figure, show

# Imported when they are run: the processes they spawn import this module, and pay for what it imports.
PARTS = {
    "append": "append.measure",
    "load": "load.measure",
    "catch_up": "views.catch_up",
    "rebuild": "rebuilds.measure",
    "visible": "views.visible",
    "disclosure": "disclosures.measure",
    "feed": "feeds.measure",
    "publish": "publishing.measure",
}


def measure(part: str, here: Place) -> dict[str, Figure]:
    """The figures of one part, measured in these databases."""
    module, function = PARTS[part].split(".")
    figures: dict[str, Figure] = getattr(import_module(f"bench.{module}"), function)(here)
    return figures


def main(names: list[str]) -> int:
    """Each part in databases of its own, so that none slows the next."""
    refuse_lossy_server()
    began = perf_counter()
    figures: dict[str, Figure] = {}
    for name in names or PARTS:
        with place() as here:
            figures |= measure(name, here)
        print(f"{name}: {perf_counter() - began:.0f} s", flush=True)
    show(figures)
    return int(any(figure.verdict == "MISSED" for figure in figures.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

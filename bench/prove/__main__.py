"""`python -m bench.prove [quick]`: every proof and control; exit 1 when a check fails or a control stays green."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from bench.prove import controls
from bench.prove.report import OUT, Check, Control, Report, show
from bench.prove.world import World

# Name → module.function of this package, called (world, quick=…, seed=…) → {check: Check}.
PROOFS: Final = {
    "kills": "kills.prove",
    "erasures": "erasures.prove",
    "feeds": "feeds.prove",
}
# Name → module.function, called (world, seed=…) → Control: beside those of `controls.PLANS`.
CONTROLS: Final = {
    "progress_before_ack": "feeds.control",
}
NAMES: Final = (*PROOFS, *controls.PLANS, *CONTROLS)


def main(arguments: list[str]) -> int:
    """The exit code of a run."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove", description=__doc__)
    parser.add_argument("size", nargs="?", choices=["full", "quick"], default="full")
    parser.add_argument("--only", action="append", choices=NAMES, help="a proof or a control")
    parser.add_argument("--seed", type=int, help="of another run, to draw the same kills and commands")
    parser.add_argument("--directory", type=Path, default=Path("var/prove"), help="emptied first; logs stay in it")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.ERROR)  # that PostgreSQL died and came back is no news here
    seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    world = World(given.directory.resolve())
    try:
        checks, reds = _run(world, given.only or NAMES, quick=given.size == "quick", seed=seed)
    finally:
        world.close()
    report = Report(seed=seed, seconds=round(time.monotonic() - began, 1), checks=checks, controls=reds)
    show(report, given.out)
    return int(not report.holds)


def _run(world: World, names: Sequence[str], *, quick: bool, seed: int) -> tuple[dict[str, Check], dict[str, Control]]:
    checks: dict[str, Check] = {}
    reds: dict[str, Control] = {}
    for name in names:
        began = time.monotonic()
        if name in PROOFS:
            checks |= _found(PROOFS[name])(world, quick=quick, seed=seed)
        elif name in CONTROLS:
            reds[name] = _found(CONTROLS[name])(world, seed=seed)
        else:
            reds[name] = controls.run(world, name, seed)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return checks, reds


def _found(named: str) -> Callable[..., Any]:
    module, function = named.split(".")
    found: Callable[..., Any] = getattr(import_module(f"bench.prove.{module}"), function)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

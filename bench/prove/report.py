"""What a run of the proofs found: a table, and `build/prove.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

OUT: Final = Path("build/prove.json")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a proof and what it must be: equal to the target, at least it, or at most it (`at`)."""

    value: float
    target: float
    at: str = "equal"  # equal | least | most
    note: str = ""
    ok: bool = False

    def __post_init__(self) -> None:
        """`ok` follows from the others, so that it cannot be claimed."""
        held = {"equal": self.value == self.target, "least": self.value >= self.target}
        msgspec.structs.force_setattr(self, "ok", held.get(self.at, self.value <= self.target))


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A broken variant: the check that must catch it, and what that check counted."""

    check: str
    value: float
    went_red: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. It holds when every check is ok and every control went red."""

    seed: int
    seconds: float
    checks: dict[str, Check]
    controls: dict[str, Control]

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return all(each.ok for each in self.checks.values()) and all(each.went_red for each in self.controls.values())


def show(report: Report, out: Path) -> None:
    """The report is printed and written to this file."""
    table = Table("check", "found", "must be", "", "what", title="Forsa prove")
    for name, check in report.checks.items():
        sign = {"equal": "=", "least": "≥", "most": "≤"}[check.at]
        table.add_row(name, f"{check.value:g}", f"{sign} {check.target:g}", "ok" if check.ok else "FAILED", check.note)
    for name, control in report.controls.items():
        said = "went red" if control.went_red else "STAYED GREEN"
        table.add_row(name, f"{control.value:g}", "> 0", said, f"broken on purpose: {control.check} must see it")
    console = Console(width=160)
    console.print(table)
    console.print(f"seed {report.seed}, {report.seconds:.0f} s")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")

"""The table of a run and `build/bench.json`: {key: {value, unit, target, stock}}."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

OUT: Final = Path("build/bench.json")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured key. `at_least`: whether more is better; `stock`: the library as it comes, same unit."""

    value: float
    unit: str
    target: float
    at_least: bool = True
    stock: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """target: reached; half: a ratio at least half, a time or factor at most twice; else missed."""
        if self.at_least:
            share = self.value / self.target
        else:
            share = self.target / self.value if self.value > 0 else float("inf")
        return "target" if share >= 1 else "half" if share >= 0.5 else "MISSED"


def median(values: list[float]) -> float:
    """The middle value: what a noisy machine is quoted by."""
    return statistics.median(values)


def show(figures: dict[str, Figure]) -> None:
    """The figures are printed and written to build/bench.json; figures of other parts in it stay."""
    table = Table("key", "measured", "target", "library", "verdict", "what", title="Forsa bench")
    for key, figure in figures.items():
        sign = "≥" if figure.at_least else "≤"
        stock = "" if figure.stock is None else f"{figure.stock:.3g}"
        table.add_row(
            key, f"{figure.value:.3g} {figure.unit}", f"{sign} {figure.target:g}", stock, figure.verdict, figure.note
        )
    Console(width=160).print(table)
    OUT.parent.mkdir(exist_ok=True)
    kept = msgspec.json.decode(OUT.read_bytes(), type=dict[str, Figure]) if OUT.exists() else {}
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(kept | figures)) + b"\n")

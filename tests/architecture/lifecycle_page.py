"""`python -m tests.architecture.lifecycle_page` writes docs/lifecycle.md from the tables the product itself runs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.kind import CommandSpec, Kind
from domain.reference import LANGUAGES
from domain.streams import COMMANDS, KINDS
from domain.texts import text
from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "lifecycle.md"
HEAD = """# Life cycles

Generated from the tables in `domain/`; a test keeps it current (`python -m tests.architecture.lifecycle_page` writes
it). Each kind of stream has statuses; a status allows the acts named beside it and no others. An act that a status does
not allow is refused with `not-allowed-now`, which names the acts that are. Rules may still refuse an allowed act.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for kind in KINDS.values() for line in section(kind))])


def section(kind: Kind) -> Iterator[str]:
    """A kind: its statuses, then its acts."""
    yield f"## {kind.name.replace('-', ' ').capitalize()}\n"
    yield from table(("status", *LANGUAGES, "acts allowed"), (status_row(kind, status) for status in kind.life_cycle))
    acts = [spec for spec in COMMANDS if spec.kind == kind.name]
    yield from table(("act", "posted to", "who", "besides"), (act_row(kind, spec) for spec in acts))


def status_row(kind: Kind, status: str) -> tuple[str, ...]:
    """One status, in words, and what it allows in the order of the command table."""
    allowed = [f"`{spec.name}`" for spec in COMMANDS if spec.name in kind.life_cycle[status]]
    words = (text(f"status.{status}", language) for language in LANGUAGES)
    return (f"`{status}`", *words, ", ".join(allowed) or "none")


def act_row(kind: Kind, spec: CommandSpec) -> tuple[str, ...]:
    """One act: its address, who may, what must come with it."""
    address = f"/v1/{kind.plural}" + ("" if spec.opens_stream else f"/{{id}}/{spec.noun}")
    besides = ["opens the stream"] * spec.opens_stream + ["If-Match"] * spec.replaces + ["a reason"] * spec.asks_reason
    return (f"`{spec.name}`", f"`{address}`", ", ".join(spec.roles), ", ".join(besides))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page())
    print("docs/lifecycle.md is current")

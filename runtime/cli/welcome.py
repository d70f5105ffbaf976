"""What `forsa run` shows once it is ready."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from runtime.development import TOKENS_FILE


def show_welcome(address: str, tokens: dict[str, str], directory: Path, kafka: str = "") -> None:
    """The address, a token a role and a first line for curl are on standard output. kafka: its address, if any."""
    console = Console(highlight=False)
    start = f". {directory / TOKENS_FILE}"
    lines = [
        f"[bold]{address}[/bold]   manual: {address}/docs",
        *([f"Kafka   {kafka}   ($KAFKA_BOOTSTRAP)"] if kafka else []),
        "The people and places in it are invented.",
        "",
        "In another terminal, for $BASE and a token a role:",
        f"  {start}",
        f'  curl -H "Authorization: Bearer ${_first_variable(tokens)}" $BASE/v1/learners',
        *(['  curl -H "Authorization: Bearer $TOKEN_PARTNER" $BASE/v1/feeds'] if "partner" in tokens else []),
        "",
        f"[dim]{_forsa()} doctor says what is wrong; Ctrl-C ends everything[/dim]",
    ]
    console.print(Panel("\n".join(lines), title="Forsa · فرصة", expand=False))
    for role, token in tokens.items():
        console.print(f"[bold]{role:<24}[/bold] {token}", soft_wrap=True)


def _forsa() -> str:
    """How the operator calls our command from here."""
    return "forsa" if shutil.which("forsa") else ".venv/bin/forsa"


def _first_variable(tokens: dict[str, str]) -> str:
    return "TOKEN_" + ("caseworker" if "caseworker" in tokens else next(iter(tokens), "caseworker")).upper()

"""The domain is pure: no clock, no chance, nothing read or written; evolve never refuses."""

from __future__ import annotations

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.kind import Kind
from domain.streams import KINDS
from tests.architecture.source import ROOT, name_of, python_files, tree_of
from tests.architecture.test_tables import evolve_table

CLOCK_OR_CHANCE = frozenset({"now", "today", "utcnow", "uuid1", "uuid4", "urandom", "randint", "monotonic", "time_ns"})
INPUT_OR_OUTPUT = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
BANNED_IMPORTS = frozenset(
    {"time", "random", "secrets", "os", "sys", "socket", "subprocess", "threading", "asyncio", "logging", "pathlib"}
)


def called(node: ast.Call) -> tuple[str, str]:
    """(what stands before the last dot, the name called)."""
    if isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value), node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def impure(path: Path) -> Iterator[str]:
    """Where this file asks a clock, chance or the outside world."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            yield from (f"{name_of(path)} imports {each}" for each in modules if each.split(".")[0] in BANNED_IMPORTS)
        elif isinstance(node, ast.Call):
            on, name = called(node)
            if (name in CLOCK_OR_CHANCE and on != "self") or (name in INPUT_OR_OUTPUT and not on):
                yield f"{name_of(path)}:{node.lineno} calls {name}"


def test_the_domain_asks_no_clock_no_chance_and_nothing_outside() -> None:
    assert [each for path in python_files("domain") for each in impure(path)] == []


@pytest.mark.parametrize(
    "source", ["import random", "from os import urandom", "date.today()", "datetime.now(UTC)", "uuid4()", "open('x')"]
)
def test_the_check_of_purity_can_fail(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(source)
    monkeypatch.setattr("tests.architecture.source.ROOT", tmp_path)
    assert len(list(impure(wrong))) == 1


def test_ruff_refuses_the_same_while_one_types() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    banned = set(lint["flake8-tidy-imports"]["banned-api"])
    assert {"datetime.datetime.now", "datetime.date.today", "random", "secrets", "uuid.uuid4", "time.time"} <= banned
    assert lint["per-file-ignores"]["!domain/**"] == ["TID251"], "banned in the domain, and only there"


def reached_from(functions: list[Callable[..., Any]]) -> Iterator[Callable[..., Any]]:
    """These functions and the domain's own that they call, in their module or another."""
    waiting: list[Any] = list(functions)
    seen = set[Any]()
    while waiting:
        each = waiting.pop()
        if not inspect.isfunction(each) or each in seen or not each.__module__.startswith("domain."):
            continue
        seen.add(each)
        yield each
        scope = inspect.getclosurevars(each)
        values = [*scope.globals.values(), *scope.nonlocals.values()]
        modules = [value for value in values if inspect.ismodule(value)]
        waiting += [*values, *(getattr(module, name, None) for module in modules for name in each.__code__.co_names)]


def evolve_functions(kind: Kind) -> list[Callable[..., Any]]:
    """Every function behind a kind's evolve table."""
    rows = evolve_table(kind).values()
    return [
        kind.evolve,
        *(on for row in rows for on in ([each for _, each in row] if isinstance(row, tuple) else [row])),
    ]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_evolve_never_refuses(kind: Kind) -> None:
    """What is stored has happened, and a state bears it; the golden events try that it does."""
    functions = list(reached_from(evolve_functions(kind)))
    assert len(functions) > len(kind.events)
    for each in functions:
        tree = ast.parse(textwrap.dedent(inspect.getsource(each)).strip().rstrip(","))
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Raise, ast.Assert))], each.__qualname__

"""The source as text and as trees, for tests about all of it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = ("domain", "projections", "api", "consumers", "runtime")
WRITTEN = (*SHIPPED, "bench", "examples", "tests")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def python_files(*packages: str) -> tuple[Path, ...]:
    """Every Python file of these packages."""
    return tuple(sorted(path for package in packages for path in (ROOT / package).rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(), path.name)


def name_of(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def functions_of(tree: ast.AST) -> Iterator[Function]:
    """Every function in it, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file git tracks that is text and is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000])

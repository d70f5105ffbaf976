"""Imports run one way: runtime → api → projections → domain; views stand alone."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import projections
from projections.view import EntryView
from tests.architecture.source import ROOT, SHIPPED, name_of, python_files, tree_of

SEALED = {"Sealed", "SealedFact", "Personal", "Clear", "clear", "Keyring", "sealed_fields", "fact_of", "sealed_at"}


def test_the_import_contracts_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say stands in pyproject.toml; `make check` prints each by name."""
    # It would switch off every logger there is, and with them what later tests listen for.
    monkeypatch.setattr("importlinter.cli._configure_logging", lambda _verbose: None)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=str(tmp_path)) == 0


def test_every_shipped_package_is_under_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(contracts["root_packages"]) == set(SHIPPED)
    assert contracts["contracts"][0]["layers"] == ["runtime", "api | consumers", "projections", "domain"]


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import of a file, wherever it stands in it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)


def view_files() -> dict[str, Path]:
    """Name of each view → the file it stands in."""
    return {view.name: ROOT / "projections" / f"{view.name}.py" for view in projections.ALL_VIEWS}


def test_a_view_stands_in_the_file_of_its_name() -> None:
    assert [name for name, path in view_files().items() if not path.is_file()] == []


def test_a_view_imports_no_other() -> None:
    views = view_files()
    for name, path in views.items():
        others = {f"projections.{each}" for each in views if each != name}
        for module, part in imported(path):
            assert module not in others, name_of(path)
            assert not (module == "projections" and part in views), name_of(path)


def test_entries_hold_nothing_sealed() -> None:
    """Personal data is opened at reading, under the reader's rights; an entry could never be erased."""
    for view in projections.ALL_VIEWS:
        if isinstance(view, EntryView):
            path = view_files()[view.name]
            sealed = [(module, part) for module, part in imported(path) if module == "domain.sealed" or part in SEALED]
            assert sealed == [], name_of(path)


def test_one_view_alone_has_personal_data_opened_for_it() -> None:
    opening = [view.name for view in projections.ALL_VIEWS if getattr(view, "facts_of", None) not in (None, nothing())]
    assert opening == ["learner_directory"]


def nothing() -> object:
    """What a view says that has nothing opened."""
    from projections.view import nothing_sealed

    return nothing_sealed


def test_the_casebook_is_the_one_module_of_the_domain_that_names_a_store() -> None:
    naming = [name_of(p) for p in python_files("domain") if any(part == "Streams" for _, part in imported(p))]
    assert naming == []

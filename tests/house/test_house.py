"""What a bare machine relies on: locked requirements, targets that are listed, a CI that runs what the README says."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.txt", "requirements-dev.txt"]


def locked(name: str) -> dict[str, Requirement]:
    entries = re.sub(r"\\\n", " ", (ROOT / name).read_text()).splitlines()
    found = [Requirement(entry.split(" --hash")[0]) for entry in entries]
    return {requirement.name.replace("_", "-").lower(): requirement for requirement in found}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_one_version_with_hashes_from_no_named_place(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.sub(r"\\\n", " ", text).splitlines()
    assert all(re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert "://" not in text
    assert "--index" not in text


def test_developers_run_what_production_runs() -> None:
    run, develop = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {name: str(entry) for name, entry in run.items()} == {name: str(develop[name]) for name in run}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_holds_what_pyproject_asks_for(name: str) -> None:
    """Red after an edit of pyproject.toml without `make lock`."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = pyproject["project"]["dependencies"] + (pyproject["dependency-groups"]["dev"] if "dev" in name else [])
    pins = locked(name)
    for requirement in map(Requirement, asked):
        version = next(iter(pins[requirement.name].specifier)).version
        assert requirement.specifier.contains(version), requirement.name


def test_make_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    helped = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, check=True)
    listed = helped.stdout.decode()
    assert [line.split()[0] for line in listed.splitlines()] == targets[1].split()


@pytest.mark.parametrize("name", [".ci/run", "Makefile"])
def test_what_runs_on_a_bare_machine_needs_no_docker(name: str) -> None:
    commands = re.sub(r"#.*", "", (ROOT / name).read_text())
    assert "docker" not in commands.lower()

"""How the source is written: the budgets and bans of our style, with every exception and its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import (
    ROOT,
    SHIPPED,
    WRITTEN,
    Function,
    functions_of,
    name_of,
    python_files,
    tracked_files,
    tree_of,
)

LONGEST_FILE, LONGEST_FUNCTION = 300, 45

# A file that is longer, and why it is not two.
LONG_FILES = {
    "domain/casebook.py": "one door to the streams: execute, read, guard and claim are one argument",
    "domain/organisation.py": "one noun, one file: its events, state, commands and refusals",
    "domain/group.py": "one noun, one file: its events, state, commands and rules",
    "domain/diploma_session.py": "one noun, one file: its events, state, commands and rules",
    "domain/learner/admission.py": "one stage, one file: its events, state, commands and refusals",
    "domain/learner/deciding/admission.py": "one stage, one file: its decide functions and their table rows",
    "domain/learner/deciding/diploma.py": "one stage, one file: its decide functions and their table rows",
    "domain/learner/diploma.py": "one stage, one file: its events, state, commands and refusals",
    "domain/learner/identification.py": "one stage, one file: its events, state, commands and refusals",
    "domain/learner/deciding/identification.py": "one stage, one file: its decide functions and their table rows",
    "domain/learner/privacy.py": "one stage, one file: its events, state, commands and refusals",
    "runtime/keyring.py": "one lock over the cache and the database: fetch, seal, open and destroy are one argument",
    "projections/learner_record.py": "one view, one file: its columns, rows and queries",
    "projections/projector.py": "one loop: page, fold, write and track in one transaction under one lock",
    "projections/rebuild.py": "one sequence: ranges, fold, indexes, catching up, parity, switch",
    "runtime/migrate.py": "one sequence: databases, roles, migrations, grants",
    "runtime/embedded_postgres.py": "run by itself by make, before anything is installed beside it",
    "runtime/recorder.py": "the library's recorder with what replaces its parts, read against one class",
}
LONG_FUNCTIONS = {
    "domain/learner/deciding/admission.py:enrol_learner": "every rule of enrolment in rule order, then the event",
}
NOWHERE = {"utils", "util", "core", "common", "helpers", "helper", "services", "service", "managers", "manager", "misc"}


def lines_of(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text().splitlines())


def own_lines(function: Function) -> int:
    """How many lines are the function's own: those of functions inside it are theirs."""
    inside = [each for node in ast.iter_child_nodes(function) for each in outermost(node)]
    return span(function) - sum(span(each) for each in inside)


def outermost(tree: ast.AST) -> Iterator[Function]:
    """The functions in a tree that stand in no other function of it."""
    if isinstance(tree, Function):
        yield tree
    else:
        yield from (each for node in ast.iter_child_nodes(tree) for each in outermost(node))


def span(function: Function) -> int:
    """From the first line to the last."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_module_is_longer_than_three_hundred_lines_without_a_reason() -> None:
    long = {name_of(path) for path in python_files(*SHIPPED) if lines_of(path) > LONGEST_FILE}
    assert sorted(long - LONG_FILES.keys()) == []
    assert sorted(LONG_FILES.keys() - long) == [], "an exception that is no longer one goes"


def test_no_function_is_longer_than_forty_five_lines_without_a_reason() -> None:
    long = {
        f"{name_of(path)}:{each.name}"
        for path in python_files(*WRITTEN)
        for each in functions_of(tree_of(path))
        if own_lines(each) > LONGEST_FUNCTION
    }
    assert sorted(long - LONG_FUNCTIONS.keys()) == []
    assert sorted(LONG_FUNCTIONS.keys() - long) == [], "an exception that is no longer one goes"


def test_no_place_is_named_for_what_has_none() -> None:
    names = {path: {*path.relative_to(ROOT).parts[:-1], path.stem} for path in python_files(*WRITTEN)}
    assert [name_of(path) for path, parts in names.items() if parts & NOWHERE] == []


def public_parts(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """(name, node) of everything another module may use: classes, functions, methods that are not magic."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, Function)) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public_parts(node, f"{prefix}{node.name}.")


def test_everything_public_says_what_is_true_afterwards() -> None:
    missing = [
        f"{name_of(path)}:{name}"
        for path in python_files(*SHIPPED)
        for name, node in public_parts(tree_of(path))
        if not ast.get_docstring(node)  # type: ignore[arg-type]  # classes and functions only
    ]
    assert missing == []
    assert [name_of(path) for path in python_files(*SHIPPED) if not ast.get_docstring(tree_of(path))] == []


def test_no_test_is_skipped_without_a_reason_and_none_is_commented_out() -> None:
    assert [each for path in python_files("tests") for each in unreasoned(path)] == []


def unreasoned(path: Path) -> Iterator[str]:
    """Where a test is left out without saying why."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(r"\s*#\s*(async\s+)?def test_|\s*#\s*@pytest", line):
            yield f"{name_of(path)}:{number} is commented out"
    for node in ast.walk(tree_of(path)):
        marked = isinstance(node, ast.Attribute) and ast.unparse(node) in ("pytest.mark.skip", "pytest.mark.xfail")
        if isinstance(node, ast.Call):
            what = ast.unparse(node.func)
            said = {word.arg for word in node.keywords} | ({"reason"} if node.args and what == "pytest.skip" else set())
            if what in ("pytest.skip", "pytest.mark.skipif") and "reason" not in said:
                yield f"{name_of(path)}:{node.lineno} {what}"
        elif marked and not re.search(rf"{re.escape(ast.unparse(node))}\([^)]*reason=", path.read_text()):
            yield f"{name_of(path)}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}"


def test_a_suppression_says_why_on_its_line() -> None:
    """A code in brackets says what is silenced, not why; `import-untyped` says both."""
    with_reason = re.compile(
        r"#\s*noqa:\s*[A-Z0-9]+(, ?[A-Z0-9]+)*\s+(#|-)\s*\S|#\s*type: ignore\[[a-z-]+(, ?[a-z-]+)*\]\s+#\s*\S"
    )
    found = [
        f"{name_of(path)}:{number}"
        for path in python_files(*SHIPPED)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"#\s*(noqa|type:\s*ignore)", line)
        and not with_reason.search(line)
        and "type: ignore[import-untyped]" not in line
    ]
    assert found == []


def test_no_tracked_file_names_a_machine_of_ours() -> None:
    """Neither somebody's home, nor this checkout, nor where packages were fetched from."""
    if not (ROOT / ".git").exists():
        pytest.skip("what is tracked is known in a git checkout only")
    homes = r"/(?:home|Users)/[a-z][\w-]*/|/root/|/tmp/\w"  # these paths are the pattern's own
    here = re.escape(str(ROOT)) if str(ROOT) not in ("/app", "/src") else "(?!)"  # a container's is in its Dockerfile
    sources = r"--(?:extra-)?index-url\s+http|--find-links\s|https?://[^\s\"']+/simple/?(?:\s|$)"
    wrong = re.compile(rf"(?<![\w.:~$}}])(?:{homes}|{here})|{sources}", re.MULTILINE)
    own = Path(__file__)
    found = {name_of(path): hit[0] for path in tracked_files() if path != own and (hit := wrong.search(read(path)))}
    assert found == {}


def read(path: Path) -> str:
    """The file's text; what is no UTF-8 is looked at all the same."""
    return path.read_bytes().decode(errors="replace")

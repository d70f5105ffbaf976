"""What holds for every view of the release: its rows are pinned, its module stands alone, it can be written."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest

import projections
from domain.sealed import tag_of
from domain.streams import EVENTS, KINDS
from projections import ALL_VIEWS, audit_trail, diploma_register, entries, learner_directory, learner_record, timeline
from projections.changes import CHANGES
from projections.copying import copy_bytes, stream_place, types
from projections.view import EntryView, StreamView, View
from runtime.store import EventLog
from tests.examples.commands import COMMANDS
from tests.projections import release_1, release_2
from tests.projections.conftest import OpenProjector
from tests.projections.log_of import EVERY_EVENT, identified, rows, store

PINNED: Final = Path(__file__).parents[1] / "contracts" / "view_rows.json"
HERE: Final = Path(projections.__file__).parent
WHEN: Final = ("recorded_at",)  # the only column that differs from one run to the next


def digest(found: list[tuple[Any, ...]]) -> str:
    """A hash of rows, the same wherever their values are."""
    return hashlib.sha256("\n".join(map(repr, found)).encode()).hexdigest()


@pytest.mark.parametrize("view", [*ALL_VIEWS, *release_1.OWN, *release_2.OWN], ids=lambda view: view.id)
def test_other_rows_need_another_version(
    event_log: EventLog, open_projector: OpenProjector, log_dsn: str, view: View
) -> None:
    """Rows of the examples that lead to nothing but `events` (one added later changes none), by view and version.

    A version that was released keeps its line for ever. Only an edited example is a reason to change one.
    """
    pinned = msgspec.json.decode(PINNED.read_bytes())
    examples = [each.then for each in COMMANDS if {tag_of(type(e)) for _, e in each.then} <= set(pinned["events"])]
    store(event_log, (*(line for example in examples for line in example), identified(1)))
    open_projector(views=[view]).catch_up()
    made = digest(rows(log_dsn, view, without=WHEN))
    assert pinned["rows"].get(view.id) == made, (
        f"{view.id} makes other rows than it did: give the view a new version and add this line to {PINNED.name}:"
        f' "{view.id}": "{made}"'
    )


def _imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _module_of(view: View) -> Path:
    return HERE / f"{view.name}.py"


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name)
def test_a_view_imports_no_other_view(view: View) -> None:
    others = {f"projections.{each.name}" for each in ALL_VIEWS if each is not view}
    assert not [name for name in _imports(_module_of(view)) for other in others if name.startswith(other)]


@pytest.mark.parametrize(
    "view", [each for each in ALL_VIEWS if isinstance(each, EntryView)], ids=lambda view: view.name
)
def test_an_entry_view_imports_no_sealed_type(view: View) -> None:
    imported = [*_imports(_module_of(view)), *_imports(HERE / "changes.py")]
    assert not [name for name in imported if name.startswith("domain.sealed")]
    personal = {
        "Identity",
        "Contacts",
        "Referral",
        "ReasonText",
        "PrintedName",
        "OutcomePlace",
        "Login",
        "WorkerPerson",
    }
    assert not personal & {name.rpartition(".")[2] for name in imported}


def test_only_the_directory_opens_personal_data() -> None:
    event = KINDS["learner"].evolve(KINDS["learner"].empty, EVERY_EVENT_OF_A_LEARNER, 1)
    opening = [view.name for view in ALL_VIEWS if isinstance(view, StreamView) and view.facts_of(event)]
    assert opening == ["learner_directory"]


EVERY_EVENT_OF_A_LEARNER = identified(1)[1]


def test_every_column_has_a_type_that_can_be_written() -> None:
    assert {column.type for view in ALL_VIEWS for column in view.columns} <= types()


def test_queries_read_the_tables_of_this_release() -> None:
    queries = {
        learner_record.VIEW.id: (learner_record.ONE, learner_record.LIST),
        learner_directory.VIEW.id: (learner_directory.BY_LIKENESS, learner_directory.BY_PART),
        diploma_register.VIEW.id: (diploma_register.ONE, diploma_register.BY_NUMBER, diploma_register.LIST),
        entries.VIEW.id: (timeline.QUERY, audit_trail.QUERY),
    }
    for view, texts in queries.items():
        for text in texts:
            assert f"views.{view}" in text
            assert text.count("views.") == text.count(f"views.{view}")


def test_every_tag_that_changes_something_says_what() -> None:
    """An event that is not in the table adds a fact: those are named here, so that a new one is thought about."""
    adding = {
        "organisation.registered", "organisation.access-granted", "worker.recorded", "convention.signed",
        "centre.opened", "group.opened", "group.timetable-set", "diploma-session.opened",
        "organisation.emergency-access-opened",
        "learner.erasure-requested", "learner.erasure-refused", "learner.personal-data-erased",
        "learner.hold-placed", "learner.hold-lifted",
    }  # fmt: skip
    assert {tag for tag, event_class in EVENTS.items() if event_class not in CHANGES} == adding


VALUES: Final[dict[str, list[Any]]] = {
    "uuid": [identified(1)[0], None],
    "text": ["ياسين\t\\N\n", "", None],
    "integer": [-1, 2**31 - 1, None],
    "bigint": [-(2**63), 5, None],
    "boolean": [True, False, None],
    "date": [EVERY_EVENT[0][1].on, EVERY_EVENT[0][1].on.replace(year=1956), None],
    "jsonb": ['{"a": [1, null, "\\u00e9"]}', "null", None],
    "text[]": [["أ", ""], [], ["a,b", '"'], None],
    "uuid[]": [[identified(1)[0], identified(2)[0]], [], None],
}


@pytest.mark.parametrize("kind", sorted(types()))
def test_a_value_is_read_as_it_was_written(log_dsn: str, kind: str) -> None:
    values = VALUES[kind]
    with psycopg.connect(log_dsn) as connection:
        connection.execute(f"create temp table written (stream uuid, value {kind})".encode())
        places = [stream_place(number.to_bytes(16, "big")) for number in range(len(values))]
        with connection.cursor().copy(b"copy written from stdin (format binary)") as copy:
            copy.write(copy_bytes(places, 1, [kind], [(value,) for value in values]))
        found = [row[0] for row in connection.execute(b"select value from written order by stream")]
    assert found == [msgspec.json.decode(value) if kind == "jsonb" and value else value for value in values]

"""The views of release 1 as they were, and its reader: what the next release must be able to run beside.

`learner_record.py` and `learner_directory.py` are that release's modules, never edited; the other two views are shared.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg_pool import ConnectionPool

from projections import entries, group_register
from projections.reading import Answer, Views
from projections.view import View
from tests.projections.release_1 import learner_directory, learner_record

VIEWS: Final[tuple[View, ...]] = (learner_record.VIEW, learner_directory.VIEW, group_register.VIEW, entries.VIEW)
# Versions that only this release has.
OWN: Final[tuple[View, ...]] = (learner_record.VIEW, learner_directory.VIEW)


class Reader(Views):
    """Release 1's door to its views: its own queries over the same machinery."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        """Connects at first use."""
        super().__init__(pool, VIEWS)

    def record(self, learner: UUID) -> Answer[learner_record.LearnerRecord | None]:
        """The learner's record as release 1 shows it."""
        rows, position, stale = self._ask("learner_record", learner_record.ONE, {"stream": learner}, learner)
        return Answer(learner_record.from_json(rows[0][0]) if rows else None, position, stale)

    def found(self, text: str) -> Answer[list[UUID]]:
        """The learners that release 1's search finds, best first."""
        parameters = learner_directory.search_parameters(text, None, 20)
        rows, position, _ = self._ask("learner_directory", learner_directory.BY_PART, parameters)
        return Answer([row[0] for row in rows], position)

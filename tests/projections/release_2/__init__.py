"""The views of release 2 as they were, and its reader: what the next release must be able to run beside.

`learner_record.py` is that release's module, never edited; the other views are shared.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg_pool import ConnectionPool

from domain.access import EVERYWHERE
from projections import entries, group_register, learner_directory
from projections.reading import Answer, Views
from projections.view import View
from tests.projections.release_2 import learner_record

VIEWS: Final[tuple[View, ...]] = (learner_record.VIEW, learner_directory.VIEW, group_register.VIEW, entries.VIEW)
# Versions that only this release has.
OWN: Final[tuple[View, ...]] = (learner_record.VIEW,)


class Reader(Views):
    """Release 2's door to its views: its own queries over the same machinery."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        """Connects at first use."""
        super().__init__(pool, VIEWS)

    def record(self, learner: UUID) -> Answer[learner_record.LearnerRecord | None]:
        """The learner's record as release 2 shows it."""
        rows, position, stale = self._ask("learner_record", learner_record.ONE, {"stream": learner}, learner)
        return Answer(learner_record.from_json(rows[0][0]) if rows else None, position, stale)

    def found(self, text: str) -> Answer[list[UUID]]:
        """The learners that release 2's search finds, best first."""
        answer = self.search(EVERYWHERE, text)
        return Answer([each.learner for each in answer.value], answer.position)

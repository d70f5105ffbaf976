"""Parameters and headers that many operations share, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Final

from api.cursors import MOST_ROWS, USUAL_ROWS
from projections.within import RELATIONS


def _query(name: str, description: str, example: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "example": example,
            "schema": schema}  # fmt: skip


QUERY: Final[dict[str, dict[str, Any]]] = {
    each["name"]: each
    for each in (
        _query(
            "as_of",
            "What was known at this moment (RFC 3339). A moment later than now is refused.",
            "2026-11-22T09:00:00Z",
            {"type": "string", "format": "date-time"},
        ),
        _query(
            "at_least",
            "A position of an earlier answer: the read waits up to 250 ms for it, else 503; 422 past the log.",
            1207,
            {"type": "integer", "minimum": 0},
        ),
        _query(
            "cursor", "Where the list goes on: from the `Link` header of the page before.", "b64…", {"type": "string"}
        ),
        _query(
            "limit",
            f"Rows of a page, {USUAL_ROWS} unless given.",
            USUAL_ROWS,
            {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
        ),
        _query("week", "The week, named by its Monday.", "2026-11-16", {"type": "string", "format": "date"}),
        _query(
            "centre",
            "Of this centre only.",
            "00000000-0000-4000-8000-000000000021",
            {"type": "string", "format": "uuid"},
        ),
        _query("season", "Enrolled in this season: the year it starts in.", 2026, {"type": "integer"}),
        _query(
            "relation",
            "Your learners now (current, the default), of an earlier episode of yours (former), or whose transfer"
            " to you was requested and is not answered (requested).",
            "current",
            {"type": "string", "enum": list(RELATIONS)},
        ),
        _query("status", "In this status only.", "enrolled", {"type": "string"}),
        _query("component", "A code of the list `component`.", "workshop", {"type": "string"}),
    )
}

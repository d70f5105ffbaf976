"""Parameters and headers that many operations share, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Final

from api.cursors import MOST_ROWS, USUAL_ROWS
from domain.partner_feed import ANNULLED, IN_FORCE
from projections.within import RELATIONS

USUAL_MESSAGES: Final = 100
MOST_MESSAGES: Final = 1_000
MOST_WAIT_SECONDS: Final = 30
PLACE: Final = "^[1-9][0-9]{0,8}/(0|[1-9][0-9]{0,17})$"


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
} | {
    "candidates-format": _query(
        "format",
        "json, or xlsx for a workbook; else what `Accept` asks for.",
        "json",
        {"type": "string", "enum": ["json", "xlsx"]},
    ),
    # Of a diploma's register: where a number is looked up.
    "register-delegation": _query(
        "delegation",
        "The delegation whose register it is. All four of the register and the number are asked.",
        "00000000-0000-4000-8000-000000000013",
        {"type": "string", "format": "uuid"},
    ),
    "register-kind": _query(
        "kind", "The register's kind, a code of the list `diploma_kind`.", "vocational_diploma", {"type": "string"}
    ),
    "register-year": _query("year", "The register's year.", 2026, {"type": "integer"}),
    "register-number": _query(
        "number",
        "The diploma's number, as typed: also one it had before it was corrected.",
        "2026/0011",
        {"type": "string", "maxLength": 60},
    ),
    # Of the feeds: names that other reads have with another meaning.
    "feed-after": _query(
        "after",
        "Messages after this place, `epoch/sequence`; from the first one unless given.",
        "1/42",
        {"type": "string", "pattern": PLACE},
    ),
    "feed-limit": _query(
        "limit",
        f"Rows of a page, {USUAL_MESSAGES} unless given.",
        USUAL_MESSAGES,
        {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES},
    ),
    "feed-wait": _query(
        "wait",
        "Seconds to wait for the first message where there is none yet: an empty page after that.",
        20,
        {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_SECONDS},
    ),
    "snapshot-at": _query(
        "at",
        "The place the snapshot is of, the feed's last one unless given: all pages of a snapshot have the same.",
        "1/42",
        {"type": "string", "pattern": PLACE},
    ),
    "snapshot-after": _query(
        "after",
        "Diplomas after this one, in the order of their ids; from the `Link` header of the page before.",
        "00000000-0000-4000-8000-000000000061",
        {"type": "string", "format": "uuid"},
    ),
    "snapshot-limit": _query(
        "limit",
        f"Diplomas of a page, {MOST_MESSAGES} unless given; fewer are shown where `status` narrows.",
        MOST_MESSAGES,
        {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES},
    ),
    "snapshot-status": _query(
        "status",
        "In this status only; annulled diplomas are in the snapshot unless it says `in_force`.",
        IN_FORCE,
        {"type": "string", "enum": [IN_FORCE, ANNULLED]},
    ),
}

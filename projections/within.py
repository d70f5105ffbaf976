"""The SQL that narrows a list to what its reader may see: one fragment a relation, so that each keeps its own plan."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from domain.access import Reach

# What a learner is to the reader's centres: theirs now, theirs once, or asked to become theirs.
RELATIONS: Final = ("current", "former", "requested")

_OURS: Final[LiteralString] = """(custody = any(%(centres)s::uuid[])
      or (custody is null and (org = any(%(orgs)s::uuid[]) or province = any(%(provinces)s::text[])))
      or conventions && %(conventions)s::uuid[])"""
_LEARNERS: Final[dict[tuple[str, bool], LiteralString]] = {
    ("current", True): "true",
    ("current", False): _OURS,
    ("former", True): "former <> '{}'",
    ("former", False): "former && %(centres)s::uuid[]",
    ("requested", True): "asked is not null",
    ("requested", False): "asked = any(%(centres)s::uuid[])",
}


def learners_within(query: LiteralString, reach: Reach, relation: str = "current") -> LiteralString:
    """The query with its REACH in SQL: a superset of what the reader may see, each row's sight is asked after."""
    return query.replace("REACH", _LEARNERS[relation, reach.everything])


def centres_within(query: LiteralString, reach: Reach) -> LiteralString:
    """The query with its REACH in SQL, for rows of a centre."""
    return query.replace("REACH", "true" if reach.everything else "centre = any(%(centres)s::uuid[])")


def parameters_of(reach: Reach) -> dict[str, Any]:
    """The parameters of either, in a fixed order."""
    return {
        "centres": sorted(reach.centres),
        "orgs": sorted(reach.orgs),
        "provinces": sorted(reach.provinces),
        "conventions": sorted(reach.conventions),
    }

"""Who acts: workers by role, each acting for an organisation of their own."""

from __future__ import annotations

from uuid import UUID, uuid5

from domain.event import By

INVENTED = UUID("00000000-0000-4000-8000-00000000f025")


def id_of(name: str) -> UUID:
    """The same id for the same name, in every test and every run."""
    return uuid5(INVENTED, name)


def by(role: str, organisation: UUID) -> By:
    """Someone acting in this role for this organisation, at the console."""
    return By(actor=id_of(f"worker/{role}"), role=role, org=organisation, src="console")


ASSOCIATION = id_of("organisation/association")
AREF_OFFICE = id_of("organisation/aref")
DIRECTORATE_OFFICE = id_of("organisation/provincial-directorate")
MINISTRY_OFFICE = id_of("organisation/ministry")
DELEGATION = id_of("organisation/en-delegation")

CASEWORKER = by("caseworker", ASSOCIATION)
COORDINATOR = by("coordinator", ASSOCIATION)
EDUCATOR = by("educator", ASSOCIATION)
DIRECTORATE = by("provincial_directorate", DIRECTORATE_OFFICE)
AREF = by("aref", AREF_OFFICE)
MINISTRY = by("ministry", MINISTRY_OFFICE)
EN_AGENT = by("en_agent", DELEGATION)
OPERATOR = by("operator", MINISTRY_OFFICE)

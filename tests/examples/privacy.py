"""Amina asks to be forgotten: one event of each kind of the privacy stage, and the named states on the way."""

from __future__ import annotations

from datetime import date

from domain.event import NIL, By
from domain.learner.privacy import (
    CheckedItem,
    ErasureDecided,
    ErasureRefused,
    ErasureRequested,
    HoldLifted,
    HoldPlaced,
    HoldReference,
    NewGroundStated,
    PersonalDataErased,
)
from domain.sealed import clear
from tests.examples.path import AMINA, VERIFIED
from tests.examples.people import CASEWORKER, COORDINATOR, MINISTRY_OFFICE, by, id_of
from tests.examples.places import History

SYSTEM = By(actor=id_of("system:erasing"), role="system", org=NIL, src="system")
OFFICER = by("data_protection_officer", MINISTRY_OFFICE)
ERASURE, HOLD = id_of("erasure/amina"), id_of("hold/amina")
ASKED_ON, DECIDED_ON, BACK_ON = date(2025, 10, 6), date(2025, 10, 8), date(2025, 11, 3)
FAMILIES = ["identity", "contacts"]

ERASURE_REQUESTED = ErasureRequested(
    on=ASKED_ON, by=CASEWORKER, erasure=ERASURE, families=FAMILIES, asked_by="guardian"
)
ERASURE_REFUSED = ErasureRefused(
    on=DECIDED_ON,
    by=OFFICER,
    erasure=ERASURE,
    families=["identity"],
    ground="money_control",
    until=date(2026, 9, 1),
)
ERASURE_DECIDED = ErasureDecided(
    on=DECIDED_ON, by=OFFICER, erasure=ERASURE, families=FAMILIES, legal_basis="consent_withdrawn", whole=False
)
CHECKLIST = [CheckedItem("views", 4, 0), CheckedItem("keys", 2, 0), CheckedItem("directory", 1, 0)]
PERSONAL_DATA_ERASED = PersonalDataErased(on=DECIDED_ON, by=SYSTEM, erasure=ERASURE, checklist=CHECKLIST)
HOLD_PLACED = HoldPlaced(
    on=ASKED_ON,
    by=OFFICER,
    hold=HOLD,
    families=["identity"],
    authority=MINISTRY_OFFICE,
    reference=clear(HoldReference("2025-CAS-114")),
)
HOLD_LIFTED = HoldLifted(on=DECIDED_ON, by=OFFICER, hold=HOLD)
NEW_GROUND_STATED = NewGroundStated(
    on=BACK_ON,
    by=COORDINATOR,
    erasure=ERASURE,
    families=FAMILIES,
    ground="return",
    given_by="guardian",
    document=None,
)

ASKED: History = (*VERIFIED, (AMINA, ERASURE_REQUESTED))
DECIDED: History = (*ASKED, (AMINA, ERASURE_DECIDED))
FORGOTTEN: History = (*DECIDED, (AMINA, PERSONAL_DATA_ERASED))
BACK: History = (*FORGOTTEN, (AMINA, NEW_GROUND_STATED))
HELD: History = (*VERIFIED, (AMINA, HOLD_PLACED))

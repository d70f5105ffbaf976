"""Who grants access, to whom, on what; how it ends; and access in an emergency. DOMAIN §5 "Who decides"."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.errors import IdInUse, NotAllowedNow, OccurredInFuture, ReasonNeeded, UnknownCode, UnknownStream
from domain.event import By
from domain.granting import SUPERIORS
from domain.kind import Command, ReasonGiven
from domain.organisation import (
    EmergencyAlreadyReviewed,
    EndsBeforeStart,
    Grant,
    GrantRevoked,
    GrantToSelf,
    Mission,
    MissionMisplaced,
    NoSuchEmergency,
    NoSuchGrant,
    NotActingForIt,
    ReviewedByOpener,
    ReviewerNotSuperior,
    ScopeDoesNotFitRole,
    ScopeIdDoesNotFit,
    WorkerHasLeft,
)
from domain.streams import COMMANDS, LoginInUse
from tests.examples.commands import (
    BIND_LOGIN,
    GRANT_ACCESS,
    OPEN_EMERGENCY,
    RECORD_LEAVING,
    REVIEW_EMERGENCY,
    REVOKE_ACCESS,
)
from tests.examples.path import AMINA, ATTENDING, EMERGENCY, EMERGENCY_OPEN, EMERGENCY_OPENED, EMERGENCY_REVIEWED
from tests.examples.people import (
    AREF,
    ASSOCIATION,
    CASEWORKER,
    COORDINATOR,
    DIRECTORATE,
    DIRECTORATE_OFFICE,
    OPERATOR,
    by,
    id_of,
)
from tests.examples.places import (
    ACCESS_GRANTED,
    ACCESS_REVOKED,
    CENTRE,
    CONVENTION,
    GRANT,
    JURY_MEMBER,
    LOGIN_BOUND,
    OPEN_CENTRE,
    START,
    WORKER,
    WORKER_LEFT,
    History,
)
from tests.scenario import given

GRANTED: History = (*OPEN_CENTRE, (ASSOCIATION, ACCESS_GRANTED))
REVOKED: History = (*GRANTED, (ASSOCIATION, ACCESS_REVOKED))
DEPARTED: History = (*OPEN_CENTRE, (WORKER, LOGIN_BOUND), (WORKER, WORKER_LEFT))
NOBODY = id_of("nobody")

# ── granting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_grants_to_themselves() -> None:
    given(*OPEN_CENTRE).when(GRANT_ACCESS, by=but(OPERATOR, actor=WORKER)).refused(GrantToSelf(pointer="/subject"))


@pytest.mark.parametrize(
    ("scope", "scope_id"),
    [
        ("national", ""),
        ("region", "MA-06"),
        ("province", "CAS"),
        ("organisation", str(ASSOCIATION)),
        ("centre", str(CENTRE)),
        ("convention", str(CONVENTION)),
    ],
)
def test_a_scope_names_what_it_is_of(scope: str, scope_id: str) -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, scope=scope, scope_id=scope_id), by=OPERATOR).then(
        (ASSOCIATION, but(ACCESS_GRANTED, scope=scope, scope_id=scope_id))
    )


@pytest.mark.parametrize(
    ("scope", "scope_id"),
    [
        ("national", "MA-06"),
        ("centre", ""),
        ("centre", "Al Amal"),
        ("organisation", f"{{{ASSOCIATION}}}"),
        ("convention", CONVENTION.hex),
    ],
)
def test_what_cannot_name_it_is_refused_at_the_field(scope: str, scope_id: str) -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, scope=scope, scope_id=scope_id), by=OPERATOR).refused(
        ScopeIdDoesNotFit(pointer="/scope_id", scope=scope)
    )


@pytest.mark.parametrize(("scope", "scope_id"), [("region", "CAS"), ("province", "MA-06"), ("province", "")])
def test_a_region_or_a_province_is_a_code_of_its_list(scope: str, scope_id: str) -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, scope=scope, scope_id=scope_id), by=OPERATOR).refused(
        UnknownCode(pointer="/scope_id", list=scope, value=scope_id)
    )


def test_no_grant_gives_the_role_of_what_nobody_did() -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, role="system"), by=OPERATOR).refused(
        UnknownCode(pointer="/role", list="role", value="system")
    )


@pytest.mark.parametrize("stream", [NOBODY, CONVENTION, WORKER])
def test_a_centre_that_is_none_is_refused(stream: UUID) -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, scope_id=str(stream)), by=OPERATOR).refused(
        UnknownStream(pointer="/scope_id", kind="centre", id=stream)
    )


def test_an_id_is_stored_as_we_write_ids() -> None:
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, scope_id=str(CENTRE).upper()), by=OPERATOR).then(
        (ASSOCIATION, ACCESS_GRANTED)
    )


MISSION = Mission(date(2025, 9, 1), date(2026, 8, 31), names=False)
AUDITOR = but(GRANT_ACCESS, role="auditor", scope="convention", scope_id=str(CONVENTION), purpose="mission")


def test_an_auditor_may_be_sent_on_a_mission() -> None:
    sent = given(*OPEN_CENTRE).when(but(AUDITOR, mission=MISSION), by=OPERATOR)
    granted = {"role": "auditor", "scope": "convention", "scope_id": str(CONVENTION), "purpose": "mission"}
    sent.then((ASSOCIATION, but(ACCESS_GRANTED, **granted, mission=MISSION)))
    held = sent.state("organisation", ASSOCIATION).grants[GRANT]
    assert held == Grant(WORKER, "auditor", "convention", str(CONVENTION), START, None, MISSION)


def test_an_auditor_without_a_mission_is_granted_access_too() -> None:
    given(*OPEN_CENTRE).when(AUDITOR, by=OPERATOR).accepted()


def test_no_other_role_is_sent_on_a_mission_and_a_mission_ends_after_it_starts() -> None:
    backwards = but(MISSION, until=date(2025, 8, 31))
    given(*OPEN_CENTRE).when(but(GRANT_ACCESS, mission=backwards), by=OPERATOR).refused(
        MissionMisplaced(pointer="/mission", role="caseworker"),
        EndsBeforeStart(pointer="/mission/until", starts_on="2025-09-01", ends_on="2025-08-31"),
    )


@pytest.mark.parametrize(
    ("scope", "scope_id"),
    [("province", "CAS"), ("centre", str(id_of("centre/al-amal"))), ("organisation", str(ASSOCIATION))],
)
def test_a_partners_system_is_granted_a_whole_feed_and_no_less(scope: str, scope_id: str) -> None:
    partner = but(GRANT_ACCESS, role="partner", scope=scope, scope_id=scope_id)
    given(*OPEN_CENTRE).when(partner, by=OPERATOR).refused(
        ScopeDoesNotFitRole(pointer="/scope", role="partner", scopes=["national", "region"])
    )
    for fitting, code in (("national", ""), ("region", "MA-06")):
        given(*OPEN_CENTRE).when(but(partner, scope=fitting, scope_id=code), by=OPERATOR).accepted()


def test_the_same_grant_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    given(*GRANTED).when(GRANT_ACCESS, by=OPERATOR).nothing()
    given(*GRANTED).when(but(GRANT_ACCESS, valid_from=None), by=OPERATOR, today=date(2025, 9, 20)).nothing()
    given(*GRANTED).when(but(GRANT_ACCESS, role="coordinator"), by=OPERATOR).refused(
        IdInUse(pointer="/grant", id=GRANT)
    )


# ── revoking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_revocation_needs_a_reason() -> None:
    given(*GRANTED).when(but(REVOKE_ACCESS, why=None), by=OPERATOR).refused(ReasonNeeded)
    revoked = given(*GRANTED).when(REVOKE_ACCESS, by=OPERATOR).then((ASSOCIATION, ACCESS_REVOKED))
    assert revoked.state("organisation", ASSOCIATION).grants[GRANT].revoked_on == ACCESS_REVOKED.on


def test_an_unknown_and_a_revoked_grant_are_refused() -> None:
    given(*OPEN_CENTRE).when(REVOKE_ACCESS, by=OPERATOR).refused(NoSuchGrant(pointer="/grant", grant=GRANT))
    given(*REVOKED).when(REVOKE_ACCESS, by=OPERATOR).refused(GrantRevoked(pointer="/grant", revoked_on="2026-06-30"))


def test_a_grant_of_another_organisation_is_unknown() -> None:
    elsewhere = but(REVOKE_ACCESS, organisation=DIRECTORATE_OFFICE)
    given(*GRANTED).when(elsewhere, by=OPERATOR).refused(NoSuchGrant)


def test_a_revoked_grant_never_holds_again() -> None:
    again = but(GRANT_ACCESS, on=date(2026, 7, 1), valid_from=date(2026, 7, 1))
    given(*REVOKED).when(again, by=OPERATOR).refused(GrantRevoked(pointer="/grant", revoked_on="2026-06-30"))
    given(*REVOKED).when(but(again, grant=id_of("grant/anew")), by=OPERATOR).accepted()


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_left_is_granted_nothing_and_bound_to_no_login() -> None:
    scenario = given(*DEPARTED)
    late = date(2026, 7, 1)
    scenario.when(but(GRANT_ACCESS, on=late, valid_from=late), by=OPERATOR).refused(
        WorkerHasLeft(pointer="/subject", left_on="2026-06-30")
    )
    scenario.when(but(BIND_LOGIN, on=late), by=OPERATOR).refused(
        NotAllowedNow(status="departed", allowed=["record-leaving"])
    )


def test_the_login_of_who_left_is_free_for_another() -> None:
    other = JURY_MEMBER
    given(*OPEN_CENTRE, (WORKER, LOGIN_BOUND)).when(but(BIND_LOGIN, worker=other), by=OPERATOR).refused(LoginInUse)
    left = given(*OPEN_CENTRE, (WORKER, LOGIN_BOUND)).when(RECORD_LEAVING, by=COORDINATOR).then((WORKER, WORKER_LEFT))
    assert left.state("worker", WORKER).logins == {}
    left.when(but(BIND_LOGIN, worker=other, on=date(2026, 7, 1)), by=OPERATOR).accepted()


def test_nobody_leaves_tomorrow_and_leaving_again_changes_nothing() -> None:
    given(*OPEN_CENTRE).when(RECORD_LEAVING, by=COORDINATOR, today=date(2026, 6, 29)).refused(
        OccurredInFuture(pointer="/left_on", on="2026-06-30", today="2026-06-29")
    )
    given(*DEPARTED).when(RECORD_LEAVING, by=COORDINATOR).nothing()
    corrected = but(RECORD_LEAVING, left_on=date(2026, 6, 26))
    given(*DEPARTED).when(corrected, by=COORDINATOR, today=date(2026, 7, 1)).then(
        (WORKER, but(WORKER_LEFT, on=date(2026, 6, 26), left_on=date(2026, 6, 26)))
    )


# ── emergencies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_emergency_access_lasts_three_hours_from_the_act() -> None:
    scenario = given(*ATTENDING)
    opened = scenario.when(OPEN_EMERGENCY, by=DIRECTORATE).then((DIRECTORATE_OFFICE, EMERGENCY_OPENED))
    held = opened.state("organisation", DIRECTORATE_OFFICE).emergencies[EMERGENCY]
    assert (held.learner, held.opened_by, held.finding) == (AMINA, DIRECTORATE.actor, None)
    assert held.until == datetime(2026, 1, 12, 15, tzinfo=UTC)
    opened.when(OPEN_EMERGENCY, by=DIRECTORATE, today=date(2026, 1, 13)).nothing()


def test_an_emergency_access_needs_a_reason_a_learner_and_ones_own_organisation() -> None:
    given(*ATTENDING).when(but(OPEN_EMERGENCY, why=None), by=DIRECTORATE).refused(ReasonNeeded)
    given(*ATTENDING).when(but(OPEN_EMERGENCY, learner=NOBODY), by=DIRECTORATE).refused(
        UnknownStream(pointer="/learner", kind="learner", id=NOBODY)
    )
    given(*ATTENDING).when(OPEN_EMERGENCY, by=CASEWORKER).refused(NotActingForIt(organisation=ASSOCIATION))


def test_an_emergencys_id_names_one_access() -> None:
    colleague = by("provincial_directorate", DIRECTORATE_OFFICE)
    given(*EMERGENCY_OPEN).when(OPEN_EMERGENCY, by=but(colleague, actor=NOBODY)).refused(
        IdInUse(pointer="/emergency", id=EMERGENCY)
    )


def test_nobody_reviews_their_own_emergency() -> None:
    over_directorates = ["aref", "data_protection_officer"]
    given(*EMERGENCY_OPEN).when(REVIEW_EMERGENCY, by=DIRECTORATE).refused(
        ReviewedByOpener(pointer="/emergency"), ReviewerNotSuperior(pointer="/emergency", roles=over_directorates)
    )


def test_a_colleague_of_the_same_rank_is_no_superior() -> None:
    colleague = but(DIRECTORATE, actor=NOBODY)
    given(*EMERGENCY_OPEN).when(REVIEW_EMERGENCY, by=colleague).refused(
        ReviewerNotSuperior(pointer="/emergency", roles=["aref", "data_protection_officer"])
    )


def test_whoever_may_open_an_emergency_has_a_superior_who_may_review_it() -> None:
    rows = {spec.name: spec.roles for spec in COMMANDS}
    assert SUPERIORS.keys() == set(rows["open-emergency-access"])
    assert all(
        role not in above and set(above) <= set(rows["review-emergency-access"]) for role, above in SUPERIORS.items()
    )


def test_an_emergency_is_reviewed_once() -> None:
    reviewed = given(*EMERGENCY_OPEN, (DIRECTORATE_OFFICE, EMERGENCY_REVIEWED))
    reviewed.when(REVIEW_EMERGENCY, by=AREF).nothing()
    reviewed.when(but(REVIEW_EMERGENCY, finding="unjustified"), by=AREF).refused(
        EmergencyAlreadyReviewed(pointer="/emergency", finding="justified")
    )


def test_a_review_is_of_an_emergency_of_the_organisation_with_a_known_finding() -> None:
    given(*ATTENDING).when(but(REVIEW_EMERGENCY, finding="fine"), by=AREF).refused(
        UnknownCode(pointer="/finding", list="emergency_finding", value="fine"),
        NoSuchEmergency(pointer="/emergency", emergency=EMERGENCY),
    )


@pytest.mark.parametrize("command", [REVOKE_ACCESS, OPEN_EMERGENCY])
def test_a_reason_in_own_words_has_no_place_on_an_organisations_stream(command: Command) -> None:
    """Rule 42: it may speak of the learner."""
    told = but(command, why=ReasonGiven("other", "she told me"))
    role: By = OPERATOR if command is REVOKE_ACCESS else DIRECTORATE
    broken = given(*ATTENDING, (ASSOCIATION, ACCESS_GRANTED)).when(told, by=role).broken
    assert [each.code for each in broken] == ["reason-text-misplaced"]

"""What one stream alone may hold: taken and freed as the difference a command makes."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.casebook import Claim
from domain.event import Why
from domain.kind import ReasonGiven
from domain.learner.identification import Identifier
from domain.learner.review import WithdrawFact
from domain.sealed import clear
from domain.streams import KINDS as ALL_KINDS
from domain.streams import REDRAWN, FileNumberInUse, MassarInUse, claim_refusal, fold
from domain.values import file_number
from tests.examples.commands import AWARD_DIPLOMAS, BIND_LOGIN, IDENTIFY, RECORD_IDENTITY
from tests.examples.path import (
    ADMITTED,
    AMINA,
    FACT_WITHDRAWN,
    FILE_NUMBER,
    IDENTIFIED,
    IDENTITY,
    IDENTITY_RECORDED,
    LEARNER_IDENTIFIED,
    MASSAR,
    VERIFIED,
)
from tests.examples.people import CASEWORKER, DELEGATION, EN_AGENT, OPERATOR, id_of
from tests.examples.places import WORKER, WORLD, History
from tests.scenario import Scenario, given

OMAR = id_of("learner/omar")
OTHER = Identifier("massar", "S130045678")
TAKE_BACK = ReasonGiven("entry_error")


def claim(scenario: Scenario, kind: str, value: str) -> Claim:
    return scenario.streams.digest(kind, value)


def moved(scenario: Scenario) -> tuple[set[Claim], set[Claim]]:
    """Claims the last append took and freed."""
    last = scenario.streams.appends[-1]
    return {each for each, _ in last.taken}, {each for each, _ in last.freed}


def with_massar(*identifiers: Identifier) -> History:
    """Amina's identity on file holds these identifiers."""
    recorded = but(IDENTITY_RECORDED, identity=clear(but(IDENTITY, identifiers=list(identifiers))))
    return (*IDENTIFIED, (AMINA, recorded))


# ── file numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_number_is_claimed() -> None:
    scenario = given(*WORLD)
    scenario.when(IDENTIFY, by=CASEWORKER).accepted()
    assert moved(scenario) == ({claim(scenario, "file-number", FILE_NUMBER)}, set())


def drawn(last: int) -> str:
    return file_number(2025, "CAS", f"{last:06d}")


def test_a_file_number_another_learner_holds_is_drawn_again() -> None:
    scenario = given(*WORLD, (OMAR, but(LEARNER_IDENTIFIED, file_number=drawn(7))))
    scenario.nonces = iter([UUID(int=7), UUID(int=8)])
    outcome = scenario.when(IDENTIFY, by=CASEWORKER)
    outcome.then((AMINA, but(LEARNER_IDENTIFIED, file_number=drawn(8))))


def test_after_three_draws_the_caller_is_told() -> None:
    scenario = given(*WORLD, (OMAR, but(LEARNER_IDENTIFIED, file_number=drawn(7))))
    scenario.nonces = iter([UUID(int=7), UUID(int=7), UUID(int=7), UUID(int=8)])
    scenario.when(IDENTIFY, by=CASEWORKER).refused(FileNumberInUse)
    assert next(scenario.nonces) == UUID(int=8)


# ── Massar codes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_massar_code_another_learner_holds_is_refused_without_naming_who() -> None:
    command = but(IDENTIFY, learner=OMAR, identifiers=[MASSAR])
    scenario = given(*VERIFIED)
    scenario.nonces = iter([UUID(int=7)])
    scenario.when(command, by=CASEWORKER).refused(MassarInUse())


@pytest.mark.parametrize("typed", ["r130045678", " R 130 045 678 ", "R-130.045/678", "R١٣٠٠٤٥٦٧٨"])
def test_however_it_was_typed_it_is_the_same_code(typed: str) -> None:
    scenario = given(*VERIFIED)
    scenario.nonces = iter([UUID(int=7)])
    command = but(IDENTIFY, learner=OMAR, identifiers=[Identifier("massar", typed)])
    scenario.when(command, by=CASEWORKER).refused(MassarInUse)


def test_only_massar_codes_are_claimed() -> None:
    scenario = given(*with_massar())
    scenario.when(but(RECORD_IDENTITY, identifiers=[Identifier("passport", "AB12")]), by=CASEWORKER).accepted()
    assert moved(scenario) == (set(), set())


def test_a_corrected_code_moves() -> None:
    scenario = given(*with_massar(MASSAR))
    scenario.when(but(RECORD_IDENTITY, identifiers=[OTHER]), by=CASEWORKER).accepted()
    assert moved(scenario) == (
        {claim(scenario, "massar", OTHER.value)},
        {claim(scenario, "massar", MASSAR.value)},
    )


def test_a_code_that_stays_is_neither_taken_nor_freed() -> None:
    scenario = given(*with_massar(MASSAR))
    scenario.when(but(RECORD_IDENTITY, identifiers=[MASSAR, OTHER]), by=CASEWORKER).accepted()
    assert moved(scenario) == ({claim(scenario, "massar", OTHER.value)}, set())


def test_a_withdrawn_identity_frees_its_code_for_someone_else() -> None:
    taken_back = given(*VERIFIED).when(WithdrawFact(learner=AMINA, version=2, why=TAKE_BACK), by=CASEWORKER)
    taken_back.accepted().scenario.nonces = iter([UUID(int=7)])
    taken_back.when(but(IDENTIFY, learner=OMAR, identifiers=[MASSAR]), by=CASEWORKER).accepted()


def test_a_withdrawn_correction_takes_the_earlier_code_again() -> None:
    scenario = given(*with_massar(MASSAR))
    scenario.when(but(RECORD_IDENTITY, identifiers=[OTHER]), by=CASEWORKER).accepted()
    scenario.when(WithdrawFact(learner=AMINA, version=3, why=TAKE_BACK), by=CASEWORKER).accepted()
    assert moved(scenario) == (
        {claim(scenario, "massar", MASSAR.value)},
        {claim(scenario, "massar", OTHER.value)},
    )


def test_a_correction_is_not_withdrawn_into_a_code_someone_else_holds_by_now() -> None:
    scenario = given(*with_massar(MASSAR))
    scenario.when(but(RECORD_IDENTITY, identifiers=[OTHER]), by=CASEWORKER).accepted()
    scenario.nonces = iter([UUID(int=7)])
    scenario.when(but(IDENTIFY, learner=OMAR, identifiers=[MASSAR]), by=CASEWORKER).accepted()
    scenario.when(WithdrawFact(learner=AMINA, version=3, why=TAKE_BACK), by=CASEWORKER).refused(MassarInUse)


def test_an_act_that_leaves_the_identity_alone_opens_nothing() -> None:
    scenario = given(*ADMITTED)
    scenario.when(AWARD_DIPLOMAS, by=EN_AGENT).accepted()
    taken, freed = moved(scenario)
    assert taken == {claim(scenario, "register-number", f"{DELEGATION} vocational_diploma 2026 EN-2026-77")}
    assert freed == set()


# ── logins, and the table ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_login_is_claimed_by_issuer_and_subject() -> None:
    scenario = given(*WORLD)
    scenario.when(BIND_LOGIN, by=OPERATOR).accepted()
    assert moved(scenario) == ({claim(scenario, "login", "dev\0karim@example.org")}, set())
    scenario.when(BIND_LOGIN, by=OPERATOR).accepted()
    assert moved(scenario) == (set(), set())
    assert WORKER in scenario.streams.claims.values()


def test_every_kind_of_claim_has_a_refusal() -> None:
    kinds = {"massar", "register-number", "login", "file-number"}
    assert {type(claim_refusal(kind)).__name__ for kind in kinds} == {
        "MassarInUse",
        "RegisterNumberInUse",
        "LoginInUse",
        "FileNumberInUse",
    }
    assert kinds >= REDRAWN


def test_claims_of_a_state_are_those_of_the_identity_in_force() -> None:
    events = [event for stream, event in VERIFIED if stream == AMINA]
    withdrawn = but(FACT_WITHDRAWN, version=2, why=Why("entry_error"))
    kind = ALL_KINDS["learner"]
    facts = [source.fact.version for source in kind.claims_of(fold(kind, events)) if source.fact]
    after = [source.fact.version for source in kind.claims_of(fold(kind, [*events, withdrawn])) if source.fact]
    assert (facts, after) == ([2], [1])

"""Rule 42: nothing is deleted; an erasure is asked for by one, decided by another, and destroys keys."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date
from typing import cast

import pytest
from msgspec.structs import replace as but

from domain.casebook import NewEvent
from domain.errors import KeysDestroyed, NotACode, UnknownCode
from domain.event import By
from domain.kind import Command, ReasonGiven
from domain.learner.admission import IdentityErased, StepMissing
from domain.learner.deciding.privacy import COMMANDS, carried_out
from domain.learner.identification import VerifyIdentity
from domain.learner.privacy import (
    LEARNERS_FAMILIES,
    DecidedByRequester,
    DecideErasure,
    ErasedForGood,
    ErasureAlreadyDecided,
    FamiliesDiffer,
    FamiliesMissing,
    FamilyOnHold,
    HoldPlaced,
    HoldReference,
    LiftHold,
    NeededWhileEnrolled,
    NewGroundStated,
    NoSuchErasure,
    NoSuchHold,
    NothingToReopen,
    PlaceHold,
    RefuseErasure,
    RegisterIsPermanent,
    RequestErasure,
    StateNewGround,
    WholeIsEveryFamily,
)
from domain.reference import code_list
from domain.sealed import sealed_fields
from domain.streams import KINDS
from tests.examples import commands, path
from tests.examples.path import AMINA
from tests.examples.people import CASEWORKER, COORDINATOR, DIRECTORATE, MINISTRY_OFFICE, id_of
from tests.examples.places import History
from tests.examples.privacy import (
    ASKED,
    BACK,
    DECIDED,
    ERASURE,
    ERASURE_DECIDED,
    ERASURE_REFUSED,
    ERASURE_REQUESTED,
    FAMILIES,
    FORGOTTEN,
    HELD,
    HOLD,
    NEW_GROUND_STATED,
    OFFICER,
    PERSONAL_DATA_ERASED,
    SYSTEM,
)
from tests.scenario import given

ALL = ["identity", "contacts", "sensitive", "register"]


def request(*families: str, erasure: str = "erasure/other") -> RequestErasure:
    """A request for these families."""
    return RequestErasure(learner=AMINA, erasure=id_of(erasure), families=list(families), asked_by="learner")


def decision(*families: str, whole: bool = False) -> DecideErasure:
    """The decision of Amina's request."""
    return DecideErasure(learner=AMINA, erasure=ERASURE, families=list(families), legal_basis="objection", whole=whole)


def returned(*families: str) -> StateNewGround:
    """Amina returns: a new ground for these families."""
    return StateNewGround(learner=AMINA, families=list(families), ground="return", given_by="guardian")


def asked(history: History, *families: str) -> History:
    """Amina's request for these families, after this."""
    return (*history, (AMINA, but(ERASURE_REQUESTED, on=history[-1][1].on, families=list(families))))


def test_what_may_be_erased_is_every_family_a_learners_facts_are_sealed_with() -> None:
    sealed = {field.of.FAMILY for event in KINDS["learner"].events for field in sealed_fields(cast("Hashable", event))}
    assert sealed == set(LEARNERS_FAMILIES) == set(code_list("personal_family").codes)


def test_the_same_request_again_changes_nothing() -> None:
    given(*ASKED).when(commands.REQUEST_ERASURE, by=CASEWORKER).nothing()


def test_a_request_names_families_of_the_list_and_each_once() -> None:
    given(*path.VERIFIED).when(request(), by=CASEWORKER).refused(FamiliesMissing)
    given(*path.VERIFIED).when(request("identity", "identity"), by=CASEWORKER).refused(FamiliesMissing)
    given(*path.VERIFIED).when(request("worker"), by=CASEWORKER).refused(UnknownCode)


def test_what_is_decided_is_not_asked_for_again() -> None:
    given(*DECIDED).when(request("contacts", "sensitive"), by=CASEWORKER).refused(
        ErasureAlreadyDecided(pointer="/families", families=["contacts"])
    )


def test_who_recorded_the_request_does_not_decide_it() -> None:
    asked_by_officer = (*path.VERIFIED, (AMINA, but(ERASURE_REQUESTED, by=OFFICER)))
    given(*asked_by_officer).when(decision(*FAMILIES), by=OFFICER).refused(DecidedByRequester)


def test_a_decision_names_every_family_still_open_and_no_other() -> None:
    given(*ASKED).when(decision("identity"), by=OFFICER).refused(
        FamiliesDiffer(pointer="/families", open=["identity", "contacts"])
    )
    part_refused = (*ASKED, (AMINA, ERASURE_REFUSED))
    given(*part_refused).when(decision("contacts"), by=OFFICER).accepted()
    given(*part_refused).when(decision(*FAMILIES), by=OFFICER).refused(FamiliesDiffer)


def test_what_nobody_asked_for_is_neither_decided_nor_refused() -> None:
    given(*path.VERIFIED).when(decision("identity"), by=OFFICER).refused(NoSuchErasure)
    refusal = RefuseErasure(learner=AMINA, erasure=ERASURE, families=["sensitive"], ground="money_control")
    given(*ASKED).when(refusal, by=OFFICER).refused(NoSuchErasure(pointer="/erasure", open=["identity", "contacts"]))


def test_decided_again_as_it_was_it_changes_nothing() -> None:
    given(*DECIDED).when(commands.DECIDE_ERASURE, by=OFFICER).nothing()
    given(*DECIDED).when(decision("contacts"), by=OFFICER).refused(NoSuchErasure)


def test_a_hold_stands_against_a_decision_until_it_is_lifted() -> None:
    held = asked(HELD, *FAMILIES)
    outcome = given(*held).when(decision(*FAMILIES), by=OFFICER)
    outcome.refused(FamilyOnHold(pointer="/families", families=["identity"]))
    outcome.when(LiftHold(learner=AMINA, hold=HOLD), by=OFFICER).accepted().when(
        decision(*FAMILIES), by=OFFICER
    ).accepted()


def test_a_hold_is_placed_once_lifted_once_and_not_on_what_is_decided() -> None:
    given(*HELD).when(commands.PLACE_HOLD, by=OFFICER).nothing()
    given(*HELD).when(commands.LIFT_HOLD, by=OFFICER).accepted().when(commands.LIFT_HOLD, by=OFFICER).nothing()
    given(*path.VERIFIED).when(commands.LIFT_HOLD, by=OFFICER).refused(NoSuchHold)
    given(*DECIDED).when(commands.PLACE_HOLD, by=OFFICER).refused(ErasureAlreadyDecided)


def test_a_holds_reference_is_a_code_and_no_sentence() -> None:
    hold = PlaceHold(
        learner=AMINA, hold=HOLD, families=["identity"], authority=MINISTRY_OFFICE, reference="au sujet d'Amina"
    )
    given(*path.VERIFIED).when(hold, by=OFFICER).refused(NotACode)


def test_an_identity_is_not_erased_while_the_learner_is_enrolled() -> None:
    enrolled = asked(path.ATTENDING, *FAMILIES)
    given(*enrolled).when(decision(*FAMILIES), by=OFFICER).refused(
        NeededWhileEnrolled(pointer="/families", since="2025-10-01")
    )
    given(*asked(path.ATTENDING, "contacts")).when(decision("contacts"), by=OFFICER).accepted()
    given(*asked(path.LEFT, *FAMILIES)).when(decision(*FAMILIES), by=OFFICER).accepted()


def test_the_register_of_a_diploma_is_kept_for_ever() -> None:
    given(*asked(path.LEFT, *ALL)).when(decision(*ALL, whole=True), by=OFFICER).refused(RegisterIsPermanent)
    given(*asked(path.LEFT, *ALL[:3])).when(decision(*ALL[:3]), by=OFFICER).accepted()
    given(*asked(path.VERIFIED, "register")).when(decision("register"), by=OFFICER).accepted()


def test_the_whole_person_is_every_family() -> None:
    given(*ASKED).when(decision(*FAMILIES, whole=True), by=OFFICER).refused(
        WholeIsEveryFamily(pointer="/whole", missing=["sensitive", "register"])
    )
    given(*asked(path.VERIFIED, *ALL)).when(decision(*ALL, whole=True), by=OFFICER).accepted()


def test_a_decision_frees_the_massar_code_in_its_own_append_and_not_the_file_number() -> None:
    scenario = given(*ASKED)
    before = {claim.kind for claim in scenario.streams.claims}
    assert {"massar", "file-number"} <= before
    scenario.when(decision(*FAMILIES), by=OFFICER).accepted()
    (append,) = scenario.streams.appends
    assert [claim.kind for claim, _ in append.freed] == ["massar"]
    assert "file-number" in {claim.kind for claim in scenario.streams.claims}


@pytest.mark.parametrize("history", [DECIDED, FORGOTTEN], ids=["decided", "erased"])
def test_nothing_more_is_recorded_of_what_is_decided(history: History) -> None:
    """Before a key dies as after: the state says it, not the keys."""
    given(*history).when(commands.RECORD_IDENTITY, by=CASEWORKER).refused(
        KeysDestroyed(family="contacts"), KeysDestroyed(family="identity")
    )
    given(*history).when(commands.VERIFY_IDENTITY, by=CASEWORKER).refused(IdentityErased)
    assessed = given(*history).when(commands.ASSESS_ELIGIBILITY, by=CASEWORKER).events()
    assert [event.flags for event in assessed] == [["age-unknown"]]  # type: ignore[attr-defined]  # an assessment
    given(*history).when(commands.ENROL, by=CASEWORKER).refused(StepMissing, StepMissing, IdentityErased)
    given(*history).when(commands.GRANT_DEROGATION, by=DIRECTORATE).accepted()  # what is sensitive is open still


def test_a_reason_in_ones_own_words_is_sensitive() -> None:
    closed = (
        *asked(path.ATTENDING, "sensitive"),
        (AMINA, but(ERASURE_DECIDED, on=path.ATTENDING[-1][1].on, families=["sensitive"])),
    )
    worded = but(commands.WITHDRAW_FACT, why=ReasonGiven("entry_error", "elle a dit"))
    given(*closed).when(worded, by=COORDINATOR).refused(KeysDestroyed(family="sensitive"))
    given(*closed).when(commands.WITHDRAW_FACT, by=COORDINATOR).accepted()


def test_a_new_ground_opens_the_next_key_once_the_erasure_is_carried_out() -> None:
    ground = returned("identity")
    for history in (path.VERIFIED, ASKED, DECIDED):
        given(*history).when(ground, by=COORDINATOR).refused(
            NothingToReopen(pointer="/families", families=["identity"])
        )
    outcome = given(*FORGOTTEN).when(ground, by=COORDINATOR).accepted()
    state = outcome.state("learner", AMINA)
    assert (state.privacy.closed, state.privacy.generations) == ({"contacts"}, {"identity": 2})
    identity = but(commands.RECORD_IDENTITY, on=None, phone=None)
    outcome.when(identity, by=CASEWORKER).accepted()
    assert outcome.scenario.keyring.generations == {(AMINA, "identity"): 2}
    outcome.when(ground, by=COORDINATOR).refused(NothingToReopen)


def test_a_new_ground_names_the_erasure_that_closed_each_family() -> None:
    """Two erasures of other families, so two events; of a family erased twice it is the later erasure."""
    later, last = id_of("erasure/later"), id_of("erasure/last")
    history = FORGOTTEN
    for erasure, family in ((later, "sensitive"), (last, "contacts")):
        if family == "contacts":
            history = (*history, (AMINA, but(NEW_GROUND_STATED, families=["contacts"])))
        of_this = {"erasure": erasure, "families": [family], "on": history[-1][1].on}
        history = (
            *history,
            (AMINA, but(ERASURE_REQUESTED, **of_this)),
            (AMINA, but(ERASURE_DECIDED, **of_this)),
            (AMINA, but(PERSONAL_DATA_ERASED, erasure=erasure, on=history[-1][1].on)),
        )
    paper = id_of("document/consent")
    ground = but(returned("sensitive", "contacts", "identity"), ground="consent", document=paper)
    outcome = given(*history).when(ground, by=COORDINATOR)
    stated = [event for event in outcome.events() if isinstance(event, NewGroundStated)]
    assert [(event.erasure, event.families) for event in stated] == [
        (ERASURE, ["identity"]),
        (later, ["sensitive"]),
        (last, ["contacts"]),
    ]
    assert {(event.ground, event.given_by, event.document) for event in stated} == {("consent", "guardian", paper)}
    assert outcome.state("learner", AMINA).privacy.generations == {"identity": 2, "sensitive": 2, "contacts": 3}


def test_a_request_nobody_answered_takes_nothing_that_was_given_after_a_return() -> None:
    other = id_of("erasure/other")
    asked = given(*ASKED, (AMINA, but(ERASURE_REQUESTED, erasure=other, families=["contacts", "sensitive"])))
    outcome = asked.when(decision(*FAMILIES), by=OFFICER).accepted()
    state = outcome.state("learner", AMINA)
    assert state.privacy.erasures[other].open == {"sensitive"}
    done = but(PERSONAL_DATA_ERASED, on=date(2026, 11, 20))
    asked.streams.record([NewEvent(AMINA, state.version + 1, done)])
    outcome = outcome.when(returned(*FAMILIES), by=COORDINATOR).accepted()
    stale = but(decision("contacts", "sensitive"), erasure=other)
    outcome.when(stale, by=OFFICER).refused(FamiliesDiffer(pointer="/families", open=["sensitive"]))


def test_who_states_a_new_ground_and_who_gave_it_are_said() -> None:
    given(*FORGOTTEN).when(but(returned("identity"), given_by="nobody"), by=COORDINATOR).refused(UnknownCode)
    (spec,) = [each for each in COMMANDS if each.command is StateNewGround]
    assert set(spec.roles) == {"coordinator", "data_protection_officer"}


def test_a_holds_reference_is_sealed_and_a_hold_without_one_outlives_what_is_sensitive() -> None:
    assert {field.of for field in sealed_fields(cast("Hashable", HoldPlaced))} >= {HoldReference}
    closed = (*asked(path.VERIFIED, "sensitive"), (AMINA, but(ERASURE_DECIDED, families=["sensitive"])))
    given(*closed).when(commands.PLACE_HOLD, by=OFFICER).refused(KeysDestroyed(family="sensitive"))
    given(*closed).when(but(commands.PLACE_HOLD, reference=None), by=OFFICER).accepted()


def test_after_a_new_ground_nothing_of_before_is_in_force() -> None:
    """Neither an identity to verify nor a Massar code to claim."""
    verify = VerifyIdentity(learner=AMINA, document_type="birth_certificate")
    given(*BACK).when(verify, by=CASEWORKER).refused(IdentityErased)
    scenario = given(*BACK)
    scenario.when(but(commands.RECORD_IDENTITY, on=date(2025, 11, 4)), by=CASEWORKER).accepted()
    (append,) = scenario.streams.appends
    assert [claim.kind for claim, _ in append.taken] == ["massar"]


def test_the_whole_person_does_not_return() -> None:
    whole = (
        *asked(path.VERIFIED, *ALL),
        (AMINA, but(ERASURE_DECIDED, families=ALL, whole=True)),
        (AMINA, PERSONAL_DATA_ERASED),
    )
    ground = returned("identity")
    given(*whole).when(ground, by=COORDINATOR).refused(ErasedForGood)


def test_what_was_carried_out_is_recorded_once_and_only_after_a_decision() -> None:
    scenario = given(*DECIDED)
    learner = scenario.casebook.load("learner", AMINA).state
    done = carried_out(learner, ERASURE, [], on=PERSONAL_DATA_ERASED.on, by=SYSTEM)
    assert done is not None
    scenario.streams.record([NewEvent(AMINA, learner.version + 1, done)])
    after = scenario.casebook.load("learner", AMINA).state
    for state in (after, given(*ASKED).casebook.load("learner", AMINA).state):
        assert carried_out(state, ERASURE, [], on=PERSONAL_DATA_ERASED.on, by=SYSTEM) is None


@pytest.mark.parametrize(
    ("command", "by"),
    [
        (but(commands.REQUEST_ERASURE, asked_by="nobody"), CASEWORKER),
        (but(commands.REFUSE_ERASURE, ground="nothing"), OFFICER),
        (but(commands.DECIDE_ERASURE, legal_basis="nothing"), OFFICER),
    ],
)
def test_codes_are_of_their_lists(command: Command, by: By) -> None:
    given(*ASKED).when(command, by=by).refused(UnknownCode)

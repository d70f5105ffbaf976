"""Rule 31 and what stands around the learners: organisations, workers, parameters, centres, conventions."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace as but

from domain.centre import NotPositive
from domain.convention import (
    AgeBandReversed,
    AmountNegative,
    BudgetLine,
    FundingIncomplete,
    Party,
    ReportDue,
    SeasonTarget,
    SeasonTwice,
    Tranche,
)
from domain.errors import NotACode, NotAllowedNow, TextUnreadable, UnknownCode, UnknownStream
from domain.event import By
from domain.kind import Command
from domain.organisation import EndsBeforeStart, LocalName, NameMissing
from domain.parameter import NATIONAL, NotAParameterValue
from domain.streams import LoginInUse
from tests.examples.commands import (
    APPROVE_TRADES,
    BIND_LOGIN,
    GRANT_ACCESS,
    OPEN_CENTRE,
    OPEN_GROUP,
    RECORD_WORKER,
    REGISTER_ORGANISATION,
    SET_PARAMETER,
    SIGN_CONVENTION,
)
from tests.examples.people import AREF, ASSOCIATION, COORDINATOR, DIRECTORATE, MINISTRY, OPERATOR
from tests.examples.places import (
    ACCESS_GRANTED,
    CENTRE,
    CENTRE_OPENED,
    CONVENTION,
    CONVENTION_SIGNED,
    JURY_MEMBER,
    LOGIN_BOUND,
    ORGANISATIONS,
    PARAMETER_SET,
    START,
    TRADES_APPROVED,
    WORKER,
    History,
    parameter,
)
from tests.examples.places import OPEN_CENTRE as AN_OPEN_CENTRE
from tests.scenario import given

BEFORE_SIGNING = AN_OPEN_CENTRE[:-1]

# ── rule 31: conventions ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"parties": [Party(ASSOCIATION, "operator")]}, ["parties"]),
        ({"parties": [Party(ASSOCIATION, "operator"), Party(ASSOCIATION, "funder")]}, ["parties"]),
        ({"seasons": [SeasonTarget(2025, 80, None)]}, ["amount"]),
        ({"seasons": [SeasonTarget(2025, 0, 100)]}, ["learners"]),
        ({"seasons": []}, ["amount", "learners"]),
    ],
)
def test_a_funding_convention_has_two_parties_an_amount_and_a_target(
    changes: dict[str, object], missing: list[str]
) -> None:
    given(*BEFORE_SIGNING).when(but(SIGN_CONVENTION, **changes), by=AREF).refused(
        FundingIncomplete(pointer="/seasons", missing=missing)
    )


@pytest.mark.parametrize("kind", ["cooperation", "network"])
def test_other_conventions_need_neither_amount_nor_target(kind: str) -> None:
    command = but(SIGN_CONVENTION, kind=kind, seasons=[], parties=[])
    given(*BEFORE_SIGNING).when(command, by=AREF).accepted()


def test_a_convention_is_checked_all_at_once() -> None:
    command = but(
        SIGN_CONVENTION,
        kind="gift",
        level="cosmic",
        signature="spit",
        parties=[Party(ASSOCIATION, "friend")],
        trades=["XXX"],
        budget=[BudgetLine("gold", 1)],
        tranches=[Tranche(1, 0, [])],
        ends_on=date(2025, 8, 31),
        age_min=19,
        age_max=15,
    )
    codes = [UnknownCode] * 6
    given(*BEFORE_SIGNING).when(command, by=AREF).refused(
        *codes,
        NotPositive(pointer="/tranches/0/amount", value=0),
        EndsBeforeStart(pointer="/ends_on", starts_on="2025-09-01", ends_on="2025-08-31"),
        AgeBandReversed(pointer="/age_max", age_min=19, age_max=15),
    )


def test_amounts_are_not_negative_and_a_season_stands_once() -> None:
    season = SeasonTarget(2025, 80, -1)
    command = but(SIGN_CONVENTION, seasons=[season, season], unit_rate=-2, budget=[BudgetLine("EDU", -3)])
    given(*BEFORE_SIGNING).when(command, by=AREF).refused(
        AmountNegative(pointer="/unit_rate", value=-2),
        AmountNegative(pointer="/seasons/0/amount", value=-1),
        AmountNegative(pointer="/seasons/1/amount", value=-1),
        AmountNegative(pointer="/budget/0/ceiling", value=-3),
        SeasonTwice(pointer="/seasons", season=2025),
    )


def test_a_convention_keeps_its_account_its_reports_and_when_tranches_fall_due() -> None:
    tranches = [Tranche(1, 100, ["  signed by\u00a0all "], date(2025, 10, 1))]
    reports = [ReportDue("final", date(2026, 9, 30))]
    command = but(SIGN_CONVENTION, number=" 12/2025 ", tranches=tranches, reports=reports, bank_account="011 640 12")
    signed = but(
        CONVENTION_SIGNED,
        tranches=[Tranche(1, 100, ["signed by all"], date(2025, 10, 1))],
        reports=reports,
        bank_account="011 640 12",
    )
    given(*BEFORE_SIGNING).when(command, by=AREF).then((CONVENTION, signed))


def test_free_texts_that_everyone_may_read_are_read_all_at_once() -> None:
    command = but(
        SIGN_CONVENTION,
        number="\u200f ",
        bank_account="0\u202e1",
        tranches=[Tranche(1, 1, ["a\nb", "x" * 201])],
        reports=[ReportDue("the last one", date(2026, 9, 30))],
    )
    given(*BEFORE_SIGNING).when(command, by=AREF).refused(
        TextUnreadable(pointer="/number", problem="empty-text"),
        TextUnreadable(pointer="/bank_account", problem="bidi-override"),
        TextUnreadable(pointer="/tranches/0/conditions/0", problem="control-character"),
        TextUnreadable(pointer="/tranches/0/conditions/1", problem="text-too-long"),
        NotACode(pointer="/reports/0/kind"),
    )


@pytest.mark.parametrize(
    ("history", "command", "by", "pointer"),
    [
        (ORGANISATIONS, but(OPEN_CENTRE, host="a\tb"), DIRECTORATE, "/host"),
        (ORGANISATIONS, but(OPEN_CENTRE, commune="a\tb"), DIRECTORATE, "/commune"),
        (ORGANISATIONS, but(OPEN_CENTRE, name=LocalName(fr="a\tb")), DIRECTORATE, "/name/fr"),
        ((), but(REGISTER_ORGANISATION, name=LocalName(ar="a\tb")), OPERATOR, "/name/ar"),
        (AN_OPEN_CENTRE, but(OPEN_GROUP, place="a\tb"), COORDINATOR, "/place"),
        (AN_OPEN_CENTRE, but(OPEN_GROUP, programme="a\tb"), COORDINATOR, "/programme"),
        ((), but(SET_PARAMETER, authority="a\tb"), MINISTRY, "/authority"),
    ],
)
def test_a_public_text_is_one_clean_line(history: History, command: Command, by: By, pointer: str) -> None:
    given(*history).when(command, by=by).refused(TextUnreadable(pointer=pointer, problem="control-character"))


def test_a_convention_names_centres_that_exist() -> None:
    command = but(SIGN_CONVENTION, centres=[CENTRE, UUID(int=1)])
    given(*BEFORE_SIGNING).when(command, by=AREF).refused(
        UnknownStream(pointer="/centres/1", kind="centre", id=UUID(int=1))
    )


def test_a_convention_is_signed_once() -> None:
    given(*AN_OPEN_CENTRE).when(SIGN_CONVENTION, by=AREF).refused(NotAllowedNow(status="signed", allowed=[]))


# ── organisations, workers, access ───────────────────────────────────────────────────────────────────────────────────


def test_an_organisation_has_a_name_in_one_script_at_least() -> None:
    given().when(but(REGISTER_ORGANISATION, name=LocalName(), kind="club", province="XXX"), by=OPERATOR).refused(
        UnknownCode, UnknownCode, NameMissing(pointer="/name")
    )
    given().when(but(REGISTER_ORGANISATION, name=LocalName(ar="جمعية")), by=OPERATOR).accepted()


def test_a_worker_belongs_to_an_organisation_that_is_known() -> None:
    given().when(RECORD_WORKER, by=COORDINATOR).refused(
        UnknownStream(pointer="/organisation", kind="organisation", id=ASSOCIATION)
    )
    given(*ORGANISATIONS).when(but(RECORD_WORKER, function="wizard"), by=COORDINATOR).refused(UnknownCode)


def test_a_login_is_one_workers() -> None:
    history = (*AN_OPEN_CENTRE, (WORKER, LOGIN_BOUND))
    given(*history).when(but(BIND_LOGIN, worker=JURY_MEMBER), by=OPERATOR).refused(LoginInUse)


def test_a_worker_who_gets_another_login_frees_the_first() -> None:
    history = (*AN_OPEN_CENTRE, (WORKER, LOGIN_BOUND))
    moved = given(*history).when(but(BIND_LOGIN, subject="k.alaoui@example.org"), by=OPERATOR).accepted()
    moved.when(but(BIND_LOGIN, worker=JURY_MEMBER), by=OPERATOR).accepted()


def test_a_grant_ends_after_it_starts_and_is_given_once() -> None:
    command = but(GRANT_ACCESS, role="king", scope="world", purpose="fun", valid_to=date(2025, 8, 31))
    given(*AN_OPEN_CENTRE).when(command, by=OPERATOR).refused(
        UnknownCode,
        UnknownCode,
        UnknownCode,
        EndsBeforeStart(pointer="/valid_to", starts_on="2025-09-01", ends_on="2025-08-31"),
    )
    given(*AN_OPEN_CENTRE).when(but(GRANT_ACCESS, valid_to=START), by=OPERATOR).accepted()
    given(*AN_OPEN_CENTRE, (ASSOCIATION, ACCESS_GRANTED)).when(GRANT_ACCESS, by=OPERATOR).nothing()


def test_a_grant_without_a_first_day_starts_with_the_act() -> None:
    given(*AN_OPEN_CENTRE).when(but(GRANT_ACCESS, valid_from=None), by=OPERATOR).then((ASSOCIATION, ACCESS_GRANTED))


# ── parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age_max", "eighteen"),
        ("age_max", "-1"),
        ("age_reference_month", "13"),
        ("age_reference_day", "0"),
        ("completion_share", "101"),
        ("witness_attestation_accepted", "maybe"),
        ("closed_days", "2025-11-31"),
    ],
)
def test_a_parameter_takes_values_of_its_type(name: str, value: str) -> None:
    broken = given().when(but(SET_PARAMETER, name=name, value=value), by=MINISTRY).broken
    assert [type(each) for each in broken] == [NotAParameterValue]


def test_an_unknown_parameter_is_refused() -> None:
    given().when(but(SET_PARAMETER, name="luck"), by=MINISTRY).refused(
        UnknownCode(pointer="/name", list="parameter", value="luck")
    )


def test_the_same_setting_again_changes_nothing() -> None:
    given((NATIONAL, PARAMETER_SET)).when(SET_PARAMETER, by=MINISTRY).nothing()


def test_a_setting_of_an_earlier_day_leaves_the_later_one() -> None:
    history = (parameter("age_max", "18", date(2025, 9, 1)), parameter("age_max", "16", date(2024, 9, 1)))
    values = given(*history).casebook.load("parameter", NATIONAL).state.values
    assert [values.number("age_max", day) for day in (date(2024, 8, 31), date(2024, 9, 1), date(2025, 9, 1))] == [
        20,
        16,
        18,
    ]


def test_there_is_one_stream_of_national_parameters() -> None:
    given().when(but(SET_PARAMETER, parameter=UUID(int=7)), by=MINISTRY).refused(
        UnknownStream(kind="parameter", id=UUID(int=7))
    )


# ── centres ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_centre_has_a_name_places_a_province_and_a_known_operator() -> None:
    command = but(OPEN_CENTRE, name=LocalName(), places=0, province="XXX")
    given(*ORGANISATIONS).when(command, by=DIRECTORATE).refused(
        NameMissing(pointer="/name"),
        NotPositive(pointer="/places", value=0),
        UnknownCode(pointer="/province", list="province", value="XXX"),
    )
    given().when(OPEN_CENTRE, by=DIRECTORATE).refused(
        UnknownStream(pointer="/operator", kind="organisation", id=ASSOCIATION)
    )


def test_the_approved_trades_are_the_whole_list_of_a_season() -> None:
    approved = given(*AN_OPEN_CENTRE).when(but(APPROVE_TRADES, trades=["ELB"]), by=DIRECTORATE).accepted()
    assert approved.state("centre", CENTRE).trades == {2025: {"ELB"}}


def test_the_same_trades_in_another_order_or_twice_change_nothing() -> None:
    history = (*ORGANISATIONS, (CENTRE, CENTRE_OPENED), (CENTRE, TRADES_APPROVED))
    given(*history).when(but(APPROVE_TRADES, trades=["ELB", "COU", "ELB"]), by=DIRECTORATE).nothing()

"""The code lists that ship with the product."""

import re
from datetime import date
from pathlib import Path

import pytest

from domain.reference import (
    LANGUAGES,
    PROVINCES,
    CodeList,
    Entry,
    code_list,
    is_code,
    is_starred,
    label,
    list_names,
    region_of,
)

TODAY = date(2026, 11, 22)
GOLDEN = Path(__file__).parents[1] / "contracts" / "reference_codes.txt"
PROVINCE_COUNTS = dict(zip([f"MA-{n:02d}" for n in range(1, 13)], [8, 8, 9, 7, 5, 9, 8, 5, 6, 4, 4, 2], strict=True))
OLD = Entry(code="A", fr="ancien", ar="قديم", en="old", since=date(2018, 9, 1), unreviewed=[])
NEW = Entry(code="A", fr="nouveau", ar="جديد", en="new", since=date(2024, 9, 1), until=date(2026, 1, 1), unreviewed=[])


@pytest.fixture(params=list_names())
def codes(request: pytest.FixtureRequest) -> CodeList:
    return code_list(request.param)


def test_every_code_has_a_label_in_three_languages(codes: CodeList) -> None:
    assert all(entry.label(language).strip() for entry in codes.entries for language in LANGUAGES)


def test_arabic_labels_are_arabic_and_no_other_is(codes: CodeList) -> None:
    arabic = re.compile(r"[\u0621-\u064a]")
    assert all(arabic.search(entry.ar) for entry in codes.entries)
    assert not any(arabic.search(entry.fr + entry.en) for entry in codes.entries)


def test_no_code_has_two_labels_from_the_same_day(codes: CodeList) -> None:
    dated = [(entry.code, entry.since) for entry in codes.entries]
    assert len(dated) == len(set(dated))


def test_no_two_codes_share_a_label(codes: CodeList) -> None:
    for language in LANGUAGES:
        labels = [entry.label(language) for entry in codes.entries if entry.in_use_on(TODAY)]
        assert len(labels) == len(set(labels)), language


def test_codes_are_plain_ascii(codes: CodeList) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", code) for code in codes.codes)


def test_only_known_languages_are_marked_unreviewed(codes: CodeList) -> None:
    assert all(set(entry.unreviewed) <= set(LANGUAGES) for entry in codes.entries)


def test_no_code_ever_shipped_has_left_its_list() -> None:
    """A stored event holds its codes for ever: retire one by `until`. A new code joins the golden list."""
    shipped = set(GOLDEN.read_text("utf-8").splitlines())
    assert {f"{name} {code}" for name in list_names() for code in code_list(name).codes} == shipped


def test_the_twelve_regions_hold_75_provinces_and_prefectures() -> None:
    """DOMAIN E1."""
    found = [region_of(province) for province in PROVINCES]
    assert {region: found.count(region) for region in code_list("region").codes} == PROVINCE_COUNTS
    assert len(PROVINCES) == len(set(PROVINCES)) == sum(PROVINCE_COUNTS.values()) == 75


def test_province_codes_fit_a_file_number() -> None:
    assert all(re.fullmatch(r"[A-Z]{3}", province) for province in PROVINCES)


def test_an_unknown_province_has_no_region() -> None:
    with pytest.raises(KeyError):
        region_of("XXX")


def test_nine_situations_are_starred() -> None:
    """DOMAIN E2 and rule 9."""
    starred = [code for code in code_list("situation").codes if is_starred(code)]
    assert starred == [
        "migrant_or_refugee",
        "no_civil_status_papers",
        "disability",
        "chronic_illness",
        "addiction_follow_up",
        "child_protection_centre",
        "in_contact_with_the_law",
        "marriage_before_18",
        "mother",
    ]
    assert not is_starred("rural_isolation")


@pytest.mark.parametrize(("name", "count"), [("trade", 32), ("situation", 15), ("expense_category", 16)])
def test_the_lists_are_whole(name: str, count: int) -> None:
    """DOMAIN E2 to E4."""
    assert len(code_list(name).codes) == count


@pytest.mark.parametrize(
    ("language", "text"),
    [("ar", "كهرباء المباني / المنازل"), ("fr", "électricité du bâtiment"), ("en", "building electricity")],
)
def test_a_code_is_called_by_its_label(language: str, text: str) -> None:
    assert label("trade", "ELB", language, TODAY) == text


def test_a_code_we_do_not_know_is_called_by_itself() -> None:
    assert label("trade", "NEW", "ar", TODAY) == "NEW"
    assert not is_code("trade", "NEW", TODAY)


def test_an_unknown_list_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        is_code("no_such_list", "A", TODAY)


@pytest.mark.parametrize(
    ("day", "text"),
    [(date(2010, 1, 1), "old"), (date(2024, 8, 31), "old"), (date(2024, 9, 1), "new"), (date(2026, 6, 1), "new")],
)
def test_an_old_fact_keeps_its_old_label(day: date, text: str) -> None:
    """Rule 47."""
    entry = CodeList("renamed", (NEW, OLD)).find("A", day)
    assert entry
    assert entry.label("en") == text


def test_a_retired_code_loads_but_is_not_offered() -> None:
    codes = CodeList("retired", (NEW,))
    assert codes.find("A", date(2026, 6, 1)) == NEW
    assert codes.codes_on(date(2025, 12, 31)) == ("A",)
    assert codes.codes_on(date(2026, 1, 1)) == ()

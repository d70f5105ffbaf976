"""Values: file numbers, days, ages, money, names, identifiers, phones."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import (
    BadText,
    age_on,
    age_range,
    check_character,
    clean_file_number,
    clean_identifier,
    clean_name,
    clean_phone,
    cnie_warning,
    file_number,
    format_amount,
    format_time_of_day,
    is_file_number,
    is_monday,
    massar_warning,
    monday_of,
    month_of,
    parse_amount,
    parse_time_of_day,
    script_of,
    season_days,
    season_of,
    split_largest_remainder,
    today_in_casablanca,
)

NUMBERS = st.builds(
    file_number,
    st.integers(2018, 2060),
    st.sampled_from(["TNG", "CAS", "OUZ", "AZI"]),
    st.integers(0, 999_999).map("{:06d}".format),
)
SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("A12425GABC1234002", "M"),  # the GRid standard's own example
        ("00000000D07A0090", "Q"),  # ISANs as printed by their registry
        ("00000000C36D002B", "K"),
        ("000000003A8D0000", "Z"),
    ],
)
def test_the_check_character_is_that_of_published_numbers(body: str, check: str) -> None:
    assert check_character(body) == check


def test_a_file_number_has_season_province_digits_and_check() -> None:
    assert file_number(2026, "TNG", "123456") == "2026-TNG-123456-" + check_character("2026TNG123456")


@given(NUMBERS, st.data())
def test_any_single_mistyped_character_is_seen(number: str, data: st.DataObject) -> None:
    plain = number.replace("-", "")
    index = data.draw(st.integers(0, len(plain) - 1))
    other = data.draw(st.sampled_from(SYMBOLS.replace(plain[index], "")))
    with pytest.raises(BadText):
        clean_file_number(plain[:index] + other + plain[index + 1 :])


def test_swapped_neighbours_are_seen_but_for_three_in_a_thousand() -> None:
    """A hybrid system of ISO 7064 sees every wrong character, and not quite every swap: 0.3 % get through."""
    unseen = swaps = 0
    for digits in range(0, 1_000_000, 997):
        plain = file_number(2026, "TNG", f"{digits:06d}").replace("-", "")
        for index in range(len(plain) - 1):
            swapped = plain[:index] + plain[index + 1] + plain[index] + plain[index + 2 :]
            if swapped != plain:
                swaps += 1
                unseen += check_character(swapped[:-1]) == swapped[-1]
    assert swaps > 10_000
    assert unseen / swaps < 0.005


@given(NUMBERS)
def test_a_file_number_is_read_however_it_was_typed(number: str) -> None:
    arabic = number.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    typed = [number.lower(), number.replace("-", ""), number.replace("-", " – "), f"\u200f{arabic} "]
    assert {clean_file_number(text) for text in typed} == {number}


def test_only_the_printed_form_is_a_file_number() -> None:
    number = file_number(2026, "TNG", "123456")
    assert is_file_number(number)
    assert not is_file_number(number.lower())
    assert not is_file_number(number[:-1] + ("A" if number[-1] != "A" else "B"))


@pytest.mark.parametrize("parts", [(2026, "tng", "123456"), (2026, "TNG", "12345"), (26, "TNGX", "123456")])
def test_a_file_number_of_other_parts_is_refused(parts: tuple[int, str, str]) -> None:
    with pytest.raises(BadText, match="bad-file-number"):
        file_number(*parts)


def test_a_season_runs_from_september_to_august() -> None:
    first, last = season_days(2026)
    assert (first, last) == (date(2026, 9, 1), date(2027, 8, 31))
    assert season_of(first) == season_of(last) == 2026
    assert season_of(date(2026, 8, 31)) == 2025


def test_a_week_is_its_monday_and_a_month_its_first_day() -> None:
    assert monday_of(date(2026, 11, 22)) == monday_of(date(2026, 11, 16)) == date(2026, 11, 16)
    assert is_monday(date(2026, 11, 16))
    assert not is_monday(date(2026, 11, 17))
    assert month_of(date(2026, 11, 22)) == date(2026, 11, 1)


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("08:30", 510), ("23:59", 1439)])
def test_a_time_of_day_is_its_minutes(text: str, minutes: int) -> None:
    assert parse_time_of_day(text) == minutes
    assert format_time_of_day(minutes) == text


@pytest.mark.parametrize("text", ["8:30", "24:00", "08:60", "08:30:00", " 08:30", "٠٨:٣٠", ""])
def test_another_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadText, match="bad-time-of-day"):
        parse_time_of_day(text)


def test_today_is_the_day_in_casablanca() -> None:
    """Morocco lives at UTC+1, and at UTC during Ramadan (18 February to 19 March 2026)."""
    assert today_in_casablanca(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == date(2026, 7, 2)
    assert today_in_casablanca(datetime(2026, 2, 25, 23, 30, tzinfo=UTC)) == date(2026, 2, 25)


def test_a_naive_moment_has_no_day() -> None:
    with pytest.raises(ValueError, match="aware"):
        today_in_casablanca(datetime(2026, 7, 1))  # noqa: DTZ001 - the naive moment is what is refused


@pytest.mark.parametrize(
    ("day", "age"), [(date(2026, 2, 28), 13), (date(2026, 3, 1), 14), (date(2028, 2, 28), 15), (date(2028, 2, 29), 16)]
)
def test_a_child_of_29_february_is_older_on_1_march_of_a_common_year(day: date, age: int) -> None:
    assert age_on(date(2012, 2, 29), day) == age


@pytest.mark.parametrize(
    ("certainty", "ages"),
    [("exact", (14, 14)), ("month_only", (14, 14)), ("year_only", (13, 14)), ("estimated", (12, 15))],
)
def test_an_uncertain_birth_date_gives_the_ages_possible(certainty: str, ages: tuple[int, int]) -> None:
    """Rule 1."""
    assert age_range(date(2012, 6, 15), certainty, date(2026, 10, 1)) == ages


def test_a_known_month_leaves_two_ages_within_that_month() -> None:
    assert age_range(date(2012, 6, 1), "month_only", date(2026, 6, 15)) == (13, 14)


def test_another_certainty_is_refused() -> None:
    with pytest.raises(BadText, match="unknown-certainty"):
        age_range(date(2012, 6, 1), "perhaps", date(2026, 6, 15))


@pytest.mark.parametrize(("text", "centimes"), [("0", 0), ("0.05", 5), ("1234.5", 123450), ("1234.50", 123450)])
def test_an_amount_is_its_centimes(text: str, centimes: int) -> None:
    assert parse_amount(text) == centimes


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "01", ".5", "1.", "1.005", "1,50", "1e3", "١٢", " 1", "NaN", "1\n", "9" * 14]
)
def test_another_amount_is_refused(text: str) -> None:
    with pytest.raises(BadText, match="bad-amount"):
        parse_amount(text)


@given(st.integers(-(10**14), 10**14))
def test_an_amount_survives_its_text(centimes: int) -> None:
    assert parse_amount(format_amount(centimes), signed=True) == centimes


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any))
def test_the_parts_of_a_split_sum_to_the_total(total: int, weights: list[int]) -> None:
    """Rule 34: each part is its exact share, rounded down or up."""
    parts = split_largest_remainder(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


def test_equal_remainders_go_to_the_first() -> None:
    assert split_largest_remainder(100, [1, 1, 1]) == [34, 33, 33]


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_a_split_without_weight_is_a_mistake(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_largest_remainder(100, weights)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  Fatima   Zahra ", "Fatima Zahra"),
        ("Ai\u0308cha", "Aïcha"),
        ("\u200fفاطمة\u00a0الزهراء\u200e", "فاطمة الزهراء"),
        ("ⴰⵎⵉⵏⴰ", "ⴰⵎⵉⵏⴰ"),
    ],
)
def test_a_name_is_cleaned_in_any_script(typed: str, name: str) -> None:
    """Rule 48."""
    assert clean_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("A\x00", "control-character"),
        ("Ali\nBen", "control-character"),
        ("Ali\ud800", "lone-surrogate"),
        ("Ali\u202eneB", "bidi-override"),
        ("\u2066Ali\u2069", "bidi-override"),
        (" \u200f ", "empty-text"),
        ("123 - 4", "no-letter"),
        ("a" * 201, "text-too-long"),
    ],
)
def test_a_name_that_cannot_be_printed_is_refused(typed: str, code: str) -> None:
    with pytest.raises(BadText) as refused:
        clean_name(typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("محمد بن علي", "arabic"),
        ("Aït-Ali M'barek", "latin"),
        ("Ali علي", "other"),
        ("ⴰⵎⵉⵏⴰ", "other"),
        ("12", "other"),
    ],
)
def test_the_script_of_a_name_is_that_of_all_its_letters(name: str, script: str) -> None:
    assert script_of(name) == script


@pytest.mark.parametrize(
    ("text", "warning"), [("g 123456789", None), ("G١٢٣٤٥٦٧٨٩", None), ("123456789", "massar-format")]
)
def test_an_odd_massar_code_is_a_warning(text: str, warning: str | None) -> None:
    """Rule 6."""
    assert massar_warning(text) == warning


@pytest.mark.parametrize(("text", "warning"), [("ab 123456", None), ("K01234", None), ("ABC1", "cnie-format")])
def test_an_odd_cnie_is_a_warning(text: str, warning: str | None) -> None:
    """Rule 7."""
    assert cnie_warning(text) == warning


def test_an_identifier_is_compared_without_what_stands_between_its_parts() -> None:
    assert clean_identifier(" g-123 ٤٥٦.789 ") == "G123456789"


@pytest.mark.parametrize(
    "typed",
    [
        "0612345678",
        "06 12 34 56 78",
        "+212 612-345-678",
        "00212612345678",
        "+212 (0) 612345678",
        "٠٦١٢٣٤٥٦٧٨",
        "612345678",
    ],
)
def test_a_moroccan_phone_is_read_however_it_was_typed(typed: str) -> None:
    assert clean_phone(typed) == "+212612345678"


def test_a_phone_abroad_keeps_its_country() -> None:
    assert clean_phone("+33 6 12 34 56 78") == clean_phone("0033612345678") == "+33612345678"


@pytest.mark.parametrize(
    "typed", ["", "0112345678", "06123456789", "+2126123", "+0612345678", "06 12 ab", "12345", "++33612345678"]
)
def test_another_phone_is_refused(typed: str) -> None:
    with pytest.raises(BadText, match="bad-phone"):
        clean_phone(typed)

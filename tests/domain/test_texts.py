"""Sentences: numbers, days and codes are told as people say them; what a client wrote stays what it is."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.organisation import LocalName
from domain.texts import LANGUAGES, choose_language, has, keys, plural, text

CENTRE = UUID("00000000-0000-4000-8000-000000000003")
ENROLLED = {"season": 2026, "level": "level_1", "trade": "COI-F", "starts_on": "2026-09-14", "flags": []}


def test_a_day_is_told_with_moroccan_month_names_and_western_digits() -> None:
    said = {each: text("refusal.enrolment-over", each, ended_on=date(2026, 8, 22)) for each in LANGUAGES}
    assert said["ar"] == "انتهى التسجيل يوم 22 غشت 2026."
    assert said["fr"] == "L'inscription a pris fin le 22 août 2026."
    assert said["en"] == "The enrolment ended on 22 August 2026."


def test_the_first_of_a_month_is_told_as_papers_write_it() -> None:
    assert "فاتح شتنبر 2026" in text("refusal.enrolment-over", "ar", ended_on="2026-09-01")
    assert "1er septembre 2026" in text("refusal.enrolment-over", "fr", ended_on="2026-09-01")
    assert "11 septembre 2026" in text("refusal.enrolment-over", "fr", ended_on="2026-09-11")


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 يوم"), (1, "يوم واحد"), (2, "يومين"), (3, "3 أيام"), (10, "10 أيام"), (11, "11 يوما"), (99, "99 يوما"),
     (100, "100 يوم"), (103, "103 أيام")],
)  # fmt: skip
def test_arabic_counts_in_six_forms(count: int, said: str) -> None:
    assert plural("count.day", "ar", count) == said
    assert said in text("refusal.reason-needed", "ar", days=count)


def test_french_and_english_count_in_two_forms() -> None:
    assert [plural("count.day", "fr", count) for count in (0, 1, 2)] == ["0 jour", "1 jour", "2 jours"]
    assert [plural("count.day", "en", count) for count in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_a_code_is_told_by_its_label() -> None:
    assert "women's hairdressing" in text("event.learner.enrolled", "en", **ENROLLED)
    assert "حلاقة نسائية" in text("event.learner.enrolled", "ar", **ENROLLED)


def test_a_list_is_joined_so_that_labels_with_a_comma_stay_apart() -> None:
    approved = "event.centre.trades-approved"
    assert "coiffure dames, " in text(approved, "fr", season=2026, trades=["COI-F", "PAT"])
    assert "coiffure dames\u202f; esthétique, maquillage." in text(approved, "fr", season=2026, trades=["COI-F", "EST"])


def test_a_code_that_is_in_no_list_is_shown_as_it_stands() -> None:
    assert "\u2068HOUSE\u2069" in text("event.learner.enrolled", "fr", **{**ENROLLED, "trade": "HOUSE"})


def test_what_is_absent_falls_away_with_its_words() -> None:
    said = text("event.learner.enrolled", "en", **{**ENROLLED, "trade": None})
    assert said == "Enrolled for the season 2026/2027: level 1, from 14 September 2026."
    identified = {"file_number": "2026-TNG-123456-X", "province": "TNG"}
    assert text("event.learner.identified", "en", **identified).endswith("season —.")


def test_an_id_is_no_name_until_somebody_looks_it_up() -> None:
    for centre in (CENTRE, str(CENTRE), None):
        assert text("event.learner.enrolled", "en", **ENROLLED, centre=centre).startswith("Enrolled for")
    name = LocalName("مركز الأمل", "Centre Al Amal")
    for known in (name, msgspec.to_builtins(name)):
        assert "at \u2068Centre Al Amal\u2069" in text("event.learner.enrolled", "en", **ENROLLED, centre=known)
        assert "بمركز \u2068مركز الأمل\u2069" in text("event.learner.enrolled", "ar", **ENROLLED, centre=known)


def test_a_flagged_day_and_a_code_alone_are_told_the_same_and_once() -> None:
    sheet = {"week": "2026-09-07", "component": "class", "days": [["2026-09-07", "present", 60]], "replaces": None}
    flags = [["2026-09-07", "in-future"], ["2026-09-08", "in-future"]]
    said = text("event.learner.attendance-recorded", "en", **sheet, flags=flags)
    assert said == text("event.learner.attendance-recorded", "en", **sheet, flags=["in-future"])
    assert said.count("day still to come") == 1


def test_stored_and_sent_attendance_are_told_in_words() -> None:
    said = text("refusal.attendance-differs", "en", day="2026-09-07", stored="present 150", sent="absent 0")
    assert said == "For 7 September 2026 another attendance is stored: present, 2 hours 30 minutes; sent: absent."


def test_a_mark_is_told_out_of_twenty() -> None:
    marked = {"sitting": 1, "decision": "admitted", "written": 1250, "practical": None}
    assert "12.50/20" in text("event.learner.exam-marked", "en", **marked)
    assert "12,50/20" in text("event.learner.exam-marked", "fr", **marked)


def test_an_amount_is_told_in_dirhams() -> None:
    said = {each: text("refusal.amount-negative", each, value=-123_450) for each in LANGUAGES}
    assert "\u2066-1,234.50\u2069 DH" in said["en"]
    assert "1\u202f234,50\u2069 DH" in said["fr"]
    assert "1.234,50\u2069 درهم" in said["ar"]


def test_what_a_client_wrote_is_isolated_and_never_read_as_a_sentence() -> None:
    said = text("refusal.unknown-code", "ar", list="trade", value="{list} [x] \u2069\u202e evil\nline")
    assert "\u2068{list} [x]   evil line\u2069" in said
    assert "\u202e" not in said
    assert said.count("\u2069") == 1
    assert len(text("refusal.unknown-code", "fr", list="trade", value="x" * 100_000)) < 300


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text ever drawn builds a table of all letters
@given(st.sampled_from(sorted(keys())), st.sampled_from(LANGUAGES), st.data())
def test_whatever_stands_in_a_refusal_or_an_event_a_sentence_comes_out(
    key: str, language: str, data: st.DataObject
) -> None:
    anything = st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(), st.dates(), st.uuids(), st.lists(st.text(), max_size=3),
        st.dictionaries(st.sampled_from(["ar", "fr", "code"]), st.text(), max_size=2),
    )  # fmt: skip
    names = ("on", "value", "status", "days", "flags", "name", "season", "written", "stored", "open", "month", "trades")
    said = text(key, language, **data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, anything))))
    assert said
    assert said.count("\u2068") == said.count("\u2069")


def test_an_unknown_key_is_a_mistake_and_an_unknown_language_is_arabic() -> None:
    with pytest.raises(KeyError):
        text("refusal.no-such-code", "ar")
    assert not has("refusal.no-such-code", "fr")
    assert text("command.enrol-learner", "de") == text("command.enrol-learner", "ar")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ar"),
        ("ar-MA, fr;q=0.9, en;q=0.8", "ar"),
        ("fr-MA", "fr"),
        ("en;q=0.2, fr;q=0.3", "fr"),
        ("fr, ar", "fr"),
        ("de, fr;q=0.1", "fr"),
        ("de", "ar"),
        ("*", "ar"),
        ("fr;q=0", "ar"),
        ("EN-gb", "en"),
        ("fr_MA", "fr"),
        ("fr;q=nan, en;q=0.5", "en"),
        ("fr;q=٠.٩", "ar"),
        (";;,,q=1", "ar"),
        ("\x00\udcff", "ar"),
        ("fr;level=1;q=0.5", "ar"),
        ("x" * 100_000, "ar"),
    ],
)
def test_the_language_is_the_one_the_header_likes_best(header: str, language: str) -> None:
    assert choose_language(header) == language


@given(st.text())
def test_no_header_breaks_the_choice_of_a_language(header: str) -> None:
    assert choose_language(header) in LANGUAGES

"""Every sentence is there in three languages, and says what the thing it speaks of can fill in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from babel.messages.pofile import read_po

from api.candidate_sheet import COLUMNS
from domain.parameters import DEFINITIONS
from domain.partner_feed import ANNULLED, IN_FORCE
from domain.reference import list_names
from domain.sealed import FAMILIES, Sealed
from domain.streams import COMMANDS, EVENTS, KINDS
from domain.texts import LANGUAGES, has, keys
from domain.texts.catalogue import catalogue
from domain.texts.rendering import _SHOWN, OPTIONAL, PLACEHOLDER
from tests.architecture.refusals import REFUSAL_BY_CODE
from tests.architecture.source import ROOT, python_files, tree_of

FLAGS = (
    "age-unknown", "age-uncertain", "school-status-unknown", "in-future", "on-closed-day", "without-held-session",
    "longer-than-held", "outside-enrolment",
    "missing-arabic-name", "missing-latin-name", "starts-before-exit",
)  # fmt: skip
PROBLEMS = (
    "unauthenticated", "not-your-role", "not-in-your-scope", "not-found", "method-not-allowed",
    "unsupported-media-type", "body-too-large",
    "malformed-json", "duplicate-json-key", "bad-character", "invalid-body", "unknown-field", "missing-field",
    "wrong-type", "bad-date", "bad-uuid", "idempotency-key-missing", "idempotency-key-reused", "if-match-missing",
    "stale-version", "as-of-in-future", "at-least-ahead", "at-least-not-reached", "bad-cursor", "unavailable",
    "internal-error", "bad-parameter", "unknown-parameter", "login-not-bound", "not-known-then",
    "feed-behind-reader", "receipt-out-of-order", "too-many-requests", "request-unreadable", "address-too-long",
    "headers-too-large",
)  # fmt: skip
WANTED = {
    *(f"refusal.{code}{end}" for code in REFUSAL_BY_CODE for end in ("", ".way-out")),
    *(f"problem.{code}{end}" for code in PROBLEMS for end in ("", ".way-out")),
    *(f"event.{tag}" for tag in EVENTS),
    *(f"command.{spec.name}" for spec in COMMANDS),
    *(f"flag.{code}" for code in FLAGS),
    *(f"status.{status}" for kind in KINDS.values() for status in kind.life_cycle),
    *(f"kind.{kind}" for kind in KINDS),
    *(f"list.{name}" for name in (*list_names(), "parameter", "season")),
    *(f"parameter.{name}" for name in DEFINITIONS),
    *(f"parameter-type.{each.type}" for each in DEFINITIONS.values()),
    *(f"family.{name}" for name in FAMILIES),
    "audience.national",
    *(f"diploma-status.{each}" for each in (IN_FORCE, ANNULLED)),
    *(f"candidate-column.{each}" for each in ("sheet", "erased", *COLUMNS)),
}
# Families of words that sentences use, beside the keys that are asked for by name.
WORDS = {
    "bad-text", "family", "funding-part", "session-part", "rule", "transfer-answer", "verified-by", "word", "count",
    "session-time", "session-time-limit", "value-type", "roster", "diploma-copy",
}  # fmt: skip

each_language = pytest.mark.parametrize("language", LANGUAGES)
each_key = pytest.mark.parametrize("key", sorted(keys()))


def placeholders(text: str) -> list[tuple[str, str]]:
    """(name, how) of every placeholder."""
    return sorted(set(PLACEHOLDER.findall(text)))


@each_language
def test_every_sentence_that_can_be_asked_for_is_there(language: str) -> None:
    assert sorted(key for key in WANTED if not has(key, language)) == []


@each_language
def test_no_key_stands_twice_in_a_catalogue(language: str) -> None:
    """The reader takes one of the two without a word."""
    ids = re.findall(r'^msgid "(.+)"$', (ROOT / f"domain/texts/{language}.po").read_text(), re.MULTILINE)
    assert sorted(ids) == sorted(keys(language))


@each_language
def test_no_sentence_is_left_that_nothing_asks_for(language: str) -> None:
    assert sorted(key for key in keys(language) - WANTED if key.split(".")[0] not in WORDS) == []


def test_the_languages_have_the_same_keys_with_the_same_values_in_them() -> None:
    assert keys("ar") == keys("fr") == keys("en")
    for key in keys():
        in_each = {language: [placeholders(form) for form in catalogue(language).forms(key)] for language in LANGUAGES}
        filled = {language: max(forms) for language, forms in in_each.items()}
        assert filled["ar"] == filled["fr"] == filled["en"], key


@each_language
def test_numbers_have_as_many_forms_as_the_language(language: str) -> None:
    """Arabic six: none, one, two, three to ten, eleven and more, and the hundreds."""
    wanted = {"ar": 6, "fr": 2, "en": 2}[language]
    counts = [key for key in keys(language) if key.startswith("count.")]
    assert counts
    for key in keys(language):
        assert len(catalogue(language).forms(key)) == (wanted if key in counts else 1), key
    for number in (*range(120), 1000, 1_000_001):
        assert catalogue(language).form("count.day", number)


@each_key
def test_every_placeholder_says_what_it_is_in_words_that_exist(key: str) -> None:
    families = {each.split(".")[0] for each in keys()}
    for language in LANGUAGES:
        for form in catalogue(language).forms(key):
            for _, how in placeholders(form):
                noun = how.removeprefix("n-")
                known = (
                    how in _SHOWN
                    or how in list_names()
                    or how in families
                    or (noun != how and has(f"count.{noun}", "ar"))
                )
                assert not how or known, (language, how)
            rest = PLACEHOLDER.sub("", OPTIONAL.sub(r"\1", form))
            assert not re.search(r"[{}\[\]]", rest), (language, rest)


@pytest.mark.parametrize("code", sorted(REFUSAL_BY_CODE))
def test_a_refusal_is_told_with_its_own_data(code: str) -> None:
    fields = {"acts", *REFUSAL_BY_CODE[code].__struct_fields__} - {"pointer"}  # acts: api/remedies.py names them
    for language in LANGUAGES:
        for key in (f"refusal.{code}", f"refusal.{code}.way-out"):
            assert {name for name, _ in placeholders(catalogue(language).forms(key)[0])} <= fields, (language, key)


@pytest.mark.parametrize("tag", sorted(EVENTS))
def test_an_event_is_told_with_its_clear_fields_and_what_may_be_absent_stands_in_brackets(tag: str) -> None:
    hints = {name: hint for name, hint in get_type_hints(EVENTS[tag]).items() if name != "by"}
    for language in LANGUAGES:
        sentence = catalogue(language).forms(f"event.{tag}")[0]
        assert {name for name, _ in placeholders(sentence)} <= {name for name in hints if not is_sealed(hints[name])}
        certain = OPTIONAL.sub("", sentence)
        for name, how in placeholders(certain):
            assert type(None) not in get_args(hints[name]), (language, name)
            assert name != "why"
            # a list may be empty, and an id has no name until somebody looks it up
            assert str(hints[name]).startswith("list[") <= how.startswith("n-"), (language, name)


# Numbers that count nothing: names of things, and values as they were sent. The last stands before a counted one.
NAMES_OF_THINGS = {"value", "version", "replaces", "withdrawable", "year", "rule", "sitting", "number"} | {"age_min"}


@pytest.mark.parametrize("key", sorted(key for key in keys() if key.startswith(("refusal.", "event."))))
def test_a_number_stands_with_its_noun_and_no_sentence_shows_an_id(key: str) -> None:
    """A bare number has one form in Arabic where six are needed; an id says nothing to whoever reads it."""
    family, _, name = key.removesuffix(".way-out").partition(".")
    hints = get_type_hints(REFUSAL_BY_CODE[name] if family == "refusal" else EVENTS[name])
    for language in LANGUAGES:
        for field, how in placeholders(catalogue(language).forms(key)[0]):
            hint = str(hints.get(field, ""))
            assert "UUID" not in hint or how == "name" or how.startswith("n-"), (language, field)
            counts = "<class 'int'>" in hint or hint in ("list[int]", "int | None")
            assert not counts or how or field in NAMES_OF_THINGS, (language, field)


def is_sealed(hint: Any) -> bool:
    """Whether a field is sealed, or may be."""
    return "Sealed" in str(hint) or hint is Sealed


def test_what_a_refusal_may_name_has_a_word() -> None:
    bad_texts = set(first_texts("domain/values.py", "BadText")) | {
        "bidi-override", "control-character", "lone-surrogate", "empty-text",
    }  # fmt: skip
    assert sorted(code for code in bad_texts if not has(f"bad-text.{code}", "ar")) == []
    lists = {name for path in python_files("domain") for name in list_keywords(path.relative_to(ROOT).as_posix())}
    assert lists
    assert sorted(name for name in lists if not has(f"list.{name}", "ar")) == []


def test_every_error_of_a_roster_has_a_sentence() -> None:
    """Those written out in the reader, and those of the texts it cleans."""
    raised = {*first_texts("domain/roster.py", "_refused"), *first_texts("domain/roster.py", "BadCell")}
    raised |= {*first_texts("domain/roster_columns.py", "BadCell"), "massar-twice", "learner-twice", "massar-format"}
    for node in ast.walk(tree_of(ROOT / "domain/roster.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "RosterError" and len(node.args) > 2:
            raised |= set(texts_in(node.args[2]))
    raised |= {"lone-surrogate", "bidi-override", "control-character", "empty-text", "no-letter", "bad-phone"}
    assert {f"roster.{code}" for code in raised} == {key for key in keys() if key.startswith("roster.")}


def first_texts(path: str, called: str) -> Iterator[str]:
    """The text given first to each call of this name."""
    for node in ast.walk(tree_of(ROOT / path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == called and node.args:
            yield from texts_in(node.args[0])


def texts_in(tree: ast.AST) -> Iterator[str]:
    """The texts written out in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def list_keywords(path: str) -> Iterator[str]:
    """Names of lists that refusals of this file speak of."""
    yield from first_texts(path, "refuse_unknown")
    for node in ast.walk(tree_of(ROOT / path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "UnknownCode":
            yield from (text for word in node.keywords if word.arg == "list" for text in texts_in(word.value))


def test_every_flag_raised_in_deciding_has_a_word() -> None:
    pattern = re.compile(r'"([a-z]+(?:-[a-z]+)+)"')
    raised = set()
    for path in python_files("domain/learner/deciding"):
        for line in path.read_text().splitlines():
            if re.search(r"flag|STATUS_FLAGS|Flag", line):
                raised |= set(pattern.findall(line))
    raised -= {spec.noun for spec in COMMANDS} | {"diploma-session"}
    assert raised <= set(FLAGS), "a new flag is named in FLAGS, and in three languages"


@each_language
def test_the_catalogues_are_finished_and_written_as_the_country_writes(language: str) -> None:
    with (ROOT / f"domain/texts/{language}.po").open("rb") as file:
        read = read_po(file, locale=language)
    assert [message.id for message in read if message.fuzzy and message.id] == []
    for key in keys(language):
        for form in catalogue(language).forms(key):
            assert form.strip() == form
            assert form, key
            bare = PLACEHOLDER.sub("", form)
            assert not re.search(r"[٠-٩۰-۹]", bare), "Morocco writes Western digits"
            assert not any(name in bare for name in ("أغسطس", "سبتمبر", "نوفمبر", "ديسمبر")), "Moroccan month names"
            if language == "fr":
                assert not re.search(r" [:;!?»]", form), "a French sign stands after a no-break space"


@each_language
def test_no_sentence_shows_a_name_out_of_the_code(language: str) -> None:
    names = [each.__name__ for each in (*REFUSAL_BY_CODE.values(), *EVENTS.values(), *(s.command for s in COMMANDS))]
    for key in keys(language):
        assert [name for name in names if any(name in form for form in catalogue(language).forms(key))] == [], key

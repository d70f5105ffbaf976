"""The page that explains every code to a reader: /docs/problems, one anchor a code, in three languages, no script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from typing import Final

from api.languages import TAGS
from api.problems import STATUS, Meaning, codes_of_rules, meaning_of
from domain.texts import LANGUAGES, text

_NAMES: Final = {"ar": "العربية", "fr": "Français", "en": "English"}
_SAID: Final = re.compile("\u2068.*?\u2069|—")  # where a refusal fills its data in
_LEFT_OPEN: Final = "…"
_COMMA: Final = {"ar": "، ", "fr": ", ", "en": ", "}


def address_of(code: str) -> str:
    """Where a code is explained to a reader."""
    return f"/docs/problems#{code}"


@cache
def problem_page(language: str) -> bytes:
    """The whole page in one of LANGUAGES: what each code means, what to do, and the acts that make it right."""
    direction = "rtl" if language == "ar" else "ltr"
    title = text("word.problems", language)
    lines = [
        "<!doctype html>",
        f'<html lang="{TAGS[language]}" dir="{direction}">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>Forsa — {escape(title)}</title><link rel="stylesheet" href="/docs/docs.css"></head>',
        f"<body><header><h1>{escape(title)}</h1>",
        f'<nav class="languages">{_languages(language)}</nav><p>{_words("problems-about", language)}</p></header>',
        "<main>",
        *_part("problems-of-rules", sorted(codes_of_rules(), key=_by_rule), language),
        *_part("problems-of-requests", STATUS, language),
        "</main></body></html>",
    ]
    return "\n".join(lines).encode()


def _by_rule(code: str) -> tuple[int, str]:
    return codes_of_rules()[code].RULE, code


def _languages(shown: str) -> str:
    return " · ".join(
        f'<b lang="{TAGS[each]}">{_NAMES[each]}</b>'
        if each == shown
        else f'<a lang="{TAGS[each]}" hreflang="{TAGS[each]}" href="/docs/problems-{each}">{_NAMES[each]}</a>'
        for each in LANGUAGES
    )


def _part(heading: str, codes: Iterable[str], language: str) -> Iterator[str]:
    yield f"<h2>{_words(heading, language)}</h2>"
    for code in codes:
        yield from _entry(meaning_of(code, language), language)


def _entry(meaning: Meaning, language: str) -> Iterator[str]:
    rule = f" · {_words('rule-number', language)} {meaning.rule}" if meaning.rule else ""
    yield f'<article id="{meaning.code}"><h3>{_open(meaning.title)}</h3>'
    yield f"<p>{_open(meaning.way_out)}</p>"
    if meaning.commands:
        acts = _COMMA[language].join(text(f"command.{name}", language) for name in meaning.commands)
        yield f"<p><b>{_words('acts-that-help', language)}</b> {escape(acts)}</p>"
    code = f'<a href="#{meaning.code}"><code dir="ltr">{meaning.code}</code></a>'
    yield f'<p class="said">{code} · {meaning.status}{rule}</p></article>'


def _open(sentence: str) -> str:
    return escape(_SAID.sub(_LEFT_OPEN, sentence).replace(f"{_LEFT_OPEN}.", _LEFT_OPEN))


def _words(key: str, language: str) -> str:
    return escape(text(f"word.{key}", language))

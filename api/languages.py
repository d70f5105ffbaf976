"""The language of an answer, and the one way to its texts."""

from __future__ import annotations

from typing import Any, Final

from flask import g, request

from domain.texts import choose_language, text

TAGS: Final = {"ar": "ar-MA", "fr": "fr", "en": "en"}  # catalogue → language tag of the answer


def language() -> str:
    """The language of this request's answer: ar, fr or en. Whatever the header holds, there is one."""
    if "language" not in g:
        g.language = choose_language(request.headers.get("Accept-Language", ""))
    chosen: str = g.language
    return chosen


def say(key: str, /, **params: Any) -> str:
    """The text of a key in this request's language."""
    return text(key, language(), **params)

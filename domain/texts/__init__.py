"""Every sentence the product says, in Arabic, French and English, by a permanent key.

Keys: `refusal.<code>`, `problem.<code>` (each with `.way-out`, the next act), `event.<tag>`, `command.<name>`,
`flag.<code>`, `status.<status>`, and the words these use. The catalogues ar.po, fr.po and en.po are the source; what
stands in their braces and brackets is explained in `rendering.py`.
"""

from __future__ import annotations

import re
from typing import Final

from domain.texts.catalogue import LANGUAGES, catalogue
from domain.texts.rendering import fill

__all__ = ["DEFAULT", "LANGUAGES", "choose_language", "has", "keys", "plural", "text"]

DEFAULT: Final = "ar"

_LONGEST_HEADER: Final = 1000  # a browser sends less than 100 characters
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:[-_][A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def text(key: str, language: str, /, **params: object) -> str:
    """The sentence of this key with these values in it. KeyError for an unknown key: a mistake in our code.

    A value whose brackets hold it is left out with them when it is absent; elsewhere an absent value is a dash. What a
    client wrote stands between U+2068 and U+2069, so that it cannot turn the sentence around. An unknown language is
    Arabic.
    """
    return fill(catalogue(_known(language)).forms(key)[0], params, _known(language))


def plural(key: str, language: str, count: int, /, **params: object) -> str:
    """The form of this key that this number asks for; `{count}` is the number."""
    return fill(catalogue(_known(language)).form(key, count), {**params, "count": count}, _known(language))


def has(key: str, language: str) -> bool:
    """Whether there is a sentence of this key."""
    return key in catalogue(_known(language))


def keys(language: str = DEFAULT) -> frozenset[str]:
    """Every key."""
    return frozenset(catalogue(_known(language)))


def choose_language(accept_language_header: str) -> str:
    """The language of ours the header likes best, the earlier of two it likes equally; Arabic for anything else.

    Never raises: what cannot be read in the header is passed over.
    """
    liked: list[tuple[float, str]] = []
    for part in accept_language_header[:_LONGEST_HEADER].split(","):
        named = _RANGE.fullmatch(part)
        if named and named[1].lower() in LANGUAGES:
            liked.append((min(1.0, float(named[2] or "1")), named[1].lower()))
    quality, language = max(liked, key=lambda each: each[0], default=(0.0, DEFAULT))
    return language if quality > 0 else DEFAULT


def _known(language: str) -> str:
    return language if language in LANGUAGES else DEFAULT

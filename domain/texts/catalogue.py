"""The catalogues, read once: key → forms, one for a sentence, one a plural for a count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from gettext import c2py
from importlib import resources
from typing import Final

from babel.messages.pofile import read_po

from domain.reference import LANGUAGES

__all__ = ["LANGUAGES", "Catalogue", "catalogue"]

_PACKAGE: Final = "domain.texts"


class Catalogue:
    """The sentences of one language."""

    def __init__(self, forms: Mapping[str, tuple[str, ...]], plural_expression: str) -> None:
        """plural_expression: the `plural=` of the catalogue's Plural-Forms header."""
        self._forms, self._index = dict(forms), _index_by(plural_expression)

    def __contains__(self, key: str) -> bool:
        return key in self._forms

    def __iter__(self) -> Iterator[str]:
        return iter(self._forms)

    def forms(self, key: str) -> tuple[str, ...]:
        """Every form of this key; KeyError for an unknown one."""
        return self._forms[key]

    def form(self, key: str, count: int) -> str:
        """The form this number asks for."""
        return self._forms[key][self._index(abs(count))]


def _index_by(plural_expression: str) -> Callable[[int], int]:
    index: Callable[[int], int] = c2py(plural_expression)
    return index


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of LANGUAGES."""
    with resources.files(_PACKAGE).joinpath(f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    forms = {
        str(message.id if isinstance(message.id, str) else message.id[0]): _forms_of(message.string)
        for message in read
        if message.id
    }
    return Catalogue(forms, read.plural_expr)


def _forms_of(string: object) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(map(str, string))  # type: ignore[call-overload]  # a list or tuple of forms

"""Every refusal there is, whichever module of the domain it stands in."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import domain
from domain.errors import RuleBroken, code_of


def modules_of_domain() -> None:
    """Every module of the domain is imported, so that no subclass stays unseen."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)


def _below(of: type[RuleBroken]) -> Iterator[type[RuleBroken]]:
    for each in of.__subclasses__():
        yield each
        yield from _below(each)


modules_of_domain()
REFUSALS = tuple(each for each in _below(RuleBroken) if each.__module__.startswith("domain."))
REFUSAL_BY_CODE = {code_of(each): each for each in REFUSALS}

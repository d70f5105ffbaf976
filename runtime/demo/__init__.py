"""A small invented centre: two groups, forty learners at every stage, told through the real commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runtime.demo.paths import TOLD, tell_arrival, tell_correction, tell_departure
from runtime.demo.register import tell_register
from runtime.demo.setting import CENTRE, CLASS, CONVENTION, WORKSHOP, tell_setting
from runtime.demo.telling import Teller, id_of
from runtime.demo.trust import tell_access, tell_privacy, tell_transfers
from runtime.demo.year import tell_competences, tell_exam, tell_review, tell_training
from runtime.wiring import Forsa


class Loaded(NamedTuple):
    """What loading did: acts done now, acts that were known already."""

    done: int
    known: int


def load_demo(forsa: Forsa, progress: Callable[[int], None] | None = None) -> Loaded:
    """The demo is in the log, whole; told again it changes nothing, interrupted it is continued."""
    teller = Teller(forsa, progress)
    tell_setting(teller)
    tell_access(teller)
    for each in TOLD:
        tell_arrival(teller, each)
    tell_training(teller)
    tell_correction(teller)
    tell_review(teller, forsa)
    tell_competences(teller)
    tell_transfers(teller)
    tell_privacy(teller)
    tell_exam(teller, forsa)
    tell_register(teller, forsa)
    for each in TOLD:
        tell_departure(teller, each)
    return Loaded(teller.done, teller.known)


def is_demo_missing(forsa: Forsa) -> bool:
    """The log is empty, or an earlier loading of the demo was interrupted."""
    if forsa.event_log.max_position() == 0:
        return True
    return _was_done(forsa, "organisation ministry") and not _was_done(forsa, _last_act())


def places(forsa: Forsa) -> dict[str, str]:
    """Ids that a first session needs: centre, convention, groups, authorities, the partner. None without a demo."""
    if not _was_done(forsa, "convention"):
        return {}
    named = {"CENTRE": CENTRE, "CONVENTION": CONVENTION, "CLASS": CLASS, "WORKSHOP": WORKSHOP}
    authorities = {name.upper(): id_of("organisation", name) for name in ("association", "directorate", "delegation")}
    jury = {"JURY": id_of("worker", "en_agent"), "PARTNER": id_of("worker", "partner")}
    return {name: str(stream) for name, stream in (named | authorities | jury).items()}


def _was_done(forsa: Forsa, name: str) -> bool:
    return forsa.event_log.find_command(id_of("worker", "operator"), id_of("act", name).bytes) is not None


def _last_act() -> str:
    last = [each for each in TOLD if each.path.over][-1]
    return f"learner {last.number} ended" if not last.path.outcome else f"learner {last.number} declared"

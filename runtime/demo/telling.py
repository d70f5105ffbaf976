"""How the demo acts: each act by a named worker, under a key of its own, so that telling it twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final
from uuid import UUID, uuid5

import msgspec

from domain.casebook import Casebook, CommandKey
from domain.errors import CommandKnown
from domain.event import By
from domain.kind import Command, ReasonGiven
from domain.values import season_of
from runtime.wiring import Forsa

DEMO: Final = UUID("0f0a5a1d-3f0e-5c1b-9a52-64656d6f0001")  # the namespace of every id of the demo
RECOVERED: Final = ReasonGiven("recovered_from_paper")


def id_of(*names: object) -> UUID:
    """The demo's id of that name, the same in every installation."""
    return uuid5(DEMO, "/".join(str(name) for name in names))


class Teller:
    """Executes commands for the demo's workers; counts what was done and what was known already."""

    def __init__(self, forsa: Forsa, progress: Callable[[int], None] | None = None) -> None:
        """progress: is told the number of acts so far."""
        self._forsa, self._progress = forsa, progress
        self._attempt = ""
        self._draws = 0
        self._casebook = Casebook(forsa.event_log, forsa.keyring, now=forsa.now, nonce=self._nonce)
        self.today = forsa.today()
        self.season = season_of(self.today) - 1  # the last season that is over: its papers are all in
        self.done = 0
        self.known = 0

    def day(self, month: int, day: int) -> date:
        """That day of the season."""
        return date(self.season if month >= 9 else self.season + 1, month, day)

    def does(self, role: str, name: str, command: Command, *, worker: str = "") -> None:
        """The command was executed once under this name, by the role's worker or the one named. Raises Refused."""
        self._attempt, self._draws = name, 0
        # The name alone makes an act known: dates in it follow the calendar, and told again it must not differ.
        key = CommandKey(id_of("worker", "operator"), id_of("act", name).bytes, id_of("body", name).bytes)
        try:
            self._casebook.execute(command, _by(role, worker or role), key=key)
            self.done += 1
        except CommandKnown:
            self.known += 1
        if self._progress is not None:
            self._progress(self.done + self.known)

    def _nonce(self) -> UUID:
        """Chance without chance: the same for the same act, another for each attempt at it."""
        self._draws += 1
        return id_of("nonce", self._attempt, self._draws)


def _by(role: str, worker: str) -> By:
    from runtime.demo.people import COLLEAGUES

    organisation = next((each.organisation for each in COLLEAGUES if each.role == role), "ministry")
    return By(actor=id_of("worker", worker), role=role, org=id_of("organisation", organisation), src="import")


def told(teller: Teller, command: Command, on: date) -> Command:
    """The command with its business date, and a reason where that is long ago (rule 46)."""
    late = (teller.today - on).days > 30
    return msgspec.structs.replace(command, on=on, why=RECOVERED if late and command.why is None else command.why)

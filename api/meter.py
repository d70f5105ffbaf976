"""What the API counts. Labels come from closed sets (routes, codes, classes): never an id, never what was sent."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Answered(msgspec.Struct, frozen=True):
    """One request, ended. `code`: of the problem it was answered with; `outage`: class of what was away."""

    route: str  # the endpoint; none for an address that is no route's
    method: str
    status: int
    code: str | None
    outage: str | None
    seconds: float


class Meter(Protocol):
    """Counts for whoever runs the service."""

    def answered(self, answered: Answered) -> None:
        """The request is counted. Fails never."""
        ...


class Uncounted:
    """A meter that counts nothing."""

    def answered(self, answered: Answered) -> None:
        """Nothing."""

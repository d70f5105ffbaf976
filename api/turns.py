"""Nobody takes the service from everybody: a login's requests and an address's bad tokens each wait their turn."""

from __future__ import annotations

import math
from uuid import UUID

from flask import request

from api.parts import Parts
from api.problems import Problem


def take_turn(parts: Parts, worker: UUID) -> None:
    """A turn of this worker is taken. Raises Problem too-many-requests where they ask faster than their share."""
    _refuse_early(parts.wait_of_worker(worker))


def refuse_stranger(parts: Parts) -> None:
    """Raises Problem too-many-requests where this address sent too many tokens that name no worker.

    Asked after the token was looked at: a good token is never refused for what its neighbours behind one address send.
    """
    _refuse_early(parts.wait_of_stranger(request.remote_addr or ""))


def _refuse_early(seconds: float) -> None:
    if seconds > 0:
        whole = math.ceil(seconds)
        raise Problem("too-many-requests", params={"retry_after": whole}, headers={"Retry-After": str(whole)})

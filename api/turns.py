"""Nobody takes the service from everybody: a login's requests and an address's bad tokens each wait their turn."""

from __future__ import annotations

import math

from flask import Flask, Response, g, request

from api.parts import Parts
from api.problems import Problem


def take_turns(app: Flask, parts: Parts) -> None:
    """A worker who asks faster than their share is told when to come again. Called after `guard`: it knows who asks."""

    @app.before_request
    def wait() -> Response | None:
        who = g.get("sender")
        if who is not None:
            _refuse_early(parts.wait_of_worker(who.worker))
        return None


def refuse_stranger(parts: Parts) -> None:
    """Raises Problem too-many-requests where this address sent too many tokens that prove nothing.

    Asked after the token was looked at: a good token is never refused for what its neighbours behind one address send.
    """
    _refuse_early(parts.wait_of_stranger(request.remote_addr or ""))


def _refuse_early(seconds: float) -> None:
    if seconds > 0:
        whole = math.ceil(seconds)
        raise Problem("too-many-requests", params={"retry_after": whole}, headers={"Retry-After": str(whole)})

"""What an operator sees of a request: its id on the answer and on every line, one line when it ends, and its figures.

Lines hold ids, codes and the route's template; never an address, a query, a body, a token or a name.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final
from uuid import UUID

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, unbind_contextvars

from api.forms import read_uuid
from api.headers import ALWAYS, BY_HTTPS
from api.languages import TAGS, language
from api.meter import Answered
from api.parts import Parts

LOG: Final = logging.getLogger("forsa.access")
ASKED_OFTEN: Final = frozenset({"house.live", "house.ready"})  # by whatever watches the process, every few seconds
METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


def observe(app: Flask, parts: Parts) -> None:
    """Every request has its id, its headers, its line and its figures. Called first: its end is then the last."""
    always = ALWAYS | (BY_HTTPS if parts.https else {})

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = parts.new_id()  # ours always: by it a look is found, so nobody may choose another's
        sent = sent_id()
        bind_contextvars(request_id=str(g.request_id), **({"client_request_id": str(sent)} if sent else {}))

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = str(g.get("request_id", UUID(int=0)))
        for name, value in always.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Language", TAGS[language()])
        response.vary.update(("Accept-Language", "Authorization"))
        _say(parts, response)
        return response

    @app.teardown_request
    def end(_raised: BaseException | None) -> None:
        unbind_contextvars("request_id", "client_request_id")  # the thread serves somebody else next


def sent_id() -> UUID | None:
    """The sender's own id of the request, where it is a UUID: any other text could say something about somebody."""
    return read_uuid(request.headers.get("X-Request-Id", ""))


def _say(parts: Parts, response: Response) -> None:
    rule, seconds = request.url_rule, time.perf_counter() - g.get("began", time.perf_counter())
    method = request.method if request.method in METHODS else "other"
    code: str | None = g.get("problem")
    answered = Answered(request.endpoint or "none", method, response.status_code, code, g.get("outage"), seconds)
    parts.meter.answered(answered)
    said: dict[str, Any] = {
        "method": method,
        "route": rule.rule if rule else "none",
        "status": response.status_code,
        "code": code,
        "ms": round(seconds * 1000, 1),
        "position": g.get("position"),
        **_who(),
    }
    level = logging.DEBUG if answered.route in ASKED_OFTEN and code is None else logging.INFO
    LOG.log(level, "answered", extra={name: value for name, value in said.items() if value is not None})


def _who() -> dict[str, str]:
    """The worker's id, and the role they acted in where they were let in."""
    worker, who = g.get("worker"), g.get("sender")
    role = next((each.role for each in who.acting), None) if who else None
    return ({"worker": str(worker)} if worker else {}) | ({"role": role} if role else {})

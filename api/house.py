"""What the API says of itself, without a token: alive, ready, how far views are, what a problem means, the manual."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final

import msgspec
from flask import Flask, Response

from api.blueprint import SmorestApi
from api.document import document
from api.parts import Parts
from api.problems import OK, Problem, explained
from projections.reading import Lag

CACHED: Final = "public, max-age=3600"  # nothing personal in it
PAGE_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'"
FILES: Final = {"docs.js": "text/javascript", "docs.css": "text/css"}


class Status(msgspec.Struct, frozen=True):
    """How this process stands: its release, the log's last position, each view's lag, how many streams are parked."""

    release: str
    position: int
    now: datetime
    views: list[Lag]
    parked: int  # counted up to 100


def register_house(app: Flask, parts: Parts, api: SmorestApi) -> None:
    """The routes that ask no token."""
    _register_health(app, parts)
    _register_manual(app, api)


def _register_health(app: Flask, parts: Parts) -> None:
    def live() -> Response:
        return _json({"live": True})

    def ready() -> Response:
        wrong = list(parts.not_ready())
        if wrong:
            raise Problem("unavailable", more={"not_ready": wrong})
        return _json({"ready": True})

    def status() -> Response:
        return _json(
            Status(parts.release, parts.log.max_position(), parts.now(), parts.views.lag(), len(parts.views.parked()))
        )

    for path, name, view in (("/livez", "live", live), ("/readyz", "ready", ready), ("/status", "status", status)):
        app.add_url_rule(path, f"house.{name}", view)


def _register_manual(app: Flask, api: SmorestApi) -> None:
    @cache  # made when first asked for: by then every route is there
    def made() -> bytes:
        return msgspec.json.encode(document(api))

    def openapi() -> Response:
        return _public(made(), "application/json")

    def problem(code: str) -> Response:
        meaning = explained(code)
        if meaning is None:
            raise Problem("not-found")
        return _public(msgspec.json.encode(meaning), "application/json")

    def docs() -> Response:
        response = _public(_file("docs.html"), "text/html")
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

    def docs_file(name: str) -> Response:
        if name not in FILES:
            raise Problem("not-found")
        return _public(_file(name), FILES[name])

    app.add_url_rule("/v1/openapi.json", "house.openapi", openapi)
    app.add_url_rule("/v1/problems/<code>", "house.problem", problem)
    app.add_url_rule("/docs", "house.docs", docs)
    app.add_url_rule("/docs/<name>", "house.docs-file", docs_file)


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), OK, mimetype="application/json")


def _public(body: bytes, mimetype: str) -> Response:
    response = Response(body, OK, mimetype=mimetype)
    response.headers["Cache-Control"] = CACHED
    return response


def _file(name: str) -> bytes:
    return resources.files("api").joinpath("static", name).read_bytes()

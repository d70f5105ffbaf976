"""What the API says of itself, without a token: alive, ready, how far views are, what codes mean, the manual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache, partial
from importlib import resources
from typing import Final

import msgspec
from flask import Flask, Response, request

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint, SmorestApi
from api.document import document
from api.languages import language
from api.parts import Parts
from api.problem_page import address_of, problem_page
from api.problems import OK, SEE_OTHER, Meaning, Problem, catalogue_of_codes, explained
from domain.reference import code_list, list_names
from domain.texts import LANGUAGES
from projections.reading import Lag
from projections.records.feed_standing import FeedStanding

CACHED: Final = {"Cache-Control": "public, max-age=3600"}  # nothing personal in it
IN_A_LANGUAGE: Final = {**CACHED, "Vary": "Accept-Language, Accept"}
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
FILES: Final = {"docs.js": "text/javascript", "docs.css": "text/css"}
PAGES: Final = {"problems": None, **{f"problems-{each}": each for each in LANGUAGES}}  # None: the language asked for


class Health(msgspec.Struct, frozen=True):
    """The process lives, or can answer."""

    ok: bool


class Status(msgspec.Struct, frozen=True):
    """How the service stands: the release, the log's last position, what views and feeds lack of it, what waits."""

    release: str
    position: int
    now: datetime
    views: list[Lag]
    building: int  # views of this release that are not served yet
    parked: int  # streams, counted up to 100
    erasures_pending: int  # decided and not carried out yet
    feeds: Sequence[FeedStanding]


class Meanings(msgspec.Struct, frozen=True):
    """Every code a problem may have."""

    problems: list[Meaning]


class CodeShown(msgspec.Struct, frozen=True):
    """One code with its labels, and the days it may be recorded for."""

    code: str
    ar: str
    fr: str
    en: str
    since: date
    until: date | None


class CodeListShown(msgspec.Struct, frozen=True):
    """A list of codes, in the order people want to read them."""

    name: str
    codes: list[CodeShown]


class CodeListNames(msgspec.Struct, frozen=True):
    """The names of all lists of codes."""

    names: list[str]


def register_house(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes that ask no token and stand in the document."""
    add_read(blueprint, "/livez", "live", get_live, Health)
    add_read(blueprint, "/readyz", "ready", partial(get_ready, parts), Health)
    add_read(blueprint, "/status", "status", partial(get_status, parts), Status)
    add_read(blueprint, "/v1/problems", "problems", get_problems, Meanings)
    add_read(blueprint, "/v1/problems/<code>", "problem", get_problem, Meaning)
    add_read(blueprint, "/v1/code-lists", "code-lists", get_code_lists, CodeListNames)
    add_read(blueprint, "/v1/code-lists/<name>", "code-list", get_code_list, CodeListShown)


def get_live() -> Response:
    """The process lives; asks nothing of a database."""
    return answer(Health(ok=True))


def get_ready(parts: Parts) -> Response:
    """The process can answer; else 503, `not_ready` says what is away."""
    wrong = list(parts.not_ready())
    if wrong:
        raise Problem("unavailable", more={"not_ready": wrong})
    return answer(Health(ok=True))


def get_status(parts: Parts) -> Response:
    """Release, position, and how far each view and each feed is behind, in events and seconds."""
    position, views, parked = parts.log.max_position(), parts.views.lag(), len(parts.views.parked())
    building, erasures = sum(view.status != "live" for view in views), parts.erasures_pending()
    feeds = parts.feed_standings()
    return answer(Status(parts.release, position, parts.now(), views, building, parked, erasures, feeds))


def get_problems() -> Response:
    """Every code a problem may have, with its status, its rule, its texts in the language asked for, and the acts."""
    return answer(Meanings(catalogue_of_codes()), headers=IN_A_LANGUAGE)


def get_problem(code: str) -> Response:
    """What a problem's code means and the way out, in the language asked for; a browser is led to the page."""
    meaning = explained(code)
    if meaning is None:
        raise Problem("not-found")
    if request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html":
        return _led_to(address_of(code))
    return answer(meaning, headers=IN_A_LANGUAGE)


def _led_to(address: str) -> Response:
    return Response(status=SEE_OTHER, headers={**IN_A_LANGUAGE, "Location": address})


def get_code_lists() -> Response:
    """The names of the lists that codes are checked against."""
    return answer(CodeListNames(list(list_names())), headers=CACHED)


def get_code_list(name: str) -> Response:
    """The codes of a list with their labels in three languages."""
    if name not in list_names():
        raise Problem("not-found")
    entries = code_list(name).entries
    codes = [CodeShown(each.code, each.ar, each.fr, each.en, each.since, each.until) for each in entries]
    return answer(CodeListShown(name, codes), headers=CACHED)


def register_manual(app: Flask, api: SmorestApi) -> None:
    """The OpenAPI document, and the pages that show it without any other server."""

    @cache  # made when first asked for: by then every route is there
    def made() -> bytes:
        return msgspec.json.encode(document(api))

    def openapi() -> Response:
        return _public(made(), "application/json")

    def docs() -> Response:
        return _page(_file("docs.html"))

    def docs_file(name: str) -> Response:
        if name in PAGES:
            return _page(problem_page(PAGES[name] or language()))
        if name not in FILES:
            raise Problem("not-found")
        return _public(_file(name), FILES[name])

    app.add_url_rule("/v1/openapi.json", "manual.openapi", openapi)
    app.add_url_rule("/docs", "manual.docs", docs)
    app.add_url_rule("/docs/<name>", "manual.docs-file", docs_file)


def _page(body: bytes) -> Response:
    response = _public(body, "text/html")
    response.headers.update({"Content-Security-Policy": PAGE_POLICY, **IN_A_LANGUAGE})
    return response


def _public(body: bytes, mimetype: str) -> Response:
    response = Response(body, OK, mimetype=mimetype)
    response.headers.update(CACHED)
    return response


def _file(name: str) -> bytes:
    return resources.files("api").joinpath("static", name).read_bytes()

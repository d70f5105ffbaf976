"""The API as a WSGI application: `create_app(parts)`."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api.blueprint import ForsaBlueprint, SmorestApi
from api.bodies import LARGEST_BYTES
from api.candidates import register_candidates
from api.commands import register_commands
from api.contracts import register_contracts
from api.diplomas import register_diplomas
from api.disclosing import check_every_read, refuse_undisclosed
from api.disclosures import register_disclosures
from api.feeds import register_feeds
from api.groups import register_groups
from api.history import register_history
from api.house import register_house, register_manual
from api.learners import register_learners
from api.observed import observe
from api.parts import Parts
from api.permissions import check_every_route, guard
from api.possible import register_possible
from api.preconditions import refuse_unreadable_language
from api.problems import BY_STATUS, Problem, problem_response, refusal_response
from api.receipts import register_receipts
from api.streams import register_kinds
from api.subject_file import register_subject_file
from api.turns import refuse_stranger
from domain.errors import Refused
from domain.streams import KINDS

LOG: Final = logging.getLogger("forsa.api")
STRANGERS: Final = frozenset({"unauthenticated", "login-not-bound"})  # what is said to whoever is no worker of ours


def create_app(parts: Parts) -> Flask:
    """Forsa over HTTP.

    Raises RouteWithoutRow when a route has no row in the permission table, ReadUndecided when it is not said whether a
    read shows learners.
    """
    app = Flask("forsa", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BYTES,
        API_TITLE="Forsa",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        PROPAGATE_EXCEPTIONS=False,  # a test sees what a client sees
    )
    app.url_map.merge_slashes = False  # one address for one thing: a redirect would be an answer without a body
    observe(app, parts)
    app.before_request(refuse_unreadable_language)
    guard(app, parts)
    refuse_undisclosed(app)
    api = SmorestApi(app)
    house, feeds = ForsaBlueprint("house", __name__), ForsaBlueprint("feeds", __name__)
    diplomas = ForsaBlueprint("diplomas", __name__)
    blueprints = {kind.plural: ForsaBlueprint(kind.plural, __name__) for kind in KINDS.values()}
    register_commands(parts, blueprints)
    register_learners(parts, blueprints["learners"])
    register_disclosures(parts, blueprints["learners"])
    register_subject_file(parts, blueprints["learners"])
    register_groups(parts, blueprints["groups"])
    register_kinds(parts, blueprints)
    register_history(parts, blueprints)
    register_possible(parts, blueprints)
    register_candidates(parts, blueprints["diploma-sessions"])
    register_diplomas(parts, diplomas)
    register_feeds(parts, feeds)
    register_receipts(parts, feeds)
    register_house(parts, house)
    register_contracts(house)
    for blueprint in (*blueprints.values(), diplomas, feeds, house):
        api.register_blueprint(blueprint)
    register_manual(app, api)
    _answer_errors(app, parts)
    check_every_route(app)
    check_every_read()
    return app


def _answer_errors(app: Flask, parts: Parts) -> None:
    """Whatever is raised becomes a problem; what nobody expected becomes a 500 that says nothing."""

    @app.errorhandler(Problem)
    def problem(raised: Problem) -> Response:
        if raised.code in STRANGERS:
            try:
                refuse_stranger(parts)
            except Problem as early:
                return problem_response(early)
        return problem_response(raised)

    @app.errorhandler(Refused)
    def refused(raised: Refused) -> Response:
        return refusal_response(raised.broken)

    @app.errorhandler(HTTPException)
    def http(raised: HTTPException) -> Response:
        headers = {name: value for name, value in raised.get_headers() if name == "Allow"}
        code = BY_STATUS.get(raised.code or 0, "malformed-json" if request.method == "POST" else "not-found")
        return problem_response(Problem(code, headers=headers))

    for outage in parts.outages:
        app.register_error_handler(outage, _unavailable)

    @app.errorhandler(Exception)
    def unexpected(raised: Exception) -> Response:
        # runtime/logs.py writes its class and places only: a message may hold a value of somebody
        LOG.error("request failed", exc_info=raised)
        return problem_response(Problem("internal-error", more={"request_id": str(g.get("request_id"))}))


def _unavailable(raised: Exception) -> Response:
    g.outage = type(raised).__name__
    LOG.warning("something is away", exc_info=raised)
    return problem_response(Problem("unavailable"))

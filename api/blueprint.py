"""flask-smorest, typed where we use it: the only module that imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import flask_smorest  # type: ignore[import-untyped]  # it ships no types
from flask import Response
from marshmallow import Schema

from api.bodies import StrictParser

View = Callable[..., Response]


class ForsaBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # a base class without types
    """A blueprint that reads bodies our way."""

    ARGUMENTS_PARSER = StrictParser()

    def body(self, form: type[Schema], example: Mapping[str, Any]) -> Callable[[View], View]:
        """The view gets the loaded body first; the document shows the form with this example."""
        return cast("Callable[[View], View]", self.arguments(form(), location="json", example=example))

    def add(self, view: View, rule: str, method: str, name: str, **documented: Any) -> None:
        """The view answers at this rule; `name` is its operationId and the end of its endpoint."""
        described = self.doc(operationId=name, **documented)(view)
        self.route(rule, methods=[method], endpoint=name)(described)


class SmorestApi(flask_smorest.Api):  # type: ignore[misc]  # a base class without types
    """smorest without its errors: handlers and responses are ours (problems.py, document.py)."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """None: create_app registers ours."""

    def _register_responses(self) -> None:
        """None: document.py has ours."""

    def _register_pagination_header(self) -> None:
        """None: lists go on by their Link header."""

    def _register_etag_headers(self) -> None:
        """None: document.py has ours."""

"""Rendering what was read: JSON from structs, with the position it was read at and the version it shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from flask import Response, request

from api.blueprint import ForsaBlueprint, View
from api.parts import Parts
from api.preconditions import at_least, not_reached
from api.problems import OK, bad_parameter
from api.reference import QUERY

MOMENT: Final = ("as_of", "at_least")


def answer(body: Any, *, version: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """200 with this body; `version` becomes the ETag, for If-Match on the commands that replace."""
    response = Response(msgspec.json.encode(body), OK, mimetype="application/json")
    if version is not None:
        response.set_etag(str(version))
    response.headers.update(headers or {})
    return response


def add_read(
    blueprint: ForsaBlueprint,
    rule: str,
    name: str,
    view: View,
    of: Any,
    *asks: str,
    method: str = "GET",
    media: str = "application/json",
    statuses: tuple[int, ...] = (),
    files: tuple[str, ...] = (),
    keyed: bool = False,
) -> None:
    """The view answers at this rule with a struct of this type; query parameters it does not ask for are refused.

    name: the operationId, and with the blueprint's the row in `permissions.READS`. view: mostly a `partial` that has
    been given the parts. asks: keys of QUERY. media: of the answer. statuses: it may have beside every read's.
    files: media types it can be had in as a file. keyed: it needs an Idempotency-Key.
    """
    parameters = [QUERY[each] for each in asks]
    names = [each["name"] for each in parameters]

    def asked(*sent: Any, **path: Any) -> Response:
        if unknown := sorted(request.args.keys() - set(names)):
            raise bad_parameter(unknown[0], "unknown-parameter", expected=", ".join(names))
        if twice := sorted(name for name, values in request.args.lists() if len(values) > 1):
            raise bad_parameter(twice[0], expected=f"1 × {twice[0]}")  # two readers would take different ones
        return view(*sent, **path)

    asked.__doc__ = view.func.__doc__ if isinstance(view, partial) else view.__doc__
    asked.__dict__.update(view.__dict__)  # what smorest's decorators left on it
    more = {"x-answer": of, "x-media": media, "x-statuses": statuses, "x-files": files, "x-keyed": keyed}
    blueprint.add(asked, rule, method, name, parameters=parameters, **more)


def wait_for_views(parts: Parts, *views: str, upto: int | None = None) -> None:
    """These views have come to `at_least` and to the position that is read. Raises Problem."""
    wanted = max(at_least() or 0, upto or 0)
    if wanted and not parts.views.wait_for(wanted, views):
        raise not_reached(parts, min(parts.views.positions()[view] for view in views))

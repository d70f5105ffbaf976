"""Who looked at a learner: the disclosure log as the learner's centre and the data-protection officer read it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint
from api.cursors import asked_after, asked_limit, next_page
from api.disclosing import disclose
from api.parts import Parts
from api.seeing import admitted_learner, unknown
from projections.records.disclosures import Disclosed


class LookShown(msgspec.Struct, frozen=True, kw_only=True):
    """One request that showed this learner: by whom, in which role and for whom, when, which route, how much."""

    at: datetime
    reader: UUID
    role: str
    org: UUID
    what: str
    level: str  # full | episode | summary | diploma: one of theirs | mentioned: by id, in a record that is not theirs
    named: bool  # whether that reader may know who the learner is
    emergency: UUID | None  # the emergency access that opened it
    as_of_position: int | None
    request: UUID  # the X-Request-Id of its answer


class Looks(msgspec.Struct, frozen=True):
    """A page of the looks at a learner, newest first."""

    items: list[LookShown]


def register_disclosures(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The route of who looked."""
    get, rule = partial(get_disclosures, parts), "/v1/learners/<uuid:learner>/disclosures"
    add_read(blueprint, rule, "get-learner-disclosures", get, Looks, "limit", "cursor")


def get_disclosures(parts: Parts, learner: UUID) -> Response:
    """Who was shown this learner, newest first. This look is written down too: the next one shows it."""
    sight = admitted_learner(parts, parts.casebook.load("learner", learner))
    if sight.level != "full" or sight.emergency:
        raise unknown("learner", learner)  # who looks now is for the centre responsible, and not for an emergency
    route, limit = f"get-learner-disclosures {learner}", asked_limit()
    found = parts.disclosures.of_learner(learner, before=asked_after(parts, route, int), limit=limit + 1)
    more = found[limit - 1].number if len(found) > limit else None
    kept = {"limit": request.args["limit"]} if "limit" in request.args else {}
    disclose(parts, {learner: sight})
    return answer(Looks([look_of(each) for each in found[:limit]]), headers=next_page(parts, route, more, **kept))


def look_of(disclosed: Disclosed) -> LookShown:
    """The look as its reader sees it."""
    return LookShown(**{name: getattr(disclosed, name) for name in LookShown.__struct_fields__})

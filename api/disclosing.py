"""Every look at a learner is written down before the bytes leave: one row a request, with the ids shown. Fail closed.

A view function says whom it shows, right before it returns; an answer of a disclosing route that did not say so is
replaced by a 500. Who may ask stands in permissions.py; what a reader is shown of a learner is for the views.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from flask import Flask, Response, g, request

from api.parts import Parts
from api.permissions import READS, sender
from api.problems import OK, Problem, problem_response
from domain.access import Sight
from domain.kind import Kind
from domain.streams import KINDS
from projections.records.disclosures import Disclosure, Shown

LOG: Final = logging.getLogger("forsa.api")

_STATES: Final = frozenset(
    {"learners.get-learner", "groups.get-group", "diploma-sessions.get-diploma-session"}
    | {"organisations.get-organisation"}  # emergency accesses, to who may review them
)
# Any kind's: an event of a group, a session or an organisation may name a learner.
_HISTORIES: Final = frozenset(
    f"{kind.plural}.get-{kind.name}-{what}" for kind in KINDS.values() for what in ("timeline", "audit-trail", "event")
)
DISCLOSING: Final = (
    _STATES
    | _HISTORIES
    | {"learners.list-learners", "learners.search-learners", "learners.look-up-learner", "groups.get-attendance"}
    | {
        "learners.get-learner-possible-commands",
        "learners.get-learner-disclosures",
        "learners.get-learner-subject-file",
        "diploma-sessions.get-candidates",
        "diplomas.get-diploma",
        "diplomas.find-diploma",
    }
)
# What these show has no learner in it: counts, and what a kind's status allows. A feed tells of diplomas: whose they
# are is a reference that is random per diploma, which no answer leads from to a learner.
NOT_DISCLOSING: Final = frozenset(
    {"groups.list-groups", "feeds.list-feeds", "feeds.get-feed", "feeds.get-feed-snapshot"}
    | {"feeds.confirm-feed", "feeds.list-feed-receipts"}  # places and partners
    | {f"{kind.plural}.get-{kind.name}" for kind in KINDS.values()} - _STATES
    | {f"{kind.plural}.get-{kind.name}-possible-commands" for kind in KINDS.values() if kind.name != "learner"}
)


MENTIONED: Final = "mentioned"  # by id, in a record that is not theirs


class ReadUndecided(Exception):
    """A route that reads is not said to show learners, nor to show none; or a row here is no such route's."""


def check_every_read() -> None:
    """Raises ReadUndecided unless every route that reads is in one of the two sets, and in one only."""
    undecided = (DISCLOSING | NOT_DISCLOSING) ^ set(READS)
    if wrong := undecided | (DISCLOSING & NOT_DISCLOSING):
        raise ReadUndecided(", ".join(sorted(wrong)))


def disclose(parts: Parts, shown: Mapping[UUID, Sight | None], *, position: int | None = None) -> None:
    """That the sender is shown these learners is stored, durably; where there are none, nothing is.

    shown: how much of each; None where another stream's record mentions them. position: what is shown was known there;
    kept where a past moment was asked for. Raises NotDisclosed, an outage.
    """
    who = sender()
    if shown:
        role, org = _acted_in(shown.values())
        row = Disclosure(
            request=g.request_id,
            reader=who.worker,
            role=role,
            org=org,
            what=str(request.endpoint),
            as_of_position=position if "as_of" in request.args else None,
            shown=tuple(_shown(learner, shown[learner]) for learner in sorted(shown)),
        )
        parts.disclosures.write(row)
    g.disclosed = True


def _acted_in(sights: Iterable[Sight | None]) -> tuple[str, UUID]:
    """Role and organisation of a grant that shows them; the usual one where it is one of those."""
    usual = sender().role, sender().org
    showing = [each.by for each in sights if each and each.by]
    return usual if usual in showing or not showing else showing[0]


def _shown(learner: UUID, sight: Sight | None) -> Shown:
    if sight is None:
        return Shown(learner, MENTIONED)
    return Shown(learner, sight.level, sight.identity, sight.emergency)


def mentioned(learners: Iterable[UUID]) -> dict[UUID, Sight | None]:
    """These learners, as the record of something else mentions them."""
    return dict.fromkeys(learners)


def shown_of(kind: Kind, stream: UUID, sight: Sight | None, told: Any = None) -> dict[UUID, Sight | None]:
    """The learner whose stream it is with the sight of it, and every learner that what is told of it mentions."""
    return mentioned(learners_in(told)) | ({stream: sight} if kind.name == "learner" else {})


def learners_in(body: Any) -> set[UUID]:
    """The learners that a body names: every value of a field `learner`, at any depth."""
    return set(_named(msgspec.to_builtins(body, str_keys=True)))


def _named(value: Any) -> Iterator[UUID]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from [UUID(each)] if name == "learner" and isinstance(each, str) else _named(each)


def refuse_undisclosed(app: Flask) -> None:
    """No answer of a disclosing route leaves whose view did not say whom it shows."""

    @app.after_request
    def look(response: Response) -> Response:
        shows = request.endpoint in DISCLOSING and request.method != "OPTIONS" and response.status_code == OK
        if not shows or g.get("disclosed"):
            return response
        LOG.error("an answer of %s does not say whom it shows", request.endpoint)
        return problem_response(Problem("internal-error", more={"request_id": str(g.get("request_id"))}))

"""Who may ask for what: one row a route. A route without a row stops the start.

Commands have their roles in their own table row; reads and the rest stand here. Whose learners and which centre is
decided by the scopes of the grants: for commands in `in_scope`, for reads of learners in `seeing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from flask import Flask, g, request

from api.parts import Parts
from api.preconditions import POSITION
from api.problems import Problem, bad_parameter
from api.turns import take_turn
from domain.access import Held
from domain.kind import Kind
from domain.reference import code_list
from domain.streams import COMMANDS, KINDS

# The operator runs the system and reads no learner; a referrer sees the status of its referrals (a later issue).
_LEARNER_READERS = (
    "caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "ministry", "auditor",
    "en_agent", "data_protection_officer",
)  # fmt: skip
# Finding by name or number is for those who may know it.
_FINDERS = (
    "caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "en_agent",
    "data_protection_officer",
)  # fmt: skip
_AUDITORS = (
    "coordinator", "provincial_directorate", "aref", "ministry", "auditor", "en_agent", "data_protection_officer",
)  # fmt: skip
# With the names printed on it: those who know the person in their work, and whoever was told of the diploma.
_DIPLOMA_READERS = (
    "en_agent", "coordinator", "caseworker", "provincial_directorate", "aref", "data_protection_officer", "partner",
)  # fmt: skip
# A partner's system, and the people of the authority that awards; each the feeds their scope has whole.
_FEED_READERS = ("partner", "en_agent")
_EVERYBODY = (*_LEARNER_READERS, "accountant", "operator")

_READERS: Final[Mapping[str, tuple[str, ...]]] = {
    "learner": _LEARNER_READERS,
    "group": _LEARNER_READERS,
    "diploma-session": _LEARNER_READERS,
    "centre": _EVERYBODY,
    "convention": _EVERYBODY,
    "organisation": _EVERYBODY,
    "parameter": _EVERYBODY,
    "worker": _EVERYBODY,
}


def _of_kind(kind: Kind) -> dict[str, tuple[str, ...]]:
    """The rows of the reads that every kind of stream has."""
    readers, name = _READERS[kind.name], f"{kind.plural}.get-{kind.name}"
    return {
        name: readers,
        f"{name}-timeline": readers,
        f"{name}-possible-commands": readers,
        f"{name}-audit-trail": _AUDITORS,
        f"{name}-event": _AUDITORS,
    }


WRITES: Final[Mapping[str, tuple[str, ...]]] = {
    f"{KINDS[spec.kind].plural}.{spec.name}": spec.roles for spec in COMMANDS
}
READS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: roles for kind in KINDS.values() for name, roles in _of_kind(kind).items()},
    "centres.get-centre": (*_EVERYBODY, "partner"),  # the school a diploma was prepared at has a name
    "learners.list-learners": _LEARNER_READERS,
    "learners.search-learners": _FINDERS,
    "learners.look-up-learner": WRITES["organisations.open-emergency-access"],
    "learners.get-learner-disclosures": ("coordinator", "data_protection_officer"),
    "learners.get-learner-subject-file": ("data_protection_officer", "coordinator"),
    "groups.get-attendance": _LEARNER_READERS,
    "groups.list-groups": _LEARNER_READERS,
    "diploma-sessions.get-candidates": ("en_agent", "coordinator"),
    "diplomas.get-diploma": _DIPLOMA_READERS,
    "diplomas.find-diploma": _DIPLOMA_READERS,
    "feeds.list-feeds": (*_FEED_READERS, "operator"),  # who runs the system sees how far feeds are, and no row
    "feeds.get-feed": _FEED_READERS,
    "feeds.confirm-feed": ("partner",),
    "feeds.list-feed-receipts": (*_FEED_READERS, "operator"),  # a partner itself alone
    "feeds.get-feed-snapshot": _FEED_READERS,
}
# No token asked: nothing here is about anybody.
PUBLIC: Final = frozenset(
    {"house.live", "house.ready", "house.status", "house.code-lists", "house.code-list"}
    | {"house.problems", "house.problem"}
    | {"house.contracts", "house.asyncapi", "house.contract-schema"}
    | {"manual.openapi", "manual.docs", "manual.docs-file"}
)


class RouteWithoutRow(Exception):
    """A route has no row in the permission table, or a row no route."""


class Sender(msgspec.Struct, frozen=True):
    """Who sent the request, and the grants that let it in: those of the route's roles, the usual role first."""

    worker: UUID
    acting: tuple[Held, ...]
    grants: tuple[Held, ...]  # every one they hold now

    @property
    def role(self) -> str:
        """The route's usual role among those held."""
        return self.acting[0].role

    @property
    def org(self) -> UUID:
        """The organisation they act for in it."""
        return self.acting[0].org

    def parts_to_play(self) -> Iterator[tuple[str, UUID, tuple[Held, ...]]]:
        """(role, organisation, grants) they may act in, in order. Emergency access is for reading alone."""
        held = [each for each in self.acting if each.scope != "learner"]
        for role, org in dict.fromkeys((each.role, each.org) for each in held):
            yield role, org, tuple(each for each in held if (each.role, each.org) == (role, org))


def roles_of(endpoint: str) -> tuple[str, ...]:
    """The roles that may use a route, the usual one first."""
    return WRITES[endpoint] if endpoint in WRITES else READS[endpoint]


def check_every_route(app: Flask) -> None:
    """Raises RouteWithoutRow unless routes and rows match one to one."""
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    rows = PUBLIC | READS.keys() | WRITES.keys()
    if routes != rows:
        raise RouteWithoutRow(", ".join(sorted(routes ^ rows)))


def guard(app: Flask, parts: Parts) -> None:
    """Every request to a route with roles names a worker whose turn it is and who holds one of them today."""

    @app.before_request
    def ask() -> None:
        endpoint = request.endpoint
        if endpoint is not None and endpoint not in PUBLIC and request.method != "OPTIONS":
            g.sender = _sender(parts, roles_of(endpoint))


def sender() -> Sender:
    """Who sent this request."""
    found: Sender = g.sender
    return found


def ask_again(parts: Parts) -> None:
    """Whoever sent this request, and has waited since, may still: by their token and their grants as of now."""
    g.sender = _let_in(parts, _worker(parts), roles_of(request.endpoint or ""))


def _sender(parts: Parts, roles: Sequence[str]) -> Sender:
    g.worker = worker = _worker(parts)
    take_turn(parts, worker)  # before anything is asked of the log: a refusal costs a turn too
    return _let_in(parts, worker, roles)


def _let_in(parts: Parts, worker: UUID, roles: Sequence[str]) -> Sender:
    grants = tuple(parts.grants_of(worker, _written()))
    wanted = request.headers.get("X-Forsa-Role")
    if wanted is not None and wanted not in code_list("role").codes:
        raise bad_parameter("X-Forsa-Role", expected=", ".join(roles))
    usable = [each for each in grants if each.role in roles and wanted in (None, each.role)]
    if not usable:
        raise _not_your_role(roles)
    return Sender(worker, tuple(sorted(usable, key=lambda each: roles.index(each.role))), grants)


def _written() -> int:
    """The position the sender has written to, as `at_least` says: what it changed in their access counts already."""
    text = request.args.get("at_least", "")
    return int(text) if POSITION.fullmatch(text) else 0


def _worker(parts: Parts) -> UUID:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip(" ")  # RFC 9110 §11.4 knows no other space here; what else is sent belongs to the token
    login = parts.verify(token) if scheme.lower() == "bearer" and token else None
    if login is None:
        raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer realm="forsa"'})
    worker = parts.worker_of(login.issuer, login.subject, _written())
    if worker is None:
        raise Problem("login-not-bound")
    return worker


def _not_your_role(roles: Sequence[str]) -> Problem:
    return Problem("not-your-role", params={"roles": list(roles)}, more={"roles": list(roles)})

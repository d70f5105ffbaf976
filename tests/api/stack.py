"""The API over the real store: real PostgreSQL, real keys, real tokens, and a small world to act in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from flask import Flask
from werkzeug.test import TestResponse

from api.app import create_app
from domain.casebook import Append, Claim, NewEvent
from domain.centre import ApproveTrades, OpenCentre
from domain.convention import Party, SeasonTarget, SignConvention
from domain.event import By, Event
from domain.kind import Command, ReasonGiven
from domain.organisation import AccessGranted, LocalName, OrganisationRegistered
from domain.sealed import clear
from domain.worker import Login, LoginBound, WorkerPerson, WorkerRecorded, login_value
from runtime.settings import DEVELOPMENT_ISSUER, Settings
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa, api_parts, compose

NOW: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
ROLES: Final = (
    "caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "ministry", "auditor",
    "en_agent", "accountant", "data_protection_officer", "operator", "partner",
)  # fmt: skip
ORGANISATIONS: Final = {
    "association": "association",
    "directorate": "provincial_directorate",
    "academy": "aref",
    "ministry": "ministry",
    "delegation": "en_delegation",
}
ORGANISATION_OF: Final = {
    "provincial_directorate": "directorate",
    "aref": "academy",
    "ministry": "ministry",
    "operator": "ministry",
    "auditor": "ministry",
    "en_agent": "delegation",
    "partner": "delegation",
}


def ident(name: str) -> UUID:
    """A fixed id for a name."""
    return uuid5(UUID("8a0f3a52-6a4e-4a59-9c1c-3f9f6f2f1d10"), name)


def worker(role: str) -> UUID:
    """The worker who holds this role."""
    return ident(f"worker {role}")


class Api:
    """A client that speaks for a worker of each role."""

    def __init__(self, forsa: Forsa, issuer: DevelopmentIssuer) -> None:
        """The world stands in the log already."""
        self.forsa = forsa
        now = int(time.time())
        self.issued_at = now
        self.tokens = {role: issuer.issue(role, now) for role in (*ROLES, "nobody")}
        self.parts = api_parts(forsa, issuer.verifier())
        self.app: Flask = create_app(self.parts)
        self._keys = itertools.count(1)

    def headers(self, role: str | None, **more: str) -> dict[str, str]:
        """Headers of a request by a worker of this role; `If_Match` stands for If-Match."""
        said = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return {**said, **{name.replace("_", "-"): value for name, value in more.items()}}

    def get(self, path: str, role: str | None = "caseworker", **headers: str) -> TestResponse:
        """The answer to a GET."""
        return self.app.test_client().get(path, headers=self.headers(role, **headers))

    def post(
        self, path: str, body: Any = None, role: str | None = "caseworker", key: str | None = None, **headers: str
    ) -> TestResponse:
        """The answer to a POST of JSON, under a key of its own unless one is given."""
        said = self.headers(role, Idempotency_Key=key or f"key-{next(self._keys)}", **headers)
        return self.app.test_client().post(path, json={} if body is None else body, headers=said)

    def post_raw(self, path: str, body: bytes, role: str | None = "caseworker", **headers: str) -> TestResponse:
        """The answer to a POST of these bytes; `Content_Type` is JSON unless given."""
        said = {"Content_Type": "application/json", "Idempotency_Key": f"key-{next(self._keys)}", **headers}
        return self.app.test_client().post(path, data=body, headers=self.headers(role, **said))

    def done(self, path: str, body: Any = None, role: str = "caseworker", **headers: str) -> dict[str, Any]:
        """The answer to a POST that must record something."""
        response = self.post(path, body, role, **headers)
        assert response.status_code == 201, response.get_data(as_text=True)
        return dict(response.get_json())

    def position(self) -> int:
        """Position of the log's last event."""
        return self.forsa.event_log.max_position()

    def version(self, stream: UUID) -> int:
        """Version of a stream's last event."""
        return self.forsa.event_log.load([stream])[stream].version

    @contextmanager
    def nothing_recorded(self) -> Iterator[None]:
        """The log has not moved when the block is over."""
        before = self.position()
        yield
        assert self.position() == before, "something was recorded"


SYSTEM: Final = By(actor=ident("system"), role="operator", org=ident("ministry"), src="import")
DAY: Final = date(2026, 9, 1)
LATE: Final = ReasonGiven("paper_arrived_late")
CENTRE, CONVENTION = ident("centre"), ident("convention")


def settings_of(web_dsn: str, keys_dsn: str, token_key: Path) -> Settings:
    """The settings of a web process on these databases."""
    return Settings(
        database_url=web_dsn,
        keys_database_url=keys_dsn,
        projector_database_url="",
        owner_database_url="",
        master_key=bytes(32),
        token_key_file=str(token_key),
        token_issuer=DEVELOPMENT_ISSUER,
        token_audience="forsa",
        token_jwks_file="",
        token_jwks_url="",
        host="127.0.0.1",
        port=8000,
        log_format="json",
        pool_size=8,
    )


def composed(web_dsn: str, keys_dsn: str, token_key: Path) -> Forsa:
    """Forsa at a fixed moment, with the world in its log."""
    forsa = compose(settings_of(web_dsn, keys_dsn, token_key), now=lambda: NOW)
    events = [NewEvent(stream, version, event) for stream, version, event in world()]
    taken: list[tuple[Claim, UUID]] = [
        (forsa.event_log.digest("login", login_value(DEVELOPMENT_ISSUER, role)), worker(role)) for role in ROLES
    ]
    forsa.event_log.append(Append(tuple(events), taken=tuple(taken)))
    for role, command in acts():
        forsa.casebook.execute(command, msgspec.structs.replace(SYSTEM, role=role))
    return forsa


def world() -> Iterator[tuple[UUID, int, Event]]:
    """Organisations, and a worker a role with login and grant."""
    grants: dict[str, list[AccessGranted]] = {}
    for role in ROLES:
        organisation = ORGANISATION_OF.get(role, "association")
        grants.setdefault(organisation, []).append(_grant(role, role))
        yield from _worker(role, organisation)
    grants["association"].append(_grant("coordinator", "educator"))  # one who holds two roles
    for name, kind in ORGANISATIONS.items():
        registered = OrganisationRegistered(on=DAY, by=SYSTEM, kind=kind, name=LocalName(fr=name))
        for version, event in enumerate([registered, *grants.get(name, [])], 1):
            yield ident(name), version, event


def _said(event_class: type[Event], **fields: Any) -> Event:
    return event_class(on=DAY, by=SYSTEM, **fields)


def _grant(holder: str, role: str) -> AccessGranted:
    return AccessGranted(on=DAY, by=SYSTEM, grant=ident(f"{holder} {role}"), subject=worker(holder), role=role,
                         scope="national", scope_id="", purpose="duty", valid_from=DAY)  # fmt: skip


def _worker(role: str, organisation: str) -> Iterator[tuple[UUID, int, Event]]:
    person = clear(WorkerPerson(f"عامل {role}"))
    yield worker(role), 1, _said(WorkerRecorded, person=person, organisation=ident(organisation), function="other")
    login = clear(Login(DEVELOPMENT_ISSUER, role))
    yield worker(role), 2, _said(LoginBound, issuer=DEVELOPMENT_ISSUER, login=login)


def acts() -> Iterator[tuple[str, Command]]:
    """(role, command): a centre with a trade and a convention."""
    yield (
        "aref",
        OpenCentre(
            centre=CENTRE,
            name=LocalName(ar="مركز"),
            operator=ident("association"),
            places=40,
            commune="Béni Makada",
            province="TNG",
            on=DAY,
            why=LATE,
        ),
    )
    yield "aref", ApproveTrades(centre=CENTRE, season=2026, trades=["COU"], on=DAY, why=LATE)
    yield (
        "aref",
        SignConvention(
            convention=CONVENTION,
            kind="funding",
            number="2026/TNG/07",
            level="provincial",
            parties=[Party(ident("ministry"), "funder"), Party(ident("association"), "operator")],
            centres=[CENTRE],
            seasons=[SeasonTarget(2026, 40, 16_000_000)],
            age_min=13,
            age_max=20,
            starts_on=DAY,
            ends_on=date(2027, 8, 31),
            on=DAY,
            why=LATE,
        ),
    )


IDENTITY: Final[Mapping[str, Any]] = {
    "names": [{"given": "أمينة", "family": "الإدريسي"}],
    "sex": "f",
    "birth_date": "2010-05-03",
}
IDENTIFICATION: Final[Mapping[str, Any]] = {**IDENTITY, "province": "TNG", "source": "self"}
ENROLMENT: Final[Mapping[str, Any]] = {
    "centre": str(CENTRE),
    "convention": str(CONVENTION),
    "level": "level_2",
    "trade": "COU",
    "residence": "urban",
    "last_level": "2AC",
    "school_status": "dropped_out",
    "starts_on": "2026-11-02",
    "without": [
        {"step": "assessment", "why": "urgent_intake"},
        {"step": "orientation", "why": "urgent_intake"},
    ],
}


def identified(api: Api, **fields: Any) -> str:
    """A learner's id, once identified."""
    return str(api.done("/v1/learners", {**IDENTIFICATION, **fields})["ids"]["learner"])


def enrolled(api: Api, learner: str) -> str:
    """The enrolment's id, once the learner is enrolled from 2 November 2026."""
    said = {**ENROLMENT, "on": "2026-11-02"}
    return str(api.done(f"/v1/learners/{learner}/enrolments", said)["ids"]["enrolment"])


def group_of(api: Api, capacity: int = 20) -> str:
    """The id of an open workshop."""
    said = {"centre": str(CENTRE), "season": 2026, "group_kind": "workshop", "trade": "COU", "capacity": capacity}
    return str(api.done("/v1/groups", said, "coordinator")["ids"]["group"])


def seated(api: Api, group: str) -> tuple[str, str]:
    """A learner and the enrolment that holds a seat of the group since 2 November 2026."""
    learner = identified(api)
    enrolment = enrolled(api, learner)
    said = {"enrolment": enrolment, "group": group, "on": "2026-11-02"}
    api.done(f"/v1/learners/{learner}/group-memberships", said)
    return learner, enrolment

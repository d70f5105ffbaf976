"""Workers: educators, caseworkers, coordinators, inspectors, jury; partners' and systems' own subjects too."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec

from domain.codes import refuse_unknown
from domain.errors import in_future, refuse_if
from domain.event import NIL, Event
from domain.kind import Act, Changes, ClaimSource, Command, CommandSpec, Kind, State, evolve_by
from domain.sealed import Personal, Sealed, SealedFact, clear, fact_of


class WorkerPerson(Personal, frozen=True):
    """Who a worker is. Family `worker`."""

    FAMILY: ClassVar[str] = "worker"
    name: str
    identifier: str | None = None
    phone: str | None = None


class Login(Personal, frozen=True):
    """The subject an issuer knows a worker by: often an e-mail address, so sealed."""

    FAMILY: ClassVar[str] = "worker"
    issuer: str
    subject: str


class WorkerRecorded(Event, frozen=True, kw_only=True, tag="worker.recorded"):
    """A worker, partner or system is known by its stream id."""

    person: Sealed[WorkerPerson]
    organisation: UUID
    function: str  # worker_function


class LoginBound(Event, frozen=True, kw_only=True, tag="worker.login-bound"):
    """The login of an issuer is this worker's. Claimed: one login, one worker."""

    issuer: str
    login: Sealed[Login]


class WorkerLeft(Event, frozen=True, kw_only=True, tag="worker.left"):
    """The worker left: no login is theirs any more, and no access is. Who returns is recorded anew."""

    left_on: date  # the last day


class Worker(State, frozen=True, kw_only=True):
    """A worker: organisation, function, logins by issuer."""

    organisation: UUID = NIL
    function: str = ""
    logins: dict[str, SealedFact[Login]] = {}
    left_on: date | None = None


def _recorded(state: Worker, event: WorkerRecorded, _version: int) -> Worker:
    return msgspec.structs.replace(state, organisation=event.organisation, function=event.function)


def _bound(state: Worker, event: LoginBound, version: int) -> Worker:
    fact = fact_of(event, "login", version)
    return msgspec.structs.replace(state, logins={**state.logins, event.issuer: fact})


def _left(state: Worker, event: WorkerLeft, _version: int) -> Worker:
    return msgspec.structs.replace(state, logins={}, left_on=event.left_on)


def login_value(issuer: str, subject: str) -> str:
    """What is claimed for a login: issuer and subject, joined by a NUL, which no issuer holds."""
    return f"{issuer}\0{subject}"


def claims_of(worker: Worker) -> list[ClaimSource]:
    """One login belongs to one worker."""
    return [
        ClaimSource(kind="login", fact=fact, values_in=lambda login: [login_value(login.issuer, login.subject)])
        for fact in worker.logins.values()
    ]


class RecordWorker(Command, frozen=True, kw_only=True):
    """Make a worker known."""

    worker: UUID
    name: str
    identifier: str | None = None
    phone: str | None = None
    organisation: UUID
    function: str


class BindLogin(Command, frozen=True, kw_only=True):
    """Bind a login of an issuer to a worker."""

    worker: UUID
    issuer: str
    subject: str


class RecordLeaving(Command, frozen=True, kw_only=True):
    """Say that a worker left, with the last day."""

    worker: UUID
    left_on: date | None = None

    def occurred_on(self) -> date | None:
        """The last day, unless another business date is given."""
        return self.on or self.left_on

    def earliest_date(self) -> date | None:
        """The last day."""
        return self.left_on or self.on


def record_worker(command: RecordWorker, act: Act) -> Changes:
    """The worker is known. Refuses UnknownCode."""
    refuse_if(refuse_unknown("worker_function", command.function, "/function", act.on))
    person = WorkerPerson(command.name, command.identifier, command.phone)
    event = act.event(WorkerRecorded, command, person=clear(person))
    return [(command.worker, event)]


def bind_login(command: BindLogin, act: Act) -> Changes:
    """The login is this worker's from now on; an earlier login of that issuer is no longer. Refuses login-in-use."""
    login = clear(Login(command.issuer, command.subject))
    event = act.event(LoginBound, command, login=login)
    return [(command.worker, event)]


def record_leaving(command: RecordLeaving, act: Act, *, worker: Worker) -> Changes:
    """The worker left: their logins are free, no access is theirs. The same day again changes nothing.

    Refuses OccurredInFuture.
    """
    left_on = command.left_on or act.on
    if worker.left_on == left_on:
        return []
    refuse_if(in_future(left_on, "/left_on", act.today))
    return [(command.worker, act.event(WorkerLeft, command, left_on=left_on))]


def _status_of(worker: Worker) -> str:
    if not worker.version:
        return "unknown"
    return "departed" if worker.left_on else "recorded"


KIND = Kind(
    name="worker",
    plural="workers",
    empty=Worker(),
    first=WorkerRecorded,
    evolve=evolve_by({WorkerRecorded: _recorded, LoginBound: _bound, WorkerLeft: _left}),
    events=(WorkerRecorded, LoginBound, WorkerLeft),
    status_of=_status_of,
    life_cycle={
        "unknown": frozenset({"record-worker"}),
        "recorded": frozenset({"bind-login", "record-leaving"}),
        "departed": frozenset({"record-leaving"}),  # another last day
    },
    claims_of=claims_of,
)

COMMANDS = (
    CommandSpec(
        command=RecordWorker,
        decide=record_worker,
        kind="worker",
        stream="worker",
        roles=("coordinator", "ministry", "operator"),
        reads=lambda command, _seen: {"organisation": ("organisation", command.organisation)},
    ),
    CommandSpec(
        command=BindLogin, decide=bind_login, kind="worker", stream="worker", noun="logins", roles=("operator",)
    ),
    CommandSpec(
        command=RecordLeaving,
        decide=record_leaving,
        kind="worker",
        stream="worker",
        noun="leavings",
        roles=("coordinator", "ministry", "operator"),
    ),
)

"""Clients that retry: each tells learners' paths over HTTP and keeps what was acknowledged.

A command has an Idempotency-Key, the same at every attempt, and a correlation id that its events carry in the log: by
it an event is told apart even where the key was never stored. A client goes on only when it has an answer.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from bench.prove.running import Running
from bench.prove.world import CENTRE_ID, CONVENTION_ID
from domain.values import monday_of, season_of, today_in_casablanca
from runtime.demo.people import LEARNERS
from runtime.wiring import utc_now

ANSWER_SECONDS: Final = 5.0  # of one attempt
PAUSES_SECONDS: Final = (0.02, 0.05, 0.1, 0.2)  # before the next attempts; the last one again and again
AGAIN: Final = frozenset({429, 500, 502, 503, 504})
DONE: Final = frozenset({200, 201})
TRADE: Final = "CUI"  # what the world's workshops teach
DAYS: Final = (0, 2)  # of a week on which a session is held

Place: TypeAlias = tuple[int, UUID, int, str]  # position, stream, version, tag


class Acknowledged(msgspec.Struct, frozen=True):
    """A command that a client was told is recorded."""

    key: UUID
    correlation: UUID
    began_at: float  # of the attempt that was answered, on time.monotonic's scale
    attempts: int
    events: tuple[Place, ...]

    @property
    def position(self) -> int:
        """Of its last event."""
        return self.events[-1][0]


class Ledger:
    """What the clients of one load were told. Thread-safe: lists are only added to."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.acknowledged: list[Acknowledged] = []
        self.refused: list[str] = []  # path, status and code of refusals; a path told in order meets none
        self.given_up: dict[UUID, UUID] = {}  # correlation → key: no answer came, so the outcome is not known
        self.answers: Counter[int] = Counter()  # by status; 0: the connection was lost

    def has_grown_to(self, count: int) -> bool:
        """Whether so many commands were acknowledged."""
        return len(self.acknowledged) >= count

    def first_after(self, count: int, moment: float) -> Acknowledged | None:
        """The first one beyond the first `count` whose answered attempt began after this moment."""
        return next((each for each in self.acknowledged[count:] if each.began_at > moment), None)


class Refused(Exception):
    """The server refused a command, or no answer came in time: this path ends here."""


Told: TypeAlias = dict[str, Any]


class Client(threading.Thread):
    """One client: one connection, one command at a time."""

    def __init__(self, load: Load, number: int) -> None:
        """Its chance is its own, so that a run's commands follow from the seed."""
        super().__init__(name=f"client {number}", daemon=True)
        self._load = load
        self.chance = random.Random(f"{load.seed}/{number}")
        self._connection: http.client.HTTPConnection | None = None
        self._versions: dict[str, int] = {}
        self.sheets = 0  # told so far

    def run(self) -> None:
        """Paths are told, one after the other, until the load stops."""
        while not self._load.stopping.is_set():
            try:
                for _ in self._load.story(self):
                    if self._load.stopping.wait(self.chance.uniform(0, 2 * self._load.pause_seconds)):
                        break
            except Refused:
                continue
        if self._connection is not None:
            self._connection.close()

    def post(self, role: str, path: str, said: Mapping[str, Any], *, replaces: str = "") -> Told:
        """The ids that the command answered with, once it was acknowledged. replaces: the stream whose version is sent.

        Raises Refused.
        """
        key, correlation = (UUID(int=self.chance.getrandbits(128), version=4) for _ in range(2))
        headers = self._headers(role, key, correlation)
        if replaces:
            headers["If-Match"] = f'"{self._versions[replaces]}"'
        body, end = json.dumps(said).encode(), time.monotonic() + self._load.patience_seconds
        attempts = 0
        while time.monotonic() < end:
            began_at = time.monotonic()
            status, answer = self._attempt(path, body, headers)
            self._load.ledger.answers[status] += 1
            attempts += 1
            if status in DONE:
                return self._acknowledged(Acknowledged(key, correlation, began_at, attempts, ()), answer)
            if status and status not in AGAIN:
                self._load.ledger.refused.append(f"{path} {status} {answer.get('code', '')}")
                raise Refused
            time.sleep(PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1])
        self._load.ledger.given_up[correlation] = key
        raise Refused

    def _headers(self, role: str, key: UUID, correlation: UUID) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._load.tokens[role]}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(key),
            "X-Correlation-Id": str(correlation),
        }

    def _attempt(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Told]:
        """Status and answer; 0 where the connection was refused, lost or silent."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._load.port, timeout=ANSWER_SECONDS)
        try:
            self._connection.request("POST", path, body, dict(headers))
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0, {}
        return response.status, json.loads(text) if text.startswith(b"{") else {}

    def _acknowledged(self, known: Acknowledged, answer: Told) -> Told:
        first = (answer["position"] or 0) - len(answer["events"]) + 1
        places = tuple(
            (first + at, UUID(each["stream"]), each["version"], each["tag"]) for at, each in enumerate(answer["events"])
        )
        if places:
            self._load.ledger.acknowledged.append(msgspec.structs.replace(known, events=places))
        self._versions.update((each["stream"], each["version"]) for each in answer["events"])
        return dict(answer["ids"])


Story: TypeAlias = Callable[[Client], Iterator[None]]


class Load:
    """Several clients at once against one Forsa, until they are stopped."""

    def __init__(
        self,
        running: Running,
        story: Story,
        *,
        seed: int,
        clients: int,
        pause_seconds: float,
        patience_seconds: float,
    ) -> None:
        """pause_seconds: mean think time of a client; patience_seconds: how long one command is tried."""
        self.tokens, self.port = running.copy.tokens, running.port
        self.story, self.seed = story, seed
        self.pause_seconds, self.patience_seconds = pause_seconds, patience_seconds
        self.ledger = Ledger()
        self.stopping = threading.Event()
        self._clients = [Client(self, number) for number in range(clients)]

    def start(self) -> None:
        """The clients are at work."""
        for client in self._clients:
            client.start()

    def is_over(self) -> bool:
        """No client is at work: each had the answer to its last command, or gave it up."""
        return not any(client.is_alive() for client in self._clients)

    def has_corrected(self) -> bool:
        """Every client is past its first sheet."""
        return all(client.sheets > 1 for client in self._clients)

    @contextmanager
    def under_way(self) -> Iterator[Ledger]:
        """The clients are at work inside the block; afterwards they end by themselves (`is_over`)."""
        self.start()
        try:
            yield self.ledger
        finally:
            self.stopping.set()


# ── what the clients tell ────────────────────────────────────────────────────────────────────────────────────────────


def first_week() -> date:
    """The Monday three weeks before the last whole week: recent enough to need no reason (rule 46)."""
    return monday_of(today_in_casablanca(utc_now()) - timedelta(days=7)) - timedelta(days=14)


def identify(client: Client) -> Iterator[None]:
    """Learners are identified, and no more: every command makes a key."""
    while True:
        _identified(client)
        yield


def correct_sheets(client: Client) -> Iterator[None]:
    """A group of one, then corrections of one sheet without end: nothing in them is sealed."""
    group, learners = yield from _group_with_learners(client, 1)
    week = first_week()
    yield from _sheets(client, group, learners, week)
    while True:
        _sheet(client, group, learners, week, correct=True)
        yield


def whole_paths(client: Client) -> Iterator[None]:
    """A group of three from identification to three weeks of attendance, corrected here and there."""
    group, learners = yield from _group_with_learners(client, 3)
    for number in range(3):
        week = first_week() + timedelta(days=7 * number)
        yield from _sheets(client, group, learners, week)
        for _ in range(client.chance.randrange(3)):
            _sheet(client, group, learners, week, correct=True)
            yield


def _identified(client: Client) -> tuple[str, dict[str, Any]]:
    person = client.chance.choice(LEARNERS)
    identity = {
        "names": [{"given": person.given_ar, "family": person.family_ar}, {"given": person.given}],
        "sex": person.sex,
        "birth_date": f"{first_week().year - 16}-03-{client.chance.randrange(1, 29):02}",
    }
    said = {**identity, "province": "CAS", "source": "self", "on": str(first_week())}
    return str(client.post("caseworker", "/v1/learners", said)["learner"]), identity


def _group_with_learners(client: Client, count: int) -> Generator[None, None, tuple[str, list[str]]]:
    on = str(first_week())
    said: Told = {"centre": str(CENTRE_ID), "season": season_of(first_week()), "group_kind": "workshop",
                  "level": "vocational", "trade": TRADE, "capacity": 12, "on": on}  # fmt: skip
    group = str(client.post("coordinator", "/v1/groups", said)["group"])
    yield
    slots = [{"weekday": day + 1, "starts": 510, "minutes": 180, "component": "workshop"} for day in DAYS]
    client.post("coordinator", f"/v1/groups/{group}/timetables", {"slots": slots, "starts_on": on}, replaces=group)
    yield
    learners: list[str] = []
    while len(learners) < count:
        learners.append((yield from _admitted(client, group)))
    return group, learners


def _admitted(client: Client, group: str) -> Generator[None, None, str]:
    """A learner who sits in the group, with the identity corrected and verified on the way."""
    on = {"on": str(first_week())}
    learner, identity = _identified(client)
    path = f"/v1/learners/{learner}"
    yield
    said = {**identity, "phone": f"+2126{client.chance.randrange(10**8):08}", **on}
    client.post("caseworker", f"{path}/identities", said, replaces=learner)
    yield
    client.post("caseworker", f"{path}/identity-verifications", {"document_type": "birth_certificate", **on})
    yield
    said = {"convention": str(CONVENTION_ID), "school_status": "dropped_out", **on}
    client.post("caseworker", f"{path}/eligibility-assessments", said)
    yield
    client.post("caseworker", f"{path}/orientations", {"level": "level_2", "trades": [TRADE], **on})
    yield
    said = {"centre": str(CENTRE_ID), "convention": str(CONVENTION_ID), "level": "level_2", "trade": TRADE,
            "residence": "urban", "last_level": "2AC", "school_status": "dropped_out",
            "starts_on": str(first_week()), **on}  # fmt: skip
    enrolment = client.post("caseworker", f"{path}/enrolments", said)["enrolment"]
    yield
    client.post("coordinator", f"{path}/group-memberships", {"enrolment": enrolment, "group": group, **on})
    yield
    return learner


def _sheets(client: Client, group: str, learners: list[str], week: date) -> Iterator[None]:
    """The week's sessions and its first sheet."""
    days = [str(week + timedelta(days=day)) for day in DAYS]
    sessions = [{"date": day, "component": "workshop", "minutes": 180} for day in days]
    client.post("educator", f"/v1/groups/{group}/held-sessions", {"week": str(week), "sessions": sessions})
    yield
    _sheet(client, group, learners, week)
    yield


def _sheet(client: Client, group: str, learners: list[str], week: date, *, correct: bool = False) -> None:
    """A sheet in which somebody's day differs from the one before, so that it always records something."""
    client.sheets += 1
    days = [str(week + timedelta(days=day)) for day in DAYS]
    status = "late" if client.sheets % 2 else "present"
    marks = [{"date": day, "status": status, "minutes": client.sheets % 180} for day in days]
    rows = [{"learner": learner, "days": marks} for learner in learners]
    said = {"week": str(week), "component": "workshop", "rows": rows, "correct": correct}
    client.post("educator", f"/v1/groups/{group}/attendance", said)

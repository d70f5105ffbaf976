"""given(history).when(command, by=…).then(events): the real casebook over streams in memory.

    given(*ORIENTED).when(ENROL_LEARNER, by=CASEWORKER).then((AMINA, LEARNER_ENROLLED))
    given(*ENROLLED).when(ENROL_LEARNER, by=CASEWORKER).refused(AlreadyEnrolled)

Fixed time, ids and nonce. `today` is the day of the last event given, or of the command where that is later, unless
said otherwise. For the pure domain only: the store has its own tests on PostgreSQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import msgspec

from domain.casebook import (
    Answer,
    Append,
    Appended,
    Casebook,
    Claim,
    CommandKey,
    CommandRow,
    NewEvent,
    Stream,
)
from domain.errors import ClaimTaken, CommandKnown, Conflict, Refused, RuleBroken, StaleVersion
from domain.event import By, Event
from domain.kind import Command
from domain.sealed import ERASED, Clear, Erased
from domain.streams import KINDS, kind_of_stream
from tests.examples.path import NONCE
from tests.examples.places import START, History

RECORDED_AT = datetime(2026, 9, 1, 9, tzinfo=UTC)


class MemoryStreams:
    """`domain.casebook.Streams` in dictionaries: the same checks and errors as the store, in the same order."""

    def __init__(self) -> None:
        self.log: list[NewEvent] = []
        self.events: dict[UUID, tuple[Event, ...]] = {}
        self.claims: dict[Claim, UUID] = {}
        self.commands: dict[tuple[UUID, bytes], CommandRow] = {}
        self.appends: list[Append] = []
        self.salt = ""  # of the claims' digests, for scenarios whose appends meet in one log
        self.before_append: Callable[[], object] | None = None  # a race: what another writer does just before
        self.before_load: Callable[[], object] | None = None

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        """These streams, as of a position."""
        if self.before_load is not None:
            waiting, self.before_load = self.before_load, None
            waiting()
        if upto is None:
            return {each: Stream(each, self.events.get(each, ())) for each in ids}
        return {each: Stream(each, tuple(new.event for new in self.log[:upto] if new.stream == each)) for each in ids}

    def record(self, events: Iterable[NewEvent]) -> None:
        """These stand at the end of the log."""
        for new in events:
            self.log.append(new)
            self.events[new.stream] = (*self.events.get(new.stream, ()), new.event)

    def append(self, append: Append) -> Appended:
        """All of it, or nothing."""
        if self.before_append is not None:
            self.before_append()
        self._refuse(append)
        first = len(self.log) + 1
        self.record(append.events)
        self.claims = {claim: holder for claim, holder in self.claims.items() if (claim, holder) not in append.freed}
        self.claims.update(append.taken)
        self.appends.append(append)
        if append.command is not None:
            row = CommandRow(append.command, append.status, first, len(self.log), RECORDED_AT)
            self.commands[append.command.subject, append.command.id] = row
        return Appended(first, len(self.log), RECORDED_AT)

    def _refuse(self, append: Append) -> None:
        if append.command is not None and self.find_command(append.command.subject, append.command.id):
            raise CommandKnown
        versions = {stream: held.version for stream, held in self.load([each.stream for each in append.events]).items()}
        for new in append.events:
            if new.version != versions[new.stream] + 1:
                raise StaleVersion(new.stream, new.version - 1, versions[new.stream])
            versions[new.stream] = new.version
        for stream, version in append.guards:
            if self.load([stream])[stream].version != version:
                raise Conflict(str(stream))
        for claim, holder in append.freed:
            assert self.claims.get(claim) == holder, "a claim is freed by the stream that holds it"
        for claim, holder in append.taken:
            if self.claims.get(claim, holder) != holder:
                raise ClaimTaken(claim.kind, self.claims[claim])

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        """The row of this command id."""
        return self.commands.get((subject, command_id))

    def find_claim(self, claim: Claim) -> UUID | None:
        """Who holds this claim."""
        return self.claims.get(claim)

    def digest(self, kind: str, value: str) -> Claim:
        """A claim of a clear value."""
        return Claim(kind, hashlib.sha256(f"{self.salt}{kind}\0{value}".encode()).digest())


class ClearKeyring:
    """Opens values that were never sealed; those of `erased` (stream, family) are ERASED."""

    def __init__(self) -> None:
        self.erased: set[tuple[UUID, str]] = set()
        self.generations: dict[tuple[UUID, str], int] = {}

    def open(self, stream: UUID, fact: Any) -> Any | Erased:
        """The clear value."""
        assert isinstance(fact.sealed, Clear)
        return ERASED if (stream, fact.field.of.FAMILY) in self.erased else fact.sealed.value

    def open_many(self, wanted: Sequence[tuple[UUID, Any]]) -> list[Any]:
        """The clear values in their order."""
        return [self.open(stream, fact) for stream, fact in wanted]

    def prepare(self, wanted: Sequence[tuple[UUID, str]]) -> None:
        """Nothing needs a key."""

    def open_generation(self, stream: UUID, family: str, generation: int) -> None:
        """Nothing needs a key; noted."""
        self.generations[stream, family] = generation


class Scenario:
    """A history, and a casebook over it."""

    def __init__(self, history: History) -> None:
        self.streams, self.keyring = MemoryStreams(), ClearKeyring()
        self.today = max((event.on for _, event in history), default=START)
        self.nonces: Iterator[UUID] = iter([NONCE])
        self.casebook = Casebook(self.streams, self.keyring, now=self._now, nonce=self._nonce)
        self._record(history)

    def _now(self) -> datetime:
        return datetime.combine(self.today, time(12), UTC)

    def _nonce(self) -> UUID:
        return next(self.nonces, NONCE)

    def _record(self, history: History) -> None:
        """The history stands in the streams, with the claims it adds up to."""
        states: dict[UUID, Any] = {}
        for stream, event in history:
            kind = KINDS[_name(states, stream, event)]
            state = states.get(stream, kind.empty)
            self.streams.record([NewEvent(stream, state.version + 1, event)])
            states[stream] = kind.evolve(state, event, state.version + 1)
        for stream, state in states.items():
            sources = KINDS[_name_of_state(state)].claims_of(state)
            for value in self.casebook._values(stream, sources):
                self.streams.claims[self.streams.digest(*value)] = stream

    def erased(self, stream: UUID, family: str) -> Scenario:
        """That family's key of that stream was destroyed."""
        self.keyring.erased.add((stream, family))
        return self

    def when(
        self,
        command: Command,
        *,
        by: By,
        today: date | None = None,
        key: CommandKey | None = None,
        expected_version: int | None = None,
    ) -> Outcome:
        """The command is sent on that day; what came of it."""
        self.today = today or max(self.today, command.occurred_on() or self.today)
        before = (tuple(self.streams.log), dict(self.streams.claims), dict(self.streams.commands))
        try:
            answer = self.casebook.execute(command, by, key=key, expected_version=expected_version)
        except Refused as refused:
            assert before == (tuple(self.streams.log), self.streams.claims, self.streams.commands), (
                "refused, yet stored"
            )
            return Outcome(self, Answer(), refused.broken)
        return Outcome(self, answer, ())


def _name(states: Mapping[UUID, Any], stream: UUID, event: Event) -> str:
    return _name_of_state(states[stream]) if stream in states else kind_of_stream(event).name


def _name_of_state(state: Any) -> str:
    return next(name for name, kind in KINDS.items() if type(kind.empty) is type(state))


class Outcome:
    """What came of a command; the next one may follow."""

    def __init__(self, scenario: Scenario, answer: Answer, broken: tuple[RuleBroken, ...]) -> None:
        self.scenario, self.answer, self.broken = scenario, answer, broken

    def then(self, *expected: tuple[UUID, Event]) -> Outcome:
        """Exactly these events were recorded, on these streams, in this order."""
        assert not self.broken, f"refused: {self.broken}"
        assert [(new.stream, new.event) for new in self.answer.events] == list(expected)
        return self

    def accepted(self) -> Outcome:
        """Something was recorded; what exactly is another test's sentence."""
        assert not self.broken, f"refused: {self.broken}"
        assert self.answer.events
        return self

    def nothing(self) -> Outcome:
        """Accepted, and nothing had to change."""
        self.then()
        assert self.answer.position is None
        return self

    def refused(self, *expected: type[RuleBroken] | RuleBroken) -> Outcome:
        """Refused for exactly these reasons, in rule order, and nothing was recorded. A class stands for any of it."""
        found = [each if isinstance(want, RuleBroken) else type(each) for each, want in zip(self.broken, expected)]  # noqa: B905  # lengths are compared below
        assert len(self.broken) == len(expected), f"refused: {self.broken}"
        assert found == list(expected)
        rules = [each.RULE for each in self.broken]
        assert rules == sorted(rules)
        return self

    def state(self, kind: str, stream: UUID) -> Any:
        """What the stream now adds up to."""
        return self.scenario.casebook.load(kind, stream).state

    def events(self) -> list[Event]:
        """What was recorded, without the streams."""
        return [new.event for new in self.answer.events]

    def when(self, command: Command, *, by: By, **circumstances: Any) -> Outcome:
        """The next command, on what has happened so far."""
        return self.scenario.when(command, by=by, **circumstances)


def replaced_at(struct: Any, path: tuple[str, ...], value: object) -> Any:
    """A copy of the struct with this value at the end of the path."""
    inner = replaced_at(getattr(struct, path[0]), path[1:], value) if path[1:] else value
    return msgspec.structs.replace(struct, **{path[0]: inner})


def given(*history: tuple[UUID, Event]) -> Scenario:
    """This happened before: pairs of stream id and event, in order."""
    return Scenario(history)

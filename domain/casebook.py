"""load → decide → append: the only door to the streams.

The casebook knows no database: it is typed against `Streams` and `Keyring`. One command is one append: every stream
the decision read and did not write is guarded, claims move with the state that holds them, and the command's row makes
a retry harmless.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from domain.codes import refuse_unknown
from domain.errors import (
    ClaimTaken,
    CommandKnown,
    Conflict,
    FamilyClosed,
    KeysDestroyed,
    NotAllowedNow,
    OccurredInFuture,
    OtherBody,
    ReasonNeeded,
    ReasonTextMisplaced,
    Refused,
    RuleBroken,
    StaleVersion,
    TooMuchAtOnce,
    UnknownStream,
    refuse_if,
)
from domain.event import By, Event, Why
from domain.kind import Act, Changes, ClaimSource, Command, CommandSpec, Kind, Reads
from domain.parameter import NATIONAL
from domain.parameters import Parameters
from domain.sealed import Clear, Erased, Keyring, sealed_at, sealed_fields
from domain.streams import KINDS, REDRAWN, claim_refusal, fold, spec_of
from domain.values import today_in_casablanca


class Stream(msgspec.Struct, frozen=True):
    """A stream as it was loaded: its events in version order (versions are 1, 2, 3, …)."""

    id: UUID
    events: tuple[Event, ...]

    @property
    def version(self) -> int:
        """Version of the last event, 0 for a stream that has none."""
        return len(self.events)


class NewEvent(msgspec.Struct, frozen=True):
    """One event to append, with its place."""

    stream: UUID
    version: int
    event: Event


class CommandKey(msgspec.Struct, frozen=True):
    """What makes a command known again: who sent it, the id they gave it, and a hash of what they sent."""

    subject: UUID  # stream id of the Worker or partner
    id: bytes  # the key's own 16 bytes, or an HMAC of command id and row in bulk
    body: bytes  # HMAC of method, path and raw body


class CommandRow(msgspec.Struct, frozen=True):
    """A command that was stored: enough to render its answer again."""

    key: CommandKey
    status: int
    first_position: int
    last_position: int
    recorded_at: datetime


class Claim(msgspec.Struct, frozen=True):
    """A value only one stream may hold: kind and HMAC of the value."""

    kind: str
    digest: bytes


class Append(msgspec.Struct, frozen=True):
    """Everything that is stored in one transaction, or not at all."""

    events: tuple[NewEvent, ...]
    guards: tuple[tuple[UUID, int], ...] = ()  # (stream, version) that was read and must still be so; 0: no events
    taken: tuple[tuple[Claim, UUID], ...] = ()
    freed: tuple[tuple[Claim, UUID], ...] = ()
    command: CommandKey | None = None
    status: int = 201


class Appended(msgspec.Struct, frozen=True):
    """Where an append stands in the log."""

    first_position: int
    last_position: int
    recorded_at: datetime


class Streams(Protocol):
    """What the casebook needs of the store."""

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        """These streams, as of log position `upto` when given; an unknown id gives an empty stream."""
        ...

    def append(self, append: Append) -> Appended:
        """All of it is stored. Raises StaleVersion, Conflict (a guard), ClaimTaken, CommandKnown; then nothing is."""
        ...

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        """The row of this command id, if it was stored."""
        ...

    def find_claim(self, claim: Claim) -> UUID | None:
        """The stream that holds this claim."""
        ...

    def digest(self, kind: str, value: str) -> Claim:
        """The claim for a clear value: an HMAC with the claims' secret."""
        ...


class Loaded(msgspec.Struct, frozen=True):
    """A stream and what it adds up to."""

    kind: Kind
    stream: Stream
    state: Any


class Consulted(msgspec.Struct, frozen=True):
    """What one attempt read, for whoever must say whether its sender may: `beside` with the JSON pointer of each."""

    spec: CommandSpec
    command: Command
    primary: Loaded
    beside: tuple[tuple[str, Loaded], ...]
    unknown: tuple[UnknownStream, ...] = ()  # what it named and nobody opened: refused after the check


def unknown_streams(unknown: Iterable[UnknownStream]) -> Refused:
    """The refusal that names them all, in the order of their places (`/learners/2` before `/learners/10`)."""
    return Refused(*sorted(unknown, key=lambda each: (len(each.pointer), each.pointer)))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did. `events` is empty when it changed nothing; then `position` is None."""

    events: tuple[NewEvent, ...] = ()
    position: int | None = None
    first_position: int | None = None
    status: int = 201


MOST_EVENTS: Final = 500  # of one append, as the store has it
_WORTH_ANOTHER: Final = (StaleVersion, Conflict, ClaimTaken)


class Casebook:
    """Executes commands: reads what decide needs, decides, appends."""

    ATTEMPTS = 3  # a conflict without If-Match re-loads and re-decides this often

    def __init__(
        self, streams: Streams, keyring: Keyring, *, now: Callable[[], datetime], nonce: Callable[[], UUID]
    ) -> None:
        """now: the aware UTC time; nonce: a fresh random UUID. Both are arguments so that the domain stays pure."""
        self.streams, self.keyring, self.now, self.nonce = streams, keyring, now, nonce

    def load(self, kind: str, stream: UUID, upto: int | None = None) -> Loaded:
        """The stream's state as of a log position. Raises Refused(UnknownStream) when it is not of this kind."""
        loaded = _find_loaded(KINDS[kind], self.streams.load([stream], upto)[stream])
        if loaded is None:
            raise Refused(UnknownStream(kind=kind, id=stream))
        return loaded

    def execute(
        self,
        command: Command,
        by: By,
        *,
        key: CommandKey | None = None,
        expected_version: int | None = None,
        check: Callable[[Consulted], None] | None = None,
    ) -> Answer:
        """The command is decided and stored, once for its key. What `check` raises passes through.

        Raises Refused, StaleVersion (with expected_version), OtherBody, and CommandKnown when the key was stored
        before or by a racing duplicate: the caller renders the answer from the stored row.
        """
        spec = spec_of(command)
        for attempt in range(self.ATTEMPTS):
            is_last = attempt == self.ATTEMPTS - 1
            self._refuse_known(key)
            try:
                answer = self._attempt(spec, command, by, key, expected_version, check)
            except (CommandKnown, Refused, StaleVersion, Conflict, ClaimTaken, FamilyClosed) as refused:
                self._refuse_known(key)  # a duplicate of this very command may be what stands in the way
                if not (isinstance(refused, _WORTH_ANOTHER) and _is_worth_another(refused, expected_version, is_last)):
                    raise _in_words(refused) from refused
            else:
                if not answer.events:
                    self._refuse_known(key)
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _refuse_known(self, key: CommandKey | None) -> None:
        if key is None:
            return
        row = self.streams.find_command(key.subject, key.id)
        if row is not None:
            raise OtherBody if row.key.body != key.body else CommandKnown(row)

    def _attempt(
        self,
        spec: CommandSpec,
        command: Command,
        by: By,
        key: CommandKey | None,
        expected_version: int | None,
        check: Callable[[Consulted], None] | None,
    ) -> Answer:
        reading = Reading(self.streams, spec, command)
        if check is not None:
            check(Consulted(spec, command, reading.primary, tuple(reading.beside), tuple(reading.unknown)))
        if reading.unknown:
            raise unknown_streams(reading.unknown)
        primary = reading.primary
        if expected_version is not None and primary.stream.version != expected_version:
            raise StaleVersion(primary.stream.id, expected_version, primary.stream.version)
        act = self._act(command, by, reading.parameters)
        changes = decide(spec, command, act, primary, reading.arguments, self._opened(spec, command, reading.arguments))
        if not changes:
            return Answer(status=200)
        if len(changes) > MOST_EVENTS:
            raise Refused(TooMuchAtOnce(count=len(changes), most=MOST_EVENTS))
        append = self._append_of(changes, reading, key)
        done = self.streams.append(append)
        return Answer(events=append.events, position=done.last_position, first_position=done.first_position)

    def _act(self, command: Command, by: By, parameters: Parameters) -> Act:
        now = self.now()
        today = today_in_casablanca(now)
        occurred = command.occurred_on() or today
        on = occurred if command.on else min(occurred, today)
        why = command.why.to_why() if command.why else msgspec.UNSET
        return Act(by=by, on=on, today=today, now=now, parameters=parameters, nonce=self.nonce(), why=why)

    def _opened(self, spec: CommandSpec, command: Command, arguments: Mapping[str, Any]) -> dict[str, dict[UUID, Any]]:
        opened: dict[str, dict[UUID, Any]] = {}
        for name, facts_of in spec.opens.items():
            facts = facts_of(command, arguments)
            opened[name] = dict(zip(facts, self.keyring.open_many(list(facts.items())), strict=True))
        return opened

    def _append_of(self, changes: Changes, reading: Reading, key: CommandKey | None) -> Append:
        events: list[NewEvent] = []
        after: dict[UUID, Loaded] = {}
        for stream, decided in changes:
            event = decided if stream == reading.primary.stream.id else _without_text(decided)
            before = after.get(stream) or reading.loaded[stream]
            version = before.state.version + 1
            self._open_for(before, event)
            after[stream] = msgspec.structs.replace(before, state=before.kind.evolve(before.state, event, version))
            events.append(NewEvent(stream, version, event))
        taken, freed = self._claims_moved(reading, after)
        guards = tuple((stream, each.stream.version) for stream, each in reading.loaded.items() if stream not in after)
        return Append(tuple(events), guards, taken, freed, key)

    def _open_for(self, before: Loaded, event: Event) -> None:
        """What the event seals may be sealed: no family of it is closed, and each has the key of its last ground.

        The key of a new ground is opened here, by whoever needs it first: an act that was cut short after the ground
        was stated leaves nothing to repair. Raises Refused(KeysDestroyed).
        """
        closed, generations = before.kind.closed_of(before.state), before.kind.generations_of(before.state)
        if not closed and not generations:
            return
        families = {
            field.of.FAMILY for field in sealed_fields(type(event)) if isinstance(sealed_at(event, field), Clear)
        }
        if refused := sorted(families & closed):
            raise Refused(*(KeysDestroyed(family=family) for family in refused))
        for family in sorted(families & generations.keys()):
            self.keyring.open_generation(before.stream.id, family, generations[family])

    def _claims_moved(
        self, reading: Reading, after: Mapping[UUID, Loaded]
    ) -> tuple[tuple[tuple[Claim, UUID], ...], tuple[tuple[Claim, UUID], ...]]:
        """The claims each stream takes and frees: the difference of its claims before and after."""
        taken: list[tuple[Claim, UUID]] = []
        freed: list[tuple[Claim, UUID]] = []
        for stream, now in after.items():
            old = {source.key: source for source in now.kind.claims_of(reading.loaded[stream].state)}
            new = {source.key: source for source in now.kind.claims_of(now.state)}
            gone = self._values(stream, [source for key, source in old.items() if key not in new])
            come = self._values(stream, [source for key, source in new.items() if key not in old])
            taken += [(self.streams.digest(*value), stream) for value in sorted(come - gone)]
            freed += [(self.streams.digest(*value), stream) for value in sorted(gone - come)]
        return tuple(taken), tuple(freed)

    def _values(self, stream: UUID, sources: Iterable[ClaimSource]) -> set[tuple[str, str]]:
        values: set[tuple[str, str]] = set()
        for source in sources:
            if source.fact is None:
                values.add((source.kind, source.value or ""))
                continue
            opened = self.keyring.open(stream, source.fact)
            if not isinstance(opened, Erased) and source.values_in is not None:
                values.update((source.kind, value) for value in source.values_in(opened))
        return values


def _is_worth_another(
    refused: StaleVersion | Conflict | ClaimTaken, expected_version: int | None, is_last: bool
) -> bool:
    """Whether loading and deciding once more may end otherwise. With If-Match only what was read beside may move."""
    if is_last or (isinstance(refused, StaleVersion) and expected_version is not None):
        return False
    return not isinstance(refused, ClaimTaken) or refused.kind in REDRAWN


def _in_words(refused: Exception) -> Exception:
    """What the store refused, as the rule it stands for."""
    match refused:
        case ClaimTaken():
            return Refused(claim_refusal(refused.kind))
        case FamilyClosed():
            return Refused(KeysDestroyed(family=refused.family))
    return refused


def _without_text(event: Event) -> Event:
    """The event with its reason's code only: a text may speak of the learner the act is about, and of no one else."""
    if event.why is msgspec.UNSET or event.why.text is None:
        return event
    return msgspec.structs.replace(event, why=Why(event.why.code))


class Reading:
    """The streams one attempt reads: the command's own, those its row names, and the national parameters."""

    def __init__(self, streams: Streams, spec: CommandSpec, command: Command) -> None:
        """Everything the row names is loaded, in as many steps as what was read names more to read.

        Raises Refused(UnknownStream) for the command's own stream; of the others `unknown` has every one of a step.
        """
        self._streams, self._spec = streams, spec
        self.loaded: dict[UUID, Loaded] = {}
        self.arguments: dict[str, Any] = {}
        self.beside: list[tuple[str, Loaded]] = []  # all but the command's own stream and the parameters
        self.unknown: list[UnknownStream] = []
        primary = getattr(command, spec.stream)
        wanted: Reads = {spec.stream: (spec.kind, primary)}
        self._read({**wanted, "parameters": ("parameter", NATIONAL)})
        refuse_if(*self.unknown)
        self.primary = self.loaded[primary]
        self.parameters: Parameters = self.arguments.pop("parameters").values
        self.beside.clear()
        while not self.unknown and (wanted := self._wanted(command)):
            self._read(wanted)

    def _wanted(self, command: Command) -> Reads:
        """What the row names now and was not read before."""
        named = self._spec.reads(command, self.arguments)
        return {name: at for name, at in named.items() if name not in self.arguments}

    def _read(self, wanted: Mapping[str, tuple[str, UUID | Iterable[UUID]]]) -> None:
        ids = {name: [at] if isinstance(at, UUID) else list(at) for name, (_, at) in wanted.items()}
        missing = list(dict.fromkeys(i for each in ids.values() for i in each if i not in self.loaded))
        streams = self._streams.load(missing) if missing else {}
        for name, (kind, at) in wanted.items():
            for index, stream in enumerate(ids[name]):
                pointer = f"/{name}" if isinstance(at, UUID) else f"/{name}/{index}"
                held = self.loaded.get(stream) or self._find(name, KINDS[kind], streams[stream])
                if held is None or held.kind is not KINDS[kind]:
                    own = name == self._spec.stream
                    self.unknown.append(UnknownStream(pointer="" if own else pointer, kind=kind, id=stream))
                    continue
                self.loaded[stream] = held
                self.beside.append((pointer, held))
            states = {stream: self.loaded[stream].state for stream in ids[name] if stream in self.loaded}
            self.arguments[name] = states.get(at) if isinstance(at, UUID) else states

    def _find(self, name: str, kind: Kind, stream: Stream) -> Loaded | None:
        if name == self._spec.stream and self._spec.opens_stream and not stream.version:
            return Loaded(kind, stream, kind.empty)
        return _find_loaded(kind, stream)


def _find_loaded(kind: Kind, stream: Stream) -> Loaded | None:
    known = kind.singleton if not stream.version else isinstance(stream.events[0], kind.first)
    return Loaded(kind, stream, fold(kind, stream.events)) if known else None


def decide(
    spec: CommandSpec,
    command: Command,
    act: Act,
    primary: Loaded,
    arguments: Mapping[str, Any],
    opened: Mapping[str, Mapping[UUID, Any]],
) -> Changes:
    """What the command does, or Refused with every rule that holds: those of the act itself and its own.

    An act that changes nothing has nothing to give a reason for: what was sent before may be sent again at any time.
    """
    status = primary.kind.status_of(primary.state)
    allowed = primary.kind.life_cycle[status]
    if spec.name not in allowed:
        raise Refused(NotAllowedNow(status=status, allowed=sorted(allowed)))
    broken = broken_by_act(spec, command, act)
    try:
        changes = spec.decide(command, act, **_asked_for(spec, {**arguments, **opened}))
    except Refused as refused:
        raise Refused(*broken, *refused.broken) from None
    if broken and changes:
        raise Refused(*broken)
    return changes


def _asked_for(spec: CommandSpec, known: Mapping[str, Any]) -> dict[str, Any]:
    """Decide is given what its signature names; the rest was read to be guarded."""
    return {name: known[name] for name in _parameters_of(spec.decide) if name in known}


@cache
def _parameters_of(decide: Callable[..., Changes]) -> tuple[str, ...]:
    return tuple(inspect.signature(decide).parameters)


def broken_by_act(spec: CommandSpec, command: Command, act: Act) -> list[RuleBroken]:
    """Rule 46: no act in the future; a reason beyond the days a parameter gives, or where the command asks one."""
    days = act.parameters.number("back_dating_days", act.today)
    late = (act.today - min(act.on, command.earliest_date() or act.on)).days > days
    broken: list[RuleBroken | None] = [
        OccurredInFuture(pointer="/on", on=str(act.on), today=str(act.today)) if act.on > act.today else None,
        ReasonNeeded(pointer="/why", days=days) if command.why is None and (late or spec.asks_reason) else None,
        ReasonTextMisplaced(pointer="/why/text")
        if command.why and command.why.text and spec.kind != "learner"
        else None,
        refuse_unknown("reason", command.why.code, "/why/code", act.on) if command.why else None,
    ]
    return [each for each in broken if each is not None]

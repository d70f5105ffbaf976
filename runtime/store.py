"""The event log as the casebook sees it: `domain.casebook.Streams` over the library's Application.

`Application.save` is the write path, with our recorder and mapper behind it, so everything the library offers on its
side (repository, notification log, subscription) reads what we write.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import BaseInfrastructureFactory, InfrastructureFactory, Mapper
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

from domain.casebook import Append, Appended, Claim, CommandKey, CommandRow, Stream
from domain.errors import ClaimTaken, CommandKnown, Conflict, StaleVersion
from domain.event import NIL
from runtime.mapper import ForsaMapper, Recorded
from runtime.recorder import (
    AppendRefused,
    ClaimHeld,
    CommandStored,
    ForsaDatastore,
    ForsaRecorder,
    StaleGuard,
    UnknownOutcome,
    VersionTaken,
)


class ForsaFactory(PostgresFactory):
    """The library's factory with our datastore, recorder and mapper; its own connection variables are not read."""

    datastore: ForsaDatastore

    def __init__(self, env: Environment, datastore: ForsaDatastore, mapper: ForsaMapper) -> None:
        """One datastore, so one pool, for whatever the application makes."""
        BaseInfrastructureFactory.__init__(self, env)  # PostgresFactory's would build a datastore from variables
        self.datastore, self._mapper = datastore, mapper

    def application_recorder(self) -> ForsaRecorder:
        """Our recorder over our datastore."""
        return ForsaRecorder(self.datastore)

    def mapper(self, *_: object, **__: object) -> Mapper[Any]:
        """The mapper that was given: it holds the closed table of tags, so it is not built from a topic."""
        return self._mapper


class ForsaApplication(Application[UUID]):
    """The library's application over the log. Its name gives the table `forsa_events`."""

    name = "forsa"
    env: ClassVar[dict[str, str]] = {"CREATE_TABLE": "n"}
    recorder: ForsaRecorder

    def __init__(self, datastore: ForsaDatastore, mapper: ForsaMapper) -> None:
        """Connects at first use, not here."""
        self._given = datastore, mapper
        super().__init__()

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """A factory of what was given, instead of one found by an environment variable."""
        return ForsaFactory(env, *self._given)


class Batch:
    """Several events on their way into `Application.save`, in the library's shape of an aggregate with pending events.

    One object instead of many: save asks each object twice whether it is an event, which costs 8 % of an append.
    """

    __slots__ = ("_events", "id")

    def __init__(self, events: Iterable[Recorded]) -> None:
        """The events keep their order."""
        self.id = NIL
        self._events = tuple(events)

    def collect_events(self) -> Sequence[Recorded]:
        """The events."""
        return self._events


class EventLog:
    """Every stream of Forsa, in one log. Safe to share between threads; opens its pool at first use in a process."""

    def __init__(self, dsn: str, mapper: ForsaMapper, claim_secret: bytes, *, pool_size: int = 4) -> None:
        """claim_secret: the key of claims' HMACs. pool_size: most connections of one process."""
        self.application = ForsaApplication(ForsaDatastore(dsn, pool_size=pool_size), mapper)
        self.recorder = self.application.recorder
        self._mapper, self._claim_secret = mapper, claim_secret

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        """These streams, as of log position `upto` when given; an unknown id gives an empty stream."""
        if len(ids) == 1:
            return {ids[0]: self._stream(ids[0], self.recorder.load(ids[0], upto)[1])}
        found = self.recorder.load_many(ids, upto)
        return {each: self._stream(each, found[each][1] if each in found else b"") for each in ids}

    def _stream(self, stream: UUID, joined: bytes) -> Stream:
        return Stream(stream, tuple(self._mapper.decode_many(joined)))

    def append(self, append: Append) -> Appended:
        """All of it is stored, durably. Raises StaleVersion, Conflict (a guard), ClaimTaken, CommandKnown: nothing is.

        Raises UnknownOutcome when connections died twice, or once and there is no command to tell by;
        eventsourcing's OperationalError when the database could not be reached, with nothing stored.
        """
        recorded = [Recorded(each.stream, each.version, each.event) for each in append.events]
        self._mapper.prepare(recorded)  # committed before the events that need them
        try:
            return self._append_once(append, recorded)
        except UnknownOutcome:
            return self._found(append) or self._append_again(append, recorded)

    def _append_again(self, append: Append, recorded: Sequence[Recorded]) -> Appended:
        """The append's answer, once its connection died and its command was not found.

        The first attempt may still be under way in the server. Of the two the append's lock lets one in first, and
        the other finds the command stored: so it is stored once, whichever that is.
        """
        try:
            return self._append_once(append, recorded)
        except (UnknownOutcome, StaleVersion, Conflict, ClaimTaken, CommandKnown) as refused:
            if found := self._found(append):
                return found
            if append.command is None:  # what stands in the way may be the first attempt
                raise UnknownOutcome("stored or not: there is no command to tell by") from refused
            raise

    def _append_once(self, append: Append, recorded: Sequence[Recorded]) -> Appended:
        receipt: list[Appended] = []
        try:
            self.application.save(
                recorded[0] if len(recorded) == 1 else Batch(recorded),  # type: ignore[arg-type]  # a Batch has what save reads of an aggregate, no more
                guards=append.guards,
                taken=append.taken,
                freed=append.freed,
                command=append.command,
                status=append.status,
                receipt=receipt,
            )
        except AppendRefused as refused:
            raise _said(refused) from refused
        return receipt[0]

    def _found(self, append: Append) -> Appended | None:
        """Where the append stands, told by its command; None where it has none, or that is not stored."""
        command = append.command
        row = command and self.find_command(command.subject, command.id)
        if not command or not row or row.key.body != command.body:
            return None
        return Appended(row.first_position, row.last_position, row.recorded_at)

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        """The row of this command id, if it was stored."""
        row = self.recorder.find_command(subject, command_id)
        return None if row is None else CommandRow(CommandKey(subject, command_id, row[0]), *row[1:])

    def find_claim(self, claim: Claim) -> UUID | None:
        """The stream that holds this claim."""
        return self.recorder.find_claim(claim)

    def digest(self, kind: str, value: str) -> Claim:
        """The claim for a clear value: HMAC-SHA256(claim secret, kind ‖ NUL ‖ value), in UTF-8."""
        return Claim(kind, hmac.digest(self._claim_secret, f"{kind}\0{value}".encode(), "sha256"))

    def position_at(self, moment: datetime) -> int:
        """The log position of `as_of=<moment>`, always the end of an append. Raises MomentInFuture."""
        return self.recorder.position_at(moment)

    def max_position(self) -> int:
        """Position of the last event, 0 for an empty log."""
        return self.recorder.max_position()

    def pool_stand(self) -> Mapping[str, int]:
        """How this process's connections stand, in the pool's own words; empty before the first was needed."""
        return self.recorder.datastore.pool_stand()

    def close(self) -> None:
        """This process's connections are closed."""
        self.application.close()


def _said(refused: AppendRefused) -> Exception:
    """The refusal in the domain's words; one that the domain has no word for is a fault of ours and stays."""
    detail = refused.detail
    match refused:
        case VersionTaken():
            return StaleVersion(UUID(detail["stream"]), detail["expected"], detail["actual"])
        case StaleGuard():
            return Conflict(", ".join(detail))
        case ClaimHeld():
            return ClaimTaken(detail["kind"], cast("UUID | None", detail["holder"] and UUID(detail["holder"])))
        case CommandStored():
            return CommandKnown()
    return refused

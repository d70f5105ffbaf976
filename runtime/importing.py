"""Bringing a roster in: each row decided by the casebook, stored row by row, and known when the file comes again."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.casebook import Append, Appended, Casebook, Claim, CommandKey, CommandRow, Stream
from domain.errors import ClaimTaken, CommandKnown, NotAllowedNow, OtherBody, Refused, RuleBroken
from domain.event import By
from domain.kind import Command
from domain.roster import Roster, RosterError, RosterRow
from runtime.store import EventLog
from runtime.wiring import Forsa

BATCH: Final = 200  # rows whose keys are made in one round trip
FAMILIES: Final = ("identity", "sensitive", "contacts")


class Importer(msgspec.Struct, frozen=True, kw_only=True):
    """Who brings a roster in, and for what."""

    by: By
    centre: UUID
    province: str  # where a row names none
    source: str
    season: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's rows. `added` would be added, in mode validate."""

    mode: str  # validate | commit
    rows: int
    added: int
    known: int  # brought in before, from this file or another
    refused: int
    errors: list[RosterError]
    warnings: list[RosterError]


class _Rehearsal:
    """Streams that store nothing: what is appended is kept here, checked against the log's claims and its own."""

    def __init__(self, log: EventLog, now: Callable[[], object]) -> None:
        self._log, self._now = log, now
        self._streams: dict[UUID, Stream] = {}
        self._claims: dict[Claim, UUID] = {}

    def load(self, ids: Sequence[UUID], upto: int | None = None) -> Mapping[UUID, Stream]:
        """As the log has them, with what was rehearsed on top."""
        wanted = [each for each in ids if each not in self._streams]
        found = dict(self._log.load(wanted, upto)) if wanted else {}
        return found | {each: self._streams[each] for each in ids if each in self._streams}

    def append(self, append: Append) -> Appended:
        """Nothing is stored. Raises ClaimTaken as the log would."""
        for claim, stream in append.taken:
            holder = self._claims.get(claim) or self._log.find_claim(claim)
            if holder not in (None, stream):
                raise ClaimTaken(claim.kind, holder)
            self._claims[claim] = stream
        for new in append.events:
            before = self._streams.get(new.stream) or self._log.load([new.stream])[new.stream]
            self._streams[new.stream] = Stream(new.stream, (*before.events, new.event))
        return Appended(0, 0, self._now())  # type: ignore[arg-type]  # nobody reads when a rehearsal took place

    def find_command(self, subject: UUID, command_id: bytes) -> CommandRow | None:
        """As the log knows it."""
        return self._log.find_command(subject, command_id)

    def find_claim(self, claim: Claim) -> UUID | None:
        """The holder, in the log or in the rehearsal."""
        return self._claims.get(claim) or self._log.find_claim(claim)

    def digest(self, kind: str, value: str) -> Claim:
        """The log's digest."""
        return self._log.digest(kind, value)


def bring_in(
    forsa: Forsa, roster: Roster, importer: Importer, *, commit: bool, progress: Callable[[int], None] | None = None
) -> Report:
    """Every good row is decided and, with `commit`, stored; a row that is refused stores nothing of its own.

    progress: is told the number of rows so far. The same rows again, in any file of this centre and season, are known.
    """
    casebook = forsa.casebook if commit else _rehearsing(forsa)
    errors = list(roster.errors)
    added = known = 0
    for at, row in enumerate(roster.rows):
        if commit and at % BATCH == 0:
            _prepare_keys(forsa, importer, roster.rows[at : at + BATCH])
        try:
            if _bring_in_row(forsa, casebook, importer, row):
                added += 1
            else:
                known += 1
        except Refused as refused:
            errors += [_error_of(row, broken) for broken in refused.broken]
        if progress is not None:
            progress(at + 1)
    refused_rows = {error.row for error in errors if error.row > 1}
    return Report(
        mode="commit" if commit else "validate",
        rows=roster.row_count,
        added=added,
        known=known,
        refused=len(refused_rows),
        errors=sorted(errors, key=lambda error: error.row),
        warnings=roster.warnings,
    )


def _rehearsing(forsa: Forsa) -> Casebook:
    return Casebook(_Rehearsal(forsa.event_log, forsa.now), forsa.keyring, now=forsa.now, nonce=forsa.casebook.nonce)


def _bring_in_row(forsa: Forsa, casebook: Casebook, importer: Importer, row: RosterRow) -> bool:
    """Whether the row was new. One that was cut short between its two commands is completed."""
    digest = _digest(forsa, importer, row)
    learner = UUID(bytes=_part(digest, b"learner"), version=5)
    identify = row.identify(learner, season=importer.season, province=importer.province, source=importer.source)
    is_new = _executed(casebook, importer.by, identify, digest, b"identify")
    more = row.more_of_identity(learner)
    # Only as the second act: on a record that has moved on, it would undo what people have corrected since.
    if more is not None and casebook.load("learner", learner).state.version == 1:
        _executed(casebook, importer.by, more, digest, b"identity")
    return is_new


def _executed(casebook: Casebook, by: By, command: Command, digest: bytes, name: bytes) -> bool:
    """Whether it changed something. A learner who is there already came with an earlier import of this row."""
    key = CommandKey(by.actor, _part(digest, name), digest)
    try:
        return bool(casebook.execute(command, by, key=key).events)
    except (CommandKnown, OtherBody):
        return False
    except Refused as refused:
        if any(isinstance(broken, NotAllowedNow) for broken in refused.broken):
            return False
        raise


def _digest(forsa: Forsa, importer: Importer, row: RosterRow) -> bytes:
    """What the row says within its centre and season, and nothing anybody could read back."""
    place = importer.centre.bytes + importer.season.to_bytes(4, "big")
    return hmac.digest(forsa.secrets.body, b"forsa.roster.1" + place + row.key, "sha256")


def _part(digest: bytes, name: bytes) -> bytes:
    return hmac.digest(digest, name, "sha256")[:16]


def _prepare_keys(forsa: Forsa, importer: Importer, rows: Sequence[RosterRow]) -> None:
    learners = [UUID(bytes=_part(_digest(forsa, importer, row), b"learner"), version=5) for row in rows]
    forsa.keyring.prepare([(learner, family) for learner in learners for family in FAMILIES])


def _error_of(row: RosterRow, broken: RuleBroken) -> RosterError:
    """The domain's refusal as an error of this row."""
    return RosterError(row.number, "", broken.code, params=broken.params)

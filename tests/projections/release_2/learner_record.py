"""The learner record: where a learner stands, in ids, codes and dates. No name stands here.

One row a learner. `record` holds the whole of it as JSON; the other columns are what lists are selected and ordered
by. Readers open the identity at read time: `identity` is the version of the event that holds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from domain.learner.standing import Standing, standing_of
from domain.learner.state import Learner, status_of
from domain.learner.training import PRESENT, Week
from projections.view import Column, Index, Opened, Row, StreamView


class EnrolmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment. Minutes: attended on unflagged days; `weeks`: sheets recorded."""

    enrolment: UUID
    version: int
    season: int
    centre: UUID
    convention: UUID
    level: str
    trade: str | None
    session_type: str
    starts_on: date
    ended_on: date | None
    exit: str | None
    groups: dict[UUID, date]  # group → joined on
    weeks: int
    days_present: int
    days_recorded: int
    minutes_attended: int


class AssessmentLine(msgspec.Struct, frozen=True):
    """Eligibility as last assessed for a season."""

    season: int
    version: int
    result: str
    school_status: str


class DerogationLine(msgspec.Struct, frozen=True):
    """A derogation from a rule for a season."""

    rule: int
    season: int
    version: int


class OrientationLine(msgspec.Struct, frozen=True):
    """An orientation of a season."""

    season: int
    version: int


class CandidatureLine(msgspec.Struct, frozen=True):
    """A listing in a diploma session."""

    enrolment: UUID
    session: UUID
    candidate_number: str | None  # None: withheld from this reader
    decision: str | None


class DiplomaLine(msgspec.Struct, frozen=True):
    """A diploma that was awarded."""

    diploma: UUID
    version: int
    enrolment: UUID
    delegation: UUID
    diploma_kind: str
    year: int
    number: str | None  # None: withheld from this reader
    awarded_on: date


class OutcomeLine(msgspec.Struct, frozen=True):
    """An outcome; `verified`: version of its verification."""

    outcome: UUID
    version: int
    enrolment: UUID
    kind: str
    starts_on: date
    verified: int | None


class FlagLine(msgspec.Struct, frozen=True):
    """An open flag of the event of that version; `day`: of the sheet, where it is a day's."""

    version: int
    code: str
    day: date | None


class LearnerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A learner as of one version. Lists are in the order in which things happened."""

    learner: UUID
    version: int
    status: str
    file_number: str | None  # None: withheld from this reader
    season: int
    province: str
    standing: Standing  # whose learner this is
    identity: int | None  # version of the identity in force
    contacts: int | None
    verified: int | None  # version of the verification of that identity
    verified_by_document: bool
    active: UUID | None  # the enrolment that has not ended
    last: UUID | None  # the enrolment made last
    assessments: list[AssessmentLine]
    derogations: list[DerogationLine]
    orientations: list[OrientationLine]
    enrolments: list[EnrolmentLine]
    competences: int  # assessments in force
    candidatures: list[CandidatureLine]
    diplomas: list[DiplomaLine]
    outcomes: list[OutcomeLine]
    outcome: UUID | None  # the one in force
    flags: list[FlagLine]  # still open


def record_of(stream: UUID, learner: Learner) -> LearnerRecord:
    """The record of a learner in this state: of now, or of any past position."""
    identification, admission, outcome = learner.identification, learner.admission, learner.outcomes.in_force
    verification = identification.verification
    return LearnerRecord(
        learner=stream,
        version=learner.version,
        status=status_of(learner),
        file_number=identification.file_number,
        season=identification.season,
        province=identification.province,
        standing=standing_of(learner),
        identity=identification.identity.version if identification.identity else None,
        contacts=identification.contacts.version if identification.contacts else None,
        verified=verification.version if verification else None,
        verified_by_document=verification is not None and verification.by_document,
        active=admission.active,
        last=admission.last,
        assessments=_assessments(learner),
        derogations=[DerogationLine(*key, at) for key, at in identification.derogations.items()],
        orientations=[OrientationLine(season, at) for season, at in admission.orientations.items()],
        enrolments=_enrolments(learner),
        competences=len(learner.training.competences),
        candidatures=_candidatures(learner),
        diplomas=_diplomas(learner),
        outcomes=_outcomes(learner),
        outcome=next((key for key, each in learner.outcomes.declared.items() if each is outcome), None),
        flags=[FlagLine(*key) for key in sorted(learner.review.open, key=str)],
    )


def _assessments(learner: Learner) -> list[AssessmentLine]:
    held = learner.identification.assessments
    return [AssessmentLine(key, each.version, each.result, each.school_status) for key, each in held.items()]


def _enrolments(learner: Learner) -> list[EnrolmentLine]:
    weeks = _weeks(learner)
    lines = []
    for key, each in learner.admission.enrolments.items():
        held = weeks.get(key, ())
        present, recorded, minutes = attended(held)
        line = EnrolmentLine(
            enrolment=key,
            version=each.version,
            season=each.season,
            centre=each.centre,
            convention=each.convention,
            level=each.level,
            trade=each.trade,
            session_type=each.session_type,
            starts_on=each.starts_on,
            ended_on=each.ended_on,
            exit=each.exit,
            groups=each.groups,
            weeks=len(held),
            days_present=present,
            days_recorded=recorded,
            minutes_attended=minutes,
        )
        lines.append(line)
    return lines


def _weeks(learner: Learner) -> dict[UUID, Collection[Week]]:
    """Weeks by enrolment; most learners have one, and hashing its id for every week took a third of a row."""
    if len(learner.admission.enrolments) == 1:
        return {next(iter(learner.admission.enrolments)): learner.training.weeks.values()}
    weeks: dict[UUID, list[Week]] = {}
    for key, week in learner.training.weeks.items():
        weeks.setdefault(key[0], []).append(week)
    return {**weeks}


def attended(weeks: Iterable[Week]) -> tuple[int, int, int]:
    """Days present, days recorded and minutes present of these weeks; flagged days count as recorded only."""
    present = recorded = minutes = 0
    for week in weeks:  # written out: it runs over every day of a season for every row
        if week.flags and (flagged := week.flagged):
            counted = [day.minutes or 0 for day in week.days if day.status in PRESENT and day.date not in flagged]
        else:
            counted = [day.minutes or 0 for day in week.days if day.status in PRESENT]
        present += len(counted)
        recorded += len(week.days)
        minutes += sum(counted)
    return present, recorded, minutes


def _candidatures(learner: Learner) -> list[CandidatureLine]:
    held = learner.diploma.candidatures
    return [CandidatureLine(key, each.session, each.candidate_number, each.decision) for key, each in held.items()]


def _diplomas(learner: Learner) -> list[DiplomaLine]:
    return [
        DiplomaLine(
            key,
            each.version,
            each.enrolment,
            each.register.delegation,
            each.register.kind,
            each.register.year,
            each.number,
            each.awarded_on,
        )
        for key, each in learner.diploma.diplomas.items()
    ]


def _outcomes(learner: Learner) -> list[OutcomeLine]:
    return [
        OutcomeLine(key, each.version, each.enrolment, each.kind, each.starts_on, each.verified_version)
        for key, each in learner.outcomes.declared.items()
    ]


_ENCODE: Final = msgspec.json.Encoder().encode


def rows_of(stream: UUID, learner: Any, _opened: Opened) -> list[Row]:
    """The learner's one row."""
    record = record_of(stream, learner)
    standing = record.standing
    last = next((each for each in record.enrolments if each.enrolment == (record.active or record.last)), None)
    return [
        (
            record.version,
            record.status,
            record.file_number,
            record.season,
            record.province,
            last.season if last else None,
            last.centre if last else None,
            last.convention if last else None,
            len(record.flags),
            standing.custody,
            sorted(standing.former),
            standing.asked,
            list(dict.fromkeys(each.convention for each in standing.episodes)),
            standing.org,
            _ENCODE(record).decode(),
        )
    ]


VIEW: Final = StreamView(
    name="learner_record",
    version=2,  # since release 2: whose learner it is
    kinds=frozenset({"learner"}),
    columns=(
        Column("version", "integer", required=True),
        Column("status", "text", required=True),
        Column("file_number", "text", required=True),
        Column("season", "integer", required=True),  # of the identification
        Column("province", "text", required=True),
        Column("enrolled_season", "integer"),  # of the active or else the last enrolment
        Column("centre", "uuid"),
        Column("convention", "uuid"),
        Column("flags", "integer", required=True),  # how many are open
        Column("custody", "uuid"),  # the centre responsible
        Column("former", "uuid[]", required=True),  # centres that were
        Column("asked", "uuid"),  # the centre asked to take the learner over
        Column("conventions", "uuid[]", required=True),  # of every enrolment
        Column("org", "uuid", required=True),  # that identified the learner
        Column(
            "record", "text", required=True
        ),  # JSON; nobody queries into it, and parsing it cost a third of an update
    ),
    indexes=(
        Index("file_number", "(file_number)"),
        Index("centre", "(centre, enrolled_season, stream)"),
        Index("custody", "(custody, stream)"),
        Index("former", "using gin (former) with (fastupdate = off)"),
        Index("asked", "(asked, stream) where asked is not null"),
        Index("conventions", "using gin (conventions) with (fastupdate = off)"),
    ),
    fillfactor=45,  # room for another version of every row: a centre's sheet updates all rows of a page
    rows_of=rows_of,
)


# ── queries ──

ONE: Final[LiteralString] = "select record from views.learner_record_v2 where stream = %(stream)s"
LIST: Final[LiteralString] = """
select record from views.learner_record_v2
 where (%(after)s::uuid is null or stream > %(after)s)
   and (%(centre)s::uuid is null or centre = %(centre)s)
   and (%(season)s::integer is null or enrolled_season = %(season)s)
   and (%(status)s::text is null or status = %(status)s)
   and REACH
 order by stream limit %(limit)s
"""
_DECODE: Final = msgspec.json.Decoder(LearnerRecord).decode


def from_json(record: str) -> LearnerRecord:
    """The record of a row."""
    return _DECODE(record)

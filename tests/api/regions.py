"""Centres of several associations, provinces and regions, and a learner with a past: what scopes are tested in.

The learner (`LEARNER`) was at the centre `former` last season, is at `own` now, and `asked` was asked to take over.
`sister` is of the same association in another province, `near` of another association in the same province, `far` of
neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from domain.casebook import Append, Casebook, NewEvent
from domain.centre import ApproveTrades, OpenCentre
from domain.convention import Party, SeasonTarget, SignConvention
from domain.diploma_session import CloseCandidateList, Mark, OpenDiplomaSession, SignMinutes
from domain.event import By
from domain.group import OpenGroup
from domain.kind import Command
from domain.learner.admission import EnrolLearner, JoinGroup, Missing
from domain.learner.diploma import AwardDiplomas, AwardLine, ListCandidate, RecordMarks
from domain.learner.identification import IdentifyLearner, NameGiven, VerifyIdentity
from domain.learner.leaving import EndEnrolment
from domain.learner.transfer import RequestTransfer
from domain.organisation import AccessGranted, LocalName, Mission, OrganisationRegistered
from domain.parameter import SetParameter
from domain.sealed import clear
from domain.worker import Login, LoginBound, WorkerPerson, WorkerRecorded, login_value
from runtime.settings import DEVELOPMENT_ISSUER
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa
from tests.api.stack import CENTRE, DAY, LATE, SYSTEM, Api, composed, ident

LAST, SEASON = 2025, 2026


class Place(NamedTuple):
    """A centre: its association and its province."""

    association: str
    province: str


PLACES: Final = {
    "own": Place("association", "TNG"),
    "former": Place("association of former", "OUJ"),
    "asked": Place("association of asked", "FES"),
    "sister": Place("association", "TET"),
    "near": Place("association of near", "TNG"),
    "far": Place("association of far", "LAA"),
}
LEARNER, ENROLMENT, EARLIER, TRANSFER = (ident(name) for name in ("moved", "enrolment", "earlier", "transfer"))
GROUP, SESSION, CONVENTION = ident("group of own"), ident("session of own"), ident("convention of all")
HELD, AWARD = ident("session of former"), ident("award")  # that was held; the random part of what its award makes
DIPLOMA: Final = uuid5(AWARD, "diploma/0001")
NUMBER: Final = "2026/0011"
JUNE: Final = date(2026, 6, 15)
WHY: Final = [Missing("assessment", "urgent_intake"), Missing("orientation", "urgent_intake")]


def centre_of(place: str) -> UUID:
    """The centre's id."""
    return CENTRE if place == "own" else ident(f"centre {place}")


def stood_up(forsa: Forsa) -> None:
    """The places, the convention of all of them, the learner, a group and an exam session stand in the log."""
    names = {each.association: each.province for each in PLACES.values() if each.association != "association"}
    registered = [
        NewEvent(
            ident(name),
            1,
            OrganisationRegistered(on=DAY, by=SYSTEM, kind="association", name=LocalName(fr=name), province=province),
        )
        for name, province in names.items()
    ]
    forsa.event_log.append(Append(tuple(registered)))
    awarding = Casebook(forsa.event_log, forsa.keyring, now=forsa.now, nonce=lambda: AWARD)
    for role, place, command in _acts():
        org = ident(PLACES[place].association) if place else ident("ministry")
        book = awarding if isinstance(command, AwardDiplomas) else forsa.casebook
        book.execute(command, msgspec.structs.replace(SYSTEM, role=role, org=org))


def _acts() -> Iterator[tuple[str, str, Command]]:
    """(role, place acted for, command), in order."""
    yield "ministry", "", SetParameter(name="completion_share", value="70", valid_from=DAY, authority="26/7", why=LATE)
    for name, place in PLACES.items():
        if name != "own":
            yield "aref", "", opened(name, place)
        for season in (LAST, SEASON):
            yield "aref", "", ApproveTrades(centre=centre_of(name), season=season, trades=["COU"], on=DAY, why=LATE)
    yield (
        "aref",
        "",
        SignConvention(
            convention=CONVENTION, kind="funding", number="2025/ALL/01", level="central",
            parties=[Party(ident("ministry"), "funder"), Party(ident("association"), "operator")],
            centres=[centre_of(name) for name in PLACES],
            seasons=[SeasonTarget(each, 400, 16_000_000) for each in (LAST, SEASON)],
            age_min=13, age_max=20, starts_on=date(2025, 9, 1), ends_on=date(2027, 8, 31), on=DAY, why=LATE,
        ),
    )  # fmt: skip
    yield "caseworker", "former", identified(LEARNER, "OUJ")
    yield "caseworker", "former", enrolled(LEARNER, EARLIER, "former", LAST, date(2025, 10, 6))
    yield from _graduation()
    ended = EndEnrolment(learner=LEARNER, enrolment=EARLIER, exit="completed", ended_on=date(2026, 6, 26), why=LATE)
    yield "caseworker", "former", ended
    yield "caseworker", "own", enrolled(LEARNER, ENROLMENT, "own", SEASON, date(2026, 10, 5))
    verified = VerifyIdentity(learner=LEARNER, document_type="birth_certificate", on=date(2026, 10, 6), why=LATE)
    yield "caseworker", "own", verified
    yield "coordinator", "own", OpenGroup(group=GROUP, centre=CENTRE, season=SEASON, group_kind="workshop", trade="COU",
                                          capacity=20, on=date(2026, 10, 5), why=LATE)  # fmt: skip
    seat = JoinGroup(learner=LEARNER, enrolment=ENROLMENT, group=GROUP, on=date(2026, 10, 6), why=LATE)
    yield "coordinator", "own", seat
    opening = OpenDiplomaSession(
        diploma_session=SESSION, authority=ident("delegation"), held_from=date(2027, 6, 14), held_to=date(2027, 6, 18),
        centres=[CENTRE], trades=["COU"], year=2027,
    )  # fmt: skip
    yield "en_agent", "", opening
    yield "en_agent", "", ListCandidate(learner=LEARNER, enrolment=ENROLMENT, session=SESSION)
    yield "coordinator", "own", RequestTransfer(learner=LEARNER, transfer=TRANSFER, to_centre=centre_of("asked"),
                                                effective_on=date(2026, 12, 1), why=LATE)  # fmt: skip


def _graduation() -> Iterator[tuple[str, str, Command]]:
    """The learner holds a diploma of the delegation, prepared at `former`."""
    document = VerifyIdentity(learner=LEARNER, document_type="birth_certificate", on=date(2025, 10, 6), why=LATE)
    yield "caseworker", "former", document
    opening = OpenDiplomaSession(
        diploma_session=HELD, authority=ident("delegation"), held_from=date(2026, 6, 8), held_to=date(2026, 6, 12),
        centres=[centre_of("former")], trades=["COU"], year=2026, on=date(2026, 4, 1), why=LATE,
    )  # fmt: skip
    yield "en_agent", "", opening
    listing = ListCandidate(learner=LEARNER, enrolment=EARLIER, session=HELD, on=date(2026, 5, 4), why=LATE)
    yield "en_agent", "", listing
    yield "en_agent", "", CloseCandidateList(diploma_session=HELD, on=date(2026, 5, 29), why=LATE)
    mark = Mark("0001", sitting=1, presence="present", written=1250, practical=1400, decision="admitted")
    yield "en_agent", "", RecordMarks(diploma_session=HELD, marks=[mark], on=JUNE, why=LATE)
    yield "en_agent", "", SignMinutes(diploma_session=HELD, members=[ident("worker en_agent")], on=JUNE, why=LATE)
    award = AwardLine("0001", NUMBER)
    yield "en_agent", "", AwardDiplomas(diploma_session=HELD, awarded_on=JUNE, awards=[award], why=LATE)


def opened(name: str, place: Place) -> OpenCentre:
    """The centre of a place opens."""
    return OpenCentre(
        centre=centre_of(name), name=LocalName(fr=name), operator=ident(place.association), places=400, commune=name,
        province=place.province, on=DAY, why=LATE,
    )  # fmt: skip


def identified(learner: UUID, province: str, given: str = "سلمى") -> IdentifyLearner:
    """A young person of sixteen is identified."""
    return IdentifyLearner(
        learner=learner, province=province, source="self", sex="f", birth_date=date(2010, 3, 2),
        names=[NameGiven(given, "الزياني"), NameGiven("Salma", "Ziani")], on=date(2025, 10, 1), why=LATE,
    )  # fmt: skip


def enrolled(learner: UUID, enrolment: UUID, place: str, season: int, starts_on: date) -> EnrolLearner:
    """They are enrolled at the centre of this place."""
    return EnrolLearner(
        learner=learner, enrolment=enrolment, season=season, centre=centre_of(place), convention=CONVENTION,
        level="level_2", trade="COU", residence="urban", last_level="2AC", school_status="dropped_out",
        starts_on=starts_on, without=WHY, on=starts_on, why=LATE,
    )  # fmt: skip


class Holder(NamedTuple):
    """A worker by the name of their login, and what they hold."""

    login: str
    role: str
    scope: str
    scope_id: str
    org: UUID
    mission: Mission | None = None
    nth: int = 1  # of the grants of this login

    @property
    def grant(self) -> UUID:
        """The grant's id."""
        return ident(f"grant {self.login}" if self.nth == 1 else f"grant {self.login} {self.nth}")


@contextmanager
def api_with(web_dsn: str, keys_dsn: str, token_key: Path, holders: Sequence[Holder]) -> Iterator[Api]:
    """A client that speaks for these holders too."""
    forsa = composed(web_dsn, keys_dsn, token_key)
    held_by(forsa, holders)
    issuer = DevelopmentIssuer(token_key, "forsa")
    api = Api(forsa, issuer)
    api.tokens |= {each.login: issuer.issue(each.login, api.issued_at) for each in holders}
    yield api
    forsa.close()


def held_by(forsa: Forsa, holders: Iterable[Holder]) -> None:
    """Every holder is a worker with a login and the grant, and only that. A worker's first grant comes first."""
    versions: dict[UUID, int] = {}
    events: list[NewEvent] = []
    taken = []
    for holder in holders:
        worker = ident(f"worker {holder.login}")
        org = holder.org
        person = clear(WorkerPerson("عامل"))
        recorded = WorkerRecorded(on=DAY, by=SYSTEM, person=person, organisation=org, function="other")
        bound = LoginBound(on=DAY, by=SYSTEM, issuer=DEVELOPMENT_ISSUER,
                           login=clear(Login(DEVELOPMENT_ISSUER, holder.login)))  # fmt: skip
        granted = AccessGranted(
            on=DAY, by=SYSTEM, grant=holder.grant, subject=worker, role=holder.role, scope=holder.scope,
            scope_id=holder.scope_id, purpose="duty", valid_from=DAY, mission=holder.mission,
        )  # fmt: skip
        versions[org] = versions.get(org) or forsa.event_log.load([org])[org].version
        versions[org] += 1
        events.append(NewEvent(org, versions[org], granted))
        if holder.nth > 1:
            continue
        events += [NewEvent(worker, 1, recorded), NewEvent(worker, 2, bound)]
        value = login_value(DEVELOPMENT_ISSUER, holder.login)
        taken.append((forsa.event_log.digest("login", value), worker))
    for first in range(0, len(events), 150):
        batch = tuple(events[first : first + 150])
        mine = {each.stream for each in batch}
        forsa.event_log.append(Append(batch, taken=tuple(each for each in taken if each[1] in mine)))


def by_of(holder: Holder) -> By:
    """How this holder acts."""
    return By(actor=ident(f"worker {holder.login}"), role=holder.role, org=holder.org, src="api")

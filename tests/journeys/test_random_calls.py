"""Twenty thousand random calls by workers with random grants, each answer checked.

Nobody is shown a learner beyond their scope, every look at one is written down with exactly the ids shown, and no
command is decided beyond the scope. What each worker may see is worked out here from the stories the learners were
given, not by the product's own rules.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

import msgspec
import psycopg
import pytest

from api.app import create_app
from api.commands import rule_of
from api.examples import EXAMPLES
from domain.casebook import Append, Casebook, NewEvent
from domain.diploma_session import OpenDiplomaSession
from domain.event import Event, Why
from domain.group import OpenGroup
from domain.kind import Command, CommandSpec, ReasonGiven
from domain.learner.admission import JoinGroup
from domain.learner.diploma import ListCandidate
from domain.learner.identification import NameGiven, RecordIdentity, VerifyIdentity
from domain.learner.leaving import EndEnrolment
from domain.learner.transfer import RequestTransfer
from domain.organisation import AccessRevoked, EmergencyAccessOpened, Mission
from domain.reference import code_list
from domain.streams import COMMANDS
from projections.projector import Projector
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa, api_parts
from tests.api.regions import (
    CONVENTION,
    LEARNER,
    PLACES,
    Holder,
    by_of,
    centre_of,
    enrolled,
    held_by,
    identified,
    stood_up,
)  # fmt: skip
from tests.api.stack import DAY, SYSTEM, composed, ident
from tests.api.test_permission_matrix import NothingStored, WouldStore

CALLS: Final = 20_000
SHARDS: Final = 4  # each with its own store, so that they run side by side
LEARNERS, WORKERS, EMERGENCIES = 48, 60, 24
BETWEEN_REVOCATIONS: Final = 250  # calls
REGION: Final = {"TNG": "MA-01", "TET": "MA-01", "OUJ": "MA-02", "FES": "MA-03", "LAA": "MA-11"}
KNOWS_NAMES: Final = {
    "caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "en_agent",
    "data_protection_officer",
}  # fmt: skip
KNOWS_PHONES: Final = {"caseworker", "educator", "coordinator", "counsellor", "data_protection_officer"}
OPENS_EMERGENCIES: Final = {"caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref"}
REVIEWS_THEM: Final = {"coordinator", "provincial_directorate", "aref", "data_protection_officer"}
HOLDS_FILES: Final = {"coordinator", "data_protection_officer"}
MISSIONS: Final = (None, *(
    Mission(since, until, names)
    for since, until in (
        (date(2025, 9, 1), date(2026, 8, 31)), (date(2026, 9, 1), date(2027, 8, 31)), (date(2025, 9, 1), date.max),
        (date(2026, 7, 1), date(2026, 8, 31)),  # nobody was enrolled
    )
    for names in (True, False)
))  # fmt: skip
SEASONS: Final = {2025: (date(2025, 10, 6), date(2026, 6, 26)), 2026: (date(2026, 10, 5), date.max)}  # of the stories
LETTERS: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
WHY: Final = ReasonGiven("paper_arrived_late")
LOOKUPS: Final = "/v1/learner-lookups"
ON_LEARNERS: Final = [each for each in COMMANDS if each.kind == "learner" and not (each.opens_stream or each.replaces)]
UUIDS: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Story(NamedTuple):
    """What became of one learner: where they were identified, were last season, are now, and may go."""

    learner: UUID
    at: str
    former: str | None
    now: str | None
    asked: str | None
    given: str
    phone: str

    @property
    def custody(self) -> str | None:
        """The place responsible."""
        return self.now or self.former

    @property
    def left(self) -> set[str]:
        """Places of an episode that are not responsible any more."""
        return {self.former} - {self.custody, None} if self.former else set()


def drawn_stories(rng: random.Random) -> list[Story]:
    """Every mixture of a past, a present and a future."""
    places = list(PLACES)
    stories = []
    for number in range(LEARNERS):
        former, now = rng.choice([None, *places]), rng.choice([None, *places])
        custody = now or former
        asked = rng.choice([None, *(each for each in places if each != custody)]) if custody else None
        given = "زن" + "".join(rng.choices(LETTERS, k=7))
        phone = f"+2126{number:02d}{rng.randrange(10**6):06d}"
        stories.append(Story(ident(f"random {number}"), rng.choice(places), former, now, asked, given, phone))
    return stories


def drawn_holders(rng: random.Random) -> list[Holder]:
    """Workers of every role, with grants anywhere; every fourth holds two."""
    roles = code_list("role").codes_on(date(2026, 11, 22))
    holders: list[Holder] = []
    for number in (*range(WORKERS), *range(0, WORKERS, 4)):
        place = rng.choice(list(PLACES))
        scope, scope_id = rng.choice([
            ("centre", str(centre_of(place))), ("centre", str(centre_of(place))),
            ("organisation", str(ident(PLACES[place].association))), ("province", PLACES[place].province),
            ("region", REGION[PLACES[place].province]), ("convention", str(CONVENTION)),
            ("convention", str(ident("no convention"))), ("national", ""),
        ])  # fmt: skip
        nth = 1 + (len(holders) >= WORKERS)
        role = roles[number % len(roles)] if nth == 1 else rng.choice(roles)
        mission = rng.choice(MISSIONS) if role == "auditor" else None
        org = ident(PLACES[place].association)
        holders.append(Holder(f"random {number}", role, scope, scope_id, org, mission, nth))
    return holders


def tell(forsa: Forsa, stories: list[Story]) -> dict[str, list[tuple[str, UUID]]]:
    """The stories happen; (kind, id) of the groups and exam sessions of each place."""
    others: dict[str, list[tuple[str, UUID]]] = {place: [] for place in PLACES}
    for place in PLACES:
        group, session = ident(f"random group {place}"), ident(f"random session {place}")
        others[place] = [("groups", group), ("diploma-sessions", session)]
        _do(forsa, place, OpenGroup(group=group, centre=centre_of(place), season=2026, group_kind="workshop",
                                    trade="COU", capacity=99, on=date(2026, 10, 5), why=WHY))  # fmt: skip
        both = [centre_of(place), centre_of("own")]
        _do(forsa, place, OpenDiplomaSession(
            diploma_session=session, authority=ident("delegation"), held_from=date(2027, 6, 14),
            held_to=date(2027, 6, 18), centres=both, trades=["COU"], year=2027,
        ))  # fmt: skip
    for story in stories:
        _tell_one(forsa, story, others)
    return others


def _tell_one(forsa: Forsa, story: Story, others: dict[str, list[tuple[str, UUID]]]) -> None:
    learner = story.learner
    _do(forsa, story.at, identified(learner, PLACES[story.at].province, story.given))
    _do(forsa, story.at, RecordIdentity(learner=learner, names=[NameGiven(story.given, "الزياني")], sex="f",
        birth_date=date(2010, 3, 2), phone=story.phone, on=date(2025, 10, 2), why=WHY))  # fmt: skip
    _do(forsa, story.at, VerifyIdentity(learner=learner, document_type="birth_certificate", why=WHY))
    if story.former:
        first = ident(f"first {learner}")
        _do(forsa, story.former, enrolled(learner, first, story.former, 2025, date(2025, 10, 6)))
        end = EndEnrolment(learner=learner, enrolment=first, exit="completed", ended_on=date(2026, 6, 26), why=WHY)
        _do(forsa, story.former, end)
    if story.now:
        second, (group, session) = ident(f"second {learner}"), (each[1] for each in others[story.now])
        _do(forsa, story.now, enrolled(learner, second, story.now, 2026, date(2026, 10, 5)))
        _do(forsa, story.now, JoinGroup(learner=learner, enrolment=second, group=group, why=WHY))
        _do(forsa, story.now, ListCandidate(learner=learner, enrolment=second, session=session))
    if story.asked:
        _do(forsa, story.custody or "", RequestTransfer(learner=learner, transfer=ident(f"transfer {learner}"),
            to_centre=centre_of(story.asked), effective_on=date(2026, 12, 1), why=WHY))  # fmt: skip


def _do(forsa: Forsa, place: str, command: Command) -> None:
    org = ident(PLACES[place].association)
    forsa.casebook.execute(command, msgspec.structs.replace(SYSTEM, role="coordinator", org=org))


def area_of(holder: Holder) -> set[str]:
    """The places in the scope of what this worker holds."""
    match holder.scope:
        case "national":
            return set(PLACES)
        case "centre":
            return {name for name in PLACES if str(centre_of(name)) == holder.scope_id}
        case "organisation":
            return {name for name, place in PLACES.items() if str(ident(place.association)) == holder.scope_id}
        case "province":
            return {name for name, place in PLACES.items() if place.province == holder.scope_id}
        case "region":
            return {name for name, place in PLACES.items() if REGION[place.province] == holder.scope_id}
    return set()


def reviews_at(holder: Holder, org: UUID) -> bool:
    """Whether this worker reviews the association's emergencies: they act for it, or have its place in their scope."""
    provinces = {place.province for place in PLACES.values() if ident(place.association) == org}
    above = any(holder.scope_id in (each, REGION[each]) for each in provinces)
    return holder.role in REVIEWS_THEM and (holder.org == org or holder.scope == "national" or above)


def is_theirs(holder: Holder, story: Story) -> bool:
    """Whether this worker may act on the learner."""
    if holder.scope == "convention" or holder.role == "auditor":
        return False
    if story.custody:
        return story.custody in area_of(holder)
    if holder.scope in ("centre", "organisation"):
        return holder.org == ident(PLACES[story.at].association)
    province = PLACES[story.at].province
    return holder.scope == "national" or holder.scope_id in (province, REGION[province])


def is_seen(holder: Holder, story: Story) -> bool:
    """Whether this worker may see anything of the learner's history."""
    if holder.scope == "convention" or holder.role == "auditor":
        return bool(sent_to(holder, story))
    return is_theirs(holder, story) or bool(story.left & area_of(holder))


def sent_to(holder: Holder, story: Story) -> set[int]:
    """The seasons of the episodes that an auditor's mission, or a convention's follow-up, is about."""
    since, until = DAY, date.max  # an auditor's grant without a mission
    if holder.mission or holder.role != "auditor":
        since, until = (holder.mission.since, holder.mission.until) if holder.mission else (date.min, date.max)
    paid = holder.scope == "convention" and holder.scope_id == str(CONVENTION)
    return {
        season
        for season, place in ((2025, story.former), (2026, story.now))
        if place and (paid or place in area_of(holder)) and SEASONS[season][0] <= until and SEASONS[season][1] >= since
    }


def is_named(holder: Holder, story: Story) -> bool:
    """Whether this grant shows who the learner is."""
    if holder.scope == "convention" or holder.role == "auditor":
        return bool(sent_to(holder, story)) and holder.mission is not None and holder.mission.names
    return holder.role in KNOWS_NAMES and (is_seen(holder, story) or is_asked(holder, story))


class Worker:
    """Who calls: what they hold now, and whom an emergency shows them in which of their parts."""

    def __init__(self, login: str, grants: list[Holder]) -> None:
        self.login, self.grants = login, grants
        self.id = ident(f"worker {login}")
        self.emergencies: list[tuple[Holder, Story]] = []
        self.tempted: list[Story] = []  # of every emergency, also of one that is over: they ask again

    def opened(self) -> list[tuple[Holder, Story]]:
        """The emergencies of the parts they still play."""
        parts = {(each.role, each.org) for each in self.grants}
        return [each for each in self.emergencies if (each[0].role, each[0].org) in parts]

    def sees(self, story: Story) -> bool:
        """Whether anything they hold shows anything of this learner's history."""
        return any(is_seen(each, story) for each in self.grants) or any(each == story for _, each in self.opened())

    def names(self, story: Story) -> bool:
        """Whether anything they hold shows who it is."""
        by = [each.role for each, shown in self.opened() if shown == story]
        return any(is_named(each, story) for each in self.grants) or bool(KNOWS_NAMES.intersection(by))

    def reaches(self, story: Story) -> bool:
        """Whether anything they hold shows how to reach the learner."""
        by = [each.role for each, shown in self.opened() if shown == story]
        by += [each.role for each in self.grants if is_theirs(each, story)]
        return bool(KNOWS_PHONES.intersection(by))

    def acts_on(self, story: Story, roles: Iterable[str], *, answering: bool) -> bool:
        """Whether they may act on the learner in one of these roles; `answering`: a request for transfer."""
        return any(
            each.role in roles
            and (story.asked in area_of(each) if answering and story.asked else is_theirs(each, story))
            for each in self.grants
        )


def is_asked(holder: Holder, story: Story) -> bool:
    """Whether this worker may see the summary that comes with a request for transfer."""
    answers = holder.role in ("caseworker", "coordinator", "data_protection_officer")
    return answers and story.asked in area_of(holder)


class Caller:
    """Makes random calls and checks each answer."""

    def __init__(self, forsa: Forsa, issuer: DevelopmentIssuer, rng: random.Random) -> None:
        self.forsa, self.rng, self.stories, holders = forsa, rng, drawn_stories(rng), drawn_holders(rng)
        stood_up(forsa)
        self.others = tell(forsa, self.stories)
        self.stories.append(Story(LEARNER, "former", "former", "own", "asked", "سلمى", "none"))
        held_by(forsa, holders)
        logins = dict.fromkeys(each.login for each in holders)
        self.workers = [Worker(login, [each for each in holders if each.login == login]) for login in logins]
        self.told: dict[UUID, list[tuple[Worker, Story]]] = {}  # organisation → emergencies on its stream
        self._open_emergencies()
        parts = api_parts(forsa, issuer.verifier())
        book = Casebook(NothingStored(forsa), forsa.keyring, now=forsa.now, nonce=parts.new_id)
        parts = msgspec.structs.replace(parts, casebook=book, outages=(*parts.outages, WouldStore))
        self.client = create_app(parts).test_client()
        now = int(time.time())
        self.began = datetime.now(UTC)
        self.tokens = {each.login: issuer.issue(each.login, now) for each in self.workers}
        self.by_id = {str(story.learner).encode(): story for story in self.stories}
        self.numbers = {
            each: forsa.casebook.load("learner", each.learner).state.identification.file_number for each in self.stories
        }
        self.shown: dict[str, set[UUID]] = {}  # request → ids shown
        self.asked: dict[str, str] = {}  # request → path
        self.decided: set[str] = set()  # commands that got as far as the rules
        self.by_emergency = 0

    def _open_emergencies(self) -> None:
        """Some look at somebody for hours; for every fourth the hours are over."""
        may = [(each, grant) for each in self.workers for grant in each.grants if grant.role in OPENS_EMERGENCIES]
        for number in range(EMERGENCIES):
            (worker, grant), story = self.rng.choice(may), self.rng.choice(self.stories)
            until = self.forsa.now() + timedelta(hours=2 if number % 4 else -1)
            by = msgspec.structs.replace(by_of(grant), actor=worker.id)
            self._append(
                grant.org,
                EmergencyAccessOpened(
                    on=DAY,
                    by=by,
                    emergency=ident(f"emergency {number}"),
                    learner=story.learner,
                    until=until,
                    why=Why("immediate_danger"),
                ),
            )
            self.told.setdefault(grant.org, []).append((worker, story))
            worker.tempted.append(story)
            if number % 4:
                worker.emergencies.append((grant, story))

    def revoke(self) -> None:
        """Somebody's grant ends; from now on it shows and does nothing."""
        worker = self.rng.choice([each for each in self.workers if each.grants])
        gone = worker.grants.pop(self.rng.randrange(len(worker.grants)))
        self._append(gone.org, AccessRevoked(on=DAY, by=SYSTEM, grant=gone.grant, why=Why("post_left")))
        self.forsa.grants_of(worker.id, self.forsa.event_log.max_position())  # this process has read it

    def _append(self, stream: UUID, event: Event) -> None:
        version = self.forsa.event_log.load([stream])[stream].version
        self.forsa.event_log.append(Append((NewEvent(stream, version + 1, event),)))

    def call(self) -> None:
        story = self.rng.choice(self.stories)
        if self.rng.random() < 0.2:
            spec, body = self._drawn_command(story)
            able = [each for each in self.workers if any(grant.role in spec.roles for grant in each.grants)]
            self._command(self.rng.choice(able or self.workers), story, spec, body)
            return
        worker = self.rng.choice(self.workers)
        if worker.tempted and self.rng.random() < 0.2:
            story = self.rng.choice(worker.tempted)
        self._read(worker, story)

    def _read(self, worker: Worker, story: Story) -> None:
        method, path, body = self._drawn_read(story)
        response = self._ask(worker, method, path, body)
        answered = response.get_data()
        assert response.status_code != 500, (path, answered)
        if response.status_code != 200:
            assert {story for key, story in self.by_id.items() if key in answered} <= {story}, (path, answered)
            assert not any(each.given.encode() in answered for each in self.stories), path
            return
        # the learner of the address is shown too, also where the body has no line of them
        shown = {self.by_id[each] for each in UUIDS.findall(answered + path.encode()) if each in self.by_id}
        if path == LOOKUPS:
            assert shown == {story}
            assert OPENS_EMERGENCIES & {each.role for each in worker.grants}, worker.grants
        else:
            for each in shown:
                assert self._may_see(worker, each, path), (worker.grants, worker.opened(), each, path)
        if path.endswith("/subject-file"):
            assert worker.acts_on(story, HOLDS_FILES, answering=False), (worker.grants, story)
        self._check_person(worker, path, answered)
        self._check_episodes(worker, path, answered)
        request = response.headers["X-Request-Id"]
        self.shown[request], self.asked[request] = {each.learner for each in shown}, path
        self.by_emergency += any(not any(is_seen(held, each) for held in worker.grants) for each in shown)

    def _may_see(self, worker: Worker, story: Story, path: str) -> bool:
        if worker.sees(story):
            return True
        org = next((each for each in self.told if path == f"/v1/organisations/{each}"), None)
        if org is not None and any(
            each == story for _, each in self.told[org]
        ):  # who may review it reads whom it was on
            return any(reviews_at(each, org) for each in worker.grants)
        is_history = any(each in path for each in ("/timeline", "/audit", "/events", "/subject-file"))
        return not is_history and any(is_asked(each, story) for each in worker.grants)

    def _check_person(self, worker: Worker, path: str, answered: bytes) -> None:
        for each in self.stories:
            if each.given.encode() in answered:
                assert worker.names(each), (worker.grants, worker.opened(), each, path)
            if each.phone.encode() in answered:
                assert worker.reaches(each), (worker.grants, worker.opened(), each, path)

    def _check_episodes(self, worker: Worker, path: str, answered: bytes) -> None:
        """A former centre sees nothing of where the learner went, an auditor nothing but what the mission is about."""
        for each in self.stories:
            if str(ident(f"second {each.learner}")).encode() in answered:
                sent = any(2026 in sent_to(grant, each) for grant in worker.grants
                           if grant.scope == "convention" or grant.role == "auditor")  # fmt: skip
                theirs = any(is_theirs(grant, each) or is_asked(grant, each) for grant in worker.grants)
                opened = any(story == each for _, story in worker.opened())
                assert sent or theirs or opened, (worker.grants, each, path)

    def _drawn_read(self, story: Story) -> tuple[str, str, Any]:
        rng, learner = self.rng, f"/v1/learners/{story.learner}"
        kind, other = rng.choice(rng.choice(list(self.others.values())))
        week = "?week=2026-10-05&component=workshop"
        place = centre_of(rng.choice(list(PLACES)))
        paths = [
            learner, learner, f"{learner}?as_of={self._moment()}", f"{learner}/timeline", f"{learner}/timeline?limit=2",
            f"{learner}/audit-trail", f"{learner}/events/{rng.randint(1, 9)}", f"{learner}/possible-commands",
            f"{learner}/disclosures?limit=5", f"{learner}/timeline?as_of={self._moment()}", f"{learner}/subject-file",
            f"/v1/learners?limit={rng.randint(1, 60)}", "/v1/learners?relation=former",
            "/v1/learners?relation=requested",
            f"/v1/learners?centre={place}&season=2026", f"/v1/{kind}/{other}", f"/v1/{kind}/{other}/timeline",
            f"/v1/{kind}/{other}/audit-trail", f"/v1/{kind}/{other}/events/{rng.randint(1, 12)}",
            f"/v1/{kind}/{other}/possible-commands", f"/v1/groups/{other}/attendance{week}",
            f"/v1/groups?centre={place}", f"/v1/learners/{other}", f"/v1/groups/{story.learner}",
        ]  # fmt: skip
        path = rng.choice([*paths, *self._drawn_reference(), "search", "search", LOOKUPS])
        if path == "search":
            given = rng.choice([story.given, story.given[:4], "الزياني", "زن"])
            return "POST", f"/v1/learner-searches?limit={rng.randint(1, 60)}", {"text": given}
        if path == LOOKUPS:
            return "POST", path, {"file_number": self.numbers[story]}
        return "GET", path, None

    def _drawn_reference(self) -> list[str]:
        """Reads of an organisation that grants and opens, a centre, a worker, a convention."""
        org = ident(PLACES[self.rng.choice(list(PLACES))].association)
        other = self.rng.choice([
            f"/v1/organisations/{org}", f"/v1/centres/{centre_of(self.rng.choice(list(PLACES)))}",
            f"/v1/workers/{self.rng.choice(self.workers).id}", f"/v1/conventions/{CONVENTION}",
        ])  # fmt: skip
        return [f"/v1/organisations/{org}", *(f"{other}{more}" for more in (
            "", "/timeline", "/audit-trail", f"/events/{self.rng.randint(1, 60)}", "/possible-commands"))]  # fmt: skip

    def _moment(self) -> str:
        """A moment of the log's life, or one before it."""
        return quote((self.began - timedelta(seconds=self.rng.uniform(0, 10))).isoformat())

    def _drawn_command(self, story: Story) -> tuple[CommandSpec, Any]:
        """Any command on a learner that is there, with ids of this learner's life and of others' places."""
        spec = self.rng.choice(ON_LEARNERS)
        place = self.rng.choice(list(PLACES))
        own = {
            "enrolment": str(ident(f"second {story.learner}")), "transfer": str(ident(f"transfer {story.learner}")),
            "convention": str(CONVENTION), "centre": str(centre_of(place)), "to_centre": str(centre_of(place)),
            "group": str(ident(f"random group {place}")), "session": str(ident(f"random session {place}")),
            "authority": str(ident("delegation")), "version": 3,
            "ended_on": "2026-11-20", "starts_on": "2026-11-02",
        }  # fmt: skip
        said = dict(EXAMPLES[spec.command.__name__])
        return spec, {name: own.get(name, value) for name, value in said.items()}

    def _command(self, worker: Worker, story: Story, spec: CommandSpec, body: Any) -> None:
        path = rule_of(spec).replace(f"<uuid:{spec.stream}>", str(story.learner))
        response = self._ask(worker, "POST", path, body)
        answered = response.get_data()
        code = (response.get_json(silent=True) or {}).get("code")
        assert response.status_code != 500, (spec.name, answered)
        assert code not in ("invalid-body", "malformed-json"), (spec.name, answered)
        let_in = response.status_code not in (403, 404) and code != "unknown-stream"
        answers = spec.name in ("accept-transfer", "reject-transfer")
        may = worker.acts_on(story, spec.roles, answering=answers)
        assert not let_in or may, (worker.grants, story, spec.name, answered)
        assert {story for key, story in self.by_id.items() if key in answered} <= {story}, (spec.name, answered)
        if let_in:
            self.decided.add(spec.name)

    def _ask(self, worker: Worker, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[worker.login]}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(UUID(int=self.rng.getrandbits(128)))
        return self.client.open(path, method=method, json=body, headers=headers)


@pytest.fixture
def place(web_dsn: str, keys_role_dsn: str, tmp_path: Path) -> Iterator[tuple[Forsa, DevelopmentIssuer]]:
    forsa = composed(web_dsn, keys_role_dsn, tmp_path / "key.json")
    yield forsa, DevelopmentIssuer(tmp_path / "key.json", "forsa")
    forsa.close()


@pytest.mark.parametrize("seed", range(SHARDS))
def test_no_random_call_shows_or_does_more_than_its_sender_may(
    place: tuple[Forsa, DevelopmentIssuer], projector_dsn: str, log_dsn: str, seed: int
) -> None:
    forsa, issuer = place
    caller = Caller(forsa, issuer, random.Random(seed))
    projector = Projector(projector_dsn, forsa.mapper, forsa.keyring)
    projector.catch_up()
    projector.close()
    before = forsa.event_log.max_position()
    for number in range(1, CALLS // SHARDS + 1):
        caller.call()
        if number % BETWEEN_REVOCATIONS == 0:
            caller.revoke()
            before += 1
    assert forsa.event_log.max_position() == before
    assert len(caller.decided) > len(ON_LEARNERS) / 2, "hardly any command got as far as the rules: it says little"
    assert caller.by_emergency > 10, "hardly any emergency showed anybody: the test says little"
    _check_disclosures(caller, log_dsn)


def _check_disclosures(caller: Caller, log_dsn: str) -> None:
    """One row a request that showed somebody, with exactly those; none for the others."""
    with psycopg.connect(log_dsn) as connection:
        rows = connection.execute("select request::text, subjects from records.disclosures").fetchall()
    written = {str(request): set(subjects) for request, subjects in rows}
    assert len(written) == len(rows), "two rows of one request"
    shown = {request: ids for request, ids in caller.shown.items() if ids}
    assert len(shown) > 500, "hardly anybody was shown: the test says little"
    for request in written.keys() | shown.keys():
        assert written.get(request) == shown.get(request), caller.asked[request]

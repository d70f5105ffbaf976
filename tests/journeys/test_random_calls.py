"""Twenty thousand random calls by workers with random grants, each answer checked.

Nobody is shown a learner beyond their scope, every look at one is written down with exactly the ids shown, and no
command is decided beyond the scope. What each worker may see is worked out here from the stories the learners were
given, not by the product's own rules.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

import msgspec
import psycopg
import pytest

from api.app import create_app
from domain.casebook import Casebook
from domain.diploma_session import OpenDiplomaSession
from domain.group import OpenGroup
from domain.kind import Command, ReasonGiven
from domain.learner.admission import JoinGroup
from domain.learner.diploma import ListCandidate
from domain.learner.identification import NameGiven, RecordIdentity, VerifyIdentity
from domain.learner.leaving import EndEnrolment
from domain.learner.transfer import RequestTransfer
from domain.reference import code_list
from projections.projector import Projector
from runtime.tokens import DevelopmentIssuer
from runtime.wiring import Forsa, api_parts
from tests.api.regions import CONVENTION, LEARNER, PLACES, Holder, centre_of, enrolled, held_by, identified, stood_up
from tests.api.stack import SYSTEM, composed, ident
from tests.api.test_permission_matrix import NothingStored, WouldStore

CALLS: Final = 20_000
SHARDS: Final = 4  # each with its own store, so that they run side by side
LEARNERS, WORKERS = 48, 60
REGION: Final = {"TNG": "MA-01", "TET": "MA-01", "OUJ": "MA-02", "FES": "MA-03", "LAA": "MA-11"}
KNOWS_NAMES: Final = {
    "caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "en_agent",
    "data_protection_officer",
}  # fmt: skip
KNOWS_PHONES: Final = {"caseworker", "educator", "coordinator", "counsellor", "data_protection_officer"}
ACTING: Final = {"caseworker", "coordinator", "provincial_directorate"}
LETTERS: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
WHY: Final = ReasonGiven("paper_arrived_late")
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
    """Workers of every role, with grants anywhere."""
    holders = []
    for number in range(WORKERS):
        place = rng.choice(list(PLACES))
        scope, scope_id = rng.choice([
            ("centre", str(centre_of(place))), ("centre", str(centre_of(place))),
            ("organisation", str(ident(PLACES[place].association))), ("province", PLACES[place].province),
            ("region", REGION[PLACES[place].province]), ("convention", str(CONVENTION)),
            ("convention", str(ident("no convention"))), ("national", ""),
        ])  # fmt: skip
        role = code_list("role").codes[number % len(code_list("role").codes)]
        holders.append(Holder(f"random {number}", role, scope, scope_id, ident(PLACES[place].association)))
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
    episodes = {story.former, story.now} - {None}
    if holder.scope == "convention":
        return holder.scope_id == str(CONVENTION) and bool(episodes)
    if holder.role == "auditor":
        return bool(episodes & area_of(holder))
    return is_theirs(holder, story) or bool(story.left & area_of(holder))


def is_asked(holder: Holder, story: Story) -> bool:
    """Whether this worker may see the summary that comes with a request for transfer."""
    answers = holder.role in ("caseworker", "coordinator", "data_protection_officer")
    return answers and story.asked in area_of(holder)


class Caller:
    """Makes random calls and checks each answer."""

    def __init__(self, forsa: Forsa, issuer: DevelopmentIssuer, rng: random.Random) -> None:
        self.rng, self.stories, self.holders = rng, drawn_stories(rng), drawn_holders(rng)
        stood_up(forsa)
        self.others = tell(forsa, self.stories)
        self.stories.append(Story(LEARNER, "former", "former", "own", "asked", "سلمى", "none"))
        held_by(forsa, self.holders)
        parts = api_parts(forsa, issuer.verifier())
        book = Casebook(NothingStored(forsa), forsa.keyring, now=forsa.now, nonce=parts.new_id)
        parts = msgspec.structs.replace(parts, casebook=book, outages=(*parts.outages, WouldStore))
        self.client = create_app(parts).test_client()
        now = int(time.time())
        self.began = datetime.now(UTC)
        self.tokens = {holder.login: issuer.issue(holder.login, now) for holder in self.holders}
        self.by_id = {str(story.learner).encode(): story for story in self.stories}
        self.shown: dict[str, set[UUID]] = {}  # request → ids shown
        self.asked: dict[str, str] = {}  # request → path
        self.decided = 0

    def call(self) -> None:
        story = self.rng.choice(self.stories)
        if self.rng.random() < 0.2:
            self._command(self.rng.choice([each for each in self.holders if each.role in ACTING]), story)
        else:
            self._read(self.rng.choice(self.holders), story)

    def _read(self, holder: Holder, story: Story) -> None:
        method, path, body = self._drawn_read(story)
        response = self._ask(holder, method, path, body)
        answered = response.get_data()
        assert response.status_code != 500, (path, answered)
        if response.status_code != 200:
            assert {story for key, story in self.by_id.items() if key in answered} <= {story}, (path, answered)
            assert not any(each.given.encode() in answered for each in self.stories), path
            return
        # the learner of the address is shown too, also where the body has no line of them
        shown = {self.by_id[each] for each in UUIDS.findall(answered + path.encode()) if each in self.by_id}
        for each in shown:
            asked = is_asked(holder, each) and ("/timeline" not in path and "/audit" not in path)
            assert is_seen(holder, each) or asked, (holder, each, path)
        self._check_person(holder, path, answered)
        self._check_episodes(holder, path, answered)
        request = response.headers["X-Request-Id"]
        self.shown[request], self.asked[request] = {each.learner for each in shown}, path

    def _check_person(self, holder: Holder, path: str, answered: bytes) -> None:
        for each in self.stories:
            if each.given.encode() in answered:
                seen = is_seen(holder, each) or is_asked(holder, each)
                assert seen and holder.role in KNOWS_NAMES, (holder, each, path)  # noqa: PT018 - one fact
            if each.phone.encode() in answered:
                assert is_theirs(holder, each) and holder.role in KNOWS_PHONES, (holder, each, path)  # noqa: PT018

    def _check_episodes(self, holder: Holder, path: str, answered: bytes) -> None:
        """A former centre sees nothing of where the learner went."""
        for each in self.stories:
            if str(ident(f"second {each.learner}")).encode() in answered:
                sent = holder.scope == "convention" or (holder.role == "auditor" and each.now in area_of(holder))
                assert sent or is_theirs(holder, each) or is_asked(holder, each), (holder, each, path)

    def _drawn_read(self, story: Story) -> tuple[str, str, Any]:
        rng, learner = self.rng, f"/v1/learners/{story.learner}"
        kind, other = rng.choice(rng.choice(list(self.others.values())))
        week = "?week=2026-10-05&component=workshop"
        place = centre_of(rng.choice(list(PLACES)))
        paths = [
            learner, learner, f"{learner}?as_of={self._moment()}", f"{learner}/timeline", f"{learner}/timeline?limit=2",
            f"{learner}/audit-trail", f"{learner}/events/{rng.randint(1, 9)}", f"{learner}/possible-commands",
            f"{learner}/disclosures?limit=5", f"{learner}/timeline?as_of={self._moment()}",
            f"/v1/learners?limit={rng.randint(1, 60)}", "/v1/learners?relation=former",
            "/v1/learners?relation=requested",
            f"/v1/learners?centre={place}&season=2026", f"/v1/{kind}/{other}", f"/v1/{kind}/{other}/timeline",
            f"/v1/{kind}/{other}/audit-trail", f"/v1/{kind}/{other}/events/{rng.randint(1, 12)}",
            f"/v1/{kind}/{other}/possible-commands", f"/v1/groups/{other}/attendance{week}",
            f"/v1/groups?centre={place}", f"/v1/learners/{other}", f"/v1/groups/{story.learner}",
        ]  # fmt: skip
        path = rng.choice([*paths, "search", "search"])
        if path == "search":
            given = rng.choice([story.given, story.given[:4], "الزياني", "زن"])
            return "POST", f"/v1/learner-searches?limit={rng.randint(1, 60)}", {"text": given}
        return "GET", path, None

    def _moment(self) -> str:
        """A moment of the log's life, or one before it."""
        return quote((self.began - timedelta(seconds=self.rng.uniform(0, 10))).isoformat())

    def _command(self, holder: Holder, story: Story) -> None:
        noun, body = self.rng.choice([
            ("identity-verifications", {"document_type": "family_booklet"}),
            ("orientations", {"level": "level_2", "trades": ["COU"]}),
            ("eligibility-assessments", {"convention": str(CONVENTION), "school_status": "dropped_out"}),
            ("withdrawals", {"version": 3, "why": {"code": "entry_error"}}),
            ("derogations", {"rule": 1, "reason": "siblings_enrolled", "act_reference": "26/412"}),
            ("enrolment-ends", {"enrolment": str(ident(f"second {story.learner}")), "exit": "completed"}),
            ("erasure-requests", {"families": ["contacts"], "asked_by": "guardian"}),
        ])  # fmt: skip
        decided = self.decided
        response = self._ask(holder, "POST", f"/v1/learners/{story.learner}/{noun}", body)
        let_in = response.status_code not in (403, 404)
        assert response.status_code != 500, (noun, response.get_data())
        assert not let_in or is_theirs(holder, story), (holder, story, noun, response.get_data())
        self.decided = decided + let_in

    def _ask(self, holder: Holder, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[holder.login]}"}
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
    for _ in range(CALLS // SHARDS):
        caller.call()
    assert forsa.event_log.max_position() == before
    assert caller.decided > 10, "hardly any command got as far as being decided: the test says little"
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

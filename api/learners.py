"""Reads of learners: the record with the person opened at read time, the list without names, the search by POST."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import MOMENT, add_read, answer, wait_for_views
from api.blueprint import ForsaBlueprint
from api.cursors import asked_after, asked_limit, next_page
from api.disclosing import disclose, mentioned
from api.filters import asked_centre, asked_season
from api.forms import Form, Text
from api.languages import say
from api.links import links_of, self_link
from api.parts import Parts
from api.permissions import sender
from api.preconditions import asked_position, refuse_unreached
from api.problems import Problem, bad_parameter
from api.seeing import admitted_learner, cut, person_shown, reach, shown, sight_on
from domain.access import Sight
from domain.learner.identification import Contacts, Identity
from domain.learner.standing import Standing
from domain.learner.state import LIFE_CYCLE, Learner
from domain.sealed import Erased, SealedFact
from domain.streams import KINDS, fold
from domain.values import BadText, clean_file_number
from projections.learner_directory import Found, SearchPlace
from projections.learner_record import LearnerRecord, record_of
from projections.within import RELATIONS

FILTERS: Final = ("relation", "centre", "season", "status")
PAGE: Final = ("limit", "cursor")


class LearnerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A learner's record as of `position`, with who they are as far as known."""

    id: UUID
    version: int
    position: int
    stale: bool  # the view could not take in this learner's last events
    sight: str  # full | episode (of yours, as it stood when it ended) | summary (a transfer to you was requested)
    status: str
    status_text: str
    identity: Identity | None  # None once erased, or where names are not for you
    contacts: Contacts | None
    erased: bool
    transfer: TransferAsked | None  # waits for an answer
    record: LearnerRecord
    links: dict[str, str]


class TransferAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The transfer that was requested and has no answer: its id is what accepting, rejecting, withdrawing it name."""

    transfer: UUID
    enrolment: UUID | None
    from_centre: UUID
    to_centre: UUID
    effective_on: date


class LearnerList(msgspec.Struct, frozen=True):
    """A page of records, without names."""

    items: list[LearnerRecord]
    position: int


class LearnerFound(msgspec.Struct, frozen=True, kw_only=True):
    """One learner found, with what tells people apart."""

    learner: UUID
    file_number: str
    status: str
    centre: UUID | None
    arabic: str | None
    latin: str | None
    sex: str
    birth_date: date | None
    birth_certainty: str
    href: str


class LearnersFound(msgspec.Struct, frozen=True):
    """A page of learners found, best first."""

    items: list[LearnerFound]
    position: int


class SearchForm(Form):
    """A name in either script, a file number or an identifier."""

    text = Text(required=True, metadata={"description": "A name, a file number or an identifier."})


class LearnerKnown(msgspec.Struct, frozen=True):
    """The learner who has this file number, without a word about them."""

    learner: UUID
    links: dict[str, str]  # what can be asked for without being responsible


class LookupForm(Form):
    """A file number, as it is printed on every paper of a learner."""

    file_number = Text(required=True, metadata={"description": "As printed on every paper of the learner."})


def register_learners(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes of reading learners."""
    get, listed = partial(get_learner, parts), partial(list_learners, parts)
    add_read(blueprint, "/v1/learners/<uuid:learner>", "get-learner", get, LearnerAnswer, *MOMENT)
    add_read(blueprint, "/v1/learners", "list-learners", listed, LearnerList, *FILTERS, *PAGE, "at_least")

    @blueprint.body(SearchForm, {"text": "أمينة الإدريسي"})
    def search(sent: dict[str, Any]) -> Response:
        """Find learners by a name in Arabic or French spelling, a file number or an identifier. Stores nothing."""
        return search_learners(parts, sent["text"])

    @blueprint.body(LookupForm, {"file_number": "2026-TNG-381157-M"})
    def look_up(sent: dict[str, Any]) -> Response:
        """The id of the learner with this file number, whoever is responsible. The look is written down."""
        return look_up_learner(parts, sent["file_number"])

    add_read(blueprint, "/v1/learner-lookups", "look-up-learner", look_up, LearnerKnown, method="POST")
    rule = "/v1/learner-searches"
    add_read(blueprint, rule, "search-learners", search, LearnersFound, *PAGE, "at_least", method="POST")


def get_learner(parts: Parts, learner: UUID) -> Response:
    """A learner's record as far as it is yours to see: of now, or as it was known at a moment."""
    record, state, position, stale, sight = _record(parts, learner)
    facts = state.identification
    wanted = facts.identity if sight.identity else None, facts.contacts if sight.contacts else None
    identity, contacts = _opened(parts, learner, *wanted)
    body = LearnerAnswer(
        id=learner,
        version=record.version,
        position=position,
        stale=stale,
        sight=sight.level,
        status=record.status,
        status_text=say(f"status.{record.status}"),
        identity=None if isinstance(identity, Erased) else person_shown(identity, sight),
        contacts=None if isinstance(contacts, Erased) else contacts,
        erased=isinstance(identity, Erased) or "identity" in state.privacy.closed,
        transfer=_transfer(state, sight),
        record=record,
        links=links_of("learner", learner, history=sight.level != "summary"),
    )
    disclose(parts, {learner: sight}, position=position)
    return answer(body, version=record.version)


def list_learners(parts: Parts) -> Response:
    """Learners you may see, in a fixed order, without names: of one centre, season or status where asked.

    `relation`: those of your centres now (current), of an earlier episode (former), or whose transfer to you was
    requested.
    """
    limit, after, filters = asked_limit(), asked_after(parts, "list-learners", UUID), _filters()
    wait_for_views(parts, "learner_record")
    asked = {"relation": "former"} if filters["relation"] == "former" else filters
    found = parts.views.learner_records(reach(parts), after=after, limit=limit + 1, **asked)
    more = found.value[limit - 1].learner if len(found.value) > limit else None
    kept = {name: request.args[name] for name in (*FILTERS, "limit") if name in request.args}
    headers = next_page(parts, "list-learners", more, **kept)
    shown_of = [each for each in _seen(parts, found.value[:limit]) if _is_asked_for(each[0], filters)]
    items = [record for record, _ in shown_of]
    disclose(parts, {record.learner: sight for record, sight in shown_of})
    return answer(LearnerList(items, found.position), headers=headers)


def search_learners(parts: Parts, text: str) -> Response:
    """A page of your learners that this text finds; the following page is asked with the same body."""
    limit, after = asked_limit(), asked_after(parts, "search-learners", SearchPlace)
    wait_for_views(parts, "learner_directory")
    full = msgspec.structs.replace(reach(parts), conventions=frozenset())  # a convention shows nobody in full
    found = parts.views.search(full, text, limit=limit + 1, after=after)
    more = found.value[limit - 1].place if len(found.value) > limit else None
    headers = next_page(parts, "search-learners", more, limit=str(limit))
    sights = [(each, _sight(parts, each)) for each in found.value[:limit]]
    mine = {each.learner: (each, sight) for each, sight in sights if sight and sight.level == "full"}
    disclose(parts, {learner: sight for learner, (_, sight) in mine.items()})
    return answer(LearnersFound([_found(each) for each, _ in mine.values()], found.position), headers=headers)


def look_up_learner(parts: Parts, number: str) -> Response:
    """Who has this file number. Shows the id alone: what comes after it is an emergency access, or a transfer."""
    try:
        claim = parts.casebook.streams.digest("file-number", clean_file_number(number))
    except BadText:
        raise Problem("not-found") from None
    learner = parts.casebook.streams.find_claim(claim)
    if learner is None:
        raise Problem("not-found")
    disclose(parts, mentioned([learner]))
    accesses = f"{self_link('organisation', sender().org)}/emergency-accesses"
    return answer(LearnerKnown(learner, {"open-emergency-access": accesses}))


def _is_asked_for(record: LearnerRecord, filters: Mapping[str, Any]) -> bool:
    """Whether what is shown of the learner matches: what is hidden must not be found out by filters."""
    current = record.active or record.last
    last = next((each for each in record.enrolments if each.enrolment == current), None)
    held = {"status": record.status, "centre": last and last.centre, "season": last and last.season}
    return all(filters[name] in (None, value) for name, value in held.items())


def _seen(parts: Parts, records: list[LearnerRecord]) -> list[tuple[LearnerRecord, Sight]]:
    """Those the sender may see, each cut to their sight: a former centre's is folded up to its episode's end."""
    sights = [(record, sight_on(parts, record.learner, record.standing)) for record in records]
    former = [record.learner for record, sight in sights if sight and sight.upto]
    streams = parts.casebook.streams.load(former) if former else {}
    seen = []
    for record, sight in sights:
        if sight is None:
            continue
        if sight.upto is not None:
            events = streams[record.learner].events[: sight.upto]
            then = record_of(record.learner, fold(KINDS["learner"], events))
            record = _as_registered(then, record)  # noqa: PLW2901 - the same learner's, earlier
        seen.append((shown(record, sight), sight))
    return seen


def _as_registered(then: LearnerRecord, now: LearnerRecord) -> LearnerRecord:
    """A former centre's record, its diplomas as they stand now: that its episode is over keeps none in force."""
    held = {each.diploma: each for each in now.diplomas}
    return msgspec.structs.replace(then, diplomas=[held.get(each.diploma, each) for each in then.diplomas])


def _sight(parts: Parts, found: Found) -> Sight | None:
    standing = Standing(custody=found.custody, org=found.org, province=found.province, episodes=())
    return sight_on(parts, found.learner, standing)


def _record(parts: Parts, learner: UUID) -> tuple[LearnerRecord, Learner, int, bool, Sight]:
    """Record, state, position, whether the view is stale, and the sight they are cut to.

    Raises Problem, Refused where the learner is unknown, to the reader or altogether.
    """
    asked = asked_position(parts)
    if asked is not None:
        refuse_unreached(asked)
        sight = admitted_learner(parts, parts.casebook.load("learner", learner))
        then = parts.casebook.load("learner", learner, asked)
        state: Learner = cut(then, sight.upto).state
        return shown(record_of(learner, state), sight), state, asked, False, sight
    wait_for_views(parts, "learner_record")
    found = parts.views.learner_record(learner)
    now = parts.casebook.load("learner", learner)
    sight = admitted_learner(parts, now)
    if found.value is None:  # parked before it ever had a row, or not there yet: it cannot be shown
        raise Problem("unavailable" if found.stale else "not-found")
    state = cut(now, min(found.value.version, sight.upto or found.value.version)).state
    is_now = found.value.version == state.version
    record = found.value if is_now else _as_registered(record_of(learner, state), found.value)
    return shown(record, sight), state, found.position, found.stale, sight


def _opened(parts: Parts, learner: UUID, *facts: SealedFact[Any] | None) -> list[Any]:
    """The facts' clear values in one question to the keys: ERASED where destroyed, None where there is no fact."""
    there = [(learner, fact) for fact in facts if fact is not None]
    values = iter(parts.casebook.keyring.open_many(there))
    return [None if fact is None else next(values) for fact in facts]


def _transfer(state: Learner, sight: Sight) -> TransferAsked | None:
    """The request that waits for its answer, for the two centres it is between. An episode shows nothing of it."""
    pending = state.transfers.pending
    if pending is None or sight.episodes is not None:
        return None
    return TransferAsked(**{name: getattr(pending, name) for name in TransferAsked.__struct_fields__})


def _found(found: Found) -> LearnerFound:
    shared = {name: getattr(found, name) for name in LearnerFound.__struct_fields__ if name != "href"}
    return LearnerFound(**shared, href=self_link("learner", found.learner))


def _filters() -> dict[str, Any]:
    """relation, centre, season and status as asked. Raises Problem bad-parameter."""
    relation, status = request.args.get("relation", "current"), request.args.get("status")
    if relation not in RELATIONS:
        raise bad_parameter("relation", expected=", ".join(RELATIONS))
    if status is not None and status not in LIFE_CYCLE:
        raise bad_parameter("status", expected=", ".join(LIFE_CYCLE))
    return {"relation": relation, "centre": asked_centre(), "season": asked_season(), "status": status}

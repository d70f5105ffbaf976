"""The candidates of a diploma session with their names, before it is held: JSON, or a workbook for the office.

Who sees whom, precisely: the people of Entraide Nationale every candidate of the session their delegation holds, and of
any session those whose centre lies in their scope; a coordinator those their centre trains or trained for it. The
session of others is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import add_read, answer
from api.blueprint import ForsaBlueprint
from api.candidate_sheet import COLUMNS, MEDIA, workbook
from api.diploma_details import Named
from api.disclosing import disclose
from api.languages import language, say
from api.parts import Parts
from api.permissions import sender
from api.problems import OK, bad_parameter
from api.seeing import seen, sight_on
from domain.access import Sight, covers_site
from domain.diploma_session import Candidate, DiplomaSession
from domain.learner.deciding.diploma import printed_name, unsettled_forms
from domain.learner.diploma import PrintedName
from domain.learner.identification import Identity
from domain.learner.standing import standing_of
from domain.learner.state import Learner
from domain.organisation import LocalName
from domain.reference import label
from domain.sealed import Erased, SealedFact
from domain.streams import KINDS, fold
from domain.values import today_in_casablanca

FORMATS: Final = {"json": "application/json", "xlsx": MEDIA}
NAMELESS: Final = PrintedName()


class CandidateNamed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. The names are those a diploma would print; erased: the line stays and nobody is in it."""

    candidate_number: str
    learner: UUID
    enrolment: UUID
    arabic: str | None
    latin: str | None
    birth_date: date | None
    birth_certainty: str | None
    sex: str | None
    centre: UUID
    trade: str | None
    flags: list[str]  # of the name's forms: they are settled before a diploma is printed
    decision: str | None  # None until marked
    is_erased: bool


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """The candidates of a session the sender may see, by number."""

    id: UUID
    version: int  # of the session
    position: int
    status: str
    held_from: date
    held_to: date
    centres: list[Named]  # of these lines
    items: list[CandidateNamed]


class Line(NamedTuple):
    """A candidate the sender may see; `identity`: as of what they see of the learner."""

    number: str
    candidate: Candidate
    learner: Learner
    identity: SealedFact[Identity] | None
    sight: Sight


def register_candidates(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The route of a session's candidates."""
    get, rule = partial(get_candidates, parts), "/v1/diploma-sessions/<uuid:diploma_session>/candidates"
    add_read(blueprint, rule, "get-candidates", get, Candidates, "candidates-format", "at_least", files=(MEDIA,))


def get_candidates(parts: Parts, diploma_session: UUID) -> Response:
    """The candidates of a session with their names. A workbook with `format=xlsx`, or where `Accept` asks for one."""
    as_workbook = _asked_format() == "xlsx"
    loaded, position, _ = seen(parts, "diploma-session", diploma_session)
    session: DiplomaSession = loaded.state
    lines = list(_lines(parts, session, position))
    items = _named(parts, lines)
    shown = Candidates(
        id=diploma_session,
        version=session.version,
        position=position,
        status=loaded.kind.status_of(session),
        held_from=session.held_from,
        held_to=session.held_to,
        centres=[Named(each, _name_of(parts, each)) for each in sorted({item.centre for item in items})],
        items=items,
    )
    response = _workbook(parts, shown) if as_workbook else answer(shown)
    response.vary.add("Accept")
    disclose(parts, {each.candidate.learner: each.sight for each in lines}, position=position)
    return response


def _lines(parts: Parts, session: DiplomaSession, position: int) -> Iterator[Line]:
    streams = parts.casebook.streams.load([each.learner for each in session.candidates.values()], position)
    for number, candidate in session.candidates.items():
        events = streams[candidate.learner].events
        learner: Learner = fold(KINDS["learner"], events)
        sight = _sight(parts, session, candidate, learner)
        if sight is not None:
            seen_of: Learner = fold(KINDS["learner"], events[: sight.upto]) if sight.upto else learner
            yield Line(number, candidate, learner, seen_of.identification.identity, sight)


def _sight(parts: Parts, session: DiplomaSession, candidate: Candidate, learner: Learner) -> Sight | None:
    """What a summary has, for whoever may see this candidate; None: nothing."""
    centre = parts.site_of(learner.admission.enrolments[candidate.enrolment].centre)
    for each in sender().acting:
        if each.role == "en_agent" and (each.org == session.authority or covers_site(each, centre)):
            return Sight(level="summary", identity=True, by=(each.role, each.org))
    own = sight_on(parts, candidate.learner, standing_of(learner))
    if own is None or not own.identity or not own.sees(None, candidate.enrolment):
        return None
    return msgspec.structs.replace(own, level="summary")


def _named(parts: Parts, lines: list[Line]) -> list[CandidateNamed]:
    """The lines with their names: all keys in one round trip."""
    wanted = [(line.candidate.learner, line.identity) for line in lines if line.identity]
    opened = iter(parts.casebook.keyring.open_many(wanted))
    return [_item(each, next(opened) if each.identity else None) for each in lines]


def _item(line: Line, opened: Identity | Erased | None) -> CandidateNamed:
    number, candidate, learner, *_ = line
    identity = opened if isinstance(opened, Identity) else None
    enrolment = learner.admission.enrolments[candidate.enrolment]
    printed = printed_name(identity) if identity else NAMELESS
    return CandidateNamed(
        candidate_number=number,
        learner=candidate.learner,
        enrolment=candidate.enrolment,
        arabic=printed.arabic,
        latin=printed.latin,
        birth_date=identity.birth_date if identity else None,
        birth_certainty=identity.birth_certainty if identity else None,
        sex=identity.sex if identity else None,
        centre=enrolment.centre,
        trade=enrolment.trade,
        flags=unsettled_forms(learner, candidate.enrolment, identity) if identity else [],
        decision=candidate.mark.decision if candidate.mark else None,
        is_erased=identity is None,
    )


def _asked_format() -> str:
    asked = request.args.get("format")
    if asked not in (None, *FORMATS):
        raise bad_parameter("format", expected=", ".join(FORMATS))
    if asked is None:
        best = request.accept_mimetypes.best_match(list(FORMATS.values()), FORMATS["json"])
        asked = "xlsx" if best == MEDIA else "json"
    return asked


def _workbook(parts: Parts, shown: Candidates) -> Response:
    names, today = {each.id: _in_language(each.name) for each in shown.centres}, today_in_casablanca(parts.now())
    heads = [say(f"candidate-column.{each}") for each in COLUMNS]
    rows = [_cells(each, names, today) for each in shown.items]
    title, is_arabic = say("candidate-column.sheet"), language() == "ar"
    response = Response(workbook(title, heads, rows, right_to_left=is_arabic), OK, mimetype=MEDIA)
    response.headers["Content-Disposition"] = f'attachment; filename="candidates-{shown.id}.xlsx"'
    return response


def _cells(item: CandidateNamed, centres: dict[UUID, str], today: date) -> list[str]:
    """The cells of a line, in the order of COLUMNS."""

    def said(name: str, code: str | None) -> str:
        return label(name, code, language(), today) if code else ""

    cells = {
        "candidate_number": item.candidate_number,
        "arabic": item.arabic or "",
        "latin": item.latin or "",
        "birth_date": str(item.birth_date or ""),
        "birth_certainty": said("birth_certainty", item.birth_certainty),
        "sex": said("sex", item.sex),
        "centre": centres[item.centre],
        "trade": said("trade", item.trade),
        "flags": "; ".join(say(f"flag.{each}") for each in item.flags),
        "decision": said("exam_decision", item.decision),
        "learner": str(item.learner),
    }
    if item.is_erased:
        cells["arabic" if language() == "ar" else "latin"] = f"({say('candidate-column.erased')})"
    return [cells[each] for each in COLUMNS]


def _name_of(parts: Parts, centre: UUID) -> LocalName:
    name: LocalName = parts.casebook.load("centre", centre).state.name
    return name


def _in_language(name: LocalName) -> str:
    """The name in the script of the language asked for, else in the other."""
    chosen = name.ar or name.fr if language() == "ar" else name.fr or name.ar
    return chosen or ""

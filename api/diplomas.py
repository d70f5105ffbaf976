"""Diplomas by id and by number, with the names printed on them, for those who work with the person or the register.

Who may, precisely: whoever sees the learner with their name, and the episode the diploma was awarded in; the people of
the delegation whose register it stands in, and of Entraide Nationale where the centre that prepared for it lies; a
partner whose feed tells of it, which never learns who the learner is in our records. For all others it is not there.
A diploma is shown as it stands now, also where its reader sees the learner's past alone: a register is no past.
"""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from flask import Response, request

from api.answers import MOMENT, add_read, answer, wait_for_views
from api.blueprint import ForsaBlueprint
from api.diploma_details import DiplomaDetails, details_of
from api.disclosing import disclose
from api.forms import YEARS, read_uuid
from api.parts import Parts
from api.permissions import sender
from api.preconditions import asked_position, refuse_unreached
from api.problems import bad_parameter
from api.seeing import unknown
from domain.access import Held, Sight, keeps_register, sight_of
from domain.learner.standing import Standing, standing_of
from domain.partner_feed import feed_name
from domain.reference import code_list
from domain.values import BadText, clean_register_number
from projections.diploma_register import RegisteredDiploma

PARTNER: Final = "partner"
LEVEL: Final = "diploma"  # what the disclosure log says was shown: one diploma of theirs
REGISTER: Final = ("delegation", "kind", "year", "number")
LONGEST_NUMBER: Final = 60  # characters


class DiplomasFound(msgspec.Struct, frozen=True):
    """The diploma that has or had this number in its register; empty where there is none, or none for you."""

    items: list[DiplomaDetails]


def register_diplomas(parts: Parts, blueprint: ForsaBlueprint) -> None:
    """The routes of diplomas."""
    get, find = partial(get_diploma, parts), partial(find_diploma, parts)
    add_read(blueprint, "/v1/diplomas/<uuid:diploma>", "get-diploma", get, DiplomaDetails, *MOMENT)
    asks = (*(f"register-{each}" for each in REGISTER), "at_least")
    add_read(blueprint, "/v1/diplomas", "find-diploma", find, DiplomasFound, *asks)


def get_diploma(parts: Parts, diploma: UUID) -> Response:
    """A diploma with its details and the names printed on it: of now, or as it was known at a moment."""
    wait_for_views(parts, "diploma_register")
    shown = _shown(parts, parts.views.diploma(diploma).value)
    if shown is None:
        raise unknown("learner", diploma)
    return answer(shown, version=shown.version or shown.revision)


def find_diploma(parts: Parts) -> Response:
    """The diploma with this number in this register, as somebody holds the paper in hand: also by a number it had."""
    delegation, kind, year, number = _asked_delegation(), _asked_kind(), _asked_year(), _asked_number()
    wait_for_views(parts, "diploma_register")
    found = parts.views.diploma_numbered(number, delegation=delegation, kind=kind, year=year)
    shown = _shown(parts, found.value)
    if shown is None:
        disclose(parts, {})
    return answer(DiplomasFound([shown] if shown else []))


def _shown(parts: Parts, row: RegisteredDiploma | None) -> DiplomaDetails | None:
    """The diploma as far as it is the sender's to see, the look at it written down; None: it is not there for them."""
    asked = asked_position(parts)
    position = parts.log.max_position() if asked is None else asked
    refuse_unreached(position)
    if row is None:
        return None
    now = parts.casebook.load("learner", row.learner, None if asked is not None else position)
    sight = _sight(parts, row, standing_of(now.state))
    then = now if asked is None else parts.casebook.load("learner", row.learner, asked)
    award = then.state.diploma.diplomas.get(row.diploma)
    if sight is None or sight.by is None or award is None:
        return None
    shows_learner = sight.by[0] != PARTNER
    details = details_of(parts, row.diploma, award, then.stream, shows_learner=shows_learner, position=position)
    disclose(parts, {row.learner: sight}, position=position)
    return details


def _sight(parts: Parts, row: RegisteredDiploma, standing: Standing) -> Sight | None:
    """By which grant the sender sees this diploma, a partner's last; None: by none."""
    people = [each for each in sender().acting if each.role != PARTNER]
    sight = sight_of(row.learner, standing, people, parts.site_of)
    if sight is not None and sight.identity and sight.sees(row.version, row.enrolment):
        return Sight(level=LEVEL, identity=True, emergency=sight.emergency, by=sight.by)
    keepers = (each for each in people if keeps_register(each, row.delegation, parts.site_of(row.centre)))
    partners = (each for each in sender().acting if each.role == PARTNER and _is_told(parts, each, row.diploma))
    held = next(keepers, None) or next(partners, None)
    return Sight(level=LEVEL, identity=True, by=(held.role, held.org)) if held else None


def _is_told(parts: Parts, held: Held, diploma: UUID) -> bool:
    """Whether a partner is told of it: national ones of every diploma, a region's of those on the region's feed."""
    if held.scope == "region":
        return feed_name(held.scope_id) in parts.feeds.telling_of(diploma)
    return held.scope == "national"


def _asked_delegation() -> UUID:
    delegation = read_uuid(request.args.get("delegation", ""))
    if delegation is None:
        raise bad_parameter("delegation", expected="UUID")
    return delegation


def _asked_kind() -> str:
    kind, kinds = request.args.get("kind", ""), code_list("diploma_kind").codes
    if kind not in kinds:
        raise bad_parameter("kind", expected=", ".join(kinds))
    return kind


def _asked_year() -> int:
    text = request.args.get("year", "")
    if not (text.isascii() and text.isdecimal() and int(text[:9]) in YEARS):
        raise bad_parameter("year", expected="2026")
    return int(text)


def _asked_number() -> str:
    try:
        number = clean_register_number(request.args.get("number", ""), longest=LONGEST_NUMBER)
    except BadText:
        number = ""
    if not number:
        raise bad_parameter("number", expected="2026/0011")
    return number

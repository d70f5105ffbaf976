"""The directory: the only view with readable personal data. Learners are found in it by any spelling of their names.

One row a learner whose identity can be opened; an erased identity has no row. A change of `domain.arabic` is a new
version of this view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from domain.arabic import fold, phonetic
from domain.learner.identification import Identity, PersonName
from domain.learner.standing import standing_of
from domain.learner.state import Learner, status_of
from domain.sealed import Erased
from domain.values import BadText, clean_file_number
from projections.view import Column, Facts, Index, Opened, Row, StreamView


def rows_of(_stream: UUID, learner: Any, opened: Opened) -> list[Row]:
    """The learner's row, none where the identity was erased."""
    identity = opened[0] if opened else None
    if identity is None or isinstance(identity, Erased):
        return []
    assert isinstance(identity, Identity), "facts_of names the identity"
    admission = learner.admission
    current = admission.active or admission.last
    enrolment = admission.enrolments[current] if current else None
    standing = standing_of(learner)
    return [
        (
            learner.identification.file_number,
            status_of(learner),
            enrolment.centre if enrolment else None,
            name_in(identity.names, "arabic"),
            name_in(identity.names, "latin") or name_in(identity.names, "other"),
            identity.sex,
            identity.birth_date,
            identity.birth_certainty,
            searched(identity.names),
            phonetic_words(full_name(each) for each in identity.names),
            sorted({folded_identifier(each.value) for each in identity.identifiers}),
            standing.custody,
            sorted(standing.former),
            standing.asked,
            list(dict.fromkeys(each.convention for each in standing.episodes)),
            standing.org,
            standing.province,
        )
    ]


def full_name(name: PersonName) -> str:
    """Given name, then family name."""
    return f"{name.given} {name.family}".strip()


def name_in(names: Sequence[PersonName], script: str) -> str | None:
    """The first name in this script."""
    return next((full_name(each) for each in names if each.script == script), None)


def searched(names: Sequence[PersonName]) -> str:
    """The folded names, one after the other, each once."""
    return " | ".join(dict.fromkeys(fold(full_name(each)) for each in names))


def phonetic_words(texts: Iterable[str]) -> list[str]:
    """The phonetic keys of every word of these texts, each once: what a name is found by in either script."""
    return sorted({word for text in texts for word in phonetic(text).split()})


def folded_identifier(value: str) -> str:
    """Upper case, ASCII digits, without spaces and dashes: as people copy numbers from papers."""
    return "".join(character for character in fold(value).upper() if character.isalnum())


def facts_of(learner: Any) -> Facts:
    """The identity in force."""
    return (learner.identification.identity,)


# All but training and review: attendance changes nothing here, so no identity is opened for it.
part_of: Final = attrgetter(
    *(each for each in Learner.__struct_fields__ if each not in ("version", "training", "review"))
)


VIEW: Final = StreamView(
    name="learner_directory",
    version=2,  # since release 2: whose learner it is
    kinds=frozenset({"learner"}),
    columns=(
        Column("file_number", "text", required=True),
        Column("status", "text", required=True),
        Column("centre", "uuid"),
        Column("arabic", "text", personal=True),
        Column("latin", "text", personal=True),
        Column("sex", "text", required=True),
        Column("birth_date", "date", personal=True),
        Column("birth_certainty", "text", required=True),
        Column("folded", "text", required=True, personal=True),  # names, folded
        Column("sounds", "text[]", required=True, personal=True),  # phonetic keys of their words
        Column("identifiers", "text[]", required=True, personal=True),  # folded
        Column("custody", "uuid"),  # the centre responsible
        Column("former", "uuid[]", required=True),  # centres that were
        Column("asked", "uuid"),  # the centre asked to take the learner over
        Column("conventions", "uuid[]", required=True),  # of every enrolment
        Column("org", "uuid", required=True),  # that identified the learner
        Column("province", "text", required=True),  # of the identification
    ),
    indexes=(
        Index("file_number", "(file_number)"),
        Index("sounds", "using gin (sounds) with (fastupdate = off)"),
        Index("identifiers", "using gin (identifiers) with (fastupdate = off)"),
        Index("likeness", "using gin (folded gin_trgm_ops) with (fastupdate = off)", needs="pg_trgm"),
        Index("custody", "(custody, stream)"),
        Index("former", "using gin (former) with (fastupdate = off)"),
        Index("asked", "(asked, stream) where asked is not null"),
        Index("conventions", "using gin (conventions) with (fastupdate = off)"),
    ),
    rows_of=rows_of,
    part_of=part_of,
    facts_of=facts_of,
)


# ── search ──


class SearchPlace(msgspec.Struct, frozen=True):
    """Where a page of findings ended: the next goes on after it. Holds a name: never show it in the clear."""

    rank: int
    folded: str
    learner: UUID


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A learner found. `rank` 0: their number, 1: the name as typed, 2: its words, 3: its sound, 4: alike."""

    learner: UUID
    rank: int
    file_number: str
    status: str
    centre: UUID | None
    arabic: str | None
    latin: str | None
    sex: str
    birth_date: date | None
    birth_certainty: str
    folded: str
    custody: UUID | None
    org: UUID
    province: str

    @property
    def place(self) -> SearchPlace:
        """Where this finding stands."""
        return SearchPlace(self.rank, self.folded, self.learner)


# Every learner once, under the best rank, in an order in which a page can go on after the last one of the page before.
SEARCH: Final[LiteralString] = """
with found as (
  select 0 as rank, d.* from views.learner_directory_v2 d
   where %(number)s <> '' and (d.identifiers @> array[%(number)s] or d.file_number = %(file_number)s)
  union all
  select case when position(' ' || %(folded)s || ' ' in ' ' || d.folded || ' ') > 0 then 1
              when string_to_array(d.folded, ' ') @> string_to_array(%(folded)s, ' ') then 2
              else 3 end, d.*
    from views.learner_directory_v2 d
   where cardinality(%(sounds)s::text[]) > 0 and d.sounds @> %(sounds)s::text[]
  union all
  select 4, d.* from views.learner_directory_v2 d where length(%(folded)s) > 2 and ALIKE
), best as (
  select distinct on (stream) * from found order by stream, rank
)
select stream, rank, file_number, status, centre, arabic, latin, sex, birth_date, birth_certainty, folded, custody,
       org, province
  from best
 where (rank, folded, stream) > (%(after_rank)s::integer, %(after_folded)s::text, %(after_stream)s::uuid)
   and REACH
 order by rank, folded, stream
 limit %(limit)s
"""
BY_LIKENESS: Final[LiteralString] = SEARCH.replace("ALIKE", "%(folded)s <%% d.folded")
BY_PART: Final[LiteralString] = SEARCH.replace("ALIKE", "position(%(folded)s in d.folded) > 0")  # without pg_trgm


def search_parameters(text: str, after: SearchPlace | None, limit: int) -> dict[str, Any]:
    """The parameters of either query. A text of signs only finds nobody."""
    place = after or SearchPlace(-1, "", UUID(int=0))
    return {
        "number": folded_identifier(text),
        "file_number": clean_file_number_or_none(text),
        "folded": fold(text),
        "sounds": phonetic_words([text]),
        "after_rank": place.rank,
        "after_folded": place.folded,
        "after_stream": place.learner,
        "limit": limit,
    }


def clean_file_number_or_none(text: str) -> str | None:
    """The text as a file number, None where it is none."""
    try:
        return clean_file_number(text)
    except BadText:
        return None

"""Who sees what of a learner: grants × standing → sight, and the widest of several."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import EVERYWHERE, Sight, Site, covers_site, reach_of, sight_of
from domain.learner.standing import Episode, Standing
from domain.organisation import Mission
from domain.reference import code_list


def ident(name: str) -> UUID:
    return uuid5(UUID("1f0a3a52-6a4e-4a59-9c1c-3f9f6f2f1d10"), name)


ALWAYS = Mission(date(2000, 1, 1), date(2100, 1, 1), names=False)
LEARNER, OURS, THEIRS = ident("learner"), ident("our association"), ident("another association")
NOW, FORMER, ASKED, SISTER, NEAR, FAR = (ident(name) for name in ("now", "former", "asked", "sister", "near", "far"))
CONVENTION, OTHER_CONVENTION = ident("convention"), ident("other convention")
SITES = {
    site.centre: site
    for site in (
        Site(NOW, OURS, "TNG"),
        Site(SISTER, OURS, "TET"),
        Site(NEAR, THEIRS, "TNG"),
        Site(FORMER, THEIRS, "CAS"),
        Site(ASKED, ident("a third association"), "OUJ"),
        Site(FAR, ident("a fourth association"), "LAA"),
    )
}
FIRST = Episode(
    enrolment=ident("first"),
    centre=FORMER,
    convention=OTHER_CONVENTION,
    season=2024,
    starts_on=date(2024, 10, 1),
    ended_on=date(2025, 6, 30),
    ended_version=9,
)
SECOND = Episode(enrolment=ident("second"), centre=NOW, convention=CONVENTION, season=2025, starts_on=date(2025, 10, 1))
STANDING = Standing(custody=NOW, org=OURS, province="CAS", episodes=(FIRST, SECOND), asked=ASKED)
UNENROLLED = Standing(custody=None, org=OURS, province="TNG", episodes=())


class Grant(NamedTuple):
    role: str
    scope: str
    scope_id: str = ""
    org: UUID = OURS
    mission: Mission | None = None
    emergency: UUID | None = None


def seen(*grants: Grant, standing: Standing = STANDING) -> Sight | None:
    sight = sight_of(LEARNER, standing, grants, SITES.get)
    return sight and msgspec.structs.replace(sight, by=None)


def centre(role: str, at: UUID) -> Grant:
    return Grant(role, "centre", str(at), ident("whoever"))


FULL = Sight(level="full", identity=True, contacts=True)


@pytest.mark.parametrize(
    "grant",
    [
        Grant("caseworker", "centre", str(NOW)),
        Grant("coordinator", "organisation", str(OURS)),
        Grant("counsellor", "province", "TNG"),
        Grant("educator", "region", "MA-01"),
        Grant("data_protection_officer", "national"),
    ],
)
def test_whose_scope_has_the_centre_responsible_sees_the_record(grant: Grant) -> None:
    assert seen(grant) == FULL


@pytest.mark.parametrize(("role", "names"), [("provincial_directorate", True), ("en_agent", True), ("ministry", False)])
def test_authorities_see_no_contacts_and_the_ministry_no_names(role: str, names: bool) -> None:
    assert seen(Grant(role, "province", "TNG")) == Sight(level="full", identity=names)


def test_a_former_centre_sees_its_own_episode_up_to_its_end_without_contacts() -> None:
    sight = seen(centre("caseworker", FORMER))
    assert sight == Sight(level="episode", identity=True, episodes=frozenset({FIRST.enrolment}), upto=9)
    assert sight.sees(9, FIRST.enrolment)
    assert sight.sees(3, None)
    assert sight.sees(None, FIRST.enrolment), "a fact on a group's stream, of that episode"
    assert not sight.sees(10, None)
    assert not sight.sees(8, SECOND.enrolment)
    assert not sight.sees(None, None)


def test_a_centre_that_was_asked_sees_a_summary_and_no_history_until_it_answers() -> None:
    sight = seen(centre("coordinator", ASKED))
    assert sight == Sight(level="summary", identity=True)
    assert not sight.sees(1, None)
    answered = Standing(custody=NOW, org=OURS, province="CAS", episodes=(FIRST, SECOND), asked=None)
    assert seen(centre("coordinator", ASKED), standing=answered) is None
    assert seen(centre("educator", ASKED)) is None, "answering is not an educator's"


@pytest.mark.parametrize("at", [SISTER, NEAR, FAR])
def test_another_centre_sees_nothing_not_even_of_the_same_association_or_province(at: UUID) -> None:
    assert seen(centre("caseworker", at)) is None


@pytest.mark.parametrize(
    "grant",
    [
        Grant("provincial_directorate", "province", "LAA"),
        Grant("aref", "region", "MA-11"),
        Grant("caseworker", "organisation", str(ident("a fourth association")), ident("a fourth association")),
    ],
)
def test_another_place_sees_nothing(grant: Grant) -> None:
    assert seen(grant) is None


def test_before_an_enrolment_the_learner_is_whoever_identified_them() -> None:
    assert seen(Grant("caseworker", "centre", str(SISTER), OURS), standing=UNENROLLED) == FULL
    assert seen(Grant("caseworker", "centre", str(NEAR), THEIRS), standing=UNENROLLED) is None
    directorate = Grant("provincial_directorate", "province", "TNG", THEIRS)
    assert seen(directorate, standing=UNENROLLED) == Sight(level="full", identity=True)
    assert seen(Grant("caseworker", "centre", str(SISTER), OURS)) is None, "enrolled: the centre's"


def test_an_auditor_sees_the_episodes_of_the_convention_without_names() -> None:
    auditor = Grant("auditor", "convention", str(CONVENTION), THEIRS, ALWAYS)
    sight = seen(auditor)
    assert sight == Sight(level="episode", episodes=frozenset({SECOND.enrolment}), seasons=frozenset({2025}))
    assert sight.sees(40, SECOND.enrolment)
    assert sight.sees(3, None, 2025), "a step of the season"
    assert not sight.sees(3, None, 2026)
    assert not sight.sees(3, None), "neither of an enrolment nor of a season"
    assert not sight.sees(5, FIRST.enrolment)
    assert seen(Grant("auditor", "convention", str(CONVENTION), THEIRS)) is None, "sent to look at nothing"
    assert seen(Grant("auditor", "convention", str(ident("no such")), THEIRS, ALWAYS)) is None
    assert seen(auditor, standing=UNENROLLED) is None, "no convention paid for them"


@pytest.mark.parametrize(
    ("since", "until", "about"),
    [
        (date(2024, 1, 1), date(2024, 9, 30), set()),
        (date(2024, 1, 1), date(2024, 10, 1), {FIRST.enrolment}),
        (date(2025, 6, 30), date(2025, 9, 30), {FIRST.enrolment}),
        (date(2025, 7, 1), date(2026, 1, 1), {SECOND.enrolment}),
        (date(2024, 1, 1), date(2026, 1, 1), {FIRST.enrolment, SECOND.enrolment}),
    ],
)
def test_a_mission_is_about_the_enrolments_of_its_dates(since: date, until: date, about: set[UUID]) -> None:
    sight = seen(Grant("auditor", "national", mission=Mission(since, until, names=False)))
    assert (set() if sight is None else sight.episodes) == about


def test_a_mission_may_say_that_names_are_shown() -> None:
    mission = Mission(date(2024, 1, 1), date(2026, 1, 1), names=True)
    sight = seen(Grant("auditor", "convention", str(CONVENTION), mission=mission))
    assert sight is not None
    assert (sight.identity, sight.contacts) == (True, False)


def test_an_emergency_opens_one_learner_and_says_so() -> None:
    opened = ident("emergency")
    sight = seen(Grant("coordinator", "learner", str(LEARNER), emergency=opened))
    assert sight == Sight(level="full", identity=True, contacts=True, emergency=opened)
    assert seen(Grant("coordinator", "learner", str(ident("another")))) is None


def test_of_several_grants_the_widest_counts() -> None:
    assert seen(centre("coordinator", ASKED), centre("caseworker", FORMER)) == seen(centre("caseworker", FORMER))
    assert seen(centre("caseworker", FORMER), Grant("caseworker", "centre", str(NOW))) == FULL
    assert seen(Grant("ministry", "national"), Grant("aref", "region", "MA-01")) == Sight(level="full", identity=True)
    assert seen() is None


ROLES = st.sampled_from(code_list("role").codes)
PLACES = st.one_of(
    st.sampled_from([("centre", str(each)) for each in SITES]),
    st.sampled_from([("organisation", str(site.operator)) for site in SITES.values()]),
    st.sampled_from([("province", site.province) for site in SITES.values()]),
    st.sampled_from([("region", site.region) for site in SITES.values()] + [("convention", str(CONVENTION))]),
    st.sampled_from([("national", ""), ("learner", str(LEARNER)), ("learner", str(ident("another")))]),
)
GRANTS = st.lists(
    st.builds(lambda role, at, org: Grant(role, at[0], at[1], org), ROLES, PLACES, st.sampled_from([OURS, THEIRS])),
    max_size=4,
)


@given(GRANTS, GRANTS)
def test_a_further_grant_never_shows_less(some: list[Grant], more: list[Grant]) -> None:
    levels = {None: 0, "summary": 1, "episode": 2, "full": 3}
    less, wider = seen(*some), seen(*some, *more)
    assert levels[wider.level if wider else None] >= levels[less.level if less else None]


@given(GRANTS, st.sampled_from([STANDING, UNENROLLED]))
def test_whoever_sees_a_learner_as_theirs_finds_them_in_their_lists(grants: list[Grant], standing: Standing) -> None:
    listed = [each for each in grants if each.scope != "learner"]
    sight = seen(*listed, standing=standing)
    reach = reach_of(grants, SITES.values())
    if sight is None or sight.level != "full" or reach == EVERYWHERE or reach.everything:
        return
    if standing.custody is None:
        assert standing.org in reach.orgs or standing.province in reach.provinces
    else:
        assert standing.custody in reach.centres


def test_a_centre_nobody_knows_is_in_the_national_scope_alone() -> None:
    assert covers_site(Grant("aref", "national"), None)
    assert not covers_site(Grant("caseworker", "centre", str(NOW)), None)

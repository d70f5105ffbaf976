"""Who sees what of a learner: grants × standing → sight. Pure: what is granted, and where centres stand, is given.

Access is per episode. The centre responsible sees the record; a former centre its own episode as it stood when that
ended, without contacts; a centre that was asked to take a learner over a summary, until it answers; an auditor the
learners a convention paid for in the dates of the mission, without names unless the mission says so. Source: DESIGN §5,
DOMAIN §5 "Who decides".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.learner.standing import Episode, Standing
from domain.organisation import Mission
from domain.reference import code_list, region_of


class Held(Protocol):
    """One grant a worker may use now."""

    @property
    def role(self) -> str:
        """A code of the role list."""
        ...

    @property
    def scope(self) -> str:
        """A code of the grant_scope list, or `learner` for an emergency access to one."""
        ...

    @property
    def scope_id(self) -> str:
        """What the scope is of; empty for national."""
        ...

    @property
    def org(self) -> UUID:
        """The organisation acted for."""
        ...

    @property
    def mission(self) -> Mission | None:
        """What an auditor was sent to look at."""
        ...

    @property
    def emergency(self) -> UUID | None:
        """The emergency access it comes from."""
        ...


class Site(msgspec.Struct, frozen=True):
    """Where a centre stands and who runs it."""

    centre: UUID
    operator: UUID
    province: str

    @property
    def region(self) -> str:
        """The region of its province."""
        return region_of(self.province)


SiteOf = Callable[[UUID], Site | None]

# What a role is shown of the person. A role that is in neither sees learners without names.
SEES_IDENTITY: Final = frozenset(
    {"caseworker", "educator", "coordinator", "counsellor", "provincial_directorate", "aref", "en_agent"}
    | {"data_protection_officer"}
)
SEES_CONTACTS: Final = frozenset({"caseworker", "educator", "coordinator", "counsellor", "data_protection_officer"})
ANSWERS_TRANSFERS: Final = frozenset({"caseworker", "coordinator", "data_protection_officer"})
EVER: Final = Mission(date.min, date.max, names=False)  # of who follows a convention, for as long as it lasts
_LEVELS: Final = ("full", "episode", "summary")


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader sees of one learner. `episodes` None: all; `upto`: nothing after this version of the stream."""

    level: str  # full | episode | summary; of a look at one diploma alone: diploma
    identity: bool = False
    contacts: bool = False
    episodes: frozenset[UUID] | None = None
    seasons: frozenset[int] | None = None  # of a mission: facts of no episode are shown for these alone
    upto: int | None = None
    emergency: UUID | None = None  # what it was opened by, where that is all that shows the learner
    by: tuple[str, UUID] | None = None  # role and organisation of the grant that shows it

    def sees(self, version: int | None, enrolment: UUID | None, season: int | None = None) -> bool:
        """Whether a fact is shown: by its version on the learner's stream (None: of another), episode and season."""
        if self.level == "summary" or (self.upto is not None and version is not None and version > self.upto):
            return False
        if self.episodes is None:
            return True
        if enrolment is not None:
            return enrolment in self.episodes
        return version is not None and (self.seasons is None or season in self.seasons)


def covers_site(held: Held, site: Site | None) -> bool:
    """Whether the grant's scope has this centre in it. A centre nobody knows is in the national scope alone."""
    if held.scope == "national":
        return True
    if site is None:
        return False
    match held.scope:
        case "centre":
            return held.scope_id == str(site.centre)
        case "organisation":
            return held.scope_id == str(site.operator)
        case "province":
            return held.scope_id == site.province
        case "region":
            return held.scope_id == site.region
    return False


def keeps_register(held: Held, delegation: UUID, site: Site | None) -> bool:
    """Whether a diploma is this grant's to keep: in its delegation's register, or prepared at a centre in its scope."""
    keeps = held.role == "en_agent" and held.scope != "learner"
    return keeps and (held.org == delegation or covers_site(held, site))


def covers_place(held: Held, province: str | None, region: str | None = None) -> bool:
    """Whether the grant's scope has this province, or all of this region, in it."""
    if held.scope == "national":
        return True
    if held.scope == "province":
        return province is not None and held.scope_id == province
    if held.scope == "region":
        return held.scope_id == (region_of(province) if province else region)
    return False


def covers_unenrolled(held: Held, standing: Standing) -> bool:
    """Whether a learner no centre is responsible for is in the grant's scope: by who identified them, or where."""
    in_association = held.scope in ("centre", "organisation") and held.org == standing.org
    return in_association or covers_place(held, standing.province)


def sight_of(learner: UUID, standing: Standing, grants: Iterable[Held], site_of: SiteOf) -> Sight | None:
    """The most these grants show of this learner; None: not even that there is one."""
    sights = [
        msgspec.structs.replace(sight, by=(held.role, held.org))
        for held in grants
        if (sight := _sight_by(learner, standing, held, site_of)) is not None
    ]
    return min(sights, key=_rank) if sights else None


def _rank(sight: Sight) -> tuple[int, bool, bool, bool, bool]:
    narrowed = sight.episodes is not None or sight.upto is not None
    return _LEVELS.index(sight.level), narrowed, not sight.identity, not sight.contacts, sight.emergency is not None


def _sight_by(learner: UUID, standing: Standing, held: Held, site_of: SiteOf) -> Sight | None:
    identity, contacts = held.role in SEES_IDENTITY, held.role in SEES_CONTACTS
    if held.scope == "learner":
        at_hand = held.scope_id == str(learner)
        return Sight(level="full", identity=identity, contacts=contacts, emergency=held.emergency) if at_hand else None
    if held.role == "auditor" or held.scope == "convention":
        return _sight_of_mission(standing, held, site_of)
    if is_responsible(standing, held, site_of):
        return Sight(level="full", identity=identity, contacts=contacts)
    own = [each for each in standing.episodes if covers_site(held, site_of(each.centre)) and each.ended_version]
    if own:
        upto = max(each.ended_version or 0 for each in own)
        enrolments = frozenset(each.enrolment for each in own)
        return Sight(level="episode", identity=identity, episodes=enrolments, upto=upto)
    if standing.asked and held.role in ANSWERS_TRANSFERS and covers_site(held, site_of(standing.asked)):
        return Sight(level="summary", identity=identity)
    return None


def is_responsible(standing: Standing, held: Held, site_of: SiteOf) -> bool:
    """Whether the learner is this grant's to act on: the centre responsible lies in it, or they came to it first."""
    if standing.custody is None:
        return covers_unenrolled(held, standing)
    return covers_site(held, site_of(standing.custody))


def _sight_of_mission(standing: Standing, held: Held, site_of: SiteOf) -> Sight | None:
    """The episodes a mission is about: under its convention or at its centres, in its dates. No auditor without one."""
    mission = held.mission or (None if held.role == "auditor" else EVER)
    if mission is None:
        return None
    about = [each for each in standing.episodes if _is_about(each, mission, held, site_of)]
    if not about:
        return None
    return Sight(
        level="episode",
        identity=mission.names,
        episodes=frozenset(each.enrolment for each in about),
        seasons=frozenset(each.season for each in about),
    )


def _is_about(episode: Episode, mission: Mission, held: Held, site_of: SiteOf) -> bool:
    if held.scope == "convention":
        there = held.scope_id == str(episode.convention)
    else:
        there = covers_site(held, site_of(episode.centre))
    return there and episode.starts_on <= mission.until and (episode.ended_on or mission.since) >= mission.since


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What lists are narrowed to before each row's sight is asked: a superset of what the grants show."""

    everything: bool = False
    centres: frozenset[UUID] = frozenset()
    orgs: frozenset[UUID] = frozenset()  # whose unenrolled learners
    provinces: frozenset[str] = frozenset()  # of unenrolled learners
    conventions: frozenset[UUID] = frozenset()


EVERYWHERE: Final = Reach(everything=True)


def reach_of(grants: Iterable[Held], sites: Iterable[Site]) -> Reach:
    """Everything these grants may show something of. An emergency access is to one learner, by id: no list has it."""
    held = [each for each in grants if each.scope != "learner"]
    provinces = code_list("province").codes
    return Reach(
        everything=any(each.scope == "national" for each in held),
        centres=frozenset(site.centre for site in sites if any(covers_site(each, site) for each in held)),
        orgs=frozenset(each.org for each in held if each.scope in ("centre", "organisation")),
        provinces=frozenset(code for code in provinces if any(covers_place(each, code) for each in held)),
        conventions=frozenset(UUID(each.scope_id) for each in held if each.scope == "convention"),
    )

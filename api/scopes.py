"""Whether a command is about what its sender's grants cover: asked with what the command reads, before it is decided.

What the sender cannot even see is answered like an unknown id; what they see but may not act on is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from api.bodies import ids_in
from api.forms import read_uuid
from api.parts import Parts
from api.permissions import sender
from api.problems import Finding, Problem
from domain.access import Held, covers_place, covers_site, is_responsible, keeps_register, sight_of
from domain.casebook import Consulted, Loaded, unknown_streams
from domain.errors import IdInUse, Refused, UnknownStream
from domain.learner.standing import Standing, standing_of

# The receiving centre's answers: it is not responsible yet.
ANSWERS: Final = frozenset({"accept-transfer", "reject-transfer"})
# Names a learner because they are out of the sender's sight: it is stored with its reason and reviewed by a superior.
BEYOND_SIGHT: Final = "open-emergency-access"
# Reference data: everybody with a role may name it.
PUBLIC_KINDS: Final = frozenset({"organisation", "centre", "convention", "parameter", "worker"})


class OutOfScope(Exception):
    """None of these grants covers what the command is about; `said` is how it is answered."""

    def __init__(self, said: Exception) -> None:
        """said: a Problem, or Refused with UnknownStream."""
        super().__init__("out of scope")
        self.said = said


Grants = Sequence[Held]


def in_scope(parts: Parts, grants: Grants) -> Callable[[Consulted], None]:
    """The check the casebook makes with what the command read. Raises OutOfScope."""

    def check(consulted: Consulted) -> None:
        about = ABOUT[consulted.spec.kind]
        about(parts, consulted, grants)
        _refuse_taken_id(parts, consulted, grants)
        if consulted.spec.name == BEYOND_SIGHT:
            return
        named = {each for _, each in ids_in(msgspec.to_builtins(consulted.command, builtin_types=(UUID,)))}
        unseen = [
            UnknownStream(pointer=pointer, kind=loaded.kind.name, id=loaded.stream.id)
            for pointer, loaded in consulted.beside
            if loaded.stream.id in named and not _may_name(parts, loaded, grants)
        ]
        if unseen:  # said together with those nobody opened, so that neither can be told from the other
            raise OutOfScope(unknown_streams([*unseen, *consulted.unknown]))

    return check


def _refuse_taken_id(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    """Opening under the id of what is somebody else's says that the id is in use, and not how that one stands."""
    spec, primary = consulted.spec, consulted.primary
    if spec.opens_stream and primary.stream.version and not is_actable(parts, grants, primary, spec.name):
        raise OutOfScope(Refused(IdInUse(pointer=f"/{spec.stream}", id=primary.stream.id)))


def covers_kind(grants: Grants, kind: str, state: Any, parts: Parts) -> bool:
    """Whether a stream that is no learner lies in the scope of one of these grants, to be read."""
    if kind in PUBLIC_KINDS:
        return True
    if kind == "group":
        return _covers_centre(parts, state.centre, grants)
    return _covers_session(parts, state, grants)


def is_actable(parts: Parts, grants: Grants, loaded: Loaded, command: str) -> bool:
    """Whether these grants cover the stream for this command; what the command itself names is not looked at."""
    if loaded.kind.name != "learner" and _is_national(grants):
        return True
    match loaded.kind.name:
        case "learner":
            return _covers_learner(parts, standing_of(loaded.state), grants, command)
        case "centre":
            return _covers_centre(parts, loaded.stream.id, grants)
        case "organisation":
            return _covers_organisation(loaded.stream.id, loaded.state.province, loaded.state.region, grants)
        case "worker":
            return _covers_worker(loaded.state.organisation, grants)
        case "parameter":
            return False
        case "convention":
            return any(_covers_centre(parts, each, grants) for each in loaded.state.centres)
    return covers_kind(grants, loaded.kind.name, loaded.state, parts)


def _about_learner(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    """The learner is the grants' to act on; a centre the command names is theirs too."""
    loaded, command = consulted.primary, consulted.command
    if not consulted.spec.opens_stream:
        standing = standing_of(loaded.state)
        is_covered = _covers_learner(parts, standing, grants, consulted.spec.name)
        if not is_covered and not _keeps_diploma(parts, loaded.state, command, grants):
            seen = sight_of(loaded.stream.id, standing, sender().acting, parts.site_of)  # an emergency's shows it too
            raise _unknown(loaded) if seen is None else _not_yours()
    if consulted.spec.name == "enrol-learner" and not _covers_centre(parts, command.centre, grants):  # type: ignore[attr-defined]  # the row names its command
        raise _not_yours("/centre")


def _about_group(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    loaded, opens = consulted.primary, consulted.spec.opens_stream
    centre = consulted.command.centre if opens else loaded.state.centre  # type: ignore[attr-defined]  # of OpenGroup
    if not _covers_centre(parts, centre, grants):
        raise _not_yours("/centre") if opens else _unknown(loaded)


def _about_centre(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    if consulted.spec.opens_stream:
        if not any(covers_place(each, consulted.command.province) for each in grants):  # type: ignore[attr-defined]  # of OpenCentre
            raise _not_yours("/province")
    elif not is_actable(parts, grants, consulted.primary, consulted.spec.name):
        raise _not_yours()


def _about_convention(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    """It is signed by a party's worker, or by one whose scope has one of its centres in it."""
    command: Any = consulted.command
    centres = command.centres if consulted.spec.opens_stream else consulted.primary.state.centres
    parties = {each.organisation for each in getattr(command, "parties", ())}
    own = _is_national(grants) or any(each.org in parties for each in grants)
    if not own and not any(_covers_centre(parts, centre, grants) for centre in centres):
        raise _not_yours("/centres")


def _about_session(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    command: Any = consulted.command
    if consulted.spec.opens_stream:
        if not _is_national(grants) and not any(each.org == command.authority for each in grants):
            raise _not_yours("/authority")
    elif not _covers_session(parts, consulted.primary.state, grants):
        raise _unknown(consulted.primary)


def _about_organisation(parts: Parts, consulted: Consulted, grants: Grants) -> None:
    """Organisations are registered in one's own place; access is granted and taken no wider than one's own."""
    command: Any = consulted.command
    if consulted.spec.opens_stream:
        province, region = command.province, command.region
        if not any(covers_place(each, province, region) for each in grants):
            raise _not_yours("/province" if province else "/region")
    elif not is_actable(parts, grants, consulted.primary, consulted.spec.name):
        raise _not_yours()
    if consulted.spec.name == "grant-access" and not any(_reaches(parts, each, command) for each in grants):
        raise _not_yours("/scope_id" if command.scope_id else "/scope")
    if consulted.spec.name == "revoke-access":
        held = consulted.primary.state.grants.get(command.grant)
        if held is not None and not any(_reaches(parts, each, held) for each in grants):
            raise _not_yours("/grant")


def _reaches(parts: Parts, held: Held, granted: Any) -> bool:
    """Whether a grant of this scope, asked for or given, lies within the scope held."""
    if held.scope == "national":
        return True
    match granted.scope:
        case "region":
            return covers_place(held, None, granted.scope_id)
        case "province":
            return covers_place(held, granted.scope_id)
        case "organisation":
            return held.scope == "organisation" and held.scope_id == str(granted.scope_id)
        case "centre":
            centre = read_uuid(granted.scope_id)
            return centre is not None and covers_site(held, parts.site_of(centre))
    return bool(held.scope == granted.scope and held.scope_id == granted.scope_id)


def _about_worker(_parts: Parts, consulted: Consulted, grants: Grants) -> None:
    state, command = consulted.primary.state, consulted.command
    organisation = command.organisation if consulted.spec.opens_stream else state.organisation  # type: ignore[attr-defined]  # of RecordWorker
    if not _covers_worker(organisation, grants):
        raise _not_yours("/organisation" if consulted.spec.opens_stream else "")


def _about_parameter(_parts: Parts, _consulted: Consulted, grants: Grants) -> None:
    if not _is_national(grants):
        raise _not_yours()


ABOUT: Final[dict[str, Callable[[Parts, Consulted, Grants], None]]] = {
    "learner": _about_learner,
    "group": _about_group,
    "centre": _about_centre,
    "convention": _about_convention,
    "diploma-session": _about_session,
    "organisation": _about_organisation,
    "worker": _about_worker,
    "parameter": _about_parameter,
}


def _covers_learner(parts: Parts, standing: Standing, grants: Grants, command: str) -> bool:
    if command in ANSWERS and (asked := standing.asked) is not None:
        return _covers_centre(parts, asked, grants)
    return any(is_responsible(standing, each, parts.site_of) for each in grants)


def _keeps_diploma(parts: Parts, learner: Any, command: Any, grants: Grants) -> bool:
    """Whether the command is about a diploma of a register these grants keep, wherever its holder has gone since."""
    award = learner.diploma.diplomas.get(getattr(command, "diploma", None))
    if award is None:
        return False
    return any(keeps_register(each, award.register.delegation, parts.site_of(award.centre)) for each in grants)


def _covers_centre(parts: Parts, centre: UUID, grants: Grants) -> bool:
    return any(covers_site(each, parts.site_of(centre)) for each in grants)


def _covers_session(parts: Parts, session: Any, grants: Grants) -> bool:
    """The authority that holds it, and whoever has one of its centres in scope."""
    holds = any(each.org == session.authority and each.role == "en_agent" for each in grants)
    return holds or _is_national(grants) or any(_covers_centre(parts, each, grants) for each in session.centres)


def _is_national(grants: Grants) -> bool:
    return any(each.scope == "national" for each in grants)


def _covers_organisation(organisation: UUID, province: str | None, region: str | None, grants: Grants) -> bool:
    return any(each.org == organisation or covers_place(each, province, region) for each in grants)


def _covers_worker(organisation: UUID, grants: Grants) -> bool:
    return _is_national(grants) or any(each.org == organisation for each in grants)


def _may_name(parts: Parts, loaded: Loaded, grants: Grants) -> bool:
    """Whether a command may name this stream beside its own."""
    if loaded.kind.name != "learner":
        return covers_kind(grants, loaded.kind.name, loaded.state, parts)
    sight = sight_of(loaded.stream.id, standing_of(loaded.state), grants, parts.site_of)
    return sight is not None and sight.level != "summary"


def _unknown(loaded: Loaded, pointer: str = "") -> OutOfScope:
    return OutOfScope(Refused(UnknownStream(pointer=pointer, kind=loaded.kind.name, id=loaded.stream.id)))


def _not_yours(pointer: str = "") -> OutOfScope:
    return OutOfScope(Problem("not-in-your-scope", findings=[Finding("not-in-your-scope", pointer)]))

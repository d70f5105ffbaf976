"""A learner's whole path over HTTP, and beside each step what a wrong code, role or key gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from api.schema_of import schema_of
from domain.casebook import Append, NewEvent
from domain.kind import CommandSpec
from domain.learner.deciding.privacy import carried_out
from domain.parameter import NATIONAL
from domain.streams import COMMANDS, KINDS
from tests.api.stack import CENTRE, CONVENTION, NOW, SYSTEM, Api, ident, worker

SPECS = {spec.name: spec for spec in COMMANDS}


class Path:
    """Posts commands by name, each once with every code spoilt before it is sent as it should be."""

    def __init__(self, api: Api) -> None:
        """On this API."""
        self.api = api
        self.seen: set[str] = set()

    def post(self, name: str, stream: str | None, body: dict[str, Any], role: str | None = None) -> dict[str, Any]:
        """The command is recorded; before that, every code of it that is none was refused at its place."""
        spec = SPECS[name]
        plural = KINDS[spec.kind].plural
        path = f"/v1/{plural}/{stream}/{spec.noun}" if spec.noun else f"/v1/{plural}"
        role = role or spec.roles[0]
        match = {"If_Match": f'"{self.api.version(UUID(stream))}"'} if spec.replaces and stream else {}
        for pointer, code_list, spoilt in spoilt_codes(spec, body):
            with self.api.nothing_recorded():
                response = self.api.post(path, spoilt, role, **match)
            found = [(each["pointer"], each["params"].get("list")) for each in response.get_json()["errors"]]
            assert (response.status_code, (pointer, code_list) in found) == (422, True), (name, pointer, found)
        self.seen.add(name)
        return self.api.done(path, body, role, **match)


def spoilt_codes(spec: CommandSpec, body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(pointer, list, body) for every documented code of this body, replaced by one that is none."""
    for place, code_list in _codes(schema_of(spec)(), body, ()):
        spoilt = json.loads(json.dumps(body))
        part = spoilt
        for step in place[:-1]:
            part = part[step]
        part[place[-1]] = "no-such-code"
        yield "".join(f"/{step}" for step in place), code_list, spoilt


def _codes(form: Any, body: Any, at: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for name, field in form.fields.items():
        value, inner = body.get(name), getattr(field, "inner", field)
        if value is None:
            continue
        parts = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, part in parts:
            here = (*at, name) if index is None else (*at, name, index)
            if hasattr(inner, "nested"):
                yield from _codes(inner.schema, part, here)
            elif "x-code-list" in inner.metadata:
                yield here, inner.metadata["x-code-list"]


def test_from_identification_to_a_verified_outcome(api: Api) -> None:
    path = Path(api)
    group, educator, centre, convention = _set_up(path)
    learner, enrolment = _trained(path, group, educator)
    _graduated(path, learner, enrolment)
    path.post("leave-group", learner, {"enrolment": enrolment, "group": group, "on": "2026-11-13"})
    enrolment = _transferred(path, learner, centre, convention)
    said = {"enrolment": enrolment, "exit": "completed", "ended_on": "2026-11-20"}
    path.post("end-enrolment", learner, said)
    outcome = str(uuid4())
    said = {
        "outcome": outcome,
        "enrolment": enrolment,
        "kind": "vocational_training",
        "organisation": "معهد التكنولوجيا التطبيقية",
        "province": "TNG",
        "sector": "crafts",
        "starts_on": "2026-11-21",
    }
    path.post("declare-outcome", learner, said)
    said = {"outcome": outcome, "method": "authority_record", "authority": str(ident("delegation"))}
    path.post("verify-outcome", learner, said, "en_agent")
    why = {"code": "duplicate_entry", "text": "سجلت مرتين"}
    path.post("withdraw-fact", learner, {"version": api.version(UUID(learner)), "why": why}, "en_agent")
    _looked_after(path, learner, educator)
    _forgotten(path, learner)
    assert path.seen == SPECS.keys()


def _forgotten(path: Path, learner: str) -> None:
    """What is said of an erasure, from the request to the return; that it is carried out is no command."""
    families = ["identity", "contacts", "sensitive"]
    said: dict[str, Any] = {"families": [*families, "register"], "asked_by": "learner"}
    erasure = path.post("request-erasure", learner, said)["ids"]["erasure"]
    said = {"families": ["contacts"], "authority": str(ident("ministry")), "reference": "2026-TNG-7"}
    hold = path.post("place-hold", learner, said)["ids"]["hold"]
    path.post("lift-hold", learner, {"hold": hold})
    path.post("refuse-erasure", learner, {"erasure": erasure, "families": ["register"], "ground": "register_permanent"})
    said = {"erasure": erasure, "families": families, "legal_basis": "objection"}
    path.post("decide-erasure", learner, said)
    state = path.api.forsa.casebook.load("learner", UUID(learner)).state
    done = carried_out(state, UUID(erasure), [], on=NOW.date(), by=SYSTEM)
    assert done is not None
    path.api.forsa.event_log.append(Append((NewEvent(UUID(learner), state.version + 1, done),)))
    path.post("state-new-ground", learner, {"families": families, "ground": "return", "given_by": "learner"})


LATE = {"code": "paper_arrived_late"}


def _transferred(path: Path, learner: str, centre: str, convention: str) -> str:
    """The enrolment in the other centre, which was asked three times: not long enough, in vain, and not in vain."""
    said = {"to_centre": centre, "effective_on": "2026-11-16", "why": {"code": "family_moved"}}
    transfer = path.post("request-transfer", learner, said)["ids"]["transfer"]
    path.post("withdraw-transfer", learner, {"transfer": transfer})
    transfer = path.post("request-transfer", learner, said)["ids"]["transfer"]
    path.post("reject-transfer", learner, {"transfer": transfer, "why": {"code": "no_place_left"}})
    transfer = path.post("request-transfer", learner, said)["ids"]["transfer"]
    accept = {"transfer": transfer, "convention": convention, "level": "vocational", "trade": "ELB"}
    done = path.post("accept-transfer", learner, accept)
    tags = [each["tag"] for each in done["events"]]
    assert tags == ["learner.transfer-accepted", "learner.enrolment-ended", "learner.enrolled"]
    return str(done["ids"]["enrolment"])


def _looked_after(path: Path, learner: str, worker_id: str) -> None:
    """An emergency opened and reviewed; a worker whose access was revoked, and who left."""
    association = str(ident("association"))
    said: dict[str, Any] = {"learner": learner, "why": {"code": "immediate_danger"}}
    emergency = path.post("open-emergency-access", association, said)["ids"]["emergency"]
    path.post("review-emergency-access", association, {"emergency": emergency, "finding": "justified"})
    said = {"subject": worker_id, "role": "educator", "scope": "centre", "scope_id": str(CENTRE), "purpose": "duty"}
    grant = path.post("grant-access", association, said)["ids"]["grant"]
    path.post("revoke-access", association, {"grant": grant, "why": {"code": "post_left"}})
    path.post("record-leaving", worker_id, {"left_on": "2026-11-20"})


def _set_up(path: Path) -> tuple[str, str, str, str]:
    """A group with a timetable, an educator, another centre and its convention: the small streams of every kind."""
    said: dict[str, Any] = {"kind": "school", "name": {"fr": "Lycée"}, "region": "MA-01", "province": "TNG"}
    school = path.post("register-organisation", None, said)["ids"]["organisation"]
    said = {"name": "ياسين العمراني", "organisation": school, "function": "educator"}
    new = path.post("record-worker", None, said, "operator")["ids"]["worker"]
    path.post("bind-login", new, {"issuer": "https://login.example.org", "subject": "yassine"})
    said = {"subject": new, "role": "educator", "scope": "national", "purpose": "duty"}
    path.post("grant-access", school, said)
    said = {"name": "age_max", "value": "20", "valid_from": "2026-09-01", "authority": "26/1", "why": LATE}
    path.post("set-parameter", str(NATIONAL), said)
    said = {
        "name": {"ar": "مركز الأمل"},
        "operator": str(ident("association")),
        "places": 30,
        "commune": "Tanger",
        "province": "TNG",
    }
    centre = path.post("open-centre", None, said)["ids"]["centre"]
    path.post("approve-trades", centre, {"season": 2026, "trades": ["COU", "ELB"]})
    convention = path.post("sign-convention", None, _convention(centre))["ids"]["convention"]
    said = {
        "centre": str(CENTRE),
        "season": 2026,
        "group_kind": "workshop",
        "level": "vocational",
        "trade": "COU",
        "session_type": "regular",
        "capacity": 2,
    }
    group = path.post("open-group", None, said)["ids"]["group"]
    said = {
        "slots": [{"weekday": 1, "starts": 510, "minutes": 180, "component": "workshop"}],
        "starts_on": "2026-10-05",
        "why": LATE,
    }
    path.post("set-timetable", group, said)
    return group, new, centre, convention


def _convention(centre: str) -> dict[str, Any]:
    money = {"value": "80000.00", "currency": "MAD"}
    return {
        "kind": "funding",
        "number": "2026/TNG/08",
        "level": "provincial",
        "parties": [
            {"organisation": str(ident("ministry")), "role": "funder"},
            {"organisation": str(ident("association")), "role": "operator"},
        ],
        "centres": [centre],
        "seasons": [{"season": 2026, "learners": 20, "amount": money}],
        "unit_rate": {"value": "4000.00", "currency": "MAD"},
        "trades": ["COU"],
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "tranches": [{"number": 1, "amount": money, "conditions": []}],
        "budget": [{"category": "EDU", "ceiling": money}],
        "signature": "paper",
    }


def _trained(path: Path, group: str, educator: str) -> tuple[str, str]:
    """A learner from identification to a week of attendance and a competence."""
    names = [{"given": "أمينة", "family": "الإدريسي"}, {"given": "Amina", "family": "El Idrissi"}]
    identity = {"names": names, "sex": "f", "birth_date": "2010-05-03"}
    number = {"identifiers": [{"type": "massar", "value": "K139201457"}], "birth_certainty": "exact"}
    late = {"on": "2026-10-26"}
    said: dict[str, Any] = {**identity, **number, "province": "TNG", "source": "self", **late}
    learner = path.post("identify-learner", None, said)["ids"]["learner"]
    path.post("record-identity", learner, {**identity, **number, "birth_place": "طنجة", **late})
    path.post("verify-identity", learner, {"document_type": "birth_certificate", **late})
    said = {"convention": str(CONVENTION), "school_status": "dropped_out", **late}
    path.post("assess-eligibility", learner, said)
    said = {"reason": "disability", "authority": "provincial_directorate", "act_reference": "26/4", **late}
    path.post("grant-derogation", learner, said)
    said = {"level": "level_2", "trades": ["COU"], "rationale": "own_choice", **late}
    path.post("orient-learner", learner, said)
    said = {
        "centre": str(CENTRE),
        "convention": str(CONVENTION),
        "level": "level_2",
        "trade": "COU",
        "session_type": "regular",
        "residence": "urban",
        "last_level": "2AC",
        "school_status": "dropped_out",
        "without": [{"step": "orientation", "why": "done_elsewhere"}],
        **late,
    }
    enrolment = path.post("enrol-learner", learner, said)["ids"]["enrolment"]
    path.post("join-group", learner, {"enrolment": enrolment, "group": group, **late})
    day = {"date": "2026-10-26", "component": "workshop", "minutes": 180, "educator": educator}
    path.post("record-sessions", group, {"week": "2026-10-26", "sessions": [day]})
    days = [
        {"date": "2026-10-26", "status": "present"},
        {"date": "2026-10-27", "status": "present", "minutes": 60},  # a day of no session
    ]
    said = {"week": "2026-10-26", "component": "workshop", "rows": [{"learner": learner, "days": days}]}
    path.post("record-attendance", group, said)
    _settled(path, learner)
    path.post("lock-attendance", group, {"month": "2026-10-01"})
    path.post("assess-competence", learner, {"enrolment": enrolment, "module": "COU-03", "result": "acquired"})
    return learner, enrolment


def _settled(path: Path, learner: str) -> None:
    """The flagged day of the sheet just recorded is explained."""
    sheet = path.api.version(UUID(learner))
    flag = {"version": sheet, "code": "without-held-session", "day": "2026-10-27", "finding": "explained"}
    done = path.post("settle-flag", learner, {**flag, "why": {"code": "sheet_reread"}})
    (recorded,) = done["events"]
    assert (recorded["tag"], recorded["version"]) == ("learner.flag-settled", sheet + 1)
    event = path.api.get(f"/v1/learners/{learner}/events/{sheet + 1}", "coordinator").get_json()["event"]
    assert flag.items() <= event.items()
    assert (event["by"]["actor"], event["why"]["code"]) == (str(worker("coordinator")), "sheet_reread")


def _graduated(path: Path, learner: str, enrolment: str) -> None:
    """A diploma on signed minutes."""
    said: dict[str, Any] = {
        "authority": str(ident("delegation")),
        "held_from": "2026-11-09",
        "held_to": "2026-11-10",
        "centres": [str(CENTRE)],
        "trades": ["COU"],
        "diploma_kind": "vocational_diploma",
        "year": 2026,
    }
    session = path.post("open-diploma-session", None, said)["ids"]["diploma_session"]
    path.post("list-candidate", learner, {"enrolment": enrolment, "session": session})
    path.post("close-candidate-list", session, {})
    mark = {"candidate_number": "0001", "sitting": 1, "presence": "present", "written": 1250, "practical": 1400}
    path.post("record-marks", session, {"marks": [{**mark, "decision": "admitted"}]})
    said = {"members": [str(worker("en_agent"))], "signature": "paper", "on": "2026-11-12"}
    path.post("sign-minutes", session, said)
    award = {"candidate_number": "0001", "number": "2026/0001"}
    path.post("award-diplomas", session, {"awarded_on": "2026-11-12", "awards": [award]})
    _registered(path, learner, session, {**mark, "written": 1350, "decision": "admitted"})


def _registered(path: Path, learner: str, session: str, mark: dict[str, Any]) -> None:
    """What may happen to a diploma, to its annulment."""
    diploma = str(next(iter(path.api.forsa.casebook.load("learner", UUID(learner)).state.diploma.diplomas)))
    path.post("rectify-minutes", session, {"item": "result", "ground": "addition_error", "marks": [mark]})
    said: dict[str, Any] = {"title": "vocational_diploma", "trade": "COU", "level": "vocational", "number": "2026/0011"}
    path.post("correct-diploma", learner, {"diploma": diploma, **said, "why": {"code": "entry_error"}})
    path.post("hand-over-diploma", learner, {"diploma": diploma, "recipient": "guardian"})
    path.post("issue-duplicate", learner, {"diploma": diploma, "ground": "lost"})
    said = {"ground": "jury_error", "authority": str(ident("delegation")), "act_reference": "2026-TNG-31"}
    path.post("annul-diploma", learner, {"diploma": diploma, **said})

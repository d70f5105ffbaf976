"""Workers with valid tokens who want to see or change what is not theirs, hide that they looked, or make Forsa lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import pytest

from domain.casebook import Append, NewEvent
from domain.event import Event
from domain.organisation import AccessGranted, Mission
from domain.partner_feed import NATIONAL
from runtime.tokens import DevelopmentIssuer
from tests.api.regions import (
    CONVENTION,
    DIPLOMA,
    GROUP,
    LEARNER,
    PLACES,
    SESSION,
    Holder,
    centre_of,
    enrolled,
    held_by,
    identified,
    stood_up,
)
from tests.api.stack import CENTRE, DAY, IDENTIFICATION, SYSTEM, Api, composed, ident

OURS, FAR, FORMER = ident("association"), ident(PLACES["far"].association), ident(PLACES["former"].association)
HOLDERS = [
    Holder("own caseworker", "caseworker", "centre", str(CENTRE), OURS),
    Holder("own coordinator", "coordinator", "centre", str(CENTRE), OURS),
    Holder("own educator", "educator", "centre", str(CENTRE), OURS),
    Holder("own operator", "operator", "centre", str(CENTRE), OURS),
    Holder("former coordinator", "coordinator", "centre", str(centre_of("former")), FORMER),
    Holder("far coordinator", "coordinator", "centre", str(centre_of("far")), FAR),
    Holder("far operator", "operator", "organisation", str(FAR), FAR),
    Holder("convention agent", "en_agent", "convention", str(CONVENTION), ident("delegation")),
    Holder("elsewhere and own", "caseworker", "centre", str(centre_of("far")), FAR),
    Holder("late auditor", "auditor", "province", "LAA", ident("ministry")),
    Holder("partner and more", "partner", "region", "MA-11", ident("delegation")),
    Holder("partner and more", "caseworker", "national", "", OURS, nth=2),
    Holder("partner of a centre", "partner", "centre", str(centre_of("former")), ident("delegation")),
    Holder("partner of a province", "partner", "province", PLACES["former"].province, ident("delegation")),
    Holder("partner of an association", "partner", "organisation", str(FORMER), ident("delegation")),
]
PATH = f"/v1/learners/{LEARNER}"


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Api]:
    forsa = composed(web_dsn, keys_role_dsn, token_key)
    stood_up(forsa)
    held_by(forsa, HOLDERS)
    issuer = DevelopmentIssuer(token_key, "forsa")
    api = Api(forsa, issuer)
    api.tokens |= {holder.login: issuer.issue(holder.login, api.issued_at) for holder in HOLDERS}
    yield api
    forsa.close()


def _append(api: Api, stream: UUID, event: Event) -> None:
    api.forsa.event_log.append(Append((NewEvent(stream, api.version(stream) + 1, event),)))


def _granted(api: Api, login: str, role: str, centre: UUID, org: UUID, **more: Any) -> None:
    said = {"grant": ident(f"second of {login}"), "subject": ident(f"worker {login}"), "scope_id": str(centre), **more}
    granted = AccessGranted(on=DAY, by=SYSTEM, role=role, scope="centre", purpose="duty", valid_from=DAY, **said)
    _append(api, org, granted)


def _looks(api: Api) -> list[dict[str, Any]]:
    found = api.get(f"{PATH}/disclosures?limit=100", "own coordinator").get_json()["items"]
    return [dict(each) for each in found if each["what"] != "learners.get-learner-disclosures"]


# ── to see ──


def test_an_id_that_is_anothers_learner_tells_nothing_of_them(api: Api) -> None:
    response = api.post("/v1/learners", {**IDENTIFICATION, "learner": str(LEARNER)}, "far coordinator")
    assert (response.status_code, response.get_json()["code"]) == (409, "id-in-use")
    assert b"candidate" not in response.data


def test_a_former_centre_cannot_find_out_by_filters_where_a_learner_is_now(
    api: Api, project: Callable[[], int]
) -> None:
    def listed(query: str) -> list[str]:
        found = api.get(f"/v1/learners?relation=former&{query}", "former coordinator").get_json()["items"]
        return [each["learner"] for each in found]

    assert listed("status=left") == listed(f"centre={centre_of('former')}") == listed("season=2025") == [str(LEARNER)]
    for beyond in ("status=candidate", f"centre={CENTRE}", "season=2026"):
        assert listed(beyond) == []


def test_a_page_of_a_former_centre_does_not_tell_how_much_went_on_after(api: Api, project: Callable[[], int]) -> None:
    for what in ("timeline", "audit-trail"):
        shown = api.get(f"{PATH}/{what}", "former coordinator").get_json()["items"]
        exact = api.get(f"{PATH}/{what}?limit={len(shown)}", "former coordinator")
        assert len(exact.get_json()["items"]) == len(shown) > 1
        assert "Link" not in exact.headers
        first = api.get(f"{PATH}/{what}?limit=1", "former coordinator")
        link = urlsplit(first.headers["Link"].partition(">")[0].lstrip("<"))
        second = api.get(f"{link.path}?{link.query}", "former coordinator").get_json()["items"]
        assert [*first.get_json()["items"], *second] == shown[:2]


def test_a_search_that_shows_nobody_does_not_tell_that_there_is_somebody(api: Api, project: Callable[[], int]) -> None:
    twin = ident("twin")
    api.forsa.casebook.execute(identified(twin, "TNG"), msgspec.structs.replace(SYSTEM, role="caseworker", org=OURS))
    act = enrolled(twin, ident("enrolment of twin"), "own", 2026, date(2026, 10, 5))
    api.forsa.casebook.execute(act, msgspec.structs.replace(SYSTEM, role="caseworker", org=OURS))
    project()
    found = api.post("/v1/learner-searches?limit=1", {"text": "سلمى الزياني"}, "convention agent")
    assert found.get_json()["items"] == []
    assert "Link" not in found.headers


def test_an_auditor_sent_for_other_dates_does_not_read_the_groups_learners(api: Api) -> None:
    mission = Mission(since=date(2020, 1, 1), until=date(2020, 12, 31), names=False)
    _granted(api, "late auditor", "auditor", CENTRE, ident("ministry"), mission=mission)
    known = f"at_least={api.position()}"
    assert api.get(f"{PATH}/possible-commands?{known}", "late auditor").status_code == 404
    group = api.get(f"/v1/groups/{GROUP}", "late auditor")
    week = api.get(f"/v1/groups/{GROUP}/attendance?week=2026-10-05&component=workshop", "late auditor")
    assert group.status_code == week.status_code == 200, week.get_json()
    assert str(LEARNER).encode() not in group.data + week.data


def test_an_auditor_of_the_exam_authority_is_not_the_authority(api: Api) -> None:
    mission = Mission(since=date(2020, 1, 1), until=date(2020, 12, 31), names=False)
    _granted(api, "late auditor", "auditor", CENTRE, ident("delegation"), mission=mission)
    path = f"/v1/diploma-sessions/{SESSION}?at_least={api.position()}"
    shown = api.get(path, "late auditor")
    assert (shown.status_code, shown.get_json()["state"]["candidates"]) == (200, [])


def test_a_partner_s_other_roles_open_no_feed(api: Api) -> None:
    """A region's partner who also works with learners of the whole country, under either role's name."""
    for role in ({}, {"X_Forsa_Role": "partner"}, {"X_Forsa_Role": "caseworker"}):
        feed, snapshot = (
            api.get(f"/v1/feeds/{NATIONAL}{end}", "partner and more", **role) for end in ("", "/snapshot")
        )
        confirmed = api.post(f"/v1/feeds/{NATIONAL}/receipts", {"epoch": 1, "sequence": 1}, "partner and more", **role)
        wanted = 403 if role.get("X_Forsa_Role") == "caseworker" else 404
        assert {each.status_code for each in (feed, snapshot, confirmed)} == {wanted}


def test_a_partner_of_less_than_a_region_reads_no_feed_and_no_diploma(
    api: Api, project: Callable[[], int], subtests: pytest.Subtests
) -> None:
    project()
    assert api.get(f"/v1/diplomas/{DIPLOMA}", "partner").status_code == 200
    for login in ("partner of a centre", "partner of a province", "partner of an association"):
        with subtests.test(login=login):
            assert api.get("/v1/feeds", login).get_json() == {"items": []}
            assert api.get(f"/v1/feeds/{NATIONAL}", login).status_code == 404
            assert api.get(f"/v1/diplomas/{DIPLOMA}", login).status_code == 404


# ── in an emergency ──


def _emergency(api: Api) -> None:
    said = {"learner": str(LEARNER), "why": {"code": "immediate_danger"}}
    api.done(f"/v1/organisations/{FAR}/emergency-accesses", said, "far coordinator")
    assert api.get(f"{PATH}/possible-commands?at_least={api.position()}", "far coordinator").status_code == 200


def test_an_emergency_shows_the_record_and_not_who_looked_nor_the_file(api: Api) -> None:
    _emergency(api)
    assert api.get(f"{PATH}/disclosures", "far coordinator").status_code == 404
    assert api.get(f"{PATH}/subject-file", "far coordinator").status_code == 404


def test_an_emergency_ends_with_the_role_it_was_opened_in(api: Api) -> None:
    _granted(api, "far coordinator", "coordinator", centre_of("former"), FORMER)
    _emergency(api)
    said = {"grant": str(ident("grant far coordinator")), "why": {"code": "paper_arrived_late"}}
    api.done(f"/v1/organisations/{FAR}/revocations", said, "far operator")
    path = f"{PATH}/possible-commands?at_least={api.position()}"
    assert api.get(path, "far coordinator").get_json()["status"] == "left"  # the earlier episode, where they still are


# ── to hide ──


def test_a_look_is_written_down_in_the_role_and_for_the_association_it_was_made(
    api: Api, project: Callable[[], int]
) -> None:
    _granted(api, "elsewhere and own", "educator", CENTRE, OURS)
    project()
    assert api.get(f"{PATH}?at_least={api.position()}", "elsewhere and own").status_code == 200
    look = next(each for each in _looks(api) if each["reader"] == str(ident("worker elsewhere and own")))
    assert (look["role"], look["org"]) == ("educator", str(OURS))


def test_what_was_missed_is_a_look_too(api: Api) -> None:
    said = {"names": [{"given": "سلمى", "family": "الزياني"}], "sex": "f", "birth_date": "2010-03-02"}
    response = api.post(f"{PATH}/identities", said, "own caseworker", If_Match='"0"')
    assert (response.status_code, response.get_json()["code"]) == (412, "stale-version")
    assert [each["what"] for each in _looks(api)] == ["learners.record-identity"]


# ── to keep or take power ──


def test_a_grant_of_the_same_id_elsewhere_saves_nobody_from_revocation(api: Api) -> None:
    """A far operator gives a friend a grant under the id of a grant of ours, so that ours cannot be taken back."""
    taken = ident("grant own caseworker")
    said = {"grant": str(taken), "subject": str(ident("worker late auditor")), "role": "caseworker",
            "scope": "centre", "scope_id": str(centre_of("far")), "purpose": "duty"}  # fmt: skip
    api.done(f"/v1/organisations/{FAR}/grants", said, "far operator")
    revocation = {"grant": str(taken), "why": {"code": "paper_arrived_late"}}
    api.done(f"/v1/organisations/{OURS}/revocations", revocation, "operator")
    path = f"/v1/groups/{GROUP}?at_least={api.position()}"
    assert api.get(path, "own caseworker").status_code == 403


def test_who_may_not_grant_so_wide_may_not_take_it_away(api: Api) -> None:
    said = {"grant": str(ident("caseworker caseworker")), "why": {"code": "paper_arrived_late"}}
    with api.nothing_recorded():
        response = api.post(f"/v1/organisations/{OURS}/revocations", said, "own operator")
    assert (response.status_code, response.get_json()["code"]) == (403, "not-in-your-scope")
    said = {**said, "grant": str(ident("grant own educator"))}
    assert api.post(f"/v1/organisations/{OURS}/revocations", said, "own operator").status_code == 201


# ── to make Forsa lie ──


def test_a_former_centre_is_not_told_that_it_may(api: Api) -> None:
    commands = api.get(f"{PATH}/possible-commands", "former coordinator").get_json()["commands"]
    assert not [each["command"] for each in commands if each["allowed"]]


def test_a_position_nobody_reached_does_not_make_grants_old(api: Api) -> None:
    assert api.get(f"/v1/groups/{GROUP}", "own caseworker").status_code == 200
    api.get(f"/v1/groups/{GROUP}?at_least=999999999999999999", "far coordinator")
    said = {"grant": str(ident("grant own caseworker")), "why": {"code": "paper_arrived_late"}}
    api.done(f"/v1/organisations/{OURS}/revocations", said, "operator")
    assert api.get(f"/v1/groups/{GROUP}?at_least={api.position()}", "own caseworker").status_code == 403

"""A diploma's details over HTTP: who sees them, what they say, and that every look is written down.

The diploma is the learner's of `regions`: prepared at the centre `former`, awarded by the delegation; she is at
`own` now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from api.app import create_app
from domain.kind import ReasonGiven
from domain.learner.register import AnnulDiploma, CorrectDiploma, HandOverDiploma, IssueDuplicate
from domain.partner_feed import NATIONAL, START, diploma_told, feed_name
from domain.reference import region_of
from projections.feed_writer import FeedWriter
from projections.projector import Projector
from projections.records.opening_feeds import open_feed
from projections.records.partner_feed import rows_after
from runtime.tokens import DevelopmentIssuer
from tests.api.regions import DIPLOMA, LEARNER, NUMBER, PLACES, Holder, centre_of, held_by, stood_up
from tests.api.stack import SYSTEM, Api, composed, ident

OFFICE, ELSEWHERE = ident("delegation"), ident("association of far")
ITS_REGION, OTHER_REGION = region_of(PLACES["former"].province), region_of(PLACES["far"].province)


def coordinator(place: str) -> Holder:
    org = ident(PLACES[place].association)
    return Holder(f"coordinator of {place}", "coordinator", "centre", str(centre_of(place)), org)


SEEING: Final = [
    coordinator("own"),
    coordinator("former"),
    Holder("caseworker of own", "caseworker", "centre", str(centre_of("own")), ident("association")),
    Holder("academy", "aref", "region", region_of(PLACES["own"].province), ident("academy")),
    Holder("officer", "data_protection_officer", "national", "", ident("ministry")),
    Holder("agent of the register", "en_agent", "province", PLACES["far"].province, OFFICE),
    Holder("agent of the centre", "en_agent", "province", PLACES["former"].province, ELSEWHERE),
]
PARTNERS: Final = [
    Holder("partner of all", "partner", "national", "", OFFICE),
    Holder("partner of its region", "partner", "region", ITS_REGION, OFFICE),
]
BLIND: Final = [
    coordinator("asked"),
    coordinator("far"),
    coordinator("near"),
    Holder("agent of another region", "en_agent", "region", OTHER_REGION, ELSEWHERE),
    Holder("partner of another region", "partner", "region", OTHER_REGION, OFFICE),
]
FORBIDDEN: Final = ("auditor", "educator", "counsellor", "ministry", "operator", "accountant")
ADDRESS: Final = f"/v1/diplomas/{DIPLOMA}"


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, projector_dsn: str, token_key: Path) -> Iterator[Api]:
    """The diploma stands in the register and on the feeds of the country and of two regions."""
    forsa = composed(web_dsn, keys_role_dsn, token_key)
    stood_up(forsa)
    holders = [*SEEING, *PARTNERS, *BLIND]
    held_by(forsa, holders)
    with psycopg.connect(projector_dsn, autocommit=True) as operator:
        for region in (ITS_REGION, OTHER_REGION):
            open_feed(operator, region)
    issuer = DevelopmentIssuer(token_key, "forsa")
    api = Api(forsa, issuer)
    api.tokens |= {each.login: issuer.issue(each.login, api.issued_at) for each in holders}
    yield api
    forsa.close()


@pytest.fixture
def follow(api: Api, projector_dsn: str) -> Iterator[Callable[[], None]]:
    """Brings the register and the feeds up to date."""
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    writer = FeedWriter(projector_dsn, api.forsa.mapper, look_seconds=0.0)

    def catch_up() -> None:
        projector.catch_up()
        writer.catch_up()

    catch_up()
    yield catch_up
    writer.close()
    projector.close()


def number(text: str = NUMBER, year: int = 2026) -> str:
    """The address of a look-up by number."""
    return f"/v1/diplomas?delegation={OFFICE}&kind=vocational_diploma&year={year}&number={quote(text, safe='')}"


def details(api: Api, login: str, path: str = ADDRESS, **headers: str) -> dict[str, Any]:
    """What this reader is shown."""
    response = api.get(path, login, **headers)
    assert response.status_code == 200, response.get_data(as_text=True)
    return dict(response.get_json())


def looks(log_dsn: str) -> list[dict[str, Any]]:
    """Every row of the disclosure log."""
    query = "select what, role, org, subjects, levels, named, emergencies from records.disclosures order by id"
    with psycopg.connect(log_dsn, row_factory=dict_row) as owner:
        return owner.execute(query).fetchall()


def act(api: Api, command: Any, on: date, **fields: Any) -> None:
    """The delegation does this to the diploma."""
    by = msgspec.structs.replace(SYSTEM, role="en_agent", org=OFFICE)
    said = {"why": ReasonGiven("entry_error"), **fields}
    api.forsa.casebook.execute(command(learner=LEARNER, diploma=DIPLOMA, on=on, **said), by)


def annul(api: Api) -> None:
    """The delegation annuls it on 20 November."""
    said = {"ground": "exam_fraud", "authority": OFFICE, "act_reference": "DEN-2026-12"}
    act(api, AnnulDiploma, date(2026, 11, 20), **said)


# ── who ──


def test_a_diploma_is_shown_with_its_printed_names_and_the_look_is_written_down(
    api: Api, follow: Callable[[], None], log_dsn: str, subtests: pytest.Subtests
) -> None:
    for holder in (*SEEING, *PARTNERS):
        with subtests.test(holder=holder.login):
            before = len(looks(log_dsn))
            shown = details(api, holder.login)
            assert (shown["number"], shown["status"], shown["awarded_on"]) == (NUMBER, "in_force", "2026-06-15")
            assert shown["printed"] == {"arabic": "سلمى الزياني", "latin": "Salma Ziani"}
            assert details(api, holder.login, number())["items"] == [shown]
            rows = looks(log_dsn)[before:]
            assert [row.pop("what") for row in rows] == ["diplomas.get-diploma", "diplomas.find-diploma"]
            look = {"role": holder.role, "org": holder.org, "subjects": [LEARNER], "levels": ["diploma"]}
            assert rows == [{**look, "named": [True], "emergencies": [None]}] * 2


def test_a_partner_is_not_told_which_learner_it_is(api: Api, follow: Callable[[], None]) -> None:
    for holder in PARTNERS:
        answer = api.get(ADDRESS, holder.login)
        assert (answer.get_json()["learner"], answer.get_json()["version"]) == (None, None)
        assert str(LEARNER) not in answer.get_data(as_text=True) + str(answer.headers)
        assert answer.headers["ETag"] == '"1"'
    for holder in SEEING:
        assert details(api, holder.login)["learner"] == str(LEARNER)


def test_out_of_scope_is_answered_like_what_is_not_there(
    api: Api, follow: Callable[[], None], log_dsn: str, subtests: pytest.Subtests
) -> None:
    """A centre that was only asked, another region's agent and its partner: the same bytes, and no row."""
    for login in (each.login for each in BLIND):
        with subtests.test(login=login):
            there, unknown = api.get(ADDRESS, login), api.get(f"/v1/diplomas/{ident('no diploma')}", login)
            assert there.status_code == unknown.status_code == 404
            assert there.get_data() == unknown.get_data()
            assert details(api, login, number()) == details(api, login, number("2026/9999")) == {"items": []}
    assert looks(log_dsn) == []


def test_other_roles_are_shown_no_diploma(api: Api, follow: Callable[[], None]) -> None:
    for path in (ADDRESS, number()):
        answers = [api.get(path, role) for role in FORBIDDEN]
        assert {(each.status_code, each.get_json()["code"]) for each in answers} == {(403, "not-your-role")}


def test_a_region_s_partner_sees_a_diploma_once_its_feed_has_told_of_it(
    api: Api, projector_dsn: str, log_dsn: str
) -> None:
    projector = Projector(projector_dsn, api.forsa.mapper, api.forsa.keyring)
    projector.catch_up()
    projector.close()
    assert api.get(ADDRESS, "partner of its region").status_code == 404
    assert api.get(ADDRESS, "partner of all").status_code == 200


def test_guessing_numbers_takes_turns_like_everything_else(api: Api, follow: Callable[[], None]) -> None:
    turns = iter([0.0, 0.0, 7.5])
    limited = create_app(msgspec.structs.replace(api.parts, wait_of_worker=lambda _: next(turns)))
    said = [
        limited.test_client().get(number(f"2026/{guess}"), headers=api.headers("partner of all")) for guess in range(3)
    ]
    assert [each.status_code for each in said] == [200, 200, 429]
    assert said[2].headers["Retry-After"] == "8"


def test_who_keeps_the_register_acts_on_it_wherever_the_holder_has_gone(api: Api, follow: Callable[[], None]) -> None:
    """The delegation, whose scope has none of her centres; another region's agent is told of no such learner."""
    said = {"diploma": str(DIPLOMA), "ground": "exam_fraud", "authority": str(OFFICE), "act_reference": "DEN-2026-12"}
    path = f"/v1/learners/{LEARNER}/diploma-annulments"
    refused = api.post(path, said, "agent of another region")
    assert (refused.status_code, refused.get_json()["code"]) == (404, "not-found")
    unknown = api.post(path, {**said, "diploma": str(ident("no diploma"))}, "agent of the register")
    assert unknown.status_code == 404
    api.done(path, said, "agent of the register")
    follow()
    assert details(api, "agent of the register")["status"] == "annulled"


# ── what ──


def test_the_whole_life_of_a_diploma_is_shown(api: Api, follow: Callable[[], None]) -> None:
    act(api, CorrectDiploma, date(2026, 7, 1), number="2026/0012")
    act(api, HandOverDiploma, date(2026, 7, 2), recipient="guardian")
    act(api, IssueDuplicate, date(2026, 9, 7), ground="lost")
    annul(api)
    follow()
    shown = details(api, "partner of all", Accept_Language="en")
    assert (shown["number"], shown["earlier_numbers"], shown["status_text"]) == ("2026/0012", [NUMBER], "annulled")
    assert shown["corrections"] == [
        {
            "on": "2026-07-01",
            "changed": [{"code": "number", "text": "number"}],
            "why": {"code": "entry_error", "text": "entry error"},
        }
    ]
    assert [
        (copy["copy"], copy["issued_on"], copy["ground"] and copy["ground"]["code"], copy["handed_over_on"])
        for copy in shown["copies"]
    ] == [(0, "2026-06-15", None, "2026-07-02"), (1, "2026-09-07", "lost", None)]
    assert shown["copies"][0]["recipient"]["code"] == "guardian"
    annulment = shown["annulment"]
    assert (annulment["on"], annulment["ground"]["code"], annulment["act_reference"]) == (
        "2026-11-20", "exam_fraud", "DEN-2026-12",
    )  # fmt: skip
    assert annulment["authority"] == {"id": str(OFFICE), "name": {"ar": None, "fr": "delegation"}}
    for text in (NUMBER, " ٢٠٢٦ - 0012 "):
        assert details(api, "partner of all", number(text), Accept_Language="en")["items"] == [shown]


def test_the_details_agree_with_what_the_feed_told_last(
    api: Api, follow: Callable[[], None], projector_dsn: str
) -> None:
    act(api, CorrectDiploma, date(2026, 7, 1), number="2026/0012")
    annul(api)
    follow()
    with psycopg.connect(projector_dsn) as reader:
        told = msgspec.to_builtins(diploma_told(rows_after(reader, NATIONAL, START, 100)[-1]))
    shown = details(api, "partner of all")
    same = ("id", "revision", "status", "number", "awarded_on", "session", "convention", "learner_reference")
    assert {name: shown[name] for name in same} == {name: told[name] for name in same}
    assert (shown["title"]["code"], shown["level"]["code"]) == (told["title"], told["level"])
    assert shown["annulment"]["on"] == told["annulled_on"]
    assert shown["register"]["delegation"]["id"] == told["register"]["delegation"]


def test_a_former_centre_is_told_of_an_annulment_after_its_time(api: Api, follow: Callable[[], None]) -> None:
    """A diploma is shown as it stands: that its episode is over does not keep it in force."""
    annul(api)
    follow()
    assert details(api, "coordinator of former")["status"] == "annulled"
    [line] = details(api, "coordinator of former", f"/v1/learners/{LEARNER}")["record"]["diplomas"]
    assert (line["status"], line["annulled_on"]) == ("annulled", "2026-11-20")
    [item] = details(api, "coordinator of former", "/v1/learners?relation=former")["items"]
    assert item["diplomas"] == [line]


def test_where_the_names_were_erased_the_diploma_stands_without(api: Api, follow: Callable[[], None]) -> None:
    api.forsa.keyring.destroy(LEARNER, ["register"])
    for login in ("partner of all", "agent of the register"):
        shown = details(api, login)
        assert (shown["printed"], shown["is_erased"], shown["status"]) == (None, True, "in_force")
        assert shown["number"] == NUMBER


def test_an_erased_identity_leaves_the_register_as_it_was_printed(api: Api, follow: Callable[[], None]) -> None:
    """Source: DOMAIN §6, the register is kept for as long as diplomas may be checked."""
    api.forsa.keyring.destroy(LEARNER, ["identity", "contacts", "sensitive"])
    assert details(api, "partner of all")["printed"]["latin"] == "Salma Ziani"


def test_the_subject_s_file_says_what_partners_were_sent(api: Api, follow: Callable[[], None]) -> None:
    annul(api)
    follow()
    details(api, "partner of all")
    held = details(api, "officer", f"/v1/learners/{LEARNER}/subject-file")
    sent = [(each["to"], each["id"], each["what"], each["diploma"]) for each in held["passed_on"]]
    types = ("ma.forsa.diploma.awarded.v1", "ma.forsa.diploma.annulled.v1")
    assert sent == [
        (feed, f"{feed}/1/{sequence}", what, str(DIPLOMA))
        for feed in (NATIONAL, feed_name(ITS_REGION))
        for sequence, what in enumerate(types, 1)
    ]
    assert ("partner", "diploma") in [(each["role"], each["level"]) for each in held["looks"]]


def test_a_diploma_as_it_was_known_at_a_moment(api: Api, follow: Callable[[], None]) -> None:
    [*_, last] = api.parts.log.places_of(LEARNER, 0)
    annul(api)
    follow()
    then = details(api, "officer", f"{ADDRESS}?as_of={quote(last.recorded_at.isoformat())}")
    assert (then["status"], then["position"]) == ("in_force", last.position)
    before = quote(datetime(2026, 1, 1, tzinfo=UTC).isoformat())
    early = api.get(f"{ADDRESS}?as_of={before}", "officer")
    assert (early.status_code, early.get_json()["code"]) == (404, "not-known-then")


def test_the_etag_is_the_one_a_correction_takes(api: Api, follow: Callable[[], None]) -> None:
    tag = api.get(ADDRESS, "en_agent").headers["ETag"]
    said = {"diploma": str(DIPLOMA), "number": "2026/0012", "why": {"code": "entry_error"}}
    api.done(f"/v1/learners/{LEARNER}/diploma-corrections", said, "en_agent", If_Match=tag)


WRONG: Final = (
    ("delegation=x&kind=vocational_diploma&year=2026&number=1", "delegation"),
    (f"delegation={OFFICE}&kind=masters&year=2026&number=1", "kind"),
    (f"delegation={OFFICE}&kind=vocational_diploma&year=26&number=1", "year"),
    (f"delegation={OFFICE}&kind=vocational_diploma&year=2026&number=--", "number"),
    (f"delegation={OFFICE}&kind=vocational_diploma&year=2026&number={'1' * 61}", "number"),
    (f"delegation={OFFICE}&kind=vocational_diploma&year=2026", "number"),
    ("", "delegation"),
)


def test_a_number_without_its_register_is_refused(api: Api) -> None:
    for query, name in WRONG:
        answer = api.get(f"/v1/diplomas?{query}", "partner of all")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "bad-parameter")
        assert answer.get_json()["errors"][0]["parameter"] == name

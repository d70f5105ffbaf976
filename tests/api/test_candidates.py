"""The candidates of a session with their names: for the authority that holds it and their centres, also as a sheet."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.rows import dict_row
from python_calamine import CalamineWorkbook

from api.candidate_sheet import COLUMNS, MEDIA
from domain.diploma_session import CandidateEntered, SessionOpened
from domain.event import Event
from domain.learner.admission import LearnerEnrolled
from domain.learner.diploma import CandidateListed
from domain.learner.identification import NameGiven
from domain.reference import label
from runtime.tokens import DevelopmentIssuer
from tests.api.regions import ENROLMENT, HELD, LEARNER, PLACES, SESSION, Holder, centre_of, held_by, stood_up
from tests.api.stack import CENTRE, SYSTEM, Api, composed, ident
from tests.examples.path import AMINA, GRADUATED
from tests.projections.log_of import identified, learner, store

OFFICE, ELSEWHERE = ident("delegation"), ident("association of far")
HOLDERS: Final = [
    Holder("agent of the authority", "en_agent", "province", PLACES["far"].province, OFFICE),
    Holder("agent of the centre's region", "en_agent", "region", "MA-01", ELSEWHERE),
    Holder("agent of another region", "en_agent", "region", "MA-11", ELSEWHERE),
    Holder("coordinator of own", "coordinator", "centre", str(centre_of("own")), ident("association")),
    Holder("coordinator of former", "coordinator", "centre", str(centre_of("former")), ident("association of former")),
    Holder("coordinator of far", "coordinator", "centre", str(centre_of("far")), ELSEWHERE),
]
SEEING: Final = HOLDERS[0], HOLDERS[1], HOLDERS[3]
BLIND: Final = HOLDERS[2], HOLDERS[4], HOLDERS[5]
SLOW_SECONDS: Final = 5  # most that five hundred names may take on a busy machine; usual is a tenth
LIST: Final = f"/v1/diploma-sessions/{SESSION}/candidates"


@pytest.fixture
def api(web_dsn: str, keys_role_dsn: str, token_key: Path) -> Iterator[Api]:
    forsa = composed(web_dsn, keys_role_dsn, token_key)
    stood_up(forsa)
    held_by(forsa, HOLDERS)
    issuer = DevelopmentIssuer(token_key, "forsa")
    api = Api(forsa, issuer)
    api.tokens |= {each.login: issuer.issue(each.login, api.issued_at) for each in HOLDERS}
    yield api
    forsa.close()


def listed(api: Api, login: str = "en_agent", path: str = LIST, **headers: str) -> dict[str, Any]:
    """What this reader is shown."""
    response = api.get(path, login, **headers)
    assert response.status_code == 200, response.get_data(as_text=True)
    return dict(response.get_json())


def sheet(api: Api, login: str = "en_agent", language: str = "fr") -> tuple[list[str], list[list[Any]], bytes]:
    """The heads and the rows of the workbook, and its bytes."""
    response = api.get(f"{LIST}?format=xlsx", login, Accept_Language=language)
    assert (response.status_code, response.mimetype) == (200, MEDIA)
    content = response.get_data()
    heads, *rows = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()
    return [str(each) for each in heads], rows, content


def looks(log_dsn: str) -> list[dict[str, Any]]:
    """Every row of the disclosure log."""
    query = "select what, role, org, subjects, levels, named from records.disclosures order by id"
    with psycopg.connect(log_dsn, row_factory=dict_row) as owner:
        return owner.execute(query).fetchall()


def renamed(api: Api, *names: NameGiven) -> None:
    """The learner has these names now."""
    said = {"names": [{"given": each.given, "family": each.family} for each in names], "sex": "f"}
    path = f"/v1/learners/{LEARNER}/identities"
    api.done(path, {**said, "why": {"code": "entry_error"}}, "coordinator", If_Match=f'"{api.version(LEARNER)}"')


# ── who ──


def test_the_authority_and_the_centre_see_the_names_and_the_look_is_written_down(
    api: Api, log_dsn: str, subtests: pytest.Subtests
) -> None:
    for holder in SEEING:
        with subtests.test(login=holder.login):
            before = len(looks(log_dsn))
            shown = listed(api, holder.login)
            assert shown["items"] == [
                {
                    "candidate_number": "0001",
                    "learner": str(LEARNER),
                    "enrolment": str(ENROLMENT),
                    "arabic": "سلمى الزياني",
                    "latin": "Salma Ziani",
                    "birth_date": "2010-03-02",
                    "birth_certainty": "exact",
                    "sex": "f",
                    "centre": str(centre_of("own")),
                    "trade": "COU",
                    "flags": [],
                    "decision": None,
                    "is_erased": False,
                }
            ]
            sheet(api, holder.login)
            look = {"what": "diploma-sessions.get-candidates", "role": holder.role, "org": holder.org}
            shows = {"subjects": [LEARNER], "levels": ["summary"], "named": [True]}
            assert looks(log_dsn)[before:] == [{**look, **shows}] * 2


def test_another_region_s_agent_and_other_centres_have_no_such_session(api: Api, log_dsn: str) -> None:
    """A centre the candidate left before it prepared for this session is one of them."""
    for holder in BLIND:
        for path in (LIST, f"{LIST}?format=xlsx"):
            answer = api.get(path, holder.login)
            unknown = api.get(path.replace(str(SESSION), str(ident("no session"))), holder.login)
            assert (answer.status_code, answer.get_data()) == (404, unknown.get_data())
    assert looks(log_dsn) == []


def test_of_a_session_of_several_centres_each_sees_its_own_part(api: Api, log_dsn: str) -> None:
    centres = {"own": CENTRE, "near": centre_of("near"), "far": centre_of("far")}
    store(api.forsa.event_log, session_of(list(centres.values())))
    path = f"/v1/diploma-sessions/{LARGE}/candidates"
    seen = {each.login: [item["centre"] for item in listed(api, each.login, path)["items"]] for each in SEEING}
    assert seen == {
        "agent of the authority": [str(each) for each in centres.values()],
        "agent of the centre's region": [str(centres["own"]), str(centres["near"])],
        "coordinator of own": [str(centres["own"])],
    }
    assert [len(each["subjects"]) for each in looks(log_dsn)] == [3, 2, 1]


def test_a_former_centre_sees_whom_it_prepared(api: Api) -> None:
    former = f"/v1/diploma-sessions/{HELD}/candidates"
    assert [each["decision"] for each in listed(api, "coordinator of former", former)["items"]] == ["admitted"]
    assert api.get(former, "coordinator of far").status_code == 404


def test_other_roles_see_no_candidates_names(api: Api) -> None:
    for role in ("auditor", "caseworker", "ministry", "aref", "operator", "partner", "data_protection_officer"):
        assert api.get(LIST, role).get_json()["code"] == "not-your-role"


# ── what ──


def test_a_missing_form_of_a_name_is_flagged(api: Api) -> None:
    renamed(api, NameGiven("سلمى", "الزياني"))
    [item] = listed(api)["items"]
    assert (item["latin"], item["flags"]) == (None, ["missing-latin-name"])
    _, [row], _ = sheet(api)
    assert row[list(COLUMNS).index("flags")] == "nom en lettres latines manquant"


def test_an_erased_candidate_keeps_the_line_and_no_name(api: Api) -> None:
    api.forsa.keyring.destroy(LEARNER, ["identity"])
    [item] = listed(api)["items"]
    person = ("arabic", "latin", "birth_date", "birth_certainty", "sex")
    assert [item[each] for each in person] == [None] * 5
    assert (item["is_erased"], item["candidate_number"], item["learner"]) == (True, "0001", str(LEARNER))
    _, [row], _ = sheet(api)
    assert row[:4] == ["0001", "", "(identité effacée)", ""]


def test_a_workbook_is_answered_where_accept_asks_for_one(api: Api) -> None:
    assert api.get(LIST, "en_agent", Accept=MEDIA).mimetype == MEDIA
    assert api.get(LIST, "en_agent", Accept=f"application/json, {MEDIA};q=0.5").mimetype == "application/json"
    assert api.get(LIST, "en_agent", Accept="*/*").mimetype == "application/json"
    assert api.get(f"{LIST}?format=json", "en_agent", Accept=MEDIA).mimetype == "application/json"
    assert api.get(f"{LIST}?format=pdf", "en_agent").status_code == 422


def test_the_sheet_reads_as_the_list_in_the_language_asked_for(api: Api, subtests: pytest.Subtests) -> None:
    first_heads = {"ar": "رقم المترشح(ة)", "fr": "Numéro de candidat(e)", "en": "Candidate number"}
    for language, first in first_heads.items():
        with subtests.test(language=language):
            heads, [row], content = sheet(api, language=language)
            assert (heads[0], len(heads)) == (first, len(COLUMNS))
            assert row[:4] == ["0001", "سلمى الزياني", "Salma Ziani", "2010-03-02"]
            assert (row[5], row[-1]) == (label("sex", "f", language, date(2026, 11, 22)), str(LEARNER))
            made = xml(content)
            assert ('rightToLeft="1"' in made) == (language == "ar")
            assert 'state="frozen"' in made
            assert 'ySplit="1"' in made


def xml(content: bytes) -> str:
    """The sheet as it stands in the file."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        return file.read("xl/worksheets/sheet1.xml").decode()


def test_a_name_that_looks_like_a_formula_is_text(api: Api) -> None:
    renamed(api, NameGiven("سلمى", "الزياني"), NameGiven("=cmd|' /C calc'!A", "@SUM"))
    _, [row], content = sheet(api)
    [item] = listed(api)["items"]
    assert row[2] == item["latin"]
    assert item["latin"].startswith("=")
    assert "<f>" not in xml(content)


def test_nothing_about_a_file_is_personal(api: Api) -> None:
    response = api.get(f"{LIST}?format=xlsx", "en_agent")
    assert response.headers["Content-Disposition"] == f'attachment; filename="candidates-{SESSION}.xlsx"'
    assert response.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(BytesIO(response.get_data())) as file:
        properties = file.read("docProps/core.xml").decode() + file.read("docProps/app.xml").decode()
    assert "Salma" not in properties


MANY: Final = 500
LARGE: Final = ident("large session")


def session_of(centres: Sequence[UUID]) -> Iterator[tuple[UUID, Event]]:
    """A session, and a candidate of each of these centres in turn."""
    day = date(2026, 6, 1)
    yield (
        LARGE,
        SessionOpened(
            on=day, by=SYSTEM, authority=OFFICE, held_from=day, held_to=day, centres=sorted(set(centres)),
            trades=["COU"], diploma_kind="vocational_diploma", year=2026,
        ),
    )  # fmt: skip
    own = [event for stream, event in GRADUATED if stream == AMINA]
    enrolled = next(each for each in own if isinstance(each, LearnerEnrolled))
    entry = next(each for each in own if isinstance(each, CandidateListed))
    for number, centre in enumerate(centres):
        yield identified(number)
        yield learner(number), replace(enrolled, centre=centre)
        yield learner(number), replace(entry, session=LARGE)
        said: dict[str, Any] = {"learner": learner(number), "enrolment": enrolled.enrolment}
        yield LARGE, CandidateEntered(on=day, by=SYSTEM, candidate_number=f"{number:04}", **said)


def test_five_hundred_names_are_opened_in_one_question_to_the_keys(
    api: Api, monkeypatch: pytest.MonkeyPatch, log_dsn: str
) -> None:
    store(api.forsa.event_log, session_of([CENTRE] * MANY), at_once=400)
    questions: list[int] = []
    open_many = api.forsa.keyring.open_many

    def counted(_: Any, wanted: Sequence[Any]) -> Sequence[Any]:
        questions.append(len(wanted))
        return open_many(wanted)

    monkeypatch.setattr(type(api.forsa.keyring), "open_many", counted)
    address = f"/v1/diploma-sessions/{LARGE}/candidates"
    began = time.perf_counter()
    shown = listed(api, path=address)["items"]
    seconds = time.perf_counter() - began
    assert (len(shown), {each["arabic"] for each in shown}) == (MANY, {"ياسين العلوي"})
    assert questions == [MANY]
    assert len(looks(log_dsn)[-1]["subjects"]) == MANY
    assert seconds < SLOW_SECONDS, seconds
    made = api.get(f"{address}?format=xlsx", "en_agent").get_data()
    assert len(CalamineWorkbook.from_filelike(BytesIO(made)).get_sheet_by_index(0).to_python()) == MANY + 1

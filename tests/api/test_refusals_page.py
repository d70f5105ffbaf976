"""docs/refusals.md shows ten refusals in Arabic and French, each as the API really answers the request beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from api.examples import EXAMPLES
from domain.reference import code_list
from tests.api import stack
from tests.api.stack import ENROLMENT, IDENTIFICATION, Api, enrolled, group_of, ident, identified, seated

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "refusals.md"
UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LANGUAGES: Final = {"ar": "ar-MA", "fr": "fr"}
HEAD: Final = """# Ten refusals

What a refused request is answered, in Arabic and French: what is wrong, what to do, and the act that makes it right. A
test sends these requests and compares (`tests/api/test_refusals_page.py` writes `build/refusals.md` where they differ).
All codes: `/docs/problems`.
"""


class Asked(msgspec.Struct, frozen=True):
    """One request that is refused: who sends what, and what of its body is shown."""

    title: str
    role: str
    path: str
    shown: Mapping[str, Any]
    body: Mapping[str, Any]
    method: str = "POST"


def _ten(api: Api) -> Iterator[Asked]:
    group = group_of(api, capacity=1)
    seated(api, group)
    other, new = identified(api), identified(api)
    place = {"group": group, "enrolment": enrolled(api, other)}
    session = {"authority": str(ident("delegation")), "centres": [str(stack.CENTRE)]}
    opened = api.done("/v1/diploma-sessions", {**EXAMPLES["OpenDiplomaSession"], **session}, "en_agent")
    listed = {"session": opened["ids"]["diploma_session"], "enrolment": place["enrolment"]}
    older = identified(api, birth_date="2001-03-14")
    now = {**ENROLMENT, "on": "2026-11-02"}
    yield _post("A seat in a group without a free one", f"/v1/learners/{other}/group-memberships", place)
    yield _post(
        "An enrolment without the steps before it", f"/v1/learners/{new}/enrolments", {**now, "without": []}, "without"
    )
    yield _post("An enrolment at the age of 25", f"/v1/learners/{older}/enrolments", now, "starts_on")
    yield _post("A seat for a learner who is not enrolled", f"/v1/learners/{new}/group-memberships", place)
    yield _post(
        "A candidate whose identity nobody verified", f"/v1/learners/{other}/candidatures", listed, role="en_agent"
    )
    said = {"centre": str(stack.CENTRE), "season": 2026, "group_kind": "workshop", "trade": "ELB", "capacity": 12}
    yield _post("A workshop of a trade that is not approved", "/v1/groups", said, "trade", "season", role="coordinator")
    late = {**IDENTIFICATION, "on": "2026-06-01"}
    yield _post("A learner identified in June, entered in November", "/v1/learners", late, "on")
    sheet = {"week": "2026-11-10", "component": "workshop", "rows": []}
    yield _post("A sheet for a week that begins on a Tuesday", f"/v1/groups/{group}/attendance", sheet, role="educator")
    yield _post(
        "An act of the centre, sent by Entraide Nationale", f"/v1/learners/{new}/competences", {}, role="en_agent"
    )
    when = f"/v1/groups/{group}?as_of=2100-01-01T00:00:00Z"
    yield Asked("A look at a moment that has not come", "caseworker", when, {}, {}, "GET")


def _post(title: str, path: str, body: Mapping[str, Any], *names: str, role: str = "caseworker") -> Asked:
    return Asked(title, role, path, {name: body[name] for name in names or body}, body)


def _page(api: Api) -> str:
    return "\n".join([HEAD, *(line for number, asked in enumerate(_ten(api), 1) for line in _told(api, number, asked))])


def _told(api: Api, number: int, asked: Asked) -> Iterator[str]:
    yield f"## {number}. {asked.title}\n"
    body = f" `{_without_ids(json.dumps(asked.shown, ensure_ascii=False))}`" if asked.shown else ""
    yield f"`{asked.method} {_without_ids(asked.path)}`{body}, {_role(asked.role)}"
    answers = {language: _sent(api, asked, tag) for language, tag in LANGUAGES.items()}
    french = answers["fr"]
    yield f"→ {french['status']} `{french['code']}`\n"
    yield "| pointer | rule | العربية | français |\n|---|---|---|---|"
    for arabic, same in zip(_errors(answers["ar"]), _errors(french), strict=True):
        place = (
            f"`{same['pointer']}`" if same.get("pointer") else f"`{same['parameter']}`" if "parameter" in same else ""
        )
        yield f"| {place} | {same.get('rule') or ''} | {_cell(arabic)} | {_cell(same)} |"
    yield ""


def _role(code: str) -> str:
    entry = code_list("role").find(code, date.max)
    return entry.label("en") if entry else code


def _errors(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its errors, or the problem itself where it has none."""
    own = {"detail": answer["title"], "way_out": answer["detail"], "acts": answer.get("acts", [])}
    return answer.get("errors") or [own]


def _cell(error: Mapping[str, Any]) -> str:
    acts = [f"{act['title']} `POST {_without_ids(act['href'])}`" for act in error.get("acts", []) if "href" in act]
    return "<br>".join([error["detail"], error["way_out"], *(f"→ {act}" for act in acts)])


def _sent(api: Api, asked: Asked, tag: str) -> dict[str, Any]:
    if asked.method == "GET":
        answer = api.get(asked.path, asked.role, Accept_Language=tag)
    else:
        answer = api.post(asked.path, asked.body, asked.role, Accept_Language=tag)
    assert answer.mimetype == "application/problem+json", answer.get_data(as_text=True)
    return dict(answer.get_json())


def _without_ids(text: str) -> str:
    return UUID_TEXT.sub("{id}", text)


def test_the_ten_refusals_of_the_page_are_those_the_api_gives(api: Api) -> None:
    made = _page(api)
    if made != PAGE.read_text(encoding="utf-8"):
        (ROOT / "build").mkdir(exist_ok=True)
        (ROOT / "build" / "refusals.md").write_text(made, encoding="utf-8")
    assert made == PAGE.read_text(encoding="utf-8"), "build/refusals.md has it as it is now"
    assert made.count("\n## ") == 10

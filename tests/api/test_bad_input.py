"""Bad input gets a problem with its code, its pointer and a way out; never a 500, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from api.bodies import LARGEST_BYTES
from tests.api.stack import ENROLMENT, IDENTIFICATION, Api, enrolled, group_of, identified


def errors_of(response: TestResponse) -> list[tuple[str | None, str]]:
    """(pointer or parameter, code) of each error."""
    return [(each.get("pointer", each.get("parameter")), each["code"]) for each in response.get_json()["errors"]]


def assert_problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem, whole."""
    assert response.mimetype == "application/problem+json", response.get_data(as_text=True)
    body: dict[str, Any] = response.get_json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body["type"] == f"/v1/problems/{code}"
    assert body["title"]
    assert body["detail"]
    assert response.headers["Content-Language"] == "ar-MA"
    for error in body.get("errors", ()):
        assert error["detail"]
        assert error["way_out"]
    return body


BAD_FIELDS: Final = [
    ("colour", "red", "unknown-field"),
    ("province", 5, "wrong-type"),
    ("province", None, "wrong-type"),
    ("names", "أمينة", "wrong-type"),
    ("names", ["أمينة"], "wrong-type"),
    ("season", "2026", "wrong-type"),
    ("season", True, "wrong-type"),
    ("season", 2026.0, "wrong-type"),
    ("season", 99999, "wrong-type"),
    ("season", 0, "wrong-type"),
    ("birth_date", "2010-02-30", "bad-date"),
    ("birth_date", "20100503", "bad-date"),
    ("birth_date", "2010-W18-1", "bad-date"),
    ("birth_date", "٢٠١٠-٠٥-٠٣", "bad-date"),
    ("birth_date", "9999-12-31", "bad-date"),
    ("birth_date", 20100503, "bad-date"),
    ("learner", "{1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed}", "bad-uuid"),
    ("learner", "1b9d6bcdbbfd4b2d9b5dab8dfbbd4bed", "bad-uuid"),
    ("learner", "urn:uuid:1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "bad-uuid"),
    ("learner", "00000000-0000-0000-0000-000000000000", "bad-uuid"),
    ("source", "x" * 2001, "wrong-type"),
    ("source", "   ", "missing-field"),
]


def test_a_field_of_the_wrong_form_is_named(api: Api, subtests: pytest.Subtests) -> None:
    for field, value, code in BAD_FIELDS:
        with subtests.test(field=field, value=value), api.nothing_recorded():
            response = api.post("/v1/learners", {**IDENTIFICATION, field: value})
            assert_problem(response, 422, "invalid-body")
            found = {(pointer.split("/")[1], each) for pointer, each in errors_of(response) if pointer}
            assert found == {(field, code)}


def test_every_error_of_the_form_is_told_at_once_with_its_pointer(api: Api) -> None:
    said = {
        "colour": 1,
        "province": 5,
        "names": [{"given": "أمينة"}, {"given": 7, "a/b~c": 1}],
        "birth_date": "2010-13-01",
        "why": {"text": "…"},
    }
    with api.nothing_recorded():
        response = api.post("/v1/learners", said)
    assert set(errors_of(response)) == {
        ("/colour", "unknown-field"),
        ("/province", "wrong-type"),
        ("/names/1/given", "wrong-type"),
        ("/names/1/a~1b~0c", "unknown-field"),
        ("/birth_date", "bad-date"),
        ("/why/code", "missing-field"),
        ("/source", "missing-field"),
        ("/sex", "missing-field"),
    }


def test_unknown_codes_are_told_together_with_a_form_that_is_wrong(api: Api) -> None:
    said = {"level": "zz", "trades": ["ELB", "QQ"], "colour": 1, "why": {"code": "because"}}
    response = api.post(f"/v1/learners/{identified(api)}/orientations", said)
    assert set(errors_of(response)) == {
        ("/colour", "unknown-field"),
        ("/level", "unknown-code"),
        ("/trades/1", "unknown-code"),
        ("/why/code", "unknown-code"),
    }


BAD_BODIES: Final = [
    (b"", 400, "malformed-json"),
    (b"{", 400, "malformed-json"),
    (b"\xff\xfe{}", 400, "malformed-json"),
    (b"\xef\xbb\xbf{}", 400, "malformed-json"),
    (b'{"season": NaN}', 400, "malformed-json"),
    (b'{"season": ' + b"9" * 5000 + b"}", 400, "malformed-json"),
    (b"[" * 100_000, 400, "malformed-json"),
    (b'{"names": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "malformed-json"),
    (b'{"sex": "f", "sex": "m"}', 400, "duplicate-json-key"),
    (b'{"why": {"code": "other", "code": "other"}}', 400, "duplicate-json-key"),
    (b'{"source": "a\\u0000b"}', 400, "bad-character"),
    (b'{"names": [{"given": "\\ud800"}]}', 400, "bad-character"),
    (b'{"\\udfff": 1}', 400, "bad-character"),
    (b"[]", 422, "invalid-body"),
    (b'"text"', 422, "invalid-body"),
    (b"null", 422, "invalid-body"),
]


def test_a_body_that_is_no_form_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    for body, status, code in BAD_BODIES:
        with subtests.test(body=body[:40]), api.nothing_recorded():
            assert_problem(api.post_raw("/v1/learners", body), status, code)


def test_a_bad_character_is_pointed_at(api: Api) -> None:
    response = api.post_raw("/v1/learners", b'{"names": [{"given": "\\ud800"}]}')
    assert errors_of(response) == [("/names/0/given", "bad-character")]


def test_another_media_type_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    body = json.dumps(IDENTIFICATION).encode()
    latin = "application/json; charset=latin-1"
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "", latin):
        with subtests.test(media_type=media_type), api.nothing_recorded():
            response = api.post_raw("/v1/learners", body, Content_Type=media_type)
            assert_problem(response, 415, "unsupported-media-type")
            assert response.headers["Accept-Post"] == "application/json"


def test_a_body_above_the_limit_is_refused(api: Api) -> None:
    with api.nothing_recorded():
        response = api.post_raw("/v1/learners", b" " * (LARGEST_BYTES + 1))
    assert_problem(response, 413, "body-too-large")


def test_an_unknown_code_names_its_list_and_where_it_stands(api: Api) -> None:
    with api.nothing_recorded():
        response = api.post("/v1/learners", {**IDENTIFICATION, "sex": "x", "province": "ZZZ"})
    body = assert_problem(response, 422, "unknown-code")
    assert set(errors_of(response)) == {("/sex", "unknown-code"), ("/province", "unknown-code")}
    assert {"list": "sex", "value": "x"} in [each["params"] for each in body["errors"]]


def test_an_age_outside_the_band_is_refused_with_the_band(api: Api) -> None:
    """DOMAIN rule 1."""
    learner = identified(api, birth_date="1999-01-01")
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/enrolments", ENROLMENT)
    body = assert_problem(response, 409, "age-outside-band")
    (error,) = body["errors"]
    assert (error["rule"], error["params"]["age"], error["params"]["age_max"]) == (1, 27, 20)


def test_every_rule_that_forbids_is_told_at_once_in_rule_order(api: Api) -> None:
    learner = identified(api, birth_date="1999-01-01")
    response = api.post(f"/v1/learners/{learner}/enrolments", {**ENROLMENT, "without": []})
    assert_problem(response, 409, "age-outside-band")
    rules = [each["rule"] for each in response.get_json()["errors"]]
    assert rules == [1, 10, 10]


def test_a_transition_the_life_cycle_forbids_names_what_is_allowed(api: Api) -> None:
    learner, group = identified(api), group_of(api)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/group-memberships", {"enrolment": str(uuid4()), "group": group})
    body = assert_problem(response, 409, "not-allowed-now")
    assert body["errors"][0]["params"]["status"] == "identified"
    assert "enrol-learner" in body["errors"][0]["params"]["allowed"]


def test_a_day_in_the_future_is_refused(api: Api) -> None:
    """DOMAIN rule 46."""
    with api.nothing_recorded():
        response = api.post("/v1/learners", {**IDENTIFICATION, "on": "2026-11-23"})
    assert_problem(response, 422, "occurred-in-future")


def test_an_unknown_stream_and_one_of_another_kind_are_both_not_found(api: Api) -> None:
    group = group_of(api)
    for stream in (group, str(uuid4())):
        with api.nothing_recorded():
            response = api.post(f"/v1/learners/{stream}/derogations", {"reason": "disability", "act_reference": "1"},
                                "provincial_directorate")  # fmt: skip
        assert_problem(response, 404, "not-found")


def test_a_body_that_names_an_unknown_stream_is_pointed_at(api: Api) -> None:
    learner = identified(api)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/enrolments", {**ENROLMENT, "centre": str(uuid4())})
    assert_problem(response, 422, "unknown-stream")
    assert errors_of(response) == [("/centre", "unknown-stream")]


def test_parameters_have_one_stream_and_no_other(api: Api) -> None:
    said = {"name": "age_max", "value": "21", "valid_from": "2026-11-01", "authority": "26/1"}
    with api.nothing_recorded():
        response = api.post(f"/v1/parameters/{uuid4()}/settings", said, "ministry")
    assert_problem(response, 404, "not-found")


def test_an_unknown_address_and_an_unknown_method_are_problems(api: Api) -> None:
    assert_problem(api.get("/v1/nothing"), 404, "not-found")
    assert_problem(api.get("/v1/learners/not-a-uuid"), 404, "not-found")
    response = api.app.test_client().delete("/v1/learners", headers=api.headers("caseworker"))
    assert_problem(response, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_options_and_head_answer_without_surprise(api: Api) -> None:
    options = api.app.test_client().options("/v1/learners")
    assert (options.status_code, "POST" in options.headers["Allow"]) == (200, True)
    head = api.app.test_client().head("/livez")
    assert (head.status_code, head.get_data()) == (200, b"")


def test_a_language_header_in_which_nothing_can_be_read_is_refused(api: Api, subtests: pytest.Subtests) -> None:
    for header in ("fr;q=2;q=3,,,", "*" * 5000, ";;;=", "fr;q=abc", "%%", "français"):
        with subtests.test(header=header[:20]):
            for path in ("/livez", "/v1/learners"):
                response = api.get(path, Accept_Language=header)
                assert_problem(response, 422, "bad-parameter")
                assert response.get_json()["errors"][0]["parameter"] == "Accept-Language"
                assert response.headers["Content-Language"] == "ar-MA"


def test_a_language_that_is_not_ours_is_answered_in_arabic(api: Api, subtests: pytest.Subtests) -> None:
    for header in ("", ",", "xx", "*", "de;q=0.5, ;;;=", "fr;q=0", "fr;q=abc, nl"):
        with subtests.test(header=header[:20]):
            response = api.get("/v1/nothing", Accept_Language=header)
            assert (response.status_code, response.headers["Content-Language"]) == (404, "ar-MA")


def test_texts_come_in_the_language_asked_for(api: Api) -> None:
    titles = set()
    for asked, answered in (("ar-MA", "ar-MA"), ("fr-FR,fr;q=0.9", "fr"), ("de, en;q=0.8", "en")):
        response = api.get("/v1/nothing", Accept_Language=asked)
        assert response.headers["Content-Language"] == answered
        assert "Accept-Language" in response.headers["Vary"]
        titles.add(response.get_json()["title"])
    assert len(titles) == 3


def test_an_unexpected_error_says_nothing_but_its_number(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("أمينة")

    monkeypatch.setattr(api.forsa.casebook, "execute", fails)
    response = api.post("/v1/learners", IDENTIFICATION)
    body = assert_problem(response, 500, "internal-error")
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert "أمينة" not in response.get_data(as_text=True)
    assert "Zero" not in response.get_data(as_text=True)


def test_a_word_about_the_enrolment_does_not_pass_for_another(api: Api) -> None:
    learner = identified(api)
    enrolled(api, learner)
    with api.nothing_recorded():
        response = api.post(f"/v1/learners/{learner}/enrolment-ends", {"enrolment": str(uuid4()), "exit": "completed"})
    assert_problem(response, 409, "no-such-enrolment")

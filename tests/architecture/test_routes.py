"""Every route has a row in the permission table, and every command a route."""

from __future__ import annotations

import pytest
from flask import Flask

from api.permissions import PUBLIC, READS, WRITES, RouteWithoutRow, check_every_route, roles_of
from api.problems import OF_FORM, STATUS, codes_of_rules
from domain.reference import code_list
from domain.streams import COMMANDS
from domain.texts import LANGUAGES, has
from tests.architecture.refusals import REFUSAL_BY_CODE


def test_every_command_has_a_row_with_the_roles_of_its_own_row() -> None:
    assert sorted(WRITES.values()) == sorted(spec.roles for spec in COMMANDS)
    assert len(WRITES) == len(COMMANDS)


def test_no_route_is_read_and_written_or_read_and_public() -> None:
    assert not READS.keys() & WRITES.keys()
    assert not PUBLIC & (READS.keys() | WRITES.keys())


def test_every_row_names_roles_of_the_role_list() -> None:
    roles = set(code_list("role").codes)
    for endpoint in (*READS, *WRITES):
        assert roles_of(endpoint), endpoint
        assert set(roles_of(endpoint)) <= roles, endpoint


def test_an_application_with_a_route_without_a_row_does_not_start() -> None:
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/v1/left-open", "left-open", lambda: "")
    with pytest.raises(RouteWithoutRow, match="left-open"):
        check_every_route(app)


def test_every_problem_and_every_refusal_has_a_status_and_its_texts() -> None:
    assert codes_of_rules().keys() >= REFUSAL_BY_CODE.keys()
    assert REFUSAL_BY_CODE.keys() >= OF_FORM
    for language in LANGUAGES:
        for code in STATUS:
            assert has(f"problem.{code}", language), (language, code)
            assert has(f"problem.{code}.way-out", language), (language, code)

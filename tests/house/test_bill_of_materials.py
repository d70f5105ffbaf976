"""What we build on: known, locked, licensed as we may use it, and written down."""

from __future__ import annotations

import re

import pytest

from runtime.bill_of_materials import EXCEPTIONS, ROOT, bill, is_allowed, licence_list, parts
from runtime.wiring import RELEASE


def test_every_locked_package_has_a_licence_we_may_use() -> None:
    refused = {part.name: part.licence for part in parts() if not is_allowed(part.name, part.licence)}
    assert refused == {}
    assert EXCEPTIONS.keys() <= {part.name for part in parts()}, "an exception that is no longer one goes"


@pytest.mark.parametrize(
    ("name", "licence", "allowed"),
    [
        ("pyarabic", "GPL-3.0-or-later", False),
        ("some", "AGPL-3.0-only", False),
        ("some", "LGPL-3.0-only", False),  # psycopg's exception is psycopg's alone
        ("psycopg", "LGPL-3.0-only", True),
        ("psycopg", "GPL-3.0-only", False),
        ("some", "", False),
        ("some", "MIT AND GPL-2.0-only", False),
        ("some", "MIT OR GPL-2.0-only", True),
        ("some", "Apache-2.0 AND BSD-2-Clause", True),
        ("some", "GNU General Public License v3 (GPLv3)", False),
        ("some", "Proprietary", False),
    ],
)
def test_a_licence_that_asks_more_is_refused(name: str, licence: str, allowed: bool) -> None:
    assert is_allowed(name, licence) is allowed


def test_the_page_of_licences_is_the_one_of_the_lock() -> None:
    assert (ROOT / "docs" / "licences.md").read_text(encoding="utf-8") == licence_list(parts()), "run `make sbom`"


def test_the_bill_is_whole_and_the_same_each_time() -> None:
    every = parts()
    made = bill(every, RELEASE)
    assert made == bill(parts(), RELEASE)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", made["serialNumber"])
    refs = {each["bom-ref"] for each in made["components"]}
    assert len(refs) == len(every)
    for each in made["dependencies"]:
        assert set(each["dependsOn"]) <= refs
    by_name = {each["name"]: each for each in made["components"]}
    assert by_name["flask"]["scope"] == "required"
    assert by_name["pytest"]["scope"] == "excluded"
    assert by_name["flask"]["properties"]
    needed = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    assert by_name["werkzeug"]["purl"] in needed[by_name["flask"]["purl"]]

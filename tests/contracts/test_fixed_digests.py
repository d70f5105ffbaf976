"""⚓ Digests that are stored or that make ids: another value would lose every claim, key, singleton or known row."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec

from domain.parameter import NATIONAL
from domain.roster import read_roster
from runtime.importing import Importer, _digest, _part
from runtime.master_key import secrets_from
from runtime.seal import bound_to, event_key_of, seal_with_event_key
from runtime.store import EventLog
from runtime.wiring import Forsa, body_digest
from tests.examples.people import CASEWORKER

SECRETS = secrets_from(bytes(range(32)))
STREAM = UUID("00112233-4455-6677-8899-aabbccddeeff")
ROSTER = "given name,family name,sex,birth date,province\nياسين,المثال,m,2010-05-03,CAS\n"


def test_the_secrets_of_a_master_key() -> None:
    assert [each.hex()[:16] for each in msgspec.structs.astuple(SECRETS)] == [
        "6a4990a9ae3a2dea",
        "024ac180c0b5bf17",
        "3d150710b54dd4ea",
    ]


def test_a_claim() -> None:
    log = EventLog.__new__(EventLog)  # no database: a claim is a function of the secret, the kind and the value
    log._claim_secret = SECRETS.claim
    assert (
        log.digest("massar", "R130045678").digest.hex()
        == "9ef202b3f66f154ae96552243eb1f3ed519d83449e29f692acaf8d58f5bada60"
    )


def test_a_commands_body() -> None:
    assert (
        body_digest(SECRETS, b'POST\n/v1/learners\n{"sex":"f"}').hex()
        == "838e001d3d8992244af99c26dd3a24ce8a9b620eb1e43df3af9555fae4350820"
    )


def test_the_national_parameters() -> None:
    assert str(NATIONAL) == "1ae46f95-f907-5dd8-b7d9-7abda2c7bbe9"


def test_a_sealed_value() -> None:
    key = event_key_of(bytes(range(32)), STREAM, 3, "/identity")
    sealed = seal_with_event_key(key, bytes(12), "identity.1", STREAM, 3, "learner.identified", b'{"sex":"f"}')
    assert (key.hex(), sealed.h, sealed.c) == (
        "e5630f547868eb9246c15f18e83e3c6a5be334be1e92c7f6740b2d34ae5b3d19",
        "dlxnC63jeYH0trRcMgTwsAjwqNLVyrf3/Th5R84iH9I",
        "AAAAAAAAAAAAAAAANAQmiut09pYpEPHC/wZkRU27YrhPNnPOMZIi",
    )
    assert (
        bound_to(STREAM, 3, "learner.identified", "identity.1").hex()
        == "00112233445566778899aabbccddeeff000000000000000300126c6561726e65722e6964656e746966696564000a6964656e746974792e31"
    )


def test_a_roster_row() -> None:
    row = read_roster(ROSTER.encode(), today=date(2026, 1, 1)).rows[0]
    importer = cast("Importer", SimpleNamespace(centre=STREAM, season=2025, by=CASEWORKER))
    digest = _digest(cast("Forsa", cast("Any", SimpleNamespace(secrets=SECRETS))), importer, row)
    assert (digest.hex(), str(UUID(bytes=_part(digest, b"learner"), version=5))) == (
        "dc06ca37493fa25e460db803f5ba9194486a578920bb303368d68760fb083e18",
        "d16bd0b9-a0d1-5136-a4b4-411a9b7afa59",
    )

"""The first operator of an installation: appointed once, however often it is said; cut short, it goes on."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec

from domain.casebook import CommandKey
from domain.errors import CommandKnown
from domain.event import By
from domain.kind import Command
from domain.organisation import GrantAccess, LocalName, RegisterOrganisation
from domain.values import script_of
from domain.worker import BindLogin, RecordWorker, login_value
from runtime.wiring import Forsa

LABEL: Final = b"forsa.appoint.1\0"
GRANT: Final = "grant"  # the last act: before it, nobody holds access


class Appointed(msgspec.Struct, frozen=True):
    """The ids of what an appointment records; they follow from the login alone."""

    worker: UUID
    organisation: UUID
    grant: UUID
    system: UUID  # who grants it: nobody grants access to themselves


class SomebodyHolds(Exception):
    """Somebody else holds access already, and grants more."""


class AccessEnded(Exception):
    """This login was appointed before, and its access has ended since."""


def appoint(forsa: Forsa, *, subject: str, name: str, organisation: str, kind: str) -> Appointed:
    """The login is an operator's, of this organisation; said again nothing changes, whatever the names are then.

    Raises SomebodyHolds, AccessEnded, Refused, Unreadable (the log).
    """
    digest = hmac.digest(
        forsa.secrets.body, LABEL + login_value(forsa.settings.token_issuer, subject).encode(), "sha256"
    )
    ids = Appointed(*(UUID(bytes=_part(digest, each), version=5) for each in Appointed.__struct_fields__))
    holders = {worker for _, worker in forsa.holders()}
    if holders - {ids.worker}:
        raise SomebodyHolds
    for act, command in _acts(forsa, ids, subject, name, organisation, kind):
        key = CommandKey(ids.system, _part(digest, act), digest)
        by = By(actor=ids.system, role="operator", org=ids.organisation, src="console")
        try:
            forsa.casebook.execute(command, by, key=key)
        except CommandKnown:
            continue
        if act == GRANT:
            return ids
    if not holders:
        raise AccessEnded
    return ids


def _acts(
    forsa: Forsa, ids: Appointed, subject: str, name: str, organisation: str, kind: str
) -> Iterator[tuple[str, Command]]:
    called = LocalName(ar=organisation) if script_of(organisation) == "arabic" else LocalName(fr=organisation)
    org, worker = ids.organisation, ids.worker
    yield "register", RegisterOrganisation(organisation=org, kind=kind, name=called)
    yield "system", RecordWorker(worker=ids.system, name="Forsa", organisation=org, function="system")
    yield "record", RecordWorker(worker=worker, name=name, organisation=org, function="system")
    yield "bind", BindLogin(worker=worker, issuer=forsa.settings.token_issuer, subject=subject)
    yield GRANT, GrantAccess(organisation=org, grant=ids.grant, subject=worker, role="operator", scope="national")


def _part(digest: bytes, name: str) -> bytes:
    return hmac.digest(digest, name.encode(), "sha256")[:16]

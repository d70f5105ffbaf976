"""What `forsa run` makes up where the environment says nothing: addresses, passwords, keys, in files of one directory.

DIRECTORY/postgres        the embedded server            DIRECTORY/master-key      made once, mode 0600
DIRECTORY/settings.env    what the processes run with    DIRECTORY/token-key.json  of the development issuer
DIRECTORY/dev-tokens.env  a token a role                 (all of them mode 0600)
"""

from __future__ import annotations

import hmac
import os
import secrets
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from psycopg import conninfo

from runtime.master_key import master_key_of

LOG_NAME: Final = "forsa"
SETTINGS_FILE: Final = "settings.env"
TOKENS_FILE: Final = "dev-tokens.env"
ROLE_OF: Final = {
    "FORSA_DATABASE_URL": "forsa_web",
    "FORSA_PROJECTOR_DATABASE_URL": "forsa_projector",
    "FORSA_KEYS_DATABASE_URL": "forsa_keys",
}


def development_settings(directory: Path, environ: Mapping[str, str], server_url: str | None) -> dict[str, str]:
    """Every FORSA_* variable of a development system; those that are given stay as they are.

    server_url: a login that may create databases and roles there; None where FORSA_DATABASE_URL is given.
    """
    given = {name: text for name, text in environ.items() if name.startswith("FORSA_") and text}
    if "FORSA_MASTER_KEY" not in given:
        given.setdefault("FORSA_MASTER_KEY_FILE", str(_master_key_file(directory)))
    if "FORSA_TOKEN_ISSUER" not in given:
        given.setdefault("FORSA_TOKEN_KEY_FILE", str(directory.resolve() / "token-key.json"))
    given.setdefault("FORSA_LOG_FORMAT", "console")
    if server_url is None:
        return {**given, "FORSA_KEYS_DATABASE_URL": given.get("FORSA_KEYS_DATABASE_URL") or _keys_beside(given)}
    return {**_addresses(server_url, _master_key(given)), **given}


def owner_everywhere(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings for a server whose login may not create roles: every process is the owner."""
    owner = conninfo.conninfo_to_dict(settings["FORSA_OWNER_DATABASE_URL"])
    login = {name: owner.get(name) for name in ("user", "password")}
    return {**settings, **{name: url(settings[name], **login) for name in ROLE_OF}}


def url(address: str, **changes: object) -> str:
    """The address as a URL, with parts of it changed."""
    parts = {**conninfo.conninfo_to_dict(address), **changes}
    place = {name: parts.pop(name, None) for name in ("user", "password", "host", "port", "dbname")}
    login = ":".join(_quoted(place[name]) for name in ("user", "password") if place[name])
    more = "&".join(f"{name}={_quoted(value)}" for name, value in parts.items() if value is not None)
    at = f"{_quoted(place['host'] or '')}{':' if place['port'] else ''}{place['port'] or ''}"
    return f"postgresql://{login}{'@' if login else ''}{at}/{place['dbname']}{'?' if more else ''}{more}"


def write_private(path: Path, text: str) -> None:
    """The file holds this text, all or nothing, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def env_lines(variables: Mapping[str, str]) -> str:
    """`export NAME=value` lines that a shell reads."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def read_env_lines(path: Path) -> dict[str, str]:
    """The variables of such a file; none where there is no file."""
    with suppress(FileNotFoundError):
        words = shlex.split(path.read_text(encoding="utf-8"))
        return dict(word.split("=", 1) for word in words if "=" in word)
    return {}


def _quoted(value: object) -> str:
    from urllib.parse import quote

    return quote(str(value), safe="")


def _keys_beside(given: Mapping[str, str]) -> str:
    log = given["FORSA_DATABASE_URL"]
    return url(log, dbname=f"{conninfo.conninfo_to_dict(log).get('dbname')}_keys")


def _addresses(server_url: str, master: bytes) -> dict[str, str]:
    """The databases of Forsa on this server, each with its role; passwords follow from the master key."""
    named = conninfo.conninfo_to_dict(server_url).get("dbname")
    log = LOG_NAME if named in (None, "postgres", "template1") else str(named)
    addresses = {"FORSA_OWNER_DATABASE_URL": url(server_url, dbname=log)}
    for name, role in ROLE_OF.items():
        password = hmac.digest(master, f"forsa.development.{role}".encode(), "sha256").hex()[:32]
        database = f"{log}_keys" if role == "forsa_keys" else log
        addresses[name] = url(server_url, dbname=database, user=role, password=password)
    return addresses


def _master_key_file(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory.resolve() / "master-key"
    if not path.exists():
        write_private(path, secrets.token_hex(32) + "\n")
    return path


def _master_key(given: Mapping[str, str]) -> bytes:
    held = given.get("FORSA_MASTER_KEY")
    return master_key_of(held or Path(given["FORSA_MASTER_KEY_FILE"]).read_text(encoding="ascii"))

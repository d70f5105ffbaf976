"""Making the databases of these settings: who owns them, and which roles log in with which passwords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import conninfo

from runtime.migrate import ROLES, Prepared, prepare
from runtime.settings import Settings

OWNER_NEEDS: Final = ("FORSA_DATABASE_URL", "FORSA_KEYS_DATABASE_URL")  # to make and update the databases
PROCESS_NEEDS: Final = (*OWNER_NEEDS, "FORSA_MASTER_KEY")  # to read or write what is in them


def prepare_databases(settings: Settings) -> Prepared:
    """Both databases exist, are migrated and protected as far as the owner's login may do so. May be repeated.

    A role gets the password that stands in the setting which names it, so the processes can log in afterwards.
    """
    return prepare(settings.owner_database_url, keys_owner_dsn(settings), passwords=passwords_in(settings))


def keys_owner_dsn(settings: Settings) -> str:
    """The keys' database as the owner of the log: the address of the keys, the owner's login."""
    owner = conninfo.conninfo_to_dict(settings.owner_database_url)
    login = {name: owner.get(name) for name in ("user", "password")}
    return conninfo.make_conninfo(settings.keys_database_url, **login)


def passwords_in(settings: Settings) -> dict[str, str]:
    """Role → password, for each of our roles that a setting logs in as."""
    addresses = (settings.database_url, settings.keys_database_url, settings.projector_database_url)
    logins = [conninfo.conninfo_to_dict(address) for address in addresses]
    return {str(each["user"]): str(each["password"]) for each in logins if _is_our_login(each)}


def _is_our_login(login: Mapping[str, Any]) -> bool:
    return login.get("user") in ROLES and bool(login.get("password"))

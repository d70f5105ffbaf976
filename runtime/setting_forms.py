"""How the text of a variable becomes a value: ValueError says what it should have been, and never repeats it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_BROKER: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)


def postgres_url(text: str) -> str:
    """An address of a PostgreSQL database, as it is."""
    try:
        parts = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        parts = {}
    if not parts.get("dbname"):
        # The library's own message would repeat the text, password and all.
        raise ValueError("is not a PostgreSQL address such as postgresql://user:password@host:5432/database")
    return text


def database_of(url: str) -> tuple[object, ...]:
    """Where this address leads, whoever comes; empty for none and for one that is wrong."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return ()
    return (parts.get("host"), str(parts.get("port") or 5432), parts["dbname"]) if "dbname" in parts else ()


def shown_url(url: str) -> str:
    """What may be shown of an address: no password."""
    parts = conninfo_to_dict(url)
    at = f"{parts.get('host') or 'local socket'}:{parts.get('port') or 5432}"
    return f"{parts.get('user') or 'default user'} at {at}, database {parts['dbname']}"


def jwks_url(text: str) -> str:
    """An address that keys may come from: what http carries, another may have written."""
    try:
        parts = urlsplit(text)
        readable = text.isascii() and text.isprintable() and " " not in text and parts.port != 0
    except ValueError:  # a port that is none
        parts, readable = urlsplit(""), False
    alone = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (readable and parts.hostname and (parts.scheme == "https" or alone)) or "@" in parts.netloc or "#" in text:
        raise ValueError("is not an https address such as https://login.example.ma/keys.json (http: this machine only)")
    return text


def brokers_of(text: str) -> str:
    """Addresses of brokers, as clients take them."""
    addresses = [each.strip() for each in text.split(",")]
    if not all(_BROKER.fullmatch(each) and int(each.rpartition(":")[2]) in range(1, 65536) for each in addresses):
        raise ValueError("is not a broker's address such as kafka-1.example.ma:9093 (several: with commas)")
    return ",".join(addresses)


def leaves_this_machine(brokers: str) -> bool:
    """Whether any of these brokers is elsewhere."""
    hosts = {each.strip().rpartition(":")[0].strip("[]") for each in brokers.split(",") if each}
    return not hosts <= set(LOOPBACK)


def authorities(path: str) -> str:
    """A file of certificates that vouch for others."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as wrong:  # ssl.SSLError is one: a file without a certificate
        raise ValueError(f"names no readable file of PEM certificates ({type(wrong).__name__})") from None
    return path


def between(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*allowed: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return read


def yes_or_no(text: str) -> bool:
    """Whether it says yes."""
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


def is_set(_: object) -> str:
    """All that may be shown of a secret."""
    return "set"

"""Looking for what was erased: unmistakable words, in every form bytes may take, in every table and file.

A word is looked for as text in both directions of writing, as JSON escapes, folded as the directory folds it, and as
hexadecimal and base64 text of its bytes: where one of them stands, the person still stands.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from domain.arabic import fold, phonetic

TABLES: Final[LiteralString] = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 'p') and n.nspname !~ '^pg_(toast|temp)' and n.nspname <> 'information_schema'
   and (n.nspname <> 'pg_catalog' or c.relname in ('pg_largeobject', 'pg_statistic')) order by 1, 2
"""
CHUNK: Final = 1 << 20
OVERLAP: Final = 512
SHORTEST: Final = 8  # characters of base64 that are no chance


def forms(word: str) -> set[bytes]:
    """The bytes a word may stand as, lower case where letters have case."""
    spoken = {word, fold(word), *(each for each in phonetic(word).split() if len(each) > 5)}
    raw = {each.encode() for each in spoken if len(each) > 5}
    escaped = word.encode("unicode_escape")
    found = raw | {word.encode("utf-16-le"), escaped, escaped.replace(b"\\", b"\\\\")}
    for each in raw:
        found.add(each.hex().encode())
        found |= {encoded for encoded in _base64(each) if len(encoded) >= SHORTEST}
    return {each.lower() for each in found}


def _base64(raw: bytes) -> Iterator[bytes]:
    """The base64 text of these bytes wherever they begin in a longer text: without the characters they share."""
    for before in range(3):
        encoded = b64encode(bytes(before) + raw)
        yield encoded[(0, 2, 3)[before] : -4]


def found_in(said: bytes, words: Iterable[str]) -> set[str]:
    """Which of these words stand in these bytes."""
    lower = said.lower()
    return {word for word in words if any(form in lower for form in forms(word))}


def found_in_tables(dsn: str, words: Iterable[str]) -> dict[str, set[str]]:
    """Table → the words that stand in it, in any column, of every table of this database."""
    wanted = {word: forms(word) for word in words}
    hits: dict[str, set[str]] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for schema, name in connection.execute(TABLES).fetchall():
            if found := _found_in_table(connection, schema, name, wanted):
                hits[f"{schema}.{name}"] = found
    return hits


def _found_in_table(
    connection: psycopg.Connection[tuple[object, ...]], schema: str, name: str, wanted: Mapping[str, set[bytes]]
) -> set[str]:
    """Each row once, as text (bytes as hexadecimal) with what its bytes say beside it."""
    found: set[str] = set()
    copy = sql.SQL("copy (select t from {} t) to stdout").format(sql.Identifier(schema, name))
    with connection.cursor().copy(copy) as rows:
        for row in rows:
            line = bytes(row).lower()
            found |= {word for word, these in wanted.items() if any(form in line for form in these)}
    return found


def found_in_files(directory: Path, words: Iterable[str]) -> dict[str, set[str]]:
    """File → the words that stand in it, of every file below this directory."""
    wanted = {word: forms(word) for word in words}
    hits: dict[str, set[str]] = {}
    for path in sorted(each for each in directory.rglob("*") if each.is_file() and not each.is_symlink()):
        if found := _found_in_file(path, wanted):
            hits[str(path.relative_to(directory))] = found
    return hits


def _found_in_file(path: Path, wanted: Mapping[str, set[bytes]]) -> set[str]:
    found: set[str] = set()
    tail = b""
    try:
        with path.open("rb") as file:
            while part := file.read(CHUNK):
                seen = (tail + part).lower()
                found |= {word for word, these in wanted.items() if any(form in seen for form in these)}
                tail = seen[-OVERLAP:]
    except FileNotFoundError:
        return found  # a server's file that went while we looked
    return found

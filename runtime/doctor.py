"""Looks at settings, server, databases, keys and views, and names what is wrong together with the fix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg

from projections.connections import address
from runtime.databases import PROCESS_NEEDS, keys_owner_dsn
from runtime.key_sources import BadKeySet, keys_now
from runtime.migrate import KEYS, LOG, ROLES, migrations_in
from runtime.settings import DEVELOPMENT_ISSUER, Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from projections.records.feed_standing import FeedStanding

OLDEST_SERVER: Final = 150000
SKEW_SECONDS: Final = 2.0  # a token is believed 30 s early or late; more skew than this deserves a look
LAG_SECONDS: Final = 10.0
STUCK_AFTER: Final = timedelta(hours=1)  # an erasure takes seconds, and minutes while a view is rebuilt
# In the server's log these would repeat a statement's values, and with them names of people.
DISCREET: Final = {
    "log_min_error_statement": ("fatal", "panic"),
    "log_error_verbosity": ("terse",),
}
PRIVATE_TO_WEB: Final = "insert, update, delete, truncate"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `fix` is empty where it is well."""

    name: str
    said: str
    fix: str = ""

    @property
    def is_well(self) -> bool:
        """Nothing to do."""
        return not self.fix

    def to_dict(self) -> dict[str, str | bool]:
        """For machines."""
        return {"name": self.name, "is_well": self.is_well, "said": self.said, "fix": self.fix}


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, in the order in which things depend on each other; what cannot be looked at is left out."""
    try:
        settings = read_settings(environ, PROCESS_NEEDS)
    except SettingsError as wrong:
        return [
            Finding("settings", each, "set it in the environment (docs/how-to/operate.md)") for each in wrong.errors
        ]
    findings = [Finding("settings", "complete")]
    log = (_server, _durability, _discretion, _clock, _roles, _web_rights)
    findings += _on(settings.database_url, "log database", log)
    findings += _on(settings.keys_database_url, "keys database", (_master_key_of(settings),))
    findings += _on(settings.owner_database_url, "log as its owner", (_migrations(LOG),))
    findings += _on(keys_owner_dsn(settings), "keys as their owner", (_migrations(KEYS),))
    findings += _on(settings.projector_database_url, "views", (_views, _leftovers, _parked, _erasures, _feeds))
    return findings + _issuer_keys(settings)


def _issuer_keys(settings: Settings) -> list[Finding]:
    """Whether the keys of the issuer can be had now; the development issuer's are made when they are needed."""
    if settings.token_issuer == DEVELOPMENT_ISSUER:
        return []
    try:
        count = len(keys_now(settings.token_jwks_file, settings.token_jwks_url))
    except BadKeySet as wrong:
        fix = "correct FORSA_TOKEN_JWKS_FILE or FORSA_TOKEN_JWKS_URL, or what the issuer publishes there"
        return [Finding("issuer's keys", str(wrong), fix)]
    return [Finding("issuer's keys", f"{count} to verify tokens with")]


Check = Callable[[psycopg.Connection[Any]], Iterator[Finding]]


def _on(dsn: str, name: str, checks: tuple[Check, ...]) -> list[Finding]:
    """The findings of these checks on one connection, or that there is none."""
    try:
        connection = psycopg.connect(address(dsn, ""), autocommit=True)
    except psycopg.OperationalError as unreached:
        said = str(unreached).strip().splitlines()[0]
        fix = "start the server or correct the address and login in the settings; `forsa migrate` makes databases"
        return [Finding(name, said, fix)]
    with connection:
        return [Finding(name, "reached"), *(found for check in checks for found in _found(check, connection))]


def _found(check: Check, connection: psycopg.Connection[Any]) -> list[Finding]:
    try:
        return list(check(connection))
    except psycopg.errors.UndefinedTable:
        return [Finding("tables", "the database is empty", "run `forsa migrate`")]
    except psycopg.errors.InsufficientPrivilege:
        owner = "not looked at: that takes the owner's login, FORSA_OWNER_DATABASE_URL"
        return [Finding(f"login {connection.info.user}", owner)]


def _server(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    version = connection.info.server_version
    fix = "" if version >= OLDEST_SERVER else "upgrade the server to PostgreSQL 15 or later"
    yield Finding("server version", f"PostgreSQL {version // 10000}", fix)
    encoding = _one(connection, "show server_encoding")
    yield Finding("encoding", encoding, "" if encoding == "UTF8" else "make the database again with encoding UTF8")


def _durability(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    for name in ("fsync", "full_page_writes"):
        value = _one(connection, f"show {name}")
        fix = "" if value == "on" else f"set {name} = on in postgresql.conf and reload: a power cut loses events"
        yield Finding(name, value, fix)
    value = _one(connection, "show synchronous_commit")
    fix = "" if value != "off" else "alter database … reset synchronous_commit (and the role's): it loses events"
    yield Finding("synchronous_commit", value, fix)


def _discretion(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    for name, allowed in DISCREET.items():
        value = _one(connection, f"show {name}")
        fix = "" if value in allowed else f"set {name} = {allowed[-1]}: else names of people reach the server's log"
        yield Finding(name, value, fix)


def _clock(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    before = time.time()
    theirs = float(_one(connection, "select extract(epoch from clock_timestamp())"))
    skew = max(0.0, before - theirs, theirs - time.time())
    fix = "" if skew <= SKEW_SECONDS else "let both machines keep time by NTP"
    yield Finding("clock", f"{skew:.1f} s from the server's", fix)


def _roles(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    known = {row[0] for row in connection.execute("select rolname from pg_roles where rolname like 'forsa%'")}
    missing = [role for role in ROLES if role not in known]
    fix = "run `forsa migrate` once with FORSA_OWNER_DATABASE_URL of a login with CREATEROLE" if missing else ""
    yield Finding("roles", f"missing: {', '.join(missing)}" if missing else "all there", fix)


def _web_rights(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    for name, table in (("log", "forsa_events"), ("feeds", "records.feed_rows")):
        may = _one(connection, f"select has_table_privilege('{table}', '{PRIVATE_TO_WEB}')::text") == "true"
        fix = "let FORSA_DATABASE_URL log in as forsa_web, which may only append" if may else ""
        said = f"login {connection.info.user} may {'' if may else 'not '}alter the {name}"
        yield Finding(f"{name}'{'' if name.endswith('s') else 's'} protection", said, fix)


def _migrations(folder: Path) -> Check:
    def check(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
        known = connection.execute("select name, sha256 from forsa_migrations order by number").fetchall()
        yield _migration_finding(folder, [(str(name), str(checksum)) for name, checksum in known])

    return check


def _migration_finding(folder: Path, known: list[tuple[str, str]]) -> Finding:
    files, name = migrations_in(folder), f"migrations of the {folder.name}"
    edited = [file.name for file, held in zip(files, known, strict=False) if (file.name, file.checksum) != held]
    if edited:
        return Finding(name, f"edited after they were applied: {', '.join(edited)}", "restore these files as they were")
    if len(known) > len(files):
        return Finding(name, "applied by a newer release", "run that release or a later one")
    pending = [file.name for file in files[len(known) :]]
    if pending:
        return Finding(name, f"pending: {', '.join(pending)}", "run `forsa migrate`")
    return Finding(name, f"{len(files)} applied")


def _master_key_of(settings: Settings) -> Check:
    """One stored key is unwrapped: that the master key is 32 bytes does not make it the right one."""

    def check(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
        from runtime.keyring import Keyring
        from runtime.master_key import secrets_from
        from runtime.seal import SealBroken

        row = connection.execute("select stream, family from keys where wrapped is not null limit 1").fetchone()
        if row is None:
            yield Finding("master key", "no key is wrapped with it yet")
            return
        keyring = Keyring(settings.keys_database_url, secrets_from(settings.master_key))
        try:
            keyring.prepare([(row[0], row[1])])
            yield Finding("master key", "opens the stored keys")
        except SealBroken:
            yield Finding("master key", "does not open the stored keys", "set the FORSA_MASTER_KEY they were made with")
        finally:
            keyring.close()

    return check


def _views(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    from projections import ALL_VIEWS
    from projections.tables import untended

    names, versions = [view.name for view in ALL_VIEWS], [view.version for view in ALL_VIEWS]
    idle = untended(connection, [view.id for view in ALL_VIEWS])
    fix = "start the projector: `forsa project`" if idle else ""
    yield Finding("projector", f"nobody tends {', '.join(idle)}" if idle else "works", fix)
    behind = connection.execute(
        "select view, last - position, extract(epoch from clock_timestamp() - recorded_at)::float8"
        " from views.view_state join unnest(%s::text[], %s::integer[]) v (view, version) using (view, version),"
        " (select coalesce(max(notification_id), 0) as last from forsa_events) l,"
        " lateral (select recorded_at from forsa_events where notification_id = position + 1) e",
        (names, versions),
    ).fetchall()
    late = [f"{view} by {events} events, {seconds:.0f} s" for view, events, seconds in behind if seconds > LAG_SECONDS]
    fix = "see the projector's log; `forsa rebuild VIEW` makes a view again" if late else ""
    yield Finding("view lag", f"behind: {'; '.join(late)}" if late else "current", fix)


def _leftovers(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Versions of views that another release left, or still uses."""
    from projections.retiring import leftovers

    found = leftovers(connection)
    idle = [each.id for each in found if not each.is_tended]
    said = [f"{each.id} ({'another release tends it' if each.is_tended else 'nobody tends it'})" for each in found]
    fix = "once the release that used them has ended, web too: `forsa views retire`" if idle else ""
    yield Finding("views of other releases", ", ".join(said) or "none", fix)


def _parked(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    rows = connection.execute("select view, count(*), min(exception) from records.parked group by view").fetchall()
    said = "; ".join(f"{view}: {count} streams ({exception})" for view, count, exception in rows)
    fix = "they answer stale; `forsa parked` lists them: deploy the fix of that error, then `forsa parked --retry`"
    yield Finding("parked rows", said or "none", fix if rows else "")


def _erasures(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Decided erasures that nobody carried out within the hour, and erased bytes that stayed longer than a day."""
    from runtime.erasing import pending
    from runtime.rewriting import is_due

    stuck = [each for each in pending(connection) if datetime.now(UTC) - each.decided_at > STUCK_AFTER]
    said = ", ".join(f"{each.erasure} of learner {each.learner}, decided {each.decided_at:%F %H:%M}" for each in stuck)
    fix = "start the projector, which carries them out, or run `forsa erase run`; its output and log say what waits"
    yield Finding("erasures", f"not carried out: {said}" if stuck else "all carried out", fix if stuck else "")
    late = is_due(connection, timedelta(hours=24))
    fix = "run `forsa erase rewrite`, when the server is quiet; the projector's log says why it could not"
    said = "the bytes of erasures older than a day" if late else "no erased bytes older than a day"
    yield Finding("files of the directory and the keys", said, fix if late else "")


def _feeds(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Feeds that stand still or are late, topics that are late, and whether this login may write what partners read."""
    from projections.records.feed_standing import standings

    may = _one(connection, "select has_table_privilege('records.feed_rows', 'insert')::text") == "true"
    said = f"login {connection.info.user} may {'' if may else 'not '}write them"
    yield Finding("partner feeds", said, "" if may else "let FORSA_PROJECTOR_DATABASE_URL log in as forsa_projector")
    for feed in standings(connection):
        name = f"feed {feed.feed}"
        if feed.stopped_by is not None:
            stopped = f"stopped before the event at {feed.stopped_at}: {feed.stopped_by}"
            yield Finding(name, stopped, "deploy the fix of that error: it is tried again every few seconds")
        elif feed.seconds > LAG_SECONDS:
            yield Finding(name, f"{feed.events} events, {feed.seconds:.0f} s late", "start the projector: see its log")
        else:
            yield Finding(name, f"current at {feed.place}")
        if feed.published is not None:
            yield _topic(feed)


def _topic(feed: FeedStanding) -> Finding:
    name = f"topic {feed.topic}"
    if feed.refused is not None:
        return Finding(name, "nothing is sent to it", feed.refused)
    late = feed.unpublished_seconds > LAG_SECONDS
    said = f"{feed.unpublished_events} messages, {feed.unpublished_seconds:.0f} s late" if late else "current"
    fix = "start the publisher, `forsa publish`; its log says what it waits for" if late else ""
    return Finding(name, f"{said} at {feed.published}", fix)


def _one(connection: psycopg.Connection[Any], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return "" if row is None else str(row[0])

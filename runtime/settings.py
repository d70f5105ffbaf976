"""What the environment says, read once, every error at once. No other module reads the environment for settings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from runtime.master_key import master_key_of
from runtime.setting_forms import (
    authorities,
    between,
    brokers_of,
    database_of,
    is_set,
    jwks_url,
    leaves_this_machine,
    one_of,
    postgres_url,
    shown_url,
    yes_or_no,
)

DEVELOPMENT_ISSUER: Final = "urn:forsa:development"


class SettingsError(Exception):
    """What is wrong with the environment, one sentence each in `errors`, each naming its variable; no values."""

    def __init__(self, errors: Sequence[str]) -> None:
        """At least one error."""
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process. An empty string, path or key: not set, and nothing here needed it."""

    database_url: str
    keys_database_url: str
    projector_database_url: str
    owner_database_url: str
    master_key: bytes
    token_key_file: str
    token_issuer: str
    token_audience: str
    token_jwks_file: str
    token_jwks_url: str
    host: str
    port: int
    log_format: str
    pool_size: int
    # Absent, a process made by hand has neither limits nor metrics; the environment's defaults stand in SETTINGS.
    rate_per_second: int = 0
    https: bool = False
    drain_seconds: int = 0
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    kafka_bootstrap: str = ""
    kafka_replication: int = 3
    kafka_ca_file: str = ""
    kafka_user: str = ""
    kafka_password: str = ""

    def __repr__(self) -> str:
        """Never the content: it holds passwords and the master key. `describe` says what may be said."""
        return "<Settings>"


class Setting(msgspec.Struct, frozen=True):
    """One variable: what it means, what holds when it is absent, and how its text becomes a value (ValueError)."""

    name: str
    help: str
    read: Callable[[str], Any]
    default: Any = ""
    shown: Callable[[Any], str] = str

    @property
    def field(self) -> str:
        """Its field in `Settings`."""
        return self.name.removeprefix("FORSA_").lower()


def read_settings(environ: Mapping[str, str], needs: Sequence[str] = ()) -> Settings:
    """The settings this environment gives. `needs` names the variables that the calling command cannot do without.

    Raises SettingsError with everything that is wrong. An empty variable counts as absent.
    """
    given = {name: text for name, text in environ.items() if name.startswith("FORSA_") and text}
    if (fallback := environ.get("DATABASE_URL")) and "FORSA_DATABASE_URL_FILE" not in given:
        given.setdefault("FORSA_DATABASE_URL", fallback)
    if brokers := environ.get("KAFKA_BOOTSTRAP"):
        given.setdefault("FORSA_KAFKA_BOOTSTRAP", brokers)
    errors = [_unknown(name) for name in sorted(given.keys() - KNOWN)]
    given, more = _with_files(given)
    errors += more
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            values[setting.field] = setting.read(given[setting.name]) if setting.name in given else setting.default
        except ValueError as wrong:
            values[setting.field] = setting.default
            errors.append(f"{setting.name} {wrong}")
    errors += [f"{name} is not set: {_help_of(name)}" for name in needs if not given.get(name)]
    errors += _together(given)
    if errors:
        raise SettingsError(errors)
    for field in ("projector_database_url", "owner_database_url"):
        values[field] = values[field] or values["database_url"]
    return Settings(**values)


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """(variable, value without secrets, help) of every setting, for people to read."""
    rows = []
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        rows.append((setting.name, setting.shown(value) if value else "not set", setting.help))
    return rows


def _with_files(given: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Each secret's text in place of its file's name, and what was wrong with that."""
    texts, errors = dict(given), []
    for name in (each for each in SECRETS if f"{each}_FILE" in given):
        if name in given:
            errors.append(f"{name} and {name}_FILE are both set: keep one")
            continue
        try:
            texts[name] = Path(given[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as wrong:
            errors.append(f"{name}_FILE cannot be read ({type(wrong).__name__})")
    return texts, errors


def _together(given: Mapping[str, str]) -> list[str]:
    """What is wrong with variables that are fine one by one."""
    errors = []
    keys = database_of(given.get("FORSA_KEYS_DATABASE_URL", ""))
    if keys and keys in {database_of(text) for name, text in given.items() if name in LOG_URLS}:
        errors.append("FORSA_KEYS_DATABASE_URL is the log's database: keys stand in a database of their own")
    return errors + _issuer_together(given) + _kafka_together(given)


def _issuer_together(given: Mapping[str, str]) -> list[str]:
    """What is wrong with what is said of the issuer: a real one has one source of keys, the development one its own."""
    production = given.get("FORSA_TOKEN_ISSUER", DEVELOPMENT_ISSUER) != DEVELOPMENT_ISSUER
    sources = [name for name in ("FORSA_TOKEN_JWKS_FILE", "FORSA_TOKEN_JWKS_URL") if name in given]
    errors = []
    if len(sources) > 1:
        errors.append("FORSA_TOKEN_JWKS_FILE and FORSA_TOKEN_JWKS_URL are both set: keep one")
    if production and not sources:
        errors.append(
            "FORSA_TOKEN_JWKS_FILE is not set, nor FORSA_TOKEN_JWKS_URL: an issuer needs a source of its public keys"
        )
    if production and "FORSA_TOKEN_KEY_FILE" in given:
        errors.append("FORSA_TOKEN_KEY_FILE is for the development issuer only: take it out, or FORSA_TOKEN_ISSUER")
    if sources and not production:
        errors.append(f"FORSA_TOKEN_ISSUER is not set: {sources[0]} names the keys of an issuer")
    return errors


def _kafka_together(given: Mapping[str, str]) -> list[str]:
    """What is wrong with what is said of Kafka: one copy is none, and a password in the clear is everybody's."""
    errors = []
    user = "FORSA_KAFKA_USER" in given
    password = not given.keys().isdisjoint({"FORSA_KAFKA_PASSWORD", "FORSA_KAFKA_PASSWORD_FILE"})
    if user and not password:
        errors.append("FORSA_KAFKA_PASSWORD is not set: FORSA_KAFKA_USER logs in with it (or take the user out)")
    if password and not user:
        errors.append("FORSA_KAFKA_USER is not set: FORSA_KAFKA_PASSWORD is somebody's (or take the password out)")
    away = leaves_this_machine(given.get("FORSA_KAFKA_BOOTSTRAP", ""))
    if user and away and "FORSA_KAFKA_CA_FILE" not in given:
        errors.append(
            "FORSA_KAFKA_CA_FILE is not set: a password leaves this machine by TLS only; name the authority's PEM file"
        )
    production = given.get("FORSA_TOKEN_ISSUER", DEVELOPMENT_ISSUER) != DEVELOPMENT_ISSUER
    if production and given.get("FORSA_KAFKA_REPLICATION") == "1":
        errors.append("FORSA_KAFKA_REPLICATION is 1, for development only: 3, or take FORSA_TOKEN_ISSUER out")
    return errors


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, sorted(KNOWN), n=1, cutoff=0.0)[0]
    return f"{name} is not a setting: the nearest is {nearest}"


def _help_of(name: str) -> str:
    return next(setting.help for setting in SETTINGS if setting.name == name)


SETTINGS: Final = (
    Setting("FORSA_DATABASE_URL", "database of the log and the views (else DATABASE_URL)", postgres_url, "", shown_url),
    Setting("FORSA_KEYS_DATABASE_URL", "database of the data keys, not the log's", postgres_url, "", shown_url),
    Setting("FORSA_PROJECTOR_DATABASE_URL", "the log's database as the projector's role", postgres_url, "", shown_url),
    Setting("FORSA_OWNER_DATABASE_URL", "the log's database as the owner, for migrations", postgres_url, "", shown_url),
    Setting(
        "FORSA_MASTER_KEY",
        "32 bytes, hexadecimal or base64 (this and each address may stand in a file: …_FILE)",
        master_key_of,
        b"",
        is_set,
    ),
    Setting("FORSA_TOKEN_KEY_FILE", "private key of the development issuer, made when absent", str),
    Setting("FORSA_TOKEN_ISSUER", "the issuer whose bearer tokens count", str, DEVELOPMENT_ISSUER),
    Setting("FORSA_TOKEN_AUDIENCE", "the audience a token must name", str, "forsa"),
    Setting("FORSA_TOKEN_JWKS_FILE", "public keys of the issuer, a JSON Web Key Set", str),
    Setting("FORSA_TOKEN_JWKS_URL", "https address of that set, in place of the file", jwks_url),
    Setting("FORSA_HOST", "address the web server listens on", str, "127.0.0.1"),
    Setting("FORSA_PORT", "port the web server listens on", between(1, 65535), 8000),
    Setting("FORSA_LOG_FORMAT", "json or console", one_of("json", "console"), "json"),
    Setting("FORSA_POOL_SIZE", "connections a process holds to the log's database", between(1, 100), 8),
    Setting("FORSA_RATE_PER_SECOND", "requests of one login, a web process; 0: no limit", between(0, 100_000), 50),
    Setting("FORSA_HTTPS", "yes where clients come by https: they are told never to come otherwise", yes_or_no, False),
    Setting("FORSA_DRAIN_SECONDS", "how long /readyz says no before a stop refuses connections", between(0, 60), 0),
    Setting("FORSA_METRICS_HOST", "address the metrics are served on", str, "127.0.0.1"),
    Setting("FORSA_METRICS_PORT", "port of /metrics, for Prometheus; absent: none", between(1, 65535), 0),
    Setting("FORSA_KAFKA_BOOTSTRAP", "Kafka's brokers, host:port with commas (else KAFKA_BOOTSTRAP)", brokers_of),
    Setting(
        "FORSA_KAFKA_REPLICATION", "copies of each topic; 1 only where losing it matters to nobody", between(1, 9), 3
    ),
    Setting("FORSA_KAFKA_CA_FILE", "authorities of the brokers' certificates, PEM: TLS; absent: none", authorities),
    Setting("FORSA_KAFKA_USER", "who logs in at the brokers (SCRAM-SHA-512)", str),
    Setting("FORSA_KAFKA_PASSWORD", "that user's password", str, "", is_set),
)
LOG_URLS: Final = {"FORSA_DATABASE_URL", "FORSA_PROJECTOR_DATABASE_URL", "FORSA_OWNER_DATABASE_URL"}
SECRETS: Final = (  # or a file: NAME_FILE
    "FORSA_MASTER_KEY", "FORSA_KEYS_DATABASE_URL", *sorted(LOG_URLS), "FORSA_KAFKA_PASSWORD",
)  # fmt: skip
KNOWN: Final = {setting.name for setting in SETTINGS} | {f"{name}_FILE" for name in SECRETS}

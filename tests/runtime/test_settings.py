from __future__ import annotations

from pathlib import Path

import pytest

from runtime.settings import DEVELOPMENT_ISSUER, KNOWN, SECRETS, SETTINGS, SettingsError, describe, read_settings

MASTER = bytes(range(32)).hex()
LOG = "postgresql://web:hidden@db.example:5433/forsa"
KEYS = "postgresql://keys:hidden@db.example:5433/forsa_keys"
FULL = {"FORSA_DATABASE_URL": LOG, "FORSA_KEYS_DATABASE_URL": KEYS, "FORSA_MASTER_KEY": MASTER}
NEEDED = tuple(FULL)


def errors_of(environ: dict[str, str], needs: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        read_settings(environ, needs)
    return refused.value.errors


def test_what_the_environment_says_is_read_once() -> None:
    settings = read_settings({**FULL, "FORSA_PORT": "8080", "PATH": "/bin"}, NEEDED)
    assert (settings.database_url, settings.keys_database_url) == (LOG, KEYS)
    assert settings.master_key == bytes(range(32))
    assert (settings.host, settings.port, settings.log_format, settings.pool_size) == ("127.0.0.1", 8080, "json", 8)
    assert (settings.token_issuer, settings.token_audience) == (DEVELOPMENT_ISSUER, "forsa")


def test_an_empty_environment_is_enough_for_a_command_that_needs_nothing() -> None:
    assert read_settings({"FORSA_HOST": ""}).host == "127.0.0.1"


def test_an_address_may_name_a_primary_and_its_standby() -> None:
    pair = "postgresql://web:hidden@a.example,b.example:5432,5433/forsa"
    settings = read_settings({"FORSA_DATABASE_URL": pair})
    assert settings.database_url == pair
    shown = {name: value for name, value, _ in describe(settings)}["FORSA_DATABASE_URL"]
    assert ("a.example,b.example" in shown, "hidden" in shown) == (True, False)
    beside = pair.replace("web", "keys")
    assert (
        "keys stand in a database of their own"
        in errors_of({"FORSA_DATABASE_URL": pair, "FORSA_KEYS_DATABASE_URL": beside})[0]
    )


def test_other_addresses_of_the_log_fall_back_to_the_first() -> None:
    settings = read_settings({"DATABASE_URL": LOG})
    assert settings.database_url == settings.projector_database_url == settings.owner_database_url == LOG
    assert read_settings({"DATABASE_URL": KEYS, "FORSA_DATABASE_URL": LOG}).database_url == LOG


def test_every_error_is_said_at_once_and_names_its_variable() -> None:
    wrong = {
        "FORSA_DATABASE_URL": "mysql://root:hidden@db/forsa",
        "FORSA_MASTER_KEY": "hidden",
        "FORSA_PORT": "99999",
        "FORSA_POOL_SIZE": "٨",
        "FORSA_LOG_FORMAT": "xml",
        "FORSA_DATABSE_URL": "x",
        "FORSA_TOKEN_ISSUER": "https://login.example",
    }
    errors = errors_of(wrong, NEEDED)
    for name in (*wrong.keys() - {"FORSA_TOKEN_ISSUER"}, "FORSA_KEYS_DATABASE_URL", "FORSA_TOKEN_JWKS_FILE"):
        assert sum(error.startswith(f"{name} ") for error in errors) == 1, name
    assert "hidden" not in " ".join(errors)
    assert len(errors) == 8


def test_an_unknown_setting_is_an_error_that_names_the_nearest() -> None:
    assert errors_of({"FORSA_DATABSE_URL": LOG}) == (
        "FORSA_DATABSE_URL is not a setting: the nearest is FORSA_DATABASE_URL",
    )


def test_the_master_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_text(MASTER + "\n")
    from_file = {"FORSA_MASTER_KEY_FILE": str(file)}
    assert read_settings(from_file, ["FORSA_MASTER_KEY"]).master_key == bytes(range(32))
    assert len(errors_of({**from_file, "FORSA_MASTER_KEY": MASTER})) == 1
    assert errors_of({"FORSA_MASTER_KEY_FILE": str(tmp_path / "none")}) == (
        "FORSA_MASTER_KEY_FILE cannot be read (FileNotFoundError)",
    )
    file.write_text("short")
    assert len(errors_of(from_file)) == 1


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    text = {**dict.fromkeys(SECRETS, LOG), **FULL}[name]
    whose = {"FORSA_KAFKA_USER": "forsa"} if name == "FORSA_KAFKA_PASSWORD" else {}
    file = tmp_path / "secret"
    file.write_text(f"{text}\n")
    field = next(setting.field for setting in SETTINGS if setting.name == name)
    from_file = getattr(read_settings({f"{name}_FILE": str(file)} | whose, [name]), field)
    assert from_file == getattr(read_settings({name: text} | whose, [name]), field)
    assert errors_of({name: text, f"{name}_FILE": str(file)} | whose) == (
        f"{name} and {name}_FILE are both set: keep one",
    )
    file.write_bytes(b"\xff hidden")
    (error,) = errors_of({f"{name}_FILE": str(file)} | whose)
    assert error == f"{name}_FILE cannot be read (UnicodeDecodeError)"


def test_keys_never_stand_in_the_logs_database() -> None:
    for same in (LOG, "postgresql://keys:other@db.example:5433/forsa?connect_timeout=3"):
        assert len(errors_of({**FULL, "FORSA_KEYS_DATABASE_URL": same})) == 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"FORSA_TOKEN_ISSUER": "https://login.example"}, "FORSA_TOKEN_JWKS_FILE"),
        ({"FORSA_TOKEN_JWKS_FILE": "keys.json"}, "FORSA_TOKEN_ISSUER"),
        ({"FORSA_TOKEN_JWKS_URL": "https://login.example/keys"}, "FORSA_TOKEN_ISSUER"),
        (
            {
                "FORSA_TOKEN_ISSUER": "https://login.example",
                "FORSA_TOKEN_JWKS_FILE": "keys.json",
                "FORSA_TOKEN_KEY_FILE": "development.jwk",
            },
            "FORSA_TOKEN_KEY_FILE",
        ),
        (
            {
                "FORSA_TOKEN_ISSUER": "https://login.example",
                "FORSA_TOKEN_JWKS_FILE": "keys.json",
                "FORSA_TOKEN_JWKS_URL": "https://login.example/keys",
            },
            "FORSA_TOKEN_JWKS_FILE and FORSA_TOKEN_JWKS_URL are both set",
        ),
    ],
)
def test_a_real_issuer_has_one_source_of_keys_and_the_development_one_is_never_mixed_in(
    given: dict[str, str], named: str
) -> None:
    (error,) = errors_of(given)
    assert error.startswith(named)


@pytest.mark.parametrize(
    "url",
    ["https://login.example/keys", "https://10.0.0.7:8443", "http://localhost:8080/keys?v=1", "http://[::1]/keys"],
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    given = {"FORSA_TOKEN_ISSUER": "https://login.example", "FORSA_TOKEN_JWKS_URL": url}
    assert read_settings(given).token_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example/keys", "http://localhost.example/keys", "http://127.0.0.1.example/", "file:///etc/keys",
        "https:///keys", "https://", "login.example/keys", "https://user:hidden@login.example/", "https://login.example/#",
        "https://login.example:99999/", "https://login.example:0/", "https://login.example/a b", "https://login.exämple/",
        "https://[::1/", "HTTP://login.example/", "https://login.example/\r\nX: hidden",
    ],
)  # fmt: skip
def test_keys_come_from_nowhere_else(url: str) -> None:
    (error,) = errors_of({"FORSA_TOKEN_ISSUER": "https://login.example", "FORSA_TOKEN_JWKS_URL": url})
    assert error.startswith("FORSA_TOKEN_JWKS_URL is not an https address")
    assert "hidden" not in error


def test_kafka_is_where_either_variable_says() -> None:
    assert read_settings({}).kafka_bootstrap == ""
    assert read_settings({"KAFKA_BOOTSTRAP": "127.0.0.1:9092"}).kafka_bootstrap == "127.0.0.1:9092"
    both = {"KAFKA_BOOTSTRAP": "127.0.0.1:9092", "FORSA_KAFKA_BOOTSTRAP": "a.example:9093, [2001:db8::1]:9093"}
    assert read_settings(both).kafka_bootstrap == "a.example:9093,[2001:db8::1]:9093"
    assert read_settings({}).kafka_replication == 3


@pytest.mark.parametrize(
    "text", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:65536", "http://kafka:9092", "a:1,,b:2"]
)
def test_kafka_is_at_addresses_only(text: str) -> None:
    (error,) = errors_of({"FORSA_KAFKA_BOOTSTRAP": text})
    assert error.startswith("FORSA_KAFKA_BOOTSTRAP is not a broker's address such as")


AWAY = {"FORSA_KAFKA_BOOTSTRAP": "localhost:9092,kafka.example:9093"}
LOGIN = {"FORSA_KAFKA_USER": "forsa", "FORSA_KAFKA_PASSWORD": "hidden"}
REAL_ISSUER = {"FORSA_TOKEN_ISSUER": "https://login.example", "FORSA_TOKEN_JWKS_FILE": "keys.json"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({**AWAY, **LOGIN}, "FORSA_KAFKA_CA_FILE is not set: a password leaves this machine by TLS only"),
        ({"FORSA_KAFKA_USER": "forsa"}, "FORSA_KAFKA_PASSWORD is not set"),
        ({"FORSA_KAFKA_PASSWORD": "hidden"}, "FORSA_KAFKA_USER is not set"),
        ({**REAL_ISSUER, "FORSA_KAFKA_REPLICATION": "1"}, "FORSA_KAFKA_REPLICATION is 1, for development only"),
        ({"FORSA_KAFKA_REPLICATION": "0"}, "FORSA_KAFKA_REPLICATION must be a whole number"),
        ({"FORSA_KAFKA_CA_FILE": "/dev/null"}, "FORSA_KAFKA_CA_FILE names no readable file of PEM certificates"),
        ({"FORSA_KAFKA_CA_FILE": "/none"}, "FORSA_KAFKA_CA_FILE names no readable file of PEM certificates"),
    ],
)
def test_kafka_is_entered_safely_or_not_at_all(given: dict[str, str], named: str) -> None:
    (error,) = errors_of(given)
    assert error.startswith(named)
    assert "hidden" not in error


def test_a_password_on_this_machine_needs_no_tls() -> None:
    for here in ("localhost:9092", "127.0.0.1:9092,[::1]:9093"):
        settings = read_settings({"FORSA_KAFKA_BOOTSTRAP": here, **LOGIN, "FORSA_KAFKA_REPLICATION": "1"})
        assert (settings.kafka_user, settings.kafka_replication) == ("forsa", 1)
        assert "hidden" not in str(describe(settings))


def test_what_is_shown_holds_no_secret() -> None:
    settings = read_settings(FULL)
    shown = {name: value for name, value, _ in describe(settings)}
    assert shown["FORSA_DATABASE_URL"] == "web at db.example:5433, database forsa"
    assert shown["FORSA_MASTER_KEY"] == "set"
    assert shown["FORSA_TOKEN_KEY_FILE"] == "not set"
    for text in (str(shown), repr(settings)):
        assert "hidden" not in text
        assert MASTER not in text


def test_every_setting_has_a_help_text_and_its_own_field() -> None:
    assert all(setting.help for setting in SETTINGS)
    assert {setting.field for setting in SETTINGS} == set(read_settings({}).__struct_fields__)
    assert len(KNOWN) == len(SETTINGS) + len(SECRETS)

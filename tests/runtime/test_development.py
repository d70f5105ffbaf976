"""What `forsa run` makes up, and the files it leaves."""

from pathlib import Path

import pytest
from psycopg import conninfo

from runtime.cli.environment import environment
from runtime.databases import keys_owner_dsn, passwords_in
from runtime.development import (
    SETTINGS_FILE,
    development_settings,
    env_lines,
    owner_everywhere,
    read_env_lines,
    url,
    write_private,
)
from runtime.settings import read_settings

SERVER = "postgresql://postgres:pa%20ss@127.0.0.1:5433/postgres"


def test_each_process_has_a_role_and_keys_have_a_database_of_their_own(tmp_path: Path) -> None:
    settings = read_settings(development_settings(tmp_path, {}, SERVER))
    names = ("database_url", "projector_database_url", "keys_database_url", "owner_database_url")
    logins = [conninfo.conninfo_to_dict(getattr(settings, name)) for name in names]
    assert [(each["user"], each["dbname"]) for each in logins] == [
        ("forsa_web", "forsa"),
        ("forsa_projector", "forsa"),
        ("forsa_keys", "forsa_keys"),
        ("postgres", "forsa"),
    ]
    assert len(set(passwords_in(settings).values())) == 3
    assert "postgres:pa%20ss@127.0.0.1:5433/forsa_keys" in url(keys_owner_dsn(settings))


def test_the_next_start_has_the_same_keys_and_passwords(tmp_path: Path) -> None:
    assert development_settings(tmp_path, {}, SERVER) == development_settings(tmp_path, {}, SERVER)
    other = development_settings(tmp_path / "other", {}, SERVER)
    assert other["FORSA_DATABASE_URL"] != development_settings(tmp_path, {}, SERVER)["FORSA_DATABASE_URL"]


def test_what_is_given_stays(tmp_path: Path) -> None:
    given = {"FORSA_DATABASE_URL": "postgresql://me@host/mine", "FORSA_MASTER_KEY": "00" * 32, "FORSA_PORT": "9000"}
    settings = development_settings(tmp_path, given, None)
    assert settings["FORSA_KEYS_DATABASE_URL"] == "postgresql://me@host/mine_keys"
    assert given.items() <= settings.items()
    assert "FORSA_MASTER_KEY_FILE" not in settings


def test_a_named_database_is_used_and_its_keys_stand_beside_it(tmp_path: Path) -> None:
    settings = development_settings(tmp_path, {}, "postgresql://o@h/casework")
    assert settings["FORSA_OWNER_DATABASE_URL"].endswith("/casework")
    assert settings["FORSA_KEYS_DATABASE_URL"].endswith("/casework_keys")


def test_without_roles_every_process_is_the_owner(tmp_path: Path) -> None:
    settings = owner_everywhere(development_settings(tmp_path, {}, SERVER))
    assert settings["FORSA_DATABASE_URL"] == "postgresql://postgres:pa%20ss@127.0.0.1:5433/forsa"
    assert settings["FORSA_KEYS_DATABASE_URL"] == "postgresql://postgres:pa%20ss@127.0.0.1:5433/forsa_keys"


@pytest.mark.parametrize(
    "address", ["postgresql://a:b%2Fc@h:1/d", "postgresql://h/d", "postgresql:///d?host=%2Frun", "host=/run dbname=d"]
)
def test_an_address_as_a_url_leads_to_the_same_place(address: str) -> None:
    assert conninfo.conninfo_to_dict(url(address)) == conninfo.conninfo_to_dict(address)


def test_files_of_variables_read_back_and_are_private(tmp_path: Path) -> None:
    variables = {"A": "it's; $(x)", "B": "postgresql://u:p@h/d?x=1"}
    write_private(tmp_path / "file", env_lines(variables))
    assert read_env_lines(tmp_path / "file") == variables
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert read_env_lines(tmp_path / "none") == {}


def test_commands_find_the_settings_a_run_left_here_unless_the_environment_has_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "var").mkdir()
    write_private(tmp_path / "var" / SETTINGS_FILE, env_lines({"FORSA_PORT": "8123"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert environment() == {"FORSA_PORT": "8123"}
    monkeypatch.setenv("FORSA_LOG_FORMAT", "console")  # how logs look names no place
    assert environment() == {"FORSA_PORT": "8123", "FORSA_LOG_FORMAT": "console"}
    monkeypatch.setenv("FORSA_HOST", "::1")
    assert environment()["FORSA_HOST"] == "::1"
    assert "FORSA_PORT" not in environment()

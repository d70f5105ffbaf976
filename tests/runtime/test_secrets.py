"""Passwords and the master key are in no line that Forsa prints or logs, whatever goes wrong."""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg import conninfo

from runtime.settings import SettingsError, read_settings
from tests.runtime.forsa_run import CLI, clean_environment
from tests.runtime.served import Served, free_port

PASSWORD, MASTER = "canary-password-7e1d", bytes(range(100, 132)).hex()


def settings_at(port: int) -> dict[str, str]:
    """Settings full of secrets, of databases that nobody serves on this port."""
    logins = {"DATABASE_URL": "forsa_web", "PROJECTOR_DATABASE_URL": "forsa_projector", "OWNER_DATABASE_URL": "owner"}
    urls = {f"FORSA_{name}": f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/f" for name, user in logins.items()}
    keys = f"postgresql://forsa_keys:{PASSWORD}@127.0.0.1:{port}/keys"
    return {**urls, "FORSA_KEYS_DATABASE_URL": keys, "FORSA_MASTER_KEY": MASTER, "FORSA_TOKEN_KEY_FILE": "key.json"}


def said_by(directory: Path, settings: Mapping[str, str], *arguments: str) -> str:
    """All that a command prints before it ends."""
    done = subprocess.run(
        [*CLI, *arguments], cwd=directory, env={**clean_environment(), **settings}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout + done.stderr
    return done.stdout + done.stderr


def names_a_secret(text: str) -> bool:
    """Whether one of them, or half of one, stands in it."""
    return any(part in text for part in (PASSWORD, PASSWORD[:13], MASTER, MASTER[:24], str(bytes.fromhex(MASTER))))


@pytest.mark.parametrize(
    "arguments",
    [
        ("config",),
        ("config", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("migrate",),
        ("token", "--all"),
        ("parked",),
    ],
    ids=" ".join,
)
def test_a_command_that_fails_or_shows_its_settings_names_none(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert not names_a_secret(said_by(tmp_path, settings_at(free_port()), *arguments))
    assert not names_a_secret(said_by(tmp_path, settings_at(free_port()), "--traceback", *arguments))


def test_a_wrong_login_is_refused_without_its_password(web_dsn: str, tmp_path: Path) -> None:
    wrong = conninfo.conninfo_to_dict(conninfo.make_conninfo(web_dsn, password=PASSWORD))
    url = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**wrong)
    settings = settings_at(free_port()) | {"FORSA_DATABASE_URL": url, "FORSA_OWNER_DATABASE_URL": url}
    for arguments in (("doctor",), ("migrate",), ("parked",)):
        assert not names_a_secret(said_by(tmp_path, settings, *arguments))


def test_a_server_without_its_databases_logs_none(tmp_path: Path) -> None:
    with Served(tmp_path, settings_at(free_port())) as served:
        assert served.get("/readyz").status == 503
        assert served.get("/status").status == 503
        assert served.end() == 0
        log = served.log.read_text()
    assert "unavailable" in log
    assert not names_a_secret(log)


def test_what_is_wrong_with_a_secret_does_not_repeat_it() -> None:
    wrong = dict.fromkeys(settings_at(1), f"mysql://{PASSWORD}@{MASTER}")
    with pytest.raises(SettingsError) as refused:
        read_settings(wrong)
    assert len(refused.value.errors) >= 5
    assert not names_a_secret("".join(traceback.format_exception(refused.value)))


def test_settings_show_nothing_of_themselves() -> None:
    settings = read_settings(settings_at(1))
    assert names_a_secret(settings.database_url), "the check can fail"
    assert not names_a_secret(f"{settings} {settings!r} {[settings]}")

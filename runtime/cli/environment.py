"""The settings of a command: the environment's, or those that a `forsa run` in this directory left in a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runtime.development import SETTINGS_FILE, read_env_lines
from runtime.settings import Settings, read_settings

LEFT_BY_RUN: Final = Path("var") / SETTINGS_FILE


def environment() -> Mapping[str, str]:
    """The environment, or var/settings.env of a `forsa run` here where the environment has no setting at all."""
    if "DATABASE_URL" in os.environ or any(name.startswith("FORSA_") for name in os.environ):
        return os.environ
    return read_env_lines(LEFT_BY_RUN) or os.environ


def settings_for(*needs: str) -> Settings:
    """The settings, of which this command needs these variables. Raises SettingsError."""
    return read_settings(environment(), needs)

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
    """The environment, or var/settings.env of a `forsa run` here where the environment has no setting of its own.

    How logs look is no such setting: it is taken beside the file's.
    """
    own = {name: text for name, text in os.environ.items() if name.startswith("FORSA_") and text}
    if "DATABASE_URL" in os.environ or own.keys() - {"FORSA_LOG_FORMAT"}:
        return os.environ
    left = read_env_lines(LEFT_BY_RUN)
    return {**left, **own} if left else os.environ


def settings_for(*needs: str) -> Settings:
    """The settings, of which this command needs these variables. Raises SettingsError."""
    return read_settings(environment(), needs)

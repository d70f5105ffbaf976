"""How a command ends: exit codes, and what an error says to an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from domain.errors import RuleBroken

DONE: Final = 0
PROBLEMS: Final = 1  # refused, or problems were found
USAGE: Final = 2  # the call or the settings are wrong
UNAVAILABLE: Final = 3
FAULT: Final = 70
INTERRUPTED: Final = 130


class Ended(Exception):
    """The command ends here with this exit code and these lines, which name the fix."""

    def __init__(self, code: int, *lines: str) -> None:
        """At least one line for any code but DONE."""
        super().__init__(*lines)
        self.code, self.lines = code, lines


def ending_of(error: Exception) -> tuple[int, list[str]]:
    """Exit code and lines for whatever ended a command. Never a value from a database's error detail."""
    if isinstance(error, Ended):
        return error.code, list(error.lines)
    # Imported now: by the time something failed, speed no longer matters.
    import psycopg
    from eventsourcing.persistence import OperationalError

    from domain.errors import Refused, TooOld
    from runtime.embedded_postgres import EmbeddedPostgresError
    from runtime.key_sources import BadKeySet
    from runtime.migrate import MigrationError
    from runtime.recorder import LosesEvents
    from runtime.seal import WrongMasterKey
    from runtime.settings import SettingsError
    from runtime.tail import Unreadable
    from runtime.tokens import DevelopmentRefused

    if isinstance(error, SettingsError):
        return USAGE, [*error.errors, "`forsa config` lists every setting."]
    if isinstance(error, WrongMasterKey):
        return USAGE, ["The master key does not open the stored keys: set the FORSA_MASTER_KEY they were made with."]
    if isinstance(error, BadKeySet):
        return USAGE, [f"FORSA_TOKEN_JWKS_FILE: {error}"]
    if isinstance(error, DevelopmentRefused):
        return USAGE, [str(error)]
    if isinstance(error, (EmbeddedPostgresError, MigrationError, LosesEvents, TooOld)):
        return UNAVAILABLE, [str(error)]
    if isinstance(error, (psycopg.OperationalError, OperationalError)):
        said = str(error).strip().splitlines()[:1]
        return UNAVAILABLE, [f"The database cannot be reached: {said[0] if said else type(error).__name__}", DOCTOR]
    if isinstance(error, Refused):
        return PROBLEMS, [_said(broken) for broken in error.broken]
    if isinstance(error, Unreadable):
        return UNAVAILABLE, ["The log cannot be read.", DOCTOR]
    if isinstance(error, psycopg.errors.UndefinedTable):
        return UNAVAILABLE, ["The database is not set up: run `forsa migrate`."]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return UNAVAILABLE, ["This login may not do that: run `forsa migrate`, or use the role's own login.", DOCTOR]
    return FAULT, [f"Unexpected error: {type(error).__module__}.{type(error).__qualname__}"]


def _said(broken: RuleBroken) -> str:
    """A refusal in English: what is wrong, the way out, and its code."""
    from domain.texts import text

    key, params = f"refusal.{broken.code}", broken.params
    return f"{text(key, 'en', **params)} {text(f'{key}.way-out', 'en', **params)} [{broken.code}]"


DOCTOR: Final = "`forsa doctor` looks for the cause."

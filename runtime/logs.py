"""What a process says while it runs: one JSON object (or one coloured line) an event, on standard error.

No personal data: an error is logged as its class and the places it passed, never with its message, since a database's
message may repeat a value.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

# What a line may hold beside its event: ids, codes, counts and positions. Anything else a caller adds is left out.
FIELDS: Final = frozenset(
    {
        "code", "exception", "events", "feed", "method", "ms", "number", "place", "position", "reason",
        "role", "route", "seconds", "status", "stream", "version", "view", "what", "worker",
    }
)  # fmt: skip
# Above these levels what they say is enough: the pool would say several times a second that a server is away.
QUIET: Final = {
    "psycopg.pool": logging.ERROR,
    "asyncio": logging.WARNING,
    "eventsourcing": logging.WARNING,
    "kafka": 60,
}


def configure_logging(log_format: str, *, verbose: bool = False) -> None:
    """All loggers, structlog's and the standard library's write to standard error. log_format: json or console."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _error_without_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


def _error_without_values(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["at"] = _places(error.__traceback__)
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        record.exc_info = record.exc_text = None  # or the formatter adds the message after all
    return event


def _places(trace: TracebackType | None) -> list[str]:
    """file:line of each frame, innermost first, at most ten."""
    frames = traceback.extract_tb(trace)[-10:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames)]

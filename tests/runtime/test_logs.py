"""What a process logs: an error's class and places, never its message, in JSON or in lines."""

import json
import logging

import pytest
import structlog

from runtime.logs import configure_logging


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_message_of_an_error_reaches_the_log(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format)
    try:
        raise ValueError("Amina El Bakkali")
    except ValueError:
        structlog.get_logger("forsa").exception("row failed", position=7)
        logging.getLogger("library").exception("request failed")
    said = capsys.readouterr().err
    assert "Amina" not in said
    assert said.count("builtins.ValueError") == 2
    assert said.count("test_logs.py:") == 2


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    structlog.get_logger("forsa").info("started", port=8000)
    logging.getLogger("library").warning("slow %s", "answer")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["port"], first["level"]) == ("started", 8000, "info")
    assert (second["event"], second["logger"]) == ("slow answer", "library")
    assert first["timestamp"].endswith("Z")


def test_a_line_has_the_fields_we_know_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a caller adds: a name of a field we did not think of says nothing."""
    configure_logging("json")
    logging.getLogger("forsa").info("answered", extra={"status": 200, "given_name": "Amina", "body": {"sex": "f"}})
    line = json.loads(capsys.readouterr().err)
    assert line["status"] == 200
    assert line.keys() == {"event", "level", "logger", "timestamp", "status"}


def test_a_line_has_the_id_of_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    with structlog.contextvars.bound_contextvars(request_id="one"):
        logging.getLogger("forsa").info("inside")
    logging.getLogger("forsa").info("outside")
    inside, outside = map(json.loads, capsys.readouterr().err.splitlines())
    assert (inside["request_id"], "request_id" in outside) == ("one", False)

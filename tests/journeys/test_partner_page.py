"""docs/how-to/partner.md, word for word, against a Forsa started the way it says: what comes has the shape it shows.

So is the README's line for partners.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.kafka_jars import find_lack
from tests.runtime.forsa_run import ROOT, ForsaRun, clean_environment

PAGE = ROOT / "docs/how-to/partner.md"
README = ROOT / "README.md"
HTTP = ("## The first diploma", "## A register of your own, over HTTP")
KAFKA = ("## The same over Kafka",)
HAS_CURL = shutil.which("curl") is not None
CI = os.environ.get("CI") == "true"
FORMS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\d+(\.\d+)?", "N"),
)


class Transcript(NamedTuple):
    """Commands of the page, and what it says they print."""

    commands: str
    printed: str


def transcript(heading: str) -> Transcript:
    """The shell block under the heading and the block after it."""
    found = re.search(
        r"```sh\n(.*?)```\n```\n(.*?)```", PAGE.read_text(encoding="utf-8").partition(heading)[2], re.DOTALL
    )
    assert found, f"the page has no commands with their output under {heading!r}"
    return Transcript(found[1], found[2])


def shape(printed: str) -> list[str]:
    """The lines without what differs from run to run: ids, moments, days, numbers."""
    for form, name in FORMS:
        printed = re.sub(form, name, printed)
    return printed.splitlines()


def checkout(directory: Path) -> None:
    """What the page's commands find in a checkout."""
    (directory / "examples").symlink_to(ROOT / "examples")
    (directory / ".venv").symlink_to(sys.prefix)


def replayed(directory: Path, commands: str) -> str:
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail"], input=commands, cwd=directory, env=clean_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def first_diploma_in_readme(directory: Path) -> str:
    """The type of the first message that the README's line prints."""
    found = re.search(r"## A partner's first diploma\n`(.*?)`", README.read_text(encoding="utf-8"))
    assert found, "the README has no line for partners"
    (message,) = json.loads(replayed(directory, found[1]))
    return str(message["type"])


@pytest.mark.skipif(not HAS_CURL and not CI, reason="the page uses curl: apt-get install curl")
@pytest.mark.parametrize(("options", "headings"), [((), HTTP), (("--kafka",), KAFKA)], ids=["http", "kafka"])
def test_a_partners_first_diploma_comes_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], headings: tuple[str, ...]
) -> None:
    if options and (lack := find_lack()):
        (pytest.fail if CI else pytest.skip)(lack)
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)  # the feeds' topics are this run's own
    checkout(tmp_path)
    with ForsaRun(tmp_path, *options) as running:
        running.wait_until_welcome()
        assert first_diploma_in_readme(tmp_path) == "ma.forsa.diploma.awarded.v1"
        for heading in headings:
            said = transcript(heading)
            printed = replayed(tmp_path, said.commands)
            assert shape(printed) == shape(said.printed), printed

"""The README's curl session, word for word, against a Forsa started the way the README says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.forsa_run import ROOT, ForsaRun, clean_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADING = "## A learner's path in curl"


def session() -> str:
    """The shell block under the heading."""
    found = re.search(r"```sh\n(.*?)```", README.partition(HEADING)[2], re.DOTALL)
    assert found, f"README has no ```sh block under {HEADING!r}"
    return found[1]


HAS_CURL = shutil.which("curl") is not None
IN_CI = os.environ.get("CI") == "true"


@pytest.mark.skipif(not HAS_CURL and not IN_CI, reason="the session uses curl: apt-get install curl")
def test_a_learner_goes_from_identification_to_a_verified_outcome(tmp_path: Path) -> None:
    assert HAS_CURL, "the session uses curl, and CI must run it: apt-get install curl"
    with ForsaRun(tmp_path) as running:
        running.wait_until_welcome()
        done = subprocess.run(
            ["bash", "-e"], input=session(), cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert "verified" in last
    assert len(done.stderr.splitlines()) == 18

"""What the partner's program prints of its register, to a reader who stops early."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain.partner_feed import NATIONAL
from examples.partner_register import Register, message_of
from tests.examples_partner.told import Told
from tests.runtime.forsa_run import ROOT, clean_environment


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_whoever_reads_what_it_holds_may_stop_at_any_line(tmp_path: Path, unbuffered: str) -> None:
    register = Register(tmp_path / "register.sqlite", NATIONAL)
    register.move(epoch=1, sequence=0)
    register.take([message_of(NATIONAL, json.loads(row), "") for row in Told().tell(40)], over_http=True)
    register.db.close()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/partner_register.py"), "register"], cwd=tmp_path, stdout=writer,
        env={**clean_environment(), "PYTHONUNBUFFERED": unbuffered}, stderr=subprocess.PIPE, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")

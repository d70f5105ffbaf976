"""`make prove` in its short form: Forsa is killed under load and loses nothing; what is broken on purpose is seen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.prove.__main__ import CONTROLS, PROOFS
from bench.prove.controls import PLANS
from bench.prove.report import Check, Control, Report
from runtime.kafka_jars import find_lack
from runtime.local_kafka import WHEEL_LACKS
from tests.runtime.forsa_run import ROOT, clean_environment, processes_in

CI = os.environ.get("CI") == "true"


@pytest.mark.parametrize("names", [*([name] for name in PROOFS), [*PLANS, *CONTROLS]], ids=[*PROOFS, "controls"])
def test_nothing_is_lost_and_every_broken_variant_is_seen(tmp_path: Path, names: list[str]) -> None:
    if "feeds" in names and (lack := find_lack()):
        (pytest.fail if CI else pytest.skip)(f"{WHEEL_LACKS}; {lack}")
    out, directory = tmp_path / "prove.json", tmp_path / "prove"
    done = subprocess.run(
        [sys.executable, "-m", "bench.prove", "quick", "--directory", str(directory), "--out", str(out),
         *(word for name in names for word in ("--only", name))],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    found = json.loads(out.read_text())
    assert [name for name, check in found["checks"].items() if not check["ok"]] == []
    assert bool(found["checks"]) != bool(found["controls"])
    assert all(control["went_red"] for control in found["controls"].values())
    assert f"seed {found['seed']}" in said
    assert processes_in(directory) == []


def test_every_control_is_there() -> None:
    assert PLANS.keys() | CONTROLS.keys() == {
        "synchronous_commit_off", "key_after_append", "tracking_before_rows", "command_id_not_stored",
        "progress_before_ack",
    }  # fmt: skip


def test_a_failed_check_and_a_green_control_are_told_apart_from_what_holds() -> None:
    fine, lost = Check(value=0, target=0), Check(value=1, target=0)
    red, green = (Control(check="doubled", value=n, went_red=n > 0) for n in (1, 0))

    def holds(check: Check, control: Control) -> bool:
        return Report(seed=1, seconds=1.0, checks={"lost": check}, controls={"doubled": control}).holds

    assert [holds(fine, red), holds(lost, red), holds(fine, green)] == [True, False, False]
    assert (Check(value=9, target=10, at="least").ok, Check(value=9, target=10, at="most").ok) == (False, True)

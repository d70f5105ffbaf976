"""`make prove` in its short form: Forsa is killed under load and loses nothing; what is broken on purpose is seen."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from bench.prove.__main__ import CONTROLS, PROOFS
from bench.prove.controls import PLANS
from bench.prove.registers import TopicFound, differing, found_in
from bench.prove.report import Check, Control, Report
from domain.partner_feed import NATIONAL, Place, diploma_after, message_of
from runtime.kafka_jars import find_lack
from runtime.local_kafka import WHEEL_LACKS
from tests.feed_rows import awarded
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


def message(sequence: int, names: int = 1) -> bytes:
    """A message of the feed, of another diploma for each draw."""
    award = awarded(Random(names))
    return message_of(NATIONAL, Place(1, sequence), award, diploma_after(None, award), datetime(2026, 7, 1, tzinfo=UTC))


def test_a_topic_that_lacks_turns_or_changes_a_message_is_told_apart_from_one_that_has_it_twice() -> None:
    one, two, three = rows = [message(sequence) for sequence in (1, 2, 3)]
    whole = TopicFound(records=3, twice=0, lost=0, out_of_order=0, other_bytes=0, strangers=0)

    def but(**found: int) -> TopicFound:
        return replace(whole, **found)

    assert found_in(rows, rows) == whole
    assert found_in([one, two, one, two, three], rows) == but(records=5, twice=2)
    assert found_in([one, three], rows) == but(records=2, lost=1)
    assert found_in([one, three, two], rows) == but(out_of_order=1)
    assert found_in([one, message(2, names=2), three], rows) == but(lost=1)
    assert found_in([*rows, message(2, names=2)], rows) == but(records=4, other_bytes=1)
    assert found_in([*rows, None], rows) == but(records=4, strangers=1)


def test_registers_differ_where_a_diploma_or_what_it_says_does() -> None:
    ours, theirs = ({"a": {"revision": revision, "status": "in_force"}} for revision in (0, 3))
    assert differing(ours, theirs) == 0, "our view knows of no revisions"
    assert differing(theirs, {"a": {"revision": 2, "status": "in_force"}}) == 1
    assert differing(ours, {"a": {"revision": 3, "status": "annulled"}}) == 1
    assert (differing(ours, {}), differing({}, theirs)) == (1, 1)

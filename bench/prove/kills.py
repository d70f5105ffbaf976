"""The first proof: kills under load, one after the other, and what the log and the views hold when it is over."""

from __future__ import annotations

import os
import random
import signal
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from bench.prove import checks
from bench.prove.load import Ledger, Load, whole_paths
from bench.prove.report import Check
from bench.prove.running import PROJECTOR, READY_SECONDS, WEB, NotInTime, Running, children_of
from bench.prove.world import World

OVERLAP: Final = 0.15  # how often the next kill does not wait until the last one is over
LONGEST_PAUSE_SECONDS: Final = 0.4  # between the end of a recovery and the next kill
OVER_SECONDS: Final = 120.0  # for the clients' last commands


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much is killed: counts by target, and the clients that work meanwhile."""

    counts: Mapping[str, int]
    clients: int
    pause_seconds: float
    processes: int  # of the rebuild at the end
    median_seconds: float  # that a client may be held up: of the recoveries, half
    p95_seconds: float  # and all but one in twenty

    def of(self, targets: Sequence[str]) -> int:
        """Kills of these targets."""
        return sum(self.counts[name] for name in targets)


def _worker(running: Running, chance: random.Random) -> bool:
    """One of the web server's workers, by kill -9; the server starts another."""
    return _kill_one(running.workers(), chance)


def _web_server(running: Running, _chance: random.Random) -> bool:
    """The first process of gunicorn, by kill -9; its workers are told by the kernel, and another server is started."""
    return running.kill(WEB)


def _projector(running: Running, _chance: random.Random) -> bool:
    """The projector, by kill -9; another one is started."""
    return running.kill(PROJECTOR)


def _postmaster(running: Running, _chance: random.Random) -> bool:
    """PostgreSQL's first process alone, by kill -9; the others notice and end."""
    return _kill(running.postmaster())


def _every_process(running: Running, _chance: random.Random) -> bool:
    """All of PostgreSQL's processes at once, by kill -9: what is in shared memory only is gone."""
    first = running.postmaster()
    return sum(_kill(pid) for pid in (first, *children_of(first))) > 0


def _immediate(running: Running, _chance: random.Random) -> bool:
    """What `pg_ctl stop -m immediate` sends: SIGQUIT, an end without a checkpoint."""
    return _kill(running.postmaster(), signal.SIGQUIT)


def _backend(running: Running, chance: random.Random) -> bool:
    """One of PostgreSQL's other processes, by kill -9; the postmaster then ends all sessions and recovers."""
    return _kill_one(children_of(running.postmaster()), chance)


def _kill_one(pids: Sequence[int], chance: random.Random) -> bool:
    return bool(pids) and _kill(chance.choice(pids))


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Whether there was such a process."""
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    return pid != 0


TARGETS: Final[Mapping[str, Callable[[Running, random.Random], bool]]] = {
    "worker": _worker,
    "web server": _web_server,
    "projector": _projector,
    "postmaster": _postmaster,
    "every postgres process": _every_process,
    "immediate stop": _immediate,
    "postgres backend": _backend,
}
OURS: Final = ("worker", "web server", "projector")
SEVERAL: Final = "several at once"
WHOLE_SERVER: Final = ("postmaster", "every postgres process", "immediate stop")
FULL: Final = Size(
    counts=dict(zip(TARGETS, (110, 15, 85, 12, 12, 10, 8), strict=True)),
    clients=4,
    pause_seconds=0.01,
    processes=2,
    median_seconds=5.0,
    p95_seconds=15.0,
)
QUICK: Final = Size(
    counts=dict(zip(TARGETS, (10, 1, 5, 1, 1, 1, 1), strict=True)),
    clients=4,
    pause_seconds=0.01,
    processes=1,
    median_seconds=READY_SECONDS,  # among other tests a time says little: it must be over at all
    p95_seconds=READY_SECONDS,
)


class Recovery(msgspec.Struct, frozen=True):
    """How long one kill was felt, in seconds."""

    target: str
    until_written: float  # until a command sent after the kill was acknowledged
    until_viewed: float  # until that command was in every view


class Tally(msgspec.Struct):
    """What became of the kills of a run."""

    done: Counter[str] = msgspec.field(default_factory=Counter)  # by target
    recoveries: list[Recovery] = []  # those that were waited for
    stuck: int = 0  # that did not come to an end in time


def kill(running: Running, ledger: Ledger, target: str, chance: random.Random, *, wait: bool = True) -> Recovery | None:
    """The target was killed; where we `wait`, work goes on again. Raises NotInTime."""
    # Right after another kill there may be nothing to kill yet: a kill counts when something was.
    killed_at = running.until(lambda: TARGETS[target](running, chance), f"a {target} to kill")
    known = len(ledger.acknowledged)
    if not wait:
        return None
    written_at = running.until(lambda: ledger.first_after(known, killed_at), f"a command after the kill of {target}")
    first = ledger.first_after(known, killed_at)
    assert first is not None, "it was there"
    viewed_at = running.until(lambda: running.viewed() >= first.position, f"the views after the kill of {target}")
    return Recovery(target, written_at - killed_at, viewed_at - killed_at)


def prove(world: World, *, quick: bool, seed: int) -> dict[str, Check]:
    """Every figure of the kills: counts, losses, and times to recover."""
    size = QUICK if quick else FULL
    with world.copy("prove_kills") as copy, Running(copy) as running:
        load = Load(
            running,
            whole_paths,
            seed=seed,
            clients=size.clients,
            pause_seconds=size.pause_seconds,
            patience_seconds=OVER_SECONDS,
        )
        found: dict[str, Check] = {}
        with load.under_way() as ledger:
            running.until(lambda: ledger.acknowledged, "the first command")
            tally = _kill_all(running, ledger, size, random.Random(seed))
        running.until(load.is_over, "the clients' last commands", OVER_SECONDS + 10)
        found |= _counted(size, tally, ledger)
        found |= _log_checks(running, ledger)
        found |= _views_checks(running, size)
        found |= _times(size, tally.recoveries)
        return found


def _kill_all(running: Running, ledger: Ledger, size: Size, chance: random.Random) -> Tally:
    """Every target was killed as often as it is to be, in an order that was drawn."""
    targets = [target for target, count in size.counts.items() for _ in range(count)]
    chance.shuffle(targets)
    tally, waited = Tally(), True
    for number, target in enumerate(targets, 1):
        is_alone, waited = waited, chance.random() > OVERLAP or number == len(targets)
        try:
            recovery = kill(running, ledger, target, chance, wait=waited)
        except NotInTime as late:
            print(f"kill {number}: {late}", flush=True)
            tally.stuck += 1
            continue
        tally.done[target] += 1
        if recovery is not None:
            tally.recoveries.append(recovery if is_alone else msgspec.structs.replace(recovery, target=SEVERAL))
        running.go_on_for(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        if number % 25 == 0:
            print(f"{number} of {len(targets)} kills, {len(ledger.acknowledged)} commands", flush=True)
    return tally


def _counted(size: Size, tally: Tally, ledger: Ledger) -> dict[str, Check]:
    done = tally.done
    said = ", ".join(f"{name} {count}" for name, count in sorted(done.items()))
    again = sum(each.attempts > 1 for each in ledger.acknowledged)
    refused = list(dict.fromkeys(ledger.refused))[:3]
    return {
        "kills_of_forsa": Check(value=_sum(done, OURS), target=size.of(OURS), at="least", note=said),
        "kills_of_postgresql": Check(
            value=_sum(done, WHOLE_SERVER), target=size.of(WHOLE_SERVER), at="least", note="the whole server, restarted"
        ),
        "kills_not_recovered": Check(value=tally.stuck, target=0, note="no acknowledged write, or no view, in 60 s"),
        "commands_acknowledged": Check(
            value=len(ledger.acknowledged), target=10 * sum(done.values()), at="least",
            note=f"{again} of them needed more than one attempt",
        ),
        "commands_unanswered": Check(value=len(ledger.given_up), target=0, note="although tried for two minutes"),
        "commands_refused": Check(value=len(ledger.refused), target=0, note="; ".join(refused)),
        "server_errors": Check(value=ledger.answers[500], target=0, note="answers 500; 503 is the answer while away"),
    }  # fmt: skip


def _sum(done: Counter[str], targets: Sequence[str]) -> int:
    return sum(done[name] for name in targets)


def _log_checks(running: Running, ledger: Ledger) -> dict[str, Check]:
    log = checks.log_found(running.copy, ledger)
    return {
        "acknowledged_lost": Check(value=log.lost, target=0, note="acknowledged commands whose events are not there"),
        "doubled": Check(value=log.doubled, target=0, note="commands stored more than once"),
        "events_of_nobody": Check(value=log.strangers, target=0, note="events that no client's command explains"),
        "command_rows_wrong": Check(value=log.command_rows_wrong, target=0, note="each key exactly once"),
        "positions_missing": Check(value=log.positions_missing, target=0, note="positions are dense"),
        "disorder": Check(value=log.disorder, target=0, note="gaps in versions, times that go backwards"),
        "sealed_without_key": Check(
            value=checks.sealed_without_key(running.copy), target=0, note="sealed values that no stored key opens"
        ),
    }


def _views_checks(running: Running, size: Size) -> dict[str, Check]:
    died = len(running.deaths)
    views = checks.views_found(running, processes=size.processes)
    return {
        "views_different": Check(value=views.different, target=0, note="views that a clean rebuild does not equal"),
        "streams_parked": Check(value=views.parked, target=0),
        "ended_by_themselves": Check(value=died, target=0, note="processes that died though nobody killed them"),
    }


def _times(size: Size, recoveries: Sequence[Recovery]) -> dict[str, Check]:
    """Median and 95th percentile: of our processes, of PostgreSQL, and where one kill followed on another at once."""
    groups: dict[str, list[Recovery]] = {"forsa": [], "postgresql": [], "several": []}
    for each in recoveries:
        groups["forsa" if each.target in OURS else "several" if each.target == SEVERAL else "postgresql"].append(each)
    found: dict[str, Check] = {}
    for name, group in groups.items():
        if len(group) > 1:
            found |= _percentiles(size, f"{name}_to_write", {each: each.until_written for each in group})
            found |= _percentiles(size, f"{name}_to_view", {each: each.until_viewed for each in group})
    return found


def _percentiles(size: Size, what: str, felt: Mapping[Recovery, float]) -> dict[str, Check]:
    p95 = statistics.quantiles(felt.values(), n=20, method="inclusive")[-1]
    longest = max(felt, key=lambda each: felt[each])
    note = f"of {len(felt)} recoveries; longest {felt[longest]:.2f} s, {longest.target}"
    found = {"median": (statistics.median(felt.values()), size.median_seconds), "p95": (p95, size.p95_seconds)}
    return {
        f"{what}_{key}_s": Check(value=round(value, 3), target=most, at="most", note=note)
        for key, (value, most) in found.items()
    }

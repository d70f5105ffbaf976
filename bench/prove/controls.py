"""Broken on purpose: four variants of Forsa that lose, double or leave out, each run in the same harness.

They stand here and nowhere else: production code has no switch for them. `python -m bench.prove.controls NAME …` is
`forsa …` with that part replaced. Each waits a moment where a kill does the harm, so that few kills suffice.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from bench.prove import checks
from bench.prove.kills import kill
from bench.prove.load import Ledger, Load, Story, correct_sheets, identify, whole_paths
from bench.prove.report import Control
from bench.prove.running import FORSA, PROJECT, PROJECTOR, SERVE, WEB, Running
from bench.prove.world import Copy, World
from consumers.diploma_publisher import Batch, FeedPublisher
from domain.casebook import Append, Appended
from projections.projector import Projector, connect
from runtime.key_rows import KeyRow, KeyRows, Pair
from runtime.store import EventLog

WAIT_SECONDS: Final = 0.2  # of a broken part, where a kill does the harm: several times the rest of the act
WARM_COMMANDS: Final = 20  # acknowledged before the first kill, and again before each further one
PATIENCE_SECONDS: Final = 4.0  # a broken Forsa may never answer
LOCK: Final = "perform pg_advisory_xact_lock(7066);"


# ── the broken parts ─────────────────────────────────────────────────────────────────────────────────────────────────


def keys_after_the_append() -> None:
    """A stream's new keys are stored only when its events are."""
    add, find, store = KeyRows.add, KeyRows.find, EventLog.append
    later: dict[int, list[tuple[KeyRows, Sequence[KeyRow]]]] = {}  # by thread: no other's append stores them early

    def add_later(self: KeyRows, rows: Sequence[KeyRow]) -> None:
        later.setdefault(threading.get_ident(), []).append((self, rows))

    def find_all(self: KeyRows, pairs: Collection[Pair]) -> list[KeyRow]:
        waiting = [row for held in list(later.values()) for _, rows in held for row in rows]
        return find(self, pairs) + [row for row in waiting if row.pair in pairs]

    def append_then_add(self: EventLog, append: Append) -> Appended:
        done = store(self, append)
        time.sleep(WAIT_SECONDS)
        for keys, rows in later.pop(threading.get_ident(), []):
            add(keys, rows)
        return done

    KeyRows.add, KeyRows.find = add_later, find_all  # type: ignore[method-assign]
    EventLog.append = append_then_add  # type: ignore[method-assign]


def tracking_before_the_rows() -> None:
    """A page's position is committed first, its rows afterwards."""
    move = Projector._move  # noqa: SLF001  # what is broken is behind the public face

    def move_first(self: Projector, _connection: Any, *places: Any, **more: Any) -> None:
        with connect(self._dsn) as other:
            move(self, other, *places, **more)
        time.sleep(WAIT_SECONDS)

    Projector._move = move_first  # type: ignore[method-assign, assignment]  # noqa: SLF001  # its arguments pass through


def command_id_not_stored() -> None:
    """An append stores its events and not its command."""
    store = EventLog.append

    def append_only(self: EventLog, append: Append) -> Appended:
        done = store(self, msgspec.structs.replace(append, command=None))
        time.sleep(WAIT_SECONDS)
        return done

    EventLog.append = append_only  # type: ignore[method-assign]


def progress_before_the_acknowledgement() -> None:
    """A feed's progress is stored when its messages are sent, and is not compared with the topic afterwards."""
    send = FeedPublisher._send  # noqa: SLF001  # what is broken is behind the public face

    def send_and_move(self: FeedPublisher, *given: Any) -> Batch:
        batch = send(self, *given)
        self._move(batch.last)
        return batch

    def believe(self: FeedPublisher) -> None:
        self._place = self._session.progress()

    def settle(_self: FeedPublisher, batch: Batch) -> None:
        batch.sent.acknowledged()

    FeedPublisher._send, FeedPublisher._settle = send_and_move, settle  # type: ignore[method-assign, assignment]  # noqa: SLF001
    FeedPublisher._compare = believe  # type: ignore[method-assign]  # noqa: SLF001


BREAKS: Final[dict[str, Callable[[], None]]] = {
    each.__name__: each
    for each in (
        keys_after_the_append,
        tracking_before_the_rows,
        command_id_not_stored,
        progress_before_the_acknowledgement,
    )
}


def commits_that_do_not_wait(copy: Copy) -> None:
    """The append of this copy's database commits with synchronous_commit=off; the WAL writer looks every 10 s only."""
    with copy.connect() as connection:
        row = connection.execute("select pg_get_functiondef('forsa_append'::regproc)").fetchone()
        text = str(row[0]) if row else ""
        assert LOCK in text, "the append takes its lock where this control expects it"
        broken = text.replace(LOCK, f"perform set_config('synchronous_commit', 'off', true); {LOCK}")
        connection.execute(broken.encode())
        for setting in ("wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"):
            connection.execute(f"alter system set {setting}".encode())
        connection.execute("select pg_reload_conf()")


def as_it_was(copy: Copy) -> None:
    """The server's own settings stand again."""
    with copy.connect() as connection:
        connection.execute("alter system reset all")
        connection.execute("select pg_reload_conf()")


# ── running them ─────────────────────────────────────────────────────────────────────────────────────────────────────

Count: TypeAlias = Callable[[Running, Ledger], int]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One control: what is broken, what is killed how often, and the check that must then count something."""

    check: str
    count: Count
    story: Story
    target: str
    kills: int
    breaks: tuple[str, str] | None = None  # child, name in BREAKS
    before: Callable[[Copy], None] | None = None
    after: Callable[[Copy], None] | None = None


def _lost(running: Running, ledger: Ledger) -> int:
    return checks.log_found(running.copy, ledger).lost


def _doubled(running: Running, ledger: Ledger) -> int:
    return checks.log_found(running.copy, ledger).doubled


def _without_key(running: Running, _ledger: Ledger) -> int:
    return checks.sealed_without_key(running.copy)


def _different(running: Running, _ledger: Ledger) -> int:
    return checks.views_found(running, processes=1).different


PLANS: Final = {
    "synchronous_commit_off": Plan(
        check="acknowledged_lost", count=_lost, story=correct_sheets, target="every postgres process", kills=1,
        before=commits_that_do_not_wait, after=as_it_was,
    ),
    "key_after_append": Plan(
        check="sealed_without_key", count=_without_key, story=identify, target="worker", kills=3,
        breaks=(WEB, keys_after_the_append.__name__),
    ),
    "tracking_before_rows": Plan(
        check="views_different", count=_different, story=whole_paths, target="projector", kills=3,
        breaks=(PROJECTOR, tracking_before_the_rows.__name__),
    ),
    "command_id_not_stored": Plan(
        check="doubled", count=_doubled, story=identify, target="worker", kills=3,
        breaks=(WEB, command_id_not_stored.__name__),
    ),
}  # fmt: skip


def run(world: World, name: str, seed: int) -> Control:
    """What the control's check counted after the kills. Red is any number but 0."""
    plan = PLANS[name]
    with world.copy("prove_control") as copy:
        try:
            if plan.before:
                plan.before(copy)
            with Running(copy, _commands(plan)) as running:
                ledger = _killed(running, plan, seed)
                value = plan.count(running, ledger)
        finally:
            if plan.after:
                plan.after(copy)
    return Control(check=plan.check, value=value, went_red=value > 0)


def _commands(plan: Plan) -> dict[str, Sequence[str]]:
    """One web worker, so that a kill meets every request under way; the broken part in the child that has it."""
    commands: dict[str, Sequence[str]] = {WEB: (*FORSA, *SERVE, "1"), PROJECTOR: (*FORSA, *PROJECT)}
    if plan.breaks is not None:
        child, broken = plan.breaks
        commands[child] = (sys.executable, "-m", "bench.prove.controls", broken, *commands[child][len(FORSA) :])
    return commands


def _killed(running: Running, plan: Plan, seed: int) -> Ledger:
    """What the clients were told while the kills went on."""
    chance = random.Random(seed)
    load = Load(running, plan.story, seed=seed, clients=4, pause_seconds=0.0, patience_seconds=PATIENCE_SECONDS)
    with load.under_way() as ledger:
        running.until(lambda: plan.story is not correct_sheets or load.has_corrected(), "sheets to correct")
        for _ in range(plan.kills):
            enough = len(ledger.acknowledged) + WARM_COMMANDS
            running.until(partial(ledger.has_grown_to, enough), "commands")
            kill(running, ledger, plan.target, chance)
    running.until(load.is_over, "the clients' last commands")
    return ledger


def main(arguments: Sequence[str]) -> None:
    """`forsa` with one part broken."""
    from runtime.cli import main as forsa

    BREAKS[arguments[0]]()
    sys.argv = ["forsa", *arguments[1:]]
    forsa()


if __name__ == "__main__":
    main(sys.argv[1:])

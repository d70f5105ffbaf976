"""The third proof: the feed to partners while its broker and its publisher die, and after a restored database.

A partner is the program that partners copy (`examples/partner_register.py`), as a process, reading Kafka.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from bench.diplomas import CANDIDATES
from bench.prove import registers
from bench.prove.diploma_acts import acts_under_way, write_candidates
from bench.prove.report import Check, Control
from bench.prove.running import FORSA, PROJECT, PROJECTOR, READY_SECONDS, SERVE, WEB, NotInTime, Running, free_port
from bench.prove.world import Copy, World
from consumers.producers import ACK_SECONDS
from domain.partner_feed import NATIONAL, START, Place
from projections.records.partner_feed import PUBLIC_EVENTS, rows_after
from runtime.kafka_jars import find_lack
from runtime.local_kafka import WHEEL_LACKS, LocalKafka
from runtime.wiring import compose, utc_now

PUBLISHER: Final = "publisher"
PARTNER: Final = "partner"
PUBLISH: Final = (*FORSA, "publish")
EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "partner_register.py"
BEFORE: Final = 20  # messages read before the backup, and again before the first strike
MEANWHILE: Final = 10  # messages written after the restore, before an operator has read the refusal
AFTER: Final = 40  # messages read in the epoch after the restore
OVERLAP: Final = 0.1  # how often the next strike does not wait until the last one is over
PAUSES_SECONDS: Final = (0.5, ACK_SECONDS + 1.0)  # of a broker
CONTROL_KILLS: Final = 2
NEXT_ACT: Final = f"forsa feeds new-epoch {NATIONAL} --reason restore"
ALL: Final = 10_000_000
# Public events of the log that no message of the feed tells.
UNTOLD: Final = f"""
select count(*) from forsa_events e where {PUBLIC_EVENTS} and not exists (
  select from records.feed_rows r left join records.feed_epochs over using (feed, epoch)
   where r.feed = %s and r.position = e.notification_id
     and (over.stands_until is null or r.sequence <= over.stands_until))
"""
WRITTEN: Final = "select epoch, sequence from records.feeds where feed = %s"
PUBLISHED: Final = "select epoch, sequence from records.feed_published where feed = %s"
STANDS_UNTIL: Final = "select stands_until from records.feed_epochs where feed = %s and epoch = %s"
REFUSED: Final = "select coalesce(refused, '') from records.feed_published where feed = %s"
END: Final = "select coalesce(max(notification_id), 0) from forsa_events"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How often what is struck, and how fast diplomas are told of meanwhile."""

    counts: Mapping[str, int]
    acts_a_second: float
    candidates: int  # of CANDIDATES a session; when they are used up, things go on happening to their diplomas
    back_seconds: float  # after the broker, or the publisher, is there again


class Stage:
    """Web, projector, publisher and a partner on one copy of the world, beside one broker."""

    def __init__(self, copy: Copy, broker: LocalKafka, publish: Sequence[str] = PUBLISH) -> None:
        """publish: the command of the publisher."""
        self.copy, self.broker = copy, broker
        self.partner = copy.directory / "partner.sqlite"
        port = free_port()
        read = (sys.executable, str(EXAMPLE), "--kafka", broker.bootstrap, "--url", f"http://127.0.0.1:{port}")
        commands = {
            WEB: (*FORSA, *SERVE, "1"),
            PROJECTOR: (*FORSA, *PROJECT),
            PUBLISHER: publish,
            PARTNER: (*read, "--database", str(self.partner)),
        }
        self.variables = {
            "FORSA_PORT": str(port),
            "FORSA_KAFKA_BOOTSTRAP": broker.bootstrap,
            "FORSA_KAFKA_REPLICATION": "1",
            "FEED_TOKEN": copy.tokens["partner"],
        }
        self._log = copy.connect()
        self.running = Running(copy, commands, self.variables)

    def __enter__(self) -> Self:
        self.running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.running.__exit__()
        self._log.close()

    def asked(self, query: str, *parameters: object) -> Any:
        """The one row that this asks for; None for none."""
        return self._log.execute(query.encode(), parameters).fetchone()

    def written(self) -> Place:
        """Of the table's last message."""
        return Place(*self.asked(WRITTEN, NATIONAL))

    def published(self) -> Place:
        """Of the last message whose acknowledgement is stored."""
        return Place(*(self.asked(PUBLISHED, NATIONAL) or START))

    def read(self) -> Place:
        """Of the last message in the partner's register."""
        file = f"file:{self.partner}?mode=ro"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file, uri=True, timeout=5)) as held:
            return Place(*held.execute("select epoch, sequence from progress").fetchone())
        return Place(0, 0)  # it has made none yet

    def standing(self) -> list[bytes]:
        """Every message of the table that stands."""
        return rows_after(self._log, NATIONAL, START, ALL)

    def untold(self) -> int:
        """Public events that no standing message tells."""
        return int(self.asked(UNTOLD, NATIONAL)[0])

    def until_read(self, count: int) -> None:
        """The partner has read so many messages more than there are now."""
        epoch, sequence = self.written()
        self.running.until(lambda: self.read() >= (epoch, sequence + count), f"{count} messages read")

    def settle(self) -> list[str]:
        """All that was told is written, published, read, and in the views; or what is not so in time."""
        ends: dict[str, Callable[[], bool]] = {
            "every event is written": lambda: not self.untold(),
            "every message is published": lambda: self.published() == self.written(),
            "every message is read": lambda: self.read() == self.written(),
            "the views are at the log's end": lambda: self.running.viewed() >= self.asked(END)[0],
        }
        late = []
        for what, is_so in ends.items():
            try:
                self.running.until(is_so, what)
            except NotInTime as error:
                late.append(str(error))
        return late


# ── strikes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _broker_killed(stage: Stage, _chance: random.Random) -> None:
    """By kill -9; then it is started again."""
    stage.broker.kill()
    stage.broker.start()


def _broker_stopped(stage: Stage, _chance: random.Random) -> None:
    """It is asked to end, and started again."""
    stage.broker.stop()
    stage.broker.start()


def _broker_paused(stage: Stage, chance: random.Random) -> None:
    """SIGSTOP: it says nothing, and its connections stay open; then SIGCONT."""
    stage.broker.pause()
    stage.running.go_on_for(chance.uniform(*PAUSES_SECONDS))
    stage.broker.resume()


def _publisher_killed(stage: Stage, _chance: random.Random) -> None:
    """By kill -9; then it is started again."""
    stage.running.until(lambda: stage.running.kill(PUBLISHER), "a publisher to kill")


def _partner_killed(stage: Stage, _chance: random.Random) -> None:
    """By kill -9; then it is started again."""
    stage.running.until(lambda: stage.running.kill(PARTNER), "a partner to kill")


STRIKES: Final[Mapping[str, Callable[[Stage, random.Random], None]]] = {
    "broker killed": _broker_killed,
    "broker stopped": _broker_stopped,
    "broker paused": _broker_paused,
    "publisher killed": _publisher_killed,
    "partner killed": _partner_killed,
}
BROKER: Final = ("broker killed", "broker stopped", "broker paused")
SEVERAL: Final = "several at once"
FULL: Final = Size(
    counts=dict(zip(STRIKES, (14, 12, 14, 50, 5), strict=True)), acts_a_second=25.0, candidates=3_000, back_seconds=5.0
)
QUICK: Final = Size(
    counts=dict(zip(STRIKES, (1, 1, 2, 5, 1), strict=True)),
    acts_a_second=10.0,
    candidates=200,
    back_seconds=READY_SECONDS,  # among other tests a time says little: it must be over at all
)


class Recovery(msgspec.Struct, frozen=True):
    """Seconds from when what was struck is there again, for a message written after that."""

    target: str
    until_published: float
    until_read: float


class Tally(msgspec.Struct):
    """What became of the strikes of a run."""

    done: Counter[str] = msgspec.field(default_factory=Counter)  # by target
    recoveries: list[Recovery] = []
    stuck: int = 0


def strike(stage: Stage, target: str, chance: random.Random, *, wait: bool = True) -> Recovery | None:
    """The target was struck and is there again; where we `wait`, the feed goes on. Raises NotInTime."""
    STRIKES[target](stage, chance)
    up_at, known = time.monotonic(), stage.written()
    if not wait:
        return None
    published_at = stage.running.until(lambda: stage.published() > known, f"a message published after {target}")
    read_at = stage.running.until(lambda: stage.read() > known, f"a message read after {target}")
    return Recovery(target, published_at - up_at, read_at - up_at)


def _strike_all(stage: Stage, size: Size, chance: random.Random) -> Tally:
    targets = [target for target, count in size.counts.items() for _ in range(count)]
    chance.shuffle(targets)
    tally, waited = Tally(), True
    for number, target in enumerate(targets, 1):
        is_alone, waited = waited, chance.random() > OVERLAP or number == len(targets)
        try:
            recovery = strike(stage, target, chance, wait=waited)
        except NotInTime as late:
            print(f"strike {number}: {late}", flush=True)
            tally.stuck += 1
            continue
        tally.done[target] += 1
        if recovery is not None:
            tally.recoveries.append(recovery if is_alone else msgspec.structs.replace(recovery, target=SEVERAL))
        if number % 10 == 0:
            print(f"{number} of {len(targets)} strikes, {stage.written()} written", flush=True)
    return tally


# ── the proof ────────────────────────────────────────────────────────────────────────────────────────────────────────


def prove(world: World, *, quick: bool, seed: int) -> dict[str, Check]:
    """Every figure of the feed: under strikes, and after a restore. Only on Apache Kafka: else that is the figure."""
    size = QUICK if quick else FULL
    if lack := find_lack():
        return {"feed_on_apache_kafka": Check(value=0, target=1, note=f"{WHEEL_LACKS}; {lack}")}
    numbers = range(size.candidates)
    with world.copy("prove_feeds") as copy, LocalKafka(copy.directory / "kafka") as broker:
        with closing(compose(copy.settings, now=utc_now)) as forsa:
            write_candidates(forsa, size.candidates)
        with (
            Stage(copy, broker) as stage,
            acts_under_way(copy, numbers[:CANDIDATES], a_second=size.acts_a_second, seed=seed),
        ):
            stage.until_read(BEFORE)
        with world.backup(copy) as restore:
            found = _proved_under_strikes(copy, broker, size, numbers[CANDIDATES:-AFTER], seed)
            restore()
        return found | _proved_after_restore(copy, broker, size, numbers[-AFTER:], seed)


def _proved_under_strikes(
    copy: Copy, broker: LocalKafka, size: Size, numbers: Sequence[int], seed: int
) -> dict[str, Check]:
    with Stage(copy, broker) as stage:
        with acts_under_way(copy, numbers, a_second=size.acts_a_second, seed=seed) as rate:
            stage.until_read(BEFORE)
            tally = _strike_all(stage, size, random.Random(seed))
        a_second = rate.acts / rate.seconds
        done = ", ".join(f"{name} {count}" for name, count in sorted(tally.done.items()))
        struck = {"feed_broker_strikes": BROKER, "feed_publisher_kills": ("publisher killed",)}
        return {
            **{name: _counted(size, tally, of, done) for name, of in struck.items()},
            "feed_strikes_not_recovered": Check(value=tally.stuck, target=0, note=f"nothing read in {READY_SECONDS} s"),
            "feed_acts_a_second": Check(
                value=round(a_second, 1), target=0.9 * size.acts_a_second if size is FULL else 1.0, at="least",
                note=f"{rate.acts} acts on diplomas; broker: {broker.name}",
            ),
            **_held_together(stage, "feed"),
            "feed_ended_by_themselves": Check(value=len(stage.running.deaths), target=0, note="the partner's too"),
            **_times(size, tally.recoveries),
        }  # fmt: skip


def _counted(size: Size, tally: Tally, targets: Sequence[str], note: str) -> Check:
    done, wanted = (sum(each[name] for name in targets) for each in (tally.done, size.counts))
    return Check(value=done, target=wanted, at="least", note=note)


def _held_together(stage: Stage, name: str) -> dict[str, Check]:
    """Nothing is lost between the log, the table, the topic, HTTP and the partner, now that no more is told."""
    late = stage.settle()
    standing = stage.standing()
    topic = registers.topic_found(stage.broker.bootstrap, standing)
    over_http = registers.over_http(stage.running.port, stage.copy.tokens["partner"])
    partner = registers.of_partner(stage.partner)
    with closing(compose(stage.copy.settings, now=utc_now)) as forsa:
        ours = registers.of_views(forsa.views)
    told = registers.of_feed(over_http)
    different = registers.differing(ours, partner) + registers.differing(told, partner)
    note = f"of {len(standing)} messages in {topic.records} records; {topic.twice} twice, with the same bytes"
    return {
        f"{name}_unsettled": Check(value=len(late), target=0, note="; ".join(late)),
        f"{name}_untold": Check(value=stage.untold(), target=0, note="public events that no message tells"),
        f"{name}_lost": Check(value=topic.lost, target=0, note=note),
        f"{name}_out_of_order": Check(value=topic.out_of_order, target=0, note="first seen after a later one"),
        f"{name}_changed": Check(
            value=topic.other_bytes + topic.strangers, target=0, note="the same id with other bytes, or no message"
        ),
        f"{name}_over_http_different": Check(
            value=sum(msgspec.json.decode(a) != b for a, b in zip(standing, over_http, strict=False))
            + abs(len(standing) - len(over_http)),
            target=0, note="messages that HTTP has otherwise, or elsewhere",
        ),
        f"{name}_registers_different": Check(
            value=different, target=0, note=f"of {len(ours)} diplomas: ours, the partner's, the feed's over HTTP"
        ),
    }  # fmt: skip


def _proved_after_restore(
    copy: Copy, broker: LocalKafka, size: Size, numbers: Sequence[int], seed: int
) -> dict[str, Check]:
    """The database is behind its topic, and goes on: the publisher says what to do; done, the partner reads on."""
    with Stage(copy, broker) as stage:
        ahead, behind = stage.read(), stage.written()
        with acts_under_way(copy, numbers, a_second=size.acts_a_second, seed=seed + 1):
            until = stage.running.until
            until(lambda: stage.asked(REFUSED, NATIONAL)[0], "a refusal")
            until(lambda: stage.written() >= (behind.epoch, behind.sequence + MEANWHILE), "messages before it is read")
            refusal = stage.asked(REFUSED, NATIONAL)[0]
            done = _done_as_told(stage)
            stage.until_read(AFTER)
        stands_until = (stage.asked(STANDS_UNTIL, NATIONAL, behind.epoch) or (-1,))[0]
        return {
            "restored_behind_topic": Check(
                value=ahead.sequence - behind.sequence, target=BEFORE, at="least",
                note=f"messages the partner had read; restored at {behind}, stands at {stage.written()}",
            ),
            "restored_refused": Check(
                value=int(refusal.startswith("topic-ahead:") and NEXT_ACT in refusal), target=1, note=refusal
            ),
            "restored_new_epoch": Check(value=done.returncode, target=0, note=f"its exit code {done.stderr}"),
            "restored_stands_until": Check(
                value=stands_until, target=behind.sequence, note="the last message that topic and backup agree on"
            ),
            **_held_together(stage, "restored"),
            "restored_ended_by_themselves": Check(value=len(stage.running.deaths), target=0),
        }  # fmt: skip


def _done_as_told(stage: Stage) -> subprocess.CompletedProcess[str]:
    """The act that the publisher named was done, with the processes' own settings."""
    environment = {**os.environ, **stage.copy.variables, **stage.variables}
    act = [*FORSA, *NEXT_ACT.split()[1:], "--yes"]
    return subprocess.run(act, env=environment, check=False, capture_output=True, text=True)


def _times(size: Size, recoveries: Sequence[Recovery]) -> dict[str, Check]:
    """Median, 95th percentile and longest, of a message written after what was struck is there again."""
    groups: dict[str, list[Recovery]] = {"broker": [], "publisher": [], "several": []}
    names = {**dict.fromkeys(BROKER, "broker"), "publisher killed": "publisher", SEVERAL: "several"}
    for each in recoveries:
        if each.target in names:
            groups[names[each.target]].append(each)
    found: dict[str, Check] = {}
    for name, group in groups.items():
        if len(group) > 1:
            found |= _percentiles(size, f"feed_{name}_to_publish", [(e.until_published, e.target) for e in group])
            found |= _percentiles(size, f"feed_{name}_to_read", [(e.until_read, e.target) for e in group])
    return found


def _percentiles(size: Size, what: str, felt: Sequence[tuple[float, str]]) -> dict[str, Check]:
    seconds = [each for each, _ in felt]
    p95, longest = statistics.quantiles(seconds, n=20, method="inclusive")[-1], max(felt)
    note = f"of {len(felt)}; longest {longest[0]:.2f} s, {longest[1]}"
    values = {"median": statistics.median(seconds), "p95": p95, "longest": longest[0]}
    return {
        f"{what}_{key}_s": Check(value=round(value, 3), target=size.back_seconds, at="most", note=note)
        for key, value in values.items()
    }


def control(world: World, *, seed: int) -> Control:
    """How many messages a publisher loses whose progress is stored before the acknowledgement."""
    broken = (sys.executable, "-m", "bench.prove.controls", "progress_before_the_acknowledgement", "publish")
    with world.copy("prove_control") as copy, LocalKafka(copy.directory / "kafka") as broker:
        numbers = range(10 * CANDIDATES)
        with closing(compose(copy.settings, now=utc_now)) as forsa:
            write_candidates(forsa, len(numbers))
        with Stage(copy, broker, broken) as stage:
            with acts_under_way(copy, numbers, a_second=20.0, seed=seed):
                for _ in range(CONTROL_KILLS):
                    stage.until_read(BEFORE)
                    broker.kill()
                    stage.running.go_on_for(ACK_SECONDS + 1.0)
                    broker.start()
            stage.running.until(lambda: not stage.untold(), "every event is written")
            stage.running.until(lambda: stage.published() == stage.written(), "every message is sent")
            stage.running.stop()  # what is under way is waited for
            lost = registers.topic_found(broker.bootstrap, stage.standing()).lost
    return Control(check="feed_lost", value=lost, went_red=lost > 0)

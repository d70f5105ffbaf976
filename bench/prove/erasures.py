"""The second proof: learners erased under load and found nowhere, erasures killed half-way that end complete.

`python -m bench.prove.erasures STEP NTH` is `forsa erase run` that kills itself, as kill -9 does, when it has done that
step for the nth time.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from bench.prove import checks
from bench.prove.canary import found_in_files, found_in_tables
from bench.prove.load import Load, whole_paths
from bench.prove.report import Check
from bench.prove.running import Running
from bench.prove.world import CENTRE_ID, CONVENTION_ID, Copy, World
from domain.casebook import Append, NewEvent
from domain.event import NIL, By, Event
from domain.learner.admission import LearnerEnrolled, Profile
from domain.learner.identification import (
    Contacts,
    Identifier,
    Identity,
    IdentityRecorded,
    LearnerIdentified,
    NameGiven,
    PersonName,
    RecordIdentity,
    Referral,
)
from domain.learner.leaving import EnrolmentEnded
from domain.learner.privacy import DecideErasure, RequestErasure, StateNewGround
from domain.sealed import Erased, clear
from domain.values import file_number, season_of, today_in_casablanca
from runtime.erasing import Erasing, pending
from runtime.following_erasures import erasing_of
from runtime.rewriting import rewrite
from runtime.settings import read_settings
from runtime.wiring import Forsa, compose, open_means, utc_now

GONE, STAYS = "Qzergonakwid", "Qzerstayakwid"  # stand in every name of those who are erased, and of those who stay
FAMILIES: Final = ["identity", "contacts", "sensitive"]
STEPS: Final = ("keys", "directory", "recorded")
SETTLE_SECONDS: Final = (
    0.0  # of the killed: nobody holds a key but they, and what the wait is for has a test of its own
)
LEARNERS_AN_APPEND: Final = 120
DONE_SECONDS: Final = 300.0
RETURNING: Final = 20
BY: Final = By(actor=UUID(int=1), role="caseworker", org=NIL, src="import")
OFFICER: Final = By(actor=UUID(int=2), role="data_protection_officer", org=NIL, src="console")
RECORD: Final = """
select stream, status, file_number, season, province, enrolled_season, centre, convention, flags
  from views.learner_record_v3 where stream = any(%s) order by stream
"""
# What the audit trail tells of them, by tag: an erasure adds its own acts and takes nothing away.
ENTRIES: Final = """
select tag, count(*) from views.entries_v1
 where stream = any(%s) and tag not in ('learner.erasure-requested', 'learner.erasure-decided',
   'learner.personal-data-erased') group by tag order by tag
"""
CARRIED_OUT: Final = """
select count(*), count(distinct originator_id) from forsa_events
 where topic = 'learner.personal-data-erased' and originator_id = any(%s)
"""
HALF_WAY: Final = "select distinct stream from keys where wrapped is null and stream = any(%s)"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many learners there are, how many of them are erased under load, and how many half-way."""

    learners: int
    under_load: int
    half_way: int
    clients: int


FULL: Final = Size(learners=5_000, under_load=500, half_way=200, clients=4)
QUICK: Final = Size(learners=250, under_load=25, half_way=10, clients=2)


def prove(world: World, *, quick: bool, seed: int) -> dict[str, Check]:
    """Every figure of the erasures."""
    size, chance = QUICK if quick else FULL, random.Random(seed)
    with world.copy("prove_erasures") as copy, closing(compose(copy.settings, now=utc_now)) as forsa:
        learners = [UUID(int=chance.getrandbits(128), version=4) for _ in range(size.learners)]
        gone = chance.sample(learners, size.under_load + size.half_way)
        _told(forsa, learners, frozenset(gone))
        return _proved(world, copy, forsa, size, chance, learners, gone)


def _proved(
    world: World, copy: Copy, forsa: Forsa, size: Size, chance: random.Random, learners: list[UUID], gone: list[UUID]
) -> dict[str, Check]:
    with Running(copy) as running, copy.connect() as log:
        running.until(lambda: running.viewed() >= _last(log), "the views are at the log's end", DONE_SECONDS)
        before, told = _rows(log, RECORD, learners), _rows(log, ENTRIES, learners)
        control = found_in_tables(world.server.url(copy.name), [GONE, STAYS])
        seconds = _erased_under_load(running, forsa, log, size, gone[: size.under_load])
        running.stop()
        half_way, kills = _killed_half_way(copy, forsa, log, chance, gone[size.under_load :])
    running = Running(copy)
    with running, copy.connect() as log:
        running.until(lambda: not pending(log), "every erasure is carried out", DONE_SECONDS)
        running.until(lambda: running.viewed() >= _last(log), "the views are at the log's end", DONE_SECONDS)
        after, still_told = _rows(log, RECORD, learners), _rows(log, ENTRIES, learners)
        erased, distinct = _rows(log, CARRIED_OUT, gone)[0]
        back = _returned(forsa, gone[:RETURNING])
        views = checks.views_found(running, processes=1)
    hits = _hits(world, copy)
    return {
        "erased": Check(value=distinct, target=len(gone), note=f"of {len(learners)}; under load in {seconds:.0f} s"),
        "erased_twice": Check(value=erased - distinct, target=0),
        "killed_half_way": Check(
            value=len(half_way), target=size.half_way, at="least", note=f"and complete afterwards; {kills}"
        ),
        "canary_before": Check(value=len(control), target=1, at="least", note=f"found in {', '.join(control)}"),
        "canary_hits": Check(value=len(hits), target=0, note="; ".join(sorted(hits))[:200] or "tables, logs, files"),
        "clear_columns_changed": Check(value=sum(a != b for a, b in zip(before, after, strict=True)), target=0),
        "entries_changed": Check(
            value=len(set(told) ^ set(still_told)), target=0, note=f"{dict(told)}, counted before and after"
        ),
        "returning_with_a_new_key": Check(value=back, target=RETURNING),
        "erased_views_different": Check(value=views.different, target=0, note="rebuild = live"),
        "erased_streams_parked": Check(value=views.parked, target=0),
    }


# ── the learners ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _told(forsa: Forsa, learners: Sequence[UUID], gone: frozenset[UUID]) -> None:
    """Each learner is identified, recorded, was enrolled and has left: names bear the mark of what becomes of them."""
    for start in range(0, len(learners), LEARNERS_AN_APPEND):
        part = list(enumerate(learners))[start : start + LEARNERS_AN_APPEND]
        events, taken = [], []
        for number, learner in part:
            mark = GONE if learner in gone else STAYS
            path = _path(number, mark)
            events += [NewEvent(learner, version, event) for version, event in enumerate(path, 1)]
            taken.append((forsa.event_log.digest("file-number", _file_number(number)), learner))
            taken.append((forsa.event_log.digest("massar", f"{mark.upper()}{number}"), learner))
        forsa.event_log.append(Append(tuple(events), taken=tuple(taken)))


def _path(number: int, mark: str) -> list[Event]:
    today = today_in_casablanca(utc_now())
    said: dict[str, Any] = {"on": today, "by": BY}
    identity = Identity([PersonName(f"{mark}{number}", f"ben {mark}", "latin")], "fm"[number % 2], birth_place=mark,
                        identifiers=[Identifier("massar", f"{mark.upper()}{number}")])  # fmt: skip
    season, enrolment = season_of(today), UUID(int=number + 1)
    profile = Profile(sex="fm"[number % 2], age=16, province="CAS", residence="urban", last_level="2AC",
                      school_status="dropped_out", standing="new")  # fmt: skip
    return [
        LearnerIdentified(**said, file_number=_file_number(number), season=season, province="CAS",
                          referral=clear(Referral("self", mark)), identity=clear(identity)),
        IdentityRecorded(**said, identity=clear(identity), contacts=clear(Contacts("+212600000000", mark)), replaces=1),
        LearnerEnrolled(**said, enrolment=enrolment, season=season, centre=CENTRE_ID, convention=CONVENTION_ID,
                        level="level_2", trade="CUI", session_type="regular", starts_on=today, without=[], age_low=16,
                        age_high=16, age_min=13, age_max=20, reference_date=today, assessment=None, derogation=None,
                        profile=profile, flags=[]),
        EnrolmentEnded(**said, enrolment=enrolment, exit="completed", ended_on=today, minutes_attended=0,
                       minutes_held=0),
    ]  # fmt: skip


def _file_number(number: int) -> str:
    return file_number(2000, "CAS", f"{number:06}")


def _decided(forsa: Forsa, learner: UUID) -> None:
    """The erasure was asked for by one and decided by another; that cannot be undone."""
    erasure = UUID(int=learner.int ^ 1)
    request = RequestErasure(learner=learner, erasure=erasure, families=FAMILIES, asked_by="guardian")
    forsa.casebook.execute(request, BY)
    decision = DecideErasure(learner=learner, erasure=erasure, families=FAMILIES, legal_basis="objection")
    forsa.casebook.execute(decision, OFFICER)


# ── under load, and half-way ─────────────────────────────────────────────────────────────────────────────────────────


def _erased_under_load(
    running: Running, forsa: Forsa, log: psycopg.Connection[Any], size: Size, gone: Sequence[UUID]
) -> float:
    """The projector's process has carried out every one of these, while clients were at work; in how many seconds."""
    load = Load(running, whole_paths, seed=0, clients=size.clients, pause_seconds=0.01, patience_seconds=60.0)
    with load.under_way() as ledger:
        running.until(lambda: ledger.acknowledged, "the first command")
        began = time.monotonic()
        for learner in gone:
            _decided(forsa, learner)
        ended = running.until(lambda: not pending(log), "every erasure is carried out", DONE_SECONDS)
    running.until(load.is_over, "the clients' last commands", 70.0)
    return ended - began


def _killed_half_way(
    copy: Copy, forsa: Forsa, log: psycopg.Connection[Any], chance: random.Random, gone: Sequence[UUID]
) -> tuple[set[UUID], str]:
    """Of which of these the keys were dead and nothing was recorded when a process was killed; and where those were."""
    for learner in gone:
        _decided(forsa, learner)
    found: set[UUID] = set()
    kills: list[str] = []
    with psycopg.connect(copy.settings.keys_database_url, autocommit=True) as keys:
        for step in (*STEPS, *chance.choices(STEPS, k=5)):
            waiting = [each.learner for each in pending(log) if each.learner in set(gone)]
            if not waiting:
                break
            most = len(waiting) // 4 if step == "recorded" else len(waiting)  # what is recorded waits no longer
            nth = chance.randint(1, max(1, most))
            command = [sys.executable, "-m", "bench.prove.erasures", step, str(nth)]
            done = subprocess.run(command, env={**os.environ, **copy.variables}, check=False)
            assert done.returncode == -signal.SIGKILL, f"it was to be killed at {step} {nth}"
            kills.append(f"{step} {nth} of {len(waiting)}")
            still = {each.learner for each in pending(log)}
            found |= {row[0] for row in keys.execute(HALF_WAY, (waiting,)).fetchall()} & still
    return found, f"killed at {', '.join(kills)}; waited {SETTLE_SECONDS:g} s for keys that are held"


def _returned(forsa: Forsa, gone: Sequence[UUID]) -> int:
    """How many of the erased came back under a new ground, with an identity that opens, under the second key."""
    works = 0
    for learner in gone:
        families = ["identity", "contacts"]
        ground = StateNewGround(learner=learner, families=families, ground="return", given_by="learner")
        forsa.casebook.execute(ground, BY)
        name = NameGiven(f"{STAYS}back")
        forsa.casebook.execute(RecordIdentity(learner=learner, names=[name], sex="f", phone="+212600000001"), BY)
        loaded = forsa.casebook.load("learner", learner)
        fact = loaded.state.identification.identity
        opened = forsa.keyring.open(learner, fact)
        works += (
            not isinstance(opened, Erased) and opened.names[0].given == name.given and fact.sealed.f == "identity.2"
        )
    return works


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hits(world: World, copy: Copy) -> set[str]:
    """Where the mark of the erased still stands: tables, our logs, and after a rewrite the server's files."""
    settings = copy.settings
    hits = {f"table {name}" for name in found_in_tables(world.server.url(copy.name), [GONE])}
    hits |= {f"keys' table {name}" for name in found_in_tables(world.server.url(f"{copy.name}_keys"), [GONE])}
    hits |= {f"log {name}" for name in found_in_files(copy.directory, [GONE])}
    rewrite(settings.projector_database_url, settings.keys_database_url, partial(open_means, settings))
    with copy.connect() as connection:
        connection.execute("checkpoint")
    base = world.server.directory / "data" / "base"
    return hits | {f"file {name}" for name in found_in_files(base, [GONE])}


def _last(log: psycopg.Connection[Any]) -> int:
    return int(_rows(log, "select coalesce(max(notification_id), 0) from forsa_events")[0][0])


def _rows(connection: psycopg.Connection[Any], query: str, *parameters: object) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def main(step: str, nth: int) -> None:
    """Erasures are carried out until this process kills itself."""
    left = nth

    def die(done: str, _learner: UUID) -> None:
        nonlocal left
        left -= done == step
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    with erasing_of(read_settings(os.environ)) as erasing:
        _without_waiting(erasing).run(report=die)


def _without_waiting(erasing: Erasing) -> Erasing:
    erasing.settle_seconds = SETTLE_SECONDS
    return erasing


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

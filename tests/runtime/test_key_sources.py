"""Keys of an issuer change without a restart; a source that is away or slow keeps nobody waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from runtime.key_sources import (
    FILE_SECONDS,
    OLDEST_SECONDS,
    RETRY_SECONDS,
    URL_SECONDS,
    BadKeySet,
    KeysUnavailable,
    fetch,
    file_keys,
    url_keys,
)
from tests.runtime.issuer import (
    NEW_TOKEN,
    NEXT,
    OLD_TOKEN,
    Clock,
    Issuer,
    believed,
    key_set,
    said,
    saying,
    serving,
)
from tests.runtime.token_examples import KEY

PATIENCE_SECONDS = 30.0  # of a test, for what takes milliseconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        found.says(KEY)
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set(KEY))
    return path


def replaced(file: Path, content: bytes) -> None:
    """Another file takes the name, as a careful writer does it."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)


# ---- a file


@pytest.mark.parametrize("write", [replaced, Path.write_bytes])
def test_a_changed_file_lets_the_new_key_in_and_the_old_one_out_within_a_second(
    file: Path, clock: Clock, write: Callable[[Path, bytes], Any]
) -> None:
    source = file_keys(file, clock)
    assert believed(source, OLD_TOKEN)
    write(file, key_set(NEXT))
    clock.now += FILE_SECONDS
    assert believed(source, NEW_TOKEN)
    assert not believed(source, OLD_TOKEN)


def test_a_file_of_the_same_size_and_name_is_read_for_its_time_alone(file: Path, clock: Clock) -> None:
    source = file_keys(file, clock)
    assert believed(source, OLD_TOKEN)
    file.write_bytes(key_set(NEXT))
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    clock.now += FILE_SECONDS
    assert believed(source, NEW_TOKEN)


def test_a_file_is_looked_at_once_a_second_at_most(file: Path, clock: Clock) -> None:
    source = file_keys(file, clock)
    assert believed(source, OLD_TOKEN)
    replaced(file, key_set(NEXT))
    clock.now += FILE_SECONDS / 2
    assert believed(source, OLD_TOKEN)
    assert not believed(source, NEW_TOKEN)


BAD = [b"", b"[]", b'{"keys": []}', key_set(KEY)[:-5], b'{"keys": [{"kty": "hidden"}]}']


@pytest.mark.parametrize("content", BAD)
def test_a_bad_file_replaces_no_good_keys_and_is_said_once(
    file: Path, clock: Clock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    source = file_keys(file, clock)
    assert believed(source, OLD_TOKEN)
    replaced(file, content)
    for _ in range(5):
        clock.now += FILE_SECONDS
        assert believed(source, OLD_TOKEN)
    assert len(said(caplog)) == 1
    assert "hidden" not in caplog.text
    replaced(file, key_set(NEXT))
    clock.now += FILE_SECONDS
    assert believed(source, NEW_TOKEN)


def test_keys_whose_file_is_gone_are_none_after_a_day(file: Path, clock: Clock) -> None:
    source = file_keys(file, clock)
    assert believed(source, OLD_TOKEN)
    file.unlink()
    clock.now += OLDEST_SECONDS
    assert believed(source, OLD_TOKEN)
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        believed(source, OLD_TOKEN)
    file.write_bytes(key_set(KEY))
    clock.now += FILE_SECONDS
    assert believed(source, OLD_TOKEN)


def test_keys_whose_file_stays_as_it_is_are_good_for_ever(file: Path, clock: Clock) -> None:
    source = file_keys(file, clock)
    for _ in range(3):
        assert believed(source, OLD_TOKEN)
        clock.now += OLDEST_SECONDS + 1


def test_whoever_starts_without_the_file_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BadKeySet, match="cannot be read"):
        file_keys(tmp_path / "none.json")


# ---- an address


def test_an_address_is_asked_at_first_use_and_every_five_minutes(issuer: Issuer, clock: Clock) -> None:
    source = url_keys(issuer.url, clock)
    assert issuer.asked == []
    assert believed(source, OLD_TOKEN)
    issuer.says(NEXT)
    clock.now += URL_SECONDS - 1
    assert believed(source, OLD_TOKEN)
    assert len(issuer.asked) == 1
    clock.now += 1
    assert not believed(source, OLD_TOKEN)
    assert believed(source, NEW_TOKEN)
    assert issuer.asked == ["/keys.json"] * 2


def test_a_key_we_lack_is_asked_for_at_once(issuer: Issuer, clock: Clock) -> None:
    source = url_keys(issuer.url, clock)
    assert believed(source, OLD_TOKEN)
    issuer.says(KEY, NEXT)
    clock.now += RETRY_SECONDS
    assert believed(source, NEW_TOKEN)
    assert believed(source, OLD_TOKEN)


def test_ten_thousand_keys_nobody_has_ask_twice(issuer: Issuer, clock: Clock) -> None:
    source = url_keys(issuer.url, clock)
    for number in range(10_000):
        assert source.find(f"nobody's {number}") is None
        clock.now += RETRY_SECONDS / 10_000
    assert len(issuer.asked) <= 2


def test_while_the_address_is_away_the_old_keys_serve_for_a_day(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as issuer:
        issuer.says(KEY)
        source = url_keys(issuer.url, clock)
        assert believed(source, OLD_TOKEN)
    clock.now += OLDEST_SECONDS
    assert believed(source, OLD_TOKEN)
    assert len(said(caplog)) == 1
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        believed(source, OLD_TOKEN)


def test_an_address_that_was_away_at_first_is_asked_again(issuer: Issuer, clock: Clock) -> None:
    issuer.answer = saying(b"", 503)
    source = url_keys(issuer.url, clock)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            believed(source, OLD_TOKEN)
    assert len(issuer.asked) == 1
    issuer.says(KEY)
    clock.now += RETRY_SECONDS
    assert believed(source, OLD_TOKEN)


def test_behind_a_slow_address_nobody_else_waits(issuer: Issuer, clock: Clock) -> None:
    source = url_keys(issuer.url, clock)
    assert believed(source, OLD_TOKEN)
    asked, go_on = threading.Event(), threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(PATIENCE_SECONDS)
        saying(key_set(KEY, NEXT))(request)

    issuer.answer = slow
    clock.now += URL_SECONDS
    found: list[bool] = []
    one = threading.Thread(target=lambda: found.append(believed(source, NEW_TOKEN)))
    one.start()
    assert asked.wait(PATIENCE_SECONDS)
    clock.now += RETRY_SECONDS  # now others would ask too
    assert believed(source, OLD_TOKEN)  # while the other still waits
    assert not believed(source, NEW_TOKEN)
    assert found == []
    go_on.set()
    one.join()
    assert found == [True]
    assert len(issuer.asked) == 2


def dripping(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever: no single wait is long."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        request.wfile.write(b"X")
        request.wfile.flush()
        threading.Event().wait(0.02)


def silent(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)


@pytest.mark.parametrize("answer", [dripping, silent])
def test_an_address_that_never_ends_is_left(issuer: Issuer, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
    issuer.answer = answer
    began = time.monotonic()
    with pytest.raises((OSError, HTTPException)):  # timed out, or cut while it waited
        fetch(issuer.url, seconds=0.2)
    assert time.monotonic() - began < PATIENCE_SECONDS

"""`forsa serve` over the test's databases, as an operator starts it, and raw connections to it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.api.stack import composed
from tests.runtime.forsa_run import CLI, clean_environment, until


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def web_settings(web_dsn: str, keys_dsn: str, token_key: Path) -> dict[str, str]:
    """Settings of a web process over the test's databases, with the test world in them."""
    composed(web_dsn, keys_dsn, token_key).close()
    return {
        "FORSA_DATABASE_URL": web_dsn,
        "FORSA_KEYS_DATABASE_URL": keys_dsn,
        "FORSA_MASTER_KEY": bytes(32).hex(),
        "FORSA_TOKEN_KEY_FILE": str(token_key),
    }


class Answered:
    """One HTTP answer as its bytes say it."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


class Served:
    """One `forsa serve`. Its lines stand in `log`."""

    def __init__(self, directory: Path, settings: Mapping[str, str], workers: int = 1) -> None:
        self.port, self.log = free_port(), directory / "log"
        environment = {**clean_environment(), **settings, "FORSA_PORT": str(self.port)}
        with self.log.open("w") as log:
            command = [*CLI, "serve", "--workers", str(workers)]
            self.process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)

    def wait_until_ready(self) -> None:
        """It answers."""

        def is_live() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self.get("/livez").status == 200
            except OSError:
                return False

        until(is_live, 60)

    @contextmanager
    def connected(self, seconds: float = 30) -> Iterator[socket.socket]:
        """A connection that waits at most so long for anything."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=seconds)) as client:
            yield client

    def said(self, request: bytes) -> Answered:
        """What these bytes are answered with, until the server closes."""
        with self.connected() as client:
            client.sendall(request)
            return Answered(everything(client))

    def get(self, path: str, token: str | None = None, **headers: str) -> Answered:
        """The answer to a GET."""
        return self.said(request_of("GET", path, token, headers))

    def post(self, path: str, body: bytes, token: str | None = None, **headers: str) -> Answered:
        """The answer to a POST of JSON."""
        return self.said(request_of("POST", path, token, {"Content-Type": "application/json", **headers}, body))

    def lines(self) -> list[dict[str, Any]]:
        """Every line of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def request_of(method: str, path: str, token: str | None, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request whose connection is closed after it; `If_Match` stands for If-Match."""
    said = {"Host": "forsa", "Connection": "close", **headers}
    if token:
        said["Authorization"] = f"Bearer {token}"
    if body:
        said["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in said.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def everything(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass  # it had closed before it read all that was sent
    return b"".join(parts)


def value_of(exposition: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    total = 0.0
    for line in exposition.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name:
            has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if labels.items() <= has.items():
                total += float(found[3])
    return total


def stopped_within(process: subprocess.Popen[bytes], seconds: float) -> float:
    """How long it took to end, in seconds."""
    began = time.monotonic()
    process.wait(seconds)
    return time.monotonic() - began

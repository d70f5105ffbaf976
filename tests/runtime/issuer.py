"""An identity provider's address on this machine: a real server whose next answer a test chooses."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import OKPKey

from runtime.key_sources import KeySource
from runtime.tokens import TokenRefused, TokenVerifier
from tests.runtime.token_examples import AUDIENCE, CLAIMS, HEADER, ISSUER, NOW, OTHER, good, public, signed

NEXT = OKPKey.import_key(OTHER, {"kid": "k2"})
OLD_TOKEN, NEW_TOKEN = good(), signed({**HEADER, "kid": "k2"}, CLAIMS, OTHER)
Answer = Callable[[BaseHTTPRequestHandler], None]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        """At some moment."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def believed(source: KeySource, token: str) -> bool:
    """Whether a verifier with these keys takes the token. Raises KeysUnavailable."""
    try:
        TokenVerifier(ISSUER, AUDIENCE, source, now=lambda: NOW).verify(token)
    except TokenRefused:
        return False
    return True


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def key_set(*keys: OKPKey) -> bytes:
    """The key set that shows these keys."""
    return json.dumps({"keys": [public(key) for key in keys]}).encode()


def saying(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of this body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


class Issuer:
    """The server: `answer` is what it says next, `asked` the paths it was asked for."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        """Not yet serving."""
        self.url = f"{scheme}://localhost:{server.server_port}/keys.json"
        self.answer: Answer = saying(b"", 500)
        self.asked: list[str] = []

    def says(self, *keys: OKPKey) -> None:
        """The next answers are the set of these keys."""
        self.answer = saying(key_set(*keys))


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    """An issuer on a port of its own, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            with suppress(OSError):  # whoever asked has gone
                issuer.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's own name
            """Nothing: pytest shows what matters."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that the other side gave up."""

        def finish_request(self, request: Any, client_address: Any) -> None:
            if context is not None:  # in this connection's thread, so that nobody else waits
                request = context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            if context is not None:
                request.close()

    server = Server(("127.0.0.1", 0), Handler)
    issuer = Issuer(server, "https" if context else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A certificate that vouches for itself: its file, and a server's context with it."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, both = folder / f"{name}.pem", folder / f"{name}.both.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + pem.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return pem, context


def _alternative(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)

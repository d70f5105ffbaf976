"""gunicorn's threaded worker that waits for nobody for ever, and says nothing of what it could not read."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any, Final

from gunicorn.http import errors  # type: ignore[import-untyped]  # gunicorn ships no types
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # gunicorn ships no types

REQUEST_SECONDS: Final = 10.0  # for a whole request to come in, from when a thread begins to read it
ANSWER_SECONDS: Final = 30.0  # for one piece of an answer to be taken
OURS: Final = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)  # a mistake in an answer of ours

_log = logging.getLogger("forsa.web")


class ClientSocket(socket.socket):
    """A client's connection with an end to its patience: a byte now and then does not hold a thread."""

    reading_until: float | None = None  # on time.monotonic's scale; None: no thread has begun to read the request

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """The socket's own. Raises NoMoreData, which ends the connection, when the request took too long."""
        now = time.monotonic()
        if self.reading_until is None:
            self.reading_until = now + REQUEST_SECONDS
        left = self.reading_until - now
        try:
            if left <= 0:
                raise TimeoutError
            self.settimeout(left)
            return super().recv(size, flags)
        except TimeoutError:
            raise errors.NoMoreData from None
        finally:
            self.settimeout(ANSWER_SECONDS)


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """The worker with these sockets, and with our answer to what is no request."""

    def enqueue_req(self, conn: Any) -> None:
        """Its request comes in within the time from when a thread takes it: who waited for one is not to blame."""
        if not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket(fileno=conn.sock.detach())
        conn.sock.reading_until = None
        super().enqueue_req(conn)

    def handle_exit(self, number: int, frame: Any) -> None:
        """Whoever waits for what may come is answered at once, so that the requests under way end."""
        self.app.stopping.begin_here()
        super().handle_exit(number, frame)

    def handle_error(self, _request: Any, client: Any, _address: Any, error: Exception) -> None:
        """The client has a problem to read; the line says the class alone, since a message repeats what was sent."""
        from api.unread import INTERNAL, answer_to_unread

        code = _code_of(error)
        if code == INTERNAL:
            _log.error("a request failed outside the application", exc_info=error)
        else:
            _log.info("not a request", extra={"code": code, "what": type(error).__name__})
        try:
            client.sendall(answer_to_unread(code))
        except OSError:
            _log.debug("the client has gone")


def _code_of(error: Exception) -> str:
    """The problem's code for what gunicorn could not read, and for what nobody expected."""
    from api.unread import ADDRESS_TOO_LONG, HEADERS_TOO_LARGE, INTERNAL, UNREADABLE

    match error:
        case errors.LimitRequestLine():
            return ADDRESS_TOO_LONG
        case errors.LimitRequestHeaders():
            return HEADERS_TOO_LARGE
        case errors.ParseException() if not isinstance(error, OURS):
            return UNREADABLE
    return INTERNAL

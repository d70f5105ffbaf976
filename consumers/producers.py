"""A producer for one topic of one partition, given up for good as soon as an acknowledgement is missed.

kafka-python does not resend in any useful time what a dying leader had in flight, so who uses this sends again with
another one. Once a batch has failed nothing that was given to this producer later may still leave it: else a message
would be seen before the one it follows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from consumers.binary_mode import Record
from consumers.brokers import REQUEST_MS, Broker

ACK_SECONDS: Final = 3.0  # for all of a batch, from when it is the oldest that is under way
DELIVERY_MS: Final = 15_000  # the client's own bound, which we come before
LINGER_MS: Final = 5
BATCH_BYTES: Final = 131_072
CLOSE_SECONDS: Final = 10.0


class Missed(Exception):
    """Messages were not acknowledged in time, or not in order; whether the topic has them is not known."""


class Sent:
    """A batch that is under way."""

    def __init__(self, futures: Sequence[Any]) -> None:
        """At least one, in the order sent."""
        self._futures = futures

    def acknowledged(self) -> tuple[int, int]:
        """Offsets of the first and the last, when the topic has all of them. Raises Missed, after at most 3 s.

        To be called of the oldest batch under way: a slow broker may take longer for several.
        """
        until = time.monotonic() + ACK_SECONDS
        try:
            for future in (self._futures[-1], *self._futures):
                if not future.succeeded():
                    future.get(timeout=max(0.001, until - time.monotonic()))
        except KafkaError as error:
            raise Missed(type(error).__name__) from error
        return self._futures[0].value.offset, self._futures[-1].value.offset


class OneTopicProducer:
    """Sends to one topic, acknowledged by every replica in step. Not to be carried over a fork."""

    def __init__(self, broker: Broker, topic: str) -> None:
        """Raises KafkaError where no broker answers within two seconds."""
        self._topic = topic
        self._producer = broker.open(
            KafkaProducer,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
            delivery_timeout_ms=DELIVERY_MS,
            max_block_ms=REQUEST_MS,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        self._sender = self._producer._sender  # noqa: SLF001  # `close` waits for what cannot be sent, then raises

    def send(self, records: Iterable[Record]) -> Sent:
        """They are under way, in this order. Raises Missed."""
        send, topic, stop = self._producer.send, self._topic, self._stop
        try:
            futures = [send(topic, value, key, headers, 0) for key, value, headers in records]
        except KafkaError as error:
            raise Missed(type(error).__name__) from error
        for future in futures:
            future.add_errback(stop)
        return Sent(futures)

    def close(self) -> None:
        """It is gone; what was not acknowledged is not sent any more, but may still arrive if it had left already."""
        self._stop(None)
        threading.Thread(target=self._end, name="producer's end", daemon=True).start()

    def _stop(self, _error: object) -> None:
        self._sender.force_close()  # called where a batch fails, before the next one is sent

    def _end(self) -> None:
        self._sender.join(CLOSE_SECONDS)
        with suppress(Exception):
            self._producer.close(timeout=0)

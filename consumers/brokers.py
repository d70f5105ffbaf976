"""The Kafka cluster that all clients of ours reach in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from consumers.header_names import read_any_names

C = TypeVar("C")  # KafkaConsumer, KafkaProducer or KafkaAdminClient

BOOTSTRAP_MS: Final = 2_000  # to the first answer of any broker
REQUEST_MS: Final = 3_000
UNREACHED: Final = (KafkaError, OSError)  # what a client raises where no broker answers
RECONNECT_MS: Final = 500  # most between two attempts: the client's own pauses grow to 30 s and would outlast an outage


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the cluster is, and how it is entered. With a user there is TLS, or it is this machine's own broker."""

    bootstrap: str  # host:port, several with commas
    replication: int = 3  # copies of each topic of ours; 1: development
    ca_file: str = ""  # PEM; set: TLS, and only certificates of these authorities count
    user: str = ""  # SASL SCRAM-SHA-512
    password: str = ""

    def __repr__(self) -> str:
        """Never the password."""
        return f"<Broker {self.bootstrap}>"

    @property
    def is_development(self) -> bool:
        """One copy of each topic: what a topic must keep safe elsewhere is not asked for."""
        return self.replication == 1

    def open(self, client: Callable[..., C], **more: Any) -> C:
        """A client that has reached a broker. Raises UNREACHED, and then leaves no thread and no socket behind.

        kafka-python's own constructors do, at each attempt.
        """
        read_any_names()
        begun: list[KafkaNetClient] = []

        def net_client(**given: Any) -> KafkaNetClient:
            begun.append(KafkaNetClient(**given))
            return begun[-1]

        try:
            return client(**self.options(), **more, kafka_client=net_client)
        except BaseException:
            for each in begun:
                each.close()
            raise

    def options(self) -> dict[str, Any]:
        """Arguments that every client of kafka-python takes."""
        protocol = ("SASL_" if self.user else "") + ("SSL" if self.ca_file else "PLAINTEXT")
        given: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": protocol,
            "bootstrap_timeout_ms": BOOTSTRAP_MS,
            "request_timeout_ms": REQUEST_MS,
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": RECONNECT_MS,
        }
        if self.ca_file:
            given["ssl_cafile"] = self.ca_file
        if self.user:
            login = {"sasl_plain_username": self.user, "sasl_plain_password": self.password}
            given |= {"sasl_mechanism": "SCRAM-SHA-512", **login}
        return given

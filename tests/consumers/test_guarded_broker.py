"""A broker that asks for TLS and a password, entered by what the settings FORSA_KAFKA_… say of it."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from runtime.kafka_jars import find_lack, java
from runtime.local_kafka import LocalKafka, _free_port
from runtime.publishing import broker_of
from runtime.settings import read_settings

USER, PASSWORD = "forsa", "a long pass phrase"
SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
NOW: Final = datetime.now(UTC)


class GuardedKafka(LocalKafka):
    """A broker with a second listener, for clients with a password over TLS."""

    @property
    def guarded(self) -> str:
        """The address of that listener."""
        port = self.directory / "guarded"
        if not port.exists():
            port.write_text(str(_free_port()))
        return f"localhost:{port.read_text()}"

    def _all_settings(self) -> dict[str, str]:
        own = super()._all_settings()
        listeners = f"{own['listeners']},CLIENTS://{self.guarded}"
        return own | {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CLIENTS:SASL_SSL",
            "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": SCRAM,
            "listener.name.clients.ssl.keystore.type": "PEM",
            "listener.name.clients.ssl.keystore.location": str(self.directory.parent / "server.pem"),
        }

    def add_user(self) -> None:
        """USER may log in with PASSWORD."""
        credentials = f"SCRAM-SHA-512=[password={PASSWORD}]"
        words = ["--alter", "--add-config", credentials, "--entity-type", "users", "--entity-name", USER]
        subprocess.run(java("kafka.admin.ConfigCommand", "--bootstrap-server", self.bootstrap, *words), check=True)


def certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *extensions: Any
) -> bytes:
    """A certificate in PEM, good for an hour."""
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        key.public_key(), x509.random_serial_number(), NOW - timedelta(minutes=5), NOW + timedelta(hours=1),
    )  # fmt: skip
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_certificates(directory: Path) -> None:
    """authority.pem, server.pem of a server it vouches for, and other.pem of an authority that vouches for nobody."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ours = x509.BasicConstraints(ca=True, path_length=None)
    for name, key in (("authority", authority), ("other", server)):
        (directory / f"{name}.pem").write_bytes(certificate(name, key, name, key, ours))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = certificate("broker", server, "authority", authority, names)
    (directory / "server.pem").write_bytes(server.private_bytes(*form) + chain)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    if lack := find_lack():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(lack)
    directory = tmp_path_factory.mktemp("guarded")
    write_certificates(directory)
    broker = GuardedKafka(directory / "kafka")
    broker.start()
    broker.add_user()
    yield broker
    broker.kill()


def options(broker: GuardedKafka, **other: str) -> dict[str, Any]:
    """What clients are given, as the publisher's process reads it from its settings."""
    given = {
        "FORSA_KAFKA_BOOTSTRAP": broker.guarded,
        "FORSA_KAFKA_CA_FILE": str(broker.directory.parent / "authority.pem"),
        "FORSA_KAFKA_USER": USER,
        "FORSA_KAFKA_PASSWORD": PASSWORD,
    }
    return broker_of(read_settings(given | other)).options()


def test_what_the_settings_say_enters_it(broker: GuardedKafka, topic: str) -> None:
    admin = KafkaAdminClient(**options(broker))
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(**options(broker))
    producer.send(topic, b"one").get(20)
    producer.close()
    consumer = KafkaConsumer(**options(broker))
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    got = next(batch for _ in range(20) for batch in consumer.poll(1000).values())
    consumer.close()
    assert [each.value for each in got] == [b"one"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client forgets such sockets open
@pytest.mark.parametrize("wrong", ["password", "authority", "no tls"])
def test_nobody_else_does(broker: GuardedKafka, wrong: str) -> None:
    other = {
        "password": {"FORSA_KAFKA_PASSWORD": "another"},
        "authority": {"FORSA_KAFKA_CA_FILE": str(broker.directory.parent / "other.pem")},
        "no tls": {"FORSA_KAFKA_CA_FILE": ""},
    }[wrong]
    with pytest.raises(KafkaError):
        KafkaAdminClient(**options(broker, **other))
    gc.collect()

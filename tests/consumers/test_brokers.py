"""How the cluster is entered, and what is left behind where it is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from consumers.brokers import UNREACHED, Broker
from runtime.publishing import broker_of
from runtime.settings import read_settings

NOBODY = Broker(bootstrap="127.0.0.1:1")


@pytest.mark.parametrize("client", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_a_broker_that_is_not_there_costs_no_thread(client: Callable[..., Any]) -> None:
    before = threading.active_count()
    with pytest.raises(UNREACHED):
        NOBODY.open(client)
    assert threading.active_count() == before


def test_a_login_goes_by_scram_and_by_tls_where_authorities_are_named() -> None:
    login = {"user": "forsa", "password": "hush", "ca_file": "/etc/forsa/kafka-ca.pem"}
    broker = Broker(bootstrap="kafka-1.example.ma:9093,kafka-2.example.ma:9093", **login)  # type: ignore[arg-type]
    options = broker.options()
    assert options["bootstrap_servers"] == ["kafka-1.example.ma:9093", "kafka-2.example.ma:9093"]
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (options["ssl_cafile"], options["sasl_plain_password"]) == ("/etc/forsa/kafka-ca.pem", "hush")
    assert (broker.replication, broker.is_development) == (3, False)
    assert "hush" not in repr(broker)
    assert NOBODY.options()["security_protocol"] == "PLAINTEXT"


def test_the_settings_name_the_cluster() -> None:
    given = {"BOOTSTRAP": "localhost:9092", "REPLICATION": "1", "USER": "forsa", "PASSWORD": "hush"}
    settings = read_settings({f"FORSA_KAFKA_{name}": text for name, text in given.items()})
    assert broker_of(settings) == Broker(bootstrap="localhost:9092", replication=1, user="forsa", password="hush")

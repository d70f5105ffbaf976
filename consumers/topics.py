"""A feed's topic: made as it must be, and refused when it is otherwise, with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Final, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from consumers.brokers import Broker

ALTER: Final = "kafka-configs.sh --bootstrap-server $FORSA_KAFKA_BOOTSTRAP --alter --entity-type topics"
DELETE: Final = "kafka-topics.sh --bootstrap-server $FORSA_KAFKA_BOOTSTRAP --delete"


class TopicRefused(Exception):
    """Nothing is sent to this topic. `code` is of a closed set; the text names the next act."""

    def __init__(self, code: str, said: str) -> None:
        """said: without anything secret; operators read it."""
        super().__init__(f"{code}: {said}")
        self.code = code


class Rule(NamedTuple):
    """A setting a topic of ours must have. `everywhere`: without it there is no order, so not in development either."""

    setting: str
    code: str
    wanted: Callable[[Broker], str]
    is_met: Callable[[str, str], bool]
    everywhere: bool = False


def _same(found: str, wanted: str) -> bool:
    return found == wanted


def _at_least(found: str, wanted: str) -> bool:
    return int(found) >= int(wanted)


RULES: Final = (
    Rule(
        "cleanup.policy",
        "compacted-topic",
        lambda _: "delete",
        lambda found, _: "compact" not in found,
        everywhere=True,
    ),
    Rule("min.insync.replicas", "min-insync", lambda broker: "1" if broker.is_development else "2", _at_least),
    Rule("retention.ms", "finite-retention", lambda _: "-1", _same),
    Rule("retention.bytes", "finite-retention", lambda _: "-1", _same),
    Rule("unclean.leader.election.enable", "unclean-election", lambda _: "false", _same),
)


def ensure_topic(broker: Broker, topic: str) -> None:
    """The topic is there, one partition, kept for ever. Raises TopicRefused; KafkaError while no broker answers."""
    with closing(broker.open(KafkaAdminClient)) as admin:
        found = _described(admin, topic) or _made(admin, broker, topic)
        _refuse_shape(found, broker, topic)
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        described = admin.describe_configs([resource], config_filter="all")["topic"][topic]
        _refuse_settings({name: str(each["value"]) for name, each in described.items()}, broker, topic)


def create_when_missing(broker: Broker, topic: str, settings: Mapping[str, str]) -> None:
    """The topic is there; made now with one partition and these settings, or as it was. Raises KafkaError."""
    with closing(broker.open(KafkaAdminClient)) as admin:
        if _described(admin, topic) is None:
            _create(admin, broker, topic, settings)


def _described(admin: Any, topic: str) -> dict[str, Any] | None:
    found: dict[str, Any] = admin.describe_topics([topic])[0]
    error = for_code(found["error_code"])
    if error is UnknownTopicOrPartitionError:
        return None
    if found["error_code"]:
        raise error
    return found


def _made(admin: Any, broker: Broker, topic: str) -> dict[str, Any]:
    _create(admin, broker, topic, {rule.setting: rule.wanted(broker) for rule in RULES})
    found = _described(admin, topic)
    if found is None:
        raise UnknownTopicOrPartitionError(topic)
    return found


def _create(admin: Any, broker: Broker, topic: str, settings: Mapping[str, str]) -> None:
    one = {"num_partitions": 1, "replication_factor": broker.replication, "configs": dict(settings)}
    try:
        admin.create_topics({topic: one}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # another was first
    except PolicyViolationError as refused:
        raise TopicRefused(
            "topic-not-made", f"the cluster's policy refuses topic {topic}: make it by hand"
        ) from refused
    except KafkaError as error:
        if error.retriable:
            raise
        name = type(error).__name__
        said = f"topic {topic} cannot be made with {broker.replication} replicas ({name}): FORSA_KAFKA_REPLICATION"
        raise TopicRefused("topic-not-made", f"{said} is more than there are brokers, or a right is missing") from error


def _refuse_shape(found: Mapping[str, Any], broker: Broker, topic: str) -> None:
    partitions = found["partitions"]
    if len(partitions) != 1:
        said = f"topic {topic} has {len(partitions)} partitions, wanted 1: order would be lost. Next: `{DELETE}"
        raise TopicRefused("partitions", f"{said} --topic {topic}`; it is made anew and all is sent again")
    copies = len(partitions[0]["replica_nodes"])
    if copies < broker.replication:
        said = f"topic {topic} has replication factor {copies}, wanted {broker.replication}. Next: add replicas with"
        raise TopicRefused("replication", f"{said} `kafka-reassign-partitions.sh`")


def _refuse_settings(found: Mapping[str, str], broker: Broker, topic: str) -> None:
    for rule in RULES:
        if rule.setting not in found or (broker.is_development and not rule.everywhere):
            continue
        has, wanted = found[rule.setting], rule.wanted(broker)
        if not rule.is_met(has, wanted):
            said = f"topic {topic} has {rule.setting}={has}, wanted {wanted}. Next:"
            raise TopicRefused(
                rule.code, f"{said} `{ALTER} --entity-name {topic} --add-config {rule.setting}={wanted}`"
            )

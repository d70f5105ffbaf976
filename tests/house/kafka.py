"""The image apache/kafka on this machine: what its scripts start, from the jars we pin."""

from pathlib import Path

from runtime.kafka_jars import java

PROGRAMS = {  # what the image's scripts start
    "KafkaDockerWrapper": "kafka.docker.KafkaDockerWrapper",
    "kafka-server-start.sh": "kafka.Kafka",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}


def local(command: list[str]) -> list[str]:
    """The command line here of a command line in the image."""
    program, *arguments = command
    return java(PROGRAMS[Path(program).name], *arguments)

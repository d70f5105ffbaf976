"""Apache Kafka as the image has it, from Maven Central's jars: `pom.xml` names them, `SHA256SUMS` pins each.

A new version: change it in pom.xml and in docker-compose.yml, remove build/kafka, run the test (it fetches, then
refuses), compare the jars with what the project signed, and in build/kafka/jars: sha256sum *.jar > SHA256SUMS.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.house.compose import ROOT

HERE, CACHE = Path(__file__).parent, ROOT / "build/kafka"
OLDEST_JAVA = 17
FETCH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
PROGRAMS = {  # what the image's scripts start
    "KafkaDockerWrapper": "kafka.docker.KafkaDockerWrapper",
    "kafka-server-start.sh": "kafka.Kafka",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}
# Quick to start rather than quick: a test's broker has little to do.
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]


def find_lack() -> str | None:
    """Why Kafka cannot run here, or None."""
    missing = [tool for tool in ("java", "mvn") if not shutil.which(tool)]
    if missing:
        return f"no {' and no '.join(missing)} here: apt-get install default-jre-headless maven"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    return None if version and int(version[1]) >= OLDEST_JAVA else f"Kafka needs Java >= {OLDEST_JAVA}"


@cache
def jars() -> list[Path]:
    """The pinned jars, every byte as pinned; fetched once, by one process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pinned = {name: digest for digest, name in map(str.split, (HERE / "SHA256SUMS").read_text().splitlines())}
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if differing(pinned):
            fetch()
        assert not (wrong := differing(pinned)), f"not what SHA256SUMS pins: {wrong}"
    return [CACHE / "jars" / name for name in pinned]


def differing(pinned: dict[str, str]) -> list[str]:
    """The jars that are not there or not what was pinned."""
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (CACHE / "jars").glob("*.jar")}
    return [name for name, digest in pinned.items() if there.get(name) != digest]


def fetch() -> None:
    """What pom.xml names lies in the cache; Maven has checked it against the repository's own checksums (-C)."""
    shutil.rmtree(CACHE / "jars", ignore_errors=True)
    place = [f"-Dmaven.repo.local={CACHE / 'repository'}", f"-DoutputDirectory={CACHE / 'jars'}"]
    subprocess.run(
        ["mvn", "-B", "-q", "-C", "-f", str(HERE / "pom.xml"), FETCH, "-DincludeScope=runtime", *place],
        stdin=subprocess.DEVNULL, check=True, timeout=120,
    )  # fmt: skip


def local(command: list[str]) -> list[str]:
    """The command line here of a command line in the image."""
    program, *arguments = command
    return [*JAVA, ":".join(map(str, jars())), PROGRAMS[Path(program).name], *arguments]

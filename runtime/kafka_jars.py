"""Apache Kafka from Maven Central's jars: `jars/pom.xml` names them, `jars/SHA256SUMS` pins each.

A new version: change it in jars/pom.xml and in docker-compose.yml, remove build/kafka, run the house tests (they fetch,
then refuse), compare the jars with what the project signed, and in build/kafka/jars: sha256sum *.jar > SHA256SUMS.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

PINNED: Final = Path(__file__).parent / "jars"
CACHE: Final = Path(__file__).parents[1] / "build/kafka"  # Maven's own repository too: a home may be empty or closed
OLDEST_JAVA: Final = 17
FETCH: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FETCH_SECONDS: Final = 180
# Quick to start rather than quick: a broker for tests and development has little to do.
JAVA: Final = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class NoKafkaError(Exception):
    """Kafka cannot be had; the message says why and what to do."""


def version() -> str:
    """Of Apache Kafka, as pinned."""
    found = re.search(r"kafka_2\.13-(.+)\.jar", (PINNED / "SHA256SUMS").read_text())
    assert found
    return found[1]


@cache
def find_lack() -> str | None:
    """Why Apache Kafka cannot run here, or None."""
    missing = [tool for tool in ("java", "mvn") if not shutil.which(tool)]
    if missing:
        return f"no {' and no '.join(missing)} here: apt-get install default-jre-headless maven"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return None if found and int(found[1]) >= OLDEST_JAVA else f"Kafka needs Java >= {OLDEST_JAVA}"


def java(program: str, *arguments: str) -> list[str]:
    """The command line of one of Kafka's programs, whose jars are there and as pinned. Raises NoKafkaError."""
    return [*JAVA, "-cp", ":".join(map(str, jars())), program, *arguments]


@cache
def jars() -> list[Path]:
    """The pinned jars, every byte as pinned; fetched once, by one process at a time. Raises NoKafkaError."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pinned = {name: digest for digest, name in map(str.split, (PINNED / "SHA256SUMS").read_text().splitlines())}
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _differing(pinned):
            _fetch()
        if wrong := _differing(pinned):
            raise NoKafkaError(f"not what {PINNED.name}/SHA256SUMS pins: {', '.join(wrong)}")
    return [CACHE / "jars" / name for name in pinned]


def _differing(pinned: dict[str, str]) -> list[str]:
    """The jars that are not there or not what was pinned."""
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (CACHE / "jars").glob("*.jar")}
    return [name for name, digest in pinned.items() if there.get(name) != digest]


def _fetch() -> None:
    """What pom.xml names lies in the cache; Maven has checked it against the repository's own checksums (-C)."""
    shutil.rmtree(CACHE / "jars", ignore_errors=True)
    place = [f"-Dmaven.repo.local={CACHE / 'repository'}", f"-DoutputDirectory={CACHE / 'jars'}"]
    try:
        subprocess.run(
            ["mvn", "-B", "-q", "-C", "-f", str(PINNED / "pom.xml"), FETCH, "-DincludeScope=runtime", *place],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=FETCH_SECONDS,
        )  # fmt: skip
    except subprocess.CalledProcessError as failed:
        raise NoKafkaError(f"Maven did not fetch Kafka's jars:\n{failed.stdout[-1000:]}") from failed
    except subprocess.TimeoutExpired as late:
        raise NoKafkaError(f"Maven did not fetch Kafka's jars within {FETCH_SECONDS} s") from late

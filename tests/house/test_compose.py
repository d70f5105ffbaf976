"""docker-compose.yml works, without docker: every service's command and environment, judged by its own health check.

PostgreSQL is the wheel's, of the image's version, and Forsa's processes run on it; Kafka is the very one of the image.
"""

import os
import pwd
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from kafka.admin import KafkaAdminClient

from domain.partner_feed import TOPIC
from domain.partner_receipts import RECEIPTS_TOPIC
from runtime import embedded_postgres, kafka_jars
from runtime.settings import KNOWN
from tests.architecture.source import SHIPPED
from tests.house import kafka
from tests.house.compose import ROOT, SERVICES, Service, free_port
from tests.runtime.forsa_run import until

OURS = [name for name, service in SERVICES.items() if service["image"].startswith("forsa:")]
LONG_RUNNING = [name for name in OURS if name != "migrate"]
OF_KAFKA = [name for name in LONG_RUNNING if "kafka" in SERVICES[name]["depends_on"]]


# ---------------------------------------------------------------- postgres and what runs on it


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The database server, healthy, made and started as its image does; ended as its image asks, cleanly."""
    place = tmp_path_factory.mktemp("postgres")
    data, port = place / "data", str(free_port())
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
    programs = embedded_postgres.binaries(int(SERVICES["postgres"]["image"].split(":")[1]))
    owner = embedded_postgres._as_its_owner(data)
    service = Service(
        name="postgres", places={}, ours={"PGDATA": str(data), "PGPORT": port}, log=place / "log",
        local=lambda command: [*owner, str(programs / command[0]), *command[1:]],
    )  # fmt: skip
    initialise(service, place / "password")
    command = [*SERVICES["postgres"]["command"], "-c", "unix_socket_directories="]  # none of ours in a shared place
    with service.healthy(*command, stop=signal.SIGINT) as process:
        yield service
    assert process.returncode == 0, service.log.read_text()


def initialise(service: Service, password: Path) -> None:
    """A cluster as the image's entry point makes it: its arguments, and passwords for whoever comes by network."""
    password.write_text(service.environment["POSTGRES_PASSWORD"])
    arguments = shlex.split(service.environment["POSTGRES_INITDB_ARGS"])
    made = service.run("initdb", "--username=postgres", f"--pwfile={password}", "--auth-host=scram-sha-256", *arguments)
    assert made.returncode == 0, made.stderr


def forsa(name: str, postgres: Service, place: Path, **more: str) -> Service:
    """A service of ours on that database server, with the compose file's passwords and keys; more: places."""
    database = f"127.0.0.1:{postgres.environment['PGPORT']}"
    web = {"FORSA_HOST": "127.0.0.1", "FORSA_PORT": str(free_port())} if name == "web" else {}
    web["FORSA_METRICS_PORT"] = str(free_port())  # containers have an address each
    return Service(
        name=name, ours=web | {"PYTHONPATH": str(ROOT)}, log=place / "log",
        places={"postgres:5432": database, "/var/lib/forsa": str(place), **more}, local=checkout,
    )  # fmt: skip


def checkout(command: list[str]) -> list[str]:
    """The image's `forsa` is this checkout's."""
    assert command[0] == "forsa"
    return [sys.executable, "-m", "runtime.cli", *command[1:]]


@pytest.fixture(scope="module")
def migrated(postgres: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The database server after the service that runs first."""
    done = forsa("migrate", postgres, tmp_path_factory.mktemp("migrate")).run(*SERVICES["migrate"]["command"])
    assert done.returncode == 0, done.stderr
    return postgres


def test_postgres_is_what_its_service_asks_for(postgres: Service, tmp_path: Path) -> None:
    """As seen with the address and password that `migrate` has."""
    owner = forsa("migrate", postgres, tmp_path).environment["FORSA_OWNER_DATABASE_URL"]
    with psycopg.connect(owner, dbname="postgres") as connection:
        settings: dict[str, str] = dict(connection.execute("select name, setting from pg_settings").fetchall())
        locale = connection.execute("select datcollate from pg_database where datname = 'template1'").fetchone()
    asked = SERVICES["postgres"]["command"][2::2]
    assert asked == [f"{name}={settings[name]}" for name in (option.split("=")[0] for option in asked)]
    assert (settings["server_encoding"], settings["data_checksums"], locale) == ("UTF8", "on", ("C.UTF-8",))


@pytest.mark.parametrize("name", [name for name in LONG_RUNNING if name not in OF_KAFKA])
def test_a_service_becomes_healthy_and_ends_cleanly_when_asked(name: str, migrated: Service, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    service = forsa(name, migrated, tmp_path)
    with ExitStack() as beside:
        if name == "web":  # ready once a projector has made the views
            projector = forsa("projector", migrated, tmp_path / "beside")
            beside.enter_context(projector.healthy(*SERVICES["projector"]["command"]))
        process = beside.enter_context(service.healthy(*SERVICES[name]["command"]))
    assert process.returncode == 0, service.log.read_text()


# ---------------------------------------------------------------- kafka


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Service]:
    """The broker, healthy. The image's own set-up turns its environment into server.properties and formats its disk."""
    if lack := kafka_jars.find_lack():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(lack)
    address, controller, data = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", str(tmp_path / "data")
    own = {"://:9092": f"://{address}", "://:9093": f"://{controller}", "localhost:9092": address}
    peers = {"kafka:9092": address, "kafka:9093": controller, "/var/lib/kafka/data": data}
    service = Service(name="kafka", places=own | peers, ours={}, local=kafka.local, log=tmp_path / "log")
    folders = [f"--{kind}-configs-dir={tmp_path}" for kind in ("default", "mounted", "final")]
    made = service.run("KafkaDockerWrapper", "setup", *folders)
    assert made.returncode == 0, made.stdout + made.stderr
    with service.healthy("kafka-server-start.sh", str(tmp_path / "server.properties")) as process:
        yield service
    assert process.returncode == 128 + signal.SIGTERM, service.log.read_text()  # Java's way to say: as asked


def test_kafka_becomes_healthy_with_every_setting_of_its_service(broker: Service, tmp_path: Path) -> None:
    """A broker takes a setting it does not know without a word, and shows its value as null."""
    kept = (tmp_path / "data/meta.properties").read_text()
    assert f"cluster.id={SERVICES['kafka']['environment']['CLUSTER_ID']}\n" in kept
    words = ["--entity-type", "brokers", "--entity-name", broker.environment["KAFKA_NODE_ID"], "--describe", "--all"]
    shown = broker.run("kafka-configs.sh", "--bootstrap-server", "localhost:9092", *words)
    asked = [line for line in (tmp_path / "server.properties").read_text().splitlines() if line]
    assert len(asked) == sum(name.startswith("KAFKA_") for name in broker.environment)
    assert [line for line in asked if f"  {line} sensitive=false" not in shown.stdout] == [], shown.stdout


def test_the_broker_here_is_the_image_s_version() -> None:
    assert SERVICES["kafka"]["image"].split(":")[1] == kafka_jars.version()


def test_what_needs_kafka_becomes_healthy_makes_its_topic_and_ends_cleanly(
    migrated: Service, broker: Service, tmp_path: Path
) -> None:
    address = broker.places["kafka:9092"]
    assert topics_at(address) == set()
    with ExitStack() as beside:
        ended = []
        for name in OF_KAFKA:
            (tmp_path / name).mkdir()
            service = forsa(name, migrated, tmp_path / name, **{"kafka:9092": address})
            ended.append((service, beside.enter_context(service.healthy(*SERVICES[name]["command"]))))
        until(lambda: topics_at(address) == {TOPIC, RECEIPTS_TOPIC})
    for service, process in ended:
        assert process.returncode == 0, service.log.read_text()


def topics_at(address: str) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_a_service_is_one_we_read(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= KNOWN


def test_the_image_has_every_package_that_ships() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(SHIPPED) | {"requirements.txt", "LICENSE"} == sent


def test_every_service_is_started_here() -> None:
    assert set(SERVICES) == {"postgres", "kafka", "migrate", *LONG_RUNNING}


def test_every_image_is_pinned_and_every_service_is_watched() -> None:
    for name, service in SERVICES.items():
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        assert name == "migrate" or "healthcheck" in service, name


def test_nothing_starts_before_the_migrations_are_done() -> None:
    for name in LONG_RUNNING:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_port_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)

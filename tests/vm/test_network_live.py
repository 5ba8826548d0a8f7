"""Links that come, change and go while the container runs: the guest has them at once, and no more when they have
gone."""

import contextlib
import socket
import subprocess

import pytest
from harness import place
from harness.network import Cable, EmptyNetNs, LinkMonitor, ip
from harness.runtime import Nacre

def with_raw_sockets(bundle):
    """ping needs them."""
    bundle.process["capabilities"] = {kind: ["CAP_NET_RAW"] for kind in ("bounding", "effective", "permitted")}
    return bundle.write()


@contextlib.contextmanager
def running(nacre, path):
    container = nacre.create(with_raw_sockets(nacre.bundle("sleep 10000").netns(path))).start()
    try:
        yield container
    finally:
        container.delete(force=True).ok()
        container.wait()


@pytest.fixture(scope="module")
def pod(nothing_left_by_module):
    with EmptyNetNs() as namespace, place.Folder() as folder:
        nacre = Nacre(folder)
        with running(nacre, namespace.path) as container:
            yield namespace, container
        assert nacre.close() == []
        assert [name for name in namespace.links() if name.startswith("tap")] == []


def reach(address):
    """One ping a second until there is an answer, which only the guest gives."""
    subprocess.run(["ping", "-c", "1", "-w", "60", address], check=True, capture_output=True)


def talk(container, host):
    """A TCP connection from the guest, a line each way."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.settimeout(60)
        script = f"echo from the guest | nc {host} {server.getsockname()[1]}"
        calling = container.nacre.spawn("exec", container.id, "sh", "-c", script, stdout=subprocess.PIPE)
        connection, _ = server.accept()
        with connection:
            assert connection.makefile("rb").readline() == b"from the guest\n"
            connection.sendall(b"from the host\n")
        assert calling.communicate(timeout=60)[0] == b"from the host\n"


def links(container):
    return container.exec("ls /sys/class/net").ok().out.split()


def test_a_link_that_comes_and_goes(pod):
    namespace, container = pod
    assert links(container) == ["lo"]
    with Cable(namespace.name, "eth0") as cable, LinkMonitor(namespace.path) as monitor:
        cable.connect()
        reach(cable.address)
        reach(cable.address6)
        assert cable.mac in container.exec("ip link show eth0").ok().out
        container.exec(f"ping -c 2 -W 10 {cable.gateway}").ok()
        container.exec(f"ping -6 -c 2 -W 10 {cable.gateway6}").ok()
        talk(container, cable.gateway)
        talk(container, cable.gateway6)
        cable.unplug()
        monitor.wait_deleted("eth0")
        monitor.wait_deleted("tap")  # QEMU has let it go, since the guest has let its NIC go
        assert links(container) == ["lo"]


def test_what_changes_on_a_link(pod):
    namespace, container = pod
    with Cable(namespace.name, "eth0") as cable, LinkMonitor(namespace.path) as monitor:
        cable.connect()
        reach(cable.address)
        # The guest's network is told whole, so who has the last change has those before it.
        ip("link", "set", "eth0", "mtu", 9000, netns=namespace.name)
        ip("link", "set", cable.peer, "mtu", 9000)
        ip("route", "add", "default", "via", cable.gateway, netns=namespace.name)
        ip("route", "add", "192.0.2.0/24", "via", cable.gateway, "metric", 7, netns=namespace.name)
        ip("-6", "route", "add", "default", "via", cable.gateway6, netns=namespace.name)
        ip("neighbor", "add", cable.gateway, "lladdr", peer_mac(cable), "dev", "eth0", "nud", "permanent",
           netns=namespace.name)
        ip("address", "add", "192.0.2.1/32", "dev", "eth0", netns=namespace.name)
        ip("route", "add", "192.0.2.1", "via", cable.address)
        try:
            reach("192.0.2.1")
            assert " mtu 9000 " in container.exec("ip link show eth0").ok().out
            assert f"default via {cable.gateway} dev eth0" in container.exec("ip route").ok().out
            assert f"192.0.2.0/24 via {cable.gateway} dev eth0  metric 7" in container.exec("ip route").ok().out
            assert f"default via {cable.gateway6} dev eth0" in container.exec("ip -6 route").ok().out
            assert "PERMANENT" in container.exec(f"ip neigh show {cable.gateway}").ok().out
            # 8900 bytes in one piece
            subprocess.run(["ping", "-M", "do", "-s", "8872", "-c", "1", "-W", "10", cable.address], check=True,
                           capture_output=True)
        finally:
            ip("route", "delete", "192.0.2.1")
        ip("address", "delete", "192.0.2.1/32", "dev", "eth0", netns=namespace.name)
        ip("route", "delete", "default", netns=namespace.name)
        ip("address", "add", "192.0.2.2/32", "dev", "eth0", netns=namespace.name)
        ip("route", "add", "192.0.2.2", "via", cable.address)
        try:
            reach("192.0.2.2")
        finally:
            ip("route", "delete", "192.0.2.2")
        assert "192.0.2.1/" not in container.exec("ip addr show eth0").ok().out
        assert "default" not in container.exec("ip route").ok().out
        ip("link", "set", "eth0", "down", netns=namespace.name)
        ip("link", "set", "eth0", "name", "net7", "up", netns=namespace.name)
        reach(cable.address)
        assert links(container) == ["lo", "net7"]
        cable.unplug()
        monitor.wait_deleted("tap")


def peer_mac(cable):
    with open(f"/sys/class/net/{cable.peer}/address") as file:
        return file.read().strip()


def test_a_link_that_comes_again_with_the_same_mac(pod):
    """docker network disconnect and connect: Docker makes the MAC from the address."""
    namespace, container = pod
    with LinkMonitor(namespace.path) as monitor:
        for _ in range(2):
            with Cable(namespace.name, "eth0", mac="02:42:0a:00:00:05") as cable:
                cable.connect()
                reach(cable.address)
                cable.unplug()
        with Cable(namespace.name, "eth0", mac="02:42:0a:00:00:05") as cable, \
                Cable(namespace.name, "eth1") as second:
            cable.connect()
            second.connect()
            reach(cable.address)
            reach(second.address)
            assert links(container) == ["eth0", "eth1", "lo"]
            cable.unplug()
            reach(second.address)
            second.unplug()
        for _ in range(4):
            monitor.wait_deleted("tap")
    assert links(container) == ["lo"]


def test_a_link_that_no_plugin_takes_disturbs_nothing(pod):
    namespace, container = pod
    with Cable(namespace.name, "eth0") as cable, LinkMonitor(namespace.path) as monitor:
        ip("link", "add", "br9", "type", "bridge", netns=namespace.name)
        ip("link", "set", "br9", "up", netns=namespace.name)
        cable.connect()
        reach(cable.address)
        ip("link", "delete", "br9", netns=namespace.name)
        cable.unplug()
        monitor.wait_deleted("tap")
    log = (container.nacre.root / container.id / "sandbox.log").read_text()
    assert log.count('no network plugin takes a link of kind "bridge"') == 1


def test_links_that_come_between_create_and_start(nacre):
    """As Docker does it from 26 on."""
    with EmptyNetNs() as namespace:
        container = nacre.create(with_raw_sockets(nacre.bundle("sleep 10000").netns(namespace.path)))
        with Cable(namespace.name, "eth0") as cable:
            cable.connect()
            ip("route", "add", "default", "via", cable.gateway, netns=namespace.name)
            container.start()
            # Nothing to wait for: the first process finds it.
            assert cable.mac in container.exec("ip link show eth0").ok().out
            assert f"default via {cable.gateway}" in container.exec("ip route").ok().out
            reach(cable.address)
            container.delete(force=True).ok()
            container.wait()
            assert [name for name in namespace.links() if name.startswith("tap")] == []

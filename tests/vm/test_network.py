"""A network namespace with one veth: the guest has its address, MAC, MTU and routes, and traffic flows."""

import hashlib
import json
import socket
import subprocess
import threading

import pytest
from harness import place
from harness.network import NetNs, ip
from harness.runtime import Nacre

SIZE = 10 << 20


def with_raw_sockets(bundle):
    """ping needs them."""
    bundle.process["capabilities"] = {kind: ["CAP_NET_RAW"] for kind in ("bounding", "effective", "permitted")}
    return bundle.write()


@pytest.fixture(scope="module", params=[1500, 1400])
def pod(request, nothing_left_by_module):
    with NetNs(mtu=request.param) as namespace, place.Folder() as folder:
        nacre = Nacre(folder)
        bundle = with_raw_sockets(nacre.bundle("sleep 10000").netns(namespace.path))
        before = json.loads(ip("-j", "-d", "link", netns=namespace.name))
        container = nacre.create(bundle).start()
        yield namespace, container
        container.delete(force=True).ok()
        container.wait()
        assert nacre.close() == []
        after = json.loads(ip("-j", "-d", "link", netns=namespace.name))
        assert [(link["ifname"], link.get("address"), link["mtu"]) for link in after] == [
            (link["ifname"], link.get("address"), link["mtu"]) for link in before]
        assert "ingress" not in subprocess.run(["tc", "-n", namespace.name, "qdisc"], capture_output=True, text=True).stdout


def test_address_mac_mtu_and_routes_are_the_link_s(pod):
    namespace, container = pod
    link = container.exec("ip link show eth0").ok().out
    assert namespace.mac in link
    assert f"mtu {namespace.mtu} " in link
    addresses = container.exec("ip addr show eth0").ok().out
    assert f"inet {namespace.address}/30 " in addresses
    assert f"inet6 {namespace.address6}/64 " in addresses
    assert f"default via {namespace.gateway} dev eth0" in container.exec("ip route").ok().out
    assert f"default via {namespace.gateway6} dev eth0" in container.exec("ip -6 route").ok().out


def test_ping_both_ways(pod):
    namespace, container = pod
    container.exec(f"ping -c 2 -W 10 {namespace.gateway}").ok()
    container.exec(f"ping -6 -c 2 -W 10 {namespace.gateway6}").ok()
    for address in (namespace.address, namespace.address6):
        subprocess.run(["ping", "-c", "2", "-W", "10", address], check=True, capture_output=True)


@pytest.mark.parametrize("family", [4, 6])
def test_10_mib_of_tcp_both_ways(pod, family):
    namespace, container = pod
    host = namespace.gateway if family == 4 else namespace.gateway6
    data = bytes(range(256)) * (SIZE // 256)
    wanted = hashlib.sha256(data).hexdigest()
    with socket.create_server((host, 0), family=socket.AF_INET if family == 4 else socket.AF_INET6) as server:
        port = server.getsockname()[1]
        server.settimeout(120)

        def give():
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)

        giver = threading.Thread(target=give)
        giver.start()
        got = container.exec(f"nc {host} {port} </dev/null | sha256sum").ok().out.split()[0]
        giver.join()
        assert got == wanted
        taken = hashlib.sha256()

        def take():
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(1 << 16):
                    taken.update(piece)

        taker = threading.Thread(target=take)
        taker.start()
        container.exec(f"nc {host} {port}", input=data).ok()
        taker.join()
        assert taken.hexdigest() == wanted


def test_the_host_s_end_keeps_working_when_the_vm_has_gone(nacre):
    with NetNs() as namespace:
        bundle = with_raw_sockets(nacre.bundle(f"ping -c 1 -W 20 {namespace.gateway}").netns(namespace.path))
        nacre.run(bundle).ok()
        subprocess.run(["ip", "netns", "exec", namespace.name, "ping", "-c", "1", "-W", "5", namespace.gateway],
                       check=True, capture_output=True)


def test_without_a_link_the_guest_has_lo_only(nacre):
    script = "ls /sys/class/net; ping -c 1 127.0.0.1 >/dev/null && echo lo works"
    answer = nacre.run(with_raw_sockets(nacre.bundle(script)))
    assert answer.ok().out == "lo\nlo works\n"

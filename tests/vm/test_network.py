"""A network namespace with one veth: the guest has its address, MAC, MTU and routes, and traffic flows."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from harness import place
from harness.network import SILENT, Cable, NetNs
from harness.runtime import Nacre

SIZE = 10 << 20


def with_raw_sockets(bundle):
    """ping needs them."""
    bundle.process["capabilities"] = {kind: ["CAP_NET_RAW"] for kind in ("bounding", "effective", "permitted")}
    return bundle.write()


RATE = 40_000_000  # bit/s, by Kata's keys, of the plugin whose case says so

# Each plugin that works on links, and what else is asked of it.
CASES = {"tcfilter": (1500, {}), "macvtap": (1400, {"hypervisor.qemu.rx_rate_limiter_max_rate": RATE,
                                                    "hypervisor.qemu.tx_rate_limiter_max_rate": RATE}), "veth": (9000, {})}


@pytest.fixture(scope="module", params=CASES)
def pod(request, nothing_left_by_module):
    mtu, edits = CASES[request.param]
    with NetNs(mtu=mtu) as namespace, place.Folder() as folder:
        subprocess.run(["nsenter", f"--net={namespace.path}", "nft", SILENT], check=True)  # the guest alone answers
        nacre = Nacre(folder)
        nacre.configure({"runtime.network": [request.param], **edits})
        bundle = with_raw_sockets(nacre.bundle("sleep 10000").netns(namespace.path))
        namespace.before = namespace.state()
        namespace.limited = bool(edits)
        container = nacre.create(bundle).start()
        yield namespace, container
        assert namespace.state() != namespace.before
        os.kill(container.sandbox_pid, signal.SIGKILL)  # so that all is undone by its records
        assert container.wait() == 128 + signal.SIGKILL
        container.delete(force=True).ok()
        assert nacre.close() == []
        assert namespace.state() == namespace.before


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


def test_large_frames_and_fragments(pod):
    namespace, container = pod
    whole = ["ping", "-M", "do", "-s", str(namespace.mtu - 28), "-c", "1", "-W", "10", namespace.address]
    subprocess.run(whole, check=True, capture_output=True)
    for address in (namespace.address, namespace.address6):
        subprocess.run(["ping", "-s", "20000", "-c", "1", "-W", "10", address], check=True, capture_output=True)
    container.exec(f"ping -s 20000 -c 1 -W 10 {namespace.gateway}").ok()
    container.exec(f"ping -6 -s 20000 -c 1 -W 10 {namespace.gateway6}").ok()


def test_a_group_s_members_answer(pod):
    """All IPv6 nodes of a link: the guest, and who asks."""
    namespace, container = pod
    own = re.search(r"inet6 (fe80[^/]*)/", container.exec("ip addr show eth0").ok().out)[1]
    words = ["ping", "-6", "-c", "2", "-W", "10", f"ff02::1%{namespace.peer}"]
    heard = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert f"64 bytes from {own}%" in heard, heard
    container.exec("ping -6 -c 1 -W 10 ff02::1%eth0").ok()


def test_a_second_link_that_comes_and_goes(pod):
    namespace, container = pod
    with Cable(namespace.name, "eth1", mtu=1300) as cable:
        cable.connect()
        subprocess.run(["ping", "-c", "1", "-w", "60", cable.address], check=True, capture_output=True)
        subprocess.run(["ping", "-c", "1", "-w", "60", cable.address6], check=True, capture_output=True)
        assert cable.mac in container.exec("ip link show eth1").ok().out
        container.exec(f"ping -c 1 -W 10 {cable.gateway}").ok()
        container.exec(f"ping -c 1 -W 10 {namespace.gateway}").ok()


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
        started = time.monotonic()
        giver.start()
        got = container.exec(f"nc {host} {port} </dev/null | sha256sum").ok().out.split()[0]
        giver.join()
        assert got == wanted
        assert not getattr(namespace, "limited", False) or time.monotonic() - started > 0.85 * SIZE * 8 / RATE
        taken = hashlib.sha256()

        def take():
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(1 << 16):
                    taken.update(piece)

        taker = threading.Thread(target=take)
        started = time.monotonic()
        taker.start()
        container.exec(f"nc {host} {port}", input=data).ok()
        taker.join()
        assert taken.hexdigest() == wanted
        assert not getattr(namespace, "limited", False) or time.monotonic() - started > 0.85 * SIZE * 8 / RATE


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

"""Containers that share a network namespace with others: that of the "host", which is one made here, and that of a
program of another runtime."""

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest
from harness import place
from harness.network import NetNs, within
from harness.network_state import changes, network_state, settled_state
from harness.runtime import Nacre, kill_now
from harness.waiting import wait_until

SHARED = {"runtime.network": ["tcfilter", "passt"]}
FAMILIES = {4: (socket.AF_INET, "127.0.0.1", "TCP4", "UDP4"), 6: (socket.AF_INET6, "::1", "TCP6", "UDP6")}


class NacreIn(Nacre):
    """nacre on a "host" whose network is that namespace."""

    def __init__(self, folder, netns):
        super().__init__(folder, SHARED)
        self.netns = netns

    def command(self, *args, globals=()):
        return ["nsenter", f"--net={self.netns}", *super().command(*args, globals=globals)]


class Echo:
    """A server in a network namespace that says who asks, and gives back what it gets."""

    def __init__(self, netns, address, port, udp=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = udp
        if udp:
            self.socket = within(netns, lambda: socket.socket(family, socket.SOCK_DGRAM))
            self.socket.bind((address, port))
        else:
            self.socket = within(netns, lambda: socket.create_server((address, port), family=family))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                if self.udp:
                    data, peer = self.socket.recvfrom(1 << 16)
                    if data == b"":
                        return
                    self.socket.sendto(f"{peer[0]} ".encode() + data, peer)
                    continue
                connection, peer = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(f"{peer[0]} ".encode() + connection.recv(1 << 16))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.shutdown(socket.SHUT_RD) if not self.udp else self._wake()
        self._thread.join()
        self.socket.close()

    def _wake(self):
        self.socket.sendto(b"", self.socket.getsockname())


def ask(netns, address, port, udp=False, words=b"hello"):
    """What a server answers to a client in the namespace (a path; None: the machine's own)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    make = lambda: socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)  # noqa: E731
    with within(netns or "/proc/self/ns/net", make) as client:
        client.settimeout(5)
        client.connect((address, port))
        client.send(words)
        if not udp:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(1 << 16):
            answer += piece
            if udp:
                break
        return answer.decode()


def ask_until_answered(*args, **options):
    """A listener is known on the other side a moment after it listens."""
    def answer():
        with contextlib.suppress(OSError):
            return ask(*args, **options)
        return None
    return wait_until(answer, f"an answer at {args}")


def ask_from(container, address, port, protocol="TCP4", words="hello"):
    """The same from inside a container, with socat, which leaves its half of a TCP connection open: with passt of
    2023 an answer came twice, or never ended, where the guest had closed it before."""
    target = f"[{address}]" if ":" in address else address
    stdin = "STDIO,ignoreeof" if protocol.startswith("TCP") else "-"
    return container.exec(f"printf {words} | socat -t 3 -T 10 {stdin} {protocol}:{target}:{port}")


def ask_from_until_answered(*args, **options):
    def answer():
        done = ask_from(*args, **options)
        return done.out if done.code == 0 and done.out else None
    return wait_until(answer, f"an answer at {args[1:]}")


def serve_in(container, protocol, port, bind=None):
    """A server in the container that gives back what it gets."""
    where = f",bind={bind}" if bind else ""
    kind = "RECVFROM" if protocol.startswith("UDP") else "LISTEN"
    container.exec(f"socat {protocol}-{kind}:{port},fork,reuseaddr{where} EXEC:cat >/dev/null 2>&1 </dev/null &").ok()


def sharing(nacre, path=None):
    """A bundle with the network namespace of that path, or with none at all: the host's."""
    bundle = nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    bundle.add_program("socat")
    kinds = bundle.spec["linux"]["namespaces"]
    bundle.spec["linux"]["namespaces"] = [kind for kind in kinds if kind["type"] != "network" or path]
    return bundle.netns(path) if path else bundle.write()


@pytest.fixture(scope="module")
def host(nothing_left_by_module):
    """The namespace, and a container in it that has --net=host; all of the namespace as before at the end."""
    with NetNs() as namespace, place.Folder() as folder:
        for address, family in ((namespace.gateway, 4), (namespace.gateway6, 6)):
            subprocess.run(["nsenter", f"--net={namespace.path}", "ping", f"-{family}", "-c", "1", "-W", "10", address],
                           check=True, capture_output=True)
        before = settled_state(namespace.path)
        nacre = NacreIn(folder, namespace.path)
        container = nacre.create(sharing(nacre)).start()
        yield namespace, container
        assert changes(before, network_state(namespace.path)) == ""
        container.delete(force=True).ok()
        container.wait()
        assert nacre.close() == []
        assert changes(before, network_state(namespace.path)) == ""


def test_the_guest_has_the_host_s_addresses_and_its_default_routes(host):
    namespace, container = host
    addresses = container.exec("ip addr show eth0").ok().out
    assert f"inet {namespace.address}/30 " in addresses and f"inet6 {namespace.address6}/64 " in addresses
    assert f"default via {namespace.gateway} dev eth0" in container.exec("ip route").ok().out
    assert f"default via {namespace.gateway6} dev eth0" in container.exec("ip -6 route").ok().out


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_it_reaches_the_outside_as_the_host(host, family, udp):
    namespace, container = host
    there, here = ((namespace.gateway, namespace.address) if family == 4 else (namespace.gateway6, namespace.address6))
    with Echo("/proc/self/ns/net", there, 0, udp) as server:
        port = server.socket.getsockname()[1]
        assert ask_from(container, there, port, FAMILIES[family][2 + udp]).ok().out == f"{here} hello"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_server_in_it_is_reached_at_the_host_s_port(host, family, udp):
    namespace, container = host
    port = 4100 + family + udp
    serve_in(container, FAMILIES[family][2 + udp], port)
    address = namespace.address if family == 4 else namespace.address6
    assert ask_until_answered(None, address, port, udp) == "hello"  # from another namespace
    assert ask(namespace.path, address, port, udp) == "hello"
    assert ask(namespace.path, FAMILIES[family][1], port, udp) == "hello"


def test_a_server_on_its_loopback_is_reached_on_the_host_s_loopback_only(host):
    namespace, container = host
    serve_in(container, "TCP4", 4200, "127.0.0.1")
    assert ask_until_answered(namespace.path, "127.0.0.1", 4200) == "hello"
    with pytest.raises(ConnectionRefusedError):
        ask(None, namespace.address, 4200)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_server_on_the_host_s_loopback_is_reached_from_inside(host, family, udp):
    namespace, container = host
    loopback = FAMILIES[family][1]
    with Echo(namespace.path, loopback, 4300 + family + udp, udp):
        answer = ask_from_until_answered(container, loopback, 4300 + family + udp, FAMILIES[family][2 + udp])
        assert answer == f"{loopback} hello"


def test_a_port_of_the_host_s_is_in_use_inside_and_free_when_it_goes(host):
    namespace, container = host
    listen = "socat -u TCP4-LISTEN:4400,reuseaddr - </dev/null"  # what waits in TIME_WAIT is in nobody's way
    with Echo(namespace.path, "0.0.0.0", 4400):
        ask_from_until_answered(container, "127.0.0.1", 4400)
        answer = container.exec(listen)
        assert answer.code != 0 and "Address already in use" in answer.err, answer
        assert ask_from(container, namespace.address, 4400).ok().out.endswith(" hello")

    def is_free():
        return "Address already in use" not in container.exec(f"timeout 1 {listen}").err
    wait_until(is_free, "port 4400 to be free inside")


def test_where_nobody_listens_connections_are_refused(host):
    namespace, container = host
    refused = ask_from(container, "127.0.0.1", 4500)
    assert refused.code != 0 and "Connection refused" in refused.err, refused
    serve_in(container, "TCP4", 4501)
    assert ask_until_answered(namespace.path, "127.0.0.1", 4501) == "hello"
    container.exec("killall socat").ok()

    def is_refused():
        try:
            ask(namespace.path, "127.0.0.1", 4501)
        except ConnectionRefusedError:
            return True
        return False
    wait_until(is_refused, "port 4501 to be closed on the host")


def test_much_data_passes_whole_both_ways(host):
    namespace, container = host
    serve_in(container, "TCP4", 4600)
    ask_until_answered(namespace.path, "127.0.0.1", 4600)
    data = os.urandom(5 << 20)
    with within(namespace.path, lambda: socket.create_connection(("127.0.0.1", 4600))) as client:
        client.settimeout(120)

        def give():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        giver = threading.Thread(target=give)
        giver.start()
        got = b""
        while piece := client.recv(1 << 20):
            got += piece
        giver.join()
    assert got == data


def passt_of(container):
    """Its process, which the container's sandbox process has started."""
    command = ["pgrep", "-P", str(container.sandbox_pid), "-x", r"passt(\.avx2)?"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


class Neighbour:
    """A program of no runtime of ours, with a network namespace, and a stream of 1 MB/s that it sends out."""

    def __enter__(self):
        self._exits = contextlib.ExitStack()
        self.netns = self._exits.enter_context(NetNs())
        self._sink = socket.create_server((self.netns.gateway, 0))
        port = self._sink.getsockname()[1]
        self._process = subprocess.Popen(
            ["nsenter", f"--net={self.netns.path}", "sh", "-c",
             f"while printf %0100000d 0; do sleep 0.1; done | socat -u - TCP4:{self.netns.gateway}:{port}"])
        self.path = f"/proc/{self._process.pid}/ns/net"
        self._stream, _ = self._sink.accept()
        self._stream.settimeout(10)
        self.longest_silence, self._count, self.ended = 0, 0, False
        self._thread = threading.Thread(target=self._count_bytes)
        self._thread.start()
        return self

    def _count_bytes(self):
        last = time.monotonic()
        while piece := self._stream.recv(1 << 20):
            now = time.monotonic()
            self.longest_silence = max(self.longest_silence, now - last)
            last = now
            self._count += len(piece)
        self.ended = True

    def more(self):
        """Waits until 300 kB more have come."""
        wanted = self._count + 300_000
        wait_until(lambda: self._count >= wanted or self.ended, "the neighbour's stream")
        assert not self.ended

    def __exit__(self, *failure):
        subprocess.run(["pkill", "-P", str(self._process.pid)])
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._stream.close()
        self._sink.close()
        self._exits.close()


@pytest.mark.parametrize("end", ["delete", "SIGKILL", "passt dies"])
def test_beside_a_program_of_another_runtime(nacre, end):
    nacre.configure(SHARED)
    with Neighbour() as other:
        before = settled_state(other.path)
        container = nacre.create(sharing(nacre, other.path)).start()
        other.more()
        serve_in(container, "TCP4", 4700, "127.0.0.1")
        serve_in(container, "UDP4", 4701, "127.0.0.1")
        assert ask_until_answered(other.path, "127.0.0.1", 4700) == "hello"
        assert ask_until_answered(other.path, "127.0.0.1", 4701, udp=True) == "hello"
        for udp in (False, True):
            with Echo(other.path, "127.0.0.1", 4702, udp):
                assert ask_from_until_answered(container, "127.0.0.1", 4702, FAMILIES[4][2 + udp]) == "127.0.0.1 hello"
        with Echo("/proc/self/ns/net", other.netns.gateway, 0) as server:
            port = server.socket.getsockname()[1]
            assert ask_from(container, other.netns.gateway, port).ok().out == f"{other.netns.address} hello"
        assert changes(before, network_state(other.path)) == ""
        other.more()
        passt = passt_of(container)
        if end == "SIGKILL":
            kill_now(container.sandbox_pid)
            assert container.wait() == 137
        elif end == "passt dies":
            kill_now(passt)
            assert container.wait() == 137
            wait_until(lambda: container.status == "stopped", "the container to be stopped")
            log = (nacre.root / container.id / "sandbox.log").read_text()
            assert "its helper passt was killed by signal 9" in log, log
        container.delete(force=True).ok()
        container.wait()
        other.more()
        assert not os.path.exists(f"/proc/{passt}"), "passt is still there"
        assert changes(before, network_state(other.path)) == ""
        with pytest.raises(ConnectionRefusedError):
            ask(other.path, "127.0.0.1", 4700)


def test_it_is_refused_unless_the_configuration_allows_it(nacre):
    for path in (None, f"/proc/{os.getpid()}/ns/net"):
        error = nacre.refuses(sharing(nacre, path))
        assert "share the host's network with the virtual machine" in error, error
        assert "no plugin of network in [runtime] shares a namespace" in error and 'add "passt" to network' in error, error
    with Neighbour() as other:
        error = nacre.refuses(sharing(nacre, other.path))
        assert f'share the network namespace "{other.path}"' in error and 'add "passt" to network' in error, error


def test_a_namespace_of_the_container_s_own_is_not_passt_s(nacre, netns):
    """With both plugins links go the way that they always go: the frames are the guest's."""
    nacre.configure(SHARED)
    bundle = nacre.bundle("ip link show eth0").netns(netns.path)
    assert netns.mac in nacre.run(bundle).ok().out

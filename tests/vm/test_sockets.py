"""Unix sockets of the host's as mounts: connections from inside reach them where `relayed_sockets` lists them."""

import contextlib
import hashlib
import http.server
import os
import shutil
import socket
import socketserver
import subprocess
import threading

import pytest
from harness import place

MIB = 1 << 20


class Server:
    """A server on the host; `serve(connection)` runs on a thread for each connection."""

    def __init__(self, path, serve, kind=socket.SOCK_STREAM):
        self.path = str(path)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                serve(self.request)

        class Threads(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            socket_type = kind
            request_queue_size = 2  # connections at once wait for room in it

        self._server = Threads(self.path, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        os.unlink(self.path)


def echo(connection):
    while data := connection.recv(MIB):
        connection.sendall(data)


class Crowd:
    """Answers nobody before `size` clients are there at once."""

    def __init__(self, size):
        self._full, self._size, self._lock = threading.Event(), size, threading.Lock()
        self.now = self.most = self.all = 0

    def __call__(self, connection):
        with self._lock:
            self.now, self.all = self.now + 1, self.all + 1
            self.most = max(self.most, self.now)
            if self.now == self._size:
                self._full.set()
        self._full.wait(120)
        connection.sendall(b"x")
        read_to_end(connection)
        with self._lock:
            self.now -= 1


def read_to_end(connection):
    return b"".join(iter(lambda: connection.recv(MIB), b""))


def tell_digest(connection):
    connection.sendall(hashlib.sha256(read_to_end(connection)).hexdigest().encode())


class Web(http.server.BaseHTTPRequestHandler):
    def __init__(self, connection):
        super().__init__(connection, ("container", 0), None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).upper()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def places(module_nacre):
    folder = module_nacre.folder / "s"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def early_end():
    """What a server hears after it has said its last word."""
    return []


@pytest.fixture(scope="module")
def crowd():
    return Crowd(128)


@pytest.fixture(scope="module")
def display(module_nacre):
    """The number of an X server's display."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-nolisten", "tcp", "-ac", "-noreset", "-screen", "0", "640x480x24"]
    with subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL) as server:
        os.close(write_end)
        with os.fdopen(read_end) as said:
            yield int(said.readline())
        server.terminate()


@pytest.fixture(scope="module")
def box(module_nacre, places, early_end, crowd, display):
    def end_early(connection):
        connection.sendall(b"bye\n")
        connection.shutdown(socket.SHUT_WR)
        early_end.append(read_to_end(connection))

    servers = {"echo": echo, "digest": tell_digest, "early": end_early, "web": Web, "owned": echo, "crowd": crowd}
    with contextlib.ExitStack() as stack:
        for name, serve in servers.items():
            stack.enter_context(Server(places / name, serve))
        returning = stack.enter_context(contextlib.ExitStack())
        returning.enter_context(Server(places / "returning", echo))
        os.chown(places / "owned", 1000, 2000)
        os.chmod(places / "owned", 0o640)
        module_nacre.configure({"runtime.relayed_sockets": [f"{places}/*", "/tmp/.X11-unix/X*"]})
        bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
        sources = {name: places / name for name in [*servers, "returning"]} | {"folder": places}
        sources[f"../tmp/.X11-unix/X{display}"] = f"/tmp/.X11-unix/X{display}"
        for name, source in sources.items():
            bundle.spec["mounts"].append({"destination": os.path.normpath(f"/run/{name}"), "type": "bind", "source": str(source),
                                          "options": ["rbind"]})
        for program in ("socat", "curl", "xdpyinfo"):
            bundle.add_program(program)
        shutil.copy2(place.build / "tests/vm/socket-user", bundle.rootfs / "bin")
        container = module_nacre.create(bundle.write()).start()
        container.returning = returning
        yield container
        container.delete(force=True).ok()


def test_connections_at_once_are_each_their_own(box):
    script = "for n in $(seq 12); do echo number $n | socat -t 60 - UNIX-CONNECT:/run/echo > /tmp/answer.$n & done; wait; cat /tmp/answer.*"
    answer = box.exec(script).ok()
    assert sorted(answer.out.splitlines()) == sorted(f"number {number}" for number in range(1, 13))


def test_ten_mebibytes_each_way_arrive_whole_beside_one_that_nobody_reads(box):
    """The end of what is sent is told, the other direction goes on: the answer comes after it."""
    script = """
        head -c 10485760 /dev/urandom > /tmp/sent
        mkfifo /tmp/stuck; exec 8<> /tmp/stuck
        socat -t 60 - UNIX-CONNECT:/run/echo < /tmp/sent > /tmp/stuck & stuck=$!
        socat -t 60 - UNIX-CONNECT:/run/echo < /tmp/sent | cmp - /tmp/sent && echo same
        kill $stuck
    """
    assert box.exec(script).ok().out == "same\n"


def test_the_end_of_one_direction_is_told_and_the_answer_comes_after_it(box):
    answer = box.exec("seq 300000 | socat -t 60 - UNIX-CONNECT:/run/digest; echo; seq 300000 | sha256sum").ok().out.split()
    assert answer[0] == answer[1]


def test_a_server_that_has_said_its_last_word_still_hears(box, early_end):
    command = box.nacre.command("exec", box.id, "socat", "-t", "60", "-", "UNIX-CONNECT:/run/early")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "bye\n"
        client.communicate("after all\n", timeout=60)
        assert client.returncode == 0
    assert early_end == [b"after all\n"]


def test_more_connections_than_are_let_in_wait_for_their_turn(box, crowd):
    assert box.exec("socket-user", "/run/crowd", "131").ok().out == "131 answers\n"
    assert (crowd.most, crowd.all) == (128, 131)


def test_a_server_that_goes_and_comes_back(box, places):
    def ask():
        return box.exec("echo there | socat -t 60 - UNIX-CONNECT:/run/returning").out

    assert ask() == "there\n"
    box.returning.close()
    assert ask() == ""
    box.returning.enter_context(Server(places / "returning", echo))
    assert ask() == "there\n"


def test_the_socket_has_the_owner_and_the_mode_of_the_host_s(box):
    assert box.exec("stat -c '%F %a %u %g' /run/owned").ok().out == "socket 640 1000 2000\n"
    ask = "echo mine | socat -t 60 - UNIX-CONNECT:/run/owned"
    assert box.exec("sh", "-c", ask, flags=["--user", "1000:1000"]).ok().out == "mine\n"
    refused = box.exec("sh", "-c", ask, flags=["--user", "1001:1001"])
    assert refused.code != 0 and "Permission denied" in refused.err


def test_a_socket_in_a_shared_folder_is_seen_and_connects_to_nothing(box):
    answer = box.exec("test -S /run/folder/echo && socat -t 60 - UNIX-CONNECT:/run/folder/echo < /dev/null")
    assert answer.code != 0 and "Connection refused" in answer.err


def test_a_web_api_on_a_socket_as_docker_s_is(box):
    answer = box.exec("curl", "-s", "--unix-socket", "/run/web", "--data", "x" * 100000, "http://docker/v1/containers").ok()
    assert answer.out == "X" * 100000


def test_an_x_client_inside_draws_on_the_host_s_display(box, display):
    answer = box.exec("xdpyinfo", flags=["--env", f"DISPLAY=:{display}"]).ok()
    assert "dimensions:    640x480 pixels" in answer.out


def mounted(nacre, source):
    bundle = nacre.bundle("true")
    bundle.spec["mounts"].append({"destination": "/run/socket", "type": "bind", "source": str(source), "options": ["bind"]})
    return bundle.write()


@pytest.mark.parametrize("patterns", [[], ["/elsewhere/*"], ["{parent}/*"], ["{folder}"], ["{folder}/sock"]])
def test_a_socket_that_is_not_listed_is_refused_before_a_machine_is_started(nacre, patterns):
    path = nacre.folder / "socket"
    with Server(path, echo):
        patterns = [pattern.format(folder=nacre.folder, parent=nacre.folder.parent) for pattern in patterns]
        words = nacre.refuses(mounted(nacre, path), {"runtime.relayed_sockets": patterns})
    assert f'relay socket "{path}"' in words and f'add "{path}" to relayed_sockets in [runtime]' in words


def test_a_link_to_a_socket_is_the_socket_s_own_path(nacre):
    path, link = nacre.folder / "hidden", nacre.folder / "listed"
    link.symlink_to(path)
    with Server(path, echo):
        assert f'relay socket "{path}"' in nacre.refuses(mounted(nacre, link), {"runtime.relayed_sockets": [str(link)]})


def test_an_annotation_cannot_list_a_socket(nacre):
    path = nacre.folder / "socket"
    with Server(path, echo):
        bundle = mounted(nacre, path)
        bundle.spec["annotations"] = {"io.nacre.config.runtime.relayed_sockets": str(path)}
        words = nacre.refuses(bundle.write())
    assert "io.nacre.config.runtime.relayed_sockets" in words and "no such setting" in words


@pytest.mark.parametrize("kind, word", [(socket.SOCK_DGRAM, "datagram"), (socket.SOCK_SEQPACKET, "packet")])
def test_only_stream_sockets_are_relayed(nacre, kind, word):
    path = nacre.folder / "socket"
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(path))
        if kind == socket.SOCK_SEQPACKET:
            server.listen()
        words = nacre.refuses(mounted(nacre, path), {"runtime.relayed_sockets": [str(path)]})
    assert f"it is a {word} socket, and only stream sockets are relayed" in words

"""--preserve-fds and LISTEN_FDS: pipes and stream sockets of the caller, on the same numbers inside."""

import contextlib
import fcntl
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from harness import place
from harness.descriptors import Descriptors, Pipe, read_to_end, socket_pair
from harness.runtime import TIMEOUT

DATA = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() * 32 for number in range(5 << 10))  # 5 MiB


def start(nacre, words, ends, variables="", preserve=None, **options):
    """`nacre WORDS` with the descriptors from 3 on; this process's own copies are closed."""
    count = len(ends) if preserve is None else preserve
    verb, *rest = words
    command = nacre.command(verb, *(["--preserve-fds", count] if count else []), *rest)
    options.setdefault("stdin", subprocess.DEVNULL)
    for stream in ("stdout", "stderr"):
        options.setdefault(stream, subprocess.PIPE)
    with Descriptors(*ends) as descriptors:
        process = subprocess.Popen(descriptors.wrap(command, variables), env=nacre.environment(), text=True,
                                   **descriptors.options, **options)
    nacre._spawned.append(process)
    return process


def run(nacre, script, ends, **options):
    bundle = nacre.bundle(script)
    shutil.copy2(place.build / "tests/vm/descriptor-user", bundle.rootfs / "bin")
    return start(nacre, ["run", "--bundle", bundle.path, place.fresh_name()], ends, **options)


def run_in_box(box, script, ends, **options):
    return start(box.nacre, ["exec", box.id, "sh", "-c", script], ends, **options)


def ended(process):
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def descriptor_user(box):
    shutil.copy2(place.build / "tests/vm/descriptor-user", box.bundle.rootfs / "bin")


@contextlib.contextmanager
def in_background(work, *args):
    thread = threading.Thread(target=work, args=args)
    thread.start()
    yield
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def feed(stream, data=DATA):
    with stream:
        if isinstance(stream, socket.socket):
            stream.sendall(data)
        else:
            while data:
                data = data[stream.write(data):]


def test_run_relays_a_pipe_each_way(nacre):
    with Pipe() as into, Pipe() as out:
        process = run(nacre, "cat <&3 >&4; echo done", [into.reader, out.writer])
        with in_background(feed, into.writer):
            assert read_to_end(out.reader) == DATA
        assert ended(process) == "done\n"


def test_run_relays_a_socket_both_ways_with_half_close(nacre):
    ours, theirs = socket_pair()
    with ours:
        process = run(nacre, "cat <&3 >&3; echo done", [theirs])

        def feed_half():
            ours.sendall(DATA)
            ours.shutdown(socket.SHUT_WR)

        with in_background(feed_half):
            assert read_to_end(ours) == DATA
        assert ended(process) == "done\n"


def test_create_closes_the_descriptors_before_the_holder_exits(nacre):
    with Pipe() as out:
        container = nacre.new(nacre.bundle("trap 'echo last >&3; exit 5' TERM; echo first >&3; sleep 1000 & wait"))
        with open(container.err_path, "wb") as err:
            process = start(nacre, nacre.create_words(container), [out.writer], stdout=err, stderr=err)
            assert process.wait(TIMEOUT) == 0, container.err
        container.start()
        assert out.reader.read(100) == b"first\n"
        container.kill("TERM").ok()
        assert container.wait() == 5
        os.set_blocking(out.reader.fileno(), False)
        assert out.reader.read(100) == b"last\n"
        assert out.reader.read(100) == b"", "somebody still has the pipe open"
        container.delete().ok()


def test_exec_relays_a_pipe_each_way(box):
    with Pipe() as into, Pipe() as out:
        process = run_in_box(box, "md5sum <&3 >&4", [into.reader, out.writer])
        with in_background(feed, into.writer):
            assert read_to_end(out.reader).split()[0].decode() == hashlib.md5(DATA).hexdigest()
        ended(process)


def test_exec_relays_a_tcp_connection(box):
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs = server.accept()[0]
    with ours:
        process = run_in_box(box, "cat <&3 >&3", [theirs])

        def feed_half():
            ours.sendall(DATA)
            ours.shutdown(socket.SHUT_WR)

        with in_background(feed_half):
            assert read_to_end(ours) == DATA
        ended(process)


def test_the_process_can_close_its_direction_of_a_socket_alone(box, descriptor_user):
    ours, theirs = socket_pair()
    with ours:
        process = run_in_box(box, "descriptor-user half-close", [theirs])
        assert read_to_end(ours) == b"mine"
        ours.sendall(DATA)
        ours.shutdown(socket.SHUT_WR)
        assert ended(process) == f"{len(DATA)}\n"


def test_a_reader_that_goes_is_noticed_inside_without_a_byte_written(box, descriptor_user):
    for make in (Pipe, socket_pair):
        ends = make()
        ours, theirs = (ends.reader, ends.writer) if isinstance(ends, Pipe) else ends
        process = run_in_box(box, "descriptor-user hangup", [theirs])
        assert process.stdout.readline() == "waiting\n"
        ours.close()
        assert ended(process) == "hung up\n"


def test_a_process_that_reads_no_more_is_noticed_outside(box, descriptor_user):
    with Pipe() as into:
        process = run_in_box(box, "head -c 4 <&3; exec 3<&-; read line", [into.reader], stdin=subprocess.PIPE)
        into.writer.write(b"four")
        assert process.stdout.read(4) == "four"
        watch = select.poll()
        watch.register(into.writer, 0)
        assert watch.poll(TIMEOUT * 1000) == [(into.writer.fileno(), select.POLLERR)]
        with pytest.raises(BrokenPipeError):
            into.writer.write(b"five")
        process.communicate("go\n", timeout=TIMEOUT)


def test_a_process_that_shuts_down_its_reading_is_noticed_outside(box, descriptor_user):
    ours, theirs = socket_pair()
    with ours:
        process = run_in_box(box, "descriptor-user refuse", [theirs], stdin=subprocess.PIPE)
        assert process.stdout.readline() == "refused\n"
        with pytest.raises(BrokenPipeError):
            while True:  # the kernel takes some before the word has come through
                ours.sendall(DATA)
        process.communicate("x", timeout=TIMEOUT)
        assert process.returncode == 0


def test_a_socket_that_others_share_is_closed_and_not_shut_down(box):
    ours, theirs = socket_pair()
    with ours, theirs.dup() as shared:
        ended(run_in_box(box, "echo inside >&3", [theirs]))
        assert ours.recv(100) == b"inside\n"
        shared.sendall(b"outside")
        assert ours.recv(100) == b"outside"


def test_flags_of_the_callers_files_stay(box):
    with Pipe() as into, Pipe() as out:
        ours, theirs = socket_pair()
        with ours, theirs.dup() as shared, os.fdopen(os.dup(into.reader.fileno())) as reader:
            ended(run_in_box(box, "echo hi >&4; echo ho >&5", [into.reader, out.writer, theirs]))
            for file in (shared, reader):
                assert not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_sleeping_reader_stops_its_own_descriptor_only(box):
    with Pipe() as slow, Pipe() as quick:
        process = run_in_box(box, "cat /dev/zero >&3 & head -c 1000000 /dev/zero >&4; kill $!; wait",
                             [slow.writer, quick.writer])
        assert len(read_to_end_of(quick, 1000000)) == 1000000
        slow.reader.close()
        process.communicate(timeout=TIMEOUT)


def read_to_end_of(pipe, count):
    data = b""
    while len(data) < count and (part := pipe.reader.read(count - len(data))):
        data += part
    return data


def test_a_terminal_beside_a_pipe(nacre, console_socket):
    bundle = nacre.bundle("tty; cat <&3 >&4", terminal=True)
    container = nacre.new(bundle)
    with Pipe() as into, Pipe() as out:
        words = nacre.create_words(container, "--console-socket", console_socket.path)
        process = start(nacre, words, [into.reader, out.writer])
        with console_socket.accept() as terminal:
            ended(process)
            container.start()
            feed(into.writer, b"through the pipe")
            assert read_to_end(out.reader) == b"through the pipe"
            assert "/dev/pts/0" in terminal.read_to_end()
            assert container.wait() == 0
    container.delete().ok()


def test_sixty_descriptors(box):
    pipes = [Pipe() for _ in range(60)]
    try:
        # busybox's shell redirects to numbers of one digit only: the kernel's own names do for all.
        script = "for n in $(seq 3 62); do echo $n > /proc/self/fd/$n; done"
        ended(run_in_box(box, script, [pipe.writer for pipe in pipes]))
        assert [read_to_end(pipe.reader) for pipe in pipes] == [b"%d\n" % number for number in range(3, 63)]
    finally:
        for pipe in pipes:
            pipe.__exit__()


def test_socket_activation_with_a_connection(nacre):
    ours, theirs = socket_pair()
    with ours, Pipe() as out:
        process = run(nacre, "echo $LISTEN_FDS $LISTEN_PID; cat <&3 >&3; echo pipe >&4", [theirs, out.writer],
                      variables="LISTEN_FDS=1 LISTEN_PID=$$", preserve=1)
        ours.sendall(b"request")
        ours.shutdown(socket.SHUT_WR)
        assert read_to_end(ours) == b"request"
        assert read_to_end(out.reader) == b"pipe\n"
        assert ended(process) == "1 1\n"


def test_variables_of_somebody_elses_activation_count_for_nothing(nacre):
    process = run(nacre, "echo .$LISTEN_FDS.", [], variables="LISTEN_FDS=1 LISTEN_PID=1")
    assert ended(process) == "..\n"


def listening():
    return socket.create_server(("127.0.0.1", 0))


def unconnected():
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def fifo_both_ways(folder):
    os.mkfifo(folder / "fifo")
    return os.open(folder / "fifo", os.O_RDWR)


KINDS = {
    "regular file": lambda folder: open(folder / "file", "w"),
    "folder": lambda folder: os.open(folder, os.O_RDONLY),
    "device": lambda folder: open("/dev/null"),
    "terminal": lambda folder: os.openpty()[1],
    "listening socket": lambda folder: listening(),
    "datagram socket": lambda folder: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0],
    "keeps packets apart": lambda folder: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0],
    "not connected": lambda folder: unconnected(),
    "epoll": lambda folder: select.epoll(),
    "event counter": lambda folder: os.eventfd(0),
    "reading and for writing": fifo_both_ways,
    "O_PATH": lambda folder: os.open(folder, os.O_PATH),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_relayed_is_refused_in_words(nacre, folder, kind):
    with Pipe() as pipe:
        process = run(nacre, "true", [pipe.writer, KINDS[kind](folder)])
        out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "descriptor 4 of --preserve-fds" in err and kind in err, err
    assert nacre.list() == []


def test_a_listening_socket_of_socket_activation_is_refused_in_words(nacre):
    process = run(nacre, "true", [listening()], variables="LISTEN_FDS=1 LISTEN_PID=$$", preserve=0)
    assert process.wait(TIMEOUT) == 1
    assert "descriptor 3 of LISTEN_FDS" in (err := process.stderr.read()) and "listening" in err, err


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_a_number_that_is_not_open_is_refused_in_words(box, verb):
    with Pipe() as pipe:
        process = run(box.nacre, "true", [pipe.writer], preserve=2) if verb == "run" else \
            run_in_box(box, "true", [pipe.writer], preserve=2)
        out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == (255 if verb == "exec" else 1)
    assert "descriptor 4 of --preserve-fds" in err and "not open" in err, err


def test_the_descriptor_ends_when_the_guest_dies(nacre):
    ours, theirs = socket_pair()
    with ours:
        container = nacre.new(nacre.bundle("echo ready >&3; sleep 1000"))
        process = start(nacre, nacre.create_words(container), [theirs], stdout=subprocess.DEVNULL)
        assert process.wait(TIMEOUT) == 0
        process.stderr.close()
        container.start()
        assert ours.recv(100) == b"ready\n"
        os.kill(container.pid, signal.SIGKILL)
        assert ours.recv(100) == b""
        assert container.wait() == 128 + signal.SIGKILL
        container.delete().ok()

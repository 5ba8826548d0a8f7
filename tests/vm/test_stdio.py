"""Streams and exit codes, from the guest's process to whoever called nacre."""

import hashlib
import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.place import fresh_name

HUNDRED_MIB = 100 << 20


def drop_pid_namespace(bundle):
    """The container is in the guest's own: it sees the agent as pid 1, and none of its own processes is pid 1."""
    bundle.spec["linux"]["namespaces"] = [n for n in bundle.spec["linux"]["namespaces"] if n["type"] != "pid"]
    bundle.write()


def test_run_carries_output_apart_and_the_exit_code(nacre):
    done = nacre.run(nacre.bundle("echo out; echo err >&2; uname -r >&2; exit 7"))
    assert done.code == 7, done
    assert done.out == "out\n"
    assert done.err.splitlines()[0] == "err"
    assert done.err.splitlines()[1] != os.uname().release, "this is the host's kernel"


def test_a_signalled_process_ends_with_128_and_the_signal(nacre):
    bundle = nacre.bundle("kill -9 $$")
    drop_pid_namespace(bundle)  # the kernel keeps pid 1 of a namespace from killing itself
    assert nacre.run(bundle).code == 128 + signal.SIGKILL


def test_run_carries_stdin_to_its_end(nacre):
    done = nacre.run(nacre.bundle("cat; echo end"), input=b"one\ntwo\n")
    assert (done.code, done.out) == (0, "one\ntwo\nend\n")


def test_exec_carries_output_apart_and_the_exit_code(box):
    done = box.exec("echo out; echo err >&2; exit 9")
    assert (done.code, done.out, done.err) == (9, "out\n", "err\n")


def test_exec_ends_with_128_and_the_signal(box):
    assert box.exec("kill -TERM $$").code == 128 + signal.SIGTERM


def test_exec_without_reader_of_stdin_ends(box):
    assert box.exec("true", input=b"x" * 1000000).code == 0


def test_ten_execs_at_once_keep_their_streams_apart(box):
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: box.exec(f"cat; echo {n}; exit {n}", input=f"in {n}\n".encode()), range(10)))
    assert [(answer.code, answer.out) for answer in answers] == [(n, f"in {n}\n{n}\n") for n in range(10)]


def pattern():
    """100 MiB that do not repeat in a way a lost or doubled chunk could hide."""
    block = hashlib.sha256(b"nacre").digest() * 2048
    for number in range(HUNDRED_MIB // len(block)):
        yield number.to_bytes(8, "big") + block[8:]


def checksum(chunks):
    digest = hashlib.md5()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def test_100_mib_go_in_and_out_intact(box):
    process = box.nacre.spawn("exec", box.id, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        with process.stdin:
            for chunk in pattern():
                process.stdin.write(chunk)

    feeder = threading.Thread(target=feed)
    feeder.start()
    received = checksum(iter(lambda: process.stdout.read(1 << 20), b""))
    feeder.join()
    process.stdout.close()
    assert process.wait(60) == 0
    assert received == checksum(pattern())


def resident(status):
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) << 10


def memory(container):
    """Bytes that the sandbox process and the agent (pid 1 of the guest) keep resident."""
    host = Path(f"/proc/{container.sandbox_pid}/status").read_text()
    return resident(host), resident(container.exec("cat", "/proc/1/status").ok().out)


def test_a_sleeping_reader_makes_nobody_grow_and_blocks_nobody(nacre):
    bundle = nacre.bundle("trap 'echo caught' USR1; while :; do sleep 1000 & wait $!; done")
    drop_pid_namespace(bundle)
    container = nacre.create(bundle).start()
    container.exec("head", "-c", "20000000", "/dev/zero").ok()  # what is allocated once and kept
    before = memory(container)
    process = nacre.spawn("exec", container.id, "cat", "/dev/zero", stdout=subprocess.PIPE)
    assert process.stdout.read(1 << 20) == bytes(1 << 20)
    # Nobody reads from here on; an unbounded buffer would take in gigabytes while these answer.
    assert container.kill("USR1").code == 0
    assert container.exec("echo alive").ok().out == "alive\n"
    after = memory(container)
    for who, was, now in zip(("the sandbox process", "the agent"), before, after):
        assert now - was <= 4 << 20, f"{who} grew by {(now - was) >> 10} KiB"
    process.kill()
    process.wait()
    process.stdout.close()
    container.delete(force=True).ok()


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_an_empty_output_ends_at_once(nacre, box, verb):
    done = nacre.run(nacre.bundle("true")) if verb == "run" else box.exec("true")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_an_output_whose_reader_has_gone_ends_its_writer(nacre, box, verb):
    if verb == "run":
        process = nacre.spawn("run", "--bundle", nacre.bundle("yes").path, fresh_name(), stdout=subprocess.PIPE)
    else:
        process = box.nacre.spawn("exec", box.id, "yes", stdout=subprocess.PIPE)
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(120) != 0  # SIGPIPE, or what yes makes of EPIPE

"""Every undo record counts: a clean-up that fails at one of them leaves just that, says so, and can be repeated."""

import json
import os
import re
import signal
import subprocess

import pytest
from harness.network import NetNs


def cgroups(container, namespace):
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if container.id in folder]


def pod_folders(container, namespace):
    return [path for path in container.pod_folders if os.path.isdir(path)]


def qdiscs(container, namespace):
    words = ["tc", "-n", namespace.name, "-j", "qdisc", "show", "dev", namespace.link]
    shown = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout or "[]")
    return [qdisc["kind"] for qdisc in shown if qdisc["kind"] in ("ingress", "clsact")]


def nothing(container, namespace):
    return []


# Name of a record: what stays when it is not played back. The processes of a dead sandbox process end with it
# (PDEATHSIG), so nothing stays for good without theirs; but a VMM takes a while to end, and without that record nobody
# waits for it, so that it may still be in its cgroup.
UNDOS = {"remove_cgroup": cgroups, "remove_folder": pod_folders, "tcfilter": qdiscs, "kill_process": nothing}


@pytest.fixture
def dead(nacre):
    """A container with a link whose sandbox process has been killed, and the namespace of the link."""
    with NetNs() as namespace:
        container = nacre.create(nacre.bundle("sleep 1000").netns(namespace.path)).start()
        container.pod_folders = set(re.findall(r"/run/nacre/p/[0-9a-f]+", "".join(journal(container))))
        os.kill(container.sandbox_pid, signal.SIGKILL)
        assert container.wait() == 128 + signal.SIGKILL
        yield container, namespace
        container.delete(force=True).ok()
        assert not any(left(container, namespace) for left in UNDOS.values())


def journal(container):
    """The protobuf message of each record, which follows a header of 12 bytes (core/journal)."""
    for path in (container.nacre.root / container.id / "journal").glob("*.undo"):
        yield path.read_bytes()[12:].decode("latin-1")


def record_names(container):
    """The second string of each record's message."""
    for message in journal(container):
        message = message[2 + ord(message[1]) :]
        yield message[2 : 2 + ord(message[1])]


def test_the_table_has_every_record(dead):
    assert set(record_names(dead[0])) == set(UNDOS)
    assert dead[0].pod_folders


@pytest.mark.parametrize("name", UNDOS)
def test_a_clean_up_without_it(nacre, dead, name):
    container, _ = dead
    before = UNDOS[name](*dead)
    assert before or UNDOS[name] is nothing
    done = nacre("delete", "--force", container.id, failpoint=f"undo.{name}=error:it was told to")
    assert done.code == 1 and "it was told to" in done.err, done
    for other, left in UNDOS.items():
        if (name, other) == ("kill_process", "remove_cgroup"):
            continue
        assert left(*dead) == (before if other == name else []), f"{other} after a clean-up without {name}"

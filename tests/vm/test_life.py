"""create, start, state, list, delete: a container's life as an engine drives it."""

import os
import subprocess


def test_created_waits_for_start(nacre):
    container = nacre.create(nacre.bundle("echo ran"))
    state = container.state()
    assert (state["status"], state["pid"]) == ("created", container.pid)
    assert container.out == ""
    container.start()
    assert container.wait() == 0
    assert container.out == "ran\n"
    assert container.status == "stopped"
    container.delete().ok()
    assert nacre("state", container.id).code == 1


def test_two_containers_have_two_vms(nacre):
    script = "cat /proc/sys/kernel/random/boot_id; sleep 1000"
    first, second = (nacre.create(nacre.bundle(script)).start() for _ in range(2))
    assert {c["id"]: c["status"] for c in nacre.list()} == {first.id: "running", second.id: "running"}
    for container in (first, second):
        container.kill("KILL").ok()
        assert container.wait() == 137
        container.delete().ok()
    assert first.out != second.out
    assert nacre.list() == []


def test_killed_before_start(nacre):
    container = nacre.create(nacre.bundle("echo never"))
    container.kill("KILL").ok()
    assert container.wait() == 137
    assert container.out == ""
    container.delete().ok()


def test_delete_refuses_a_running_container_and_force_does_not(nacre):
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    refused = container.delete()
    assert refused.code == 1
    assert "running" in refused.err
    container.delete(force=True).ok()
    assert container.wait() == 137
    assert nacre.list() == []


def test_run_detached(nacre):
    container = nacre.new(nacre.bundle("sleep 1; echo late; exit 3"))
    with open(container.out_path, "wb") as out:
        nacre("run", "--detach", "--bundle", container.bundle.path, "--pid-file", container.pid_path, container.id,
              stdout=out).ok()
    assert container.wait() == 3
    assert container.out == "late\n"
    container.delete().ok()


def run_with_3(nacre, redirection, script, **options):
    """`nacre run --preserve-fds 1` whose descriptor 3 a shell has opened: this process's own 3 is pytest's."""
    command = nacre.command("run", "--bundle", nacre.bundle(script).path, "--preserve-fds", "1", "preserved")
    return subprocess.run(["bash", "-c", f'exec "$@" 3>{redirection}', "bash", *command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env=nacre.environment(), **options)


def test_a_preserved_file_is_refused_in_words(nacre, folder):
    refused = run_with_3(nacre, folder / "file", "true")
    assert refused.returncode == 1
    assert "preserve-fds" in refused.stderr

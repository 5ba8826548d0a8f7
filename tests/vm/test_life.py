"""create, start, state, list, delete: a container's life as an engine drives it."""

import os


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


def test_a_preserved_file_is_refused_in_words(nacre, folder):
    with open(folder / "file", "wb") as file:
        os.dup2(file.fileno(), 3)
        try:
            refused = nacre.run(nacre.bundle("true"), "--preserve-fds", "1", pass_fds=(3,))
        finally:
            os.close(3)
    assert refused.code == 1
    assert "preserve-fds" in refused.err

"""pause and resume, beside what the other verbs do with a paused container."""


def counter(container):
    return len(container.out.splitlines())


COUNT = "while :; do echo tick; sleep 0.05; done"


def test_paused_stands_still_and_resumed_goes_on(nacre):
    container = nacre.create(nacre.bundle(COUNT)).start()
    nacre("pause", container.id).ok()
    assert container.status == "paused"
    before = guest_cpu(nacre, container)
    after = guest_cpu(nacre, container)
    assert before == after
    refused = container.exec("true")
    assert refused.code != 0
    assert "cannot exec in a paused container" in refused.err
    refused = nacre("pause", container.id)
    assert (refused.code, refused.err) == (1, "container not running\n")
    refused = container.delete()
    assert refused.code == 1
    assert f"cannot delete container {container.id} that is not stopped: paused" in refused.err
    nacre("resume", container.id).ok()
    assert container.status == "running"
    seen = counter(container)
    while counter(container) == seen:
        container.exec("true").ok()
    refused = nacre("resume", container.id)
    assert (refused.code, refused.err) == (1, "container not paused\n")
    container.delete(force=True).ok()


def guest_cpu(nacre, container):
    return nacre("events", "--stats", container.id).json()["data"]["cpu"]["usage"]["total"]


def test_a_signal_waits_for_resume_but_kill_does_not(nacre):
    container = nacre.create(nacre.bundle("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")).start()
    while counter(container) == 0:
        container.exec("true").ok()
    nacre("pause", container.id).ok()
    container.kill("TERM").ok()
    assert container.status == "paused"
    nacre("resume", container.id).ok()
    assert container.wait() == 7
    container.delete().ok()

    container = nacre.create(nacre.bundle(COUNT)).start()
    nacre("pause", container.id).ok()
    container.kill("KILL").ok()
    assert container.wait() == 137
    container.delete().ok()


def test_a_paused_container_is_deleted_by_force(nacre):
    container = nacre.create(nacre.bundle(COUNT)).start()
    nacre("pause", container.id).ok()
    container.delete(force=True).ok()
    assert nacre.list() == []


def test_a_created_container_is_created_again_when_resumed(nacre):
    container = nacre.create(nacre.bundle("echo ran"))
    nacre("pause", container.id).ok()
    assert nacre("start", container.id).code == 1
    nacre("resume", container.id).ok()
    assert container.status == "created"
    container.start()
    assert container.wait() == 0
    assert container.out == "ran\n"
    for verb in ("pause", "resume"):
        assert nacre(verb, container.id).code == 1
    container.delete().ok()

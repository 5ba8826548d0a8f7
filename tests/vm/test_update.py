"""nacre update: limits of the guest's cgroup."""

import json

import pytest

MIB = 1 << 20


@pytest.fixture(scope="module")
def limited(module_nacre):
    bundle = module_nacre.bundle("sleep 100000")
    bundle.spec["linux"]["resources"].update(memory={"limit": 200 * MIB}, cpu={"quota": 50000, "period": 100000})
    container = module_nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


def update(container, *flags, **options):
    return container.nacre("update", *flags, container.id, **options)


def value(container, file):
    return container.exec("cat", f"/sys/fs/cgroup/{file}").ok().out.strip()


def test_each_flag(limited):
    assert value(limited, "cpu.max") == "50000 100000"
    update(limited, "--memory", "100m").ok()
    assert value(limited, "memory.max") == str(100 * MIB)
    update(limited, "--memory-reservation", "50m").ok()
    assert value(limited, "memory.low") == str(50 * MIB)
    update(limited, "--cpu-period", "200000").ok()
    assert value(limited, "cpu.max") == "50000 200000"
    update(limited, "--cpu-quota", "-1").ok()
    assert value(limited, "cpu.max").split()[0] == "max"
    update(limited, "--cpu-share", "2048").ok()
    assert value(limited, "cpu.weight") != "100"
    update(limited, "--pids-limit", "55").ok()
    assert value(limited, "pids.max") == "55"
    update(limited, "--pids-limit", "-1").ok()
    assert value(limited, "pids.max") == "max"
    update(limited, "--cpuset-cpus", "0").ok()
    assert value(limited, "cpuset.cpus") == "0"
    update(limited, "--memory-swap", "150m").ok()
    assert value(limited, "memory.swap.max") == str(50 * MIB)
    update(limited, "--blkio-weight", "200").ok()
    update(limited, "--cpuset-mems", "0", "--kernel-memory", "10m").ok()


def test_resources_from_a_file_and_standard_input(limited, folder):
    file = folder / "resources.json"
    file.write_text(json.dumps({"memory": {"limit": 90 * MIB, "swap": 0}, "cpu": {"shares": 0, "cpus": ""},
                                "blockIO": {"weight": 0}}))
    update(limited, "--resources", file).ok()
    assert value(limited, "memory.max") == str(90 * MIB)
    update(limited, "-r", "-", input=json.dumps({"pids": {"limit": 44}}).encode()).ok()
    assert value(limited, "pids.max") == "44"
    assert value(limited, "memory.max") == str(90 * MIB)


@pytest.mark.parametrize("flags, words", [
    (["--memory", "10x"], "invalid value for memory: invalid size: '10x'"),
    (["--cpu-quota", "abc"], "invalid value for cpu-quota"),
    (["--l3-cache-schema", "L3:0=f"], "l3 cache schema is not enabled"),
    (["--cpuset-cpus", "4000"], "numerical result out of range"),
    (["--cpu-period", "5"], "invalid argument"),
    (["-r", "/no/such/file"], "open /no/such/file: no such file or directory"),
])
def test_refused(limited, flags, words):
    before = value(limited, "cpu.max")
    refused = update(limited, *flags)
    assert refused.code == 1
    assert words.lower() in refused.err.lower()
    assert value(limited, "cpu.max") == before


def test_of_a_stopped_or_missing_container(nacre):
    container = nacre.create(nacre.bundle("true")).start()
    assert container.wait() == 0
    refused = update(container, "--pids-limit", "5")
    assert (refused.code, refused.err) == (1, "container not running\n")
    refused = nacre("checkpoint", container.id)
    assert (refused.code, refused.err) == (1, "Container cannot be checkpointed in stopped state\n")
    container.delete().ok()
    assert update(container, "--pids-limit", "5").code == 1


def test_checkpoint_and_restore_answer_from_the_plan(limited):
    for verb in ("checkpoint", "restore"):
        refused = limited.nacre(verb, "--image-path", "/tmp/never", limited.id)
        assert refused.code == 1
        assert 'storage plugin "9p"' in refused.err
        assert "cannot be saved" in refused.err
    assert limited.status == "running"

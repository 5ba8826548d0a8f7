"""The example plugins at work: containers on a real virtual machine, by plugins that were built out of tree."""

import json
from pathlib import Path

import pytest
from harness import examples, place, reaper
from harness.network import NetNs


@pytest.fixture(scope="module")
def plugins():
    return examples.build_all()


@pytest.fixture
def configured(nacre, plugins):
    def configure(**edits):
        assets = {f"hypervisor.plain.{key}": str(place.stage / "share/nacre" / file)
                  for key, file in (("kernel", "vmlinux"), ("initrd", "nacre-initrd.img"))}
        nacre.configure({"runtime.extra_plugin_dir": str(plugins)} | assets
                        | {key.replace("__", "."): value for key, value in edits.items()})
        return nacre

    return configure


def vmm_of(container):
    return next(pid for pid in reaper.children(container.sandbox_pid)
                if "qemu" in Path(f"/proc/{pid}/exe").resolve().name)


def log_of(container):
    return (container.nacre.root / container.id / "sandbox.log").read_text()


def test_a_container_by_every_example_at_once(configured, folder):
    scratch = folder / "scratch"
    (scratch / "build").mkdir(parents=True)
    (scratch / "build/of-the-host").write_text("")
    nacre = configured(runtime__hypervisor="plain", runtime__network=["offline"], runtime__storage=["scratch", "9p"],
                       runtime__security=["limits", "audit", "sealed"], storage__scratch={"folder": str(scratch)},
                       security__limits={"open_files": 300})
    with NetNs() as netns:
        bundle = nacre.bundle().netns(netns.path)
        bundle.spec["mounts"].append({"destination": "/build", "type": "bind", "source": str(scratch / "build"),
                                      "options": ["rbind", "rw"]})
        bundle.process["capabilities"] = {kind: ["CAP_NET_RAW"] for kind in ("bounding", "effective", "permitted")}
        bundle.run("grep ' /build ' /proc/mounts; ls /build; echo kept > /build/file && cat /build/file; ip addr show eth0; "
                   f"ping -c 1 -W 10 {netns.gateway} || echo no way out")
        container, mac = nacre.create(bundle), netns.mac
        # security/limits, by the kernel's word; security/audit, by the log.
        limits = Path(f"/proc/{vmm_of(container)}/limits").read_text()
        assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")] == [["300", "300"]]
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file")] == [["0", "0"]]
        log = log_of(container)
        assert 'host process "/usr/bin/qemu-system-x86_64" (vmm) for hypervisor/plain' in log
        assert 'container process ["sh","-c",' in log
        # security/sealed; the ping that nobody answers keeps the container meanwhile
        container.start()
        refused = container.exec("echo inside")
        assert refused.code == 255 and "the container is sealed" in refused.err, refused
        assert "inside" not in refused.out
        assert container.wait() == 0
        container.delete().ok()
    lines = container.out.splitlines()
    assert lines[0].startswith("tmpfs /build tmpfs rw") and "size=65536k" in lines[0], container.out
    assert lines[1] == "kept", container.out  # nothing of the host was there
    assert f"inet {netns.address}/30" in container.out and mac in container.out
    assert lines[-1] == "no way out", container.out
    assert sorted(path.name for path in (scratch / "build").iterdir()) == ["of-the-host"]


def test_sealed_opens_by_its_option(configured):
    nacre = configured(runtime__security=["sealed"], security__sealed={"exec": True})
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    assert container.exec("echo inside").ok().out == "inside\n"
    container.delete(force=True).ok()
    container.wait()


def test_an_option_of_a_plugin_is_checked_before_anything_starts(configured):
    nacre = configured(runtime__security=["limits"], security__limits={"open_files": 3})
    answer = nacre.run(nacre.bundle("true"))
    assert answer.code == 1 and '"open_files"' in answer.err and "64" in answer.err, answer


def test_a_file_that_nobody_takes_is_refused_with_both_reasons(configured, folder):
    nacre = configured(runtime__storage=["scratch"], storage__scratch={"folder": str(folder / "scratch")})
    answer = nacre.run(nacre.bundle("true"))
    assert answer.code == 1
    assert "no storage plugin takes it (scratch: a root file system is not to be empty)" in answer.err, answer


def test_the_state_names_nothing_of_a_pod_that_was_refused(configured):
    nacre = configured(runtime__storage=["scratch"])
    nacre.run(nacre.bundle("true"))
    assert json.loads(nacre("list", "--format", "json").ok().out) in (None, [])

"""What of config.json means the guest's kernel, or the container's own knowledge: sysctls, annotations, CPUs."""

import json

import pytest

ALLOWED = {"vm.max_map_count": "77777", "fs.inotify.max_user_watches": "4321", "kernel.shmmni": "99", "net.ipv4.ip_forward": "1"}


def bundle_with(nacre, script, **linux):
    bundle = nacre.bundle(script)
    bundle.spec["linux"].update(linux)
    return bundle


def test_sysctls_of_namespaces_and_of_the_guest_s_kernel(nacre):
    files = " ".join("/proc/sys/" + name.replace(".", "/") for name in ALLOWED)
    answer = nacre.run(bundle_with(nacre, f"cat {files}", sysctl=ALLOWED).write())
    assert answer.ok().out.split() == list(ALLOWED.values())


@pytest.mark.parametrize("sysctl, words", [
    ({"kernel.core_pattern": "|/bin/x"}, "guest_sysctls"),
    ({"vm.max_map_count": "no number"}, "vm/max_map_count"),
])
def test_a_sysctl_that_cannot_be_set_is_named(nacre, sysctl, words):
    answer = nacre.run(bundle_with(nacre, "true", sysctl=sysctl).write())
    assert answer.code == 1
    assert words in answer.err


def test_the_list_of_sysctls_is_the_configuration_s(nacre):
    nacre.configure({"runtime.guest_sysctls": ["kernel.panic"]})
    answer = nacre.run(bundle_with(nacre, "cat /proc/sys/kernel/panic", sysctl={"kernel.panic": "7"}).write())
    assert answer.ok().out == "7\n"
    refused = nacre.run(bundle_with(nacre, "true", sysctl={"vm.max_map_count": "77777"}).write())
    assert refused.code == 1 and "guest_sysctls" in refused.err


def test_annotations_are_a_file_in_the_container_when_asked_for(nacre):
    nacre.configure({"runtime.annotations_file": "/run/annotations.json"})
    bundle = nacre.bundle("cat /run/annotations.json; echo x >> /run/annotations.json")
    bundle.spec["annotations"] = {"org.example.color": "blue \"and\" more", "empty": ""}
    answer = nacre.run(bundle.write())
    assert json.loads(answer.out) == bundle.spec["annotations"]
    assert "can't create /run/annotations.json" in answer.err


def test_a_set_of_cpus_is_as_many_of_the_guest_s(nacre):
    nacre.configure({"hypervisor.qemu.default_vcpus": 2})
    bundle = nacre.bundle("nproc; cat /sys/fs/cgroup/cpuset.cpus")
    bundle.spec["linux"]["resources"]["cpu"] = {"cpus": "1"}
    assert nacre.run(bundle.write()).ok().out.split() == ["1", "0"]
    bundle.spec["linux"]["resources"]["cpu"] = {"cpus": "0-4000"}
    refused = nacre.run(bundle.write())
    assert refused.code == 1 and "cpuset.cpus: numerical result out of range" in refused.err

"""`nacre check` and `nacre env`: what they say of an installation, whole or broken."""

import json
import subprocess

import pytest
from harness import place

PARTS = ("host", "kernel/tun", "cgroups", "state")  # what is said whatever is broken


def check(nacre, **options):
    """The lines by subject, and the exit code, which must fit them."""
    done = nacre("check", "--json", **options)
    document = json.loads(done.out)
    lines = {line["subject"]: line for line in document["checks"]}
    errors = [line for line in document["checks"] if line["level"] == "error"]
    assert document["good"] == (not errors) and done.code == (1 if errors else 0), repr(done)
    assert all(part in lines for part in PARTS)
    assert {line["level"] for line in document["checks"]} <= {"ok", "skip", "warning", "error"}
    return lines


def without(*folders):
    """Runs nacre where these folders of the installation are empty."""
    mounts = "".join(f"mount -t tmpfs -o mode=755 none {place.stage / folder}; " for folder in folders)
    return lambda *words: subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{mounts} exec "$0" "$@"', place.nacre, *words], capture_output=True, text=True)


def test_the_installation_is_whole(nacre):
    lines = check(nacre)
    assert lines["configuration"]["level"] == "ok"
    for part in ("guest/kernel", "guest/initrd", "guest/note", "program/nacre-launch", "program/containerd-shim-nacre-v2"):
        assert lines[part]["level"] == "ok", lines[part]
    for kind, name in (("hypervisor", "null"), ("network", "null"), ("storage", "null"), ("security", "null")):
        line = lines[f"plugin/{kind}/{name}"]
        assert line["level"] == "ok" and line["sentence"].startswith("not chosen"), line


def test_the_chosen_hypervisor_says_itself_what_runs_the_guests(nacre):
    sentence = check(nacre)["plugin/hypervisor/qemu"]["sentence"]
    assert "KVM" in sentence or "TCG: " in sentence or "install qemu-system-x86" in sentence


def test_the_plan_is_made_of_the_chosen_plugins(nacre):
    assert check(nacre)["plan"]["level"] == "ok"
    nacre.configure({"runtime.hypervisor": "null"})
    line = check(nacre)["plan"]
    assert line["level"] == "warning" and "runs no guest" in line["sentence"]
    nacre.configure({"runtime.storage": ["nope"]})
    assert "plan" not in check(nacre), "the plugin's own line says it"


def test_the_text_has_a_line_for_each_check(nacre):
    done = nacre("check")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [line["level"] for line in nacre("check", "--json").json()["checks"]] \
        if done.code == 0 else lines
    assert lines[-1].startswith("containers can")


def test_a_configuration_that_is_not_there(nacre, folder):
    nacre.config_path = folder / "nope.toml"
    line = check(nacre)["configuration"]
    assert line["level"] == "error" and str(nacre.config_path) in line["sentence"]


def test_an_installation_without_configuration(nacre):
    done = without("etc", "share/defaults")("--root", str(nacre.root), "check")
    assert done.returncode == 1 and "name one with --config" in done.stdout, done
    assert "plugin/hypervisor/qemu" in done.stdout, "the plugins are looked at all the same"


def test_an_installation_without_plugins(nacre):
    done = without("lib/nacre/plugins")("--root", str(nacre.root), "check")
    assert done.returncode == 1 and "error    plugin/hypervisor/qemu" in done.stdout, done
    assert "install it" in done.stdout


def test_an_installation_without_the_guest_image(nacre):
    done = without("share/nacre")("--root", str(nacre.root), "check")
    assert done.returncode == 1 and "error    guest/kernel" in done.stdout and "install the guest image" in done.stdout, done


def test_a_wrong_key_is_told_with_its_place(nacre):
    nacre.configure({"runtime.hypervizor": "qemu"})
    line = check(nacre)["configuration"]
    assert line["level"] == "error" and str(nacre.config_path) in line["sentence"] and "hypervisor" in line["sentence"]


@pytest.mark.parametrize("key, plugin", [("runtime.storage", "plugin/storage/nope"), ("runtime.network", "plugin/network/nope")])
def test_a_plugin_that_is_not_there(nacre, key, plugin):
    nacre.configure({key: ["nope"]})
    line = check(nacre)[plugin]
    assert line["level"] == "error" and "nope.so" in line["sentence"] and "nacre plugin list" in line["sentence"]


def test_a_program_of_a_plugin_that_is_not_there(nacre):
    nacre.configure({"hypervisor.qemu.path": "/usr/bin/no-such-vmm"})
    lines = check(nacre)
    line = lines["plugin/hypervisor/qemu"]
    assert line["level"] == "error" and "/usr/bin/no-such-vmm" in line["sentence"] and "[hypervisor.qemu]" in line["sentence"]
    assert "plan" not in lines


def test_a_bad_key_of_a_plugins_own_table(nacre):
    nacre.configure({"hypervisor.qemu.no_such_key": 1})
    line = check(nacre)["plugin/hypervisor/qemu"]
    assert line["level"] == "error" and "no_such_key" in line["sentence"]


def test_a_kernel_that_is_not_there(nacre, folder):
    nacre.configure({"hypervisor.qemu.kernel": str(folder / "no-kernel")})
    line = check(nacre)["guest/kernel"]
    assert line["level"] == "error" and "no-kernel" in line["sentence"] and '"kernel"' in line["remedy"]


def test_a_guest_image_of_another_size_than_its_note_says(nacre, folder):
    for name in ("vmlinux", "nacre-initrd.img", "guest.json"):
        (folder / name).write_bytes((place.stage / "share/nacre" / name).read_bytes())
    with open(folder / "nacre-initrd.img", "ab") as file:
        file.write(b"more")
    nacre.configure({"hypervisor.qemu.kernel": str(folder / "vmlinux"),
                     "hypervisor.qemu.initrd": str(folder / "nacre-initrd.img")})
    line = check(nacre)["guest/initrd"]
    lines = [item for item in nacre("check", "--json").json()["checks"] if item["subject"] == "guest/initrd"]
    assert line["level"] == "warning" and "another size" in line["sentence"] and len(lines) == 2


def test_more_memory_than_the_host_has(nacre):
    nacre.configure({"hypervisor.qemu.default_memory": 16777216})
    line = check(nacre)["memory"]
    assert line["level"] == "warning" and "default_memory" in line["remedy"]


def test_a_state_folder_that_cannot_be_read(nacre):
    nacre.root.write_text("")
    done = nacre("check")
    nacre.root.unlink()
    assert done.code == 1 and "error    state" in done.out and str(nacre.root) in done.out


def test_a_container_whose_sandbox_process_is_gone(nacre, containers):
    containers.add("gone")
    line = check(nacre)["container/gone"]
    assert line["level"] == "warning" and "nacre delete gone" in line["remedy"]


def test_a_damaged_state_is_told(nacre, containers):
    (containers.add("broken") / "state.json").write_text("{")
    levels = [line for line in nacre("check", "--json").json()["checks"] if line["subject"] == "state"]
    assert any(line["level"] == "warning" and "broken" in line["sentence"] for line in levels)


MEMBERS = {"nacre", "host", "kernel_features", "cgroups", "paths", "programs", "configuration", "plugins", "guest", "containers"}


def test_env_has_its_documented_members(nacre):
    document = nacre("env", "--json").json()
    assert set(document) == MEMBERS
    assert set(document["nacre"]) == {"version", "commit", "oci_version", "plugin_abi", "protocols"}
    assert document["host"]["kernel"] and document["host"]["memory_mib"] > 0 and document["host"]["cpus"] > 0
    assert document["guest"]["note"]["agent"]["version"] == document["nacre"]["version"]
    qemu = next(plugin for plugin in document["plugins"] if (plugin["kind"], plugin["name"]) == ("hypervisor", "qemu"))
    assert qemu["chosen"] and qemu["options"]["path"]["origin"] == "default"


def test_the_members_of_env_are_in_the_operators_manual():
    text = (place.source / "docs/operators.md").read_text()
    assert [name for name in MEMBERS if f"`{name}`" not in text] == []


def test_env_says_where_each_value_was_written(nacre):
    nacre.configure({"hypervisor.qemu.default_memory": 300})
    values = nacre("env", "--json").json()["configuration"]["values"]
    memory = values["hypervisor.qemu"]["default_memory"]
    assert memory["value"] == "300" and memory["origin"].startswith(f"{nacre.config_path}:")
    assert values["runtime"]["enable_debug"] == {"value": "false", "origin": "default"}


def test_env_of_a_broken_installation(nacre, folder):
    nacre.config_path = folder / "nope.toml"
    document = nacre("env", "--json").json()
    assert set(document) == MEMBERS and "nope.toml" in document["configuration"]["problems"][0]
    done = without("etc", "share", "lib/nacre/plugins")("--root", str(nacre.root), "env", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["plugins"] == [], done


def test_env_keeps_passwords_for_itself(nacre):
    nacre.configure({"hypervisor.qemu.kernel_params": "nfs.password=hunter2hunter2 quiet"})
    text = nacre("env", "--json").ok().out
    assert "hunter2" not in text and "nfs.password=(masked) quiet" in text

"""Files of Kata Containers as `nacre config` takes them. tests/cli/kata holds the keys and values of those that its
releases ship; comments are left out, and the values that its build fills in are those of a common installation."""

import tomllib
from pathlib import Path

import pytest
from harness import place

FILES = sorted((Path(__file__).parent / "kata").glob("*.toml"))


@pytest.fixture
def check(nacre, folder):
    def call(text):
        file = folder / "c.toml"
        file.write_text(text)
        return nacre("config", "check", file)

    return call


def test_there_are_files_of_every_major_release_and_of_each_hypervisor():
    names = {file.stem for file in FILES}
    assert {f"{release}-{vmm}" for release in ("1.12", "2.5", "3.9", "4.1") for vmm in ("qemu", "clh", "fc")} <= names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_that_kata_ships_loads_as_it_is(nacre, file):
    lines = nacre("config", "check", file).ok().out.splitlines()
    assert lines[-1] == f"{file}: good"
    places = [line.split(": notice: ")[0] for line in lines[:-1]]
    assert places and all(place.startswith(f"{file}:") for place in places)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_of_it_is_honoured_told_about_or_asks_for_nothing(nacre, file):
    told = {int(line.split(":")[1]) for line in nacre("config", "check", file).ok().out.splitlines()[:-1]}
    known = {}
    for entry in nacre("config", "schema", "--json").json()["kata"]:
        known.setdefault(entry["key"], []).append(entry)
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if "=" not in line or number in told:
            continue
        key, _, value = (part.strip() for part in line.partition("="))
        value = value.removesuffix(".0")
        assert any(entry["disposition"] in ("honoured", "chosen") or value in entry["nothing"]
                   for entry in known[key]), f"line {number} is accepted without a word: {line}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_migrate_makes_a_file_of_ours_that_is_good(nacre, folder, file):
    ours = folder / "ours.toml"
    ours.write_text(nacre("config", "migrate", file).ok().out)
    settings = tomllib.loads(ours.read_text())
    assert {"hypervisor", "network", "storage", "security"} <= set(settings["runtime"])
    assert "kata" not in str(settings["hypervisor"].get("image", "")) and set(settings) <= {"runtime", "agent", "hypervisor", "storage"}
    done = nacre("config", "check", ours)
    if "qemu" in file.stem:
        assert done.ok().out == f"{ours}: good\n"
    else:  # their plugins are not part of every installation, and a file of ours must not name what is not there
        missing = [name for name in (f"hypervisor/{settings['runtime']['hypervisor']}",
                                     *(f"storage/{name}" for name in settings["runtime"]["storage"]))
                   if not (place.stage / "lib/nacre/plugins" / f"{name}.so").exists()]
        assert (done.code == 0) == (not missing)
        assert all(f'"{name.split("/")[1]}"' in done.err for name in missing)


def test_kata_s_guest_is_told_from_ours(nacre, folder):
    file = folder / "c.toml"
    text = (Path(__file__).parent / "kata/3.9-qemu.toml").read_text()
    file.write_text(text)
    ours = str(place.stage / "share/nacre/nacre-initrd.img")
    out = nacre("config", "check", file).ok().out
    assert f'{file}:4:9: notice: "image" in [hypervisor.qemu] is Kata\'s, whose agent speaks another protocol' in out
    assert ours in out
    file.write_text(text.replace("[runtime]", '[runtime]\nkata_assets = "replace"'))
    assert f'"{ours}" is used instead' in nacre("config", "check", file).ok().out
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)
    assert shown["hypervisor"]["qemu"]["initrd"] == ours and shown["hypervisor"]["qemu"]["image"] == ""


QEMU = '[runtime]\nhypervisor = "qemu"\nnetwork = ["tcfilter"]\nstorage = ["9p"]\n[hypervisor.qemu]\n'


@pytest.mark.parametrize("line, words", [
    ("confidential_guest = true", "the host could read the guest's memory all the same"),
    ("rootless = true", "the VMM would run as root all the same"),
    ("disable_guest_selinux = false", "processes in the guest would have no label"),
    ('jailer_path = "/usr/bin/jailer"', "[runtime] security names no plugin"),
    ('kernel_verity_params = "root_hash=1"', "without dm-verity's check"),
    ("enable_iommu = true", "the guest would have no IOMMU"),
    ("net_rate_limiter_bw_max_rate = 1000", "nothing would be limited"),
    ("enable_hugepages = true", "is not supported yet; remove the line"),
    ('extra_monitor_socket = "qmp"', "is never supported"),
    ('machine_type = "pc"', "machine_type"),
    ('shared_fs = "virtio-fs-nydus"', None),  # storage decides, so nothing hangs on it
    ("guest_extension_images = [{name = \"x\"}]", "is not supported yet"),
    ("rootless_user = {uid = 1}", "the VMM would run as root"),
])
def test_what_a_user_would_rely_on_is_refused(check, folder, line, words):
    done = check(QEMU + line + "\n")
    if words is None:
        assert done.code == 0 and ":6:1: notice: " in done.out
        return
    assert done.code == 1 and words in done.err and f"{folder}/c.toml:6:" in done.err


@pytest.mark.parametrize("line", ["confidential_guest = false", "rootless = false", "disable_guest_selinux = true", 'jailer_path = ""',
                                  "enable_hugepages = false", 'firmware = ""', "pflashes = []", 'machine_type = "q35"',
                                  'hot_plug_vfio = "no-port"', "virtio_fs_cache_size = 0", "enable_iommu = \"f\""])
def test_a_value_that_asks_for_nothing_is_taken_in_silence(check, folder, line):
    assert check(QEMU + line + "\n").ok().out == f"{folder}/c.toml: good\n"


@pytest.mark.parametrize("model, network", [("tcfilter", ["tcfilter"]), ("macvtap", ["macvtap"]), ("none", ["null"]),
                                            ("default", ["tcfilter"])])
def test_internetworking_model_chooses_the_network_plugin(nacre, folder, model, network):
    file = folder / "c.toml"
    file.write_text(f'[hypervisor.qemu]\nshared_fs = "virtio-9p"\n[runtime]\ninternetworking_model = "{model}"\n')
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)
    assert shown["runtime"]["network"] == network and shown["runtime"]["storage"] == ["block", "9p"]


@pytest.mark.parametrize("name", ["acrn", "dragonball", "stratovirt", "remote"])
def test_a_hypervisor_that_has_no_plugin_here_is_refused(check, folder, name):
    done = check(f"\n[hypervisor.{name}]\ndefault_memory = 512\n[runtime]\n")
    assert done.code == 1 and f'{folder}/c.toml:2:1: Kata\'s hypervisor "{name}" has no plugin here' in done.err


def test_clh_is_the_plugin_cloud_hypervisor(nacre, folder):
    file = folder / "c.toml"
    file.write_text("[hypervisor.clh]\ndefault_memory = 1024\n[runtime]\n")
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)
    assert shown["runtime"]["hypervisor"] == "cloud-hypervisor" and shown["hypervisor"]["clh"]["default_memory"] == 1024


def test_an_option_of_9p_moves_to_its_table(nacre, folder):
    file = folder / "c.toml"
    file.write_text('[hypervisor.qemu]\nshared_fs = "virtio-9p"\nmsize_9p = 8192\n[runtime]\n')
    assert ":3:1: notice: \"msize_9p\" in [hypervisor.qemu]: it is taken for [storage.9p]" in nacre("config", "check", file).ok().out
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)
    assert shown["storage"]["9p"]["msize_9p"] == 8192


def test_limits_of_a_nic_s_rate_move_to_every_network_plugin(nacre, folder):
    file = folder / "c.toml"
    file.write_text('[hypervisor.qemu]\nshared_fs = "virtio-9p"\nrx_rate_limiter_max_rate = 1000000\n'
                    'tx_rate_limiter_max_rate = 0\n[runtime]\nnetwork = ["macvtap", "tcfilter"]\n')
    told = nacre("config", "check", file).ok().out
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)["network"]
    for name in ("macvtap", "tcfilter"):
        assert f':3:1: notice: "rx_rate_limiter_max_rate" in [hypervisor.qemu]: it is taken for [network.{name}]' in told
        assert shown[name] == {"rx_rate_limiter_max_rate": 1000000}


@pytest.mark.parametrize("where", ["hypervisor.qemu", "network.null"])
def test_a_network_plugin_that_limits_no_rates_says_so(check, folder, where):
    done = check('[runtime]\nhypervisor = "qemu"\nnetwork = ["tcfilter", "null"]\nstorage = ["9p"]\n'
                 f"[{where}]\ntx_rate_limiter_max_rate = 1000000\n")
    assert done.code == 1 and (f'{folder}/c.toml:6:1: "tx_rate_limiter_max_rate" is not supported by the network plugin '
                               '"null"; remove the line, or name another plugin in `network`') in done.err


def test_options_of_disks_move_to_the_table_of_block(nacre, folder):
    file = folder / "c.toml"
    file.write_text('[hypervisor.qemu]\nshared_fs = "virtio-9p"\nblock_device_driver = "virtio-scsi"\nqueue_size = 128\n'
                    'block_device_cache_set = true\nblock_device_cache_noflush = true\nnum_queues = 4\n'
                    'block_device_logical_sector_size = 4096\n[runtime]\n')
    assert ':3:1: notice: "block_device_driver" in [hypervisor.qemu]: it is taken for [storage.block]' in nacre(
        "config", "check", file).ok().out
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)["storage"]["block"]
    assert (shown["block_device_driver"], shown["queue_size"], shown["num_queues"]) == ("virtio-scsi", 128, 4)
    assert shown["block_device_cache_noflush"] and shown["block_device_logical_sector_size"] == 4096
    file.write_text(file.read_text().replace("[runtime]", '[runtime]\nstorage = ["9p"]'))
    assert ':3:1: notice: "block_device_driver" in [hypervisor.qemu]: [runtime] storage does not name "block"' in nacre(
        "config", "check", file).ok().out


def test_disable_block_device_use_leaves_disks_to_the_share(nacre, folder):
    file = folder / "c.toml"
    file.write_text('[hypervisor.qemu]\nshared_fs = "virtio-9p"\ndisable_block_device_use = true\n[runtime]\n')
    assert tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)["runtime"]["storage"] == ["9p"]


def test_values_may_be_text_as_kata_s_older_files_have_them(nacre, folder):
    file = folder / "c.toml"
    file.write_text('[hypervisor.qemu]\ndefault_memory = "1 GiB"\ndefault_vcpus = "2"\ndisable_vhost_net = "t"\n'
                    'enable_annotations = "a, b"\nshared_fs = "virtio-9p"\n[runtime]\ndisable_guest_seccomp = "1"\n')
    nacre("config", "check", file).ok()
    shown = tomllib.loads(nacre("config", "show", globals=["--config", file]).ok().out)
    assert shown["hypervisor"]["qemu"]["default_memory"] == 1024
    assert shown["hypervisor"]["qemu"]["enable_annotations"] == ["a", "b"]
    assert shown["runtime"]["disable_guest_seccomp"] is True

"""`nacre features` is believed by engines: what it names works in a guest."""


def features(nacre):
    return nacre("features").ok().json()


def test_each_mount_option_is_understood(nacre):
    options = features(nacre)["mountOptions"]
    bundle = nacre.bundle("grep -c ' /m/' /proc/self/mounts")
    for number, option in enumerate(options):
        mount = {"destination": f"/m/{number}", "source": "tmpfs", "type": "tmpfs"}
        if option in ("bind", "rbind"):
            mount.update(source="/proc/self/status", type="bind")
        if option == "remount":
            bundle.spec["mounts"].append(mount)
        bundle.spec["mounts"].append({**mount, "options": [option]})
    answer = nacre.run(bundle.write())
    assert answer.ok().out == f"{len(options)}\n"


def test_each_capability_is_there(nacre):
    names = features(nacre)["linux"]["capabilities"]
    bundle = nacre.bundle("grep CapBnd /proc/self/status")
    bundle.spec["process"]["capabilities"] = {"bounding": names, "permitted": names, "effective": names}
    answer = nacre.run(bundle.write())
    assert int(answer.ok().out.split()[1], 16) == (1 << len(names)) - 1


# The kernel's numbers of its first ones (linux/proc_ns.h).
FIRST = {"ipc": 0xEFFFFFFF, "uts": 0xEFFFFFFE, "user": 0xEFFFFFFD, "pid": 0xEFFFFFFC, "cgroup": 0xEFFFFFFB, "time": 0xEFFFFFFA}


def test_each_namespace_is_new(nacre):
    """But for the network's, which is the pod's; a container always has mounts of its own."""
    kinds = features(nacre)["linux"]["namespaces"]
    assert set(kinds) == {*FIRST, "mount", "network"}
    bundle = nacre.bundle(f"for n in {' '.join(FIRST)}; do readlink /proc/self/ns/$n; done")
    bundle.spec["linux"]["namespaces"] = [{"type": kind} for kind in kinds]
    bundle.spec["linux"]["uidMappings"] = bundle.spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    links = nacre.run(bundle.write()).ok().out.split()
    numbers = {link.split(":")[0]: int(link.split("[")[1].rstrip("]")) for link in links}
    assert set(numbers) == set(FIRST)
    assert not [kind for kind, number in numbers.items() if number == FIRST[kind]]


# libseccomp takes none of them beside an x86.
BIG_ENDIAN = {"MIPS", "MIPS64", "MIPS64N32", "PPC", "PPC64", "S390", "S390X"}


def test_each_part_of_a_seccomp_profile_is_understood(nacre):
    seccomp = features(nacre)["linux"]["seccomp"]
    bundle = nacre.bundle("grep Seccomp: /proc/self/status")
    calls = ("acct", "swapon", "swapoff", "reboot", "quotactl", "vhangup", "nfsservctl", "uselib", "ustat")
    actions = [action for action in seccomp["actions"] if action != "SCMP_ACT_ALLOW"]
    assert len(actions) <= len(calls)
    rules = [{"names": [call], "action": action} for call, action in zip(calls, actions)]
    for number, operator in enumerate(seccomp["operators"]):
        rules.append({"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": number + 1,
                      "args": [{"index": 0, "value": 0x1234, "valueTwo": 0x1234, "op": operator}]})
    archs = [arch for arch in seccomp["archs"] if arch.removeprefix("SCMP_ARCH_") not in BIG_ENDIAN]
    bundle.spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": archs, "syscalls": rules}
    assert nacre.run(bundle.write()).ok().out.split() == ["Seccomp:", "2"]


def test_the_versions_and_the_hooks(nacre):
    said = features(nacre)
    for version in (said["ociVersionMin"], said["ociVersionMax"]):
        bundle = nacre.bundle("true")
        bundle.spec["ociVersion"] = version
        nacre.run(bundle.write()).ok()
    assert set(said["hooks"]) == {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

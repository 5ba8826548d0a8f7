"""All that a runtime could change in a network namespace, as text to compare."""

import re
import subprocess

from .waiting import wait_until

# What changes by itself: ages and counters.
UNSTEADY = re.compile(r'"(valid_life_time|preferred_life_time|used|confirmed|updated|refcnt|expires|bytes|packets|'
                      r'fdb_n_learned|drops|overlimits|requeues|backlog|qlen|\w+_timer)": ?-?[\d.]+,?')


def network_state(path):
    """All that a runtime could change in a network namespace."""
    state = {}
    for what, command in {
        "links": "ip -j -d link", "addresses": "ip -j addr", "routes": "ip -j route show table all",
        "routes 6": "ip -6 -j route show table all", "rules": "ip -j rule", "neighbours": "ip -j neigh show nud permanent",
        "qdiscs": "tc -j qdisc", "nft": "nft -j list ruleset",
    }.items():
        done = subprocess.run(["nsenter", f"--net={path}", *command.split()], capture_output=True, text=True)
        assert done.returncode == 0, done
        state[what] = UNSTEADY.sub("", done.stdout)
    filters = "for link in $(ls /proc/self/net/dev_snmp6); do tc -j filter show dev $link ingress; done"
    state["filters"] = subprocess.run(["nsenter", f"--net={path}", "sh", "-c", filters], capture_output=True, text=True).stdout
    sysctls = subprocess.run(["nsenter", f"--net={path}", "sh", "-c", "grep -rs . /proc/sys/net --include=*"],
                             capture_output=True, text=True).stdout
    state["sysctls"] = {line for line in sysctls.splitlines()
                        if not re.search("nf_conntrack_count|/random|dirent|tcp_fastopen_key|stable_secret", line)}
    return state


def settled_state(path):
    """When the links' own addresses have been looked for on their networks."""
    def is_settled():
        state = network_state(path)
        return state if "tentative" not in state["addresses"] else None
    return wait_until(is_settled, "addresses to be settled")


def changes(before, after):
    return "\n".join(line for what in before if before[what] != after[what] for line in
                     [f"== {what}", f"before: {before[what]}", f"after: {after[what]}"])

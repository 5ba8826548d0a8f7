#!/usr/bin/python3
"""Writes what follows from the schemas of all keys: configuration.toml.in, and the tables of docs/configuration.md between
their marks. `tools/dev docs` runs it with the output of `nacre config schema --json` on its standard input."""

import json
import sys
import textwrap
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
WIDTH = 118

TOP = """\
# Nacre's configuration, made by `tools/dev docs`. docs/configuration.md explains every key, and `nacre config check` the
# file; a key that would have no effect is refused. `nacre config show --origin` prints what is in force.
# Files in config.d/ beside this one override single keys.

[runtime]
# The plugins, by the names of their files in @NACRE_PLUGIN_DIR@/<kind>/.
# Lists are tried in order: the first plugin that claims a link or a mount has it; all of `security` apply.
hypervisor = "qemu"
network = ["tcfilter"]
storage = ["9p"]
security = ["seccomp"]
"""
CHOICES = {"hypervisor", "network", "storage", "security"}
GUEST = {"kernel": '"@NACRE_DATA_DIR@/vmlinux"', "initrd": '"@NACRE_DATA_DIR@/nacre-initrd.img"'}


def tables_by_name(document):
    return {table["name"]: table for table in document["tables"]}


def plugins_of(document):
    """Those with options, without the reference plugins named null."""
    return [table for table in document["tables"]
            if "plugin" in table and table["keys"] and not table["plugin"].endswith("/null")]


def data_folder(document):
    kernel = next(key for key in tables_by_name(document)["hypervisor.*"]["keys"] if key["key"] == "kernel")
    return kernel["default"].rsplit("/", 1)[0]


def toml(value):
    return json.dumps(value, ensure_ascii=False)


def sentence(text):
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def lines_of_key(key):
    """A comment and the key with its default, which is a comment too: it is in force without."""
    help_text = sentence(key["help"]) + (f": one of {', '.join(map(toml, key['values']))}" if "values" in key else "") + "."
    lines = textwrap.wrap(help_text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    setting = textwrap.wrap(f"{key['key']} = {toml(key['default'])}", WIDTH - 1, subsequent_indent="    ",
                            break_long_words=False, break_on_hyphens=False) if "default" in key else [f"{key['key']} ="]
    return "\n" + "".join(f"# {line}\n" for line in lines) + "".join(f"#{line}\n" for line in setting)


def configuration(document):
    tables = tables_by_name(document)
    text = TOP + "".join(lines_of_key(key) for key in tables["runtime"]["keys"] if key["key"] not in CHOICES)
    text += "\n[agent.nacre]" + "".join(lines_of_key(key) for key in tables["agent.nacre"]["keys"])
    for plugin in plugins_of(document):
        text += f"\n[{plugin['name']}]\n"
        keys = plugin["keys"]
        if plugin["name"].startswith("hypervisor."):
            text += "# The guest: a kernel, and an initrd that holds the agent.\n"
            text += "".join(f"{key} = {value}\n" for key, value in GUEST.items())
            keys = [key for key in tables["hypervisor.*"]["keys"] if key["key"] not in GUEST] + keys
        text += "".join(lines_of_key(key) for key in keys).removeprefix("" if text.endswith(f"{GUEST['initrd']}\n") else "\n")
    return text.replace("#image =\n", '#image = ""\n').replace("#disable_selinux =\n", "#disable_selinux = true\n")


def cell(text):
    return str(text).replace("|", "\\|") if text else ""


def range_of(key):
    if "values" in key:
        return " or ".join(f"`{toml(value)}`" for value in key["values"])
    low, high = key.get("min"), key.get("max")
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"from {low}" if low is not None else f"to {high}" if high is not None else ""


def key_table(table, folder):
    text = "| key | type | default | values | meaning |\n|---|---|---|---|---|\n"
    for key in table["keys"]:
        default = f"`{toml(key['default'])}`".replace(folder, "<datadir>/nacre") if "default" in key else ""
        kind = key["type"] + (f", {key['unit']}" if "unit" in key else "")
        text += f"| `{key['key']}` | {kind} | {cell(default)} | {cell(range_of(key))} | {cell(sentence(key['help']))} |\n"
    return text


def own_keys(document):
    folder = data_folder(document)
    titles = {"runtime": "[runtime]", "agent.nacre": "[agent.nacre], also [agent.kata]", "hypervisor.*": "[hypervisor.NAME]"}
    tables = tables_by_name(document)
    text = "".join(f"### {title}\n\n{key_table(tables[name], folder)}\n" for name, title in titles.items())
    return text + "".join(f"### [{plugin['name']}]\n\n{key_table(plugin, folder)}\n" for plugin in plugins_of(document))


def owners(document, entry):
    group = entry["table"].split(".")[0]
    found = [table.get("plugin") or "the core" for table in document["tables"]
             if table["name"].split(".")[0] == group and any(key["key"] == entry["key"] for key in table["keys"])]
    return sorted(set(found))


def fate_of(document, entry):
    words = entry["words"]
    if entry["disposition"] == "honoured":
        by = owners(document, entry)
        return f"honoured by {', '.join(by)}" if by else f"refused: {words or 'is not supported yet'}"
    if entry["disposition"] == "chosen":
        return "chooses plugins, see above"
    if entry["disposition"] == "moved" and words == "network.*":
        return "taken for each plugin of `network`, which refuses it where it cannot"
    if entry["disposition"] == "moved":
        return f"taken for [storage.{words}] where that plugin is used; a notice else"
    if entry["disposition"] == "mapped":
        return f"notice: {words}"
    return f"refused: {words or 'is not supported yet'}"


def kata_keys(document):
    text = ""
    for table in dict.fromkeys(entry["table"] for entry in document["kata"]):
        text += f"### Kata's [{table.replace('*', 'NAME')}]\n\n"
        text += "| key | asks for nothing | else | annotation |\n|---|---|---|---|\n"
        for entry in sorted((entry for entry in document["kata"] if entry["table"] == table), key=lambda entry: entry["key"]):
            nothing = ", ".join(f"`{value}`" for value in entry["nothing"])
            annotation = f"`{table.split('.')[0]}.{entry['annotation']}`" if entry["annotation"] else ""
            text += f"| `{entry['key']}` | {cell(nothing)} | {cell(fate_of(document, entry))} | {annotation} |\n"
        text += "\n"
    return text


def reference(document, page):
    for mark, tables in (("keys", own_keys(document)), ("kata", kata_keys(document))):
        begin, end = f"<!-- {mark}: made by tools/dev docs -->\n", f"<!-- end of {mark} -->\n"
        before, rest = page.split(begin)
        page = before + begin + "\n" + tables + end + rest.split(end)[1]
    return page


def main():
    document = json.load(sys.stdin)
    (SOURCE / "configuration.toml.in").write_text(configuration(document))
    page = SOURCE / "docs/configuration.md"
    page.write_text(reference(document, page.read_text()))


if __name__ == "__main__":
    main()

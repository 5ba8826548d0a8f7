"""configuration.toml.in and docs/configuration.md say what the schemas say."""

import importlib.util
import re
import tomllib

import pytest
from harness import place


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("configuration", place.source / "tools/dev.d/configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def document(nacre):
    return nacre("config", "schema", "--json").json()


def test_the_configuration_is_that_of_the_schemas(maker, document):
    assert (place.source / "configuration.toml.in").read_text() == maker.configuration(document), "run `tools/dev docs`"


def test_the_reference_is_that_of_the_schemas(maker, document):
    page = (place.source / "docs/configuration.md").read_text()
    assert page == maker.reference(document, page), "run `tools/dev docs`"


def test_every_key_of_every_installed_plugin_is_in_both(document):
    template, page = ((place.source / name).read_text() for name in ("configuration.toml.in", "docs/configuration.md"))
    for table in document["tables"]:
        if table.get("plugin", "").endswith("/null"):
            continue
        for key in table["keys"]:
            assert f"\n#{key['key']} = " in template or f"\n{key['key']} = " in template, key
            assert f"| `{key['key']}` |" in page, key


def test_each_commented_line_is_the_default_and_the_file_with_all_of_them_is_good(nacre, folder):
    """What the file says is in force without a line is what `config show` prints."""
    lines = (place.stage / "etc/nacre/configuration.toml").read_text().splitlines()
    settings = [line[1:] if re.match('#([a-z]|    ")', line) else line for line in lines]
    without = {"image", "initrd", "disable_selinux"}  # they have no default, or exclude each other
    text = "\n".join(line for line in settings if line.split(" = ")[0] not in without)
    (folder / "all.toml").write_text(text + "\n")
    assert nacre("config", "check", folder / "all.toml").ok().out == f"{folder}/all.toml: good\n"
    ours = tomllib.loads(nacre("config", "show", globals=["--config", folder / "all.toml"]).ok().out)
    plain = tomllib.loads(nacre("config", "show").ok().out)
    for table in ("runtime", "agent"):
        assert ours[table] == plain[table]
    assert plain["hypervisor"]["qemu"].items() <= {**ours["hypervisor"]["qemu"], "initrd": plain["hypervisor"]["qemu"]["initrd"]}.items()


def test_the_documented_commands_of_the_page_are_those_of_the_verb(nacre):
    page = (place.source / "docs/configuration.md").read_text()
    usage = nacre("config", "--help").ok().out
    for action in ("show", "check", "migrate", "schema"):
        assert f"`nacre config {action}" in page and action in usage

"""The example plugins: each builds out of tree as its author would build it, and does what every plugin must."""

import re
import subprocess

import pytest
from harness import examples, place

pytestmark = pytest.mark.no_leak_check


@pytest.fixture(scope="module")
def plugins():
    return examples.build_all()


def nacre(plugins, *arguments):
    return subprocess.run([place.nacre, "plugin", *arguments, "--plugin-dir", plugins], capture_output=True, text=True)


def test_all_of_them_are_there(plugins):
    assert {str(path.relative_to(plugins).with_suffix("")) for path in plugins.glob("*/*.so")} == examples.ALL


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_verify_has_no_complaint(plugins, name):
    done = nacre(plugins, "verify", name)
    assert done.returncode == 0 and "  good\n" in done.stdout, done.stdout + done.stderr
    assert "warning  " not in done.stdout, done.stdout


@pytest.mark.parametrize("name", sorted(examples.ALL))
def test_it_exports_one_symbol_and_links_nothing_of_nacre(plugins, name):
    library = plugins / f"{name}.so"
    assert examples.run("nm", "-D", "--defined-only", library).split()[2:] == ["nacre_plugin_v1"]
    assert not re.search("NEEDED.*(nacre|grpc)", examples.run("readelf", "-dW", library))


def test_they_conform(plugins):
    examples.assert_conforms(plugins)


def test_the_one_in_c_builds_with_make_and_pkg_config(tmp_path):
    for name in ("audit.c", "Makefile"):
        (tmp_path / name).write_bytes((examples.SOURCE / "security-audit-c" / name).read_bytes())
    examples.run("make", "-C", tmp_path, f"DESTDIR={tmp_path}/root", "CFLAGS=-O2 -Wall -Wextra -Werror", "install")
    installed = tmp_path / "root" / str(place.stage / "lib/nacre/plugins/security/audit.so").lstrip("/")
    assert examples.run("nm", "-D", "--defined-only", installed).split()[2:] == ["nacre_plugin_v1"]
    flags = examples.run("readelf", "-dW", installed)
    assert "BIND_NOW" in flags or "NOW" in flags, flags


RUST_LAYOUT = """
#![allow(unused_imports)]
#[path = "{nacre}/mod.rs"]
mod nacre;
use nacre::*;
use std::mem::{{size_of, MaybeUninit}};
use std::ptr::addr_of;

macro_rules! offset {{
    ($type:ty, $member:ident) => {{{{
        let value = MaybeUninit::<$type>::uninit();
        let base = value.as_ptr();
        unsafe {{ addr_of!((*base).$member) as usize - base as usize }}
    }}}};
}}

fn main() {{
{lines}
}}
"""


def test_the_rust_bindings_have_the_layout_of_c(tmp_path):
    """Every size and every offset of the recorded layout, as rustc sees them."""
    golden = (place.source / "tests/plugins/layout-x86_64.h").read_text()
    lines = []
    for struct, member, value in re.findall(r"(?:sizeof\(struct|offsetof\(struct) (\w+)(?:, (\w+))?\) == (\d+)", golden):
        name = "r#type" if member == "type" else member
        what = f"offset!({struct}, {name})" if member else f"size_of::<{struct}>()"
        lines.append(f'    assert_eq!({what}, {value}, "{struct} {member}");')
    assert len(lines) == golden.count("sizeof(") + golden.count("offsetof(") > 200
    source = tmp_path / "layout.rs"
    source.write_text(RUST_LAYOUT.format(nacre=examples.SOURCE / examples.RUST / "src/nacre", lines="\n".join(lines)))
    examples.run("rustc", "--edition", "2021", source, "-o", tmp_path / "layout")
    examples.run(tmp_path / "layout")


def test_the_rust_bindings_have_the_constants_of_c(tmp_path):
    modules = sorted((examples.SOURCE / examples.RUST / "src/nacre").glob("*.rs"))
    rust = dict(re.findall(r"^pub const (NACRE_\w+): [ui]\d+ = (.+);$", "".join(path.read_text() for path in modules),
                           flags=re.M))
    headers = sorted((place.source / "core/include/nacre/plugin").glob("*.h"))
    names = re.findall(r"^#define (NACRE_\w+) \(?[\d]", "".join(path.read_text() for path in headers), flags=re.M)
    assert sorted(rust) == sorted(names)
    source = "#include <stdio.h>\n" + "".join(f"#include <nacre/plugin/{path.name}>\n" for path in headers)
    source += "int main(void) {" + "".join(f'printf("{name} %llu\\n", (unsigned long long){name});' for name in names)
    program = tmp_path / "constants"
    examples.run("gcc", "-x", "c", "-", f"-I{place.source}/core/include", "-o", program, input=source + "}\n")
    in_c = dict(line.split() for line in examples.run(program).splitlines())
    assert {name: eval(value) for name, value in rust.items()} == {name: int(value) for name, value in in_c.items()}

"""A plugin that brings the sandbox process down, or tries to: the user reads which plugin it was, and in which operation."""

import pytest
from harness import place

VARIANTS = place.build / "tests/plugins/variants"


@pytest.mark.parametrize("name, said", [
    ("create-crashes", "nacre: SIGSEGV in plugin security/create-crashes (create a handle)"),
    ("constructor-crashes", "nacre: SIGSEGV in plugin security/constructor-crashes (load)"),
    ("throws", 'create a handle with plugin "security/throws": an exception left the plugin, which it must not'),
    ("create-gives-nothing", 'create a handle with plugin "security/create-gives-nothing": it gave none'),
    ("create-fails-silently", 'create a handle with plugin "security/create-fails-silently": it gave no reason'),
    ("undefined-symbol", "nacre_there_is_no_such_function"),
    ("minor-99", "it needs plugin ABI 1.99, this is 1.0; install a newer Nacre"),
])
def test_a_container_that_cannot_be_says_who_is_to_blame(nacre, name, said):
    nacre.configure({"runtime.extra_plugin_dir": str(VARIANTS), "runtime.security": [name]})
    answer = nacre.run(nacre.bundle("true"))
    assert answer.code == 1 and said in answer.err, answer
    assert not any(nacre.root.iterdir())

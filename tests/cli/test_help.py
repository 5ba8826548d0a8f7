"""--help: complete, and on one screen."""

import re

import pytest
from verb_list import VERBS


def on_one_screen(text):
    lines = text.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80, text


def test_the_program_s_help_has_every_verb_on_one_screen(nacre):
    text = nacre("--help").ok().out
    on_one_screen(text)
    assert set(VERBS) <= set(re.findall(r"[a-z][a-z-]+", text))
    assert nacre("help").ok().out == text


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_fits_one_screen(nacre, verb):
    text = nacre(verb, "--help").ok().out
    on_one_screen(text)
    assert text.startswith(f"usage: nacre {verb}") and "-h, --help" in text


def test_each_flag_is_shown_with_its_value_and_help(nacre):
    text = nacre("list", "--help").ok().out
    assert "  -f, --format table|json  table (default) or json\n" in text
    assert "  -q, --quiet              print ids only\n" in text

"""The verbs as the source has them, so that a table that forgets one is found out."""

import re

from harness import place

VERBS = sorted(name.replace("_", "-") for name in
               re.findall(r"^int verb_(\w+)\(", (place.source / "core/cli/verbs.hpp").read_text(), re.M))

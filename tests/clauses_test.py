"""Every test that vrrp/clauses.md names exists, and the RFC's tests stand in the RFC's order.

    clauses_test.py SOURCE-FOLDER
"""

import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
errors = []

known = set()
for file in [*root.glob("vrrp/*_test.cc"), *root.glob("vrrp/io/*_test.cc")]:
    for suite, name in re.findall(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", file.read_text(), re.M):
        known.add(f"{suite}.{name}")
for file in root.glob("tests/lab/test_*.py"):
    known.update(re.findall(r"^def (test_\w+)", file.read_text(), re.M))

page = (root / "vrrp/clauses.md").read_text()
named = re.findall(r"`(test_\w+|[A-Z]\w+\.[A-Z]\w+)`", page)
errors += [f"vrrp/clauses.md names {name}, which does not exist" for name in named if name not in known]
for line in page.splitlines():
    if re.match(r"\| [0-9]", line) and not re.search(r"`[\w.]+` \|$", line):
        errors.append(f"vrrp/clauses.md: a clause without a test: {line}")
if len(named) < 15:
    errors.append("vrrp/clauses.md names hardly any test: its shape has changed, and this one no longer reads it")

for name, least in (("rfc9568_packet_test.cc", 25), ("rfc9568_machine_test.cc", 25), ("rfc3768_test.cc", 8)):
    sections = []
    for test in re.findall(r"^TEST_F\(\w+,\s*(\w+)\)", (root / "vrrp" / name).read_text(), re.M):
        match = re.match(r"S((?:\d+_)+)[A-Z]", test)
        if match:
            sections.append((tuple(map(int, match[1].rstrip("_").split("_"))), test))
        else:
            errors.append(f"{name}: {test} does not say its section")
    errors += [f"{name}: {b[1]} stands after {a[1]}" for a, b in zip(sections, sections[1:]) if b[0] < a[0]]
    if len(sections) < least:
        errors.append(f"{name}: {len(sections)} clauses, fewer than {least}")

print("\n".join(errors) or f"{len(set(named))} tests named on the page, all there")
sys.exit(1 if errors else 0)

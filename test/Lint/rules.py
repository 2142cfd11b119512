"""Every rule of the importer (lib/Frontend/ONNX/Rules.def) has a row with its exit code in docs/Import.md, and a test that expects it.

usage: rules.py SOURCE_ROOT
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
codes = dict(re.findall(r"(Exit\w+) = (\d+),", (root / "include/qcc/Base/ExitCodes.h").read_text()))
rules = re.findall(r'^QCC_RULE\(\w+, "([^"]+)", (\w+)\)', (root / "lib/Frontend/ONNX/Rules.def").read_text(), re.M)
rows = dict(re.findall(r"^\| `([^`]+)` \| (\d+) \|", (root / "docs/Import.md").read_text(), re.M))
tests = "".join(p.read_text() for p in (root / "test/Frontend").glob("*.test"))
UNTESTED = {"version-conversion", "function-expansion"}  # only when ONNX's library fails on what its own checker accepted

bad = [] if rules else ["Rules.def has no rules"]
for rule, code in rules:
    if rows.get(rule) != codes[code]:
        bad.append(f"docs/Import.md: {rule} has exit code {rows.get(rule)}, expected {codes[code]}")
    if f"[{rule}]" not in tests and rule not in UNTESTED:
        bad.append(f"no test in test/Frontend expects [{rule}]")
bad += [f"docs/Import.md: there is no rule {row}" for row in rows if row not in dict(rules)]
print("\n".join(bad))
sys.exit(bool(bad))

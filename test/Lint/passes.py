"""Checks every pass of every include/qcc/<Stage>/Passes.td: flag, description with an example, one file, one test.

usage: passes.py SOURCE_ROOT
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
kebab = lambda name: re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", lambda m: "-" + m[0], name).lower()
bad = []
for table in sorted((root / "include/qcc").glob("*/Passes.td")):
    stage = table.parent.name
    text = table.read_text()
    found = list(re.finditer(r'^def (\w+) *: *\w*Pass<"([^"]+)"', text, re.M))
    for i, match in enumerate(found):
        name, flag = match[1], match[2]
        body = text[match.end():found[i + 1].start() if i + 1 < len(found) else len(text)]
        where = f"{table.relative_to(root)}: {name}"
        if flag not in (f"qcc-{stage.lower()}-{kebab(name)}", kebab(name)):   # a stage's own base class may add the prefix
            bad.append(f"{where}: the flag is '{flag}', expected 'qcc-{stage.lower()}-{kebab(name)}'")
        if "Example:" not in body:
            bad.append(f"{where}: the description has no 'Example:'")
        folders = [p for p in (root / "lib").rglob(f"{name}.cpp") if p.relative_to(root / "lib").parts[0] == stage]
        if len(folders) != 1:
            bad.append(f"{where}: expected one file lib/{stage}/.../{name}.cpp, found {len(folders)}")
        if not list((root / "test" / stage).rglob(f"{kebab(name)}.mlir")):
            bad.append(f"{where}: no test test/{stage}/.../{kebab(name)}.mlir")
print("\n".join(bad))
sys.exit(bool(bad))

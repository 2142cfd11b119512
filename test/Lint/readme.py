"""Compares README's folder map (the table under "## The folders") with the folders that exist.

usage: readme.py SOURCE_ROOT
Every row's first cell is a folder in backquotes; every folder of lib, dialects, tools, include/qcc, docs and test at depth one must have a row
or lie under a row's folder that ends in "/...".
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
section = re.search(r"^## The folders$(.*?)(?=^## )", (root / "README.md").read_text(), re.M | re.S)
rows = re.findall(r"^\| `([^`]+)` \|", section[1] if section else "", re.M)
open_rows = {r[:-len("/...")] for r in rows if r.endswith("/...")}
bad = [f"README names {r}, which does not exist" for r in rows if not (root / r.removesuffix("/...")).exists()]
for top in ("dialects", "lib", "tools", "docs", "test", "include/qcc"):
    for folder in sorted(p for p in (root / top).iterdir() if p.is_dir() and not p.name.startswith((".", "__"))):
        name = str(folder.relative_to(root))
        if name not in rows and name not in open_rows and top not in open_rows:
            bad.append(f"README's folder map has no row for {name}")
if not rows:
    bad.append("README has no folder map")
print("\n".join(bad))
sys.exit(bool(bad))

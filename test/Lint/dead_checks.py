"""Fails on FileCheck directives that lack their colon: FileCheck reads over them, so they check nothing.

usage: dead_checks.py TEST_DIR
"""
import pathlib
import re
import sys

dead = re.compile(r"^\s*(//|#|;)\s*CHECK(-[A-Z]+)*\s+[^\s:]")
live = re.compile(r"CHECK[-A-Z]*(\{[^}]*\})?:")
found = [f"{path}:{n}: {line.strip()}" for path in sorted(pathlib.Path(sys.argv[1]).rglob("*"))
         if path.suffix in (".mlir", ".test", ".txt") for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
         if dead.match(line) and not live.search(line)]
print("\n".join(found))
sys.exit(bool(found))

"""Fails on FileCheck directives that check nothing: FileCheck reads over those that lack their colon, and over those with a prefix that no RUN line names.

usage: dead_checks.py TEST_DIR
"""
import pathlib
import re
import sys

LIT = {"RUN", "REQUIRES", "UNSUPPORTED", "XFAIL", "DEFINE", "REDEFINE", "END"}
SUFFIX = r"(?:-(?:NEXT|NOT|SAME|DAG|EMPTY|LABEL|COUNT-\d+))"
named = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")
directive = re.compile(r"^\s*(?://|#|;)?\s*([A-Z][A-Z0-9_-]*)(?:\{LITERAL\})?:(?:\s|$)")

def prefixes(text):
    """What the RUN lines, and DEFINEs of their parts, name; a FileCheck that names none reads CHECK."""
    found = set()
    for run in re.findall(r"(?:RUN|DEFINE):(.*)", re.sub(r"\\\n.*?RUN:", " ", text)):
        for command in re.split(r"[|;]|&&|%}", run):
            if "FileCheck" in command:
                names = named.findall(command)
                found |= {name for group in names for name in group.split(",")} if names else {"CHECK"}
    return found

def dead(path):
    text = path.read_text(errors="replace")
    known = prefixes(text)
    # Comments of code may begin with the word; elsewhere only what has a suffix is surely no sentence.
    words = "|".join(sorted(map(re.escape, known | {"CHECK"}), key=len, reverse=True))
    colonless = re.compile(rf"^\s*(?:(?://|#|;)\s*(?:CHECK|(?:{words}){SUFFIX}){SUFFIX}?|(?:{words}){SUFFIX})\s+[^\s:]")
    for n, line in enumerate(text.splitlines(), 1):
        match = directive.match(line)
        if match and not {match[1], re.sub(SUFFIX + "$", "", match[1])} & (known | LIT) and path.suffix != ".txt":
            yield n, line, f"no RUN line names {match[1]}"
        elif colonless.match(line) and not directive.search(line):
            yield n, line, "lacks its colon"

found = [f"{path}:{n}: {why}: {line.strip()}" for path in sorted(pathlib.Path(sys.argv[1]).rglob("*"))
         if path.suffix in (".mlir", ".test", ".txt") and path.is_file() for n, line, why in dead(path)]
print("\n".join(found))
sys.exit(bool(found))

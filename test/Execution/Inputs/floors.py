"""Which code of an artifact uses instructions of which versions.

usage: floors.py OBJDUMP LIBRARY NAME=FEATURES ..     the library's versions, best first, as they are linked; the last one is the floor
Disassembles with the features of each version alone, in which what the version lacks is unknown. Functions of the same name are those of the versions,
in order; every other function may use only what the floor has. Prints, per version, how many instructions the next lower one lacks.
"""
import collections
import re
import subprocess
import sys

objdump, library, *named = sys.argv[1:]
versions = [v.split("=", 1) for v in named]


def unknown(features):
    """[name, number of instructions unknown, number of all] per function, by address."""
    text = subprocess.check_output([objdump, "-d", "--mcpu=generic", f"--mattr={features}", "--no-show-raw-insn", library], text=True)
    functions = []
    for line in text.splitlines():
        if header := re.match(r"^[0-9a-f]+ <(.*)>:$", line):
            functions.append([header[1], 0, 0])
        elif re.match(r"^\s*[0-9a-f]+:", line):
            functions[-1][1] += "<unknown>" in line
            functions[-1][2] += 1
    return functions


disassembled = [unknown(features) for _, features in versions]
count = collections.Counter(name for name, _, _ in disassembled[0])
needs, seen, bad = [0] * len(versions), collections.Counter(), 0
for function in range(len(disassembled[0])):
    name = disassembled[0][function][0]
    own = [i for i, (version, _) in enumerate(versions) if name.startswith(f"qcc.{version}.")]
    at = own[0] if own else seen[name] if count[name] == len(versions) else len(versions) - 1
    seen[name] += 1
    if wrong := disassembled[at][function][1]:
        bad += 1
        print(f"{name}: {wrong} instructions that {versions[at][0]} lacks")
    if at + 1 < len(versions):
        needs[at] += disassembled[at + 1][function][1]
print(f"{len(disassembled[0])} functions, {bad} wrong")
for (name, _), (lower, _), n in zip(versions, versions[1:], needs):
    print(f"{name}: {'some' if n else 'no'} instructions that {lower} lacks")
sys.exit(bool(bad))

"""Cycles that llvm-mca counts for the loop of a kernel that multiplies, on models of processors that are not at hand.

usage: loop_cycles.py LLVM_MCA TRIPLE ASSEMBLY FUNCTION WEIGHTS INSTRUCTION CPU ..
ASSEMBLY as `qcc --emit=asm` or clang -S write it, or an object (.o), for what is written in assembler itself. Of the function's innermost loops that have INSTRUCTION (a regular expression: sdot, usmmla)
the one with most of them is taken, without its branches; with WEIGHTS followed by "+" the loop around it, whose inner loops are taken to run once each, as
where a step is a loop within a block of k. WEIGHTS: how many weights an iteration multiplies. Prefetches are left out: other compilers' kernels have none. Prints cycles per 1000 weights.
"""
import re
import subprocess
import sys

mca, triple, path, function, weights, instruction, *cpus = sys.argv[1:]


def disassembled(path):
    """The functions of an object, as a compiler would have written them."""
    objdump = mca.replace("llvm-mca", "llvm-objdump")
    dump = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"\s0x([0-9a-f]+) <", dump))
    text = []
    for line in dump.splitlines():
        if m := re.match(r"0*([0-9a-f]+) <(\S+)>:", line):
            text += [".Lfunc_end", f"{m[2]}:"] * (m[1] not in targets)
        elif m := re.match(r"\s+([0-9a-f]+):\s+(.*)", line):
            text += [f".L{m[1]}:"] * (m[1] in targets) + ["\t" + re.sub(r"0x([0-9a-f]+) <.*", r".L\1", m[2])]
    return "\n".join(text + [".Lfunc_end"])


text = disassembled(path) if path.endswith(".o") else open(path).read()
body = re.search(rf"^{re.escape(function)}:.*?^\.Lfunc_end", text, re.M | re.S)
if not body:
    sys.exit(f"{path} has no function {function}")
lines = body[0].splitlines()
labels = {m[1]: i for i, line in enumerate(lines) if (m := re.match(r"(\.L\w+):", line))}
loops, spans = [], []
for end, line in enumerate(lines):
    branch = re.match(r"\s+(?:b(?:\.\w+)?|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#\d+,|j\w+)\s+(\.L\w+)", line)
    if not branch or labels.get(branch[1], end) >= end:
        continue
    loop = [l for l in lines[labels[branch[1]]:end] if re.match(r"\s+[a-z]", l) and not re.match(r"\s+(b(\.\w+)?|cbn?z|tbn?z|prfm|j\w+)\s", l)]
    spans.append((labels[branch[1]], end, loop))
    count = sum(bool(re.search(instruction, l)) for l in loop)
    if count and not any(labels[branch[1]] <= begin for begin, *_ in loops):  # loops end in order: the inner one first
        loops.append((labels[branch[1]], count, loop))
if not loops:
    sys.exit(f"{function} has no loop with {instruction}")
begin, _, best = max(loops, key=lambda l: l[1])
if weights.endswith("+"):
    around = [(end - start, loop) for start, end, loop in spans if start < begin < end]
    if not around:
        sys.exit(f"{function} has no loop around that one")
    best, weights = min(around)[1], weights[:-1]
for cpu in cpus:
    report = subprocess.run([mca, f"-mtriple={triple}", f"-mcpu={cpu}", "-mattr=+dotprod,+i8mm,+fullfp16" if "aarch64" in triple else "", "-iterations=200"],
                            input="\n".join(best) + "\n", capture_output=True, text=True)
    cycles = re.search(r"Total Cycles:\s+(\d+)", report.stdout)
    if not cycles:
        sys.exit(report.stderr)
    print(f"{cpu}: {int(cycles[1]) / 200 / int(weights) * 1000:.1f} cycles per 1000 weights, {len(best)} instructions an iteration")

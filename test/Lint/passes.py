"""Checks every pass of every include/qcc/<Stage>/Passes.td (of targets, Target/<T>): flag, description with an example, one file, one test that runs it.

The example is shortened IR: "Example:", what is there before, "becomes" or "gets", what is there after. The test has to run the pass on the operations
from before, and its CHECK lines have to see those from after.

usage: passes.py SOURCE_ROOT
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
kebab = lambda name: re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", lambda m: "-" + m[0], name).lower()
DIALECTS = "arith|bufferization|func|linalg|llvm|math|memref|onnx|qk|qnt|scf|tensor|vector"
bad = []

def operations(ir):
    """The operations that IR names, ONNX nodes by kind. What '=' follows is an attribute ({qnt.dims = ...})."""
    code = re.sub(r"//.*", "", ir)
    found = set(re.findall(rf"(?<![\w.!#@])((?:{DIALECTS})\.[a-z][a-z0-9_.]*)(?![\w.]|\s*[=}}])", code))
    return (found | {f'"{kind}"' for kind in re.findall(r'onnx\.node "(\w+)"', code)}) - {"onnx.node"}

def check_example(example, flag, test, where):
    parts = re.split(r"^\s*(?:becomes|gets)\b.*$", example, maxsplit=1, flags=re.M)
    if len(parts) != 2:
        bad.append(f"{where}: the example has no line 'becomes'")
        return
    before, after = parts
    text = test.read_text()
    checks = "\n".join(re.findall(r"^\s*// *[A-Z0-9-]+: *(.*)", text, re.M))
    source = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
    if not re.search(rf"RUN:.*[-'(\",]{re.escape(flag)}(?![\w-])", text):
        bad.append(f"{where}: {test.relative_to(root)} does not run --{flag}")
    for place, ir, what in ((source, before, "the program"), (checks, after, "a CHECK line")):
        for op in sorted(operations(ir)):
            if not re.search(re.escape(op) + r"(?!\w)", place):
                bad.append(f"{where}: {op} of the example is not in {what} of {test.relative_to(root)}")

for table in sorted((root / "include/qcc").rglob("Passes.td")):
    folder = table.parent.relative_to(root / "include/qcc")   # Graph, Target/NVPTX
    stage = folder.parts[0]
    text = table.read_text()
    found = list(re.finditer(r'^def (\w+) *: *\w*Pass<"([^"]+)"', text, re.M))
    for i, match in enumerate(found):
        name, flag = match[1], match[2]
        body = text[match.end():found[i + 1].start() if i + 1 < len(found) else len(text)]
        where = f"{table.relative_to(root)}: {name}"
        if flag not in (f"qcc-{stage.lower()}-{kebab(name)}", kebab(name)):   # a stage's own base class may add the prefix
            bad.append(f"{where}: the flag is '{flag}', expected 'qcc-{stage.lower()}-{kebab(name)}'")
        folders = [p for p in (root / "lib").rglob(f"{name}.cpp") if p.is_relative_to(root / "lib" / folder)]
        if len(folders) != 1:
            bad.append(f"{where}: expected one file lib/{folder}/.../{name}.cpp, found {len(folders)}")
        tests = list((root / "test" / folder).rglob(f"{kebab(name)}.mlir"))
        example = re.search(r"\bExample:(.*?)\}\];", body, re.S)
        if not tests:
            bad.append(f"{where}: no test test/{folder}/.../{kebab(name)}.mlir")
        if not example:
            bad.append(f"{where}: the description has no 'Example:'")
        elif tests:
            check_example(example[1], f"qcc-{stage.lower()}-{kebab(name)}", tests[0], where)
print("\n".join(bad))
sys.exit(bool(bad))

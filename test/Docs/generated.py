"""Keeps the generated parts of the documentation true: runs the command of every block and compares, or rewrites with --bless.

usage: generated.py SOURCE_ROOT TOOLS_DIR [--bless] [FILE.md ...]

A block in a Markdown file:
    <!-- generated: qcc %models/m.onnx --compile-to=graph | function main -->
    ```mlir
    ...
    ```
    <!-- end -->
The command's program comes from TOOLS_DIR, or is a script in Inputs beside this one, which is called with TOOLS_DIR; %models is test/Models. After "|", optionally: `function NAME` keeps that function, `function NAME N`
its first N lines, `lines A B` keeps lines A to B (1-based), `around TEXT N` N lines about TEXT's
first line, `table` drops the fence, for commands that print Markdown. Long lines are cut. A command that fails, or a filter that
finds nothing, fails with --bless too.
"""
import difflib
import pathlib
import re
import shlex
import subprocess
import sys

arguments = [a for a in sys.argv[1:] if a != "--bless"]
bless = "--bless" in sys.argv
root, tools = pathlib.Path(arguments[0]), pathlib.Path(arguments[1])
pages = [pathlib.Path(p) for p in arguments[2:]] or [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
block = re.compile(r"(<!-- generated: (?P<command>[^|\n]*?)(?: *\| *(?P<filter>[^\n]*?))? -->\n)(?P<body>.*?)(<!-- end -->)", re.S)

class Failed(Exception):
    """A block whose command or filter finds nothing to show: wrong whatever the page says."""

def keep(text, choice):
    if not choice or choice == "table":
        return text
    kind, *words = choice.split()
    if kind == "function":
        found = re.search(rf"^( *)(?:llvm\.)?func(?:\.func)?(?: private)? @{words[0]}\(.*?^\1}}$", text, re.S | re.M)
        if not found:
            raise Failed(f"no function @{words[0]}")
        lines = found[0].splitlines()
        return "\n".join(lines if len(words) < 2 or len(lines) <= int(words[1]) else [*lines[:int(words[1])], f"    ... {len(lines) - int(words[1])} more lines"])
    if kind == "lines":
        return "\n".join(text.splitlines()[int(words[0]) - 1:int(words[1])])
    if kind == "around":
        lines = text.splitlines()
        at = next((i for i, line in enumerate(lines) if words[0] in line), None)
        if at is None:
            raise Failed(f"no line with {words[0]}")
        return "\n".join(lines[max(0, at - int(words[1]) // 2):at + int(words[1]) // 2])
    raise Failed(f"unknown filter {choice}")

def generate(match):
    words = shlex.split(match["command"].replace("%models", str(root / "test/Models")))
    script = pathlib.Path(__file__).parent / "Inputs" / words[0]
    program = [sys.executable, str(script), str(tools)] if words[0].endswith(".py") else [str(tools / words[0])]
    run = subprocess.run([*program, *words[1:]], capture_output=True, text=True)
    missing = re.search(r"^ModuleNotFoundError: .*$", run.stderr, re.M)
    if missing:                       # whatever a script does about it: what it prints then is no page
        raise Failed(f"{sys.executable}: {missing[0]}")
    if run.returncode:
        raise Failed(f"exit code {run.returncode}\n{run.stderr}")
    text = keep(run.stdout.rstrip("\n"), match["filter"])
    if match["filter"] != "table":
        text = "\n".join(line if len(line) <= 220 else line[:217] + "..." for line in text.splitlines())
    fence = ("", "") if match["filter"] == "table" else ("```mlir\n" if "--compile-to" in match["command"] else "```\n", "```\n")
    return f"{match[1]}{fence[0]}{text}\n{fence[1]}{match[5]}"

stale = failures = 0
for page in pages:
    old = page.read_text()
    failed = []
    def tried(match):
        try:
            return generate(match)
        except Failed as why:
            failed.append(f"{page}: {match[1].strip()}: {why}")
            return match[0]
    new = block.sub(tried, old)
    print("\n".join(failed), end="\n" if failed else "")
    failures += len(failed)
    if new == old:
        continue
    if bless:
        page.write_text(new)
        print(f"rewrote {page}")
    else:
        stale += 1
        name = str(page.relative_to(root))
        print("".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, name + " as it would be now")))
if stale:
    print(f"{stale} page(s) are out of date; `{' '.join(['generated.py', *sys.argv[1:]])} --bless` rewrites them")
sys.exit(bool(stale or failures))

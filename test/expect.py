"""Runs a command and checks how it ends; prints its standard error (then output) for FileCheck.

usage: expect.py EXIT_CODE [--absent FILE_OR_GLOB ...] -- COMMAND ...
Fails if the exit code differs, the command died by a signal, or a file that must be absent exists afterwards.
"""
import glob
import subprocess
import sys

at = sys.argv.index("--")
code, absent, command = int(sys.argv[1]), [a for a in sys.argv[2:at] if a != "--absent"], sys.argv[at + 1:]
run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300)
print(run.stderr, end="")
print(run.stdout, end="")
problems = [f"{f} was left behind" for pattern in absent for f in glob.glob(pattern)]
if run.returncode != code:
    problems.append(f"exit code {run.returncode}, expected {code}")
print("\n".join(f"expect.py: {p}" for p in problems), file=sys.stderr)
sys.exit(bool(problems))

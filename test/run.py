"""Runs every test of a build tree with lit (FileCheck, execution, GoogleTest programs) and prints one closing line of counts.

usage: run.py BUILD_DIR [--jobs N] [--filter REGEX]
Exit status 0 if nothing failed and something ran.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
args.add_argument("build", type=pathlib.Path)
args.add_argument("--jobs", type=int, default=os.cpu_count())
args.add_argument("--filter", default="")
options = args.parse_args()
build = options.build.resolve()

lit = shutil.which("lit-22") or shutil.which("lit") or sys.exit("run.py: lit is not installed (tools/setup/setup.sh installs it)")
report = build / "lit-results.json"
report.unlink(missing_ok=True)
subprocess.run([lit, "-sv", f"-j{options.jobs}", "--output", report, *(["--filter", options.filter] if options.filter else []), build / "test"])
codes = [t["code"] for t in json.loads(report.read_text())["tests"]] if report.exists() else ["FAIL"]
passed = sum(c in ("PASS", "XFAIL", "FLAKYPASS") for c in codes)
skipped = sum(c in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for c in codes)
failed = len(codes) - passed - skipped
print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
sys.exit(1 if failed or not passed else 0)

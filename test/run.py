"""Runs every test of a build tree: lit (FileCheck and execution), then the GoogleTest programs; prints one closing line of counts.

usage: run.py BUILD_DIR [--jobs N] [--filter REGEX]
Exit status 0 if nothing failed and something ran.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

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

# ctest lists the GoogleTest programs; "lit" is registered there too for people who use ctest alone, and ran already.
units = build / "unit-results.xml"
units.unlink(missing_ok=True)
subprocess.run(["ctest", "--test-dir", build, "-E", "^lit$", "--output-on-failure", f"-j{options.jobs}", "--output-junit", units,
                "--test-output-size-passed", "100000", "--test-output-truncation", "head"])
if units.exists():
    # A program holds many tests: its own closing lines count them, skipped ones apart.
    for case in xml.parse(units).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        counts = {word: int(n) for word, n in re.findall(r"^\[  (PASSED|SKIPPED|FAILED) +\] (\d+) tests?", output, re.M)}
        failed += counts.get("FAILED", 0) or case.get("status") != "run"
        passed += counts.get("PASSED", 0)
        skipped += counts.get("SKIPPED", 0)
else:
    failed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
sys.exit(1 if failed or not passed else 0)

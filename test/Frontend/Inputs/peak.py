"""Runs a command and prints its peak memory as "peak: at most N MB", with the smallest N of those given that holds.

usage: peak.py N,N,... -- COMMAND ...
"""
import resource
import subprocess
import sys

at = sys.argv.index("--")
run = subprocess.run(sys.argv[at + 1:], stdin=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
limits = [int(n) for n in sys.argv[1].split(",")]
print("peak: at most", next((n for n in sorted(limits) if peak <= n), f"{peak:.0f} (over every limit)"), "MB")
sys.exit(run.returncode)

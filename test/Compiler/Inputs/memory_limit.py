"""Compiles a model under limits of the address space, from too little to enough.

usage: memory_limit.py QCC MODEL FOLDER      FOLDER is empty
"""
import os
import resource
import subprocess
import sys

qcc, model, folder = sys.argv[1:]
codes = {}
for limit in range(300 << 20, 1200 << 20, 100 << 20):
    limited = lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    run = subprocess.run([qcc, model, "--wbits=4", "--target=x86-avx2", "--multiversion=off", "-j1", "-o", os.path.join(folder, "m.so")], capture_output=True, text=True,
                         preexec_fn=limited, env=dict(os.environ, TMPDIR=folder), timeout=300)
    left = os.listdir(folder)
    codes[limit >> 20] = run.returncode
    if run.returncode == 0:
        break
    if run.returncode not in (8, 127) or left or (run.returncode == 8 and "[resource-limit]" not in run.stderr):
        sys.exit(f"{limit >> 20} MB: exit code {run.returncode}, files {left}\n{run.stderr[:2000]}")
print(codes)
if 8 not in codes.values() or run.returncode:
    sys.exit("the limits are too low or too high to show anything")

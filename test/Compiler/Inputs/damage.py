"""Compiles damaged copies of a model: each ends with one of the exit codes for bad files, within a minute, and leaves nothing behind.

usage: damage.py QCC MODEL FOLDER
Prefixes of the model in steps, and copies with one bit to eight bytes changed (seeded). A change may also give another good model.
"""
import os
import random
import subprocess
import sys

qcc, model, folder = sys.argv[1:]
good = open(model, "rb").read()
random.seed(1)


def flipped():
    data = bytearray(good)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8) if random.random() < 0.7 else random.randrange(1, 256)
    return bytes(data)


cases = [(f"prefix of {n} bytes", good[:n]) for n in range(0, len(good), max(1, len(good) // 40))]
cases += [(f"flip {i}", flipped()) for i in range(24)]
counts = {}
for what, data in cases:
    path = os.path.join(folder, "damaged.onnx")
    with open(path, "wb") as file:
        file.write(data)
    run = subprocess.run([qcc, path, "--wbits=4", "--target=x86-avx2", "--multiversion=off", "-O0", "-o", os.path.join(folder, "out", "m.so")], capture_output=True, text=True,
                         errors="replace", stdin=subprocess.DEVNULL, timeout=60)
    counts[run.returncode] = counts.get(run.returncode, 0) + 1
    left = set(os.listdir(os.path.join(folder, "out")))
    wanted = {"m.so", "m.weights", "m.h"} if run.returncode == 0 else set()
    if run.returncode not in (0, 3, 4, 5, 6, 8) or left != wanted or (run.returncode and "error: " not in run.stderr):
        sys.exit(f"{what}: exit code {run.returncode}, files {sorted(left)}\n{run.stderr[:2000]}")
    for name in left:
        os.remove(os.path.join(folder, "out", name))
print(" ".join(f"{code}:{n}" for code, n in sorted(counts.items())))
if not counts.get(4):
    sys.exit("no damaged file was refused")

"""Inputs of generic-program.mlir, and what it should compute: generic_program.py write|check FOLDER."""
import os, sys
from math import erf
import numpy as np

os.makedirs(sys.argv[2], exist_ok=True)
os.chdir(sys.argv[2])
B, S, bound = 2, 7, 5e-5
if sys.argv[1] == "write":
    rng = np.random.default_rng(0)
    rng.standard_normal(49 * 32).astype(np.float32).tofile("weights.bin")
    mask = np.ones((B, S), np.int64)
    mask[1, 4:] = 0
    np.save("x.npy", rng.standard_normal((B, S, 32)).astype(np.float32))
    np.save("mask.npy", mask)
    sys.exit()
raw = np.fromfile("weights.bin", np.float32).astype(np.float64)
w, g = raw[:48 * 32].reshape(48, 32), raw[48 * 32:]
x, mask = np.load("x.npy").astype(np.float64), np.load("mask.npy")
n = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * g + g
s = np.where(mask[:, None] != 0, n @ n.transpose(0, 2, 1), -3e38)
e = np.exp(s - s.max(-1, keepdims=True))
p = e / e.sum(-1, keepdims=True)
a = p @ n
a[:, :, 16:] = a[:, :, :16]
r = np.abs(a * 0.5 * (1 + np.vectorize(erf)(a / np.sqrt(2))) + x)
for name, want in (("y", r @ w.T), ("p", p), ("m", r[:, 0])):
    error = np.abs(np.load(name + ".npy") - want).max()
    print(f"{name}: largest error {error:.2e}, bound {bound:.0e}: {'ok' if error <= bound else 'WRONG'}")
    assert error <= bound

"""Writes models whose weights have values that cannot be quantized, or rows that groups do not divide.

usage: bad_weights.py FOLDER
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper


def save(folder, name, nodes, k, n, weights):
    values = lambda name, width: [h.make_tensor_value_info(name, T.FLOAT, ["batch", width])]
    graph = h.make_graph(nodes, "test", values("x", k), values("y", n), [numpy_helper.from_array(a, key) for key, a in weights.items()])
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 18), h.make_opsetid("com.microsoft", 1)], ir_version=10), os.path.join(folder, name + ".onnx"))


def matmul(folder, name, k, change=None):
    w = np.random.default_rng(1).normal(size=(k, 8)).astype(np.float32)
    if change:
        w[5, 3] = change
    save(folder, name, [h.make_node("MatMul", ["x", "w"], ["y"], name="/up")], k, 8, {"w": w})


def nbits(folder, name, k, change=None):
    rng, blocks = np.random.default_rng(1), -(-k // 32)
    scales = rng.uniform(0.01, 0.02, (8, blocks)).astype(np.float32)
    if change:
        scales[3, 1] = change
    node = h.make_node("MatMulNBits", ["x", "codes", "scales"], ["y"], domain="com.microsoft", name="/q", K=k, N=8, bits=4, block_size=32)
    save(folder, name, [node], k, 8, {"codes": rng.integers(0, 256, (8, blocks, 16)).astype(np.uint8), "scales": scales})


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
for name, change in {"nan": np.nan, "inf": np.inf, "minus-inf": -np.inf}.items():
    matmul(folder, "float-" + name, 64, change)
    nbits(folder, "scale-" + name, 64, change)
matmul(folder, "float-tail", 40)
nbits(folder, "nbits-tail", 40)
x = np.random.default_rng(2).normal(size=(3, 40)).astype(np.float32)
np.save(os.path.join(folder, "x.npy"), x)
for name in ("float-tail", "nbits-tail"):
    import onnxruntime
    session = onnxruntime.InferenceSession(os.path.join(folder, name + ".onnx"), providers=["CPUExecutionProvider"])
    np.save(os.path.join(folder, name + ".npy"), session.run(None, {"x": x})[0])

"""One square tensor that two layers read, the second one transposed.

usage: one_tensor_twice.py write FOLDER    FOLDER/m.onnx, FOLDER/x.npy
       one_tensor_twice.py check FOLDER    FOLDER/y.npy is near the product in floats
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

action, folder = sys.argv[1:]
rng = np.random.default_rng(1)
w, x = rng.normal(size=(64, 64)).astype(np.float32), rng.normal(size=(3, 64)).astype(np.float32)
if action == "write":
    nodes = [h.make_node("MatMul", ["x", "w"], ["a"], name="/first"), h.make_node("Gemm", ["a", "w"], ["y"], name="/second", transB=1)]
    value = lambda name: h.make_tensor_value_info(name, T.FLOAT, ["batch", 64])
    onnx.save(h.make_model(h.make_graph(nodes, "twice", [value("x")], [value("y")], [nh.from_array(w, "w")]), opset_imports=[h.make_opsetid("", 18)], ir_version=10), f"{folder}/m.onnx")
    np.save(f"{folder}/x.npy", x)
else:
    y, exact = np.load(f"{folder}/y.npy"), x @ w @ w.T
    error = np.abs(y - exact).max() / exact.std()
    sys.exit(f"off by {error:.3g} of the standard deviation" if error > 0.1 else 0)

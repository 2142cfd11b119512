"""Writes FILE.onnx: LAYERS linear layers of WIDTH x WIDTH weights with a ReLU behind each. Their values would lie in weights.bin, which is not written.

usage: shape_only.py FILE.onnx WIDTH LAYERS
"""
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

path, width, layers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
nodes, weights = [], []
for i in range(layers):
    tensor = T(name=f"layers.{i}.weight", data_type=T.FLOAT, dims=[width, width], data_location=T.EXTERNAL)
    for key, value in ("location", "weights.bin"), ("offset", i * width * width * 4), ("length", width * width * 4):
        tensor.external_data.add(key=key, value=str(value))
    weights.append(tensor)
    nodes.append(h.make_node("MatMul", [f"x{i}", tensor.name], [f"y{i}"], name=f"/layers.{i}/MatMul"))
    nodes.append(h.make_node("Relu", [f"y{i}"], [f"x{i + 1}"], name=f"/layers.{i}/Relu"))
values = lambda name: [h.make_tensor_value_info(name, T.FLOAT, ["batch", width])]
graph = h.make_graph(nodes, "layers", values("x0"), values(f"x{layers}"), weights)
with open(path, "wb") as f:
    f.write(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10).SerializeToString())

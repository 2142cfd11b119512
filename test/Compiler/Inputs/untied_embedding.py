"""A model of tokens whose table of embeddings is not its head's, and a text.

usage: untied_embedding.py FOLDER    FOLDER/m.onnx, FOLDER/text.npy
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

rng = np.random.default_rng(1)
weights = {"table": rng.normal(size=(96, 64)), "head": rng.normal(size=(64, 96))}
nodes = [h.make_node("Gather", ["table", "input_ids"], ["x"], name="/embed"), h.make_node("MatMul", ["x", "head"], ["logits"], name="/head")]
graph = h.make_graph(nodes, "untied", [h.make_tensor_value_info("input_ids", T.INT64, ["batch", "seq"])], [h.make_tensor_value_info("logits", T.FLOAT, ["batch", "seq", 96])],
                     [nh.from_array(value.astype(np.float32), name) for name, value in weights.items()])
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10), f"{sys.argv[1]}/m.onnx")
np.save(f"{sys.argv[1]}/text.npy", rng.integers(0, 96, 256))

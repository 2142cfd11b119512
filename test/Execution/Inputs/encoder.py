"""A small BERT as PyTorch's exporter writes it (layer norms and gelu spelled out, additive mask, computed shapes), against ONNX Runtime.

usage: encoder.py write FOLDER | check FOLDER
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

rng = np.random.default_rng(0)
vocabulary, width, heads, layers, inner, longest = 50, 32, 4, 2, 64, 16
nodes, constants = [], []


def node(op, inputs, output=None, **attributes):
    output = output or f"{op}_{len(nodes)}"
    nodes.append(h.make_node(op, inputs, [output], name=f"/encoder/{output}", **attributes))
    return output


def constant(value, dtype=np.int64):
    constants.append(nh.from_array(np.asarray(value, dtype), f"c{len(constants)}"))
    return constants[-1].name


weight = lambda *shape: constant(rng.standard_normal(shape) * 0.2, np.float32)
number = lambda value: constant(value, np.float32)


def norm(x):
    centered = node("Sub", [x, node("ReduceMean", [x], axes=[-1])])
    variance = node("ReduceMean", [node("Pow", [centered, number(2)])], axes=[-1])
    x = node("Div", [centered, node("Sqrt", [node("Add", [variance, number(1e-12)])])])
    return node("Add", [node("Mul", [x, weight(width)]), weight(width)])


def linear(x, k, n):
    return node("Add", [weight(n), node("MatMul", [x, weight(k, n)])])


def write(folder):
    shape = node("Shape", ["input_ids"])
    batch, seq = node("Gather", [shape, constant([0])]), node("Gather", [shape, constant([1])])
    positions = node("Slice", [constant(np.arange(longest)[None]), constant([0]), seq, constant([1])])
    x = node("Add", [node("Gather", [weight(vocabulary, width), "input_ids"]), node("Gather", [weight(2, width), "token_type_ids"])])
    x = norm(node("Add", [x, node("Gather", [weight(longest, width), positions])]))
    mask = node("Cast", [node("Unsqueeze", ["attention_mask", constant([1, 2])])], to=1)
    mask = node("Mul", [node("Sub", [number(1), mask]), number(-3.4028235e38)])
    split = node("Concat", [batch, seq, constant([heads]), constant([width // heads])], axis=0)
    for _ in range(layers):
        q, k, v = (node("Transpose", [node("Reshape", [linear(x, width, width), split])], perm=p) for p in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        scores = node("Add", [node("Div", [node("MatMul", [q, k]), number(np.sqrt(width / heads))]), mask])
        x0 = node("Transpose", [node("MatMul", [node("Softmax", [scores], axis=-1), v])], perm=[0, 2, 1, 3])
        x0 = node("Reshape", [x0, node("Concat", [batch, seq, constant([width])], axis=0)])
        x = norm(node("Add", [linear(x0, width, width), x]))
        f = linear(x, width, inner)
        f = node("Mul", [node("Mul", [f, node("Add", [node("Erf", [node("Div", [f, number(np.sqrt(2))])]), number(1)])]), number(0.5)])
        x = norm(node("Add", [linear(f, inner, width), x]))
    node("Identity", [x], "last_hidden_state")
    node("Tanh", [node("Gemm", [node("Gather", [x, constant(0)], axis=1), weight(width, width), weight(width)], transB=1)], "pooler_output")
    info = lambda name, type, *shape: h.make_tensor_value_info(name, type, ["batch_size", *shape])
    inputs = [info(name, T.INT64, "sequence_length") for name in feeds]
    outputs = [info("last_hidden_state", T.FLOAT, "sequence_length", width), info("pooler_output", T.FLOAT, width)]
    model = h.make_model(h.make_graph(nodes, "encoder", inputs, outputs, constants), opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, f"{folder}/model.onnx")
    for name, value in feeds.items():
        np.save(f"{folder}/{name}.npy", value)


feeds = {"input_ids": rng.integers(0, vocabulary, (2, 9)), "attention_mask": np.ones((2, 9), np.int64), "token_type_ids": rng.integers(0, 2, (2, 9))}
feeds["attention_mask"][1, 6:] = 0
if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    import onnxruntime

    session = onnxruntime.InferenceSession(f"{sys.argv[2]}/model.onnx")
    errors = [np.abs(np.load(f"{sys.argv[2]}/{o.name}.npy") - x).max() for o, x in zip(session.get_outputs(), session.run(None, feeds))]
    print("largest differences:", errors)
    sys.exit(not max(errors) < 1e-5)

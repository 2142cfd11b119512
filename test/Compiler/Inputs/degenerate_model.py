"""Models of tokens for calibration whose weights or inputs are degenerate, and texts.

usage: degenerate_model.py FOLDER
  plain.onnx   an embedding, a linear layer (/mid), a head
  dead.onnx    eight channels of the embedding are always 0; one row of /mid is all zeros, another constant
  headless.onnx  the same without a head: its output is no product
  two_heads.onnx  plain.onnx with a second head, of 8 classes
  exact.onnx   3 bits have /mid exactly
  unreached.onnx  a linear layer (/pool) of positions 500 and later
  huge.onnx    an embedding whose squares overflow
  nan.onnx, inf.onnx   one such value in /mid
  text.npy, once.npy (one token only), negative.npy, floats.npy
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

folder = sys.argv[1]


def save(name, change=lambda table, mid: None, head=True, pool=False, classes=False):
    rng = np.random.default_rng(1)
    table, mid, last = (rng.normal(size=shape).astype(np.float32) for shape in ((96, 64), (64, 64), (64, 96)))
    change(table, mid)
    nodes = [h.make_node("Gather", ["table", "input_ids"], ["x"], name="/embed"), h.make_node("MatMul", ["x", "mid"], ["y"], name="/mid"),
             h.make_node("Relu", ["y"], ["z"], name="/relu"), h.make_node("MatMul", ["z", "head"], ["logits"], name="/head")]
    output = h.make_tensor_value_info("logits", T.FLOAT, ["batch", "seq", 96])
    if not head:
        nodes, output = nodes[:3], h.make_tensor_value_info("z", T.FLOAT, ["batch", "seq", 64])
    outputs, constants = [output], [nh.from_array(value, key) for key, value in (("table", table), ("mid", mid), ("head", last))[:3 if head else 2]]
    if pool:
        nodes += [h.make_node("Slice", ["z", "from", "to", "axis"], ["late"], name="/late"), h.make_node("MatMul", ["late", "pool"], ["q"], name="/pool"),
                  h.make_node("Tanh", ["q"], ["p"], name="/tanh")]
        outputs.append(h.make_tensor_value_info("p", T.FLOAT, ["batch", "late", 64]))
        constants += [nh.from_array(np.array([value]), key) for key, value in (("from", 500), ("to", 600), ("axis", 1))] + [nh.from_array(mid, "pool")]
    if classes:
        nodes.append(h.make_node("MatMul", ["z", "class"], ["classes"], name="/class"))
        outputs.append(h.make_tensor_value_info("classes", T.FLOAT, ["batch", "seq", 8]))
        constants.append(nh.from_array(last[:, :8].copy(), "class"))
    graph = h.make_graph(nodes, name, [h.make_tensor_value_info("input_ids", T.INT64, ["batch", "seq"])], outputs, constants)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10), f"{folder}/{name}.onnx")


def dead(table, mid):
    table[:, 8:16] = 0
    mid[:, 3] = 0
    mid[:, 4] = 0.75


def exact(table, mid):
    mid[:] = np.random.default_rng(3).integers(-4, 4, mid.shape) * 0.25


def huge(table, mid):
    table *= 1e30
    mid *= 1e-20


def put(value):
    def change(table, mid):
        mid[7, 2] = value
    return change


for name, change in {"plain": lambda table, mid: None, "dead": dead, "exact": exact, "huge": huge, "nan": put(np.nan), "inf": put(-np.inf)}.items():
    save(name, change)
save("headless", head=False)
save("unreached", pool=True)
save("two_heads", classes=True)
text = np.random.default_rng(2).integers(0, 96, 512)
np.save(f"{folder}/text.npy", text)
np.save(f"{folder}/once.npy", np.full(512, 7))
np.save(f"{folder}/negative.npy", np.where(np.arange(512) == 70, -1, text))
np.save(f"{folder}/floats.npy", text.astype(np.float32))
np.save(f"{folder}/ids.npy", text[None, :256])
np.save(f"{folder}/sevens.npy", np.full((1, 256), 7))

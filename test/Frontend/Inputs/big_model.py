"""Writes a model with one weight of SIZE bytes inside the file, as a sparse file: the weight is a hole that takes no space on disk.

usage: big_model.py FILE SIZE
"""
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, payload_size):
    """The tag and length of a length-delimited field."""
    return varint(number << 3 | 2) + varint(payload_size)


path, size = sys.argv[1], int(sys.argv[2])
columns = size // 4 // 1024
tensor = T(name="w", data_type=T.FLOAT, dims=[1024, columns]).SerializeToString()
graph = h.make_graph([h.make_node("MatMul", ["x", "w"], ["y"], name="/mm")], "big", [h.make_tensor_value_info("x", T.FLOAT, ["n", 1024])],
                     [h.make_tensor_value_info("y", T.FLOAT, ["n", columns])]).SerializeToString()
model = onnx.ModelProto(ir_version=10, opset_import=[h.make_opsetid("", 18)]).SerializeToString()
raw = field(9, size)                                   # TensorProto.raw_data
initializer = field(5, len(tensor) + len(raw) + size)  # GraphProto.initializer
with open(path, "wb") as f:
    f.write(model + field(7, len(graph) + len(initializer) + len(tensor) + len(raw) + size) + graph + initializer + tensor + raw)
    f.truncate(f.tell() + size)

"""Makes a model whose function is the same, but whose norms produce a few channels that are much larger than the others, as large language models have:
the norm's scale of a channel is multiplied, and the rows of the matrices that read it are divided.

usage: plant_outliers.py IN.onnx OUT.onnx FACTOR       every 64th channel
"""
import sys
import numpy as np
import onnx
from onnx import numpy_helper as nh

source, target, factor = sys.argv[1], sys.argv[2], float(sys.argv[3])
model = onnx.load(source)
values = {i.name: i for i in model.graph.initializer}
planted = 0

def change(name, by):
    values[name].CopyFrom(nh.from_array((nh.to_array(values[name]) * by).astype(np.float32), name))

readers = {}
for node in model.graph.node:
    for name in node.input:
        readers.setdefault(name, []).append(node)
for node in model.graph.node:
    scales = [name for name in node.input if name.endswith("layernorm.weight")]
    if node.op_type != "Mul" or not scales:
        continue
    by = np.ones(values[scales[0]].dims[0], np.float32)
    by[7::64] = factor
    change(scales[0], by)
    for reader in readers[node.output[0]]:
        if reader.op_type == "Shape":
            continue
        assert reader.op_type == "MatMul", reader.op_type
        change(reader.input[1], (1 / by)[:, None])
    planted += 1
onnx.save(model, target)
print(planted, "norms")

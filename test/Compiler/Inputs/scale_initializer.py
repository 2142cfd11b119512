"""Multiplies one initializer of a model by a factor.

usage: scale_initializer.py IN.onnx OUT.onnx NAME FACTOR
"""
import sys
import numpy as np
import onnx
from onnx import numpy_helper as nh

source, target, name, factor = sys.argv[1:]
model = onnx.load(source)
tensor = next(i for i in model.graph.initializer if i.name == name)
tensor.CopyFrom(nh.from_array((nh.to_array(tensor).astype(np.float32) * np.float32(factor)).astype(np.float32), name))
onnx.save(model, target)

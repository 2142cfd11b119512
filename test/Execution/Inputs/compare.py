"""Compiles small ONNX models and compares what they compute with ONNX Runtime (or ONNX's own reference). For scripts in this folder.

usage of such a script: script.py QCC QCC_RUN FOLDER ...      works in FOLDER; `arguments` are what follows
model(...) makes a model, check(...) compiles it with qcc and runs it with qcc-run on every set of inputs.
finish() ends the script, with status 1 if a number differed.
"""
import os, subprocess, sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

compiler, runner, folder, *arguments = sys.argv[1:]
failures = []
random = np.random.default_rng(0)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def model(nodes, inputs, outputs, constants={}, opset=21):
    """inputs, outputs: name -> shape, or (element type, shape); an output's shape may be None: its rank is then inferred."""
    def infos(ports):
        made = []
        for name, port in ports.items():
            type, shape = port if isinstance(port, tuple) else (T.FLOAT, port)
            made.append(h.make_tensor_value_info(name, type, shape))
        return made
    graph = h.make_graph(nodes, "small", infos(inputs), infos(outputs), [nh.from_array(np.asarray(v), k) for k, v in constants.items()])
    m = h.make_model(graph, opset_imports=[h.make_opsetid("", opset), h.make_opsetid("com.microsoft", 1)], ir_version=10)
    for output in m.graph.output:
        if not output.type.tensor_type.HasField("shape"):
            known = {v.name: v for v in onnx.shape_inference.infer_shapes(m).graph.output}
            output.CopyFrom(known[output.name])
    return m


def expected(m, feeds, reference):
    names = [o.name for o in m.graph.output]
    if reference == "onnx":
        from onnx.reference import ReferenceEvaluator
        return names, ReferenceEvaluator(m).run(names, feeds)
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return names, onnxruntime.InferenceSession(m.SerializeToString(), options).run(names, feeds)


def check(name, m, feeds, *options, reference="onnxruntime", bound=2e-5, exact=True, oracle_feed=lambda feed: feed, oracle=None):
    """exact: with --wbits=32 --abits=32. oracle, oracle_feed: the model that the reference runs, and what it gets, instead. Prints one line for each set of inputs."""
    name = os.path.join(folder, name)
    os.makedirs(name, exist_ok=True)
    onnx.save(m, f"{name}/m.onnx")
    subprocess.check_call([compiler, f"{name}/m.onnx", "-q", "-o", f"{name}/m.so", *(["--wbits=32", "--abits=32"] if exact else []), *options])
    for i, feed in enumerate(feeds):
        names, want = expected(oracle or m, oracle_feed(feed), reference)
        command = [runner, f"{name}/m.so", "--threads", "2"]
        for key, value in feed.items():
            np.save(f"{name}/{key}.npy", np.array(value, order="C"))
            command += ["--input", f"{key}={name}/{key}.npy"]
        for key in names:
            command += ["--output", f"{key}={name}/{key}.npy"]
        subprocess.check_call(command)
        for key, value in zip(names, want):
            got = np.load(f"{name}/{key}.npy")
            same = got.shape == value.shape and got.dtype == value.dtype
            error = np.abs(got.astype(np.float64) - value).max(initial=0) if same else np.inf
            good = error <= bound * max(1, np.abs(value).max(initial=0))
            print(f"{os.path.basename(name)} {i} {key} {list(got.shape)}: {'agrees' if good else f'WRONG by {error}, expected {value.dtype} {list(value.shape)}'}")
            if not good:
                failures.append(name)


def finish():
    sys.exit(1 if failures else 0)

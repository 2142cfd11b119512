"""Writes small ONNX models for the importer's tests and as seeds of its fuzz target.

usage: models.py FOLDER [NAME ...]     writes FOLDER/NAME.onnx for each name (default: all)
       models.py --list
Each function below with the decorator @model returns a ModelProto, or writes what it needs itself.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

MODELS = {}


def model(function):
    MODELS[function.__name__.replace("_", "-")] = function
    return function


def make(nodes, inputs, outputs, initializers=(), opset=18, extra=(("com.microsoft", 1),), ir=10, functions=()):
    """inputs and outputs: (name, type, shape) triples."""
    values = lambda list: [h.make_tensor_value_info(*v) for v in list]
    graph = h.make_graph(nodes, "test", values(inputs), values(outputs), initializer=list(initializers))
    opsets = [h.make_opsetid("", opset)] + [h.make_opsetid(d, v) for d, v in extra]
    return h.make_model(graph, opset_imports=opsets, ir_version=ir, functions=list(functions), producer_name="qcc")


def array(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def external(tensor, location, **entries):
    """Turns `tensor` into external data; its bytes are dropped."""
    tensor.ClearField("raw_data")
    tensor.data_location = T.EXTERNAL
    for key, value in [("location", location), *entries.items()]:
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


X = ("x", T.FLOAT, ["batch", 8])
Y = ("y", T.FLOAT, ["batch", 8])


@model
def relu():
    return make([h.make_node("Relu", ["x"], ["y"], name="/relu")], [X], [Y])


@model
def mlp():
    """Weights by reference, small constants by value, two forms of Constant, an output that is left out."""
    rng = np.random.default_rng(1)
    nodes = [
        h.make_node("MatMul", ["x", "w"], ["h"], name="/up"),
        h.make_node("Constant", [], ["half"], value_float=0.5),
        h.make_node("Constant", [], ["axes"], value=array("a", [-1], np.int64)),
        h.make_node("Mul", ["h", "half"], ["g"], name="/scale"),
        h.make_node("SkipLayerNormalization", ["g", "g", "gamma", ""], ["n", "", "", "sum"], domain="com.microsoft", name="/norm", epsilon=1e-5),
        h.make_node("ReduceMean", ["n", "axes"], ["m"], name="/mean", keepdims=1),
        h.make_node("Add", ["sum", "m"], ["a"], name=""),
        h.make_node("MatMul", ["a", "v"], ["y"], name="/down"),
    ]
    x = ("x", T.FLOAT, ["batch", "sequence", 8])
    y = ("y", T.FLOAT, ["batch", "sequence", 8])
    weights = [array("w", rng.normal(size=(8, 16))), array("v", rng.normal(size=(16, 8))), array("gamma", np.ones(16))]
    return make(nodes, [x], [y], weights)


@model
def typed_values():
    """Values in typed fields, which have no raw bytes: small ones become constants, large ones go to a file in memory."""
    def typed(name, type, values):
        return h.make_tensor(name, type, [len(values)], values)
    names = {"f32": (T.FLOAT, [1.5, -2.0]), "f64": (T.DOUBLE, [0.25]), "f16": (T.FLOAT16, [1.0, 0.5]), "i64": (T.INT64, [-1, 1 << 40]),
             "u64": (T.UINT64, [1 << 63]), "i8": (T.INT8, [-128, 127]), "u8": (T.UINT8, [200]), "b": (T.BOOL, [True, False]),
             "i32": (T.INT32, [-7]), "big": (T.INT32, list(range(2000)))}
    tensors = [typed(n, t, v) for n, (t, v) in names.items()]
    int4 = T(name="i4", data_type=T.INT4, dims=[3], int32_data=[0x21, 0x0F])
    nodes = [h.make_node("Identity", [n], ["y_" + n], name="/" + n) for n in names] + [h.make_node("Cast", ["i4"], ["y_i4"], to=T.INT8, name="/i4")]
    outputs = [("y_" + n, t, [len(v)]) for n, (t, v) in names.items()] + [("y_i4", T.INT8, [3])]
    return make(nodes, [], outputs, tensors + [int4], opset=21)


@model
def attributes():
    """Every kind of attribute that an operator of ONNX has, but strings in a list."""
    nodes = [
        h.make_node("Transpose", ["x"], ["t"], perm=[1, 0], name="/ints"),
        h.make_node("Gemm", ["t", "x"], ["l"], alpha=0.25, name="/float"),
        h.make_node("Gelu", ["l"], ["g"], approximate="tanh", name="/string"),
        h.make_node("ConstantOfShape", ["shape"], ["c"], value=array("v", [3], np.int64), name="/tensor"),
    ]
    return make(nodes, [X, ("shape", T.INT64, [1])], [("g", T.FLOAT, [8, 8]), ("c", T.INT64, ["n"])], opset=20)


@model
def attention():
    """A group-query attention with a packed QKV and quantized weights."""
    k, n, heads, kv = 32, 64, 2, 1
    weights = [array("codes", np.arange(n * 16) % 256, np.uint8), array("scales", np.full((n, 1), 0.1))]
    weights[0].ClearField("dims")
    weights[0].dims.extend([n, 1, 16])
    tables = [array("cos", np.ones((16, 8))), array("sin", np.zeros((16, 8)))]
    nodes = [
        h.make_node("SimplifiedLayerNormalization", ["x", "gamma"], ["n"], axis=-1, epsilon=1e-6, stash_type=1, name="/norm"),
        h.make_node("MatMulNBits", ["n", "codes", "scales"], ["qkv"], domain="com.microsoft", K=k, N=n, bits=4, block_size=32, name="/qkv"),
        h.make_node("GroupQueryAttention", ["qkv", "", "", "past_k", "past_v", "lengths", "total", "cos", "sin"], ["a", "present_k", "present_v"],
                    domain="com.microsoft", num_heads=heads, kv_num_heads=kv, do_rotary=1, name="/attention"),
    ]
    cache = lambda name, length: (name, T.FLOAT, ["batch", kv, length, 16])
    inputs = [("x", T.FLOAT, ["batch", "sequence", k]), cache("past_k", "past"), cache("past_v", "past"), ("lengths", T.INT32, ["batch"]), ("total", T.INT32, [])]
    outputs = [("a", T.FLOAT, ["batch", "sequence", 32]), cache("present_k", "all"), cache("present_v", "all")]
    return make(nodes, inputs, outputs, [*weights, *tables, array("gamma", np.ones(k))])


@model
def old_opset():
    """Opset 13: the axes of ReduceMean and the split of Split are attributes or are told by the number of outputs."""
    nodes = [h.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1, name="/mean"), h.make_node("Split", ["x"], ["a", "b"], axis=1, name="/split"),
             h.make_node("Add", ["a", "m"], ["y"], name="/add")]
    return make(nodes, [X], [("y", T.FLOAT, ["batch", 4]), ("b", T.FLOAT, ["batch", 4])], opset=13, extra=(), ir=7)


@model
def old_runtime_operators():
    """ONNX Runtime's operators, with inputs and outputs left out, in a model whose opset has to be converted."""
    found = attention()
    found.opset_import[0].version = 15
    return found


@model
def newest_opset():
    found = mlp()
    found.opset_import[0].version = onnx.defs.onnx_opset_version()
    found.ir_version = onnx.IR_VERSION
    return found


@model
def functions():
    """A model-local function that calls another, and an operator that ONNX defines as a function."""
    opsets = [h.make_opsetid("", 18), h.make_opsetid("local", 1)]
    double = h.make_function("local", "Double", ["a"], ["b"], [h.make_node("Add", ["a", "a"], ["b"], name="sum")], opsets)
    quadruple = h.make_function("local", "Quadruple", ["a"], ["c"], [h.make_node("Double", ["a"], ["b"], domain="local", name="first"),
                                                                     h.make_node("Double", ["b"], ["c"], domain="local", name="second")], opsets)
    nodes = [h.make_node("Quadruple", ["x"], ["q"], domain="local", name="/four"), h.make_node("MeanVarianceNormalization", ["q"], ["y"], axes=[1], name="/mvn")]
    return make(nodes, [X], [Y], extra=(("local", 1),), functions=[double, quadruple])


@model
def default_input():
    """An initializer of an input's name is its default."""
    return make([h.make_node("Add", ["x", "bias"], ["y"], name="/add")], [X, ("bias", T.FLOAT, [8])], [Y], [array("bias", np.ones(8))])


# --- Refused models ---------------------------------------------------------------------------------------------------------------------


@model
def unsupported_list():
    """Many problems at once: each node has another one."""
    nodes = [
        h.make_node("Frobnicate", ["x"], ["a"], name="/unknown"),
        h.make_node("Gelu", ["x"], ["b"], name="/too-new"),                      # ONNX has it from opset 20 on
        h.make_node("FancyNorm", ["x"], ["c"], domain="acme", name="/domain"),
        h.make_node("FancyNorm", ["x"], ["d"], domain="com.microsoft", name="/contrib"),
        h.make_node("Relu", ["x"], ["e"], name="/attribute", slope=2.0),
        h.make_node("Upsample", ["x", "s"], ["f"], name="/deprecated"),
        h.make_node("RandomNormal", [], ["g"], shape=[1], name="/random"),
        h.make_node("If", ["cond"], ["i"], name="/subgraph", then_branch=relu().graph, else_branch=relu().graph),
        h.make_node("Scaler", ["x"], ["k"], domain="ai.onnx.ml", name="/ml"),
        h.make_node("Relu", ["nothing"], ["l"], name="/undefined"),
        h.make_node("Add", ["x"], ["m"], name="/count"),
        h.make_node("Identity", ["x"], ["m"], name="/twice"),
    ]
    inputs = [X, ("s", T.FLOAT, [2]), ("cond", T.BOOL, []), ("text", T.STRING, [1])]
    return make(nodes, inputs, [("a", T.FLOAT, None), ("lost", T.FLOAT, [1])], extra=(("com.microsoft", 1), ("acme", 1), ("ai.onnx.ml", 3)))


@model
def narrow_ports():
    """Elements whose kind or place DLPack does not tell."""
    types = {"e4m3": T.FLOAT8E4M3FN, "e5m2": T.FLOAT8E5M2, "e2m1": T.FLOAT4E2M1, "i4": T.INT4, "i8": T.INT8}
    nodes = [h.make_node("Identity", [n], ["y_" + n], name="/" + n) for n in types]
    return make(nodes, [(n, t, [8]) for n, t in types.items()], [("y_" + n, t, [8]) for n, t in types.items()], opset=23)


@model
def narrow_floats():
    """Floats of less than 16 bits inside, as the result of one node and the operand of another, and as a constant."""
    nodes = [
        h.make_node("Cast", ["x"], ["q"], to=T.FLOAT8E4M3FN, name="/down"),
        h.make_node("Cast", ["q"], ["y"], to=T.FLOAT, name="/up"),
        h.make_node("Cast", ["w"], ["z"], to=T.FLOAT, name="/constant"),
        h.make_node("Cast", ["x"], ["h"], to=T.FLOAT16, name="/half"),
    ]
    weight = h.make_tensor("w", T.FLOAT8E5M2, [4], bytes(4), raw=True)
    return make(nodes, [X], [Y, ("z", T.FLOAT, [4]), ("h", T.FLOAT16, X[2])], [weight], opset=23)


@model
def external_absent():
    """Two files are missing, one of which three tensors lie in."""
    names = {"w0": "nowhere.bin", "v": "elsewhere.bin", "w1": "nowhere.bin", "w2": "nowhere.bin"}
    tensors = [array(n, np.zeros((8, 8))) for n in names]
    for tensor in tensors:
        external(tensor, names[tensor.name])
    nodes = [h.make_node("MatMul", ["x", n], ["y_" + n], name="/" + n) for n in names]
    return make(nodes, [X], [("y_" + n, T.FLOAT, ["batch", 8]) for n in names], tensors)


@model
def missing_opset():
    return make([h.make_node("Gelu", ["x"], ["y"], domain="com.microsoft", name="/gelu")], [X], [Y], extra=())


@model
def optional_type():
    nodes = [h.make_node("Optional", ["x"], ["o"], name="/optional", type=h.make_tensor_type_proto(T.FLOAT, [1])),
             h.make_node("OptionalGetElement", ["o"], ["y"], name="/get")]
    return make(nodes, [X], [Y])


@model
def string_constant():
    return make([h.make_node("Constant", [], ["s"], value_string="text", name="/text"), h.make_node("Relu", ["x"], ["y"])], [X], [Y])


@model
def hostile_names():
    """Names that would forge lines of output, or fill the screen."""
    name = "/relu\n/etc/passwd: error: all is lost [fine]\x1b[2J\0" + "a" * 100000
    return make([h.make_node("Relu", ["in\n\x1b" + "b" * 100000], ["y"], name=name)], [X], [Y])


@model
def shape_conflict():
    nodes = [h.make_node("MatMul", ["x", "w"], ["h"], name="/first"), h.make_node("MatMul", ["x", "v"], ["g"], name="/second"), h.make_node("Add", ["h", "g"], ["y"], name="/sum")]
    return make(nodes, [X], [Y], [array("w", np.ones((7, 8))), array("v", np.ones((9, 8)))])


@model
def opset_12():
    return make([h.make_node("Relu", ["x"], ["y"], name="/relu")], [X], [Y], opset=12)


@model
def opset_99():
    return make([h.make_node("Relu", ["x"], ["y"], name="/relu")], [X], [Y], opset=99, extra=(("com.microsoft", 2),), ir=200)


@model
def recursive_function():
    opsets = [h.make_opsetid("local", 1)]
    loop = h.make_function("local", "Loop", ["a"], ["b"], [h.make_node("Loop", ["a"], ["b"], domain="local")], opsets)
    return make([h.make_node("Loop", ["x"], ["y"], domain="local", name="/call")], [X], [Y], extra=(("local", 1),), functions=[loop])


@model
def function_bomb():
    """40 functions, each calling the next one twice: 2^40 nodes."""
    opsets = [h.make_opsetid("", 18), h.make_opsetid("local", 1)]
    call = lambda i, a, b: h.make_node(f"f{i}", [a], [b], domain="local") if i < 40 else h.make_node("Relu", [a], [b])
    functions = [h.make_function("local", f"f{i}", ["a"], ["c"], [call(i + 1, "a", "b"), call(i + 1, "b", "c")], opsets) for i in range(40)]
    return make([call(0, "x", "y")], [X], [Y], extra=(("local", 1),), functions=functions)


def nbits(**changes):
    """A MatMulNBits whose attributes and weights the arguments change."""
    k, n, block = 64, 8, 32
    shapes = {"codes": (n, 2, 16), "scales": (n, 2), "zeros": (n, 1), "bias": (n,), **{name: changes.pop(name) for name in ("codes", "scales", "zeros", "bias") if name in changes}}
    types = {"codes": np.uint8, "scales": np.float32, "zeros": np.uint8, "bias": np.float32}
    weights = [array(name, np.ones(shapes[name]), types[name]) for name in shapes]
    attributes = {"K": k, "N": n, "bits": 4, "block_size": block, **changes}
    node = h.make_node("MatMulNBits", ["x", "codes", "scales", "zeros", "", "bias"], ["y"], domain="com.microsoft", name="/q", **attributes)
    return make([node], [("x", T.FLOAT, ["batch", k])], [("y", T.FLOAT, ["batch", n])], weights)


NBITS = {"good": {}, "bits-3": {"bits": 3}, "bits-0": {"bits": 0}, "block-0": {"block_size": 0}, "block-24": {"block_size": 24}, "block-huge": {"block_size": 1 << 40},
         "k-zero": {"K": 0}, "n-negative": {"N": -8}, "k-huge": {"K": (1 << 62) + 1}, "k-wrong": {"K": 96}, "n-wrong": {"N": 16}, "codes-short": {"codes": (8, 2, 15)},
         "scales-flat": {"scales": (16,)}, "scales-wrong": {"scales": (8, 3)}, "zeros-unpacked": {"zeros": (8, 2)}, "bias-wrong": {"bias": (7,)}}
for name, changes in NBITS.items():
    MODELS["nbits-" + name] = lambda changes=changes: nbits(**dict(changes))


@model
def gqa_heads():
    found = attention()
    for attribute in found.graph.node[2].attribute:
        if attribute.name == "kv_num_heads":
            attribute.i = 3
    return found


# --- Tensors ----------------------------------------------------------------------------------------------------------------------------


def tensor_case(change, folder_files=()):
    def build():
        tensor = array("w", np.ones((8, 8)))
        change(tensor)
        return make([h.make_node("MatMul", ["x", "w"], ["y"], name="/mm")], [X], [Y], [tensor])
    return build


def raw(tensor, size):
    tensor.raw_data = b"\0" * size


def dims(tensor, *values):
    tensor.ClearField("dims")
    tensor.dims.extend(values)


TENSORS = {
    "raw-short": lambda t: raw(t, 255), "raw-long": lambda t: raw(t, 260), "raw-empty": lambda t: raw(t, 0),
    "raw-and-typed": lambda t: t.float_data.extend([0.0] * 64), "dims-negative": lambda t: dims(t, -8, -8), "dims-huge": lambda t: dims(t, 1 << 62, 1 << 62),
    "dims-wrap": lambda t: dims(t, 1 << 32, 1 << 32, 64), "dims-many": lambda t: dims(t, *([1] * 100)), "type-99": lambda t: setattr(t, "data_type", 99),
    "type-none": lambda t: setattr(t, "data_type", 0), "strings": lambda t: (t.ClearField("raw_data"), setattr(t, "data_type", T.STRING), t.string_data.extend([b"a"] * 64)),
    "external-good": lambda t: external(t, "weights.bin", offset=64, length=256), "external-absolute": lambda t: external(t, "/etc/passwd"),
    "external-parent": lambda t: external(t, "../weights.bin"), "external-hidden-parent": lambda t: external(t, "sub/../../weights.bin"),
    "external-missing": lambda t: external(t, "nowhere.bin"), "external-folder": lambda t: external(t, "sub"), "external-link": lambda t: external(t, "link.bin"),
    "external-link-inside": lambda t: external(t, "inside.bin", offset=64, length=256), "external-parent-link": lambda t: external(t, "out/secret.bin"),
    "external-fifo": lambda t: external(t, "pipe"), "external-short": lambda t: external(t, "short.bin", offset=0, length=256),
    "external-length": lambda t: external(t, "weights.bin", offset=0, length=255), "external-offset": lambda t: external(t, "weights.bin", offset=(1 << 63) - 1, length=256),
    "external-negative": lambda t: external(t, "weights.bin", offset=-1, length=256), "external-text": lambda t: external(t, "weights.bin", offset="1e3"),
    "external-twice": lambda t: external(t, "weights.bin", offset=0, length=256) and external(t, "weights.bin"), "external-no-location": lambda t: (external(t, "x"), t.ClearField("external_data")),
    "external-key": lambda t: external(t, "weights.bin", offset=0, length=256, mode="rw"), "external-nul": lambda t: external(t, "weights.bin\0/../x"),
}
for name, change in TENSORS.items():
    MODELS["tensor-" + name] = tensor_case(change)


def write_files(folder):
    """What the external-data models refer to: a good file, a short one, links inside and out of the folder, a FIFO."""
    outside = folder + ".outside"
    for path in (outside, os.path.join(folder, "sub")):
        os.makedirs(path, exist_ok=True)
    for path, size in [("weights.bin", 320), ("short.bin", 200), ("../weights.bin", 320), (os.path.join(outside, "secret.bin"), 256)]:
        with open(os.path.join(folder, path), "wb") as f:
            f.write(bytes(range(64)) * (size // 64) + b"\0" * (size % 64))
    for link, target in [("link.bin", os.path.join(outside, "secret.bin")), ("inside.bin", "weights.bin"), ("out", outside)]:
        path = os.path.join(folder, link)
        if not os.path.islink(path):
            os.symlink(target, path)
    if not os.path.exists(os.path.join(folder, "pipe")):
        os.mkfifo(os.path.join(folder, "pipe"))


def main():
    if sys.argv[1] == "--list":
        print("\n".join(MODELS))
        return
    folder, names = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(MODELS)
    os.makedirs(folder, exist_ok=True)
    if any(name.startswith("tensor-external") for name in names):
        write_files(folder)
    for name in names:
        with open(os.path.join(folder, name + ".onnx"), "wb") as f:
            f.write(MODELS[name]().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()

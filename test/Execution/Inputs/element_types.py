"""Operators on integers of every sign and size, and how elements convert. usage: element_types.py QCC QCC_RUN FOLDER"""
from compare import T, check, finish, h, model, np

N = h.make_node
wide = {"u8": (T.UINT8, np.uint8), "u16": (T.UINT16, np.uint16), "u32": (T.UINT32, np.uint32), "u64": (T.UINT64, np.uint64)}
flags = ["Less", "LessOrEqual", "Greater", "GreaterOrEqual"]


def cases(name, ports, constants, feeds, steps, **options):
    """steps: output -> (element type, nodes that make it)."""
    nodes = [node for _, made in steps.values() for node in made]
    shape = ["b", 4]
    check(name, model(nodes, {k: (t, shape) for k, t in ports.items()}, {k: (t, shape) for k, (t, _) in steps.items()}, constants), feeds, **options)


# Both halves of the range: as signed numbers the larger ones would be negative.
for name, (type, numpy) in wide.items():
    most = np.iinfo(numpy).max
    feed = {"x": np.array([[0, 1, most, most // 2 + 1], [most - 1, 7, most // 2, 3]], numpy), "y": np.array([[1, most, most // 2, most], [3, 7, most // 2 + 2, 1]], numpy)}
    steps = {op: (type, [N(op, ["x", "y"], [op])]) for op in ["Min", "Max", "Div"]}
    steps["Mod"] = type, [N("Mod", ["x", "y"], ["Mod"])]
    steps["Clip"] = type, [N("Clip", ["x", "low", "high"], ["Clip"])]
    steps.update({op: (T.BOOL, [N(op, ["x", "y"], [op])]) for op in flags})
    steps["float"] = T.FLOAT, [N("Cast", ["x"], ["float"], to=T.FLOAT)]
    steps["long"] = T.INT64, [N("Cast", ["x"], ["long"], to=T.INT64)]
    steps["same"] = type, [N("Identity", ["x"], ["same"])]
    for op in ["ReduceMax", "ReduceMin"] if name != "u16" else []:  # ONNX has none
        steps[op] = type, [N(op, ["x", "axis"], [op + "s"]), N("Max" if op == "ReduceMax" else "Min", [op + "s", "x"], [op])]
    constants = {"low": np.array(2, numpy), "high": np.array(most - 2, numpy), "axis": np.array([1])}
    cases(name, {"x": type, "y": type}, constants, [feed], steps, reference="onnx")

# Signs of rests and powers.
signed = [{"x": np.array([[-7, 7, -8, 8], [0, -1, 1, 5]]), "y": np.array([[3, -3, -4, 3], [2, 5, -5, 5]])}]
cases("signed", {"x": T.INT64, "y": T.INT64}, {"two": np.array(2), "threes": np.array(3.0, np.float32), "own": np.array([2, 3, 0, 1]), "least": np.array(-1), "one": np.array(1), "far": np.array([64, 65, 64, 65])}, signed, {
    "mod": (T.INT64, [N("Mod", ["x", "y"], ["mod"])]), "fmod": (T.INT64, [N("Mod", ["x", "y"], ["fmod"], fmod=1)]), "div": (T.INT64, [N("Div", ["x", "y"], ["div"])]),
    "square": (T.INT64, [N("Pow", ["x", "two"], ["square"])]), "cube": (T.INT64, [N("Pow", ["x", "threes"], ["cube"])]), "powers": (T.INT64, [N("Pow", ["x", "own"], ["powers"])]),
    # Of -1, 0 and 1 only: the powers of others overflow.
    "far_power": (T.INT64, [N("Clip", ["x", "least", "one"], ["clipped"]), N("Pow", ["clipped", "far"], ["far_power"])])})
cases("float_mod", {"x": T.FLOAT, "y": T.FLOAT}, {}, [{k: v.astype(np.float32) + np.float32(0.25) for k, v in signed[0].items()}], {"o": (T.FLOAT, [N("Mod", ["x", "y"], ["o"], fmod=1)])})
# More digits than a double has.
cases("large", {"x": T.INT64}, {"k": np.array(2**53 + 1), "zero": np.array(0), "most": np.array(2**53)}, [{"x": np.zeros((1, 4), np.int64)}], {
    "sum": (T.INT64, [N("Add", ["k", "zero"], ["a"]), N("Sub", ["a", "most"], ["c"]), N("Add", ["x", "c"], ["sum"])]),
    "kept": (T.INT64, [N("Identity", ["k"], ["d"]), N("Add", ["d", "zero"], ["e"]), N("Add", ["x", "e"], ["f"]), N("Sub", ["f", "most"], ["kept"])])})

# Through narrower types and back: the bits above are lost.
cases("narrow", {"x": T.INT64}, {}, [{"x": np.array([[2**32 + 5, 300, -1, 40000]])}],
      {f"o{i}": (T.INT64, [N("Cast", ["x"], [f"a{i}"], to=t), N("Cast", [f"a{i}"], [f"o{i}"], to=T.INT64)]) for i, t in enumerate([T.INT8, T.UINT8, T.INT16, T.UINT16, T.INT32, T.UINT32])})

# To unsigned, and a table of bytes.
cases("to_unsigned", {"x": T.FLOAT}, {}, [{"x": np.array([[0, 200.7, 255, 1.5]], np.float32)}],
      {"byte": (T.UINT8, [N("Cast", ["x"], ["byte"], to=T.UINT8)]), "back": (T.FLOAT, [N("Cast", ["byte"], ["back"], to=T.FLOAT)])})
cases("table", {"x": T.INT64}, {"t": np.array([1, 200, 255, 7], np.uint8)}, [{"x": np.array([[0, 1, 2, 3]])}],
      {"o": (T.FLOAT, [N("Gather", ["t", "x"], ["k"]), N("Cast", ["k"], ["o"], to=T.FLOAT)])})

# float16: linear layers, norms, embeddings, sums and attention compute in float32, ports and what is between keep their type.
half = lambda *shape: (np.random.default_rng(sum(shape)).standard_normal(shape) / 4).astype(np.float16)
F16, C = T.FLOAT16, 64
weights = {"w": half(C, C), "k": half(C), "g": half(C), "t": half(600, C), "axis": np.array([-1])}
x = {"x": (F16, ["b", "s", C])}
feeds = [{"x": half(b, s, C)} for b, s in [(1, 1), (2, 5)]]
for name, nodes in {"linear": [N("MatMul", ["x", "w"], ["a"]), N("Add", ["a", "k"], ["o"])], "norm": [N("LayerNormalization", ["x", "g", "k"], ["o"])],
                    "activation": [N("Gelu", ["x"], ["a"]), N("Relu", ["a"], ["o"])], "silu": [N("Sigmoid", ["x"], ["a"]), N("Mul", ["x", "a"], ["o"])],
                    "sum": [N("ReduceSum", ["x", "axis"], ["a"]), N("Softmax", ["x"], ["c"]), N("Mul", ["a", "c"], ["o"])],
                    "product": [N("Transpose", ["x"], ["a"], perm=[0, 2, 1]), N("MatMul", ["x", "a"], ["c"]), N("MatMul", ["c", "x"], ["o"])],
                    "skip": [N("SkipSimplifiedLayerNormalization", ["x", "x", "g"], ["o"], domain="com.microsoft")]}.items():
    check("half_" + name, model(nodes, x, {"o": (F16, ["b", "s", C])}, weights), feeds, bound=2e-3)
check("half_embedding", model([N("Gather", ["t", "i"], ["o"])], {"i": (T.INT64, ["b", "s"])}, {"o": (F16, ["b", "s", C])}, weights), [{"i": np.array([[3, 500]])}])
three = {n: (F16, ["b", "s", C]) for n in "qkv"}
heads = N("MultiHeadAttention", list("qkv"), ["o"], domain="com.microsoft", num_heads=4)
wide = model([N("Cast", [n], [n + "w"], to=T.FLOAT) for n in "qkv"] + [N("MultiHeadAttention", ["qw", "kw", "vw"], ["a"], domain="com.microsoft", num_heads=4),
                                                                      N("Cast", ["a"], ["o"], to=F16)], three, {"o": (F16, ["b", "s", C])})
check("half_heads", model([heads], three, {"o": (F16, ["b", "s", C])}), [{n: half(2, 5, C) for n in "qkv"}], oracle=wide, bound=2e-3)

# A dimension whose name is a number is of that size.
check("number_as_name", model([N("Exp", ["x"], ["a"]), N("Relu", ["x"], ["c"]), N("Mul", ["a", "c"], ["o"])], {"x": ["b", "4"]}, {"o": ["b", "4"]}), [{"x": np.ones((3, 4), np.float32)}])
finish()

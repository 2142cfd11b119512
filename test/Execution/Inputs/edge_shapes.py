"""Every family of operators on scalars, open last extents, extents of 0, extents without a name and many dimensions.
usage: edge_shapes.py QCC QCC_RUN FOLDER

Leaves FOLDER/<shape>.<bits>/other.npy, an input of 7 channels, and FOLDER/empty.onnx, a norm of none."""
from compare import T, check, finish, floats, folder, h, model, np, onnx

N, ints = h.make_node, lambda *v: np.array(v, np.int64)
weights = {"w": floats(8, 4), "v": floats(8, 4), "one": floats(1, 8, 4), "left": floats(4, 8), "g": floats(8), "b": floats(8), "c": floats(4), "t": floats(5, 8), "half": np.float32(0.5),
           "first": ints(0), "last": ints(-1), "all": ints(2**63 - 1), "flat": ints(-1), "none": np.zeros((8, 0), np.float32), "nothing": np.zeros((0, 4), np.float32)}
elementwise = {
    **{op: [N(op, ["x"], ["o"])] for op in ("Neg", "Relu", "Gelu", "Elu", "Identity")},
    "silu": [N("Sigmoid", ["x"], ["a"]), N("Mul", ["x", "a"], ["o"])],
    "sum": [N("Relu", ["x"], ["a"]), N("Add", ["a", "x"], ["o"])],
    "where": [N("Less", ["x", "half"], ["a"]), N("Where", ["a", "x", "half"], ["o"])],
    "power": [N("Pow", ["x", "half"], ["a"]), N("IsNaN", ["a"], ["q"]), N("Where", ["q", "x", "a"], ["o"])],
}
movement = {
    "relu_of_transposed": [N("Transpose", ["x"], ["a"]), N("Relu", ["a"], ["o"])],
    "unsqueezed": [N("Unsqueeze", ["x", "last"], ["o"])],
    "flat": [N("Reshape", ["x", "flat"], ["o"])],
    "shape": [N("Shape", ["x"], ["a"]), N("Cast", ["a"], ["o"], to=1)],
    "rows": [N("Gather", ["t", "i"], ["o"])],
}
vectors = {
    "concat": [N("Concat", ["x", "x"], ["o"], axis=0)],
    "slice": [N("Slice", ["x", "first", "all", "last"], ["o"])],
    "softmax": [N("Softmax", ["x"], ["o"])],
    "running": [N("Cast", ["x"], ["a"], to=7), N("CumSum", ["a", "last"], ["q"]), N("Cast", ["q"], ["o"], to=1)],
}
reductions = {
    "all": [N("ReduceSum", ["x"], ["o"], keepdims=0)],
    "relu_of_mean": [N("ReduceMean", ["x"], ["a"], keepdims=0), N("Relu", ["a"], ["o"])],
}
channels = {
    "norm": [N("LayerNormalization", ["x", "g", "b"], ["o"], name="/norm")],
    "product": [N("MatMul", ["x", "w"], ["o"], name="/product")],
    "biased": [N("MatMul", ["x", "w"], ["a"]), N("Add", ["a", "c"], ["o"])],
    "normed": [N("LayerNormalization", ["x", "g"], ["a"]), N("MatMul", ["a", "w"], ["o"])],
    "two": [N("MatMul", ["x", "w"], ["a"]), N("MatMul", ["x", "v"], ["q"]), N("Sub", ["a", "q"], ["o"])],
    "unit": [N("MatMul", ["x", "one"], ["o"])],
}
matrices = {
    "left": [N("Transpose", ["x"], ["a"]), N("MatMul", ["left", "a"], ["o"])],
    "scaled": [N("Gemm", ["x", "w", "c"], ["o"], alpha=0.5, beta=2.0)],
    "no_columns": [N("MatMul", ["x", "none"], ["o"])],
    "transposed": [N("Transpose", ["x"], ["a"]), N("Gemm", ["a", "left", "half"], ["o"], transA=1, transB=1)],
}
by_vector = {
    "by_vector": [N("MatMul", ["x", "g"], ["o"])],
}
vectors_by_matrices = {    # ONNX Runtime has no products of no rows with a vector
    "vector_left": [N("Transpose", ["x"], ["a"]), N("MatMul", ["g", "a"], ["o"])],
    "vector_by_batch": [N("Transpose", ["x"], ["a"]), N("Unsqueeze", ["a", "first"], ["q"]), N("MatMul", ["g", "q"], ["o"])],
    "computed": [N("ReduceSum", ["x", "first"], ["p"], keepdims=0), N("Transpose", ["x"], ["a"]), N("MatMul", ["p", "a"], ["o"])],
    "computed_column": [N("ReduceSum", ["x", "first"], ["p"], keepdims=0), N("MatMul", ["x", "p"], ["o"])],
    "inner": [N("ReduceSum", ["x", "first"], ["p"], keepdims=0), N("MatMul", ["p", "p"], ["o"])],
}
empty_sums = {
    "no_terms": [N("MatMul", ["x", "nothing"], ["o"])],
    "bias_alone": [N("MatMul", ["x", "nothing"], ["a"]), N("Add", ["a", "c"], ["o"])],
}


# Results that are made of each other, or begin with the same zeros or the same part: listed in an order in which none may lie in the place of another.
shared = {
    "parts": [N("Neg", ["x"], ["n"]), N("Concat", ["x", "n"], ["o"], axis=0)],
    "other_part": [N("Relu", ["x"], ["n"]), N("Concat", ["x", "n"], ["o"], axis=0)],
    "rows_sum": [N("ReduceSum", ["x", "last"], ["o"], keepdims=0)],
    "rows_zeros": [N("ReduceMax", ["x", "last"], ["a"], keepdims=0), N("Shape", ["a"], ["q"]), N("ConstantOfShape", ["q"], ["o"])],
    "squares_sum": [N("Mul", ["x", "x"], ["a"]), N("ReduceSum", ["a", "last"], ["o"], keepdims=0)],
    "later": [N("Exp", ["x"], ["a"]), N("Add", ["a", "x"], ["m"]), N("Mul", ["m", "x"], ["o"])],
    "middle": [N("Exp", ["x"], ["a"]), N("Add", ["a", "x"], ["o"])],
    "product_of_both": [N("Exp", ["x"], ["a"]), N("Mul", ["a", "x"], ["o"])],
    "earlier": [N("Exp", ["x"], ["o"])],
}


def cross(name, shape, extents, *families, bits=(32,)):
    """One model, a result for each case, on inputs of these extents."""
    nodes, outputs = [], {}
    for case, steps in {k: v for family in families for k, v in family.items()}.items():
        for step in steps:
            node = onnx.NodeProto()
            node.CopyFrom(step)
            for names in (node.input, node.output):
                names[:] = [v if v in weights or v in "xi" else f"{case}.{v}" for v in names]
            node.name = node.name or f"/{case}/{node.output[0]}"
            nodes.append(node)
        outputs[f"{case}.o"] = None
    used = {v for node in nodes for v in node.input}
    inputs = {"x": shape, **({"i": (T.INT64, shape)} if "i" in used else {})}
    feeds = [{"x": np.array(floats(*e)), **({"i": np.array(np.arange(int(np.prod(e))).reshape(e) % 5)} if "i" in used else {})} for e in extents]
    m = model(nodes, inputs, outputs, {k: v for k, v in weights.items() if k in used})
    for wbits in bits:
        exact = wbits == 32
        check(f"{name}.{wbits}", m, feeds, *([] if exact else [f"--wbits={wbits}", "--abits=8"]), exact=exact, bound=2e-5 if exact else 0.25)
    np.save(f"{folder}/{name}.{bits[-1]}/other.npy", floats(*extents[0][:-1], 7))


cross("scalar", [], [()], elementwise, movement)
cross("vector", ["n"], [(8,), (1,)], elementwise, movement, vectors, reductions)
cross("row", ["k"], [(8,)], channels, by_vector, bits=(32, 4))
cross("open", [2, "n"], [(2, 8), (2, 1)], elementwise, movement, vectors, reductions)
cross("matrix", ["n", "k"], [(3, 8), (40, 8)], channels, by_vector, matrices, vectors_by_matrices, bits=(32, 4))
cross("nameless", [None, None], [(3, 8), (1, 8)], elementwise, vectors, channels, by_vector, vectors_by_matrices)
cross("deep", ["a", 1, "b", "c", "k"], [(2, 1, 3, 2, 8)], elementwise, movement, vectors, reductions, channels, by_vector)
cross("shared", ["n", "k"], [(3, 8), (40, 8)], shared)
cross("no_rows", [0, 8], [(0, 8)], elementwise, movement, vectors, channels, matrices)
cross("no_channels", [2, 0], [(2, 0)], elementwise, movement, vectors, empty_sums)
cross("no_terms", [2, 0], [(2, 0)], empty_sums, bits=(4,))
onnx.save(model([N("LayerNormalization", ["x", "g"], ["o"], name="/norm")], {"x": [2, 0]}, {"o": [2, 0]}, {"g": floats(0)}), f"{folder}/empty.onnx")
finish()

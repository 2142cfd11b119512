"""Outputs whose extents follow from the inputs' extents, and inputs of fixed extents. usage: output_shapes.py QCC QCC_RUN FOLDER"""
from compare import T, check, finish, floats, h, model, np, random

N, ints = h.make_node, lambda *v: np.array(v, np.int64)
w = floats(8, 8)
x = lambda b, s: {"x": floats(b, s, 8)}
several = [x(2, 5), x(1, 1), x(3, 17)]

# Products, sums, multiples, quotients.
check("flatten", model([N("Reshape", ["x", "k"], ["a"]), N("MatMul", ["a", "w"], ["c"]), N("Relu", ["c"], ["o"])],
                       {"x": ["b", "s", 8]}, {"o": ["n", 8]}, {"k": ints(-1, 8), "w": w}), several)
check("flatten_layers", model([N("Reshape", ["x", "k"], ["a0"])] + [n for i in range(3) for n in (
    N("MatMul", [f"a{i}", f"w{i}"], [f"c{i}"]), N("Gelu", [f"c{i}"], [f"d{i}"]), N("LayerNormalization", [f"d{i}", f"g{i}"], [f"e{i}"]), N("Add", [f"a{i}", f"e{i}"], [f"a{i + 1}"]))],
    {"x": ["batch", "seq", 8]}, {"a3": ["n", 8]}, {"k": ints(-1, 8), **{f"w{i}": floats(8, 8) for i in range(3)}, **{f"g{i}": floats(8) for i in range(3)}}), several)
check("concat", model([N("Concat", ["x", "y"], ["a"], axis=1), N("MatMul", ["a", "w"], ["o"])],
                      {"x": ["b", "s", 8], "y": ["b", "p", 8]}, {"o": ["b", "t", 8]}, {"w": w}), [{**x(2, 5), "y": floats(2, 3, 8)}, {**x(1, 1), "y": floats(1, 30, 8)}])
check("twice", model([N("Concat", ["x", "k", "x"], ["a"], axis=1), N("Exp", ["a"], ["o"])], {"x": ["b", "s", 8]}, {"o": ["b", "t", 8]}, {"k": floats(1, 1, 8)}),
      [x(1, 5), x(1, 1)])
check("half", model([N("Slice", ["x", "k0", "end", "k1", "k2"], ["a"]), N("MatMul", ["a", "w"], ["o"])], {"x": ["b", "s", 8]}, {"o": ["b", "t", 8]},
                    {"k0": ints(0), "end": ints(2**62), "k1": ints(1), "k2": ints(2), "w": w}), several)
check("names", model([N("Reshape", ["x", "k"], ["a"]), N("Neg", ["a"], ["o"])], {"x": ["a*b", "s (tokens) + 1", 8]}, {"o": ["n", 8]}, {"k": ints(-1, 8)}), several)

# Extents that the file fixes.
ids = lambda *shape: {"i": random.integers(0, 50, shape)}
table = floats(50, 8)
head = [N("Gather", ["t", "i"], ["a"]), N("MatMul", ["a", "w"], ["c"]), N("Relu", ["c"], ["o"])]
for name, shape, feeds in [("fixed", [1, 16], [ids(1, 16)]), ("one", [1, 1], [ids(1, 1)]), ("batch", [2, "s"], [ids(2, 1), ids(2, 9)]), ("tokens", ["b", 3], [ids(1, 3), ids(7, 3)])]:
    check(name, model(head, {"i": (T.INT64, shape)}, {"o": [*shape, 8]}, {"t": table, "w": w}), feeds)
finish()

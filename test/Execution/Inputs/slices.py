"""Slices whose starts and ends are expressions of the inputs' extents, or pass them. usage: slices.py QCC QCC_RUN FOLDER"""
from compare import T, check, finish, floats, h, model, np

N, ints = h.make_node, lambda *v: np.array(v, np.int64)
x = lambda b, s: {"x": floats(b, s, 8)}
several = [x(1, 1), x(2, 2), x(1, 4), x(2, 5), x(1, 17)]   # the clamps of the cases below act at 1, or from 5 on
whole = {"zero": ints(0), "one": ints(1), "two": ints(2), "axis": ints(1), "most": ints(2**63 - 1), "least": ints(-2**63)}


def extent(of, axis, name):
    """Nodes whose result `name` is a vector of the extent `axis` of `of`."""
    return [N("Shape", [of], [name], start=axis, end=axis + 1)]


def slice(name, start, end, constants={}, nodes=[], feeds=several, inputs={}, after=[N("Identity", ["a"], ["o"])], step=None, rank=3):
    steps = [step] if step else []
    nodes = [*nodes, N("Slice", ["x", start, end, "axis", *steps], ["a"]), *after]
    check(name, model(nodes, {"x": ["b", "s", 8], **inputs}, {"o": [f"o{i}" for i in range(rank)]}, {**whole, **constants}), feeds)


# Constants beyond the extent, from both ends.
slice("beyond", "zero", "k", {"k": ints(4)})
slice("behind", "k", "most", {"k": ints(3)})
slice("last", "k", "most", {"k": ints(-1)})
slice("last_four", "k", "most", {"k": ints(-4)})
slice("all_but_last", "zero", "k", {"k": ints(-1)})
slice("inner", "one", "k", {"k": ints(-1)})
slice("from_least", "least", "k", {"k": ints(-2)})
slice("to_least", "zero", "least")
slice("int32", "zero", "k", {"k": ints(2**31 - 1)})
slice("crossed", "k", "one", {"k": ints(3)})
slice("every_second", "one", "k", {"k": ints(5)}, step="two")

# A gate and what it gates, of all tokens but the last: not the halves of the whole tensor.
halves = [N("Slice", ["x", "from_gate", "to_gate", "axes"], ["g"]), N("Slice", ["x", "from_up", "to_up", "axes"], ["u"]),
          N("Sigmoid", ["g"], ["q"]), N("Mul", ["g", "q"], ["a"]), N("Mul", ["a", "u"], ["o"])]
check("gated_part", model(halves, {"x": ["b", "s", 8]}, {"o": ["b", "t", 4]}, {"from_gate": ints(0, 0), "to_gate": ints(-1, 4), "from_up": ints(0, 4), "to_up": ints(-1, 8),
                                                                                "axes": ints(1, 2)}), [x(2, 2), x(1, 4), x(2, 5)])

# Expressions of the same extent.
before = [*extent("x", 1, "s"), N("Sub", ["s", "one"], ["e"])]
slice("length_less_one", "zero", "e", nodes=before)
slice("half", "zero", "e", nodes=[*extent("x", 1, "s"), N("Div", ["s", "two"], ["e"])])
slice("from_half", "e", "most", nodes=[*extent("x", 1, "s"), N("Div", ["s", "two"], ["e"])])
slice("at_most", "zero", "e", {"k": ints(4)}, nodes=[*extent("x", 1, "s"), N("Min", ["s", "k"], ["e"])])
slice("at_least", "e", "most", {"k": ints(3)}, nodes=[*extent("x", 1, "s"), N("Max", ["one", "k"], ["c"]), N("Sub", ["s", "c"], ["e"])])
slice("parts_of_parts", "one", "most", after=[N("Slice", ["a", "one", "most", "axis"], ["o"])])

# Expressions of another input's extent.
pairs = [{**x(2, s), "y": floats(t)} for s, t in [(1, 1), (5, 2), (5, 5), (2, 7), (17, 9)]]
other = dict(inputs={"y": ["t"]}, feeds=pairs)
slice("to_other", "zero", "t", nodes=extent("y", 0, "t"), **other)
slice("from_other", "t", "most", nodes=extent("y", 0, "t"), **other)
minus = [*extent("y", 0, "t"), N("Neg", ["t"], ["e"])]
slice("last_of_other", "e", "most", nodes=minus, **other)
slice("less_other", "zero", "e", nodes=minus, **other)
# t - 3 is a start from the front, 0, or from the end: which one shows when it runs.
slice("either_sign", "e", "most", {"k": ints(3)}, nodes=[*extent("y", 0, "t"), N("Sub", ["t", "k"], ["e"])], **other)

# What comes after: a weight, sums of parts of the same extent, an extent as a number.
w = floats(8, 8)
slice("matmul", "zero", "e", {"w": w}, nodes=before, after=[N("MatMul", ["a", "w"], ["o"])])
slice("last_token", "k", "most", {"w": w, "k": ints(-1)}, after=[N("MatMul", ["a", "w"], ["o"])])
slice("difference", "one", "most", {"k": ints(-1)}, after=[N("Slice", ["x", "zero", "k", "axis"], ["c"]), N("Sub", ["a", "c"], ["o"])])
slice("rotate", "zero", "k", {"k": ints(3)}, after=[N("Slice", ["x", "k", "most", "axis"], ["c"]), N("Concat", ["c", "a"], ["o"], axis=1)])
slice("sum", "zero", "k", {"k": ints(3)}, after=[N("ReduceSum", ["a", "axis"], ["o"])])
slice("flat", "zero", "k", {"k": ints(3), "f": ints(-1, 8), "w": w}, rank=2, after=[N("Reshape", ["a", "f"], ["c"]), N("MatMul", ["c", "w"], ["o"])])

# A known extent of data is no table: its end is clamped too.
fixed = [{"x": floats(2, 6, 8), "y": floats(t)} for t in [1, 5, 6, 7, 20]]
nodes = [*extent("y", 0, "t"), N("Slice", ["x", "zero", "t", "axis"], ["o"])]
check("fixed", model(nodes, {"x": ["b", 6, 8], "y": ["t"]}, {"o": ["b", "n", 8]}, whole), fixed)
finish()

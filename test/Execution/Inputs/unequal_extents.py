"""Operations on extents that have different names, and stacks of layers on different sequences. usage: unequal_extents.py QCC QCC_RUN FOLDER

Each model also leaves inputs whose extents differ in FOLDER/<model>: x.npy and other.npy."""
import os
from compare import T, check, finish, floats, folder, h, model, np

N, ints = h.make_node, lambda *v: np.array(v, np.int64)


def pair(name, nodes, x, y, out, equal, other, constants={}, rest={}):
    """Inputs x and y of these dimensions; `equal` and `other` are extents of y that fit and do not fit x."""
    sizes = dict(a=2, s=3, t=equal, b=equal, k=equal)
    shape = lambda dims, **changed: [d if isinstance(d, int) else {**sizes, **changed}[d] for d in dims]
    feed = {"x": floats(*shape(x)), **({"y": floats(*shape(y))} if y else {})}
    check(name, model([*nodes], {"x": x, **({"y": y} if y else {})}, {"o": out}, constants), [feed])
    wrong = shape(y, t=other, b=other, k=other) if y else [other if isinstance(d, str) else d for d in x]
    np.save(os.path.join(folder, name, "other.npy"), floats(*wrong))


pair("add", [N("Add", ["x", "y"], ["o"], name="/add")], ["s", 8], ["t", 8], ["s", 8], 3, 300)
pair("product", [N("MatMul", ["x", "y"], ["o"], name="/product")], [4, "s"], ["t", 8], [4, 8], 3, 2)
pair("batches", [N("MatMul", ["x", "y"], ["o"], name="/product")], ["a", 4, 8], ["b", 8, 4], ["a", 4, 4], 2, 1)
pair("concat", [N("Concat", ["x", "y"], ["o"], name="/concat", axis=1)], ["s", 8], ["t", 8], ["s", 16], 3, 4000)
pair("sum", [N("Concat", ["x", "x"], ["c"], axis=0), N("Add", ["c", "y"], ["o"], name="/add")], ["s", 8], ["t", 8], ["t", 8], 6, 5)
pair("split", [N("Split", ["x", "p"], ["c", "d"], name="/split"), N("Relu", ["d"], ["o"])], ["s", 8], None, [2, 8], 3, 2, {"p": ints(1, 2)})
pair("reshape", [N("Reshape", ["x", "p"], ["c"], name="/reshape"), N("Relu", ["c"], ["o"])], ["s", 8], None, [6, 4], 3, 1, {"p": ints(6, 4)})
pair("expand", [N("Shape", ["y"], ["p"]), N("Expand", ["x", "p"], ["o"], name="/expand")], ["s", 8], ["t", 8], ["t", 8], 3, 7)

# Two stacks of the same layers: one function by what they compute, but not by their shapes.
nodes, weights = [], {}
for side in "xy":
    for i in range(2):
        p = f"{side}{i}"
        weights |= {f"{p}a": floats(8, 8), f"{p}b": floats(8, 8)}
        source = side if i == 0 else f"{side}0o"
        nodes += [N("MatMul", [source, f"{p}a"], [f"{p}1"]), N("Tanh", [f"{p}1"], [f"{p}2"]), N("MatMul", [f"{p}2", f"{p}b"], [f"{p}3"]), N("Add", [f"{p}3", source], [f"{p}o"])]
check("towers", model(nodes, {"x": ["s", 8], "y": ["t", 8]}, {"x1o": ["s", 8], "y1o": ["t", 8]}, weights),
      [{"x": floats(3, 8), "y": floats(40, 8)}, {"x": floats(40, 8), "y": floats(1, 8)}])
finish()

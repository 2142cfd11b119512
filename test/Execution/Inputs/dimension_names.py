"""Free dimensions that are called as dimensions of the program are. usage: dimension_names.py QCC QCC_RUN FOLDER"""
import subprocess

from compare import T, check, compiler, finish, floats, folder, h, model, np, onnx

N, ints = h.make_node, lambda *v: np.array(v, np.int64)
table, w = floats(50, 8), floats(8, 8)


def attention(x, y, name):
    """Over the tokens of `x` alone, [rows, tokens, 8]."""
    return [N("MatMul", [x, "w"], [name + "q"]), N("Attention", [name + "q", x, x], [y], name=name, q_num_heads=2, kv_num_heads=2)]


# An encoder of [a, b] tokens, and beside it tensors whose extents are called past, total, context, keep, seq, batch.
nodes = [N("Gather", ["t", "ids"], ["x"]), *attention("x", "y", "self"), N("Exp", ["u"], ["eu"]), N("Neg", ["v"], ["nv"]), N("Concat", ["z", "z"], ["zz"], axis=0)]
m = model(nodes, {"ids": (T.INT64, ["a", "b"]), "u": ["past", "total"], "v": ["context", "keep"], "z": ["seq", "batch"]},
          {"y": ["a", "b", 8], "eu": ["past", "total"], "nv": ["context", "keep"], "zz": ["two", "batch"]}, {"t": table, "w": w}, opset=23)
for name, options in (("fast", []), ("reference", ["--kernels=reference"])):
    check(name, m, [{"ids": np.arange(a * b).reshape(a, b), "u": floats(5, 3), "v": floats(2, 9), "z": floats(6, 4)} for a, b in ((1, 1), (1, 7), (3, 5))], *options, reference="onnx")

# Two numbers of tokens in one program.
two = model([N("Gather", ["t", "ids"], ["x"]), N("Gather", ["t", "others"], ["z"]), *attention("x", "y", "first"), *attention("z", "o", "second")],
            {"ids": (T.INT64, ["a", "b"]), "others": (T.INT64, ["a", "c"])}, {"y": ["a", "b", 8], "o": ["a", "c", 8]}, {"t": table, "w": w}, opset=23)
onnx.save(two, f"{folder}/two.onnx")
refused = subprocess.run([compiler, f"{folder}/two.onnx", "-q", "-o", f"{folder}/two.so"], capture_output=True, text=True)
print("exit code", refused.returncode, refused.stderr)
finish()

"""ONNX Runtime's fused operators of encoders against ONNX Runtime. usage: fused_ops.py QCC QCC_RUN FOLDER"""
from compare import T, check, finish, floats, h, model, np, random

H, D = 4, 8
C = H * D
ms = lambda op, inputs, outputs, **attributes: h.make_node(op, inputs, outputs, domain="com.microsoft", name=op, **attributes)
sizes = [(1, 1), (2, 5), (3, 17)]
x = {"x": ["b", "s", C]}
several = [{"x": floats(b, s, C)} for b, s in sizes]
o = {"o": ["b", "s", C]}


def simple(name, nodes, constants={}, inputs=x, feeds=several, outputs=o, **options):
    check(name, model(nodes, inputs, outputs, constants), feeds, **options)


simple("bias_gelu", [ms("BiasGelu", ["x", "k"], ["o"])], {"k": floats(C)})
simple("bias_gelu_of_linear", [h.make_node("MatMul", ["x", "w"], ["a"]), ms("BiasGelu", ["a", "k"], ["o"])], {"w": floats(C, C), "k": floats(C)}, bound=1e-4)
# Channels that only a run tells, of the input, of the bias, or of both.
open_x, open_k = {"x": ["b", "s", "c"]}, {"k": ["n"]}
with_bias = [{"x": floats(b, s, C), "k": floats(C)} for b, s in sizes]
for case, inputs in (("input", open_x), ("nameless", {"x": ["b", "s", None]})):
    simple(f"bias_gelu_open_{case}", [ms("BiasGelu", ["x", "k"], ["o"])], {"k": floats(C)}, inputs=inputs, outputs={"o": ["b", "s", None]})
simple("bias_gelu_open_bias", [ms("BiasGelu", ["x", "k"], ["o"])], {}, inputs={**x, **open_k}, feeds=with_bias)
simple("bias_gelu_open_both", [ms("BiasGelu", ["x", "k"], ["o"])], {}, inputs={**open_x, **open_k}, feeds=with_bias, outputs={"o": ["b", "s", "c"]})
simple("fast_gelu", [ms("FastGelu", ["x", "k"], ["o"])], {"k": floats(C)})
simple("quick_gelu", [ms("QuickGelu", ["x"], ["o"])])
simple("quick_gelu_alpha", [ms("QuickGelu", ["x"], ["o"], alpha=1.0)])

two = {"x": ["b", "s", C], "y": ["b", "s", C]}
pairs = [{"x": floats(b, s, C), "y": floats(b, s, C)} for b, s in sizes]
simple("product", [ms("FusedMatMul", ["x", "w"], ["o"])], {"w": floats(C, C)}, bound=1e-4)
simple("product_weight_transposed", [ms("FusedMatMul", ["x", "w"], ["o"], transB=1, alpha=0.5)], {"w": floats(C, C)}, bound=1e-4)
simple("product_scores", [ms("FusedMatMul", ["x", "y"], ["o"], transB=1, alpha=0.125)], inputs=two, feeds=pairs, outputs={"o": ["b", "s", "s"]}, bound=1e-4)
simple("product_channels", [ms("FusedMatMul", ["x", "y"], ["o"], transA=1)], inputs=two, feeds=pairs, outputs={"o": ["b", C, C]}, bound=1e-4)

vectors = {"g": floats(C), "e": floats(C), "k": floats(C)}
simple("skip", [ms("SkipLayerNormalization", ["x", "y", "g", "e", "k"], ["o", "", "", "sum"], epsilon=1e-5)], vectors, two, pairs, {**o, "sum": ["b", "s", C]})
simple("skip_rms", [ms("SkipSimplifiedLayerNormalization", ["x", "y", "g", "k"], ["o", "", "", "sum"], epsilon=1e-5)], vectors, two, pairs, {**o, "sum": ["b", "s", C]})
# Values so small that the default of epsilon decides.
small = [{k: v * np.float32(1e-3) for k, v in f.items()} for f in pairs]
simple("skip_default", [ms("SkipLayerNormalization", ["x", "y", "g", "e"], ["o"])], vectors, two, small)
simple("skip_rms_default", [ms("SkipSimplifiedLayerNormalization", ["x", "y", "g"], ["o"])], vectors, two, small)
one = {"x": ["b", "s", C], "y": [1, "s", C]}
simple("skip_batch", [ms("SkipLayerNormalization", ["x", "y", "g", "e"], ["o"])], vectors, one, [{"x": floats(b, s, C), "y": floats(1, s, C)} for b, s in sizes])

# Attention with its projections. Masks pad on the right; every row keeps a token.
w, bias = floats(C, 3 * C) * 0.3, floats(3 * C)
mask = lambda b, s: (np.arange(s) < random.integers(1, s + 1, (b, 1))).astype(np.int32)
masked = [{"x": floats(b, s, C), "m": mask(b, s)} for b, s in sizes]
lengths = [{"x": f["x"], "m": f["m"].sum(1).astype(np.int32)} for f in masked]
weights = {"w": w, "k": bias}
simple("attention", [ms("Attention", ["x", "w", "k"], ["o"], num_heads=H)], weights, bound=1e-4)
simple("attention_causal", [ms("Attention", ["x", "w", "k"], ["o"], num_heads=H, unidirectional=1, scale=0.25)], weights, bound=1e-4)
simple("attention_mask", [ms("Attention", ["x", "w", "k", "m"], ["o"], num_heads=H)], weights, {**x, "m": (T.INT32, ["b", "s"])}, masked, bound=1e-4)
simple("attention_lengths", [ms("Attention", ["x", "w", "k", "m"], ["o"], num_heads=H)], weights, {**x, "m": (T.INT32, ["b"])}, lengths, bound=1e-4)

three = {n: ["b", "s", C] for n in "qkv"}
heads = lambda b, s: {n: floats(b, s, C) for n in "qkv"}
simple("heads", [ms("MultiHeadAttention", ["q", "k", "v"], ["o"], num_heads=H)], {}, three, [heads(*z) for z in sizes], bound=1e-4)
simple("heads_bias", [ms("MultiHeadAttention", ["q", "k", "v", "w"], ["o"], num_heads=H, scale=0.3)], {"w": bias}, three, [heads(*z) for z in sizes], bound=1e-4)
simple("heads_mask", [ms("MultiHeadAttention", ["q", "k", "v", "", "m"], ["o"], num_heads=H)], {}, {**three, "m": (T.INT32, ["b", "s"])},
       [{**heads(*z), "m": mask(*z)} for z in sizes], bound=1e-4)
simple("heads_causal", [ms("MultiHeadAttention", ["q", "k", "v"], ["o"], num_heads=H, unidirectional=1)], {}, three, [heads(*z) for z in sizes], bound=1e-4)
# ONNX Runtime takes packed heads on GPUs only.
unpacked = model([ms("MultiHeadAttention", ["q", "k", "v"], ["o"], num_heads=H)], three, o)
part = lambda x, i: x[:, :, :, i].reshape(*x.shape[:2], C)
simple("heads_packed", [ms("MultiHeadAttention", ["x"], ["o"], num_heads=H)], {}, {"x": ["b", "s", H, 3, D]}, [{"x": floats(b, s, H, 3, D)} for b, s in sizes],
       oracle=unpacked, oracle_feed=lambda f: {n: part(f["x"], i) for i, n in enumerate("qkv")}, bound=1e-4)
simple("heads_packed_pair", [ms("MultiHeadAttention", ["q", "x"], ["o"], num_heads=H)], {}, {"q": ["b", "s", C], "x": ["b", "s", H, 2, D]},
       [{"q": floats(b, s, C), "x": floats(b, s, H, 2, D)} for b, s in sizes],
       oracle=unpacked, oracle_feed=lambda f: {"q": f["q"], **{n: part(f["x"], i) for i, n in enumerate("kv")}}, bound=1e-4)
past = {"pk": ["b", H, "p", D], "pv": ["b", H, "p", D]}
grown = {"ok": ["b", H, "t", D], "ov": ["b", H, "t", D]}
nodes = [ms("MultiHeadAttention", ["q", "k", "v", "", "", "", "pk", "pv"], ["o", "ok", "ov"], num_heads=H, unidirectional=1)]
check("heads_past", model(nodes, {**three, **past}, {**o, **grown}),
      [{**heads(b, s), "pk": floats(b, H, p, D), "pv": floats(b, H, p, D)} for b, s, p in [(1, 6, 0), (2, 1, 7), (1, 3, 4)]], "--kv-cache=io", bound=1e-4)

# The embeddings of an encoder, alone and in front of an attention that takes the number of tokens.
i32 = lambda most, *shape: random.integers(0, most, shape).astype(np.int32)
tables = {"word": floats(50, C), "position": floats(32, C), "segment": floats(2, C), "g": floats(C), "e": floats(C)}
ids = {"i": (T.INT32, ["b", "s"])}
simple("embed", [ms("EmbedLayerNormalization", ["i", "", "word", "position", "", "g", "e"], ["o", ""])], tables, ids, [{"i": i32(50, *z)} for z in sizes])
inputs = {**ids, "t": (T.INT32, ["b", "s"]), "p": (T.INT32, [1, "s"])}
simple("embed_all", [ms("EmbedLayerNormalization", ["i", "t", "word", "position", "segment", "g", "e", "", "p"], ["o", "", "sum"])], tables, inputs,
       [{"i": i32(50, b, s), "t": i32(2, b, s), "p": i32(32, 1, s)} for b, s in sizes], {**o, "sum": ["b", "s", C]})
nodes = [ms("EmbedLayerNormalization", ["i", "", "word", "position", "", "g", "e", "m"], ["a", "n"]), ms("Attention", ["a", "w", "k", "n"], ["o"], num_heads=H)]
simple("embed_attention", nodes, {**tables, **weights}, {**ids, "m": (T.INT32, ["b", "s"])}, [{"i": i32(50, *z), "m": mask(*z)} for z in sizes], bound=1e-4)
finish()

"""ONNX Runtime's GroupQueryAttention, keys and values as inputs and outputs, against ONNX Runtime. usage: group_query.py QCC QCC_RUN FOLDER"""
from compare import T, check, finish, floats, folder, h, model, np

H, KV, D = 4, 2, 8
m = model([h.make_node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "lengths", "total"], ["y", "ok", "ov"], domain="com.microsoft", name="attention", num_heads=H,
                       kv_num_heads=KV, local_window_size=5, softcap=4.0)],
          {"q": ["b", "s", H * D], "k": ["b", "s", KV * D], "v": ["b", "s", KV * D], "pk": ["b", KV, "p", D], "pv": ["b", KV, "p", D], "lengths": (T.INT32, ["b"]), "total": (T.INT32, [1])},
          {"y": ["b", "s", H * D], "ok": ["b", KV, "t", D], "ov": ["b", KV, "t", D]})


def feed(b, s, p):
    return {"q": floats(b, s, H * D), "k": floats(b, s, KV * D), "v": floats(b, s, KV * D), "pk": floats(b, KV, p, D), "pv": floats(b, KV, p, D),
            "lengths": np.full(b, p + s - 1, np.int32), "total": np.array([p + s], np.int32)}


check("group_query", m, [feed(1, 6, 0), feed(2, 1, 7), feed(1, 3, 4)], "--kv-cache=io", bound=1e-4)
np.save(f"{folder}/group_query/short.npy", np.array([3, 6], np.int32))
for name, value in feed(2, 1, 6).items():
    np.save(f"{folder}/group_query/{name}.npy", value)
finish()

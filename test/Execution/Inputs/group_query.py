"""ONNX Runtime's GroupQueryAttention, keys and values as inputs and outputs, against ONNX Runtime. usage: group_query.py QCC QCC_RUN FOLDER"""
import subprocess

from compare import T, check, finish, floats, folder, h, model, np, runner

H, KV, D = 4, 2, 16
inputs = {"q": ["b", "s", H * D], "k": ["b", "s", KV * D], "v": ["b", "s", KV * D], "pk": ["b", KV, "p", D], "pv": ["b", KV, "p", D], "lengths": (T.INT32, ["b"]),
          "total": (T.INT32, [1])}
outputs = {"y": ["b", "s", H * D], "ok": ["b", KV, "t", D], "ov": ["b", KV, "t", D]}
m = model([h.make_node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "lengths", "total"], ["y", "ok", "ov"], domain="com.microsoft", name="attention", num_heads=H,
                       kv_num_heads=KV, local_window_size=5, softcap=4.0)],
          inputs, outputs)


def run(name, feed):
    command = [runner, f"{folder}/{name}/m.so", "--threads", "2"]
    for key, value in feed.items():
        np.save(f"{folder}/{name}/{key}.npy", np.array(value, order="C"))
        command += ["--input", f"{key}={folder}/{name}/{key}.npy"]
    for key in ("y", "ok", "ov"):
        command += ["--output", f"{key}={folder}/{name}/{key}.npy"]
    subprocess.check_call(command)
    return {key: np.load(f"{folder}/{name}/{key}.npy") for key in ("y", "ok", "ov")}


def feed(b, s, p, rows=None):
    """rows: the past of each row of the batch, where they differ; p: of the longest."""
    past = np.full(b, p) if rows is None else np.array(rows)
    return {"q": floats(b, s, H * D), "k": floats(b, s, KV * D), "v": floats(b, s, KV * D), "pk": floats(b, KV, p, D), "pv": floats(b, KV, p, D),
            "lengths": (past + s - 1).astype(np.int32), "total": np.array([p + s], np.int32)}


ragged = [feed(3, 1, 7, [7, 0, 4]), feed(3, 1, 300, [20, 300, 257])]
check("group_query", m, [feed(1, 6, 0), feed(2, 1, 7), feed(1, 3, 4), *ragged], "--kv-cache=io", bound=1e-4)
check("group_query_reference", m, ragged[:1], "--kv-cache=io", "--kernels=reference", bound=1e-4)

angles = np.arange(512)[:, None] / 100.0 ** (np.arange(D // 2) / (D // 2))
nodes = [h.make_node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "lengths", "total", "cos", "sin"], ["y", "ok", "ov"], domain="com.microsoft", name="attention", num_heads=H,
                     kv_num_heads=KV, do_rotary=1)]
rotary = model(nodes, inputs, outputs,
               {"cos": np.cos(angles).astype(np.float32), "sin": np.sin(angles).astype(np.float32)})
check("rotary", rotary, [feed(2, 1, 7), feed(3, 1, 7, [7, 0, 4])], "--kv-cache=io", bound=1e-4)

# Several new tokens of rows with different pasts, which ONNX Runtime does not take: each row is what it is alone.
pasts = [6, 2, 5]
batch = feed(3, 4, 6, pasts)
together, alone = run("rotary", batch), []
for row, past in enumerate(pasts):
    one = {name: value[row:row + 1] for name, value in batch.items() if name != "total"}
    one["pk"], one["pv"] = one["pk"][:, :, :past], one["pv"][:, :, :past]
    alone.append(run("rotary", {**one, "total": np.array([past + 4], np.int32)}))
good = all(np.array_equal(together["y"][row], alone[row]["y"][0]) and np.array_equal(together["ok"][row, :, :past + 4], alone[row]["ok"][0])
           for row, past in enumerate(pasts))
print("rows alone:", "agree" if good else "WRONG")

np.save(f"{folder}/group_query/long.npy", np.array([6, 7], np.int32))
np.save(f"{folder}/group_query/short.npy", np.array([-1, 6], np.int32))
for name, value in feed(2, 1, 6).items():
    np.save(f"{folder}/group_query/{name}.npy", value)
finish()

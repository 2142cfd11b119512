"""ONNX's Attention with masks, windows, lengths and pasts, against ONNX's reference. usage: attention.py QCC QCC_RUN FOLDER"""
from compare import T, check, compiler, finish, floats, folder, h, model, np, random, subprocess

B, S, H, KV, D = 2, 5, 4, 2, 8
N = h.make_node


def attention(name, mask=None, past=0, lengths=False, opset=24, kv_tokens=None, recovered=None, kv=KV, value=D, outputs=1, batch="b", rank=3, feeds=3, **attributes):
    """mask: (element type, symbolic shape, sizes -> array)."""
    inputs = ["q", "k", "v", "m" if mask else "", "pk" if past else "", "pv" if past else "", "n" if lengths else ""]
    tokens = "t" if kv_tokens else "s"
    three = {"q": [batch, "s", H * D], "k": [batch, tokens, kv * D], "v": [batch, tokens, kv * value]}
    four = {"q": [batch, H, "s", D], "k": [batch, kv, tokens, D], "v": [batch, kv, tokens, value]}
    ports = dict(three if rank == 3 else four)
    if past:
        ports.update(pk=[batch, kv, "p", D], pv=[batch, kv, "p", value])
    if mask:
        ports["m"] = (mask[0], mask[1])
    if lengths:
        ports["n"] = (T.INT64, [batch])
    names = ["y", "ok" if outputs > 1 else "", "ov" if outputs > 1 else "", "scores" if outputs > 3 else ""][:outputs]
    out = {"y": [batch, "s", H * value] if rank == 3 else [batch, H, "s", value], "ok": [batch, kv, "total", D], "ov": [batch, kv, "total", value], "scores": [batch, H, "s", "total"]}
    heads = {"q_num_heads": H, "kv_num_heads": kv} if rank == 3 else {}
    m = model([N("Attention", inputs[:max(i for i, x in enumerate(inputs) if x) + 1], names, name="attention", **heads, **attributes)],
              ports, {n: out[n] for n in names if n}, opset=opset)
    runs = []
    for b, s, p in [(B, S, past), (1, 1, past and 9), (3, 17, past and 1)][:feeds]:
        b = batch if isinstance(batch, int) else b
        size = {"b": b, "s": s, "t": kv_tokens, "p": p, "total": p + (kv_tokens or s)}
        feed = {k: floats(*(size.get(d, d) for d in v)) for k, v in ports.items() if k not in "mn"}
        if mask:
            feed["m"] = mask[2](tuple(size.get(d, d) for d in mask[1]))
        if lengths:
            feed["n"] = random.integers(min(s, size["total"]), size["total"] + 1, (b,)).astype(np.int64)
        runs.append(feed)
    def broadcast(feed): # the reference takes the number of queries for the causal mask from this mask
        if mask and feed["m"].ndim == 4:
            feed = {**feed, "m": np.broadcast_to(feed["m"], (*feed["m"].shape[:2], feed["q"].shape[rank - 2], feed["m"].shape[3]))}
        return feed
    check(name, m, runs, "--kv-cache=io", reference="onnx", oracle_feed=broadcast)
    if recovered is not None:
        ir = subprocess.run([compiler, f"{folder}/{name}/m.onnx", "--compile-to=graph", "-o", "-"], capture_output=True, text=True, check=True).stdout
        print(f"{name}: {'recovered' if ('qnt.attention' in ir) else 'generic path'}{'' if ('qnt.attention' in ir) == recovered else ', WRONG'}")


bools = lambda shape: random.random(shape) < 0.7
keys = lambda shape: np.arange(shape[-1]) < np.array(random.integers(1, shape[-1] + 1, shape[:-1]))[..., None]
full = (T.BOOL, ["s", "total"], bools)
if __name__ == "__main__":
    attention("plain", recovered=True)
    attention("causal", recovered=True, is_causal=1, softcap=3.0)
    attention("mask_bool", (T.BOOL, ["s", "s"], bools), recovered=False)
    attention("mask_float", (T.FLOAT, ["b", H, "s", "s"], lambda shape: floats(*shape)), recovered=False, scale=0.3)
    attention("mask_heads", (T.FLOAT, [H, "s", "s"], lambda shape: floats(*shape)), recovered=False, is_causal=1, softcap=2.0)
    attention("mask_keys", (T.BOOL, ["b", 1, 1, "s"], keys), rank=4, recovered=True)
    attention("mask_short", (T.BOOL, ["s", 3], bools), kv_tokens=7, recovered=False)
    attention("past", past=6, outputs=3, is_causal=1, recovered=True)
    attention("past_mask", (T.BOOL, ["b", 1, "s", "total"], bools), past=6, outputs=3)
    attention("cross", kv_tokens=7, recovered=False)
    attention("cross_causal", kv_tokens=7, recovered=False, is_causal=1)
    attention("values", value=6, recovered=False)
    attention("lengths", lengths=True, kv_tokens=20)
    attention("lengths_causal", lengths=True, kv_tokens=20, is_causal=1)
    attention("window", opset=25, left_window_size=2, is_causal=1, recovered=True)
    attention("window_left", opset=25, left_window_size=3, recovered=True)
    attention("past_window", opset=25, past=6, outputs=3, left_window_size=3, is_causal=1, recovered=True)
    attention("past_keys", (T.BOOL, ["b", 1, 1, "total"], keys), past=6, outputs=3, is_causal=1, recovered=False)
    attention("mask_keys_causal", (T.BOOL, ["b", 1, 1, "s"], keys), is_causal=1, recovered=True)
    attention("window_both", opset=25, left_window_size=2, right_window_size=1, recovered=False)
    attention("scores", outputs=4, past=2, qk_matmul_output_mode=3, is_causal=1)
    attention("four", (T.FLOAT, ["s", "s"], lambda shape: floats(*shape)), rank=4, opset=23, recovered=False)
    finish()

"""Writes a small llama as a qnt program with random weights, and computes it in numpy.

usage: llama_program.py write FOLDER [key=value ...]       FOLDER/model.mlir, FOLDER/weights.bin
       llama_program.py check FOLDER LOGITS.npy TOKENS.npy [tolerance]
"""
import json, os, sys
import numpy as np

DEFAULT = dict(layers=2, channels=64, heads=4, kv=2, dim=16, ffn=96, vocab=50, context=64, cache="f32", interleaved=0, io=0)


def weights(c, seed=1):
    rng = np.random.default_rng(seed)
    make = lambda *shape: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
    w = {"embed": make(c["vocab"], c["channels"]) * 8}
    angles = np.outer(np.arange(c["context"]), 1 / 10000 ** (np.arange(c["dim"] // 2) / (c["dim"] // 2)))
    w["cos"], w["sin"] = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    for i in range(c["layers"]):
        p = f"layers.{i}."
        w[p + "norm"] = 1 + 0.1 * rng.standard_normal(c["channels"]).astype(np.float32)
        w[p + "qkv"] = make((c["heads"] + 2 * c["kv"]) * c["dim"], c["channels"])
        w[p + "o"] = make(c["channels"], c["heads"] * c["dim"])
        w[p + "norm2"] = 1 + 0.1 * rng.standard_normal(c["channels"]).astype(np.float32)
        w[p + "gate_up"] = make(2 * c["ffn"], c["channels"])
        w[p + "down"] = make(c["channels"], c["ffn"])
    w["final"] = 1 + 0.1 * rng.standard_normal(c["channels"]).astype(np.float32)
    w["head"] = make(c["vocab"], c["channels"])
    return w


def write(folder, c):
    os.makedirs(folder, exist_ok=True)
    w, decls, offset = weights(c), [], 0
    with open(os.path.join(folder, "weights.bin"), "wb") as f:
        for name, value in w.items():
            shape = "x".join(map(str, value.shape))
            decls.append(f'  qnt.weight_decl @{name} : tensor<{shape}xf32> [#qnt.part<rows = {value.shape[0]}, transposed = false, '
                         f'data = <"{name}", file 0, offset {offset}, length {value.nbytes}> : tensor<{shape}xf32>>]')
            f.write(value.tobytes())
            offset += value.nbytes
    C, H, K, D, F, V, T = (c[k] for k in ("channels", "heads", "kv", "dim", "ffn", "vocab", "context"))
    N, cache = (H + 2 * K) * D, f"!qnt.cache<{K}x{D}x{c['cache']}>"
    kinds = [f"tensor<?x?x{C}xf32>", f"tensor<{C}xf32>", f"tensor<{N}x{C}xf32>", cache, f"tensor<{C}x{H * D}xf32>", f"tensor<{C}xf32>",
             f"tensor<{2 * F}x{C}xf32>", f"tensor<{C}x{F}xf32>"]
    out = [f'module attributes {{qnt.dims = ["batch", "seq", "past", "context"], qnt.files = ["weights.bin"], qnt.max_context = {T} : i64, '
           f'qnt.vocabulary = {V} : i64}} {{'] + decls
    kv, layers = f"tensor<?x{K}x?x{D}xf32>", range(c["layers"])
    if c["io"]:
        port = lambda what, i, n, dim, role: f'{{qnt.dims = ["batch", "{K}", "{dim}", "{D}"], qnt.name = "{what}.{i}.{n}", qnt.role = "{role}"}}'
        states = ", ".join(f'%{n}{i}: {kv} {port("past", i, n, "past", "past")}' for i in layers for n in ("key", "value"))
        presents = "".join(f', {kv} {port("present", i, n, "total", "present")}' for i in layers for n in ("key", "value"))
        out[0] = out[0].replace('"past", "context"', '"past", "total"')
    else:
        states = ", ".join(f'%cache{i}: {cache} {{qnt.name = "past.{i}", qnt.role = "state", qnt.state = {i} : i64}}' for i in layers)
        presents = ""
    out.append(f'  func.func @main(%tokens: tensor<?x?xi64> {{qnt.dims = ["batch", "seq"], qnt.name = "input_ids", qnt.role = "tokens"}}, {states})\n'
               f'      -> (tensor<?x?x{V}xf32> {{qnt.dims = ["batch", "seq", "{V}"], qnt.name = "logits", qnt.role = "logits"}}{presents}) {{')
    if c["io"]:
        out.append('    %past = qnt.dim "past"\n    %seq = qnt.dim "seq"\n    %total = arith.addi %past, %seq : index')
        out += [f"    %cache{i} = qnt.cache_load %key{i}, %value{i} : {kv}, {kv} -> {cache}" for i in layers]
    out.append(f'    %embed = qnt.weight @embed : tensor<{V}x{C}xf32>')
    out.append(f'    %x0 = qnt.gather %tokens, %embed : tensor<?x?xi64>, tensor<{V}x{C}xf32> -> tensor<?x?x{C}xf32>')
    for i in range(c["layers"]):
        names = ["norm", "qkv", "o", "norm2", "gate_up", "down"]
        types = [k for k in kinds[1:] if k != cache]
        for n, k in zip(names, types):
            out.append(f'    %{n}{i} = qnt.weight @layers.{i}.{n} : {k}')
        out.append(f'    %x{i + 1} = call @layer(%x{i}, %norm{i}, %qkv{i}, %cache{i}, %o{i}, %norm2{i}, %gate_up{i}, %down{i}) : ({", ".join(kinds)}) -> {kinds[0]}')
    stores = returned = kinds_returned = ""
    for i in layers if c["io"] else []:
        stores += f"    %nk{i}, %nv{i} = qnt.cache_store %cache{i} at %total : {cache} -> {kv}\n"
        returned += f", %nk{i}, %nv{i}"
        kinds_returned += f", {kv}, {kv}"
    out.append(f'''    %fn = qnt.weight @final : tensor<{C}xf32>
    %y = qnt.norm rms %x{c["layers"]}, %fn eps 1.0e-5 : tensor<?x?x{C}xf32>, tensor<{C}xf32>
    %head = qnt.weight @head : tensor<{V}x{C}xf32>
    %logits = qnt.matmul %y, %head : tensor<?x?x{C}xf32>, tensor<{V}x{C}xf32> -> tensor<?x?x{V}xf32>
{stores}    return %logits{returned} : tensor<?x?x{V}xf32>{kinds_returned}
  }}
  func.func private @layer(%x: {kinds[0]}, %wn: {kinds[1]}, %wqkv: {kinds[2]}, %cache: {kinds[3]}, %wo: {kinds[4]}, %wn2: {kinds[5]}, %wgu: {kinds[6]}, %wd: {kinds[7]}) -> {kinds[0]} {{
    %batch = qnt.dim "batch"
    %seq = qnt.dim "seq"
    %past = qnt.dim "past"
    %n = qnt.norm rms %x, %wn eps 1.0e-5 : {kinds[0]}, {kinds[1]}
    %qkv = qnt.matmul %n, %wqkv : {kinds[0]}, {kinds[2]} -> tensor<?x?x{N}xf32>
    %q = tensor.extract_slice %qkv[0, 0, 0] [%batch, %seq, {H * D}] [1, 1, 1] : tensor<?x?x{N}xf32> to tensor<?x?x{H * D}xf32>
    %k = tensor.extract_slice %qkv[0, 0, {H * D}] [%batch, %seq, {K * D}] [1, 1, 1] : tensor<?x?x{N}xf32> to tensor<?x?x{K * D}xf32>
    %v = tensor.extract_slice %qkv[0, 0, {(H + K) * D}] [%batch, %seq, {K * D}] [1, 1, 1] : tensor<?x?x{N}xf32> to tensor<?x?x{K * D}xf32>
    %pos = qnt.positions at %past : tensor<?x?xi64>
    %cos = qnt.weight @cos : tensor<{T}x{D // 2}xf32>
    %sin = qnt.weight @sin : tensor<{T}x{D // 2}xf32>
    %qr = qnt.rotary %q at %pos, %cos, %sin heads {H} {{interleaved = {"true" if c["interleaved"] else "false"}}} : tensor<?x?x{H * D}xf32>, tensor<?x?xi64>, tensor<{T}x{D // 2}xf32>
    %kr = qnt.rotary %k at %pos, %cos, %sin heads {K} {{interleaved = {"true" if c["interleaved"] else "false"}}} : tensor<?x?x{K * D}xf32>, tensor<?x?xi64>, tensor<{T}x{D // 2}xf32>
    qnt.kv_update %kr, %v into %cache at %past : tensor<?x?x{K * D}xf32>, {cache}
    %a = qnt.attention %qr over %cache at %past heads {H} scale {1 / np.sqrt(D):e} : tensor<?x?x{H * D}xf32>, {cache}
    %o = qnt.matmul %a, %wo : tensor<?x?x{H * D}xf32>, {kinds[4]} -> {kinds[0]}
    %r = arith.addf %x, %o : {kinds[0]}
    %n2 = qnt.norm rms %r, %wn2 eps 1.0e-5 : {kinds[0]}, {kinds[5]}
    %gu = qnt.matmul %n2, %wgu : {kinds[0]}, {kinds[6]} -> tensor<?x?x{2 * F}xf32>
    %g = qnt.glu silu %gu : tensor<?x?x{2 * F}xf32> -> tensor<?x?x{F}xf32>
    %d = qnt.matmul %g, %wd : tensor<?x?x{F}xf32>, {kinds[7]} -> {kinds[0]}
    %y = arith.addf %r, %d : {kinds[0]}
    return %y : {kinds[0]}
  }}
}}''')
    with open(os.path.join(folder, "model.mlir"), "w") as f:
        f.write("\n".join(out) + "\n")
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(c, f)


def quantized(x, bits):
    """What a cache of codes gives back: the element of largest magnitude of a head has the lowest code; in f32 as compiled."""
    x, levels = x.astype(np.float32), np.float32(2 ** (bits - 1))
    scale = -np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1) / levels
    return (scale * np.clip(np.rint(x * (1 / scale)), -levels, levels - 1)).astype(np.float64)


def logits(c, tokens):
    w = {k: v.astype(np.float64) for k, v in weights(c).items()}
    H, K, D, F = c["heads"], c["kv"], c["dim"], c["ffn"]
    norm = lambda x, s: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * s
    S = len(tokens)
    cos, sin = w["cos"][:S, None], w["sin"][:S, None]

    def rotate(x):
        a, b = (x[..., 0::2], x[..., 1::2]) if c["interleaved"] else (x[..., :D // 2], x[..., D // 2:])
        a, b = a * cos - b * sin, b * cos + a * sin
        return np.stack([a, b], -1).reshape(x.shape) if c["interleaved"] else np.concatenate([a, b], -1)

    x = w["embed"][tokens]
    for i in range(c["layers"]):
        p = f"layers.{i}."
        qkv = norm(x, w[p + "norm"]) @ w[p + "qkv"].T
        q, k, v = qkv[:, :H * D].reshape(S, H, D), qkv[:, H * D:(H + K) * D].reshape(S, K, D), qkv[:, (H + K) * D:].reshape(S, K, D)
        q, k = rotate(q), rotate(k)
        if c["cache"] == "f16":
            k, v = k.astype(np.float16).astype(np.float64), v.astype(np.float16).astype(np.float64)
        if c["cache"] in ("i8", "i4"):
            k, v = (quantized(x, int(c["cache"][1:])) for x in (k, v))
        k, v = np.repeat(k, H // K, 1), np.repeat(v, H // K, 1)
        s = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(D) + np.triu(np.full((S, S), -1e30), 1)
        s = np.exp(s - s.max(-1, keepdims=True))
        a = np.einsum("hqk,khd->qhd", s / s.sum(-1, keepdims=True), v).reshape(S, H * D)
        x = x + a @ w[p + "o"].T
        gu = norm(x, w[p + "norm2"]) @ w[p + "gate_up"].T
        g, u = gu[:, :F], gu[:, F:]
        x = x + (g / (1 + np.exp(-g)) * u) @ w[p + "down"].T
    return norm(x, w["final"]) @ w["head"].T


def main():
    folder = sys.argv[2]
    if sys.argv[1] == "write":
        c = dict(DEFAULT)
        for option in sys.argv[3:]:
            key, value = option.split("=")
            c[key] = type(c[key])(value)
        write(folder, c)
        tokens = np.random.default_rng(7).integers(0, c["vocab"], (1, c["context"] - 4))
        np.save(os.path.join(folder, "tokens.npy"), tokens.astype(np.int64))
        return
    with open(os.path.join(folder, "config.json")) as f:
        c = json.load(f)
    got, tokens = np.load(sys.argv[3]).astype(np.float64), np.load(sys.argv[4])
    want = np.stack([logits(c, row) for row in tokens.reshape(-1, tokens.shape[-1])])
    got = got.reshape(want.shape)
    error, bound = np.abs(got - want).max(), float(sys.argv[5]) if len(sys.argv) > 5 else 2e-4
    print(f"largest error {error:.2e} of values up to {np.abs(want).max():.2f}, bound {bound:.0e}: {'ok' if error <= bound else 'WRONG'}")
    sys.exit(error > bound or not np.isfinite(got).all())


main()

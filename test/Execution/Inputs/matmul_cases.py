"""One model with many linear layers of awkward sizes, in every weight format: a build of kernels against a build of reference lowerings.

usage: matmul_cases.py write KIND FOLDER QCC         FOLDER/model.onnx, FOLDER/formats (options for qcc), FOLDER/cases.json
       matmul_cases.py compare KIND FOLDER VARIANT QCC_INSPECT QCC_RUN [EMULATOR .. QCC_RUN]
       matmul_cases.py near KIND FOLDER VARIANT QCC_INSPECT QCC_RUN    for targets that add the floats of a product's groups in another order
Runs FOLDER/reference.so, and FOLDER/fast.so (by the emulator's qcc-run, if given). KIND is int or float (activations), or one of them and -few: a format of
each kind of scale, zero point and code, for targets whose formats are read by the code of one that meets them all. Or fp8 (activations in that format). Integer activations: every result is
bit-equal; near: those of one group are, others differ by at most (K / 16 + 4) * eps * sum |x| |w|, as sums of at most K / 16 floats may. Float
activations: both are within 2 * K * eps * sum |x| |w| of the product in float64.
"""
import json
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

# (format, N, K), and MatMulNBits: (bits, block, zero points, N, K). Sizes: 1, 7, 31, 33, 127, 4095 and primes between and above; few K are
# multiples of the group. Code sizes: every one, as they differ in bit planes. Floats, 8-bit ones too, have float
# kernels only. Every format that `qcc --print-formats` shows is added where it is not listed.
every = {
    "int": [("w4", 33, 4095), ("w2", 33, 127), ("w3g64", 53, 331), ("w5", 127, 33), ("w6", 7, 31), ("w8", 4095, 7), ("w8", 1, 1021),
            ("w8row", 31, 127), ("w4rowasym", 33, 31), ("w4t", 31, 4095), ("w4s32", 17, 67), (4, 32, None, 127, 1), (4, 32, "int", 31, 33),
            (8, 64, "int", 7, 331), (2, 32, "int", 127, 127), (4, 128, "float", 53, 4095),
            ("q4_0", 33, 331), ("q4_1", 31, 1021), ("q5_0", 7, 127), ("q5_1", 53, 331), ("q8_0", 17, 67), ("q4_k", 53, 4095),
            ("q5_k", 31, 331), ("q2_k", 17, 331), ("q6_k", 7, 331), ("nf4", 53, 331), ("fp4g16s32", 33, 127), ("mxfp4", 31, 1021), ("nvfp4", 33, 1021),
            ("nf4dq", 31, 331), ("w4tasym", 33, 1021), ("w3tasym", 31, 331), ("w2t", 17, 331)],
    "float": [("w4g32", 33, 4095), ("w3g64asym", 53, 331), ("w6", 7, 31), ("w8row", 1, 127), ("w4rowasym", 4095, 7), ("w4t", 31, 1021),
              ("w4g16", 31, 33), ("f16", 33, 127), ("f32", 7, 31), (4, 128, "float", 53, 331),
              ("nf4", 53, 331), ("fp4g16s32", 33, 127), ("mxfp4", 31, 1021), ("fp8e4m3", 33, 331), ("fp8e5m2g64", 7, 127),
              ("nvfp4", 33, 1021), ("nf4dq", 31, 331), ("q4_1", 33, 127), ("q2_k", 17, 331), ("q3_k", 31, 331), ("q4_k", 53, 1021), ("q6_k", 7, 331)],
}


every["int-few"] = [("q4_1", 17, 67), ("q4_k", 33, 331), ("w4", 33, 4095), ("w8", 31, 127), ("w4rowasym", 33, 31), ("w4t", 31, 1021), (8, 64, "int", 7, 331),
                    ("nf4", 53, 331), ("mxfp4", 31, 127), ("w4tasym", 33, 331)]
every["float-few"] = [("w4", 33, 1021), ("w8row", 1, 127), ("f16", 33, 127), ("w3g64asym", 53, 331), ("nf4", 53, 331), ("mxfp4", 31, 127), ("fp8e4m3", 33, 331),
                      ("q2_k", 17, 331), ("w4tasym", 33, 331)]
# Rows long enough for several teams that divide them: the second half of one, a part without work at the end, superblocks of other formats.
every["int-deep"] = [("w4g128", 33, 8190), ("w4g128", 7, 16384), ("w4", 31, 32800), ("w8", 17, 8191), ("w3g64", 33, 8192), ("q4_k", 17, 8200), ("w4row", 31, 8192), ("nf4", 33, 8190),
                     ("w4tasym", 17, 8192), (4, 128, "float", 53, 8195)]
# Tiles of a matrix unit of teams: several of columns and one that is not whole, every code size and zero point, groups shorter and longer than a stage.
every["int-tiles"] = [("w4g128", 300, 1024), ("w4g128", 257, 1000), ("w4", 129, 416), ("w2", 129, 384), ("w3g64", 161, 528), ("w5", 97, 992), ("w6g256", 260, 1100), ("w7g96", 131, 700),
                      ("w8g64", 133, 448), ("w8row", 130, 640), ("w4row", 191, 1000), ("w4rowasym", 130, 352), ("w4g128asym", 257, 640), (4, 128, "float", 170, 1000), (8, 64, "int", 200, 448),
                      (8, 32, "float", 140, 352), (4, 32, "int", 129, 288)]
# Activations of fp8e4m3, rounded once a row, beside weights of any format.
every["fp8"] = [("fp8e4m3", 33, 331), ("fp8e4m3", 31, 7), ("fp8e5m2g64", 7, 127), ("fp8e4m3g128", 17, 1021), ("w4", 33, 331), ("w8row", 1, 127), ("nf4", 53, 331),
                ("w4tasym", 31, 67)]
# What codes select from: NF4, bitsandbytes' FP4, E2M1, and 8-bit floats by their definition.
def float8(mantissa, bias):
    code = np.arange(128)
    exponent, fraction = code >> mantissa, (code & ((1 << mantissa) - 1)) / (1 << mantissa)
    return np.where(exponent == 0, fraction * 2.0**(1 - bias), (1 + fraction) * 2.0**(exponent - bias))


signed = lambda values: np.concatenate([values, -np.asarray(values)])
tables = {"nf4": np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
                           -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                           0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]),
          "fp4": signed(np.float32([0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4]).astype(float)), "mxfp4": signed([0, 0.5, 1, 1.5, 2, 3, 4, 6]), "nvfp4": signed([0, 0.5, 1, 1.5, 2, 3, 4, 6]),
          "fp8e4m3": signed(float8(3, 7)), "fp8e5m2": signed(float8(2, 15))}
kind, folder = sys.argv[2:4]


def rounded(x):
    """Rows to E4M3 under the scale absmax / 448, by the definition: the nearest value, ties to even."""
    scale = np.abs(x).max(1, keepdims=True) / np.float32(448)
    values, size = float8(3, 7)[:127], np.abs(x / scale).astype(float)
    middles = (values[1:] + values[:-1]) / 2
    code = np.searchsorted(middles, size)
    tie = (code < 126) & (middles[np.minimum(code, 125)] == size)
    return np.copysign(values[code + (tie & (code % 2 == 1))], x) * scale


def choose(qcc):
    """The list of this kind and, where it is to be complete, what the registry shows besides: those formats of which matrix products have such activations."""
    listed = {case[0] for case in every[kind]}
    if kind in ("int", "float"):
        table = subprocess.check_output([qcc, "--print-formats"], text=True).split("\n\n")[0].splitlines()
        column = table[0].index("activations")
        shown = {row.split()[0]: row[column:].split("  ")[0].split(", ") for row in table[1:]}
        every[kind] += [(name, 33, 331) for name, activations in shown.items() if {"int": "int8"}.get(kind, kind) in activations and name not in listed]
    return every[kind]


if sys.argv[1] == "write":
    cases = choose(sys.argv[4])
else:
    with open(f"{folder}/cases.json") as f:
        cases = json.load(f)
near = sys.argv[1] == "near"
rows = [16, 33, 64, 65, 127, 128, 130, 512] if kind == "int-tiles" else [1, 2, 7, 8, 15, 16, 33, 127] if near else [1, 7, 31, 33, 127]
eps = 2.0**-24  # half a unit in the last place of 1


def names():
    for i, case in enumerate(cases):
        yield f"{i}." + "x".join(map(str, case)), *case[-2:]


def pack(codes, bits):
    """Codes [.., n] as little-endian bit fields in bytes."""
    fields = 8 // bits
    codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % fields)]).reshape(*codes.shape[:-1], -1, fields)
    return (codes.astype(np.uint8) << (np.arange(fields, dtype=np.uint8) * bits)).sum(-1).astype(np.uint8)


def write():
    rng = np.random.default_rng(7)
    nodes, constants, inputs, outputs = [], [], [], []

    def constant(name, value):
        constants.append(nh.from_array(value, name))
        return name

    for (name, n, k), case in zip(names(), cases):
        if len(case) == 3:
            weight = (rng.standard_normal((k, n)) * rng.uniform(0.2, 2, (1, n))).astype(np.float32)
            nodes.append(h.make_node("MatMul", ["x." + name, constant("w." + name, weight)], ["y." + name], name=name))
        else:
            bits, block, zero, _, _ = case
            groups = -(-k // block)
            codes = rng.integers(0, 1 << bits, (n, groups * block))
            operands = ["x." + name, constant("w." + name, pack(codes, bits).reshape(n, groups, -1)),
                        constant("s." + name, rng.uniform(0.01, 0.1, (n, groups)).astype(np.float16).astype(np.float32).reshape(-1))]
            if zero == "int":
                operands.append(constant("z." + name, pack(rng.integers(0, 1 << bits, (n, groups)), bits).reshape(-1)))
            if zero == "float":
                operands.append(constant("z." + name, rng.uniform(0, 1 << bits, (n, groups)).astype(np.float16).astype(np.float32)))
            nodes.append(h.make_node("MatMulNBits", operands, ["y." + name], name=name, domain="com.microsoft", N=n, K=k, bits=bits, block_size=block))
        inputs.append(h.make_tensor_value_info("x." + name, T.FLOAT, ["seq", k]))
        outputs.append(h.make_tensor_value_info("y." + name, T.FLOAT, ["seq", n]))
    graph = h.make_graph(nodes, "matmuls", inputs, outputs, constants)
    onnx.save(h.make_model(graph, ir_version=10, opset_imports=[h.make_opsetid("", 21), h.make_opsetid("com.microsoft", 1)]), f"{folder}/model.onnx")
    with open(f"{folder}/cases.json", "w") as f:
        json.dump(cases, f)
    with open(f"{folder}/formats", "w") as f:
        if kind == "fp8":
            f.write("--abits=8 --act-type=.=fp8e4m3\n")
        for (name, _, _), case in zip(names(), cases):
            if len(case) == 3:
                f.write(f"--tensor-type=^w\\.{re.escape(name)}$={case[0]}\n")


# Code bits, group, super-block (or 0), bias of sub-scales, minima.
gguf = {"q4_0": (4, 32, 0, 0, False), "q4_1": (4, 32, 0, 0, True), "q5_0": (5, 32, 0, 0, False), "q5_1": (5, 32, 0, 0, True), "q8_0": (8, 32, 0, 0, False),
        "q2_k": (2, 16, 256, 0, True), "q3_k": (3, 16, 256, 32, False), "q4_k": (4, 32, 256, 0, True), "q5_k": (5, 32, 256, 0, True), "q6_k": (6, 16, 256, 128, False)}


def decoded_gguf(data, n, k, bits, group, block, bias, has_min):
    groups, span = -(-k // group), block or group
    scales = -(-k // span)
    floats, sides = scales * (1 + has_min), groups * (1 + has_min) if block else 0
    size = -(-(4 * floats + k + sides) // 4) * 4
    rows = data[:n * size].reshape(n, size)
    numbers = np.ascontiguousarray(rows[:, :4 * floats]).view(np.float32).reshape(n, -1).astype(np.float64)
    codes, side = rows[:, 4 * floats:4 * floats + k].astype(np.float64), rows[:, 4 * floats + k:].astype(np.float64)
    spread = lambda v, every: np.repeat(v, every, 1)[:, :k]
    scale, low = spread(numbers[:, :scales], span), spread(numbers[:, scales:], span) if has_min else 0
    if block:
        scale = scale * spread(side[:, :groups] - bias, group)
        low = low * spread(side[:, groups:2 * groups], group) if has_min else 0
    return scale * (codes - (0 if has_min else 1 << (bits - 1))) + low


def decoded(inspect):
    """Every weight of a build of reference lowerings in float64, from the components in its weights file (ComponentLayout.h)."""
    manifest = json.loads(subprocess.check_output([inspect, f"{folder}/reference.so", "--json"]))
    data = np.fromfile(f"{folder}/reference.weights", np.uint8)
    start = int(data[40:48].view(np.uint64)[0])  # qcc_weights_header.data_offset
    weights = {}
    for tensor in manifest["tensors"]:
        if len(tensor["shape"]) != 2:  # static scales of activations
            continue
        n, k = tensor["shape"]
        at = start + tensor["offset"]
        form = tensor["format"]
        if form in ("f32", "f16"):
            dtype = np.float32 if form == "f32" else np.float16
            weights[tensor["name"]] = data[at:at + n * k * dtype().itemsize].view(dtype).reshape(n, k).astype(np.float64)
            continue
        table = re.fullmatch(r"(nf4|fp4|mxfp4|nvfp4|fp8e4m3|fp8e5m2)(?:g(\d+)|(row))?(?:s32|dq)?", form)
        if table:
            default = {"nf4": 64, "fp4": 64, "mxfp4": 32, "nvfp4": 16}.get(table[1], k)
            group = int(table[2] or (k if table[3] else default))
            groups = -(-k // group)
            components = data[at:at + n * (-(-(4 * groups + k) // 4) * 4)].reshape(n, -1)
            scale = np.ascontiguousarray(components[:, :4 * groups]).view(np.float32).astype(np.float64)
            weights[tensor["name"]] = np.repeat(scale, group, 1)[:, :k] * tables[table[1]][components[:, 4 * groups:4 * groups + k]]
            continue
        if form in gguf:
            weights[tensor["name"]] = decoded_gguf(data[at:], n, k, *gguf[form])
            continue
        integers = re.fullmatch(r"w(\d)t?(?:g(\d+)|(row))?(asym|zf)?(?:s32)?", form)
        if not integers:
            sys.exit(f"matmul_cases.py: {tensor['name']} has the format {form}, whose components it cannot decode")
        bits, group, whole, zero = integers.groups()
        two = re.fullmatch(r"w\dt(asym)?", form)
        shifts = two and zero == "asym"
        group = k if whole else int(group or 32)
        groups, scales = -(-k // group), -(-k // 256) if two else -(-k // group)
        front = 4 * scales + (4 * groups if zero == "zf" else 0)
        size = -(-(front + k + (groups * (2 if shifts else 1) if two or zero == "asym" else 0)) // 4) * 4
        table = data[at:at + n * size].reshape(n, size)
        floats = np.ascontiguousarray(table[:, :front]).view(np.float32).reshape(n, -1).astype(np.float64)
        spread = lambda v, every=group: np.repeat(v, every, 1)[:, :k]
        scale, center = spread(floats[:, :scales], 256 if two else group), float(1 << (int(bits) - 1))
        codes, side = table[:, front:front + k].astype(np.float64), table[:, front + k:front + k + groups].astype(np.float64)
        if two:
            sub = spread(side)
            if shifts:  # of the zero, floor(sub * (shift - 8) * 2^bits / 64), in units of the stored scale
                shift = spread(table[:, front + k + groups:front + k + 2 * groups].astype(np.float64))
                weights[tensor["name"]] = scale * (sub * (codes - center) + np.floor(sub * (shift - 8) * 2.0 ** int(bits) / 64))
                continue
            scale = scale * sub
        elif zero == "asym":
            center = spread(side)
        elif zero == "zf":
            center = spread(floats[:, scales:scales + groups])
        weights[tensor["name"]] = scale * (codes - center)
    return weights


def run(command, library, feed, extra):
    args = [*command, f"{folder}/{library}.so", "--threads", "2", *extra]
    for name, value in feed.items():
        np.save(f"{folder}/{name}.npy", value)
        args += ["--input", f"{name}={folder}/{name}.npy"]
    outputs = ["y" + name[1:] for name in feed]
    for name in outputs:
        args += ["--output", f"{name}={folder}/{name}.npy"]
    subprocess.check_call(args)
    return [np.load(f"{folder}/{name}.npy") for name in outputs]


def compare(variant, inspect, native, *emulated):
    integer = kind.startswith("int")
    weights, bad, same, most = decoded(inspect) if near or not integer else {}, 0, 0, 0
    rng = np.random.default_rng(11)
    for m in rows:
        feed = {"x." + name: (rng.standard_normal((m, k)) * rng.choice([0.1, 1, 10], (m, 1))).astype(np.float32) for name, _, k in names()}
        fast, reference = run(emulated or [native], "fast", feed, ["--variant", variant]), run([native], "reference", feed, [])
        for (name, n, k), a, b in zip(names(), fast, reference):
            equal = np.array_equal(a.view(np.int32), b.view(np.int32))
            ok, same = equal, same + equal
            if not integer or near and not equal and k > 32:
                x, w = feed["x." + name], weights["w." + name]
                x = (rounded(x) if kind == "fp8" else x).astype(np.float64)
                bound = (k / 16 + 4 if integer else 2 * k) * eps * (np.abs(x) @ np.abs(w).T)
                errors = [np.abs(a - b)] if integer else [np.abs(a - x @ w.T), np.abs(b - x @ w.T)]
                ok = all((error <= bound).all() for error in errors)
                most = max(most, (errors[0] / bound).max())
            if not ok or a.shape != (m, n):
                bad += 1
                print(f"{name}, {m} rows: {(a != b).sum()} of {a.size} differ, by up to {np.abs(a - b).max():.3g} of {np.abs(b).max():.3g}")
    print(f"{variant}: {len(cases) * len(rows)} products, {bad} wrong" + near * f"; {same} of the same bits, others within {most:.2g} of the bound")
    sys.exit(bool(bad))


write() if sys.argv[1] == "write" else compare(*sys.argv[4:])

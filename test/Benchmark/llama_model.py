"""Writes FOLDER/model.onnx, a Llama of the given sizes as exporters write it, with random weights: speed does not depend on what they are.

usage: llama_model.py FOLDER [--layers N] [--width N] [--ffn N] [--heads N] [--kv-heads N] [--head-dim N] [--vocabulary N] [--context N] [--block N]

The sizes default to the 277 M parameters of docs/Benchmarks.md. Embedding and head share their weight. Weights are f32, or with --block 4-bit codes with a
scale for so many (MatMulNBits, GatherBlockQuantized). The norms are 1, keys and values are inputs and outputs.
"""
import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

MS = "com.microsoft"


class Llama:
    def __init__(self, size, data):
        self.size, self.data, self.random = size, data, np.random.default_rng(0)
        self.nodes, self.stored, self.inputs, self.outputs = [], [], [], []

    def node(self, kind, inputs, outputs, domain="", **attributes):
        self.nodes.append(h.make_node(kind, inputs, outputs, name=f"/{outputs[0]}", domain=domain, **attributes))
        return outputs[0]

    def constant(self, name, value):
        self.stored.append(onnx.numpy_helper.from_array(value, name))
        return name

    def weight(self, name, kind, dims, rows):
        """A tensor in the data file, written a few rows at a time by `rows`, which makes n of them."""
        tensor = T(name=name, data_type=kind, dims=dims, data_location=T.EXTERNAL)
        start = self.data.tell()
        for row in range(0, dims[0], 1024):
            self.data.write(rows(min(1024, dims[0] - row)).tobytes())
        for key, value in ("location", "model.data"), ("offset", start), ("length", self.data.tell() - start):
            tensor.external_data.add(key=key, value=str(value))
        self.data.write(bytes(-self.data.tell() % 4096))
        self.stored.append(tensor)
        return name

    def floats(self, name, k, n):
        return self.weight(name, T.FLOAT, [k, n], lambda rows: self.random.standard_normal((rows, n), np.float32) * np.float32(k ** -0.5))

    def codes(self, name, k, n):
        block = self.size.block
        self.weight(f"{name}.codes", T.UINT8, [n, k // block, block // 2], lambda rows: self.random.integers(0, 256, (rows, k // 2), np.uint8))
        scale = k ** -0.5 / 4.6                            # codes -8 .. 7, all alike, have a deviation of 4.6
        self.weight(f"{name}.scales", T.FLOAT, [n, k // block], lambda rows: (scale * self.random.uniform(0.8, 1.2, (rows, k // block))).astype(np.float32))
        return [f"{name}.codes", f"{name}.scales"]

    def linear(self, x, name, k, n, stored=None, output=None):
        output = output or f"{name}.output"
        if not self.size.block:
            return self.node("MatMul", [x, stored or self.floats(name, k, n)], [output])
        return self.node("MatMulNBits", [x, *(stored or self.codes(name, k, n))], [output], MS, K=k, N=n, bits=4, block_size=self.size.block)

    def norm(self, x, name, residual=None):
        """The normed sum of x and the residual, and that sum."""
        scale = self.constant(name, np.ones(self.size.width, np.float32))
        if residual is None:
            return self.node("SimplifiedLayerNormalization", [x, scale], [f"{name}.output"], axis=-1, epsilon=1e-5, stash_type=1), x
        outputs = [f"{name}.output", "", "", f"{name}.sum"]
        return self.node("SkipSimplifiedLayerNormalization", [residual, x, scale], outputs, MS, epsilon=1e-5), outputs[3]

    def embedding(self):
        """What the tokens are, and what the head multiplies by."""
        s = self.size
        if not s.block:
            table = self.weight("embedding", T.FLOAT, [s.vocabulary, s.width],
                                lambda rows: self.random.standard_normal((rows, s.width), np.float32) * np.float32(s.width ** -0.5))
            return self.node("Gather", [table, "input_ids"], ["embedded"]), self.node("Transpose", [table], ["head"], perm=[1, 0])
        stored = self.codes("embedding", s.width, s.vocabulary)
        rows = self.node("Reshape", [stored[0], self.constant("rows", np.array([s.vocabulary, s.width // 2]))], ["embedding.rows"])
        return self.node("GatherBlockQuantized", [rows, "input_ids", stored[1]], ["embedded"], MS, bits=4, block_size=s.block, gather_axis=0, quantize_axis=1), stored

    def lengths(self):
        one, index = self.constant("one", np.array([1])), self.constant("index", np.array(1))
        past = self.node("Sub", [self.node("ReduceSum", ["attention_mask", one], ["tokens"], keepdims=0), one], ["past"])
        total = self.node("Gather", [self.node("Shape", ["attention_mask"], ["mask.shape"]), index], ["all"])
        return self.node("Cast", [past], ["lengths"], to=T.INT32), self.node("Cast", [total], ["total"], to=T.INT32)

    def attention(self, x, l, lengths):
        s, names = self.size, [f"{part}.{l}.{what}" for part in ("past_key_values", "present") for what in ("key", "value")]
        cache = lambda name, length: h.make_tensor_value_info(name, T.FLOAT, ["batch", s.kv_heads, length, s.head_dim])
        self.inputs += [cache(name, "past_length") for name in names[:2]]
        self.outputs += [cache(name, "total_length") for name in names[2:]]
        qkv = self.linear(x, f"layers.{l}.qkv", s.width, (s.heads + 2 * s.kv_heads) * s.head_dim)
        y = self.node("GroupQueryAttention", [qkv, "", "", *names[:2], *lengths, "cos", "sin"], [f"layers.{l}.attention", *names[2:]], MS,
                      num_heads=s.heads, kv_num_heads=s.kv_heads, do_rotary=1)
        return self.linear(y, f"layers.{l}.o", s.heads * s.head_dim, s.width)

    def gated(self, x, l):
        s, name = self.size, f"layers.{l}"
        gate, up = (self.linear(x, f"{name}.{part}", s.width, s.ffn) for part in ("gate", "up"))
        silu = self.node("Mul", [gate, self.node("Sigmoid", [gate], [f"{name}.sigmoid"])], [f"{name}.silu"])
        return self.linear(self.node("Mul", [silu, up], [f"{name}.gated"]), f"{name}.down", s.ffn, s.width)

    def model(self):
        s = self.size
        integers = lambda name, length: h.make_tensor_value_info(name, T.INT64, ["batch", length])
        self.inputs += [integers("input_ids", "sequence"), integers("attention_mask", "total_length")]
        self.outputs.append(h.make_tensor_value_info("logits", T.FLOAT, ["batch", "sequence", s.vocabulary]))
        half = s.head_dim // 2
        angles = np.arange(s.context)[:, None] * 500000.0 ** (-np.arange(half) / half)
        self.constant("cos", np.cos(angles).astype(np.float32)), self.constant("sin", np.sin(angles).astype(np.float32))
        lengths, (x, head) = self.lengths(), self.embedding()
        x, residual = self.norm(x, "layers.0.input_norm")
        for l in range(s.layers):
            x, residual = self.norm(self.attention(x, l, lengths), f"layers.{l}.norm", residual)
            x, residual = self.norm(self.gated(x, l), f"layers.{l + 1}.input_norm" if l + 1 < s.layers else "norm", residual)
        self.linear(x, "lm_head", s.width, s.vocabulary, head, "logits")
        graph = h.make_graph(self.nodes, "llama", self.inputs, self.outputs, self.stored)
        return h.make_model(graph, opset_imports=[h.make_opsetid("", 22), h.make_opsetid(MS, 1)], ir_version=10)


parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("folder", type=pathlib.Path)
for name, value in (("layers", 4), ("width", 2048), ("ffn", 8192), ("heads", 32), ("kv-heads", 8), ("head-dim", 64), ("vocabulary", 16384), ("context", 2048), ("block", 0)):
    parser.add_argument(f"--{name}", type=int, default=value)
size = parser.parse_args()
if size.block and (size.block < 16 or any(k % size.block for k in (size.width, size.ffn, size.heads * size.head_dim))):
    parser.error("--block is at least 16 and divides --width, --ffn and --heads times --head-dim")
size.folder.mkdir(parents=True, exist_ok=True)
with open(size.folder / "model.data", "wb") as data:
    onnx.save(Llama(size, data).model(), size.folder / "model.onnx")

"""What a language model exported to ONNX computes, by ONNX Runtime; compared with what an artifact wrote.

usage: onnx_oracle.py logits MODEL.onnx COUNT FOLDER           FOLDER/tokens.npy (random), FOLDER/want.npy
       onnx_oracle.py compare GOT.npy WANT.npy BOUND           every logit within BOUND
       onnx_oracle.py greedy MODEL.onnx TOKENS.npy COUNT FILE  compares the ids in FILE (qcc-run --generate) with greedy decoding
MatMulNBits is computed exactly: as a product with the dequantized weights, as in a float model built from them.
"""
import json, os, sys, tempfile
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def dequantized(path):
    """The model with every MatMulNBits replaced by MatMul on decoded weights."""
    model = onnx.load(path)
    values = {i.name: i for i in model.graph.initializer}
    for i, node in enumerate(list(model.graph.node)):
        if node.op_type != "MatMulNBits":
            continue
        a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        N, K, block, bits = a["N"], a["K"], a["block_size"], a["bits"]

        def codes(name, count):
            raw = numpy_helper.to_array(values[name]).reshape(N, -1)
            fields = [(raw >> s) & ((1 << bits) - 1) for s in range(0, 8, bits)]
            return np.stack(fields, -1).reshape(N, -1)[:, :count].astype(np.float32)

        scales = numpy_helper.to_array(values[node.input[2]]).reshape(N, -1).astype(np.float32)
        zeros = np.full_like(scales, 1 << (bits - 1))
        if len(node.input) > 3 and node.input[3]:
            zeros = codes(node.input[3], scales.shape[1])
        spread = lambda v: np.repeat(v, block, 1)[:, :K]
        w = (codes(node.input[1], K) - spread(zeros)) * spread(scales)
        name = f"dequantized.{i}"
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(w.T), name))
        model.graph.node[i].CopyFrom(helper.make_node("MatMul", [node.input[0], name], node.output, name=node.name))
    return model


class Oracle:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        with tempfile.NamedTemporaryFile(suffix=".onnx") as f:
            model = dequantized(path)
            onnx.save(model, f.name)
            self.session = onnxruntime.InferenceSession(f.name, options)
        self.vocabulary = self.session.get_outputs()[0].shape[-1]
        self.config = os.path.join(os.path.dirname(os.path.dirname(path)), "config.json")

    def logits(self, tokens):
        n, feed = tokens.shape[1], {}
        for i in self.session.get_inputs():
            if i.name == "input_ids":
                feed[i.name] = tokens
            elif i.name == "attention_mask":
                feed[i.name] = np.ones((1, n), np.int64)
            elif i.name == "position_ids":
                feed[i.name] = np.arange(n)[None].astype(np.int64)
            else:
                feed[i.name] = np.zeros((1, i.shape[1], 0, self.head_dim()), np.float32)
        return self.session.run([self.session.get_outputs()[0].name], feed)[0]

    def head_dim(self):
        with open(self.config) as f:
            c = json.load(f)
        return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "logits":
        os.makedirs(args[2], exist_ok=True)
        oracle = Oracle(args[0])
        tokens = np.random.default_rng(3).integers(0, oracle.vocabulary, (1, int(args[1]))).astype(np.int64)
        np.save(os.path.join(args[2], "tokens.npy"), tokens)
        np.save(os.path.join(args[2], "want.npy"), oracle.logits(tokens))
    elif what == "compare":
        got, want = np.load(args[0]).reshape(-1), np.load(args[1]).reshape(-1)
        error = np.abs(got - want).max() if got.size == want.size else np.inf
        print(f"largest error {error:.2e} of logits up to {np.abs(want).max():.1f}, bound {args[2]}: {'ok' if error <= float(args[2]) else 'WRONG'}")
        sys.exit(not error <= float(args[2]))
    else:
        oracle, tokens = Oracle(args[0]), np.load(args[1])
        with open(args[3]) as f:
            got = [int(word) for word in f.read().replace(",", " ").split()]
        for step, id in enumerate(got[:int(args[2])]):
            logits = oracle.logits(tokens)[0, -1]
            if logits.argmax() != id:
                sys.exit(f"step {step}: {id} (logit {logits[id]}), expected {logits.argmax()} (logit {logits.max()})")
            tokens = np.concatenate([tokens, [[id]]], 1)
        print(f"{len(got)} equal")
        sys.exit(len(got) < int(args[2]))


main()

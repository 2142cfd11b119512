"""A language model compiled for one length of the past and of the input, keys and values as inputs and outputs, against ONNX Runtime.

usage: shaped_llama.py QCC QCC_RUN FOLDER MODEL.onnx BATCH SEQ PAST
"""
import sys

from compare import arguments, check, finish, np, onnx, random

path, *sizes = arguments
batch, seq, past = map(int, sizes)
m = onnx.load(path)
feeds, options, known = {}, [], {"batch_size": batch, "sequence_length": seq, "past_sequence_length": past, "kv_cache_dim": 32}
total = {"total_sequence_length", "past_sequence_length + sequence_length"}
for i in m.graph.input:
    shape = [d.dim_value or known.get(d.dim_param) or (past + seq if d.dim_param in total else sys.exit(f"what is {d.dim_param}?")) for d in i.type.tensor_type.shape.dim]
    if i.name == "input_ids":
        feeds[i.name] = random.integers(0, 4096, shape)
    elif i.name == "attention_mask":
        feeds[i.name] = np.ones(shape, np.int64)
    elif i.name == "position_ids":
        feeds[i.name] = np.broadcast_to(np.arange(past, past + seq), shape).astype(np.int64)
    else:
        feeds[i.name] = random.standard_normal(shape).astype(np.float32)
    options.append(f"{i.name}:{'x'.join(map(str, shape))}")
check("llama", m, [feeds], "--kv-cache=io", "--shape=" + ",".join(options), bound=2e-3)
finish()

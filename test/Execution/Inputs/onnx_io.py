"""Runs an artifact in the io form on FOLDER/tokens.npy, a prompt of 100 and then token by token, handing past keys and values back.

usage: onnx_io.py QCC_RUN MODEL.so FOLDER LAYERS KV_HEADS HEAD_DIM       FOLDER/got.npy: all logits
"""
import os, subprocess, sys
import numpy as np

run, model, folder = sys.argv[1:4]
layers, heads, dim = map(int, sys.argv[4:])
os.chdir(folder)
tokens = np.load("tokens.npy")
names = [f"{i}.{n}" for i in range(layers) for n in ("key", "value")]
past = [np.zeros((1, heads, 0, dim), np.float32) for _ in names]
logits, at = [], 0
while at < tokens.shape[1]:
    end = at + (1 if at else min(100, tokens.shape[1]))
    feed = {"input_ids": tokens[:, at:end], "attention_mask": np.ones((1, end), np.int64), "position_ids": np.arange(at, end)[None].astype(np.int64)}
    feed.update({"past_key_values." + n: v for n, v in zip(names, past)})
    args = [run, model, "--threads", "2", "--output", "logits=logits.npy"]
    for n in names:
        args += ["--output", f"present.{n}=present.{n}.npy"]
    for n, v in feed.items():
        np.save(n + ".npy", v)
        args += ["--input", f"{n}={n}.npy"]
    subprocess.check_call(args)
    past = [np.load(f"present.{n}.npy") for n in names]
    logits.append(np.load("logits.npy"))
    at = end
np.save("got.npy", np.concatenate(logits, 1))

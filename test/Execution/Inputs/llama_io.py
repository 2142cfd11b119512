"""Runs the io form of llama_program.py piece by piece, handing the caches back: llama_io.py QCC_RUN FOLDER; logits go to FOLDER/out.npy."""
import json, os, subprocess, sys
import numpy as np

run, folder = sys.argv[1:]
os.chdir(folder)
with open("config.json") as f:
    c = json.load(f)
tokens = np.load("tokens.npy")
names = [f"{i}.{n}" for i in range(c["layers"]) for n in ("key", "value")]
past = [np.zeros((1, c["kv"], 0, c["dim"]), np.float32) for _ in names]
logits, at = [], 0
for count in [20, 1, 1, 7, 3, tokens.shape[1] - 32]:
    np.save("piece.npy", tokens[:, at:at + count])
    at += count
    args = [run, "m.so", "--threads", "2", "--input", "input_ids=piece.npy", "--output", "logits=logits.npy"]
    for name, value in zip(names, past):
        np.save(f"past.{name}.npy", value)
        args += ["--input", f"past.{name}=past.{name}.npy", "--output", f"present.{name}=present.{name}.npy"]
    subprocess.check_call(args)
    past = [np.load(f"present.{name}.npy") for name in names]
    logits.append(np.load("logits.npy"))
np.save("out.npy", np.concatenate(logits, 1))

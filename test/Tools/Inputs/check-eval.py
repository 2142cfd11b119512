"""usage: check-eval.py FOLDER: eval.json of qcc-eval against its definition in NumPy, on logits that qcc-run wrote.

Windows of 16 tokens, stride 12: window 0 scores 15 targets, the others the last 12 of theirs."""
import json
import sys

import numpy as np

folder = sys.argv[1]
tokens = np.load(f"{folder}/tokens.npy")
window, stride, windows = 16, 12, 3


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


nll, divergence, agree = {"model": [], "float": []}, [], []
for i in range(windows):
    scored = window - 1 if i == 0 else stride
    logs = {m: log_softmax(np.load(f"{folder}/{m}.npy")[i][window - 1 - scored:window - 1]) for m in nll}
    targets = tokens[i * stride + window - scored:i * stride + window]
    for m in nll:
        nll[m] += list(-logs[m][np.arange(scored), targets])
    divergence += list((np.exp(logs["float"]) * (logs["float"] - logs["model"])).sum(-1))
    agree += list(logs["float"].argmax(-1) == logs["model"].argmax(-1))

expected = {"tokens": len(agree), "perplexity": np.exp(np.mean(nll["model"])), "reference_perplexity": np.exp(np.mean(nll["float"])),
            "kl_mean": np.mean(divergence), "kl_99": np.sort(divergence)[(len(agree) - 1) * 99 // 100], "kl_max": np.max(divergence), "top1_agreement": np.mean(agree)}
got = json.load(open(f"{folder}/eval.json"))
for key, value in expected.items():
    assert abs(got[key] - value) <= 1e-5 * abs(value) + 1e-6, (key, got[key], value)
assert abs(got["delta"] - (got["perplexity"] - got["reference_perplexity"])) < 1e-4

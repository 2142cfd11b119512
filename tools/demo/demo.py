"""Streams text from a compiled language model, then says how fast it was. usage: demo.py MODEL.so --tokenizer FILE [--prompt TEXT]"""
import argparse
import sys
import time

import qcc
from qcc.text import Streamer

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("model")
a.add_argument("--tokenizer", required=True, help="tokenizer.json")
a.add_argument("--prompt", default="The old house stood at the end of")
a.add_argument("--tokens", type=int, default=60)
a.add_argument("--threads", type=int, default=0)
a.add_argument("--temperature", type=float, default=0.7, help="0: the most likely token each time")
a.add_argument("--seed", type=int, default=1)
o = a.parse_args()

try:
    model = qcc.load(o.model, threads=o.threads)
    streamer = Streamer(o.tokenizer)
    ids = streamer.encode(o.prompt)
except (RuntimeError, ValueError) as problem:
    sys.exit(f"demo.py: error: {problem}")
print(o.prompt, end="", flush=True)
times = [time.perf_counter()]
for token in model.stream(ids, o.tokens, temperature=o.temperature, seed=o.seed):
    times.append(time.perf_counter())
    print(streamer.push(token), end="", flush=True)
print(streamer.finish())
count = len(times) - 1
rate = (count - 1) / (times[-1] - times[1]) if count > 1 else 0.0
print(f"\n{count} tokens, {rate:.0f} tokens/s ({model.variant}, {model.threads} threads; prompt of {len(ids)} tokens in {1e3 * (times[1] - times[0]):.1f} ms)")

"""Checks the JSON of qcc-bench.test's first run. usage: check-bench.py FILE"""
import json
import statistics
import sys

rows = json.load(open(sys.argv[1]))
assert [(r["n_prompt"], r["n_gen"], r["n_depth"]) for r in rows] == [(5, 0, 0), (70, 0, 0), (0, 6, 0), (5, 0, 9), (70, 0, 9), (0, 6, 9)], rows
for r in rows:
    assert len(r["samples_ts"]) == len(r["samples_ns"]) == 3 and r["n_threads"] == 2 and r["variant"] == "fake"
    assert abs(r["avg_ts"] / statistics.mean(r["samples_ts"]) - 1) < 1e-4 and abs(r["stddev_ts"] - statistics.stdev(r["samples_ts"])) <= 1e-3 * r["avg_ts"]
    assert all(abs(ts * ns / 1e9 / (r["n_prompt"] + r["n_gen"]) - 1) < 1e-2 for ts, ns in zip(r["samples_ts"], r["samples_ns"]))
    assert ("probe_gbps" in r) == (r["n_gen"] > 0) and r.get("probe_gbps", 1) > 0.5

"""The bits per layer weight of a report lie between two numbers. usage: check_budget.py report.json LEAST MOST"""
import json
import sys

weights = [w for w in json.load(open(sys.argv[1]))["weights"] if w["kind"] == "linear"]
count = sum(w["rows"] * w["columns"] for w in weights)
bpw = sum(w["rows"] * w["columns"] * w["bits_per_weight"] for w in weights) / count
assert float(sys.argv[2]) <= bpw <= float(sys.argv[3]) + 1e-9, bpw

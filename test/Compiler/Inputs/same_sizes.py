"""Fails unless a dry run's report and the manifest of what was built agree on every weight, its format and its bytes.

usage: same_sizes.py REPORT.json MANIFEST.json
"""
import json
import sys

plan, built = (json.load(open(path)) for path in sys.argv[1:3])
built = built.get("manifest", built) if isinstance(built.get("manifest"), dict) else built
planned = [(w["tensors"], w["format"], w["bytes"], w["bits_per_weight"]) for w in plan["weights"]]
real = [(t["name"], t["format"], t["bytes"], t["bits_per_weight"]) for t in built["tensors"]]
assert planned == real and planned, (planned[:3], real[:3])
assert plan["memory"]["weights"] == built["weights"]["bytes"], (plan["memory"], built["weights"])
assert plan["memory"]["cache"]["bytes_per_token"] == built["state"]["bytes_per_token"]

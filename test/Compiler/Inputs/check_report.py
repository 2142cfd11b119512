"""Checks a report of a build with --wbits=4 --group-size=-1 against the model's own values, and that its HTML form is well-formed and self-contained.

usage: check_report.py REPORT.json MODEL.onnx REPORT.html
"""
import html.parser
import json
import math
import re
import sys
import xml.dom.minidom

import numpy as np
import onnx
from onnx import numpy_helper

report = json.load(open(sys.argv[1]))
assert report["report"] == 1 and not report["dry_run"]
values = {t.name: numpy_helper.to_array(t) for t in onnx.load(sys.argv[2]).graph.initializer}
checked = 0
for weight in report["weights"]:
    tensors = [values.get(name) for name in weight["tensors"].split("+")]
    if weight["kind"] != "linear" or any(t is None for t in tensors):
        continue
    signal = sum(float((t.astype(np.float64) ** 2).sum()) for t in tensors)
    assert math.isclose(signal, weight["signal"], rel_tol=1e-9), (weight, signal)
    assert math.isclose(weight["sqnr_db"], 10 * math.log10(weight["signal"] / weight["noise"]), rel_tol=1e-12)
    # Rows of 4-bit codes: at least as good as steps of absmax / 7, no better than the 4.9 bits that a Gaussian source allows (rate-distortion theory).
    rows = np.concatenate([t.T for t in tensors])
    step = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64) / 7
    plain = float(((np.round(rows / step) * step - rows) ** 2).sum())
    assert weight["noise"] < 1.05 * plain and weight["sqnr_db"] < 29.5, (weight, plain)
    checked += 1
assert checked >= 12, checked
assert report["totals"]["linear"]["bytes"] == sum(w["bytes"] for w in report["weights"] if w["kind"] == "linear")

page = open(sys.argv[3], encoding="utf-8").read()
html.parser.HTMLParser().feed(page)
pictures = re.findall(r"<svg.*?</svg>", page, re.S)
for picture in pictures:
    xml.dom.minidom.parseString(picture)
assert len(pictures) >= 5 and "<script" not in page and "http" not in page
circles = page.count("<circle")
assert circles == sum(1 for w in report["weights"] if w["kind"] != "other" and w.get("sqnr_db")), circles

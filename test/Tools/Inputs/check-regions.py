"""Checks what `qcc-bench --regions -o json` says of one test of prompts and one of generation. usage: check-regions.py FILE fake|tiny-llama"""
import json
import re
import sys

rows = json.load(open(sys.argv[1]))
model = sys.argv[2]
assert [(r["n_prompt"] > 0, r["n_gen"] > 0) for r in rows] == [(True, False), (False, True)], rows

def calls(row):
    """(first word of each kernel, last two words of the first node) -> calls in a step. The numbers in the names of kernels are sizes."""
    table = {}
    for region in row["regions"]:
        kernels = "+".join(re.match(r"[a-z]+(_(?=chunk|merge|update)[a-z]+)?", k)[0] for k in region["kernels"].split(" + "))
        node = "/".join(region["nodes"].split(",")[0].split("/")[-2:])
        assert (kernels, node) not in table, (kernels, node)
        table[kernels, node] = region["calls"]
    return table

for row in rows:
    generates = row["n_gen"] > 0
    assert row["steps"] == 2 * (row["n_gen"] or 1), row["steps"]
    share = row["rest_share"] + sum(r["share"] for r in row["regions"])
    assert abs(share - 1) < 1e-4, share
    for r in row["regions"]:
        assert 0 <= r["share"] <= 1 and 0 <= r["waiting"] <= 1 and 0 <= r["best_ns"], r
        # Rates stand for the numbers they are made of, but for rounding.
        if "gbps" in r:
            assert generates and abs(r["gbps"] * r["ns_per_call"] / r["weight_bytes"] - 1) < 0.01 + 0.1 / r["ns_per_call"], r
        assert ("probe_share" in r) == ("gbps" in r and "probe_gbps" in row), r
    # All calls of all regions and the rest make the step.
    elapsed = sum(r["calls"] * r["ns_per_call"] for r in row["regions"]) + row["rest_share"] * row["step_ns"]
    assert abs(elapsed / row["step_ns"] - 1) < 0.05, (elapsed, row["step_ns"])

    if model == "fake":
        assert [(r["kernels"], r["nodes"], r["calls"]) for r in row["regions"]] == [("write", "/layers.*/write", 1), ('sum + "quoted"', "/sum", 1)], row
        one = row["regions"][1]
        assert one["weight_bytes"] == 1000 and "gops" in one and "weight_bytes" not in row["regions"][0] and "gops" not in row["regions"][0]
        continue
    found = calls(row)
    attention = {("attention_chunk", "self_attn/MatMul_1"): 6, ("attention_merge", "self_attn/MatMul_1"): 6} if generates else {("attention", "self_attn/MatMul_1"): 6}
    # Rotary of the keys, their update and rotary of the queries share memory in different ways, and so regions.
    moves = {k: v for k, v in found.items() if "rotary" in k[0] or "kv_update" in k[0]}
    assert len(moves) >= 2 and set(moves.values()) == {6}, moves
    rest = {k: v for k, v in found.items() if k not in moves}
    assert rest == {
        ("gather", "embed_tokens/Gather"): 1,
        ("norm", "input_layernorm/Mul_1"): 6, ("linear", "q_proj+k_proj+v_proj/MatMul"): 6, **attention, ("quantize", "o_proj/MatMul"): 6,
        ("linear", "o_proj/MatMul"): 6, ("norm", "post_attention_layernorm/Mul_1"): 6, ("linear", "gate_proj+up_proj/MatMul"): 6,
        ("glu", "mlp/Mul"): 6, ("linear", "down_proj/MatMul"): 6,
        ("loops", "norm/Mul_1"): 1, ("norm", "norm/Mul_1"): 1, ("linear", "lm_head/MatMul"): 1}, rest
    assert all("layers.*" in r["nodes"] for r in row["regions"] if r["calls"] == 6), row
    read = sum(r["calls"] * r.get("weight_bytes", 0) for r in row["regions"])
    if generates:                                             # all that a step reads, but for the rotary tables' rows
        assert 0.8 * row["bytes_per_token"] < read <= row["bytes_per_token"], (read, row["bytes_per_token"])
    # gops times ns is twice the multiply-adds: 256 x 1536 for every row of gate and up, 256 x 4096 for the last row alone at the head.
    rows_of = {"gate_proj+up_proj": row["n_prompt"] or 1, "lm_head": 1}
    sizes = {"gate_proj+up_proj": 256 * 1536, "lm_head": 256 * 4096}
    for name, count in rows_of.items():
        r = next(r for r in row["regions"] if r["kernels"].startswith("linear") and name in r["nodes"])
        assert abs(r["gops"] * r["ns_per_call"] / (2 * count * sizes[name]) - 1) < 0.01, r

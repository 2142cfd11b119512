"""An artifact that keeps KV state against itself: the same tokens in any pieces and at any thread count; to the end of the context and not beyond.

usage: check_sessions.py MODEL.so BOUND      BOUND: largest difference of a logit between two ways to cut the same tokens
"""
import sys

import numpy as np
import qcc

path, bound = sys.argv[1], float(sys.argv[2])
ids = np.random.default_rng(7).integers(0, 4096, 120)


def run(model, cuts):
    """Logits of all positions when the tokens are appended in pieces that end at `cuts`."""
    session, start, parts = model.session(), 0, []
    for end in cuts:
        parts.append(session.append(ids[start:end], "all")[0])
        start = end
    return np.concatenate(parts)


ways = {"prefill of 100, then steps": [100, *range(101, 121)], "one token at a time": range(1, 121),
        "pieces of 1 to 15": np.cumsum([2, 3, 5, 7, 11, 13, 15, 14, 9, 4, 8, 6, 12, 10, 1])}
first = None
for threads in (1, 2, 4):
    model = qcc.load(path, threads=threads)
    whole = run(model, [120])
    assert np.isfinite(whole).all() and whole.std() > 0.1, "logits are not finite, or all the same"
    results = [whole]
    for name, cuts in ways.items():
        results.append(run(model, cuts))
        worst = np.abs(results[-1] - whole).max()
        print(f"{threads} threads, {name}: largest difference {worst:.2e}, bound {bound:.0e}")
        assert worst <= bound
    first = first or results
    assert all((a == b).all() for a, b in zip(first, results)), f"{threads} threads give other bits than 1"

session = model.session()
longest = np.random.default_rng(8).integers(0, 4096, model.max_context + 1)
assert session.append(longest[:-3]).shape == (1, model.vocabulary)
for token in longest[-3:-1]:
    session.append([token])
for call in (lambda: session.append([1]), lambda: model.session().append(longest), lambda: model.session().append([model.vocabulary])):
    try:
        call()
    except ValueError as problem:
        print(f"refused: {problem}")
    else:
        raise AssertionError("was accepted")
session.truncate(session.position - 1)                        # after a refusal the session still works
assert np.isfinite(session.append([1])).all()

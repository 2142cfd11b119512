"""How far apart two builds' logits of the same tokens are.

usage: kld.py GOT.npy WANT.npy BOUND MARGIN      BOUND: on the mean KL divergence; or FILE.npy: twice its divergence from WANT
Fails also where the most likely token differs although WANT prefers its own by more than MARGIN.
"""
import sys
import numpy as np


def log_softmax(path):
    x = np.load(path).astype(np.float64)
    x = x.reshape(-1, x.shape[-1])
    x -= x.max(-1, keepdims=True)
    return x, x - np.log(np.exp(x).sum(-1, keepdims=True))


def divergence(p, q):
    return (np.exp(p) * (p - q)).sum(-1).mean()


(got, q), (want, p) = map(log_softmax, sys.argv[1:3])
bound = 2 * divergence(p, log_softmax(sys.argv[3])[1]) if sys.argv[3].endswith(".npy") else float(sys.argv[3])
margin = np.diff(np.sort(want, -1)[:, -2:], axis=-1)[:, 0]
wrong = ((got.argmax(-1) != want.argmax(-1)) & (margin > float(sys.argv[4]))).sum()
others = (got.argmax(-1) != want.argmax(-1)).sum()
print(f"{len(want)} tokens: mean KLD {divergence(p, q):.2e}, bound {bound:.2e}; other tokens first {others}, beyond the margin {wrong}")
sys.exit(not (got.shape == want.shape and divergence(p, q) <= bound and wrong == 0))

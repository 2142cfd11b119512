"""usage: compare_errors.py FLOAT BETTER WORSE FACTOR: the error of BETTER (.npy), relative to FLOAT, is finite and below FACTOR times that of WORSE."""
import sys

import numpy as np

exact, better, worse = (np.load(path).astype(np.float64) for path in sys.argv[1:4])
errors = [np.linalg.norm(result - exact) / np.linalg.norm(exact) for result in (better, worse)]
print(*errors)
assert errors[0] < float(sys.argv[4]) * errors[1], errors

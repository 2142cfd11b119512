"""Writes the arrays that qcc-run.test reads into the current folder."""
import numpy as np

np.save("tokens.npy", np.array([1, 2, 3], np.int64))
np.save("batch.npy", np.array([[1, 2, 3], [0, 0, 0]], np.int32))
np.save("x.npy", np.arange(6, dtype=np.float32).reshape(2, 3))

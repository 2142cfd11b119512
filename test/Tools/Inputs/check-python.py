"""Exercises the Python package on the models of python.test. usage: check-python.py STATE_MODEL PLAIN_MODEL TOKENIZER_TO_WRITE"""
import sys

import numpy as np
import qcc
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

state, plain, tokenizer_path = sys.argv[1:]


def refused(kind, message, call):
    try:
        call()
    except kind as problem:
        assert message in str(problem), problem
    else:
        raise AssertionError(f"nothing was raised: {message}")


# Letters a..k are tokens 0..10, a token for a word.
tokenizer = Tokenizer(models.WordLevel({letter: i for i, letter in enumerate("abcdefghijk")}, unk_token="a"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.save(tokenizer_path)

model = qcc.load(state, threads=2)
assert (model.variant, model.threads, model.max_context, model.vocabulary, model.has_state) == ("fake", 2, 100, 11, True)
assert model.manifest["manifest"] == 1 and repr(model.inputs) == "[input_ids: int64 ['batch', 'seq']]"
assert model.generate([1, 2, 3], 5) == [8, 10, 6, 3, 10]
assert model.generate("b c d", 5, tokenizer=tokenizer_path) == " i k g d k" == "".join(model.stream_text("b c d", tokenizer, 5))
assert model.generate([1, 2, 3], 5, stop={6}) == [8, 10, 6]
assert len(model.generate([1], 500)) == 100                   # stops where the context is full: the last token needs no place
assert model.generate([1, 2, 3], 20, temperature=1.0, seed=3) == model.generate([1, 2, 3], 20, temperature=1.0, seed=3)

session = model.session(batch=2)
logits = session.append([[1, 2, 3], [0, 0, 0]], "all")
assert logits.shape == (2, 3, 11) and logits.dtype == np.float32 and logits.argmax(-1).tolist() == [[0, 2, 8], [0, 0, 0]]
assert session.append(np.array([[4], [5]], np.int32)).argmax(-1).tolist() == [20 % 11, 15 % 11] and session.position == 4
session.truncate(3)
assert session.append([[4], [5]], "none") is None and session.position == 4
refused(ValueError, "token 11 at index 1 is not in [0, 11)", lambda: session.append([[1], [11]]))
refused(ValueError, "tokens must have shape [2, n]", lambda: session.append([1]))
refused(ValueError, "cannot truncate a sequence of 4 tokens to 9", lambda: session.truncate(9))
refused(ValueError, "context = 101", lambda: model.session(context=101))
refused(RuntimeError, "variant 'fake-best' needs", lambda: qcc.load(state, variant="fake-best"))
refused(RuntimeError, "No such file", lambda: qcc.load("/nonexistent/model.so"))

# Two models in one process do not see each other; the session keeps its model alive.
other = qcc.load(plain)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
assert (other.run(x=x)["y"] == 2 * x).all() and (other.run({"x": x[:, ::-1]})["y"] == 2 * x[:, ::-1]).all()
refused(ValueError, "missing inputs: ['x']", lambda: other.run(z=x))
refused(ValueError, "element type", lambda: other.run(x=x.astype(np.int32)))
refused(ValueError, "keeps state between calls", lambda: model.run(input_ids=np.ones((1, 1), np.int64)))
del model
assert session.append([[1], [1]]).shape == (2, 11)


class Foreign:
    """An array of another library: nothing but DLPack."""
    def __dlpack__(self, **how):
        return x.__dlpack__()

    def __dlpack_device__(self):
        return x.__dlpack_device__()


assert (other.run(x=Foreign())["y"] == 2 * x).all()

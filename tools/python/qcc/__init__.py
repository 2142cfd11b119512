"""Runs models that qcc compiled.

    import qcc
    model = qcc.load("model.so")
    print(model.generate("Once upon a time", tokenizer="tokenizer.json", max_new=40))     # text in, text out
    ids = model.generate([1, 15, 27], max_new=40)                                         # token ids in and out

    session = model.session()                       # language models: KV state stays inside
    logits = session.append([1, 15, 27], logits="all")                                    # numpy float32 [1, 3, vocabulary]

    outputs = encoder.run(input_ids=ids, attention_mask=mask)                             # other models: {name: numpy array}

Arrays in may be NumPy's or anything that speaks DLPack; arrays out are NumPy's, which speaks it too.
"""
import json

import numpy as np

from . import _qcc
from .text import Streamer, sample

__all__ = ["load", "Model", "Session"]
_KINDS = {(0, 8): np.int8, (0, 16): np.int16, (0, 32): np.int32, (0, 64): np.int64, (1, 8): np.uint8, (1, 16): np.uint16, (1, 32): np.uint32,
          (1, 64): np.uint64, (2, 16): np.float16, (2, 32): np.float32, (2, 64): np.float64, (6, 8): np.bool_}


def load(path, *, weights=None, variant=None, threads=0, verify=False, huge_pages=False, pin=False):
    """Opens `path`, a model.so; its weights lie beside it unless `weights` says where. threads=0: one for each CPU."""
    flags = verify * _qcc.VERIFY_WEIGHTS | huge_pages * _qcc.COPY_WEIGHTS | pin * _qcc.PIN_THREADS
    return Model(_qcc.Model(str(path), weights and str(weights), variant, threads, flags))


class Port:
    """An input or output: name, dtype (None where NumPy has none), shape (an extent that the caller chooses is its dimension's name)."""

    def __init__(self, name, code, bits, shape):
        self.name, self.dtype, self.shape = name, _KINDS.get((code, bits)), shape

    def __repr__(self):
        return f"{self.name}: {np.dtype(self.dtype).name if self.dtype else '?'} {list(self.shape)}"


class Model:
    def __init__(self, native):
        self._native = native
        self.inputs = [Port(*p) for p in native.ports(True)]
        self.outputs = [Port(*p) for p in native.ports(False)]
        self.variant, self.threads = native.variant, native.threads
        self.has_state, self.max_context, self.vocabulary = native.has_state, native.max_context, native.vocabulary

    @property
    def manifest(self):
        """What the artifact holds (docs/Artifact.md), as Python objects."""
        return json.loads(self._native.manifest)

    def run(self, inputs=None, **more):
        """Models without state: arrays by name in, {name: array} out. Names that are no identifiers go into the dict `inputs`."""
        given = {**(inputs or {}), **more}
        unknown = given.keys() - {p.name for p in self.inputs}
        missing = [p.name for p in self.inputs if p.name not in given]
        if unknown or missing:
            raise ValueError(f"unknown inputs: {sorted(unknown)}; missing inputs: {missing}")
        arrays = [given[p.name] for p in self.inputs]
        arrays = [a if hasattr(a, "__dlpack__") and not isinstance(a, np.ndarray) else np.ascontiguousarray(a) for a in arrays]
        outputs = [np.empty(self._native.output_shape(arrays, i, len(p.shape)), p.dtype) for i, p in enumerate(self.outputs)]
        self._native.run(arrays, outputs)
        return {p.name: a for p, a in zip(self.outputs, outputs)}

    def session(self, batch=1, context=0):
        """`batch` sequences that grow together; context: their most tokens (0: what the model was compiled for)."""
        return Session(self, batch, context)

    def stream(self, prompt, max_new=60, *, temperature=0.0, top_k=40, seed=0, stop=()):
        """Yields new token ids one by one. temperature=0: the most likely each time."""
        session, random = self.session(), np.random.default_rng(seed)
        logits = session.append(prompt) if max_new > 0 else None
        for i in range(max_new):
            token = sample(logits[0], temperature, top_k, random)
            yield token
            if token in stop or i + 1 == max_new or session.position == self.max_context:
                return
            logits = session.append([token])

    def generate(self, prompt, max_new=60, *, tokenizer=None, **options):
        """Continues `prompt`: text (with a tokenizer: a tokenizers.Tokenizer or the path of its tokenizer.json) or token ids. Returns the
        same kind, without the prompt. `options` are stream's."""
        if not isinstance(prompt, str):
            return list(self.stream(prompt, max_new, **options))
        return "".join(self.stream_text(prompt, tokenizer, max_new, **options))

    def stream_text(self, prompt, tokenizer, max_new=60, **options):
        """Yields pieces of text as they come; text + tokenizer as in generate."""
        streamer = Streamer(tokenizer)
        for token in self.stream(streamer.encode(prompt), max_new, **options):
            yield streamer.push(token)
        yield streamer.finish()


class Session:
    def __init__(self, model, batch, context):
        self.batch, self._vocabulary = batch, model.vocabulary
        self._native = _qcc.Session(model._native, batch, context)

    @property
    def position(self):
        """Tokens so far."""
        return self._native.position

    def append(self, tokens, logits="last"):
        """Appends tokens [n] or [batch, n]. Returns logits of the last position [batch, vocabulary] ("last"), of all [batch, n, vocabulary]
        ("all"), or None ("none"). After an error the sequences are as before."""
        what = ("none", "last", "all").index(logits)
        tokens = np.ascontiguousarray(np.atleast_2d(np.asarray(tokens)), np.int64)
        shape = (None, (self.batch, self._vocabulary), (self.batch, tokens.shape[1], self._vocabulary))[what]
        out = np.empty(shape, np.float32) if what else None
        self._native.append(tokens, what, out)
        return out

    def truncate(self, position):
        """Forgets what follows `position`; 0 starts anew."""
        self._native.truncate(position)

"""From logits to tokens, and from tokens to text."""
import os

import numpy as np


def sample(logits, temperature, top_k, random):
    """One token id: the most likely at temperature 0, else drawn from the `top_k` most likely."""
    if temperature <= 0:
        return int(logits.argmax())
    best = np.argsort(-logits, kind="stable")[:top_k]
    weights = np.exp((logits[best] - logits[best[0]]).astype(np.float64) / temperature)
    return int(random.choice(best, p=weights / weights.sum()))


class Streamer:
    """Decodes token by token. A character may span several tokens: text is held back until it is whole."""

    def __init__(self, tokenizer):
        if tokenizer is None:
            raise ValueError("a text prompt needs a tokenizer: tokenizer='tokenizer.json'")
        if isinstance(tokenizer, (str, os.PathLike)):
            from tokenizers import Tokenizer
            tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer, self._ids, self._shown = tokenizer, [], ""

    def encode(self, text):
        ids = self._tokenizer.encode(text).ids
        self._ids = list(ids)
        self._shown = self._tokenizer.decode(self._ids)
        if not ids:
            raise ValueError("the prompt has no tokens")
        return ids

    def push(self, token):
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        return self._new(text)

    def finish(self):
        return self._new(self._tokenizer.decode(self._ids))

    def _new(self, text):
        new, self._shown = text[len(self._shown):], text
        return new

"""Text to token ids, as qcc-run and qcc-eval take them: python -m qcc.tokenize tokenizer.json TEXT IDS.npy"""
import argparse

import numpy as np


def tokenize(tokenizer, text):
    """Ids of a whole text, int32 [n], without the special tokens that a tokenizer would add around it."""
    from tokenizers import Tokenizer
    return np.array(Tokenizer.from_file(str(tokenizer)).encode(text, add_special_tokens=False).ids, np.int32)


def main():
    parser = argparse.ArgumentParser(prog="python -m qcc.tokenize", description="Writes the token ids of a text to a .npy file (no special tokens).")
    parser.add_argument("tokenizer", help="tokenizer.json")
    parser.add_argument("text", help="a UTF-8 file")
    parser.add_argument("ids", help="the file to write")
    args = parser.parse_args()
    with open(args.text, encoding="utf-8") as file:
        ids = tokenize(args.tokenizer, file.read())
    np.save(args.ids, ids)
    print(f"{len(ids)} tokens")


if __name__ == "__main__":
    main()

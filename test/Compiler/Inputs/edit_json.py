"""Copies a JSON file with a change: Python that sees the document as `d`.

usage: edit_json.py FROM.json TO.json STATEMENT
"""
import json
import sys

d = json.load(open(sys.argv[1]))
exec(sys.argv[3])
json.dump(d, open(sys.argv[2], "w"))

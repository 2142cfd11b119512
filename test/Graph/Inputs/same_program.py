"""Compares two programs of the graph stage, except for what weights are: their declarations, names and element types.

usage: same_program.py A.mlir B.mlir
"""
import difflib
import re
import sys


def program(path):
    lines = []
    for line in open(path):
        if "qnt.weight_decl" in line:
            continue
        line = re.sub(r"!qnt\.block<[^>]*>", "f32", line)
        line = re.sub(r'qnt\.weight @("[^"]*"|\S+)', "qnt.weight @w", line)
        lines.append(re.sub(r"qnt\.files = \[[^\]]*\], ", "", line))
    return lines


a, b = program(sys.argv[1]), program(sys.argv[2])
diff = list(difflib.unified_diff(a, b, sys.argv[1], sys.argv[2]))
sys.stdout.writelines(diff)
sys.exit(bool(diff) or len(a) < 40)

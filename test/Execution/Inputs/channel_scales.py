"""Asks for scales of the input channels of every linear layer of a program, as printed after the graph stage.

usage: channel_scales.py IN.mlir OUT.mlir HEAD_SIZE       scales are those of a head, over and over, so that heads which share values agree
"""
import re, sys
import numpy as np

source, target, head = sys.argv[1], sys.argv[2], int(sys.argv[3])
random = np.random.default_rng(0)
count = 0

def ask(match):
    global count
    count += 1
    columns = int(match[2])
    scales = np.resize(np.exp(random.uniform(np.log(0.1), np.log(10), head)).astype(np.float32), columns)
    return f"{match[1]} {{qnt.channel_scales = dense<[{', '.join('%.9e' % s for s in scales)}]> : tensor<{columns}xf32>}}"

text = open(source).read()
# Linear layers: every weight of rank 2 but the embedding and rotary tables.
text = re.sub(r"(qnt\.weight_decl @(?!rotary|model\.embed)\S+ : tensor<\d+x(\d+)xf32> \[.*\])$", ask, text, flags=re.M)
open(target, "w").write(text)
print(count, "weights")

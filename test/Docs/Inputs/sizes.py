"""Prints what qcc's plan says of models of 400 M, 70 B and 400 B parameters, of which there are shapes only (shape_only.py), as a Markdown table.

usage: sizes.py TOOLS_DIR
"""
import pathlib
import re
import subprocess
import sys
import tempfile

options = {"4 bytes": "--wbits=32", "2 bytes": "--wbits=16", "1 byte": "--wbits=8 --group-size=-1", "half a byte": "--wbits=4 --group-size=-1", "default of 4 bits": "--wbits=4"}
models = {"400.00 M": 1, "70.00 B": 175, "400.00 B": 1000}  # layers of 20000 x 20000
print("| parameters | " + " | ".join(f"{what}<br>`{words}`" for what, words in options.items()) + " |")
print("|---:|" + "---:|" * len(options))
with tempfile.TemporaryDirectory() as folder:
    for parameters, layers in models.items():
        model = f"{folder}/model.onnx"
        subprocess.check_call([sys.executable, pathlib.Path(__file__).with_name("shape_only.py"), model, "20000", str(layers)])
        cells = []
        for words in options.values():
            plan = subprocess.check_output([f"{sys.argv[1]}/qcc", model, *words.split(), "--target=x86-avx512", "--dry-run"], text=True)
            cells.append(re.search(rf"^ +all +{re.escape(parameters)} +[\d.]+ +(.*)$", plan, re.M)[1])
        print(f"| {parameters} | " + " | ".join(cells) + " |")

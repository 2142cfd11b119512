"""One model that reads an embedding table in every weight format: a build of kernels against a build of reference lowerings.

usage: tables.py write FOLDER QCC                        FOLDER/model.onnx, FOLDER/formats (options for qcc), FOLDER/ids.npy, FOLDER/names
       tables.py compare FOLDER QCC_RUN                  runs FOLDER/reference.so and FOLDER/fast.so: every value is bit-equal
"""
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

folder = sys.argv[2]
rows, width = 37, 331                                  # groups and super-groups end short


def write(qcc):
    listed = subprocess.check_output([qcc, "--print-formats"], text=True).split("\n\n")[0].splitlines()[1:]
    names = [line.split()[0] for line in listed]
    rng = np.random.default_rng(3)
    weights = [nh.from_array((rng.standard_normal((rows, width)) * np.exp(rng.standard_normal((rows, 1)))).astype(np.float32), f"table_{name}_") for name in names]
    nodes = [h.make_node("Gather", [weight.name, "ids"], [f"out_{name}"]) for weight, name in zip(weights, names)]
    outputs = [h.make_tensor_value_info(node.output[0], T.FLOAT, ["n", width]) for node in nodes]
    graph = h.make_graph(nodes, "tables", [h.make_tensor_value_info("ids", T.INT64, ["n"])], outputs, weights)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 21)], ir_version=10), f"{folder}/model.onnx")
    with open(f"{folder}/formats", "w") as f:
        f.writelines(f"--tensor-type=table_{name}_={name}\n" for name in names)
    with open(f"{folder}/names", "w") as f:
        f.writelines(name + "\n" for name in names)
    np.save(f"{folder}/ids.npy", rng.permutation(np.arange(rows)).astype(np.int64))


def run(build, qcc_run, names):
    files = {name: f"{folder}/{build}.{name}.npy" for name in names}
    outputs = [f"--output=out_{name}={file}" for name, file in files.items()]
    subprocess.run([qcc_run, f"{folder}/{build}.so", f"--input=ids={folder}/ids.npy", *outputs], check=True, stdout=subprocess.DEVNULL)
    return {name: np.load(file) for name, file in files.items()}


def compare(qcc_run):
    names = open(f"{folder}/names").read().split()
    reference, fast = run("reference", qcc_run, names), run("fast", qcc_run, names)
    wrong = [name for name in names if reference[name].tobytes() != fast[name].tobytes() or not reference[name].any()]
    print(f"{len(names)} tables, {len(wrong)} wrong", *wrong)


{"write": write, "compare": compare}[sys.argv[1]](sys.argv[3])

"""One model with a result for every operator of the generic path (and some that are recovered), against ONNX Runtime.

usage: onnx_ops.py write FOLDER | check FOLDER
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

rng = np.random.default_rng(0)
random = lambda *shape: rng.standard_normal(shape).astype(np.float32)
ints = lambda value: np.array(value, np.int64)
scalar = lambda value: np.array(value, np.float32)
nodes, constants, results = [], [], []


def case(name, steps, constant={}, type=T.FLOAT):
    """`steps`: (operator, inputs, outputs, attributes); x, y, i are the model's inputs, o is the result."""
    own = lambda value: value if value in ("x", "y", "i", "") else f"{name}.{value}"
    for k, (op, inputs, outputs, attributes) in enumerate(steps):
        nodes.append(h.make_node(op, [own(v) for v in inputs], [own(v) for v in outputs], name=f"/{name}/{k}/{op}", **attributes))
    constants.extend(nh.from_array(value, own(key)) for key, value in constant.items())
    results.append((own("o"), type))


def step(op, inputs, outputs=["o"], **attributes):
    return op, inputs, outputs, attributes


I64 = T.INT64
for op in ["Add", "Sub", "Mul", "Div", "Min", "Max"]:
    case(op, [step(op, ["x", "y"])])
for op in ["Min", "Max", "Sum"]:
    case(op + "OfOne", [step(op, ["x"])])
    case(op + "OfThree", [step(op, ["x", "k", "y"])], {"k": random(8)})
for op in ["Neg", "Abs", "Exp", "Erf", "Tanh", "Cos", "Sin", "Sigmoid", "Relu", "Floor", "Ceil", "Round", "Reciprocal", "Gelu", "Softmax", "Dropout"]:
    case(op, [step(op, ["x"])])
# Defined by others in ONNX, expanded by the importer.
for op in ["Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "LogSoftmax", "Mish", "Selu", "Softplus", "Softsign", "ThresholdedRelu"]:
    case(op, [step(op, ["x"])])
for op in ["ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"]:
    case(op, [step(op, ["x", "k"], keepdims=1)], {"k": ints([-1])})
case("PRelu", [step("PRelu", ["x", "k"])], {"k": random(8)})
case("CastLike", [step("CastLike", ["i", "x"])])
for op in ["Sqrt", "Log"]:
    case(op, [step("Abs", ["x"], ["a"]), step(op, ["a"])])
for exponent in [2, 3, 0.5, -0.5, 1.7]:
    case(f"Pow{exponent}", [step("Abs", ["x"], ["a"]), step("Pow", ["x" if exponent in (2, 3) else "a", "k"])], {"k": scalar(exponent)})
case("Broadcast1", [step("Add", ["x", "k"])], {"k": random(8)})
case("Broadcast3", [step("Mul", ["k", "x"])], {"k": random(1, 1, 1)})
for op in ["Less", "LessOrEqual", "Greater", "GreaterOrEqual"]:
    case(op, [step(op, ["x", "y"], ["q"]), step("Cast", ["q"], to=1)])
case("Equal", [step("Equal", ["i", "k"], ["q"]), step("Cast", ["q"], to=7)], {"k": ints(2)}, I64)
case("Logic", [step("Less", ["x", "y"], ["a"]), step("Greater", ["x", "k"], ["b"]), step("And", ["a", "b"], ["c"]), step("Not", ["c"], ["d"]),
               step("Or", ["d", "b"], ["e"]), step("Xor", ["e", "a"], ["f"]), step("Where", ["f", "x", "y"])], {"k": scalar(0)})
case("Clip", [step("Clip", ["x", "lo", "hi"])], {"lo": scalar(-0.5), "hi": scalar(0.5)})
case("ClipHigh", [step("Clip", ["x", "", "hi"])], {"hi": scalar(0.5)})
case("CastIntegers", [step("Cast", ["i"], ["a"], to=1), step("Cast", ["a"], ["b"], to=6), step("Cast", ["b"], to=7)], {}, I64)
case("ReluIntegers", [step("Neg", ["i"], ["a"]), step("Add", ["a", "k"], ["b"]), step("Cast", ["b"], ["c"], to=6), step("Relu", ["c"])], {"k": ints(2)}, T.INT32)
case("CastBool", [step("Cast", ["i"], ["a"], to=9), step("Cast", ["a"], to=1)])
case("IsNaN", [step("IsNaN", ["x"], ["a"]), step("Cast", ["a"], to=1)])
case("Integers", [step("Add", ["i", "k"], ["a"]), step("Mul", ["a", "i"], ["b"]), step("Sub", ["b", "i"], ["c"]), step("Neg", ["c"])], {"k": ints(3)}, I64)
case("Transpose", [step("Transpose", ["x"], perm=[2, 0, 1])])
case("Reshape", [step("Reshape", ["x", "k"])], {"k": ints([0, 0, 2, 4])})
case("ReshapeBack", [step("Reshape", ["x", "k"], ["a"]), step("Neg", ["a"], ["b"]), step("Shape", ["x"], ["c"]), step("Reshape", ["b", "c"])], {"k": ints([-1, 8])})
case("Flatten", [step("Flatten", ["x"], ["a"], axis=2), step("Shape", ["x"], ["b"]), step("Exp", ["a"], ["c"]), step("Reshape", ["c", "b"])])
case("Unsqueeze", [step("Unsqueeze", ["x", "k"])], {"k": ints([1, -1])})
case("Squeeze", [step("Unsqueeze", ["x", "k"], ["a"]), step("Neg", ["a"], ["b"]), step("Squeeze", ["b", "k"])], {"k": ints([0])})
case("Expand", [step("Unsqueeze", ["x", "k"], ["a"]), step("Expand", ["a", "e"])], {"k": ints([2]), "e": ints([1, 1, 3, 1])})
case("Slice", [step("Slice", ["x", "s", "e", "a", "t"])], {"s": ints([1]), "e": ints([7]), "a": ints([2]), "t": ints([2])})
case("SliceFromEnd", [step("Slice", ["x", "s", "e", "a"])], {"s": ints([-3]), "e": ints([2**63 - 1]), "a": ints([-1])})
case("Split", [step("Split", ["x", "k"], ["a", "b"], axis=2), step("Concat", ["b", "a"], axis=-1)], {"k": ints([3, 5])})
case("SplitEqual", [step("Split", ["x"], ["a", "b"], axis=2, num_outputs=2), step("Sub", ["a", "b"])])
case("Concat", [step("Concat", ["x", "y"], ["a"], axis=1), step("ReduceSum", ["a", "k"])], {"k": ints([1])})
case("ConcatProducts", [step("MatMul", ["x", "w"], ["a"]), step("MatMul", ["y", "v"], ["b"]), step("Concat", ["a", "b", "x"], axis=-1)], {"w": random(8, 16), "v": random(8, 5)})
case("Gather", [step("Gather", ["t", "i"])], {"t": random(5, 3)})
case("GatherAxis", [step("Gather", ["x", "k"], axis=2)], {"k": ints([[0, -1], [3, 2]])})
case("GatherScalar", [step("Gather", ["x", "k"], axis=1)], {"k": ints(-1)})
case("GatherLast", [step("Gather", ["x", "k"], axis=2)], {"k": ints(5)})
case("Shape", [step("Shape", ["x"])], {}, I64)
case("ShapeArithmetic", [step("Shape", ["x"], ["a"]), step("Gather", ["a", "k"], ["b"]), step("Cast", ["b"], ["c"], to=1), step("Div", ["x", "c"])], {"k": ints(1)})
case("Range", [step("Shape", ["x"], ["a"]), step("Gather", ["a", "k"], ["b"]), step("Range", ["z", "b", "k"])], {"k": ints(1), "z": ints(0)}, I64)
case("ConstantOfShape", [step("Shape", ["x"], ["a"]), step("ConstantOfShape", ["a"], ["b"], value=nh.from_array(np.array([2.5], np.float32))), step("Add", ["b", "x"])])
case("TriluLower", [step("Trilu", ["x"], upper=0)])
case("TriluUpper", [step("Trilu", ["x", "k"], upper=1)], {"k": ints(1)})
for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"]:
    case(op, [step(op, ["x", "k"], keepdims=1)], {"k": ints([-1])})
    case(op + "Two", [step(op, ["x", "k"], keepdims=0)], {"k": ints([1, 2])})
case("ReduceAll", [step("ReduceSum", ["x"], keepdims=0)])
case("SoftmaxInner", [step("Softmax", ["x"], axis=1)])
case("MatMul", [step("Transpose", ["y"], ["a"], perm=[0, 2, 1]), step("MatMul", ["a", "x"])])
case("MatMulBatchOfOne", [step("MatMul", ["x", "k"])], {"k": random(1, 8, 3)})
case("MatMulWeight", [step("MatMul", ["x", "k"])], {"k": random(8, 5)})
case("Gemm", [step("Reshape", ["x", "k"], ["a"]), step("Reshape", ["y", "k"], ["b"]), step("Gemm", ["a", "b"], transA=1, alpha=0.5)], {"k": ints([-1, 8])})
case("MatMulBiasOfThree", [step("Gather", ["x", "k"], ["a"], axis=1), step("MatMul", ["a", "w"], ["c"]), step("Add", ["c", "b"])], {"k": ints(0), "w": random(8, 5), "b": random(1, 1, 5)})
case("GemmWeight", [step("Gather", ["x", "k"], ["a"], axis=1), step("Gemm", ["a", "w", "b"], transB=1)], {"k": ints(0), "w": random(5, 8), "b": random(5)})
case("GemmScaled", [step("Gather", ["x", "k"], ["a"], axis=1), step("Gemm", ["a", "w", "b"], alpha=2.0, beta=0.5)], {"k": ints(0), "w": random(8, 5), "b": random(5)})
case("LayerNorm", [step("LayerNormalization", ["x", "w", "b"], axis=-1)], {"w": random(8), "b": random(8)})
case("GeluTanh", [step("Gelu", ["x"], approximate="tanh")])
case("Silu", [step("Sigmoid", ["x"], ["a"]), step("Mul", ["a", "x"])])
case("CumSum", [step("CumSum", ["i", "k"])], {"k": ints(1)}, I64)
case("Identity", [step("Identity", ["x"], ["a"]), step("Add", ["a", "a"])])

inputs = [h.make_tensor_value_info("x", T.FLOAT, ["b", "s", 8]), h.make_tensor_value_info("y", T.FLOAT, ["b", "s", 8]), h.make_tensor_value_info("i", T.INT64, ["b", "s"])]
feeds = {"x": random(2, 5, 8), "y": random(2, 5, 8), "i": rng.integers(0, 5, (2, 5)).astype(np.int64)}
folder = sys.argv[2]
if sys.argv[1] == "write":
    outputs = []
    for name, type in results:
        value = onnx.ValueInfoProto(name=name)
        value.type.tensor_type.elem_type = type
        outputs.append(value)
    model = h.make_model(h.make_graph(nodes, "operators", inputs, outputs, constants), opset_imports=[h.make_opsetid("", 20)], ir_version=10)
    onnx.save(onnx.shape_inference.infer_shapes(model), f"{folder}/model.onnx")
    for name, value in feeds.items():
        np.save(f"{folder}/{name}.npy", value)
    with open(f"{folder}/outputs", "w") as file:
        file.writelines(f"--output\n{name}={folder}/{name}.npy\n" for name, _ in results)
else:
    import onnxruntime

    bad = 0
    for (name, _), expected in zip(results, onnxruntime.InferenceSession(f"{folder}/model.onnx").run([n for n, _ in results], feeds)):
        got = np.load(f"{folder}/{name}.npy")
        error = np.abs(got.astype(np.float64) - expected).max() if got.shape == expected.shape else np.inf
        if not error <= 1e-5 * max(1, np.abs(expected).max()):
            print(f"{name}: {got.shape} against {expected.shape}, off by {error}")
            bad += 1
    print(f"{len(results) - bad} of {len(results)} results agree")
    sys.exit(bad > 0)

"""A model with planted outlier channels: what int8 products lose, plain and with outliers apart. usage: llm_int8.py QCC QCC_RUN FOLDER

Four channels of a hidden layer are 300 times as large as the others, in one token of each input, and the weights that read them small: as in large
language models, where what the other channels say decides. One scale a token then rounds those to nothing.
"""
from compare import compiler, failures, finish, floats, folder, h, model, np, onnx, runner, subprocess

K, N = 261, 53  # neither is a multiple of a register
planted = [0, 7, 130, 260]
w1, codes = floats(64, K) / 8, np.clip(np.round(32 * floats(K, N)), -127, 127)
codes[planted], codes[1] = np.sign(floats(len(planted), N)), 127
w2 = np.float32(codes / 2048)  # int8 codes of its rows: what is lost, activations lose
m = model([h.make_node("MatMul", ["x", "w1"], ["a"]), h.make_node("Mul", ["a", "g"], ["b"]), h.make_node("MatMul", ["b", "w2"], ["y"])],
          {"x": ["b", "s", 64], "g": ["b", "s", K]}, {"y": ["b", "s", N]}, {"w1": w1, "w2": w2})
onnx.save(m, f"{folder}/m.onnx")
row = ["--wbits=8", "--abits=8", "--group-size=-1", "--act-group-size=-1"]
builds = {"float": ["--wbits=32", "--abits=32"], "plain": row, "llm": ["--algo=llm-int8"], "reference": ["--algo=llm-int8", "--kernels=reference"]}
for name, options in builds.items():
    subprocess.check_call([compiler, f"{folder}/m.onnx", "-q", "-o", f"{folder}/{name}.so", *options])


def run(name, x, g):
    np.save(f"{folder}/x.npy", x), np.save(f"{folder}/g.npy", g)
    subprocess.check_call([runner, f"{folder}/{name}.so", "--threads", "2", "--input", f"x={folder}/x.npy", "--input", f"g={folder}/g.npy", "--output", f"y={folder}/y.npy"])
    return np.load(f"{folder}/y.npy").astype(np.float64)


def check(what, holds):
    print(f"{what}: {'agrees' if holds else 'WRONG'}")
    if not holds:
        failures.append(what)


for batch, tokens in [(1, 1), (1, 7), (2, 5), (1, 40)]:  # the classes of rows
    x, g = floats(batch, tokens, 64), np.ones((batch, tokens, K), np.float32)
    x = np.clip(x, -2, 2)
    quiet = {name: run(name, x, g * 0.25) for name in builds}
    g[0, -1, planted] = 300
    y = {name: run(name, x, g) for name in builds}
    # Of the token with the outliers.
    error = {name: np.linalg.norm(v[0, -1] - y["float"][0, -1]) / np.linalg.norm(y["float"][0, -1]) for name, v in y.items()}
    at = f"{batch}x{tokens}"
    print(at, {name: f"{e:.4f}" for name, e in error.items()})
    check(f"{at} plain int8 loses the token", error["plain"] > 0.2)
    check(f"{at} llm-int8 keeps it", error["llm"] < 0.02)
    check(f"{at} kernels equal reference lowerings", np.abs(y["llm"] - y["reference"]).max() <= 1e-5 * np.abs(y["reference"]).max())
    # No value reaches 6: the same codes, and 0 is added.
    check(f"{at} without outliers nothing differs", np.array_equal(quiet["llm"], quiet["plain"]))
finish()

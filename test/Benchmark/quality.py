"""What quantization costs, row by row, beside the figures of independent implementations: a Markdown table.

usage: quality.py MODEL.onnx --rows NAME --tokens DEV.npy --calib CALIBRATION.npy [options]

Every row of quality.csv with this NAME is compiled with its options, and with --abits=32 --head-bits=32 where they say nothing else, so that layer weights
alone are quantized; qcc-eval scores it beside the float program: 64 windows of 512 tokens, each from position 0, calibrated on 128 windows of 512. Rows without a
text come first. Token ids are those of the model's tokenizer (python3 -m qcc.tokenize).

A row is ok if it takes no more bits per layer weight than the reference (rounded to three places) and its perplexity rises by at most 1.05 times
the reference's rise + 0.03. Rows of a budget have no reference of their own: they bound the KL divergence. Results are kept in FOLDER/results.json by model,
texts, options and build, and found there again: a run that was stopped goes on. The exit code is 1 if a row misses, or failed to build.
"""
import argparse
import csv
import hashlib
import json
import pathlib
import re
import subprocess
import sys

DEFAULTS = ("--abits=32", "--head-bits=32")
FLOAT = "--wbits=32 --abits=32"


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--rows", required=True, help="which rows of the list: its first column")
    parser.add_argument("--tokens", type=pathlib.Path, required=True, help="ids that are scored")
    parser.add_argument("--calib", type=pathlib.Path, required=True, help="ids that --calib of a row's options reads")
    parser.add_argument("--list", type=pathlib.Path, default=here / "quality.csv")
    parser.add_argument("--select", default="", help="regular expression: only rows whose name or options it finds")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("quality"), help="folder for programs and results (default: quality)")
    parser.add_argument("--bin", type=pathlib.Path, default=here.parents[1] / "build" / "bin", help="folder of qcc and qcc-eval")
    parser.add_argument("--window", type=int, default=512, help="tokens of a window, here and of --calib")
    parser.add_argument("--windows", type=int, default=64, help="that are scored")
    parser.add_argument("--calib-samples", type=int, default=128, help="windows that are calibrated on")
    parser.add_argument("--threads", type=int, help="of qcc and qcc-eval (default: one for each CPU)")
    parser.add_argument("--print", action="store_true", help="only what is known already")
    return parser.parse_args()


def digest(*paths):
    sha = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                sha.update(piece)
    return sha.hexdigest()[:16]


class Bench:
    """Builds and scores, with the results of earlier runs."""

    def __init__(self, arguments):
        self.a = arguments
        self.a.work.mkdir(parents=True, exist_ok=True)
        self.store = self.a.work / "results.json"
        self.results = json.loads(self.store.read_text()) if self.store.exists() else {}
        self.key = digest(self.a.model, self.a.tokens, self.a.calib) + " " + digest(self.a.bin / "qcc", self.a.bin / "qcc-eval")
        if (protocol := (arguments.window, arguments.windows, arguments.calib_samples)) != (512, 64, 128):
            self.key += " {} {} {}".format(*protocol)

    def words(self, options):
        text = [f"--calib={self.a.calib}", f"--calib-length={self.a.window}", f"--calib-samples={self.a.calib_samples}"]
        words = [word for given in options.split() for word in (text if given == "--calib" else [given])]
        return words + [word for word in DEFAULTS if not any(given.startswith(word.split("=")[0] + "=") for given in words)]

    def run(self, program, *words):
        threads = [f"{'-j' if program == 'qcc' else '-t'}{self.a.threads}"] if self.a.threads else []
        done = subprocess.run([str(self.a.bin / program), *map(str, words), *threads], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def compile(self, options, output):
        report = output.with_suffix(".json")
        self.run("qcc", "-q", self.a.model, *self.words(options), f"--report={report}", "-o", output)
        return json.loads(report.read_text())["totals"]["linear"]["bits_per_weight"]

    def reference(self):
        program = self.a.work / f"float-{self.key.replace(' ', '-')}.so"
        if not program.exists():
            self.compile(FLOAT, program)
        return program

    def known(self, options):
        return self.results.get(f"{self.key} {options}")

    def measure(self, options):
        if not self.known(options):
            program = self.a.work / "row.so"
            bits = self.compile(options, program)
            score = json.loads(self.run("qcc-eval", program, f"--tokens={self.a.tokens}", f"--window={self.a.window}", f"--windows={self.a.windows}",
                                        f"--reference={self.reference()}", "-o", "json"))
            self.results[f"{self.key} {options}"] = {"bits": bits, **score}
            self.store.write_text(json.dumps(self.results, indent=1))
        return self.known(options)


def verdict(row, result):
    """The limit, as text, and whether the row keeps it."""
    light = round(result["bits"], 3) <= float(row["bits"])
    if not row["delta"]:
        return f"KL {float(row['kl']):.1f}", light and 1e3 * result["kl_mean"] <= float(row["kl"])
    limit = 1.05 * max(float(row["delta"]), 0) + 0.03
    return f"{limit:+.3f}", light and result["delta"] <= limit


def line(row, result):
    """A row of the table; `result` is None if it is not known, or why there is none."""
    name, options = row["name"].replace("|", "&#124;"), f"`{row['options']}`"
    rise = f" ({float(row['delta']):+.3f})" if row["delta"] else ""
    limits = f"{row['kl']}" if row["delta"] else "-"
    if not isinstance(result, dict):
        return f"| {name} | {options} | ({row['bits']}) | ({limits}) |{rise} | | {result or ''} |"
    limit, ok = verdict(row, result)
    divergence = f"{1e3 * result['kl_mean']:.2f}" + (f" ({row['kl']})" if row["delta"] else "")
    delta = f"{result['delta']:+.3f} +- {result['delta_error']:.3f}{rise}"
    return f"| {name} | {options} | {result['bits']:.3f} ({row['bits']}) | {divergence} | {delta} | {limit} | {'ok' if ok else '**MISS**'} |"


def main():
    arguments = parse_arguments()
    with open(arguments.list, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == arguments.rows]
    rows = [row for row in rows if re.search(arguments.select, row["name"]) or re.search(arguments.select, row["options"])]
    if not rows:
        sys.exit(f"quality.py: {arguments.list} has no row '{arguments.rows}' that --select finds")
    bench, results = Bench(arguments), {}
    for row in sorted(rows, key=lambda row: "--calib" in row["options"]):
        options = row["options"]
        if options in results:
            continue
        try:
            results[options] = bench.known(options) if arguments.print else bench.measure(options)
        except RuntimeError as error:
            results[options] = f"**{error}**"
        if not arguments.print:
            print(line(row, results[options]), file=sys.stderr, flush=True)
    print("| method (reference) | options | bits | KL x 1000 | perplexity | limit | |\n|---|---|---:|---:|---:|---:|---|")
    for row in rows:
        print(line(row, results[row["options"]]))
    found = [results[row["options"]] for row in rows]
    missed = [not isinstance(result, dict) or not verdict(row, result)[1] for row, result in zip(rows, found)]
    print(f"\n{len(rows) - sum(missed)} of {len(rows)} rows are ok. In brackets: the reference.")
    sys.exit(any(missed))


main()

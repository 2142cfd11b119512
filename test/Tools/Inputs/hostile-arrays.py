"""Runs a tool on damaged .npy files; each must be refused with exit code 4 and a message, not a crash. usage: hostile-arrays.py TOOL MODEL FOLDER"""
import pathlib
import struct
import subprocess
import sys

tool, model, folder = sys.argv[1:]
path = pathlib.Path(folder, "hostile.npy")
good = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
data = struct.pack("<3q", 1, 2, 3)


def npy(header, payload=data, version=(1, 0), length=None):
    size = len(header) if length is None else length
    return b"\x93NUMPY" + bytes(version) + (struct.pack("<H", size) if version[0] == 1 else struct.pack("<I", size)) + header.encode() + payload


files = {
    "empty": b"",
    "magic only": b"\x93NUMPY",
    "wrong magic": b"\x93NUMPX" + npy(good)[6:],
    "version 9": npy(good, version=(9, 0)),
    "header past the end": npy(good, length=60000),
    "4 GB header": npy(good, version=(2, 0), length=0xFFFFFFFF),
    "no shape": npy("{'descr': '<i8', 'fortran_order': False}"),
    "no descr": npy("{'fortran_order': False, 'shape': (3,)}"),
    "big endian": npy(good.replace("<", ">")),
    "object": npy(good.replace("<i8", "|O")),
    "structured": npy(good.replace("'<i8'", "[('a', '<i8')]")),
    "too wide": npy(good.replace("i8", "i999999999999")),
    "fortran": npy(good.replace("False", "True")),
    "negative extent": npy(good.replace("3,", "-3,")),
    "huge extent": npy(good.replace("3,", "99999999999999999999999,")),
    "overflowing product": npy(good.replace("3,", "4294967296, 4294967296, 8")),
    "rank 9": npy(good.replace("3,", "1, 1, 1, 1, 1, 1, 1, 1, 3")),
    "unclosed shape": npy(good.replace("(3,)", "(3")),
    "text in shape": npy(good.replace("3,", "3, x")),
    "short data": npy(good, data[:-1]),
    "long data": npy(good, data + b"x"),
    "no tokens": npy(good.replace("3,", "0,"), b""),
    "float tokens": npy(good.replace("i8", "f8")),
    "rank 3": npy(good.replace("3,", "1, 1, 3")),
    "zeros in header": npy(good.replace("descr", "de\0cr")),
}
for cut in range(1, len(npy(good)), 3):
    files[f"cut at {cut}"] = npy(good)[:cut]
for name, content in files.items():
    path.write_bytes(content)
    run = subprocess.run([tool, model, f"--tokens={path}", "--generate=1"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 4 and "error:" in run.stderr and not run.stdout, (name, run)
path.write_bytes(npy(good))
assert subprocess.run([tool, model, f"--tokens={path}", "--generate=1"]).returncode == 0

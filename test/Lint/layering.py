"""Fails on an #include that goes up or sideways in the layer order. Include paths are global, so the build alone would not notice. Paths relative to the
including file are followed.

usage: layering.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# folder -> what it may include from qcc, besides itself and Base. Anything of MLIR, LLVM and the system is free.
BASE = {"Base"}
DIALECTS = {"ONNX", "Quant", "Kernel"}
ALLOWED = {
    "lib/Base": set(),
    "dialects/ONNX": set(), "dialects/Quant": set(), "dialects/Kernel": set(),
    "lib/Frontend": {"dialects/ONNX", "dialects/Quant"},
    "lib/Graph": {"dialects/Quant"},
    "lib/Quantize": {"dialects/Quant"},
    "lib/Kernel": {"dialects/Quant", "dialects/Kernel"},
    "lib/Runtime": set(),
    "lib/Artifact": {"lib/Runtime"},
    "lib/Target/Common": {"dialects/Kernel", "lib/Kernel", "lib/Runtime"},
    "lib/Compiler": {"*"}, "tools": {"*"},
}

def room(include):
    """The folder that an include path belongs to, or None if it is not ours."""
    parts = include.split("/")
    if parts[0] == "dialects":
        return "/".join(parts[:2])
    if parts[0] == "qcc":
        if parts[1] == "Target":
            return "lib/Target/" + (parts[2] if len(parts) > 3 else "Common")
        return "lib/" + parts[1]
    if parts[0] == "lib":
        return "/".join(parts[:3]) if parts[1] == "Target" else "/".join(parts[:2])
    return None

def path_of(include, file):
    """What an include means: the file beside the one that includes it, if there is one, else a path of the tree."""
    beside = (file.parent / include).resolve()
    return str(beside.relative_to(root)).removeprefix("include/") if beside.exists() and beside.is_relative_to(root) else include

root = pathlib.Path(sys.argv[1]).resolve()
for target in (root / "lib/Target").iterdir():
    if target.is_dir() and target.name != "Common":
        ALLOWED[f"lib/Target/{target.name}"] = {"dialects/Kernel", "lib/Kernel", "lib/Target/Common", "lib/Runtime"}  # of lib/Runtime: the ABI headers
HEADERS = {folder: folder.replace("lib/", "include/qcc/", 1) for folder in ALLOWED if folder.startswith("lib/")} | {"lib/Target/Common": "include/qcc/Target"}
ALLOWED["lib/Target"] = {"lib/Target/Common"}  # files beside the folders: what all targets are
folders = [path for layer in ("lib", "dialects", "include/qcc") for path in sorted((root / layer).glob("*")) if path.is_dir()]
bad = [f"{path.relative_to(root)}: a folder without a row in layering.py" for path in folders
       if (path.relative_to(root).as_posix().replace("include/qcc/", "lib/")) not in ALLOWED]
for folder, allowed in ALLOWED.items():
    own = (root / folder).glob("*") if folder == "lib/Target" else (root / folder).rglob("*")
    for path in sorted([*own, *(root / HEADERS.get(folder, "none")).glob("*")]):
        if path.suffix not in (".cpp", ".h", ".td", ".c"):
            continue
        for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            match = re.match(r'\s*(?:#\s*include|include)\s*["<]([^">]+)[">]', line)
            target = match and room(path_of(match[1], path))
            if not target or target == folder or target == "lib/Base" or "*" in allowed or target in allowed:
                continue
            bad.append(f"{path.relative_to(root)}:{n}: {folder} must not include {match[1]} ({target})")
print("\n".join(bad))
sys.exit(bool(bad))

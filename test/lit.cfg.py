# lit's configuration: substitutions and what this machine can run.
#   %python   the Python with numpy, onnx, onnxruntime, tokenizers       %models   test/Models       %src   the source tree       %build   the build tree
#   %expect   runs a command and checks its exit code (test/expect.py)
# .lit_test_times.txt, in lit's own format, lets a new build tree start with the tests that take long (seconds, on two cores).
import os
import platform
import lit.formats
from lit.llvm import llvm_config

config.name = "qcc"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["CMakeLists.txt", "lit.cfg.py", "Inputs", "Models"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qcc_obj_root, "test")
llvm_config.with_system_environment(["HOME", "TMP", "TEMP", "QCC_CACHE"])
llvm_config.use_default_substitutions()
tools = ["qcc", "qcc-opt", "qcc-run", "qcc-bench", "qcc-eval", "qcc-inspect", "mlir-opt", "mlir-runner", "mlir-translate", "llc", "llvm-objdump", "llvm-nm", "llvm-readelf"]
llvm_config.add_tool_substitutions(tools, [config.qcc_tools_dir, config.llvm_tools_dir])
# lit has a %python of its own, which would be the system's.
config.substitutions = [s for s in config.substitutions if s[0] != "%python"]
for name, value in [("%python", config.qcc_python), ("%models", os.path.join(config.test_source_root, "Models")), ("%src", config.qcc_src_root),
                    ("%build", config.qcc_obj_root), ("%expect", f"{config.qcc_python} {config.test_source_root}/expect.py"), ("%llvm_lib", config.llvm_lib_dir)]:
    config.substitutions.append((name, value))

def cpu_flags():
    try:
        with open("/proc/cpuinfo") as f:
            return next((set(line.split(":")[1].split()) for line in f if line.startswith("flags")), set())
    except OSError:
        return set()

# Features gate execution tests: a test that this machine cannot run is reported as unsupported, never as passed.
for flag, feature in [("avx2", "avx2"), ("avx512bw", "avx512"), ("avx512_vnni", "avx512vnni"), ("avx_vnni", "avxvnni"), ("amx_int8", "amx")]:
    if flag in cpu_flags():
        config.available_features.add(feature)
def nvidia_gpu():
    """The compute capability of the first device (90 is 9.0); none: there is no driver or no device."""
    import ctypes
    try:
        cuda, count, major, minor = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
            return None
        for number, attribute in ((major, 75), (minor, 76)):   # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            cuda.cuDeviceGetAttribute(ctypes.byref(number), attribute, 0)
        return 10 * major.value + minor.value
    except OSError:
        return None
config.available_features.add(platform.machine())
if config.qcc_build_type in ("Dev", "Debug"):            # without NDEBUG
    config.available_features.add("asserts")
capability = nvidia_gpu()
if capability:
    config.available_features |= {"nvidia-gpu", f"nvidia-gpu-{capability}"}
if lit.util.which("ptxas"):
    config.available_features.add("ptxas")
if lit.util.which("qemu-x86_64"):
    config.available_features.add("qemu-x86_64")
# %aarch64 runs a program for aarch64 with the CPU model that follows, as in `%aarch64 cortex-a72 %build/bin/aarch64/qcc-run`.
if lit.util.which("qemu-aarch64") and os.path.exists(os.path.join(config.qcc_tools_dir, "aarch64", "qcc-run")):
    config.available_features.add("qemu-aarch64")
    config.substitutions.append(("%aarch64", f"qemu-aarch64 -L {config.aarch64_root} -cpu"))
if lit.util.which("ccache"):                            # what builds qcc once more would take minutes
    config.available_features.add("ccache")
if os.path.exists(os.path.join(config.qcc_tools_dir, "qcc-fuzz-import-onnx")):
    config.available_features.add("fuzz")
